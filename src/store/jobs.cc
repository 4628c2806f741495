#include "store/jobs.h"

#include <exception>

#include "base/thrown.h"
#include "store/errors.h"

namespace carnet::store {

void JobQueue::push(Job job) {
  bool was_closed = false;
  {
    const std::lock_guard lock(mutex_);
    was_closed = closed_;
    if (!closed_ && jobs_.size() < capacity_) {
      jobs_.push_back(std::move(job));
      ++accepted_;
      changed_.notify_one();
      return;
    }
    ++refused_;
  }
  job.done(tl::unexpected(was_closed ? shutting_down() : queue_full()));
}

std::vector<Job> JobQueue::take(std::size_t most,
                                std::optional<std::chrono::milliseconds> patience) {
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return closed_ || !jobs_.empty(); };
  if (patience)
    changed_.wait_for(lock, *patience, ready);
  else
    changed_.wait(lock, ready);
  std::vector<Job> out;
  out.reserve(std::min(most, jobs_.size()));
  while (!jobs_.empty() && out.size() < most) {
    out.push_back(std::move(jobs_.front()));
    jobs_.pop_front();
  }
  return out;
}

void JobQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

bool JobQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

MetricText::Queue JobQueue::state() const {
  const std::lock_guard lock(mutex_);
  return {
      .length = jobs_.size(), .capacity = capacity_, .accepted = accepted_, .refused = refused_};
}

Result<void> run_guarded(const Database::Work& work, Connection& connection) {
  try {
    return work(connection);
  } catch (...) {
    return tl::unexpected(thrown_error("a database closure threw"));
  }
}

}  // namespace carnet::store
