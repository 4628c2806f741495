-- Files that were handed in to be judged: their public facts only, never their bytes.

CREATE TABLE uploads (
  id          TEXT COLLATE "C" PRIMARY KEY,
  tenant_id   TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  created_by  TEXT COLLATE "C" NOT NULL,
  created_at  BIGINT NOT NULL,
  expires_at  BIGINT NOT NULL,
  file_count  BIGINT NOT NULL,            -- elements of `endpoints`
  targets     TEXT COLLATE "C" NOT NULL,  -- JSON: [{"target", "kind"}] of endpoint lists
  endpoints   TEXT COLLATE "C" NOT NULL   -- JSON: observed endpoints with protocol "file"
);
CREATE INDEX uploads_by_tenant ON uploads (tenant_id, expires_at);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);

-- What a scan took over from an upload, so that the upload may end before the scan begins.
CREATE TABLE scan_files (
  scan_id   TEXT COLLATE "C" PRIMARY KEY REFERENCES scans (id) ON DELETE CASCADE,
  endpoints TEXT COLLATE "C" NOT NULL
);

ALTER TABLE uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE uploads FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON uploads
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
ALTER TABLE scan_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE scan_files FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON scan_files
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) = '*'
         OR EXISTS (SELECT 1 FROM scans parent WHERE parent.id = scan_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON uploads, scan_files TO carnet_app;
