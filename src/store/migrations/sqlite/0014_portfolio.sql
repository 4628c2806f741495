-- Parents and children that agreed; what the retention of old scans asks of each.

-- What a parent offers, until a child takes it up: the code's public id, and its secret as HMAC-SHA-256 with the server's pepper.
CREATE TABLE partner_invitations (
  public_id  TEXT PRIMARY KEY,
  id         TEXT NOT NULL UNIQUE,   -- the link's, once there is one
  tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,  -- the parent
  secret_mac BLOB NOT NULL,
  hint       TEXT NOT NULL,
  label      TEXT NOT NULL,
  scope      TEXT NOT NULL CHECK (scope IN ('summary', 'scans')),
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX partner_invitations_by_tenant ON partner_invitations (tenant_id, id);

-- An agreement in force. It is made by the child alone, never changed, and gone when either ends it.
CREATE TABLE partner_links (
  id          TEXT PRIMARY KEY,
  tenant_id   TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,  -- the parent
  child_id    TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  label       TEXT NOT NULL,
  scope       TEXT NOT NULL CHECK (scope IN ('summary', 'scans')),
  invited_at  INTEGER NOT NULL,
  accepted_at INTEGER NOT NULL,
  UNIQUE (tenant_id, child_id),
  CHECK (tenant_id <> child_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX partner_links_by_parent ON partner_links (tenant_id, id);
CREATE INDEX partner_links_by_child ON partner_links (child_id, id);

-- How many assets stand behind a facet, so that a tenant's are added up without reading them.
ALTER TABLE inventory_facets ADD COLUMN assets INTEGER NOT NULL DEFAULT 0;
DELETE FROM inventory_facets;
INSERT INTO inventory_facets (tenant_id, host, port, kind, status, scan_id, assets)
SELECT e.tenant_id, e.host, e.port,
  CASE WHEN way.n IN (2, 4) THEN '' ELSE a.kind END, CASE WHEN way.n IN (1, 4) THEN '' ELSE a.status END,
  min(e.scan_id), count(*)
FROM endpoint_latest e JOIN assets a ON a.scan_id = e.scan_id AND a.host = e.host AND a.port = e.port
CROSS JOIN (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS way
GROUP BY 1, 2, 3, 4, 5;
DROP INDEX inventory_facets_by_value;
CREATE INDEX inventory_facets_by_value ON inventory_facets (tenant_id, kind, status, host, port, assets);

-- Whether an old scan is the last of a chain of passports, or proves that an item is done.
CREATE INDEX passport_chains_by_scan ON passport_chains (tenant_id, scan_id);
CREATE INDEX remediation_by_proof ON remediation (tenant_id, verified_by) WHERE verified_by <> '';
