-- Times are milliseconds since 1970 in UTC. Ids are prefix + UUIDv7 in base32: text order is time order.

CREATE TABLE tenants (
  id                 TEXT COLLATE "C" PRIMARY KEY,
  name               TEXT COLLATE "C" NOT NULL,
  slug               TEXT COLLATE "C" NOT NULL UNIQUE,
  settings           TEXT COLLATE "C" NOT NULL DEFAULT '{}',
  authorized_targets TEXT COLLATE "C" NOT NULL DEFAULT '{}',
  created_at         BIGINT NOT NULL
);

CREATE TABLE api_keys (
  public_id       TEXT COLLATE "C" PRIMARY KEY,  -- the part of the token that is looked up
  id              TEXT COLLATE "C" NOT NULL UNIQUE,
  tenant_id       TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  secret_mac      BYTEA NOT NULL,                -- HMAC-SHA-256 with the server's pepper
  hint            TEXT COLLATE "C" NOT NULL,
  label           TEXT COLLATE "C" NOT NULL,
  role            TEXT COLLATE "C" NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  rate_per_minute BIGINT,                        -- NULL: the server's default
  created_at      BIGINT NOT NULL,
  expires_at      BIGINT,
  revoked_at      BIGINT,
  last_used_at    BIGINT
);
CREATE INDEX api_keys_by_tenant ON api_keys (tenant_id, id);

CREATE TABLE scans (
  id               TEXT COLLATE "C" PRIMARY KEY,
  tenant_id        TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  status           TEXT COLLATE "C" NOT NULL CHECK (status IN ('queued', 'running', 'success', 'error', 'cancelled')),
  label            TEXT COLLATE "C" NOT NULL,
  target           TEXT COLLATE "C" NOT NULL,  -- short text for lists: "example.org:443 and 3 more"
  profile          TEXT COLLATE "C" NOT NULL,
  sample           BIGINT NOT NULL,
  pinned           BIGINT NOT NULL DEFAULT 0,
  request          TEXT COLLATE "C" NOT NULL,  -- the validated request as JSON
  error_detail     TEXT COLLATE "C",
  progress_done    BIGINT NOT NULL DEFAULT 0,
  progress_total   BIGINT NOT NULL DEFAULT 0,
  readiness_score  DOUBLE PRECISION,
  readiness_band   TEXT COLLATE "C" NOT NULL DEFAULT '',
  asset_count      BIGINT NOT NULL DEFAULT 0,
  created_at       BIGINT NOT NULL,
  started_at       BIGINT,
  finished_at      BIGINT,
  cancel_requested BIGINT NOT NULL DEFAULT 0,
  lease_owner      TEXT COLLATE "C",
  lease_expires_at BIGINT,
  attempts         BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX scans_by_tenant ON scans (tenant_id, id);
CREATE INDEX scans_queued ON scans (id) WHERE status = 'queued';
CREATE INDEX scans_leased ON scans (lease_expires_at) WHERE status = 'running';

CREATE TABLE scan_results (
  scan_id TEXT COLLATE "C" PRIMARY KEY REFERENCES scans (id) ON DELETE CASCADE,
  result  TEXT COLLATE "C" NOT NULL,  -- the body of GET /pqc/scan/{id} without status and progress
  sha256  TEXT COLLATE "C" NOT NULL
);

CREATE TABLE scan_events (
  scan_id     TEXT COLLATE "C" NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
  seq         BIGINT NOT NULL,
  key         TEXT COLLATE "C" NOT NULL,
  label       TEXT COLLATE "C" NOT NULL,
  at          BIGINT NOT NULL,
  duration_ms BIGINT NOT NULL,
  status      TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (scan_id, seq)
);

CREATE TABLE assets (
  scan_id   TEXT COLLATE "C" NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
  asset_id  TEXT COLLATE "C" NOT NULL,
  tenant_id TEXT COLLATE "C" NOT NULL,
  kind      TEXT COLLATE "C" NOT NULL,
  host      TEXT COLLATE "C" NOT NULL,
  port      BIGINT NOT NULL,
  status    TEXT COLLATE "C" NOT NULL,
  body      TEXT COLLATE "C" NOT NULL,  -- the asset as JSON
  PRIMARY KEY (scan_id, asset_id)
);
CREATE INDEX assets_by_endpoint ON assets (scan_id, host, port, asset_id);

-- Which scan last reached an endpoint: the inventory is the assets of these.
CREATE TABLE endpoint_latest (
  tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  host      TEXT COLLATE "C" NOT NULL,
  port      BIGINT NOT NULL,
  scan_id   TEXT COLLATE "C" NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
  PRIMARY KEY (tenant_id, host, port)
);
CREATE INDEX endpoint_latest_by_scan ON endpoint_latest (scan_id);

CREATE TABLE shares (
  public_id      TEXT COLLATE "C" PRIMARY KEY,  -- the part of the token that is looked up
  id             TEXT COLLATE "C" NOT NULL UNIQUE,
  tenant_id      TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  scan_id        TEXT COLLATE "C" NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
  secret_mac     BYTEA NOT NULL,
  hint           TEXT COLLATE "C" NOT NULL,
  scope          TEXT COLLATE "C" NOT NULL CHECK (scope IN ('report', 'bundle', 'passport')),
  label          TEXT COLLATE "C" NOT NULL,
  recipient      TEXT COLLATE "C" NOT NULL,
  passcode_hash  TEXT COLLATE "C",
  max_views      BIGINT,
  view_count     BIGINT NOT NULL DEFAULT 0,
  paused         BIGINT NOT NULL DEFAULT 0,
  revision       BIGINT NOT NULL DEFAULT 1,     -- grows with every change; sessions are bound to it
  created_by     TEXT COLLATE "C" NOT NULL,
  created_at     BIGINT NOT NULL,
  expires_at     BIGINT NOT NULL,
  revoked_at     BIGINT,
  last_viewed_at BIGINT
);
CREATE INDEX shares_by_scan ON shares (scan_id, id);
CREATE INDEX shares_by_tenant ON shares (tenant_id, id);

CREATE TABLE share_views (
  id         TEXT COLLATE "C" PRIMARY KEY,
  share_id   TEXT COLLATE "C" NOT NULL REFERENCES shares (id) ON DELETE CASCADE,
  at         BIGINT NOT NULL,
  outcome    TEXT COLLATE "C" NOT NULL,
  format     TEXT COLLATE "C" NOT NULL,
  visitor    TEXT COLLATE "C" NOT NULL,  -- keyed hash of the address, never the address
  user_agent TEXT COLLATE "C" NOT NULL
);
CREATE INDEX share_views_by_share ON share_views (share_id, id);

CREATE TABLE idempotency (
  tenant_id   TEXT COLLATE "C" NOT NULL,
  operation   TEXT COLLATE "C" NOT NULL,
  key_hash    TEXT COLLATE "C" NOT NULL,
  fingerprint TEXT COLLATE "C" NOT NULL,  -- SHA-256 of the body
  state       TEXT COLLATE "C" NOT NULL CHECK (state IN ('running', 'done')),
  owner       TEXT COLLATE "C" NOT NULL,  -- the server process that runs it
  status      BIGINT,
  response    BYTEA,                      -- sealed: an answer may hold a token
  created_at  BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, operation, key_hash)
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);

