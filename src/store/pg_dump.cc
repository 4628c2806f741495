#include <fmt/format.h>
#include <libpq-fe.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "store/database.h"
#include "store/dump.h"
#include "store/pg_error.h"
#include "store/pg_link.h"
#include "store/pg_migrate.h"

namespace carnet::store {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;

// What the dump consists of: tables that outlive a crash, but for the one that only says which
// schema it is.
constexpr const char* kColumns =
    "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
    "WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' "
    "AND c.relpersistence = 'p' AND c.relname <> 'carnet_schema' AND a.attnum > 0 "
    "AND NOT a.attisdropped AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid "
    "AND d.deptype = 'e') ORDER BY c.relname, a.attnum";
constexpr const char* kReferences =
    "SELECT DISTINCT c.relname, p.relname FROM pg_constraint f JOIN pg_class c ON c.oid = "
    "f.conrelid JOIN pg_class p ON p.oid = f.confrelid WHERE f.contype = 'f' "
    "AND c.relnamespace = current_schema()::regnamespace";
constexpr const char* kForced =
    "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
    "AND relkind = 'r' AND relforcerowsecurity";
// The text of rows must not depend on the server's settings, and the scope of row-level security is
// everything.
constexpr const char* kSettings =
    "SET LOCAL bytea_output = 'hex'; SET LOCAL extra_float_digits = 1; "
    "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; "
    "SET LOCAL client_encoding = 'UTF8'; SET LOCAL carnet.tenant = '*'";

std::string quoted_name(std::string_view name) { return fmt::format("\"{}\"", name); }

std::string list_of(const std::vector<std::string>& columns) {
  std::string out;
  for (const std::string& column : columns) out += (out.empty() ? "" : ",") + quoted_name(column);
  return out;
}

// For whoever called the command: what the server said, without the rows that it said it of.
tl::unexpected<Error> told(const PGresult* result, std::string_view where) {
  Error error = pg_error(result, where);
  const char* const primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const char* const state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const std::string_view code = state == nullptr ? "" : state;
  if (code.starts_with("22") || code.starts_with("23")) error.code = ErrorCode::kValidationFailed;
  error.public_detail =
      fmt::format("{}: {}.", where, primary == nullptr ? "the connection broke" : primary);
  return tl::unexpected(std::move(error));
}

class PgSession {
 public:
  static Result<PgSession> open(const std::string& url) {
    auto connection = pg_connect(url);
    if (connection) return PgSession(std::move(*connection));
    Error& error = connection.error();
    error.public_detail = fmt::format("The database {} cannot be used: {}.",
                                      postgres_url_without_secrets(url), error.internal);
    return tl::unexpected(std::move(error));
  }
  [[nodiscard]] PGconn* get() const { return connection_.get(); }
  Result<PgResultPtr> run(const std::string& sql, std::string_view where) {
    PgResultPtr result(PQexec(get(), sql.c_str()));
    const ExecStatusType status = PQresultStatus(result.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN ||
        status == PGRES_COPY_OUT)
      return result;
    return told(result.get(), where);
  }
  // Tables with their columns, parents first.
  Result<std::vector<DumpTable>> tables() {
    CARNET_TRY(columns, run(kColumns, "the list of tables"));
    std::map<std::string, DumpReferences> found;
    for (int row = 0; row < PQntuples(columns.get()); ++row) {
      const std::string name = PQgetvalue(columns.get(), row, 0);
      found[name].table.name = name;
      found[name].table.columns.emplace_back(PQgetvalue(columns.get(), row, 1));
    }
    CARNET_TRY(references, run(kReferences, "the list of references"));
    for (int row = 0; row < PQntuples(references.get()); ++row)
      if (const auto entry = found.find(PQgetvalue(references.get(), row, 0)); entry != found.end())
        entry->second.parents.emplace_back(PQgetvalue(references.get(), row, 1));
    std::vector<DumpReferences> list;
    list.reserve(found.size());
    for (auto& [name, entry] : found) list.push_back(std::move(entry));
    return in_order_of_reference(std::move(list));
  }

 private:
  explicit PgSession(PgHandle connection) : connection_(std::move(connection)) {}
  PgHandle connection_;
};

struct CopyFree {
  void operator()(char* bytes) const { PQfreemem(bytes); }
};

class PgDumpReader final : public DumpReader {
 public:
  explicit PgDumpReader(PgSession session) : session_(std::move(session)) {}

