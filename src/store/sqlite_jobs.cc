#include "store/sqlite_jobs.h"

#include <exception>

#include "store/sqlite_error.h"

namespace carnet::store {

void SqliteJobQueue::push(SqliteJob job) {
  bool was_closed = false;
  {
    const std::lock_guard lock(mutex_);
    was_closed = closed_;
    if (!closed_ && jobs_.size() < capacity_) {
      jobs_.push_back(std::move(job));
      changed_.notify_one();
      return;
    }
  }
  job.done(tl::unexpected(was_closed ? shutting_down() : queue_full()));
}

std::vector<SqliteJob> SqliteJobQueue::take(std::size_t most,
                                            std::optional<std::chrono::milliseconds> patience) {
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return closed_ || !jobs_.empty(); };
  if (patience)
    changed_.wait_for(lock, *patience, ready);
  else
    changed_.wait(lock, ready);
  std::vector<SqliteJob> out;
  out.reserve(std::min(most, jobs_.size()));
  while (!jobs_.empty() && out.size() < most) {
    out.push_back(std::move(jobs_.front()));
    jobs_.pop_front();
  }
  return out;
}

void SqliteJobQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

bool SqliteJobQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

Result<void> run_guarded(const Database::Work& work, Connection& connection) {
  try {
    return work(connection);
  } catch (const std::exception& e) {
    return make_internal(std::string("a database closure threw: ") + e.what());
  } catch (...) {
    return make_internal("a database closure threw something that is not an exception");
  }
}

}  // namespace carnet::store
