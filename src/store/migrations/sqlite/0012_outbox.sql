-- Webhooks, and what is to be delivered to them or by mail.
CREATE TABLE webhooks (
  id              TEXT PRIMARY KEY,
  tenant_id       TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  url             TEXT NOT NULL,
  events          TEXT NOT NULL,  -- JSON array of names and prefixes
  format          TEXT NOT NULL CHECK (format IN ('carnet', 'slack', 'teams')),
  description     TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('active', 'paused')),
  pause_reason    TEXT,           -- request, failing, gone
  secret          BLOB NOT NULL,             -- sealed
  previous_secret BLOB,                      -- sealed; signs too until previous_until
  previous_until  INTEGER,
  created_by      TEXT NOT NULL,
  created_at      INTEGER NOT NULL,
  updated_at      INTEGER NOT NULL,
  failures        INTEGER NOT NULL,            -- attempts that failed since the last that did not
  failing_since   INTEGER,                     -- the first of them
  last_attempt_at INTEGER,
  last_success_at INTEGER,
  last_outcome    TEXT
) STRICT;
CREATE INDEX webhooks_by_tenant ON webhooks (tenant_id, id);

CREATE TABLE deliveries (
  id              TEXT PRIMARY KEY,
  tenant_id       TEXT NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  webhook_id      TEXT REFERENCES webhooks (id) ON DELETE CASCADE,  -- NULL: mail
  lane            TEXT NOT NULL,  -- what is served fairly: a webhook's id, 'mail/' and a tenant's id
  event           TEXT NOT NULL,
  scan_id         TEXT,
  recipient       TEXT,           -- of mail
  body            TEXT NOT NULL,  -- what is sent, at every attempt the same; of mail a JSON object
  state           TEXT NOT NULL
                  CHECK (state IN ('queued', 'sending', 'held', 'delivered', 'dead')),
  attempts        INTEGER NOT NULL,
  replays         INTEGER NOT NULL,
  created_at      INTEGER NOT NULL,
  due_at          INTEGER NOT NULL,
  expires_at      INTEGER NOT NULL,            -- no attempt after it
  lease_owner     TEXT,
  lease_until     INTEGER,
  last_attempt_at INTEGER,
  last_outcome    TEXT,
  finished_at     INTEGER
) STRICT;
CREATE INDEX deliveries_queued ON deliveries (lane, due_at, id) WHERE state = 'queued';
CREATE INDEX deliveries_held ON deliveries (webhook_id) WHERE state = 'held';
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE state = 'sending';
CREATE INDEX deliveries_finished ON deliveries (state, finished_at) WHERE state IN ('delivered', 'dead');
CREATE INDEX deliveries_dead ON deliveries (lane, id) WHERE state = 'dead';
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, id);
CREATE INDEX deliveries_by_tenant ON deliveries (tenant_id, id);
