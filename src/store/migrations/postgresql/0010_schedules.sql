-- Scans at their time, and how they went. A schedule has either cadence_hours or cron.
CREATE TABLE schedules (
  id             TEXT COLLATE "C" PRIMARY KEY,
  tenant_id      TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  name           TEXT COLLATE "C" NOT NULL,
  cadence_hours  BIGINT,
  anchor_at      BIGINT NOT NULL,              -- cadence_hours counts from here
  cron           TEXT COLLATE "C",
  time_zone      TEXT COLLATE "C" NOT NULL,                 -- of cron
  jitter_minutes BIGINT NOT NULL,
  paused         BIGINT NOT NULL,
  scan           TEXT COLLATE "C" NOT NULL,                 -- the request of POST /pqc/scan as JSON
  notify         TEXT COLLATE "C" NOT NULL,                 -- JSON: emails, on
  revision       BIGINT NOT NULL,
  created_at     BIGINT NOT NULL,
  created_by     TEXT COLLATE "C" NOT NULL,                 -- key id
  updated_at     BIGINT NOT NULL,
  slot_at        BIGINT NOT NULL,              -- the time that next_run_at stands for, without jitter
  next_run_at    BIGINT,                        -- NULL while paused
  catching_up    BIGINT NOT NULL,              -- next_run_at was put off because slot_at was missed
  done_until     BIGINT NOT NULL,              -- slots up to here had their run or want none
  runs           BIGINT NOT NULL               -- so far: the number of the newest run
);
CREATE INDEX schedules_by_tenant ON schedules (tenant_id, id);
CREATE INDEX schedules_due ON schedules (next_run_at, id) WHERE next_run_at IS NOT NULL;

CREATE TABLE schedule_runs (
  schedule_id TEXT COLLATE "C" NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
  number      BIGINT NOT NULL,                 -- 1, 2, 3 …
  id          TEXT COLLATE "C" NOT NULL UNIQUE,
  tenant_id   TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  cause       TEXT COLLATE "C" NOT NULL CHECK (cause IN ('schedule', 'manual', 'catch_up')),
  due_at      BIGINT NOT NULL,
  at          BIGINT NOT NULL,                 -- when it started or was skipped
  scan_id     TEXT COLLATE "C",                             -- NULL: skipped. The scan may be gone since
  reason      TEXT COLLATE "C" NOT NULL,                    -- why it was skipped, as a word; "" if it was not
  detail      TEXT COLLATE "C" NOT NULL,                    -- the same as a sentence
  PRIMARY KEY (schedule_id, number)
);
CREATE INDEX schedule_runs_by_tenant ON schedule_runs (tenant_id);
CREATE INDEX schedule_runs_of_scan ON schedule_runs (scan_id) WHERE scan_id IS NOT NULL;

ALTER TABLE schedules ENABLE ROW LEVEL SECURITY;
ALTER TABLE schedules FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON schedules
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
GRANT SELECT, INSERT, UPDATE, DELETE ON schedules TO carnet_app;

ALTER TABLE schedule_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE schedule_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON schedule_runs
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
GRANT SELECT, INSERT, UPDATE, DELETE ON schedule_runs TO carnet_app;
