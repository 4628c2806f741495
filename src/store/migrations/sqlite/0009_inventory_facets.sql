-- What kinds and statuses the current assets of an endpoint have: each kind, each status, each pair of them, and any; '' is any. The
-- endpoints on a page of the inventory are found by it without reading all the rest.
CREATE TABLE inventory_facets (
  tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  host      TEXT NOT NULL,
  port      INTEGER NOT NULL,
  kind      TEXT NOT NULL,
  status    TEXT NOT NULL,
  scan_id   TEXT NOT NULL,  -- the endpoint's latest
  PRIMARY KEY (tenant_id, host, port, kind, status)
) STRICT, WITHOUT ROWID;
CREATE INDEX inventory_facets_by_value ON inventory_facets (tenant_id, kind, status, host, port);

INSERT INTO inventory_facets (tenant_id, host, port, kind, status, scan_id)
SELECT DISTINCT e.tenant_id, e.host, e.port,
  CASE WHEN way.n IN (2, 4) THEN '' ELSE a.kind END, CASE WHEN way.n IN (1, 4) THEN '' ELSE a.status END, e.scan_id
FROM endpoint_latest e JOIN assets a ON a.scan_id = e.scan_id AND a.host = e.host AND a.port = e.port
CROSS JOIN (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS way;