CREATE TABLE audit (
  id         TEXT COLLATE "C" PRIMARY KEY,
  tenant_id  TEXT COLLATE "C" NOT NULL,  -- '' for the platform; no foreign key: the trail outlives its subject
  at         BIGINT NOT NULL,
  actor      TEXT COLLATE "C" NOT NULL,  -- key id, "platform", or "system"
  action     TEXT COLLATE "C" NOT NULL,  -- operation id of the route: "share.create"
  subject    TEXT COLLATE "C" NOT NULL,  -- id of what was touched
  request_id TEXT COLLATE "C" NOT NULL,
  detail     TEXT COLLATE "C" NOT NULL   -- JSON without secrets
);
CREATE INDEX audit_by_tenant ON audit (tenant_id, id);

-- Row-level security (../../README.md says whose scope it is). A policy without WITH CHECK checks new rows by the same condition.
-- The setting is read once a statement, in a sub-select. Unset it is NULL, and '' once a transaction that set it is over: both show
-- nothing, not even the platform's rows, whose tenant_id is ''.
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON tenants
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (id, '*'));
ALTER TABLE api_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON api_keys
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
ALTER TABLE scans ENABLE ROW LEVEL SECURITY;
ALTER TABLE scans FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON scans
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
ALTER TABLE assets ENABLE ROW LEVEL SECURITY;
ALTER TABLE assets FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON assets
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
ALTER TABLE endpoint_latest ENABLE ROW LEVEL SECURITY;
ALTER TABLE endpoint_latest FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON endpoint_latest
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
ALTER TABLE shares ENABLE ROW LEVEL SECURITY;
ALTER TABLE shares FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON shares
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
ALTER TABLE idempotency ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON idempotency
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON audit
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
-- Rows that have no tenant_id are their parent's tenant's: the parent's own policy decides whether it is seen.
ALTER TABLE scan_results ENABLE ROW LEVEL SECURITY;
ALTER TABLE scan_results FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON scan_results
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) = '*'
         OR EXISTS (SELECT 1 FROM scans parent WHERE parent.id = scan_id));
ALTER TABLE scan_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE scan_events FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON scan_events
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) = '*'
         OR EXISTS (SELECT 1 FROM scans parent WHERE parent.id = scan_id));
ALTER TABLE share_views ENABLE ROW LEVEL SECURITY;
ALTER TABLE share_views FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON share_views
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) = '*'
         OR EXISTS (SELECT 1 FROM shares parent WHERE parent.id = share_id));

-- The role that serves. It owns nothing, so no policy is its to change.
GRANT SELECT, INSERT, UPDATE, DELETE ON tenants, api_keys, scans, scan_results, scan_events, assets, endpoint_latest, shares,
  share_views, idempotency TO carnet_app;
GRANT SELECT, INSERT ON audit TO carnet_app;  -- a trail is added to
