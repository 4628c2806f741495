#pragma once
// The one thread that writes to SQLite. It takes all closures that wait (at most group_max), runs
// each in a savepoint of one BEGIN IMMEDIATE transaction, commits once with a sync to disk, and
// only then lets their callers go on. Owned by the SQLite database; submit() and faulty() are
// thread-safe.

#include <atomic>
#include <cstddef>
#include <memory>
#include <span>
#include <thread>
#include <vector>

#include "store/jobs.h"
#include "store/sqlite_connection.h"
#include "store/sqlite_file_guard.h"

namespace carnet::store {

class SqliteWriter {
 public:
  struct Options {
    int group_max = 512;
    int queue_max = 10000;
  };
  // The guard must outlive the writer.
  SqliteWriter(std::unique_ptr<SqliteConnection> connection, SqliteFileGuard& guard,
               const Options& options);
  ~SqliteWriter();
  SqliteWriter(const SqliteWriter&) = delete;
  SqliteWriter& operator=(const SqliteWriter&) = delete;

  void submit(Database::Work work, Database::Done done);
  // True after a write found the database full, busy or gone, until one succeeds. The writer tries
  // by itself once a second, so that readiness returns even if nobody sends a write to a server
  // that says it is not ready.
  [[nodiscard]] bool faulty() const { return faulty_.load(std::memory_order_relaxed); }
  void report(MetricText& out) const;
  // Finishes the queue and ends the thread. Idempotent.
  void drain();
  // Empties the WAL into the file and closes the connection; after drain(), when no other
  // connection reads any more.
  void close();

 private:
  void loop();
  // Runs closures in one transaction and completes them; gives how many of `jobs` were taken. Fewer
  // than all only when SQLite ended the transaction in the middle: those not yet run then get a
  // transaction of their own.
  [[nodiscard]] std::size_t run_group(std::span<Job> jobs);
  // The results of a group, one for each closure that was run.
  [[nodiscard]] std::vector<Result<void>> run_transaction(std::span<Job> jobs);
  [[nodiscard]] Result<void> run_in_savepoint(const Database::Work& work);
  [[nodiscard]] Result<void> commit();
  void probe();
  void checkpoint_if_due();

  std::unique_ptr<SqliteConnection> connection_;
  SqliteFileGuard& guard_;
  std::size_t group_max_;
  JobQueue queue_;
  std::atomic<bool> faulty_{false};
  std::atomic<std::uint64_t> commits_{0}, commits_failed_{0}, commit_ns_{0};
  int checkpointed_pages_ = 0;
  std::thread thread_;
};

}  // namespace carnet::store
