#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "store/copy_text.h"
#include "store/dump.h"
#include "store/sqlite_connection.h"
#include "store/sqlite_migrate.h"

namespace carnet::store {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;
constexpr int kBusyTimeout_ms = 15000;
constexpr int kCache_kib = 65536;

enum class ColumnType { kInteger, kReal, kText, kBlob };
struct SqliteColumn {
  std::string name;
  ColumnType type = ColumnType::kText;
};
using SqliteTables = std::map<std::string, std::vector<SqliteColumn>, std::less<>>;

ColumnType type_of(std::string_view declared) {
  if (declared == "INTEGER") return ColumnType::kInteger;
  if (declared == "REAL") return ColumnType::kReal;
  if (declared == "BLOB") return ColumnType::kBlob;
  return ColumnType::kText;
}

// SQLite's own tables, sqlite_stat1 and the like, are made anew by whoever needs them.
Result<SqliteTables> read_tables(SqliteConnection& connection) {
  SqliteTables out;
  CARNET_TRY_VOID(connection.run(
      "SELECT t.name, c.name, c.type FROM sqlite_schema t, pragma_table_info(t.name) c "
      "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!' ORDER BY t.name, c.cid",
      {}, [&](const Row& row) {
        out[std::string(row.text(0))].push_back(
            {.name = std::string(row.text(1)), .type = type_of(row.text(2))});
      }));
  return out;
}

std::string quoted_name(std::string_view name) { return fmt::format("\"{}\"", name); }

void append_field(std::string& out, const Row& row, int index, ColumnType type) {
  if (row.is_null(index)) return append_copy_null(out);
  switch (type) {
    case ColumnType::kInteger:
      return append_copy_integer(out, row.integer(index));
    case ColumnType::kReal:
      return append_copy_real(out, row.real(index));
    case ColumnType::kText:
      return append_copy_text(out, row.text(index));
    case ColumnType::kBlob:
      return append_copy_blob(out, row.blob(index));
  }
}

// Thrown out of a row's callback, the only way to end a statement early.
struct SinkRefused {
  Error error;
};

class SqliteDumpReader final : public DumpReader {
 public:
  explicit SqliteDumpReader(std::unique_ptr<SqliteConnection> connection)
      : connection_(std::move(connection)) {}

  // One read transaction until the object goes: in WAL mode that is a snapshot. Writers go on; the
  // WAL only cannot be emptied meanwhile.
  Result<void> begin() {
    CARNET_TRY_VOID(connection_->run("BEGIN"));
    CARNET_TRY_VOID(connection_->run("PRAGMA user_version", {}, [&](const Row& row) {
      version_ = static_cast<int>(row.integer(0));
    }));
    CARNET_TRY(columns, read_tables(*connection_));
    columns_ = std::move(columns);
    std::vector<DumpReferences> found;
    for (const auto& [name, columns_of] : columns_) {
      DumpReferences entry{.table = {.name = name, .columns = {}}, .parents = {}};
      for (const SqliteColumn& column : columns_of) entry.table.columns.push_back(column.name);
      CARNET_TRY_VOID(
          connection_->run(R"(SELECT DISTINCT "table" FROM pragma_foreign_key_list($1))", {name},
                           [&](const Row& row) { entry.parents.emplace_back(row.text(0)); }));
      found.push_back(std::move(entry));
    }
    tables_ = in_order_of_reference(std::move(found));
    return {};
  }

  [[nodiscard]] int schema_version() const override { return version_; }
  [[nodiscard]] std::string description() const override {
    return fmt::format("SQLite {}", sqlite3_libversion());
  }
  [[nodiscard]] const std::vector<DumpTable>& tables() const override { return tables_; }

