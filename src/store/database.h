#pragma once
// The small database interface that SQLite and PostgreSQL implement. Work is a closure over a
// Connection:
//
//   auto insert = [row](Connection& c) -> Result<ShareRow> { … };
//   CARNET_CO_TRY(saved, co_await db.write<ShareRow>(insert));
//
// One closure is one transaction. write() resumes its caller only after the commit is on disk.
// read() sees one snapshot for all its statements. A point read is for at most a few rows found by
// index: on SQLite it runs inline, a walk through cached B-tree pages that takes some microseconds,
// less than the hand-over to another thread; on PostgreSQL it waits without blocking the thread,
// and those of all callers share a pipeline. A Database is created by app/, shared by everyone and
// thread-safe; a Connection is lent to one closure on one thread and must not be kept.
//
// What a closure of write() may rely on. On SQLite there is one writer, and closures run one after
// the other. On PostgreSQL many run at once, here and on other instances (READ COMMITTED: each
// statement sees what is committed when it begins). A closure that decides by what it read takes
// Connection::lock() before it reads, or decides within one conditional statement. A closure may
// run again after a deadlock or a connection that broke before the commit, with everything that it
// did undone: it must set what it captured by reference anew and touch nothing outside but that.
//
// When the connection breaks during COMMIT nobody can know whether it counted. The caller gets
// kUnavailable, as for a commit that did not: "not acknowledged", and not "did not happen".

#include <chrono>
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
#include "base/metric_text.h"
#include "base/task.h"

namespace carnet::store {

class Allowances;

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

enum class Dialect { kSqlite, kPostgres };

class Connection {
 public:
  using OnRow = std::function<void(const Row&)>;
  virtual ~Connection() = default;
  // Runs one statement with $1…$n placeholders and gives the number of rows changed (0 for SELECT).
  // `sql` must be a string literal: statements are prepared once per connection and kept by their
  // text. Errors: kConflict for a unique or foreign-key violation, kUnavailable (with
  // retry_after_s) when the database is busy, full, read-only or gone, kInternal for anything else.
  // The SQL goes to `internal` only. After an error the transaction is over on PostgreSQL: a
  // closure must not count on going on.
  [[nodiscard]] virtual Result<std::int64_t> run(std::string_view sql,
                                                 std::span<const Param> params,
                                                 const OnRow& on_row) = 0;
  [[nodiscard]] Result<std::int64_t> run(std::string_view sql,
                                         std::initializer_list<Param> params = {},
                                         const OnRow& on_row = {}) {
    return run(sql, std::span<const Param>(params.begin(), params.size()), on_row);
  }
  // The same for a statement whose rows and number nobody asks for. PostgreSQL gets it together
  // with the next run() or the commit, which then gives its error.
  [[nodiscard]] virtual Result<void> send(std::string_view sql, std::span<const Param> params) {
    CARNET_TRY_VOID(run(sql, params, {}));
    return {};
  }

  // Whose rows the statements from here on may see and change; at the beginning nobody's. On
  // PostgreSQL the policies of row-level security go by it, on SQLite it does nothing.
  void as_tenant(std::string_view tenant) { set_scope(tenant); }
  void as_system() { set_scope("*"); }

  // Waits until no other transaction holds this name, here and on every instance, and holds it
  // until the transaction ends. Nothing to do on SQLite, where a write is alone.
  [[nodiscard]] virtual Result<void> lock(std::string_view /*name*/) { return {}; }
  // Tells every instance once the transaction is committed, see Database::on_notification().
  // Nothing to do on SQLite. `payload` has at most 7,999 bytes.
  [[nodiscard]] virtual Result<void> notify(std::string_view /*channel*/,
                                            std::string_view /*payload*/) {
    return {};
  }
  // For the few statements that cannot be the same text.
  [[nodiscard]] virtual Dialect dialect() const { return Dialect::kSqlite; }

 protected:
  virtual void set_scope(std::string_view /*scope*/) {}
};

// A point read of one statement: at most one row, found by index by one text, whoever's it is (it
// runs as_system()). `sql` is a literal with $1 for `key`.
template <class T>
struct PointQuery {
  std::string_view sql;
  std::string key;
  T (*read)(const Row&) = nullptr;
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
  // The first row as the query reads it, nullopt if there is none; sees the latest commit.
  template <class T>
  [[nodiscard]] Task<Result<std::optional<T>>> find(PointQuery<T> query) {
    if (points_inline()) {
      std::optional<T> found;
      const Connection::OnRow first = [&found, &query](const Row& row) {
        if (!found) found.emplace(query.read(row));
      };
      const Work work = [&query, &first](Connection& connection) -> Result<void> {
        CARNET_TRY_VOID(connection.run(query.sql, {std::string_view(query.key)}, first));
        return {};
      };
      if (auto done = run_point_read(work); !done)
        co_return tl::unexpected(std::move(done).error());
      co_return found;
    }
    auto out = std::make_shared<std::optional<T>>();
    Connection::OnRow on_row = [out, read = query.read](const Row& row) {
      if (!*out) out->emplace(read(row));
    };
    Result<void> done = co_await await_find(query.sql, std::move(query.key), std::move(on_row));
    if (!done) co_return tl::unexpected(std::move(done).error());
    co_return std::move(*out);
  }
  // A point read of several statements: inline on SQLite, where each sees the latest commit; a
  // read() on PostgreSQL.
  template <class T>
  [[nodiscard]] Task<Result<T>> point(std::function<Result<T>(Connection&)> work) {
    if (points_inline()) co_return point_read<T>(work);
    co_return co_await typed<T>(std::move(work), false);
  }
  // point() for code without a coroutine. On PostgreSQL it blocks the thread for a round trip, so
  // it is not for I/O threads.
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

