-- What needs a person: one row from when it was raised until some time after it was resolved. While it is not resolved there is one of its
-- kind and subject.
CREATE TABLE alerts (
  id              TEXT COLLATE "C" PRIMARY KEY,
  tenant_id       TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  kind            TEXT COLLATE "C" NOT NULL,
  subject         TEXT COLLATE "C" NOT NULL,         -- what it is about: "host:port", an asset, a certificate's digest …
  severity        TEXT COLLATE "C" NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low')),
  status          TEXT COLLATE "C" NOT NULL CHECK (status IN ('open', 'acknowledged', 'resolved')),
  message         TEXT COLLATE "C" NOT NULL,
  host            TEXT COLLATE "C" NOT NULL,         -- '' if it is not about one endpoint
  port            BIGINT NOT NULL,
  detail          TEXT COLLATE "C" NOT NULL,         -- JSON
  scan_id         TEXT COLLATE "C" NOT NULL,         -- that raised it; '' for time alone; no foreign key: it outlives the scan
  last_scan_id    TEXT COLLATE "C" NOT NULL,         -- that saw it last
  resolved_scan   TEXT COLLATE "C" NOT NULL,         -- that proved it gone
  resolved_reason TEXT COLLATE "C" NOT NULL,
  count           BIGINT NOT NULL,      -- how often it was seen
  first_seen_at   BIGINT NOT NULL,
  last_seen_at    BIGINT NOT NULL,
  resolved_at     BIGINT,
  acknowledged_at BIGINT,
  acknowledged_by TEXT COLLATE "C" NOT NULL,         -- key id
  note            TEXT COLLATE "C" NOT NULL
);
CREATE UNIQUE INDEX alerts_standing ON alerts (tenant_id, kind, subject) WHERE status <> 'resolved';
CREATE INDEX alerts_by_tenant ON alerts (tenant_id, id);
CREATE INDEX alerts_by_status ON alerts (tenant_id, status, id);

-- What is known of an endpoint of the inventory since the scan that reached it last, for what is compared with it and for what comes by
-- time alone. Written only when it changes; gone with its row in endpoint_latest.
CREATE TABLE watched_endpoints (
  tenant_id      TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  host           TEXT COLLATE "C" NOT NULL,
  port           BIGINT NOT NULL,
  misses         BIGINT NOT NULL,       -- scans in a row that did not reach it
  missed_scan    TEXT COLLATE "C" NOT NULL,          -- the last of them
  hybrid         BIGINT NOT NULL,       -- it negotiated a hybrid or post-quantum key exchange
  cert_sha256    TEXT COLLATE "C" NOT NULL,          -- of its leaf certificates the one that ends first; '' for none
  cert_subject   TEXT COLLATE "C" NOT NULL,
  cert_not_after BIGINT,
  deadlines      TEXT COLLATE "C" NOT NULL,          -- "id=assets,…" of data/deadlines.json
  PRIMARY KEY (tenant_id, host, port),
  FOREIGN KEY (tenant_id, host, port) REFERENCES endpoint_latest (tenant_id, host, port) ON DELETE CASCADE
);
CREATE INDEX watched_endpoints_by_end ON watched_endpoints (tenant_id, cert_not_after) WHERE cert_not_after IS NOT NULL;

-- The last scan of a set of targets that ended in success, and its score.
CREATE TABLE watched_targets (
  tenant_id  TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  target_set TEXT COLLATE "C" NOT NULL,
  scan_id    TEXT COLLATE "C" NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
  score      DOUBLE PRECISION,
  PRIMARY KEY (tenant_id, target_set)
);
CREATE INDEX watched_targets_by_scan ON watched_targets (scan_id);

-- Tries at a dead link that an alert already told of.
ALTER TABLE shares ADD COLUMN dead_tries_told BIGINT NOT NULL DEFAULT 0;
CREATE INDEX shares_tried ON shares (tenant_id, last_dead_try_at) WHERE last_dead_try_at IS NOT NULL;

ALTER TABLE alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE alerts FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON alerts
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
GRANT SELECT, INSERT, UPDATE, DELETE ON alerts TO carnet_app;

ALTER TABLE watched_endpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE watched_endpoints FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON watched_endpoints
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
GRANT SELECT, INSERT, UPDATE, DELETE ON watched_endpoints TO carnet_app;

ALTER TABLE watched_targets ENABLE ROW LEVEL SECURITY;
ALTER TABLE watched_targets FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON watched_targets
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
GRANT SELECT, INSERT, UPDATE, DELETE ON watched_targets TO carnet_app;
