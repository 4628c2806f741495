-- The transparency log. Hashes and digests are 32 raw bytes.

-- One row once the log has a name: how large the tree is and the roots of its complete subtrees.
CREATE TABLE log_head (
  id       INTEGER PRIMARY KEY CHECK (id = 1),
  origin   TEXT NOT NULL,                     -- the log's name for ever
  size     INTEGER NOT NULL,
  frontier BLOB NOT NULL
) STRICT;

-- What was logged: SHA-256 of a signed envelope. No foreign key: an entry outlives its scan and tenant.
CREATE TABLE log_entries (
  position INTEGER PRIMARY KEY,               -- from 0
  digest   BLOB NOT NULL UNIQUE,
  at       INTEGER NOT NULL
) STRICT;

-- C2SP tlog-tiles: up to 256 hashes of complete subtrees, grown at the end only.
CREATE TABLE log_tiles (
  level    INTEGER NOT NULL,
  position INTEGER NOT NULL,
  hashes   BLOB NOT NULL,
  PRIMARY KEY (level, position)
) STRICT;

-- What was signed and published: one for each size at most, the first that was stored.
CREATE TABLE log_checkpoints (
  size INTEGER PRIMARY KEY,
  root BLOB NOT NULL,
  note TEXT NOT NULL,                         -- text and our signatures
  keys TEXT NOT NULL,                         -- the verifier keys of those, a line each
  at   INTEGER NOT NULL
) STRICT;

-- What witnesses signed: of each the newest line for a size.
CREATE TABLE log_cosignatures (
  size        INTEGER NOT NULL REFERENCES log_checkpoints (size),
  witness     TEXT NOT NULL,                  -- the key's name, '+' and its id
  line        TEXT NOT NULL,                  -- the signature line with its newline
  time_s      INTEGER NOT NULL,               -- POSIX time that the witness signed
  received_at INTEGER NOT NULL,
  PRIMARY KEY (size, witness)
) STRICT;
CREATE INDEX log_cosignatures_by_witness ON log_cosignatures (witness, size);

-- The log only grows, whoever holds the file's handle in this program.
CREATE TRIGGER log_entries_stay BEFORE UPDATE ON log_entries
BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
CREATE TRIGGER log_entries_remain BEFORE DELETE ON log_entries
BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
CREATE TRIGGER log_checkpoints_stay BEFORE UPDATE ON log_checkpoints
BEGIN SELECT RAISE(ABORT, 'a checkpoint never changes'); END;
CREATE TRIGGER log_checkpoints_remain BEFORE DELETE ON log_checkpoints
BEGIN SELECT RAISE(ABORT, 'a checkpoint never changes'); END;
CREATE TRIGGER log_head_grows BEFORE UPDATE ON log_head
WHEN NEW.origin <> OLD.origin OR NEW.size < OLD.size
BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
CREATE TRIGGER log_tiles_grow BEFORE UPDATE ON log_tiles
WHEN substr(NEW.hashes, 1, length(OLD.hashes)) IS NOT OLD.hashes
BEGIN SELECT RAISE(ABORT, 'the log only grows'); END;
