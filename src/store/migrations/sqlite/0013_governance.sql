-- The chained audit trail; tenants that are to be closed.

-- Who, beyond the actor; what there was before and after (JSON without secrets, '' for nothing).
ALTER TABLE audit ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN role TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN before_json TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN after_json TEXT NOT NULL DEFAULT '';
-- The place in the tenant's chain, from 1, once the row is sealed: hash covers the row, seq and prev_hash.
ALTER TABLE audit ADD COLUMN seq INTEGER;
ALTER TABLE audit ADD COLUMN prev_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN hash TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX audit_by_seq ON audit (tenant_id, seq) WHERE seq IS NOT NULL;
CREATE INDEX audit_unsealed ON audit (tenant_id, id) WHERE seq IS NULL;

-- The end of each chain, signed. No foreign key: it outlives its tenant, as '' (the platform) has none.
CREATE TABLE audit_heads (
  tenant_id TEXT PRIMARY KEY,
  seq       INTEGER NOT NULL,
  hash      TEXT NOT NULL,
  at        INTEGER NOT NULL,
  signature TEXT NOT NULL                     -- JSON: what was signed and by which keys; '' without keys
) STRICT, WITHOUT ROWID;

-- closing: until its end it can be read but not changed. erasing: its data is being deleted and not shown.
ALTER TABLE tenants ADD COLUMN state TEXT NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'closing', 'erasing'));

-- What is to be removed of a tenant, and how far that is.
CREATE TABLE tenant_removals (
  tenant_id     TEXT PRIMARY KEY REFERENCES tenants (id) ON DELETE CASCADE,
  kind          TEXT NOT NULL CHECK (kind IN ('erase', 'offboard')),
  requested_at  INTEGER NOT NULL,
  requested_by  TEXT NOT NULL,                -- key id
  request_id    TEXT NOT NULL,
  due_at        INTEGER NOT NULL,
  deleted_scans INTEGER NOT NULL DEFAULT 0,
  deleted_rows  INTEGER NOT NULL DEFAULT 0,   -- of all other kinds, counted where they are deleted one by one
  deleted_audit INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX tenant_removals_by_due ON tenant_removals (due_at);
