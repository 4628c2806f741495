-- What needs a person: one row from when it was raised until some time after it was resolved. While it is not resolved there is one of its
-- kind and subject.
CREATE TABLE alerts (
  id              TEXT PRIMARY KEY,
  tenant_id       TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  kind            TEXT NOT NULL,
  subject         TEXT NOT NULL,         -- what it is about: "host:port", an asset, a certificate's digest …
  severity        TEXT NOT NULL CHECK (severity IN ('critical', 'high', 'medium', 'low')),
  status          TEXT NOT NULL CHECK (status IN ('open', 'acknowledged', 'resolved')),
  message         TEXT NOT NULL,
  host            TEXT NOT NULL,         -- '' if it is not about one endpoint
  port            INTEGER NOT NULL,
  detail          TEXT NOT NULL,         -- JSON
  scan_id         TEXT NOT NULL,         -- that raised it; '' for time alone; no foreign key: it outlives the scan
  last_scan_id    TEXT NOT NULL,         -- that saw it last
  resolved_scan   TEXT NOT NULL,         -- that proved it gone
  resolved_reason TEXT NOT NULL,
  count           INTEGER NOT NULL,      -- how often it was seen
  first_seen_at   INTEGER NOT NULL,
  last_seen_at    INTEGER NOT NULL,
  resolved_at     INTEGER,
  acknowledged_at INTEGER,
  acknowledged_by TEXT NOT NULL,         -- key id
  note            TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX alerts_standing ON alerts (tenant_id, kind, subject) WHERE status <> 'resolved';
CREATE INDEX alerts_by_tenant ON alerts (tenant_id, id);
CREATE INDEX alerts_by_status ON alerts (tenant_id, status, id);

-- What is known of an endpoint of the inventory since the scan that reached it last, for what is compared with it and for what comes by
-- time alone. Written only when it changes; gone with its row in endpoint_latest.
CREATE TABLE watched_endpoints (
  tenant_id      TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  host           TEXT NOT NULL,
  port           INTEGER NOT NULL,
  misses         INTEGER NOT NULL,       -- scans in a row that did not reach it
  missed_scan    TEXT NOT NULL,          -- the last of them
  hybrid         INTEGER NOT NULL,       -- it negotiated a hybrid or post-quantum key exchange
  cert_sha256    TEXT NOT NULL,          -- of its leaf certificates the one that ends first; '' for none
  cert_subject   TEXT NOT NULL,
  cert_not_after INTEGER,
  deadlines      TEXT NOT NULL,          -- "id=assets,…" of data/deadlines.json
  PRIMARY KEY (tenant_id, host, port),
  FOREIGN KEY (tenant_id, host, port) REFERENCES endpoint_latest (tenant_id, host, port) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX watched_endpoints_by_end ON watched_endpoints (tenant_id, cert_not_after) WHERE cert_not_after IS NOT NULL;

-- The last scan of a set of targets that ended in success, and its score.
CREATE TABLE watched_targets (
  tenant_id  TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  target_set TEXT NOT NULL,
  scan_id    TEXT NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
  score      REAL,
  PRIMARY KEY (tenant_id, target_set)
) STRICT, WITHOUT ROWID;
CREATE INDEX watched_targets_by_scan ON watched_targets (scan_id);

-- Tries at a dead link that an alert already told of.
ALTER TABLE shares ADD COLUMN dead_tries_told INTEGER NOT NULL DEFAULT 0;
CREATE INDEX shares_tried ON shares (tenant_id, last_dead_try_at) WHERE last_dead_try_at IS NOT NULL;
