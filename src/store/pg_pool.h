#pragma once
// Threads that run closures on PostgreSQL, each with a session of its own, one transaction a
// closure. A session that broke is opened anew for the next closure. Owned by the PostgreSQL
// database; submit() is thread-safe.

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "store/jobs.h"
#include "store/pg_connection.h"
#include "store/pg_health.h"

namespace carnet::store {

class PgPool {
 public:
  struct Options {
    PgConnectOptions connect;
    PgConnection::Mode mode = PgConnection::Mode::kWrite;
    int threads = 1;
    int queue_max = 10000;
  };
  // `health` must outlive the pool.
  PgPool(const Options& options, PgHealth& health);
  ~PgPool();
  PgPool(const PgPool&) = delete;
  PgPool& operator=(const PgPool&) = delete;

  void submit(Database::Work work, Database::Done done);
  // Queue and sessions as metrics under `name`.
  void report(MetricText& out, std::string_view name) const;
  // Finishes the queue, ends the threads and closes their sessions. Idempotent.
  void drain();

 private:
  void loop();
  [[nodiscard]] Result<void> run(std::unique_ptr<PgConnection>& session,
                                 const Database::Work& work);
  [[nodiscard]] Result<void> ensure(std::unique_ptr<PgConnection>& session);
  void note(const Result<void>& result);

  const Options options_;
  PgHealth& health_;
  JobQueue queue_;
  std::atomic<int> busy_{0};
  std::atomic<std::uint64_t> connects_{0}, connects_failed_{0};
  std::vector<std::thread> threads_;  // last, so that they find all of the above
};

}  // namespace carnet::store
