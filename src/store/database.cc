#include "store/database.h"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <future>

#include "base/thrown.h"

namespace carnet::store {

Task<Result<void>> Database::await(std::function<void(Done)> submit) {
  auto initiate = [](auto handler, std::function<void(Done)> start) {
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
    // An exception must not leave an initiation: some versions of Asio have let go of the coroutine
    // by then. Whoever throws has not taken the work.
    try {
      start(done);
    } catch (...) {
      done(tl::unexpected(thrown_error("database")));
    }
  };
  auto waiting =
      boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Result<void>)>(
          std::move(initiate), boost::asio::use_awaitable, std::move(submit));
  co_return co_await std::move(waiting);
}

Task<Result<void>> Database::await_work(Work work, bool writes) {
  std::function<void(Done)> submit = [this, writes, work = std::move(work)](Done done) mutable {
    if (writes)
      submit_write(std::move(work), std::move(done));
    else
      submit_read(std::move(work), std::move(done));
  };
  co_return co_await await(std::move(submit));
}

Task<Result<void>> Database::await_find(std::string_view sql, std::string key,
                                        Connection::OnRow on_row) {
  std::function<void(Done)> submit = [this, sql, key = std::move(key),
                                      on_row = std::move(on_row)](Done done) mutable {
    submit_find(sql, std::move(key), std::move(on_row), std::move(done));
  };
  co_return co_await await(std::move(submit));
}

void Database::submit_find(std::string_view sql, std::string key, Connection::OnRow on_row,
                           Done done) {
  Work work = [sql, key = std::move(key),
               on_row = std::move(on_row)](Connection& connection) -> Result<void> {
    connection.as_system();
    CARNET_TRY_VOID(connection.run(sql, {std::string_view(key)}, on_row));
    return {};
  };
  submit_read(std::move(work), std::move(done));
}

Result<void> Database::write_blocking(Work work) {
  auto promise = std::make_shared<std::promise<Result<void>>>();
  std::future<Result<void>> future = promise->get_future();
  Done done = [promise](Result<void> result) { promise->set_value(std::move(result)); };
  submit_write(std::move(work), std::move(done));
  return future.get();
}

}  // namespace carnet::store
