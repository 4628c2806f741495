#include "store/query.h"
#include "store/repositories.h"

namespace carnet::store::tlog {
namespace {

LogHeadRow read_head(const Row& row) {
  return {.origin = get_text(row, 0), .size = row.integer(1), .frontier = std::string(row.blob(2))};
}

LogEntryRow read_entry(const Row& row) {
  return {.position = row.integer(0), .digest = std::string(row.blob(1)), .at = get_time(row, 2)};
}

LogCheckpointRow read_checkpoint(const Row& row) {
  return {.size = row.integer(0),
          .root = std::string(row.blob(1)),
          .note = get_text(row, 2),
          .keys = get_text(row, 3),
          .at = get_time(row, 4)};
}

LogCosignatureRow read_cosignature(const Row& row) {
  return {.size = row.integer(0),
          .witness = get_text(row, 1),
          .line = get_text(row, 2),
          .time_s = row.integer(3),
          .received_at = get_time(row, 4)};
}

}  // namespace

Result<std::optional<LogHeadRow>> head(Connection& db) {
  return query_one(db, "SELECT origin, size, frontier FROM log_head WHERE id = 1", {}, read_head);
}

Result<LogHeadRow> begin(Connection& db, std::string_view origin) {
  CARNET_TRY(known, head(db));
  if (known) return *std::move(known);
  CARNET_TRY_VOID(execute(db,
                          "INSERT INTO log_head (id, origin, size, frontier) VALUES (1, $1, 0, $2) "
                          "ON CONFLICT (id) DO NOTHING",
                          {origin, BlobView{""}}));
  CARNET_TRY(made, head(db));
  if (!made) return make_internal("log: the head is missing after it was made");
  return *std::move(made);
}

Result<bool> advance(Connection& db, std::int64_t expected, const LogHeadRow& head) {
  return execute_any(db, "UPDATE log_head SET size = $2, frontier = $3 WHERE id = 1 AND size = $1",
                     {expected, head.size, BlobView{head.frontier}});
}

Result<std::optional<LogEntryRow>> find_entry(Connection& db, std::string_view digest) {
  return query_one(db, "SELECT position, digest, at FROM log_entries WHERE digest = $1",
                   {BlobView{digest}}, read_entry);
}

Result<void> insert_entry(Connection& db, const LogEntryRow& row) {
  return execute(db, "INSERT INTO log_entries (position, digest, at) VALUES ($1, $2, $3)",
                 {row.position, BlobView{row.digest}, time(row.at)});
}

Result<std::vector<std::string>> digests(Connection& db, std::int64_t first, int count) {
  return query_all(
      db, "SELECT digest FROM log_entries WHERE position >= $1 ORDER BY position LIMIT $2",
      {first, page_limit(count)}, [](const Row& row) { return std::string(row.blob(0)); });
}

Result<std::optional<std::string>> find_tile(Connection& db, const TileKey& tile) {
  return query_one(db, "SELECT hashes FROM log_tiles WHERE level = $1 AND position = $2",
                   {integer(tile.level), tile.position},
                   [](const Row& row) { return std::string(row.blob(0)); });
}

Result<void> put_tile(Connection& db, const TileKey& tile, std::string_view hashes) {
  return execute(db,
                 "INSERT INTO log_tiles (level, position, hashes) VALUES ($1, $2, $3) "
                 "ON CONFLICT (level, position) DO UPDATE SET hashes = excluded.hashes",
                 {integer(tile.level), tile.position, BlobView{hashes}});
}

Result<std::optional<LogCheckpointRow>> find_checkpoint(Connection& db, std::int64_t size) {
  return query_one(db, "SELECT size, root, note, keys, at FROM log_checkpoints WHERE size = $1",
                   {size}, read_checkpoint);
}

Result<LogCheckpointRow> keep_checkpoint(Connection& db, const LogCheckpointRow& row) {
  CARNET_TRY_VOID(execute(db,
                          "INSERT INTO log_checkpoints (size, root, note, keys, at) "
                          "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (size) DO NOTHING",
                          {row.size, BlobView{row.root}, row.note, row.keys, time(row.at)}));
  CARNET_TRY(kept, find_checkpoint(db, row.size));
  if (!kept) return make_internal("log: a checkpoint is missing after it was kept");
  return *std::move(kept);
}

Result<bool> put_cosignature(Connection& db, const LogCosignatureRow& row) {
  return execute_any(
      db,
      "INSERT INTO log_cosignatures (size, witness, line, time_s, received_at) "
      "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (size, witness) DO UPDATE SET "
      "line = excluded.line, time_s = excluded.time_s, received_at = excluded.received_at "
      "WHERE excluded.time_s > log_cosignatures.time_s",
      {row.size, row.witness, row.line, row.time_s, time(row.received_at)});
}

Result<std::vector<LogCosignatureRow>> cosignatures(Connection& db, std::int64_t size) {
  return query_all(db,
                   "SELECT size, witness, line, time_s, received_at FROM log_cosignatures "
                   "WHERE size = $1 ORDER BY witness",
                   {size}, read_cosignature);
}

Result<std::optional<LogCosignatureRow>> last_cosignature(Connection& db,
                                                          std::string_view witness) {
  return query_one(db,
                   "SELECT size, witness, line, time_s, received_at FROM log_cosignatures "
                   "WHERE witness = $1 ORDER BY size DESC LIMIT 1",
                   {witness}, read_cosignature);
}

}  // namespace carnet::store::tlog
