#include "store/pg_migrate.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include <fmt/format.h>
#include <libpq-fe.h>

#include "store/database.h"
#include "store/errors.h"
#include "store/pg_connection.h"
#include "store/pg_error.h"
#include "store/postgresql/embedded.h"

namespace carnet::store {
namespace {

struct Migration {
  int version;
  std::string_view (*sql)();
};
// In rising order; a migration that was released is never changed. The same steps as SQLite's.
constexpr Migration kMigrations[] = {
    {.version = 1, .sql = postgresql::embedded::file_0001_start_sql},
    {.version = 2, .sql = postgresql::embedded::file_0002_transparency_log_sql},
    {.version = 3, .sql = postgresql::embedded::file_0003_passports_sql},
    {.version = 4, .sql = postgresql::embedded::file_0004_sharing_sql},
    {.version = 5, .sql = postgresql::embedded::file_0005_uploads_sql},
    {.version = 6, .sql = postgresql::embedded::file_0006_remediation_and_drift_sql},
    {.version = 7, .sql = postgresql::embedded::file_0007_passcode_tries_sql},
    {.version = 8, .sql = postgresql::embedded::file_0008_scan_count_sql},
    {.version = 9, .sql = postgresql::embedded::file_0009_inventory_facets_sql},
    {.version = 10, .sql = postgresql::embedded::file_0010_schedules_sql},
    {.version = 11, .sql = postgresql::embedded::file_0011_alerts_sql},
    {.version = 12, .sql = postgresql::embedded::file_0012_outbox_sql},
    {.version = 13, .sql = postgresql::embedded::file_0013_governance_sql},
    {.version = 14, .sql = postgresql::embedded::file_0014_portfolio_sql},
};
constexpr int kLatest = std::rbegin(kMigrations)->version;

constexpr int kRoleTries = 5;

// Makes the role that serves, if this user may and it is not there; another database of the same
// server may be doing the same.
constexpr const char* kMakeRole = R"(
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'carnet_app') THEN
    CREATE ROLE carnet_app NOLOGIN NOINHERIT;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$)";
constexpr const char* kGrantRole = "GRANT carnet_app TO CURRENT_USER";
constexpr const char* kTryRole = "SET ROLE carnet_app; RESET ROLE";
constexpr const char* kMakeVersion = R"(
CREATE TABLE carnet_schema (version INTEGER NOT NULL);
INSERT INTO carnet_schema VALUES (0);
GRANT SELECT ON carnet_schema TO carnet_app;
DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO carnet_app', current_schema()); END $$)";

// A session for statements one after the other, without a pipeline.
class Session {
 public:
  [[nodiscard]] static Result<Session> open(const std::string& url) {
    CARNET_TRY(connection, pg_connect(url));
    return Session(std::move(connection));
  }
  // Runs one or more statements; gives the first column of the last one's first row, "" if none.
  [[nodiscard]] Result<std::string> run(const std::string& sql) {
    const PgResultPtr result(PQexec(connection_.get(), sql.c_str()));
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_COMMAND_OK) return std::string();
    if (status != PGRES_TUPLES_OK) return tl::unexpected(pg_error(result.get(), "a migration"));
    if (PQntuples(result.get()) == 0 || PQnfields(result.get()) == 0) return std::string();
    return std::string(PQgetvalue(result.get(), 0, 0));
  }
  [[nodiscard]] Result<int> number(const std::string& sql) {
    CARNET_TRY(text, run(sql));
    int out = 0;
    std::from_chars(text.data(), text.data() + text.size(), out);
    return out;
  }

 private:
  explicit Session(PgHandle connection) : connection_(std::move(connection)) {}
  PgHandle connection_;
};

Result<int> read_version(Session& session) {
  // Asked before carnet_schema is looked for: an instance that migrates between the two questions
  // makes both at once. Tables of an extension are nobody's data.
  CARNET_TRY(tables, session.number("SELECT count(*) FROM pg_class c WHERE relkind IN ('r', 'p') "
                                    "AND relnamespace = current_schema()::regnamespace "
                                    "AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = "
                                    "c.oid AND d.deptype = 'e')"));
  CARNET_TRY(ours, session.number("SELECT count(*) FROM pg_class WHERE relname = 'carnet_schema' "
                                  "AND oid = to_regclass('carnet_schema')"));
  if (ours == 0) {
    if (tables > 0)
      return make_error(ErrorCode::kUnavailable,
                        "It has tables of another program, so Carnet leaves it alone. Give Carnet "
                        "a database of its own.");
    return 0;
  }
  CARNET_TRY(version, session.number("SELECT version FROM carnet_schema"));
  if (version > kLatest)
    return make_error(
        ErrorCode::kUnavailable,
        fmt::format(
            "Its schema is {}, and this program knows schemas up to {} only. Start the version of "
            "Carnet that used it last, or a newer one.",
            version, kLatest));
  return version;
}

