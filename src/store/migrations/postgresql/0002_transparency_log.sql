-- The transparency log. Hashes and digests are 32 raw bytes.

-- One row once the log has a name: how large the tree is and the roots of its complete subtrees.
CREATE TABLE log_head (
  id       BIGINT PRIMARY KEY CHECK (id = 1),
  origin   TEXT COLLATE "C" NOT NULL,  -- the log's name for ever
  size     BIGINT NOT NULL,
  frontier BYTEA NOT NULL
);

-- What was logged: SHA-256 of a signed envelope. No foreign key: an entry outlives its scan and tenant.
CREATE TABLE log_entries (
  position BIGINT PRIMARY KEY,  -- from 0
  digest   BYTEA NOT NULL UNIQUE,
  at       BIGINT NOT NULL
);

-- C2SP tlog-tiles: up to 256 hashes of complete subtrees, grown at the end only.
CREATE TABLE log_tiles (
  level    BIGINT NOT NULL,
  position BIGINT NOT NULL,
  hashes   BYTEA NOT NULL,
  PRIMARY KEY (level, position)
);

-- What was signed and published: one for each size at most, the first that was stored.
CREATE TABLE log_checkpoints (
  size BIGINT PRIMARY KEY,
  root BYTEA NOT NULL,
  note TEXT COLLATE "C" NOT NULL,  -- text and our signatures
  keys TEXT COLLATE "C" NOT NULL,  -- the verifier keys of those, a line each
  at   BIGINT NOT NULL
);

-- What witnesses signed: of each the newest line for a size.
CREATE TABLE log_cosignatures (
  size        BIGINT NOT NULL REFERENCES log_checkpoints (size),
  witness     TEXT COLLATE "C" NOT NULL,  -- the key's name, '+' and its id
  line        TEXT COLLATE "C" NOT NULL,  -- the signature line with its newline
  time_s      BIGINT NOT NULL,            -- POSIX time that the witness signed
  received_at BIGINT NOT NULL,
  PRIMARY KEY (size, witness)
);
CREATE INDEX log_cosignatures_by_witness ON log_cosignatures (witness, size);

-- The log only grows, whoever is connected, the owner included.
CREATE FUNCTION carnet_log_only_grows() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the log only grows'; END $$;
CREATE FUNCTION carnet_checkpoint_never_changes() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'a checkpoint never changes'; END $$;
CREATE TRIGGER log_entries_stay BEFORE UPDATE ON log_entries
FOR EACH ROW EXECUTE FUNCTION carnet_log_only_grows();
CREATE TRIGGER log_entries_remain BEFORE DELETE ON log_entries
FOR EACH ROW EXECUTE FUNCTION carnet_log_only_grows();
CREATE TRIGGER log_checkpoints_stay BEFORE UPDATE ON log_checkpoints
FOR EACH ROW EXECUTE FUNCTION carnet_checkpoint_never_changes();
CREATE TRIGGER log_checkpoints_remain BEFORE DELETE ON log_checkpoints
FOR EACH ROW EXECUTE FUNCTION carnet_checkpoint_never_changes();
CREATE TRIGGER log_head_grows BEFORE UPDATE ON log_head
FOR EACH ROW WHEN (NEW.origin <> OLD.origin OR NEW.size < OLD.size) EXECUTE FUNCTION carnet_log_only_grows();
CREATE TRIGGER log_tiles_grow BEFORE UPDATE ON log_tiles
FOR EACH ROW WHEN (substr(NEW.hashes, 1, length(OLD.hashes)) IS DISTINCT FROM OLD.hashes)
EXECUTE FUNCTION carnet_log_only_grows();
-- TRUNCATE, which SQLite does not know, passes row triggers by.
CREATE TRIGGER log_entries_whole BEFORE TRUNCATE ON log_entries
FOR EACH STATEMENT EXECUTE FUNCTION carnet_log_only_grows();
CREATE TRIGGER log_checkpoints_whole BEFORE TRUNCATE ON log_checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION carnet_checkpoint_never_changes();

-- The log is the server's and public: no tenant, so no row-level security.
GRANT SELECT, INSERT ON log_entries, log_checkpoints TO carnet_app;
GRANT SELECT, INSERT, UPDATE ON log_head, log_tiles, log_cosignatures TO carnet_app;
