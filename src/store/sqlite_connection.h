#pragma once
// One SQLite connection with its cache of prepared statements. Owned by a thread of the SQLite
// backend or lent from its pool; not thread-safe, one thread at a time. Limits: kStatementsMax
// statements are kept.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/database.h"

struct sqlite3;
struct sqlite3_stmt;

namespace carnet::store {

class SqliteConnection final : public Connection {
 public:
  // kMigrate creates the file (mode 0600) and turns WAL on; kWrite finds both; kRead refuses to
  // change anything.
  enum class Access { kMigrate, kWrite, kRead };
  struct Options {
    std::string path;
    Access access = Access::kRead;
    int busy_timeout_ms = 2000;
    std::int64_t pages_max = 0;
    int cache_kib = 2048;
  };
  // Errors: kUnavailable; the public_detail is fit for clients, not yet for a terminal.
  [[nodiscard]] static Result<std::unique_ptr<SqliteConnection>> open(const Options& options);
  // Takes over an open handle; use open().
  SqliteConnection(sqlite3* db, Access access) : db_(db), access_(access) {}
  ~SqliteConnection() override;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  using Connection::run;
  [[nodiscard]] Result<std::int64_t> run(std::string_view sql, std::span<const Param> params,
                                         const OnRow& on_row) override;
  // Runs a script of many statements that give no rows.
  [[nodiscard]] Result<void> execute_script(const std::string& sql);

  [[nodiscard]] bool in_transaction() const;
  // Ends a transaction if there is one; never fails: SQLite may have rolled back by itself already.
  void rollback();
  // True while the path still names the file that this connection has open.
  [[nodiscard]] bool file_is_in_place() const;
  // Number of pages in the WAL after the last commit of this connection.
  [[nodiscard]] int wal_pages() const { return wal_pages_; }
  // Copies what it can from the WAL into the file without waiting for anyone; `truncate` also waits
  // and empties it.
  void checkpoint(bool truncate);

 private:
  struct Statement {
    sqlite3_stmt* handle = nullptr;
    std::vector<int> params;  // the n-th slot of SQLite takes $params[n]
    int param_count = 0;      // the highest $n
    bool read_only = false;
    bool running = false;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  class Use;

  [[nodiscard]] Result<void> configure(const Options& options);
  [[nodiscard]] Result<void> turn_wal_on(int busy_timeout_ms);
  [[nodiscard]] Result<Statement> prepare(std::string_view sql, bool keep);
  [[nodiscard]] Result<std::int64_t> run_statement(Statement& statement, std::string_view sql,
                                                   std::span<const Param> params,
                                                   const OnRow& on_row);
  [[nodiscard]] Error last_error(std::string_view sql) const;

  static constexpr std::size_t kStatementsMax = 256;

  sqlite3* db_;
  Access access_;
  int wal_pages_ = 0;
  std::unordered_map<std::string, Statement, TextHash, std::equal_to<>> statements_;
};

}  // namespace carnet::store