  [[nodiscard]] Result<std::int64_t> rows(const DumpTable& table, const Sink& sink) override {
    const std::vector<SqliteColumn>& columns = columns_.at(table.name);
    std::string sql = "SELECT ";
    for (const SqliteColumn& column : columns) sql += quoted_name(column.name) + ",";
    sql.back() = ' ';
    sql += "FROM " + quoted_name(table.name);
    std::string piece;
    std::int64_t count = 0;
    const auto flush = [&] {
      if (auto taken = sink(piece); !taken) throw SinkRefused{std::move(taken).error()};
      piece.clear();
    };
    const auto on_row = [&](const Row& row) {
      for (std::size_t i = 0; i < columns.size(); ++i) {
        append_field(piece, row, static_cast<int>(i), columns[i].type);
        piece += i + 1 < columns.size() ? '\t' : '\n';
      }
      ++count;
      if (piece.size() >= kPieceBytes) flush();
    };
    try {
      CARNET_TRY_VOID(connection_->run(sql, {}, on_row));
      if (!piece.empty()) flush();
    } catch (SinkRefused& refused) {
      return tl::unexpected(std::move(refused.error));
    }
    return count;
  }

 private:
  std::unique_ptr<SqliteConnection> connection_;
  int version_ = 0;
  SqliteTables columns_;
  std::vector<DumpTable> tables_;
};

class SqliteDumpWriter final : public DumpWriter {
 public:
  SqliteDumpWriter(std::string path, std::unique_ptr<SqliteConnection> connection,
                   SqliteTables tables)
      : path_(std::move(path)), connection_(std::move(connection)), tables_(std::move(tables)) {}

  [[nodiscard]] Result<void> begin(const DumpTable& table) override {
    const auto known = tables_.find(table.name);
    if (known == tables_.end())
      return make_error(
          ErrorCode::kValidationFailed,
          fmt::format("It has a table {} that its schema does not have.", table.name));
    table_ = table.name;
    types_.clear();
    rest_.clear();
    count_ = 0;
    std::string names;
    std::string values;
    for (const std::string& column : table.columns) {
      const auto found = std::find_if(known->second.begin(), known->second.end(),
                                      [&](const auto& c) { return c.name == column; });
      if (found == known->second.end())
        return make_error(ErrorCode::kValidationFailed,
                          fmt::format("It has a column {}.{} that its schema does not have.",
                                      table.name, column));
      types_.push_back(found->type);
      names += (names.empty() ? "" : ",") + quoted_name(column);
      values += fmt::format("{}${}", values.empty() ? "" : ",", types_.size());
    }
    insert_ =
        fmt::format("INSERT INTO {} ({}) VALUES ({})", quoted_name(table.name), names, values);
    return {};
  }

  [[nodiscard]] Result<void> add(std::string_view bytes) override {
    while (true) {
      const std::size_t end = bytes.find('\n');
      if (end == std::string_view::npos) break;
      if (rest_.empty()) {
        CARNET_TRY_VOID(insert(bytes.substr(0, end)));
      } else {
        rest_.append(bytes.substr(0, end));
        CARNET_TRY_VOID(insert(rest_));
        rest_.clear();
      }
      bytes.remove_prefix(end + 1);
    }
    rest_.append(bytes);
    return {};
  }

  [[nodiscard]] Result<std::int64_t> end() override {
    if (!rest_.empty())
      return make_error(ErrorCode::kValidationFailed,
                        fmt::format("Its table {} ends in the middle of a row.", table_));
    return count_;
  }

  [[nodiscard]] Result<void> finish() override {
    CARNET_TRY_VOID(connection_->run("COMMIT"));
    std::string loose;
    CARNET_TRY_VOID(connection_->run("SELECT DISTINCT \"table\" FROM pragma_foreign_key_check", {},
                                     [&](const Row& row) { loose = row.text(0); }));
    if (!loose.empty())
      return make_error(ErrorCode::kValidationFailed,
                        fmt::format("Its table {} refers to rows that are not in it.", loose));
    connection_.reset();
    CARNET_TRY_VOID(migrate_sqlite(path_));  // turns WAL on again, too
    const int fd = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    const bool on_disk = fd >= 0 && ::fsync(fd) == 0;
    const int failure = errno;
    if (fd >= 0) ::close(fd);
    if (!on_disk)
      return make_error(ErrorCode::kUnavailable,
                        fmt::format("Cannot write {}: {}.", path_, std::strerror(failure)));
    return {};
  }

