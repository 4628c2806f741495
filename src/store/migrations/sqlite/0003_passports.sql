-- The signed passport of a scan, and every file that it names, byte for byte as it was signed.

CREATE TABLE passports (
  scan_id    TEXT PRIMARY KEY REFERENCES scans (id) ON DELETE CASCADE,
  tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  target_set TEXT NOT NULL,                   -- SHA-256 of the sorted targets: which passports follow each other
  sha256     TEXT NOT NULL UNIQUE,            -- of the envelope's canonical bytes
  envelope   TEXT NOT NULL,                   -- those bytes
  log_index  INTEGER NOT NULL,
  issued_at  INTEGER NOT NULL,
  not_after  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The last passport of a set of targets. It outlives its scan: the next one names it all the same.
CREATE TABLE passport_chains (
  tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  target_set TEXT NOT NULL,
  sha256     TEXT NOT NULL,
  scan_id    TEXT NOT NULL,
  PRIMARY KEY (tenant_id, target_set)
) STRICT, WITHOUT ROWID;

CREATE TABLE passport_files (
  scan_id    TEXT NOT NULL REFERENCES passports (scan_id) ON DELETE CASCADE,
  name       TEXT NOT NULL,
  media_type TEXT NOT NULL,
  sha256     TEXT NOT NULL,
  size       INTEGER NOT NULL,                -- unpacked
  packed     INTEGER NOT NULL,                -- 1: zlib (RFC 1950)
  bytes      BLOB NOT NULL,
  PRIMARY KEY (scan_id, name)
) STRICT;
