-- What people said about items of the backlog. The item's id is the same in every scan, so it is carried on.
CREATE TABLE remediation (
  tenant_id      TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  item_id        TEXT COLLATE "C" NOT NULL,
  asset_id       TEXT COLLATE "C" NOT NULL,
  status         TEXT COLLATE "C" NOT NULL CHECK (status IN ('open', 'in_progress', 'accepted_risk', 'done')),
  owner          TEXT COLLATE "C" NOT NULL,
  notes          TEXT COLLATE "C" NOT NULL,
  target_date    TEXT COLLATE "C" NOT NULL,              -- "2027-03-31", "" for none
  reason         TEXT COLLATE "C" NOT NULL,              -- why the risk is accepted
  accepted_until TEXT COLLATE "C" NOT NULL,              -- the last day of that
  verified_by    TEXT COLLATE "C" NOT NULL,              -- the scan that proved it done, "" for none
  updated_at     BIGINT NOT NULL,
  updated_by     TEXT COLLATE "C" NOT NULL,              -- key id
  PRIMARY KEY (tenant_id, item_id)
);

-- What changed at an endpoint between one scan of it and the next. Outlives the scans.
CREATE TABLE drift_events (
  id        TEXT COLLATE "C" PRIMARY KEY,
  tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  at        BIGINT NOT NULL,
  scan_id   TEXT COLLATE "C" NOT NULL,                   -- that saw it
  against   TEXT COLLATE "C" NOT NULL,                   -- the scan before of this endpoint, "" for none
  host      TEXT COLLATE "C" NOT NULL,
  port      BIGINT NOT NULL,
  asset_id  TEXT COLLATE "C" NOT NULL,                   -- "" for the endpoint as a whole
  change    TEXT COLLATE "C" NOT NULL,                   -- endpoint_new, added, removed, moved, renewed, changed
  direction TEXT COLLATE "C" NOT NULL CHECK (direction IN ('better', 'worse', 'same')),
  hybrid    TEXT COLLATE "C" NOT NULL CHECK (hybrid IN ('', 'gained', 'lost')),
  detail    TEXT COLLATE "C" NOT NULL                    -- JSON: label, from, to
);
CREATE INDEX drift_events_by_tenant ON drift_events (tenant_id, id);
CREATE INDEX drift_events_by_host ON drift_events (tenant_id, host, id);

-- One row a day and tenant, so that a summary reads days, however many scans there were.
CREATE TABLE drift_days (
  tenant_id     TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  day           TEXT COLLATE "C" NOT NULL,               -- "2026-11-24"
  scans         BIGINT NOT NULL,
  scored        BIGINT NOT NULL,            -- scans with a score
  score_sum     DOUBLE PRECISION NOT NULL,
  score_low     DOUBLE PRECISION NOT NULL,
  score_high    DOUBLE PRECISION NOT NULL,
  score_last    DOUBLE PRECISION NOT NULL,
  endpoints_new BIGINT NOT NULL,
  added         BIGINT NOT NULL,
  removed       BIGINT NOT NULL,
  changed       BIGINT NOT NULL,
  better        BIGINT NOT NULL,
  worse         BIGINT NOT NULL,
  hybrid_gained BIGINT NOT NULL,
  hybrid_lost   BIGINT NOT NULL,
  PRIMARY KEY (tenant_id, day)
);

-- The last good scan before another: of the same targets, and of any.
CREATE INDEX scans_good_by_target ON scans (tenant_id, target, sample, id) WHERE status = 'success';
CREATE INDEX scans_good ON scans (tenant_id, sample, id) WHERE status = 'success';

ALTER TABLE remediation ENABLE ROW LEVEL SECURITY;
ALTER TABLE remediation FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON remediation
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
ALTER TABLE drift_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE drift_events FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON drift_events
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
ALTER TABLE drift_days ENABLE ROW LEVEL SECURITY;
ALTER TABLE drift_days FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON drift_days
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
GRANT SELECT, INSERT, UPDATE, DELETE ON remediation, drift_events, drift_days TO carnet_app;
