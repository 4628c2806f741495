-- Tries at a link's passcode within the last hour: the limit on them holds across instances and a restart.
CREATE TABLE passcode_tries (
  share_id TEXT COLLATE "C" NOT NULL REFERENCES shares (id) ON DELETE CASCADE,
  at       BIGINT NOT NULL,
  visitor  TEXT COLLATE "C" NOT NULL,        -- keyed hash of the address, never the address
  count    BIGINT NOT NULL,
  PRIMARY KEY (share_id, at, visitor)
);
ALTER TABLE passcode_tries ENABLE ROW LEVEL SECURITY;
ALTER TABLE passcode_tries FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON passcode_tries
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) = '*'
         OR EXISTS (SELECT 1 FROM shares parent WHERE parent.id = share_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON passcode_tries TO carnet_app;

-- How much of its allowance a key or an address has left, see allowances.h. Of no tenant. Unlogged: lost in a crash, which fills every
-- allowance, and nothing is written twice for it. SQLite has no such table: its one instance keeps this in memory.
CREATE UNLOGGED TABLE allowances (
  name      TEXT COLLATE "C" PRIMARY KEY,
  at        BIGINT NOT NULL,  -- of the last batch, nanoseconds since 1970
  spacing   BIGINT NOT NULL,
  tolerance BIGINT NOT NULL,
  asked     BIGINT NOT NULL,
  granted   BIGINT NOT NULL,
  arrival   BIGINT NOT NULL   -- when the allowance is full again
) WITH (fillfactor = 50);
GRANT SELECT, INSERT, UPDATE, DELETE ON allowances TO carnet_app;
