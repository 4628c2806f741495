#include "store/sqlite_writer.h"

#include "store/sqlite_error.h"

namespace carnet::store {
namespace {

constexpr int kCheckpointPages = 2000;  // 8 MB of WAL
constexpr std::chrono::milliseconds kProbeInterval{1000};

bool is_unavailable(const Result<void>& result) {
  return !result && result.error().code == ErrorCode::kUnavailable;
}

// Fails every closure of a group that thought it had succeeded: its rows are not on disk.
void fail_all(std::vector<Result<void>>& results, const Error& error) {
  for (Result<void>& result : results)
    if (result) result = tl::unexpected(error);
}

}  // namespace

SqliteWriter::SqliteWriter(std::unique_ptr<SqliteConnection> connection, SqliteFileGuard& guard,
                           const Options& options)
    : connection_(std::move(connection)),
      guard_(guard),
      group_max_(static_cast<std::size_t>(options.group_max)),
      queue_(options.queue_max),
      thread_([this] { loop(); }) {}

SqliteWriter::~SqliteWriter() { drain(); }

void SqliteWriter::submit(Database::Work work, Database::Done done) {
  queue_.push({.work = std::move(work), .done = std::move(done)});
}

void SqliteWriter::drain() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

void SqliteWriter::close() {
  if (connection_ && guard_.check()) connection_->checkpoint(true);
  connection_.reset();
}

void SqliteWriter::loop() {
  for (;;) {
    std::optional<std::chrono::milliseconds> patience;
    if (faulty()) patience = kProbeInterval;
    std::vector<Job> jobs = queue_.take(group_max_, patience);
    if (jobs.empty() && queue_.closed()) return;
    if (jobs.empty()) probe();
    for (std::span<Job> rest = jobs; !rest.empty();) rest = rest.subspan(run_group(rest));
    checkpoint_if_due();
  }
}

std::size_t SqliteWriter::run_group(std::span<Job> jobs) {
  std::vector<Result<void>> results;
  if (guard_.check()) {
    results = run_transaction(jobs);
  } else {
    results.assign(jobs.size(), tl::unexpected(database_moved()));
  }
  bool fault = false;
  for (const Result<void>& result : results) fault = fault || is_unavailable(result);
  faulty_.store(fault, std::memory_order_relaxed);
  for (std::size_t i = 0; i < results.size(); ++i) {
    jobs[i].work = nullptr;  // what the closure holds is released here, before its caller goes on
    jobs[i].done(std::move(results[i]));
  }
  return results.size();
}

std::vector<Result<void>> SqliteWriter::run_transaction(std::span<Job> jobs) {
  std::vector<Result<void>> results;
  if (auto begun = connection_->run("BEGIN IMMEDIATE"); !begun) {
    results.assign(jobs.size(), tl::unexpected(begun.error()));
    return results;
  }
  results.reserve(jobs.size());
  for (const Job& job : jobs) {
    results.push_back(run_in_savepoint(job.work));
    if (connection_->in_transaction()) continue;
    // On a full disk or an I/O error SQLite may roll the whole transaction back by itself, and what
    // the closures before did is gone with it.
    const Error lost = unavailable("The database cannot be reached right now.", 1,
                                   "the transaction was rolled back");
    fail_all(results, results.back() ? lost : results.back().error());
    return results;
  }
  if (auto committed = commit(); !committed) fail_all(results, committed.error());
  return results;
}

Result<void> SqliteWriter::run_in_savepoint(const Database::Work& work) {
  CARNET_TRY_VOID(connection_->run("SAVEPOINT closure"));
  Result<void> result = run_guarded(work, *connection_);
  if (!connection_->in_transaction()) {
    if (result) return make_internal("a closure ended the transaction that it was running in");
    return result;
  }
  // Neither statement can fail short of lost memory; if one does, the group must not be committed
  // with half a closure.
  if (!result && !connection_->run("ROLLBACK TO closure")) {
    connection_->rollback();
    return result;
  }
  if (auto released = connection_->run("RELEASE closure"); !released) {
    connection_->rollback();
    return tl::unexpected(std::move(released).error());
  }
  return result;
}

Result<void> SqliteWriter::commit() {
  const auto begun = std::chrono::steady_clock::now();
  auto committed = connection_->run("COMMIT");
  const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begun;
  (committed ? commits_ : commits_failed_).fetch_add(1, std::memory_order_relaxed);
  commit_ns_.fetch_add(static_cast<std::uint64_t>(took.count()), std::memory_order_relaxed);
  if (!committed) {
    connection_->rollback();
    return tl::unexpected(std::move(committed).error());
  }
  // Moved while we wrote: the rows are in a file that may be deleted, so nobody may be told that
  // they are stored.
  if (!guard_.check()) return tl::unexpected(database_moved());
  return {};
}

void SqliteWriter::report(MetricText& out) const {
  constexpr double kNanoseconds = 1e9;
  const auto number = [](const std::atomic<std::uint64_t>& count) {
    return static_cast<double>(count.load(std::memory_order_relaxed));
  };
  out.queue("database_write", queue_.state());
  out.counter("carnet_database_commits_total", "Commits that are on disk.", number(commits_));
  out.counter("carnet_database_commit_failures_total", "Commits that failed: full disk, I/O error.",
              number(commits_failed_));
  out.counter("carnet_database_commit_seconds_total", "Time that commits took, syncing to disk.",
              number(commit_ns_) / kNanoseconds);
}

void SqliteWriter::probe() {
  if (!guard_.check()) return;
  bool good = connection_->run("BEGIN IMMEDIATE").has_value();
  if (good) {
    // Writing the version that is there already changes a page and so has to reach the disk.
    std::int64_t version = 0;
    const auto on_row = [&](const Row& row) { version = row.integer(0); };
    good = connection_->run("PRAGMA user_version", {}, on_row).has_value() &&
           connection_->execute_script("PRAGMA user_version = " + std::to_string(version))
               .has_value() &&
           commit().has_value();
  }
  connection_->rollback();
  faulty_.store(!good, std::memory_order_relaxed);
}

void SqliteWriter::checkpoint_if_due() {
  const int pages = connection_->wal_pages();
  if (pages < checkpointed_pages_) checkpointed_pages_ = 0;  // the WAL began anew
  // Counted from the last attempt: while a long read keeps the WAL from starting anew, trying after
  // every group would only cost.
  if (pages - checkpointed_pages_ < kCheckpointPages) return;
  checkpointed_pages_ = pages;
  connection_->checkpoint(false);
}

}  // namespace carnet::store
