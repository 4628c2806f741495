#include "store/database.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>

namespace carnet::store {

Task<Result<void>> Database::await(Work work, bool writes) {
  auto initiate = [this, writes](auto handler, Work closure) {
    using Handler = decltype(handler);
    auto executor = boost::asio::get_associated_executor(handler);
    using Guard = decltype(boost::asio::make_work_guard(executor));
    // std::function wants to be copyable, a coroutine's handler is not. Both members end inside the
    // posted function, on the handler's own executor and never on a database thread: its context
    // may be gone a moment later. For the same reason the job keeps no executor of its own, which
    // would live until the database thread is through with the whole group.
    struct Pending {
      Handler handler;
      Guard guard;
    };
    auto pending = std::make_shared<Pending>(
        Pending{std::move(handler), boost::asio::make_work_guard(executor)});
    Done done = [pending = std::move(pending)](Result<void> result) mutable {
      const auto executor = pending->guard.get_executor();
      auto resume = [pending = std::move(pending), result = std::move(result)]() mutable {
        Handler resumed = std::move(pending->handler);
        std::move(resumed)(std::move(result));
      };
      boost::asio::post(executor, std::move(resume));
    };
    if (writes)
      submit_write(std::move(closure), std::move(done));
    else
      submit_read(std::move(closure), std::move(done));
  };
  auto waiting =
      boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Result<void>)>(
          std::move(initiate), boost::asio::use_awaitable, std::move(work));
  co_return co_await std::move(waiting);
}

Result<void> Database::write_blocking(Work work) {
  auto promise = std::make_shared<std::promise<Result<void>>>();
  std::future<Result<void>> future = promise->get_future();
  Done done = [promise](Result<void> result) { promise->set_value(std::move(result)); };
  submit_write(std::move(work), std::move(done));
  return future.get();
}

}  // namespace carnet::store
