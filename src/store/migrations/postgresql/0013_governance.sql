-- The chained audit trail; tenants that are to be closed.

-- Who, beyond the actor; what there was before and after (JSON without secrets, '' for nothing).
ALTER TABLE audit ADD COLUMN key_id TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN role TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN before_json TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN after_json TEXT COLLATE "C" NOT NULL DEFAULT '';
-- The place in the tenant's chain, from 1, once the row is sealed: hash covers the row, seq and prev_hash.
ALTER TABLE audit ADD COLUMN seq BIGINT;
ALTER TABLE audit ADD COLUMN prev_hash TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN hash TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE UNIQUE INDEX audit_by_seq ON audit (tenant_id, seq) WHERE seq IS NOT NULL;
CREATE INDEX audit_unsealed ON audit (tenant_id, id) WHERE seq IS NULL;

-- The end of each chain, signed. No foreign key: it outlives its tenant, as '' (the platform) has none.
CREATE TABLE audit_heads (
  tenant_id TEXT COLLATE "C" PRIMARY KEY,
  seq       BIGINT NOT NULL,
  hash      TEXT COLLATE "C" NOT NULL,
  at        BIGINT NOT NULL,
  signature TEXT COLLATE "C" NOT NULL  -- JSON: what was signed and by which keys; '' without keys
);

-- closing: until its end it can be read but not changed. erasing: its data is being deleted and not shown.
ALTER TABLE tenants ADD COLUMN state TEXT COLLATE "C" NOT NULL DEFAULT 'active'
  CHECK (state IN ('active', 'closing', 'erasing'));

-- What is to be removed of a tenant, and how far that is.
CREATE TABLE tenant_removals (
  tenant_id     TEXT COLLATE "C" PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
  kind          TEXT COLLATE "C" NOT NULL CHECK (kind IN ('erase', 'offboard')),
  requested_at  BIGINT NOT NULL,
  requested_by  TEXT COLLATE "C" NOT NULL,  -- key id
  request_id    TEXT COLLATE "C" NOT NULL,
  due_at        BIGINT NOT NULL,
  deleted_scans BIGINT NOT NULL DEFAULT 0,
  deleted_rows  BIGINT NOT NULL DEFAULT 0,  -- of all other kinds, counted where they are deleted one by one
  deleted_audit BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX tenant_removals_by_due ON tenant_removals (due_at);

ALTER TABLE audit_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON audit_heads
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
ALTER TABLE tenant_removals ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenant_removals FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON tenant_removals
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
-- A trail is added to; sealing gives a row its place, once, and it goes with its tenant.
GRANT UPDATE (seq, prev_hash, hash), DELETE ON audit TO carnet_app;
CREATE POLICY sealed_once ON audit AS RESTRICTIVE FOR UPDATE USING (seq IS NULL) WITH CHECK (true);
CREATE POLICY kept_until_the_end ON audit AS RESTRICTIVE FOR DELETE
  USING (EXISTS (SELECT 1 FROM tenants WHERE tenants.id = tenant_id AND tenants.state = 'erasing'));
GRANT SELECT, INSERT, UPDATE, DELETE ON audit_heads, tenant_removals TO carnet_app;
