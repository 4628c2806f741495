-- Times are milliseconds since 1970 in UTC. Ids are prefix + UUIDv7 in base32: text order is time order.

CREATE TABLE tenants (
  id                 TEXT PRIMARY KEY,
  name               TEXT NOT NULL,
  slug               TEXT NOT NULL UNIQUE,
  settings           TEXT NOT NULL DEFAULT '{}',
  authorized_targets TEXT NOT NULL DEFAULT '{}',
  created_at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE api_keys (
  public_id       TEXT PRIMARY KEY,           -- the part of the token that is looked up
  id              TEXT NOT NULL UNIQUE,
  tenant_id       TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  secret_mac      BLOB NOT NULL,              -- HMAC-SHA-256 with the server's pepper
  hint            TEXT NOT NULL,
  label           TEXT NOT NULL,
  role            TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  rate_per_minute INTEGER,                    -- NULL: the server's default
  created_at      INTEGER NOT NULL,
  expires_at      INTEGER,
  revoked_at      INTEGER,
  last_used_at    INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id, id);

CREATE TABLE scans (
  id               TEXT PRIMARY KEY,
  tenant_id        TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  status           TEXT NOT NULL CHECK (status IN ('queued', 'running', 'success', 'error', 'cancelled')),
  label            TEXT NOT NULL,
  target           TEXT NOT NULL,             -- short text for lists: "example.org:443 and 3 more"
  profile          TEXT NOT NULL,
  sample           INTEGER NOT NULL,
  pinned           INTEGER NOT NULL DEFAULT 0,
  request          TEXT NOT NULL,             -- the validated request as JSON
  error_detail     TEXT,
  progress_done    INTEGER NOT NULL DEFAULT 0,
  progress_total   INTEGER NOT NULL DEFAULT 0,
  readiness_score  REAL,
  readiness_band   TEXT NOT NULL DEFAULT '',
  asset_count      INTEGER NOT NULL DEFAULT 0,
  created_at       INTEGER NOT NULL,
  started_at       INTEGER,
  finished_at      INTEGER,
  cancel_requested INTEGER NOT NULL DEFAULT 0,
  lease_owner      TEXT,
  lease_expires_at INTEGER,
  attempts         INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX scans_by_tenant ON scans (tenant_id, id);
CREATE INDEX scans_queued ON scans (id) WHERE status = 'queued';
CREATE INDEX scans_leased ON scans (lease_expires_at) WHERE status = 'running';

CREATE TABLE scan_results (
  scan_id TEXT PRIMARY KEY REFERENCES scans (id) ON DELETE CASCADE,
  result  TEXT NOT NULL,                      -- the body of GET /pqc/scan/{id} without status and progress
  sha256  TEXT NOT NULL
) STRICT;

CREATE TABLE scan_events (
  scan_id     TEXT NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
  seq         INTEGER NOT NULL,
  key         TEXT NOT NULL,
  label       TEXT NOT NULL,
  at          INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  status      TEXT NOT NULL,
  PRIMARY KEY (scan_id, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE assets (
  scan_id   TEXT NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
  asset_id  TEXT NOT NULL,
  tenant_id TEXT NOT NULL,
  kind      TEXT NOT NULL,
  host      TEXT NOT NULL,
  port      INTEGER NOT NULL,
  status    TEXT NOT NULL,
  body      TEXT NOT NULL,                    -- the asset as JSON
  PRIMARY KEY (scan_id, asset_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX assets_by_endpoint ON assets (scan_id, host, port, asset_id);

-- Which scan last reached an endpoint: the inventory is the assets of these.
CREATE TABLE endpoint_latest (
  tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  host      TEXT NOT NULL,
  port      INTEGER NOT NULL,
  scan_id   TEXT NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
  PRIMARY KEY (tenant_id, host, port)
) STRICT, WITHOUT ROWID;
CREATE INDEX endpoint_latest_by_scan ON endpoint_latest (scan_id);

CREATE TABLE shares (
  public_id      TEXT PRIMARY KEY,            -- the part of the token that is looked up
  id             TEXT NOT NULL UNIQUE,
  tenant_id      TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  scan_id        TEXT NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
  secret_mac     BLOB NOT NULL,
  hint           TEXT NOT NULL,
  scope          TEXT NOT NULL CHECK (scope IN ('report', 'bundle', 'passport')),
  label          TEXT NOT NULL,
  recipient      TEXT NOT NULL,
  passcode_hash  TEXT,
  max_views      INTEGER,
  view_count     INTEGER NOT NULL DEFAULT 0,
  paused         INTEGER NOT NULL DEFAULT 0,
  revision       INTEGER NOT NULL DEFAULT 1,  -- grows with every change; sessions are bound to it
  created_by     TEXT NOT NULL,
  created_at     INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  revoked_at     INTEGER,
  last_viewed_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX shares_by_scan ON shares (scan_id, id);
CREATE INDEX shares_by_tenant ON shares (tenant_id, id);

CREATE TABLE share_views (
  id         TEXT PRIMARY KEY,
  share_id   TEXT NOT NULL REFERENCES shares (id) ON DELETE CASCADE,
  at         INTEGER NOT NULL,
  outcome    TEXT NOT NULL,
  format     TEXT NOT NULL,
  visitor    TEXT NOT NULL,                   -- keyed hash of the address, never the address
  user_agent TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX share_views_by_share ON share_views (share_id, id);

CREATE TABLE idempotency (
  tenant_id   TEXT NOT NULL,
  operation   TEXT NOT NULL,
  key_hash    TEXT NOT NULL,
  fingerprint TEXT NOT NULL,                  -- SHA-256 of the body
  state       TEXT NOT NULL CHECK (state IN ('running', 'done')),
  owner       TEXT NOT NULL,                  -- the server process that runs it
  status      INTEGER,
  response    BLOB,                           -- sealed: an answer may hold a token
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, operation, key_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (created_at);

CREATE TABLE audit (
  id         TEXT PRIMARY KEY,
  tenant_id  TEXT NOT NULL,                   -- '' for the platform; no foreign key: the trail outlives its subject
  at         INTEGER NOT NULL,
  actor      TEXT NOT NULL,                   -- key id, "platform", or "system"
  action     TEXT NOT NULL,                   -- operation id of the route: "share.create"
  subject    TEXT NOT NULL,                   -- id of what was touched
  request_id TEXT NOT NULL,
  detail     TEXT NOT NULL                    -- JSON without secrets
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_by_tenant ON audit (tenant_id, id);