Result<void> make_role(Session& session) {
  auto made = session.run(kMakeRole);
  for (int attempt = 1;; ++attempt) {
    const auto usable = session.run(kTryRole);
    if (usable) return {};
    if (attempt == kRoleTries) {
      const Error& why = made ? usable.error() : made.error();
      return make_error(
          ErrorCode::kUnavailable,
          "The role carnet_app cannot be made or used. Have an administrator run: CREATE ROLE "
          "carnet_app NOLOGIN; GRANT carnet_app TO the user of the URL.",
          why.internal);
    }
    made = session.run(kGrantRole);
  }
}

Result<void> migrate_step(Session& session, const Migration& migration) {
  const std::string version =
      fmt::format("UPDATE carnet_schema SET version = {}", migration.version);
  auto done = session.run("BEGIN");
  if (done && migration.version == 1) done = session.run(kMakeVersion);
  if (done) done = session.run(std::string(migration.sql()));
  if (done) done = session.run(version);
  if (done) done = session.run("COMMIT");
  if (done) return {};
  static_cast<void>(session.run("ROLLBACK"));
  return tl::unexpected(std::move(done).error());
}

Result<MigrationStatus> migrate(const std::string& url, int target) {
  CARNET_TRY(session, Session::open(url));
  // Asked first without changing anything.
  CARNET_TRY(before, read_version(session));
  if (before < target) {
    CARNET_TRY_VOID(session.run("SET statement_timeout = 0; SET lock_timeout = '60s'"));
    // Held until the session ends, so that instances that start at once migrate once.
    CARNET_TRY_VOID(
        session.run(fmt::format("SELECT pg_advisory_lock({})", pg_lock_number("carnet/migrate"))));
    CARNET_TRY_VOID(make_role(session));
    CARNET_TRY(now, read_version(session));
    for (const Migration& migration : kMigrations)
      if (migration.version > now && migration.version <= target)
        CARNET_TRY_VOID(migrate_step(session, migration));
  }
  return MigrationStatus{.current = std::max(before, target), .latest = kLatest};
}

// Whoever starts the program wants to know why, and the server's words hold no secret.
template <class T>
Result<T> for_terminal(Result<T> result, const std::string& url) {
  if (!result) {
    Error& error = result.error();
    const std::string& why = error.internal.empty() ? error.public_detail : error.internal;
    error.public_detail =
        fmt::format("The database {} cannot be used: {}{}", postgres_url_without_secrets(url), why,
                    why.ends_with('.') ? "" : ".");
  }
  return result;
}

Result<MigrationStatus> status(const std::string& url) {
  CARNET_TRY(session, Session::open(url));
  CARNET_TRY(version, read_version(session));
  return MigrationStatus{.current = version, .latest = kLatest};
}

Result<int> check_role(const std::string& url) {
  CARNET_TRY(session, Session::open(url));
  CARNET_TRY_VOID(session.run("SET ROLE carnet_app"));
  CARNET_TRY(unbound, session.number("SELECT count(*) FROM pg_roles WHERE rolname = current_user "
                                     "AND (rolsuper OR rolbypassrls)"));
  CARNET_TRY(owned, session.number("SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p') AND "
                                   "relnamespace = current_schema()::regnamespace "
                                   "AND pg_has_role('carnet_app', relowner, 'MEMBER')"));
  if (unbound > 0 || owned > 0)
    return make_error(
        ErrorCode::kUnavailable,
        "The role carnet_app may pass row-level security by: it must be no superuser, "
        "have no BYPASSRLS and own no table.");
  return session.number("SHOW server_version_num");
}

}  // namespace

std::string pg_session_setup(int statement_timeout_ms) {
  // A closure may make a report between two statements, so an open transaction may rest for longer
  // than a statement may run.
  return fmt::format(
      "SET ROLE carnet_app; SET statement_timeout = {}; SET lock_timeout = {}; "
      "SET idle_in_transaction_session_timeout = {}; SET synchronous_commit = on; "
      "SET default_transaction_isolation = 'read committed'",
      statement_timeout_ms, statement_timeout_ms / 2, 4 * statement_timeout_ms);
}

Result<int> check_serving_role(const std::string& url) {
  return for_terminal(check_role(url), url);
}

Result<MigrationStatus> postgres_migration_status(const std::string& url) {
  return for_terminal(status(url), url);
}

Result<MigrationStatus> migrate_postgres(const std::string& url) {
  return for_terminal(migrate(url, kLatest), url);
}

Result<MigrationStatus> migrate_postgres_to(const std::string& url, int version) {
  if (version < 1 || version > kLatest)
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("The schema is {}, and this program knows schemas up to {} only.",
                                  version, kLatest));
  return for_terminal(migrate(url, version), url);
}

}  // namespace carnet::store
