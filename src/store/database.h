#pragma once
// The small database interface that SQLite implements and PostgreSQL will join. Work is a closure
// over a Connection:
//
//   auto insert = [row](Connection& c) -> Result<ShareRow> { … };
//   CARNET_CO_TRY(saved, co_await db.write<ShareRow>(insert));
//
// One closure is one transaction. write() resumes its caller only after the commit is on disk
// (SQLite: synchronous=FULL, commits that wait are grouped). read() runs on a reader thread.
// point_read() runs on the caller's thread, for at most a few rows found by index: on SQLite that
// is a walk through cached B-tree pages, some microseconds, less than the hand-over to another
// thread would cost. A Database is created by app/, shared by everyone and thread-safe; a
// Connection is lent to one closure on one thread and must not be kept.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/error.h"
#include "base/task.h"

namespace carnet::store {

struct BlobView {
  std::string_view bytes;
};
// A value bound to $1, $2, …; views must live until run() returns.
using Param = std::variant<std::monostate, std::int64_t, double, std::string_view, BlobView>;

[[nodiscard]] inline Param opt(const std::optional<std::int64_t>& value) {
  return value ? Param{*value} : Param{};
}

// The current row of a query; views are valid only inside the callback. Columns count from 0.
class Row {
 public:
  virtual ~Row() = default;
  [[nodiscard]] virtual bool is_null(int column) const = 0;
  [[nodiscard]] virtual std::int64_t integer(int column) const = 0;  // 0 for NULL
  [[nodiscard]] virtual double real(int column) const = 0;
  [[nodiscard]] virtual std::string_view text(int column) const = 0;  // "" for NULL
  [[nodiscard]] virtual std::string_view blob(int column) const = 0;
  [[nodiscard]] std::optional<std::int64_t> optional_integer(int column) const {
    return is_null(column) ? std::nullopt : std::optional(integer(column));
  }
};

class Connection {
 public:
  using OnRow = std::function<void(const Row&)>;
  virtual ~Connection() = default;
  // Runs one statement with $1…$n placeholders and gives the number of rows changed (0 for SELECT).
  // `sql` must be a string literal: statements are prepared once per connection and kept by its
  // address and text. Errors: kConflict for a unique or foreign-key violation, kUnavailable (with
  // retry_after_s) when the database is busy, full, read-only or gone, kInternal for anything else.
  // The SQL goes to `internal` only.
  [[nodiscard]] virtual Result<std::int64_t> run(std::string_view sql,
                                                 std::span<const Param> params,
                                                 const OnRow& on_row) = 0;
  [[nodiscard]] Result<std::int64_t> run(std::string_view sql,
                                         std::initializer_list<Param> params = {},
                                         const OnRow& on_row = {}) {
    return run(sql, std::span<const Param>(params.begin(), params.size()), on_row);
  }
};

// What a closure hands back is kept by the wrapper that read()/write() make; these are the untyped
// ends.
class Database {
 public:
  using Work = std::function<Result<void>(Connection&)>;
  // Called once: on a database thread, or on the caller's when the work was refused (queue full,
  // stopped). Must not throw.
  using Done = std::function<void(Result<void>)>;

  virtual ~Database() = default;

  template <class T>
  [[nodiscard]] Task<Result<T>> write(std::function<Result<T>(Connection&)> work) {
    return typed<T>(std::move(work), true);
  }
  template <class T>
  [[nodiscard]] Task<Result<T>> read(std::function<Result<T>(Connection&)> work) {
    return typed<T>(std::move(work), false);
  }
  // Each statement of a point read sees the latest commit; a closure that needs one snapshot for
  // several uses read().
  template <class T>
  [[nodiscard]] Result<T> point_read(const std::function<Result<T>(Connection&)>& work) {
    std::optional<Result<T>> out;
    const Work wrapped = [&](Connection& connection) -> Result<void> {
      out.emplace(work(connection));
      if (!*out) return tl::unexpected(out->error());
      return {};
    };
    if (auto done = run_point_read(wrapped); !done) return tl::unexpected(std::move(done).error());
    return std::move(*out);
  }
  // Same as write(), for code without a coroutine (start-up, shell commands): waits on the calling
  // thread. Never call it from inside a closure.
  [[nodiscard]] Result<void> write_blocking(Work work);

  // False while the database cannot be used; for /readyz. Cheap.
  [[nodiscard]] virtual bool healthy() = 0;
  // Stops taking work, finishes what is queued, closes. Idempotent. Call it before the io_contexts
  // of waiting coroutines are destroyed and while no thread is inside point_read(); later calls
  // answer kUnavailable.
  virtual void stop() = 0;
  // "SQLite 3.40.1", "off"; for logs and /tenant/me (persistenceEnabled).
  [[nodiscard]] virtual std::string description() const = 0;
  [[nodiscard]] virtual bool persistent() const { return true; }

 protected:
  virtual void submit_write(Work work, Done done) = 0;
  virtual void submit_read(Work work, Done done) = 0;
  [[nodiscard]] virtual Result<void> run_point_read(const Work& work) = 0;

 private:
  // Suspends the coroutine until `Done`; resumes it on its own executor. Defined in database.cc.
  [[nodiscard]] Task<Result<void>> await(Work work, bool writes);

  template <class T>
  [[nodiscard]] Task<Result<T>> typed(std::function<Result<T>(Connection&)> work, bool writes) {
    auto out = std::make_shared<std::optional<Result<T>>>();
    Work wrapped = [out, work = std::move(work)](Connection& connection) -> Result<void> {
      out->emplace(work(connection));
      if (!**out) return tl::unexpected((*out)->error());
      return {};
    };
    Result<void> done = co_await await(std::move(wrapped), writes);
    if (!done) co_return tl::unexpected(std::move(done).error());
    co_return std::move(**out);
  }
};

struct SqliteOptions {
  std::string path;            // the file; its folder must exist
  int readers = 2;             // reader threads for read()
  int busy_timeout_ms = 2000;  // another process holds the write lock
  int group_max = 512;         // closures in one commit
  int queue_max = 10000;       // waiting closures; more get kUnavailable
  std::int64_t pages_max =
      0;  // the file may not grow past this many pages of 4096 bytes; 0: no limit
};
// Opens (creating if needed) and brings the schema up to date. The error's public_detail is fit for
// the terminal.
[[nodiscard]] Result<std::unique_ptr<Database>> open_sqlite(const SqliteOptions& options);
// --database none: every call answers kPersistenceOff.
[[nodiscard]] std::unique_ptr<Database> make_off_database();

// Schema versions: what the file has (0: empty) and what this program brings. `apply` migrates
// forward, each step in a transaction; safe when two processes start at once. Errors if the file is
// newer than the program.
struct MigrationStatus {
  int current = 0;
  int latest = 0;
};
[[nodiscard]] Result<MigrationStatus> sqlite_migration_status(const std::string& path);
[[nodiscard]] Result<MigrationStatus> migrate_sqlite(const std::string& path);

}  // namespace carnet::store