  Result<void> begin() {
    CARNET_TRY_VOID(session_.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "BEGIN"));
    CARNET_TRY_VOID(session_.run(kSettings, "SET"));
    CARNET_TRY(version, session_.run("SELECT version FROM carnet_schema", "the schema's version"));
    const std::string_view text =
        PQntuples(version.get()) == 1 ? PQgetvalue(version.get(), 0, 0) : "";
    std::from_chars(text.data(), text.data() + text.size(), version_);
    CARNET_TRY(tables, session_.tables());
    tables_ = std::move(tables);
    return {};
  }
  [[nodiscard]] int schema_version() const override { return version_; }
  [[nodiscard]] std::string description() const override {
    const int version = PQserverVersion(session_.get());
    return fmt::format("PostgreSQL {}.{}", version / 10000, version % 10000);
  }
  [[nodiscard]] const std::vector<DumpTable>& tables() const override { return tables_; }

  [[nodiscard]] Result<std::int64_t> rows(const DumpTable& table, const Sink& sink) override {
    CARNET_TRY_VOID(session_.run(fmt::format("COPY (SELECT {} FROM {}) TO STDOUT",
                                             list_of(table.columns), quoted_name(table.name)),
                                 table.name));
    std::string piece;
    std::int64_t count = 0;
    while (true) {
      char* bytes = nullptr;
      const int size = PQgetCopyData(session_.get(), &bytes, 0);
      const std::unique_ptr<char, CopyFree> owner(bytes);
      if (size < 0) break;
      piece.append(bytes, static_cast<std::size_t>(size));
      ++count;  // one call gives one row
      if (piece.size() < kPieceBytes) continue;
      CARNET_TRY_VOID(sink(piece));
      piece.clear();
    }
    const PgResultPtr ended(PQgetResult(session_.get()));
    if (PQresultStatus(ended.get()) != PGRES_COMMAND_OK) return told(ended.get(), table.name);
    while (PgResultPtr more{PQgetResult(session_.get())}) {
    }
    if (!piece.empty()) CARNET_TRY_VOID(sink(piece));
    return count;
  }

 private:
  PgSession session_;
  int version_ = 0;
  std::vector<DumpTable> tables_;
};

// All in one transaction, so that a restore that ends early leaves the tables empty.
class PgDumpWriter final : public DumpWriter {
 public:
  PgDumpWriter(std::string url, PgSession session)
      : url_(std::move(url)), session_(std::move(session)) {}

  Result<void> start() {
    CARNET_TRY_VOID(session_.run("BEGIN", "BEGIN"));
    CARNET_TRY_VOID(session_.run(kSettings, "SET"));
    CARNET_TRY(tables, session_.tables());
    tables_ = std::move(tables);
    // COPY FROM refuses a table whose policies bind the one who copies. Who owns the tables is not
    // bound while they are not forced; until COMMIT nobody else sees that, or the tables.
    CARNET_TRY(forced, session_.run(kForced, "the list of policies"));
    for (int row = 0; row < PQntuples(forced.get()); ++row) {
      forced_.emplace_back(PQgetvalue(forced.get(), row, 0));
      CARNET_TRY_VOID(session_.run(
          fmt::format("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY", quoted_name(forced_.back())),
          forced_.back()));
    }
    return {};
  }

  [[nodiscard]] Result<void> begin(const DumpTable& table) override {
    const auto known = std::find_if(tables_.begin(), tables_.end(),
                                    [&](const DumpTable& t) { return t.name == table.name; });
    if (known == tables_.end())
      return make_error(
          ErrorCode::kValidationFailed,
          fmt::format("It has a table {} that its schema does not have.", table.name));
    for (const std::string& column : table.columns)
      if (std::find(known->columns.begin(), known->columns.end(), column) == known->columns.end())
        return make_error(ErrorCode::kValidationFailed,
                          fmt::format("It has a column {}.{} that its schema does not have.",
                                      table.name, column));
    table_ = table.name;
    CARNET_TRY_VOID(session_.run(
        fmt::format("COPY {} ({}) FROM STDIN", quoted_name(table.name), list_of(table.columns)),
        table_));
    return {};
  }

