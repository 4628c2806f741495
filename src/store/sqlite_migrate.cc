#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include "store/database.h"
#include "store/dump.h"
#include "store/embedded.h"
#include "store/sqlite_connection.h"
#include "store/sqlite_migrate.h"

namespace carnet::store {
namespace {

struct Migration {
  int version;
  std::string_view (*sql)();
};
// In rising order; a migration that was released is never changed.
constexpr Migration kMigrations[] = {
    {.version = 1, .sql = embedded::file_0001_start_sql},
    {.version = 2, .sql = embedded::file_0002_transparency_log_sql},
    {.version = 3, .sql = embedded::file_0003_passports_sql},
    {.version = 4, .sql = embedded::file_0004_sharing_sql},
    {.version = 5, .sql = embedded::file_0005_uploads_sql},
    {.version = 6, .sql = embedded::file_0006_remediation_and_drift_sql},
    {.version = 7, .sql = embedded::file_0007_passcode_tries_sql},
    {.version = 8, .sql = embedded::file_0008_scan_count_sql},
    {.version = 9, .sql = embedded::file_0009_inventory_facets_sql},
    {.version = 10, .sql = embedded::file_0010_schedules_sql},
    {.version = 11, .sql = embedded::file_0011_alerts_sql},
    {.version = 12, .sql = embedded::file_0012_outbox_sql},
    {.version = 13, .sql = embedded::file_0013_governance_sql},
    {.version = 14, .sql = embedded::file_0014_portfolio_sql},
};
constexpr int kLatest = std::rbegin(kMigrations)->version;

// "Crnt", in the file's header (PRAGMA application_id): a database of another program is never
// touched.
constexpr std::int64_t kApplicationId = 0x43726e74;
constexpr int kBusyTimeout_ms = 15000;  // another instance that migrates a large table

Result<std::int64_t> read_integer(SqliteConnection& connection, std::string_view sql) {
  std::int64_t value = 0;
  const auto on_row = [&](const Row& row) { value = row.integer(0); };
  CARNET_TRY_VOID(connection.run(sql, {}, on_row));
  return value;
}

// In a transaction: between two of the readings another process may migrate.
Result<int> read_version(SqliteConnection& connection) {
  CARNET_TRY(version, read_integer(connection, "PRAGMA user_version"));
  CARNET_TRY(application, read_integer(connection, "PRAGMA application_id"));
  CARNET_TRY(objects, read_integer(connection, "SELECT count(*) FROM sqlite_schema"));
  const bool empty = version == 0 && application == 0 && objects == 0;
  if (!empty && application != kApplicationId)
    return make_error(ErrorCode::kUnavailable,
                      "It belongs to another program, so Carnet leaves it alone.");
  if (version > kLatest)
    return make_error(
        ErrorCode::kUnavailable,
        fmt::format(
            "Its schema is {}, and this program knows schemas up to {} only. Start the version of "
            "Carnet that used it last, or a newer one.",
            version, kLatest));
  return static_cast<int>(version);
}

Result<int> read_version_once(SqliteConnection& connection) {
  CARNET_TRY_VOID(connection.run("BEGIN"));
  auto version = read_version(connection);
  connection.rollback();
  return version;
}

Result<void> migrate_step(SqliteConnection& connection, const Migration& migration) {
  CARNET_TRY_VOID(connection.execute_script(std::string(migration.sql())));
  return connection.execute_script(fmt::format(
      "PRAGMA user_version = {}; PRAGMA application_id = {};", migration.version, kApplicationId));
}

// Brings the schema one version forward; false if it is at `target`. The version is read
// inside the transaction, because another process may have migrated while this one waited for the
// lock.
Result<bool> migrate_once(SqliteConnection& connection, int target) {
  CARNET_TRY_VOID(connection.run("BEGIN IMMEDIATE"));
  auto version = read_version(connection);
  if (!version || *version >= target) {
    connection.rollback();
    if (!version) return tl::unexpected(std::move(version).error());
    return false;
  }
  const auto* next =
      std::find_if(std::begin(kMigrations), std::end(kMigrations),
                   [&](const Migration& migration) { return migration.version > *version; });
  auto done = migrate_step(connection, *next);
  if (done) {
    if (auto committed = connection.run("COMMIT"); !committed)
      done = tl::unexpected(std::move(committed).error());
  }
  connection.rollback();
  if (!done) return tl::unexpected(std::move(done).error());
  return true;
}

Result<MigrationStatus> status(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0) return MigrationStatus{.current = 0, .latest = kLatest};
  const SqliteConnection::Options options{
      .path = path, .access = SqliteConnection::Access::kRead, .busy_timeout_ms = kBusyTimeout_ms};
  CARNET_TRY(connection, SqliteConnection::open(options));
  CARNET_TRY(version, read_version_once(*connection));
  return MigrationStatus{.current = version, .latest = kLatest};
}

Result<MigrationStatus> migrate(const std::string& path, int target) {
  // Asked first without creating or changing anything: a file that is not ours is not even turned
  // to WAL mode.
  CARNET_TRY_VOID(status(path));
  const SqliteConnection::Options options{.path = path,
                                          .access = SqliteConnection::Access::kMigrate,
                                          .busy_timeout_ms = kBusyTimeout_ms};
  CARNET_TRY(connection, SqliteConnection::open(options));
  CARNET_TRY(version, read_version_once(*connection));
  for (bool more = version < target; more;) {
    CARNET_TRY(moved, migrate_once(*connection, target));
    more = moved;
  }
  return MigrationStatus{.current = std::max(version, target), .latest = kLatest};
}

Result<MigrationStatus> for_terminal(Result<MigrationStatus> result, const std::string& path) {
  if (!result)
    result.error().public_detail =
        fmt::format("The database {} cannot be used: {}", path, result.error().public_detail);
  return result;
}

}  // namespace

Result<MigrationStatus> sqlite_migration_status(const std::string& path) {
  return for_terminal(status(path), path);
}

Result<MigrationStatus> migrate_sqlite(const std::string& path) {
  return for_terminal(migrate(path, kLatest), path);
}

int latest_schema() { return kLatest; }

Result<MigrationStatus> migrate_sqlite_to(const std::string& path, int version) {
  if (version < 1 || version > kLatest)
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("The schema is {}, and this program knows schemas up to {} only.",
                                  version, kLatest));
  return for_terminal(migrate(path, version), path);
}

}  // namespace carnet::store
