-- Scans at their time, and how they went. A schedule has either cadence_hours or cron.
CREATE TABLE schedules (
  id             TEXT PRIMARY KEY,
  tenant_id      TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  name           TEXT NOT NULL,
  cadence_hours  INTEGER,
  anchor_at      INTEGER NOT NULL,              -- cadence_hours counts from here
  cron           TEXT,
  time_zone      TEXT NOT NULL,                 -- of cron
  jitter_minutes INTEGER NOT NULL,
  paused         INTEGER NOT NULL,
  scan           TEXT NOT NULL,                 -- the request of POST /pqc/scan as JSON
  notify         TEXT NOT NULL,                 -- JSON: emails, on
  revision       INTEGER NOT NULL,
  created_at     INTEGER NOT NULL,
  created_by     TEXT NOT NULL,                 -- key id
  updated_at     INTEGER NOT NULL,
  slot_at        INTEGER NOT NULL,              -- the time that next_run_at stands for, without jitter
  next_run_at    INTEGER,                       -- NULL while paused
  catching_up    INTEGER NOT NULL,              -- next_run_at was put off because slot_at was missed
  done_until     INTEGER NOT NULL,              -- slots up to here had their run or want none
  runs           INTEGER NOT NULL               -- so far: the number of the newest run
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_by_tenant ON schedules (tenant_id, id);
CREATE INDEX schedules_due ON schedules (next_run_at, id) WHERE next_run_at IS NOT NULL;

CREATE TABLE schedule_runs (
  schedule_id TEXT NOT NULL REFERENCES schedules (id) ON DELETE CASCADE,
  number      INTEGER NOT NULL,                 -- 1, 2, 3 …
  id          TEXT NOT NULL UNIQUE,
  tenant_id   TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  cause       TEXT NOT NULL CHECK (cause IN ('schedule', 'manual', 'catch_up')),
  due_at      INTEGER NOT NULL,
  at          INTEGER NOT NULL,                 -- when it started or was skipped
  scan_id     TEXT,                             -- NULL: skipped. The scan may be gone since
  reason      TEXT NOT NULL,                    -- why it was skipped, as a word; "" if it was not
  detail      TEXT NOT NULL,                    -- the same as a sentence
  PRIMARY KEY (schedule_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX schedule_runs_by_tenant ON schedule_runs (tenant_id);
CREATE INDEX schedule_runs_of_scan ON schedule_runs (scan_id) WHERE scan_id IS NOT NULL;
