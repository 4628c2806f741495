-- What people said about items of the backlog. The item's id is the same in every scan, so it is carried on.
CREATE TABLE remediation (
  tenant_id      TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  item_id        TEXT NOT NULL,
  asset_id       TEXT NOT NULL,
  status         TEXT NOT NULL CHECK (status IN ('open', 'in_progress', 'accepted_risk', 'done')),
  owner          TEXT NOT NULL,
  notes          TEXT NOT NULL,
  target_date    TEXT NOT NULL,              -- "2027-03-31", "" for none
  reason         TEXT NOT NULL,              -- why the risk is accepted
  accepted_until TEXT NOT NULL,              -- the last day of that
  verified_by    TEXT NOT NULL,              -- the scan that proved it done, "" for none
  updated_at     INTEGER NOT NULL,
  updated_by     TEXT NOT NULL,              -- key id
  PRIMARY KEY (tenant_id, item_id)
) STRICT, WITHOUT ROWID;

-- What changed at an endpoint between one scan of it and the next. Outlives the scans.
CREATE TABLE drift_events (
  id        TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  at        INTEGER NOT NULL,
  scan_id   TEXT NOT NULL,                   -- that saw it
  against   TEXT NOT NULL,                   -- the scan before of this endpoint, "" for none
  host      TEXT NOT NULL,
  port      INTEGER NOT NULL,
  asset_id  TEXT NOT NULL,                   -- "" for the endpoint as a whole
  change    TEXT NOT NULL,                   -- endpoint_new, added, removed, moved, renewed, changed
  direction TEXT NOT NULL CHECK (direction IN ('better', 'worse', 'same')),
  hybrid    TEXT NOT NULL CHECK (hybrid IN ('', 'gained', 'lost')),
  detail    TEXT NOT NULL                    -- JSON: label, from, to
) STRICT, WITHOUT ROWID;
CREATE INDEX drift_events_by_tenant ON drift_events (tenant_id, id);
CREATE INDEX drift_events_by_host ON drift_events (tenant_id, host, id);

-- One row a day and tenant, so that a summary reads days, however many scans there were.
CREATE TABLE drift_days (
  tenant_id     TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  day           TEXT NOT NULL,               -- "2026-11-24"
  scans         INTEGER NOT NULL,
  scored        INTEGER NOT NULL,            -- scans with a score
  score_sum     REAL NOT NULL,
  score_low     REAL NOT NULL,
  score_high    REAL NOT NULL,
  score_last    REAL NOT NULL,
  endpoints_new INTEGER NOT NULL,
  added         INTEGER NOT NULL,
  removed       INTEGER NOT NULL,
  changed       INTEGER NOT NULL,
  better        INTEGER NOT NULL,
  worse         INTEGER NOT NULL,
  hybrid_gained INTEGER NOT NULL,
  hybrid_lost   INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, day)
) STRICT, WITHOUT ROWID;

-- The last good scan before another: of the same targets, and of any.
CREATE INDEX scans_good_by_target ON scans (tenant_id, target, sample, id) WHERE status = 'success';
CREATE INDEX scans_good ON scans (tenant_id, sample, id) WHERE status = 'success';
