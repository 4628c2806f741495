#pragma once
// Reads from SQLite: threads that run read() closures in a read transaction, and a pool of
// connections that point_read() borrows on the caller's own thread. Owned by the SQLite database;
// thread-safe. Limit: kIdleMax idle connections.

#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "store/jobs.h"
#include "store/sqlite_connection.h"
#include "store/sqlite_file_guard.h"

namespace carnet::store {

class SqliteReaders {
 public:
  // The guard must outlive the readers.
  SqliteReaders(std::vector<std::unique_ptr<SqliteConnection>> connections, SqliteFileGuard& guard,
                int queue_max);
  ~SqliteReaders();
  SqliteReaders(const SqliteReaders&) = delete;
  SqliteReaders& operator=(const SqliteReaders&) = delete;

  void submit(Database::Work work, Database::Done done);
  [[nodiscard]] MetricText::Queue state() const { return queue_.state(); }
  // Finishes the queue, ends the threads and closes their connections. Idempotent.
  void drain();

 private:
  void loop(SqliteConnection& connection);
  [[nodiscard]] Result<void> run(SqliteConnection& connection, const Database::Work& work);

  SqliteFileGuard& guard_;
  JobQueue queue_;
  std::vector<std::unique_ptr<SqliteConnection>> connections_;
  std::vector<std::thread> threads_;
};

class SqlitePointPool {
 public:
  SqlitePointPool(SqliteConnection::Options options, SqliteFileGuard& guard)
      : options_(std::move(options)), guard_(guard) {}

  // Runs the closure on a connection that nobody else uses meanwhile. No transaction around it: a
  // single statement is one already.
  [[nodiscard]] Result<void> run(const Database::Work& work);
  // Refuses further reads and closes the idle connections.
  void close();

 private:
  [[nodiscard]] Result<std::unique_ptr<SqliteConnection>> borrow();
  void give_back(std::unique_ptr<SqliteConnection> connection);

  static constexpr std::size_t kIdleMax = 64;

  SqliteConnection::Options options_;
  SqliteFileGuard& guard_;
  std::mutex mutex_;
  bool closed_ = false;
  std::vector<std::unique_ptr<SqliteConnection>> idle_;
};

}  // namespace carnet::store