  [[nodiscard]] Result<void> add(std::string_view bytes) override {
    while (!bytes.empty()) {
      const std::string_view piece = bytes.substr(0, kPieceBytes);
      if (PQputCopyData(session_.get(), piece.data(), static_cast<int>(piece.size())) != 1)
        return broken();
      bytes.remove_prefix(piece.size());
    }
    return {};
  }

  [[nodiscard]] Result<std::int64_t> end() override {
    if (PQputCopyEnd(session_.get(), nullptr) != 1) return tl::unexpected(broken().error());
    const PgResultPtr ended(PQgetResult(session_.get()));
    if (PQresultStatus(ended.get()) != PGRES_COMMAND_OK)
      return told(ended.get(), fmt::format("Table {}", table_));
    while (PgResultPtr more{PQgetResult(session_.get())}) {
    }
    const std::string_view text = PQcmdTuples(ended.get());
    std::int64_t rows = 0;
    std::from_chars(text.data(), text.data() + text.size(), rows);
    return rows;
  }

  // COMMIT is the last thing: what the caller does after it should follow at once. An older schema
  // is brought up to date by the next start.
  [[nodiscard]] Result<void> finish() override {
    for (const DumpTable& table : tables_)
      CARNET_TRY_VOID(session_.run(fmt::format("ANALYZE {}", quoted_name(table.name)), table.name));
    for (const std::string& name : forced_)
      CARNET_TRY_VOID(session_.run(
          fmt::format("ALTER TABLE {} FORCE ROW LEVEL SECURITY", quoted_name(name)), name));
    CARNET_TRY_VOID(session_.run("COMMIT", "COMMIT"));
    return {};
  }

 private:
  [[nodiscard]] Result<void> broken() const {
    return make_error(
        ErrorCode::kUnavailable,
        fmt::format("The connection to {} broke.", postgres_url_without_secrets(url_)),
        PQerrorMessage(session_.get()));
  }

  std::string url_;
  PgSession session_;
  std::string table_;
  std::vector<DumpTable> tables_;
  std::vector<std::string> forced_;
};

// kConflict if a table has a row.
Result<void> check_empty(const std::string& url) {
  CARNET_TRY(session, PgSession::open(url));
  CARNET_TRY_VOID(session.run("BEGIN READ ONLY", "BEGIN"));
  CARNET_TRY_VOID(session.run("SET LOCAL carnet.tenant = '*'", "SET"));
  CARNET_TRY(tables, session.tables());
  for (const DumpTable& table : tables) {
    CARNET_TRY(row, session.run(fmt::format("SELECT 1 FROM {} LIMIT 1", quoted_name(table.name)),
                                table.name));
    if (PQntuples(row.get()) > 0)
      return make_error(
          ErrorCode::kConflict,
          fmt::format("The database {} is not empty; nothing was changed. Name an empty one with "
                      "--database.",
                      postgres_url_without_secrets(url)));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<DumpReader>> open_postgres_dump(const std::string& url) {
  CARNET_TRY(status, postgres_migration_status(url));
  if (status.current == 0)
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("The database {} is empty.", postgres_url_without_secrets(url)));
  CARNET_TRY(session, PgSession::open(url));
  auto reader = std::make_unique<PgDumpReader>(std::move(session));
  CARNET_TRY_VOID(reader->begin());
  return reader;
}

Result<std::unique_ptr<DumpWriter>> fill_postgres_from_dump(const std::string& url,
                                                            int schema_version) {
  CARNET_TRY(status, postgres_migration_status(url));
  if (status.current > 0) CARNET_TRY_VOID(check_empty(url));
  if (status.current > schema_version)
    return make_error(
        ErrorCode::kConflict,
        fmt::format("The database {} has the schema {} already and the backup has {}; nothing was "
                    "changed. Name a database without tables with --database.",
                    postgres_url_without_secrets(url), status.current, schema_version));
  CARNET_TRY_VOID(migrate_postgres_to(url, schema_version));
  CARNET_TRY(session, PgSession::open(url));
  auto writer = std::make_unique<PgDumpWriter>(url, std::move(session));
  CARNET_TRY_VOID(writer->start());
  return writer;
}

}  // namespace carnet::store
