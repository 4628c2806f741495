-- The signed passport of a scan, and every file that it names, byte for byte as it was signed.

CREATE TABLE passports (
  scan_id    TEXT COLLATE "C" PRIMARY KEY REFERENCES scans (id) ON DELETE CASCADE,
  tenant_id  TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  target_set TEXT COLLATE "C" NOT NULL,         -- SHA-256 of the sorted targets: which passports follow each other
  sha256     TEXT COLLATE "C" NOT NULL UNIQUE,  -- of the envelope's canonical bytes
  envelope   TEXT COLLATE "C" NOT NULL,         -- those bytes
  log_index  BIGINT NOT NULL,
  issued_at  BIGINT NOT NULL,
  not_after  BIGINT NOT NULL
);

-- The last passport of a set of targets. It outlives its scan: the next one names it all the same.
CREATE TABLE passport_chains (
  tenant_id  TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  target_set TEXT COLLATE "C" NOT NULL,
  sha256     TEXT COLLATE "C" NOT NULL,
  scan_id    TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant_id, target_set)
);

CREATE TABLE passport_files (
  scan_id    TEXT COLLATE "C" NOT NULL REFERENCES passports (scan_id) ON DELETE CASCADE,
  name       TEXT COLLATE "C" NOT NULL,
  media_type TEXT COLLATE "C" NOT NULL,
  sha256     TEXT COLLATE "C" NOT NULL,
  size       BIGINT NOT NULL,  -- unpacked
  packed     BIGINT NOT NULL,  -- 1: zlib (RFC 1950)
  bytes      BYTEA NOT NULL,
  PRIMARY KEY (scan_id, name)
);

ALTER TABLE passports ENABLE ROW LEVEL SECURITY;
ALTER TABLE passports FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON passports
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
ALTER TABLE passport_chains ENABLE ROW LEVEL SECURITY;
ALTER TABLE passport_chains FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON passport_chains
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
ALTER TABLE passport_files ENABLE ROW LEVEL SECURITY;
ALTER TABLE passport_files FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON passport_files
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) = '*'
         OR EXISTS (SELECT 1 FROM passports parent WHERE parent.scan_id = passport_files.scan_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON passports, passport_chains, passport_files TO carnet_app;
