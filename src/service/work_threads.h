#pragma once
// A few threads for work that takes long on a processor, so that no I/O thread waits for it.
// Threads start when there is first work for them. Thread-safe. Jobs past `waiting_max` are
// refused, not kept.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/metric_text.h"
#include "base/task.h"

namespace carnet::service {

class WorkThreads {
 public:
  struct Limits {
    int threads = 0;               // 0: one for each core
    std::size_t waiting_max = 64;  // jobs that no thread has begun
  };
  explicit WorkThreads(Limits limits);
  WorkThreads(const WorkThreads&) = delete;
  WorkThreads& operator=(const WorkThreads&) = delete;
  ~WorkThreads() { stop(); }

  // Suspends the coroutine until `work` has run on one of the threads; resumes it on its own
  // executor. kUnavailable if too much waits, no thread can be started, or stop() was called; then
  // `work` does not run. An exception of `work` becomes kInternal.
  [[nodiscard]] Task<Result<void>> run(std::function<void()> work);
  // Queue and threads as metrics under `name`.
  void report(MetricText& out, std::string_view name);
  // Ends what runs, refuses what waits. Idempotent. Before the contexts of waiting coroutines are
  // destroyed.
  void stop();

 private:
  struct Job {
    std::function<void()> work;
    std::function<void(Result<void>)> done;
  };
  void submit(Job job);
  [[nodiscard]] bool has_thread_for_one_more();  // starts one where there is room; with mutex_
  void serve();

  Limits limits_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> waiting_;
  std::vector<std::thread> threads_;
  int idle_ = 0;
  std::uint64_t accepted_ = 0, refused_ = 0;
  bool stopped_ = false;
};

}  // namespace carnet::service
