#pragma once
// The queue of closures between the callers and the database threads, and how one closure is run.
// Owned by the threads of a backend; thread-safe. Limit: `capacity` closures wait; more are
// refused at once.

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <vector>

#include "store/database.h"

namespace carnet::store {

struct Job {
  Database::Work work;
  Database::Done done;
};

class JobQueue {
 public:
  explicit JobQueue(int capacity) : capacity_(static_cast<std::size_t>(capacity)) {}

  // Queues the job, or calls its `done` with kUnavailable on this thread when the queue is full or
  // closed.
  void push(Job job);
  // Waits for work and takes up to `most`. Empty: the queue is closed and drained, or `patience` is
  // over.
  [[nodiscard]] std::vector<Job> take(std::size_t most,
                                      std::optional<std::chrono::milliseconds> patience);
  // Refuses new work and wakes everyone; what is queued can still be taken.
  void close();
  [[nodiscard]] bool closed() const;
  [[nodiscard]] MetricText::Queue state() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool closed_ = false;
  std::size_t capacity_;
  std::uint64_t accepted_ = 0, refused_ = 0;
};

// Runs a closure; an exception becomes kInternal.
[[nodiscard]] Result<void> run_guarded(const Database::Work& work, Connection& connection);

}  // namespace carnet::store
