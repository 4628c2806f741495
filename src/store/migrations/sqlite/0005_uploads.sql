-- Files that were handed in to be judged: their public facts only, never their bytes.

CREATE TABLE uploads (
  id          TEXT PRIMARY KEY,
  tenant_id   TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  created_by  TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  expires_at  INTEGER NOT NULL,
  file_count  INTEGER NOT NULL,             -- elements of `endpoints`
  targets     TEXT NOT NULL,                -- JSON: [{"target", "kind"}] of endpoint lists
  endpoints   TEXT NOT NULL                 -- JSON: observed endpoints with protocol "file"
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_by_tenant ON uploads (tenant_id, expires_at);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);

-- What a scan took over from an upload, so that the upload may end before the scan begins.
CREATE TABLE scan_files (
  scan_id   TEXT PRIMARY KEY REFERENCES scans (id) ON DELETE CASCADE,
  endpoints TEXT NOT NULL
) STRICT, WITHOUT ROWID;
