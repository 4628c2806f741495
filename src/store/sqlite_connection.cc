#include "store/sqlite_connection.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <charconv>

#include "store/sqlite_error.h"

namespace carnet::store {
namespace {

class StatementRow final : public Row {
 public:
  explicit StatementRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool is_null(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  std::int64_t integer(int column) const override {
    return sqlite3_column_int64(statement_, column);
  }
  double real(int column) const override { return sqlite3_column_double(statement_, column); }
  std::string_view text(int column) const override {
    const void* bytes = sqlite3_column_text(statement_, column);
    return view(bytes, column);
  }
  std::string_view blob(int column) const override {
    return view(sqlite3_column_blob(statement_, column), column);
  }

 private:
  std::string_view view(const void* bytes, int column) const {
    if (bytes == nullptr) return {};
    return {static_cast<const char*>(bytes),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }
  sqlite3_stmt* statement_;
};

// SQLITE_STATIC: the bytes live until the statement is reset, see Param.
constexpr sqlite3_destructor_type kStatic = nullptr;

// A view of nothing may hold a null pointer, which SQLite would bind as NULL.
const char* not_null(std::string_view text) { return text.data() == nullptr ? "" : text.data(); }

int bind(sqlite3_stmt* statement, int slot, const Param& param) {
  if (const auto* integer = std::get_if<std::int64_t>(&param))
    return sqlite3_bind_int64(statement, slot, *integer);
  if (const auto* real = std::get_if<double>(&param))
    return sqlite3_bind_double(statement, slot, *real);
  if (const auto* text = std::get_if<std::string_view>(&param))
    return sqlite3_bind_text64(statement, slot, not_null(*text), text->size(), kStatic,
                               SQLITE_UTF8);
  if (const auto* blob = std::get_if<BlobView>(&param))
    return sqlite3_bind_blob64(statement, slot, not_null(blob->bytes), blob->bytes.size(), kStatic);
  return sqlite3_bind_null(statement, slot);
}

// A new database is readable by its owner only; SQLite gives -wal and -shm the same mode. Closing
// this descriptor cannot drop a POSIX lock of ours, because O_EXCL says that nobody had the file
// open before.
void create_private(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
}

// SQLite counts what it allocates behind one mutex of the process, at which the threads that read
// points wait for each other several times a request. Nobody asks for the sums.
void count_no_memory() {
  static const int once = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  static_cast<void>(once);
}

}  // namespace

// Holds a statement while it runs, so that a closure may run the same text again from inside
// on_row, and resets it even if on_row throws.
class SqliteConnection::Use {
 public:
  explicit Use(Statement& statement) : statement_(statement) { statement_.running = true; }
  ~Use() {
    sqlite3_reset(statement_.handle);
    statement_.running = false;
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  Statement& statement_;
};

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const Options& options) {
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (options.access == Access::kMigrate) {
    create_private(options.path);
    flags |= SQLITE_OPEN_CREATE;
  }
  count_no_memory();
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(options.path.c_str(), &db, flags, nullptr);
  // From here the object closes the handle, which exists even when opening failed.
  auto connection = std::make_unique<SqliteConnection>(db, options.access);
  if (code != SQLITE_OK)
    return tl::unexpected(sqlite_error(code, db == nullptr ? "" : sqlite3_errmsg(db), ""));
  CARNET_TRY_VOID(connection->configure(options));
  return connection;
}

SqliteConnection::~SqliteConnection() {
  for (auto& [text, statement] : statements_) sqlite3_finalize(statement.handle);
  sqlite3_close_v2(db_);
}

Result<void> SqliteConnection::configure(const Options& options) {
  sqlite3_busy_timeout(db_, options.busy_timeout_ms);
  if (options.access == Access::kMigrate) CARNET_TRY_VOID(turn_wal_on(options.busy_timeout_ms));
  // No memory map: a disk error or a truncated file under a map is a SIGBUS that ends the process,
  // whereas a failed read is an error for one caller. README.md has the measurement.
  std::string pragmas = fmt::format(
      "PRAGMA mmap_size = 0;"
      "PRAGMA cache_size = -{};"
      "PRAGMA synchronous = FULL;"
      "PRAGMA foreign_keys = ON;"
      "PRAGMA trusted_schema = OFF;"
      "PRAGMA temp_store = MEMORY;"
      "PRAGMA journal_size_limit = 67108864;",
      options.cache_kib);
  if (options.pages_max > 0)
    pragmas += fmt::format("PRAGMA max_page_count = {};", options.pages_max);
  if (options.access == Access::kRead) pragmas += "PRAGMA query_only = ON;";
  CARNET_TRY_VOID(execute_script(pragmas));
  if (options.access == Access::kWrite) {
    // Replaces the automatic checkpoint, which would run inside COMMIT and delay the answers that
    // wait for it.
    const auto note_pages = [](void* self, sqlite3*, const char*, int pages) {
      static_cast<SqliteConnection*>(self)->wal_pages_ = pages;
      return SQLITE_OK;
    };
    sqlite3_wal_hook(db_, note_pages, this);
  }
  return {};
}

Result<void> SqliteConnection::turn_wal_on(int busy_timeout_ms) {
  // Two processes that start at once on a new file can meet here, and SQLite does not call its busy
  // handler for the change of journal mode.
  constexpr int kPause_ms = 10;
  for (int waited_ms = 0;; waited_ms += kPause_ms) {
    std::string mode;
    const auto on_row = [&](const Row& row) { mode = row.text(0); };
    auto done = run("PRAGMA journal_mode = WAL", {}, on_row);
    if (done && mode == "wal") return {};
    if (done)
      return tl::unexpected(
          unavailable("The file system of the database does not support SQLite's WAL mode.", 5,
                      "journal mode stays " + mode));
    const int code = sqlite3_extended_errcode(db_) & 0xff;
    if ((code != SQLITE_BUSY && code != SQLITE_LOCKED) || waited_ms >= busy_timeout_ms)
      return tl::unexpected(std::move(done).error());
    sqlite3_sleep(kPause_ms);
  }
}

Error SqliteConnection::last_error(std::string_view sql) const {
  const int code = sqlite3_extended_errcode(db_);
  // A closure that writes through read() is a bug of ours, not an outage.
  if (access_ == Access::kRead && code == SQLITE_READONLY)
    return make_internal("a read closure tried to write: " + std::string(sql)).value();
  return sqlite_error(code, sqlite3_errmsg(db_), sql);
}

Result<SqliteConnection::Statement> SqliteConnection::prepare(std::string_view sql, bool keep) {
  Statement statement;
  const char* tail = nullptr;
  const unsigned flags = keep ? SQLITE_PREPARE_PERSISTENT : 0;
  if (sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()), flags, &statement.handle,
                         &tail) != SQLITE_OK)
    return tl::unexpected(last_error(sql));
  if (statement.handle == nullptr) return make_internal("empty statement");
  statement.read_only = sqlite3_stmt_readonly(statement.handle) != 0;
  // SQLite takes $1 for a name and numbers the names in order of appearance; PostgreSQL takes it
  // for a number.
  const int slots = sqlite3_bind_parameter_count(statement.handle);
  for (int slot = 1; slot <= slots; ++slot) {
    const char* name = sqlite3_bind_parameter_name(statement.handle, slot);
    std::string_view text = name == nullptr ? "" : name;  // a bare ? has none
    const bool dollar = text.starts_with('$');
    if (dollar) text.remove_prefix(1);
    int number = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
    if (!dollar || read.ec != std::errc{} || read.ptr != text.data() + text.size() || number < 1) {
      sqlite3_finalize(statement.handle);
      return make_internal("placeholders must be $1, $2, …: " + std::string(sql));
    }
    statement.params.push_back(number);
    statement.param_count = std::max(statement.param_count, number);
  }
  return statement;
}

Result<std::int64_t> SqliteConnection::run(std::string_view sql, std::span<const Param> params,
                                           const OnRow& on_row) {
  const auto found = statements_.find(sql);
  if (found != statements_.end() && !found->second.running)
    return run_statement(found->second, sql, params, on_row);
  if (found == statements_.end() && statements_.size() < kStatementsMax) {
    CARNET_TRY(statement, prepare(sql, true));
    Statement& kept = statements_.emplace(std::string(sql), std::move(statement)).first->second;
    return run_statement(kept, sql, params, on_row);
  }
  // The same text again from inside its own on_row, or a text beyond the limit: once, and not kept.
  CARNET_TRY(statement, prepare(sql, false));
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> owner(statement.handle,
                                                                    sqlite3_finalize);
  return run_statement(statement, sql, params, on_row);
}

Result<std::int64_t> SqliteConnection::run_statement(Statement& statement, std::string_view sql,
                                                     std::span<const Param> params,
                                                     const OnRow& on_row) {
  if (static_cast<std::size_t>(statement.param_count) != params.size())
    return make_internal(
        fmt::format("{} parameters for {}: {}", params.size(), statement.param_count, sql));
  const Use use(statement);
  for (std::size_t slot = 0; slot < statement.params.size(); ++slot) {
    const Param& param = params[static_cast<std::size_t>(statement.params[slot] - 1)];
    if (bind(statement.handle, static_cast<int>(slot) + 1, param) != SQLITE_OK)
      return tl::unexpected(last_error(sql));
  }
  const StatementRow row(statement.handle);
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(statement.handle)) == SQLITE_ROW)
    if (on_row) on_row(row);
  if (code != SQLITE_DONE) return tl::unexpected(last_error(sql));
  return statement.read_only ? 0 : sqlite3_changes64(db_);
}

Result<void> SqliteConnection::execute_script(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return tl::unexpected(last_error(""));
  return {};
}

bool SqliteConnection::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

void SqliteConnection::rollback() {
  if (in_transaction()) sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
}

bool SqliteConnection::file_is_in_place() const {
  int moved = 0;
  return sqlite3_file_control(db_, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
         moved == 0;
}

void SqliteConnection::checkpoint(bool truncate) {
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  // A failure costs nothing: the WAL keeps the rows, and the next checkpoint tries again.
  sqlite3_wal_checkpoint_v2(db_, nullptr, mode, nullptr, nullptr);
}

}  // namespace carnet::store
