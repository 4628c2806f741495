-- Webhooks, and what is to be delivered to them or by mail.
CREATE TABLE webhooks (
  id              TEXT COLLATE "C" PRIMARY KEY,
  tenant_id       TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  url             TEXT COLLATE "C" NOT NULL,
  events          TEXT COLLATE "C" NOT NULL,  -- JSON array of names and prefixes
  format          TEXT COLLATE "C" NOT NULL CHECK (format IN ('carnet', 'slack', 'teams')),
  description     TEXT COLLATE "C" NOT NULL,
  state           TEXT COLLATE "C" NOT NULL CHECK (state IN ('active', 'paused')),
  pause_reason    TEXT COLLATE "C",           -- request, failing, gone
  secret          BYTEA NOT NULL,             -- sealed
  previous_secret BYTEA,                      -- sealed; signs too until previous_until
  previous_until  BIGINT,
  created_by      TEXT COLLATE "C" NOT NULL,
  created_at      BIGINT NOT NULL,
  updated_at      BIGINT NOT NULL,
  failures        BIGINT NOT NULL,            -- attempts that failed since the last that did not
  failing_since   BIGINT,                     -- the first of them
  last_attempt_at BIGINT,
  last_success_at BIGINT,
  last_outcome    TEXT COLLATE "C"
);
CREATE INDEX webhooks_by_tenant ON webhooks (tenant_id, id);

CREATE TABLE deliveries (
  id              TEXT COLLATE "C" PRIMARY KEY,
  tenant_id       TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  webhook_id      TEXT COLLATE "C" REFERENCES webhooks (id) ON DELETE CASCADE,  -- NULL: mail
  lane            TEXT COLLATE "C" NOT NULL,  -- what is served fairly: a webhook's id, 'mail/' and a tenant's id
  event           TEXT COLLATE "C" NOT NULL,
  scan_id         TEXT COLLATE "C",
  recipient       TEXT COLLATE "C",           -- of mail
  body            TEXT COLLATE "C" NOT NULL,  -- what is sent, at every attempt the same; of mail a JSON object
  state           TEXT COLLATE "C" NOT NULL
                  CHECK (state IN ('queued', 'sending', 'held', 'delivered', 'dead')),
  attempts        BIGINT NOT NULL,
  replays         BIGINT NOT NULL,
  created_at      BIGINT NOT NULL,
  due_at          BIGINT NOT NULL,
  expires_at      BIGINT NOT NULL,            -- no attempt after it
  lease_owner     TEXT COLLATE "C",
  lease_until     BIGINT,
  last_attempt_at BIGINT,
  last_outcome    TEXT COLLATE "C",
  finished_at     BIGINT
);
CREATE INDEX deliveries_queued ON deliveries (lane, due_at, id) WHERE state = 'queued';
CREATE INDEX deliveries_held ON deliveries (webhook_id) WHERE state = 'held';
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE state = 'sending';
CREATE INDEX deliveries_finished ON deliveries (state, finished_at) WHERE state IN ('delivered', 'dead');
CREATE INDEX deliveries_dead ON deliveries (lane, id) WHERE state = 'dead';
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, id);
CREATE INDEX deliveries_by_tenant ON deliveries (tenant_id, id);

ALTER TABLE webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhooks FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON webhooks
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON deliveries
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
GRANT SELECT, INSERT, UPDATE, DELETE ON webhooks, deliveries TO carnet_app;