  // What transactions on any instance told with Connection::notify(). `payload` is nullopt when
  // some may have been missed (the connection that listens was away): then everything counts as
  // told. Called on a thread of the database, which must not be kept waiting; never on SQLite,
  // where there is one instance. Own notifications come back too. The callback must be
  // callable until stop() has returned.
  using OnNotification = std::function<void(std::optional<std::string_view> payload)>;
  virtual void on_notification(std::string /*channel*/, OnNotification /*callback*/) {}
  // True while this instance is the one that holds `name`, among all on the database. The first
  // call makes it try from then on, once a second. It is lost with the connection that holds it,
  // and another may get it up to some seconds before this one has noticed: what must never be done
  // twice needs a conditional statement besides. Always true on SQLite.
  [[nodiscard]] virtual bool leads(std::string_view /*name*/) { return true; }

  // Whether other instances may be on the same database.
  [[nodiscard]] virtual bool shared() const { return false; }

  // False while the database cannot be used; for /readyz. Cheap.
  [[nodiscard]] virtual bool healthy() = 0;
  // Stops taking work, finishes what is queued, closes. Idempotent. Call it before the io_contexts
  // of waiting coroutines are destroyed and while no thread is inside point_read(); later calls
  // answer kUnavailable.
  virtual void stop() = 0;
  // "SQLite 3.40.1", "PostgreSQL 15.14", "off"; for logs and /tenant/me (persistenceEnabled).
  [[nodiscard]] virtual std::string description() const = 0;
  [[nodiscard]] virtual bool persistent() const { return true; }
  // Its queues, pools and outcomes, for /metrics. Cheap.
  virtual void report(MetricText& /*out*/) {}

 protected:
  virtual void submit_write(Work work, Done done) = 0;
  virtual void submit_read(Work work, Done done) = 0;
  // Only called unless points_inline().
  virtual void submit_find(std::string_view sql, std::string key, Connection::OnRow on_row,
                           Done done);
  [[nodiscard]] virtual Result<void> run_point_read(const Work& work) = 0;
  [[nodiscard]] virtual bool points_inline() const { return true; }

 private:
  friend class Allowances;  // whose waiting is of another kind
  // Suspends the coroutine until `Done`; resumes it on its own executor. Defined in database.cc.
  [[nodiscard]] static Task<Result<void>> await(std::function<void(Done)> submit);
  [[nodiscard]] Task<Result<void>> await_find(std::string_view sql, std::string key,
                                              Connection::OnRow on_row);
  [[nodiscard]] Task<Result<void>> await_work(Work work, bool writes);

  template <class T>
  [[nodiscard]] Task<Result<T>> typed(std::function<Result<T>(Connection&)> work, bool writes) {
    auto out = std::make_shared<std::optional<Result<T>>>();
    Work wrapped = [out, work = std::move(work)](Connection& connection) -> Result<void> {
      out->emplace(work(connection));
      if (!**out) return tl::unexpected((*out)->error());
      return {};
    };
    Result<void> done = co_await await_work(std::move(wrapped), writes);
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

// Schema versions: what the database has (0: empty) and what this program brings. `migrate_…`
// migrates forward, each step in a transaction; safe when several processes start at once. Errors
// if the schema is newer than the program or the database is another program's. The error's
// public_detail is fit for the terminal.
struct MigrationStatus {
  int current = 0;
  int latest = 0;
};
[[nodiscard]] Result<MigrationStatus> sqlite_migration_status(const std::string& path);
[[nodiscard]] Result<MigrationStatus> migrate_sqlite(const std::string& path);

struct PostgresOptions {
  std::string url;        // postgresql://…, as libpq takes it; never logged
  int connections = 12;   // for closures, a third of them for reading; two more besides
  int queue_max = 10000;  // waiting closures, and waiting point reads; more get kUnavailable
  std::chrono::milliseconds statement_timeout{30'000};
};
// Connects, brings the schema up to date and starts. PostgreSQL 13 or newer, encoded in UTF-8.
[[nodiscard]] Result<std::unique_ptr<Database>> open_postgres(const PostgresOptions& options);
[[nodiscard]] Result<MigrationStatus> postgres_migration_status(const std::string& url);
[[nodiscard]] Result<MigrationStatus> migrate_postgres(const std::string& url);
// Whether it begins with postgresql:// or postgres:// and libpq can read it.
[[nodiscard]] bool is_postgres_url(std::string_view url);
// The URL as it may be shown: without its password.
[[nodiscard]] std::string postgres_url_without_secrets(std::string_view url);

}  // namespace carnet::store
