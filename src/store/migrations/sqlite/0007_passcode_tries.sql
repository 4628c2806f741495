-- Tries at a link's passcode within the last hour: the limit on them holds across instances and a restart.
CREATE TABLE passcode_tries (
  share_id TEXT NOT NULL REFERENCES shares (id) ON DELETE CASCADE,
  at       INTEGER NOT NULL,
  visitor  TEXT NOT NULL,                    -- keyed hash of the address, never the address
  count    INTEGER NOT NULL,
  PRIMARY KEY (share_id, at, visitor)
) STRICT, WITHOUT ROWID;
