#include "service/work_threads.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/thrown.h"

namespace carnet::service {
namespace {

Result<void> refused() {
  return tl::unexpected(Error{.code = ErrorCode::kUnavailable,
                              .public_detail = "The server has too much to do; try again shortly.",
                              .internal = "work threads: full, stopped, or none can be started",
                              .fields = {},
                              .retry_after_s = 1});
}

Result<void> carried_out(const std::function<void()>& work) {
  try {
    work();
  } catch (...) {
    return tl::unexpected(thrown_error("work thread"));
  }
  return {};
}

}  // namespace

WorkThreads::WorkThreads(Limits limits) : limits_(limits) {
  if (limits_.threads <= 0)
    limits_.threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

Task<Result<void>> WorkThreads::run(std::function<void()> work) {
  auto initiate = [this](auto handler, std::function<void()> job) {
    using Handler = decltype(handler);
    auto executor = boost::asio::get_associated_executor(handler);
    using Guard = decltype(boost::asio::make_work_guard(executor));
    // As in Database::await: both members end on the handler's own executor, never on a thread
    // here, and no executor is kept after the job.
    struct Pending {
      Handler handler;
      Guard guard;
    };
    auto pending = std::make_shared<Pending>(
        Pending{std::move(handler), boost::asio::make_work_guard(executor)});
    std::function<void(Result<void>)> done = [pending =
                                                  std::move(pending)](Result<void> result) mutable {
      const auto own_executor = pending->guard.get_executor();
      auto resume = [pending = std::move(pending), result = std::move(result)]() mutable {
        Handler resumed = std::move(pending->handler);
        std::move(resumed)(std::move(result));
      };
      boost::asio::post(own_executor, std::move(resume));
    };
    submit({.work = std::move(job), .done = std::move(done)});
  };
  auto waiting =
      boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Result<void>)>(
          std::move(initiate), boost::asio::use_awaitable, std::move(work));
  co_return co_await std::move(waiting);
}

bool WorkThreads::has_thread_for_one_more() {
  if (static_cast<std::size_t>(idle_) <= waiting_.size() &&
      threads_.size() < static_cast<std::size_t>(limits_.threads)) {
    try {
      threads_.emplace_back([this] { serve(); });
    } catch (const std::exception&) {
      // No memory, or no more threads for this user: those that are there do the work. Who calls
      // is a coroutine's beginning, out of which an exception would end the process.
      return !threads_.empty();
    }
  }
  return true;
}

void WorkThreads::submit(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopped_ && waiting_.size() < limits_.waiting_max && has_thread_for_one_more()) {
      waiting_.push_back(std::move(job));
      ++accepted_;
      wake_.notify_one();
      return;
    }
    ++refused_;
  }
  job.done(refused());
}

void WorkThreads::report(MetricText& out, std::string_view name) {
  const std::lock_guard lock(mutex_);
  out.queue(name, {.length = waiting_.size(),
                   .capacity = limits_.waiting_max,
                   .accepted = accepted_,
                   .refused = refused_});
  out.pool(name, static_cast<double>(threads_.size()) - idle_, limits_.threads);
}

void WorkThreads::serve() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    wake_.wait(lock, [this] { return stopped_ || !waiting_.empty(); });
    --idle_;
    if (stopped_) return;
    Job job = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    Result<void> result = carried_out(job.work);
    job.work = nullptr;
    job.done(std::move(result));
    job.done = nullptr;
    lock.lock();
  }
}

void WorkThreads::stop() {
  std::deque<Job> dropped;
  std::vector<std::thread> ending;
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    dropped.swap(waiting_);
    ending.swap(threads_);
  }
  wake_.notify_all();
  for (Job& job : dropped) job.done(refused());
  for (std::thread& thread : ending) thread.join();
}

}  // namespace carnet::service