 private:
  [[nodiscard]] Result<void> insert(std::string_view line) {
    CARNET_TRY_VOID(told(row_.parse(line, types_.size())));
    params_.clear();
    blobs_.clear();
    blobs_.reserve(types_.size());  // views into them are kept
    for (std::size_t i = 0; i < types_.size(); ++i) {
      auto param = value(i);
      if (!param)
        return make_error(ErrorCode::kValidationFailed,
                          fmt::format("Row {} of its table {} has a value of the wrong type.",
                                      count_ + 1, table_));
      params_.push_back(*param);
    }
    auto inserted = connection_->run(insert_, params_, {});
    if (!inserted && inserted.error().code == ErrorCode::kConflict)
      return make_error(ErrorCode::kValidationFailed,
                        fmt::format("Row {} of its table {} is there twice.", count_ + 1, table_));
    if (!inserted) return told(tl::unexpected(std::move(inserted).error()));
    ++count_;
    return {};
  }

  [[nodiscard]] std::optional<Param> value(std::size_t i) {
    if (row_.is_null(i)) return Param{};
    switch (types_[i]) {
      case ColumnType::kInteger: {
        const auto integer = row_.integer(i);
        return integer ? std::optional<Param>(*integer) : std::nullopt;
      }
      case ColumnType::kReal: {
        const auto real = row_.real(i);
        return real ? std::optional<Param>(*real) : std::nullopt;
      }
      case ColumnType::kText:
        return Param{row_.text(i)};
      case ColumnType::kBlob: {
        auto bytes = row_.blob(i);
        if (!bytes) return std::nullopt;
        return Param{BlobView{blobs_.emplace_back(std::move(*bytes))}};
      }
    }
    return std::nullopt;
  }

  // Which row it was.
  [[nodiscard]] Result<void> told(Result<void> result) const {
    if (!result)
      result.error().public_detail =
          fmt::format("Row {} of table {}: {}", count_ + 1, table_, result.error().public_detail);
    return result;
  }

  std::string path_;
  std::unique_ptr<SqliteConnection> connection_;
  SqliteTables tables_;
  std::string table_, insert_, rest_;
  std::vector<ColumnType> types_;
  std::int64_t count_ = 0;
  CopyRow row_;
  std::vector<Param> params_;
  std::vector<std::string> blobs_;
};

}  // namespace

Result<std::unique_ptr<DumpReader>> open_sqlite_dump(const std::string& path) {
  if (::access(path.c_str(), F_OK) != 0)
    return make_error(ErrorCode::kUnavailable, fmt::format("There is no database at {}.", path));
  CARNET_TRY(status, sqlite_migration_status(path));
  if (status.current == 0)
    return make_error(ErrorCode::kUnavailable, fmt::format("The database {} is empty.", path));
  const SqliteConnection::Options options{
      .path = path, .access = SqliteConnection::Access::kRead, .busy_timeout_ms = kBusyTimeout_ms};
  CARNET_TRY(connection, SqliteConnection::open(options));
  auto reader = std::make_unique<SqliteDumpReader>(std::move(connection));
  CARNET_TRY_VOID(reader->begin());
  return reader;
}

Result<std::unique_ptr<DumpWriter>> create_sqlite_from_dump(const std::string& path,
                                                            int schema_version) {
  CARNET_TRY_VOID(migrate_sqlite_to(path, schema_version));
  const SqliteConnection::Options options{.path = path,
                                          .access = SqliteConnection::Access::kMigrate,
                                          .busy_timeout_ms = kBusyTimeout_ms,
                                          .cache_kib = kCache_kib};
  CARNET_TRY(connection, SqliteConnection::open(options));
  // Nobody else has the file, and one that was not finished is thrown away: no journal is needed.
  CARNET_TRY_VOID(connection->execute_script(
      "PRAGMA foreign_keys = OFF; PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF;"));
  CARNET_TRY(tables, read_tables(*connection));
  CARNET_TRY_VOID(connection->run("BEGIN EXCLUSIVE"));
  return std::make_unique<SqliteDumpWriter>(path, std::move(connection), std::move(tables));
}

}  // namespace carnet::store
