#include "store/sqlite_readers.h"

#include "store/sqlite_error.h"

namespace carnet::store {

SqliteReaders::SqliteReaders(std::vector<std::unique_ptr<SqliteConnection>> connections,
                             SqliteFileGuard& guard, int queue_max)
    : guard_(guard), queue_(queue_max), connections_(std::move(connections)) {
  for (const auto& connection : connections_)
    threads_.emplace_back([this, reader = connection.get()] { loop(*reader); });
}

SqliteReaders::~SqliteReaders() { drain(); }

void SqliteReaders::submit(Database::Work work, Database::Done done) {
  queue_.push({.work = std::move(work), .done = std::move(done)});
}

void SqliteReaders::drain() {
  queue_.close();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  connections_.clear();
}

void SqliteReaders::loop(SqliteConnection& connection) {
  for (;;) {
    std::vector<Job> jobs = queue_.take(1, std::nullopt);
    if (jobs.empty()) return;
    Result<void> result = run(connection, jobs.front().work);
    jobs.front().work = nullptr;
    jobs.front().done(std::move(result));
  }
}

Result<void> SqliteReaders::run(SqliteConnection& connection, const Database::Work& work) {
  if (!guard_.check_sometimes()) return tl::unexpected(database_moved());
  CARNET_TRY_VOID(connection.run("BEGIN"));
  Result<void> result = run_guarded(work, connection);
  connection.rollback();  // nothing was written, so this is how a read ends, well or badly
  return result;
}

Result<void> SqlitePointPool::run(const Database::Work& work) {
  if (!guard_.check_sometimes()) return tl::unexpected(database_moved());
  CARNET_TRY(connection, borrow());
  Result<void> result = run_guarded(work, *connection);
  connection->rollback();  // a closure that began a transaction must not leave it to the next one
  give_back(std::move(connection));
  return result;
}

Result<std::unique_ptr<SqliteConnection>> SqlitePointPool::borrow() {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return tl::unexpected(shutting_down());
    if (!idle_.empty()) {
      std::unique_ptr<SqliteConnection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  CARNET_TRY(opened, SqliteConnection::open(options_));
  // What the path names now may not be the file that the writer has open.
  CARNET_TRY_VOID(opened->run("SELECT count(*) FROM sqlite_schema"));
  if (!opened->file_is_in_place() || !guard_.check()) return tl::unexpected(database_moved());
  return opened;
}

void SqlitePointPool::give_back(std::unique_ptr<SqliteConnection> connection) {
  const std::lock_guard lock(mutex_);
  if (!closed_ && idle_.size() < kIdleMax) idle_.push_back(std::move(connection));
}

void SqlitePointPool::close() {
  std::vector<std::unique_ptr<SqliteConnection>> closing;
  const std::lock_guard lock(mutex_);
  closed_ = true;
  closing.swap(idle_);
}

}  // namespace carnet::store
