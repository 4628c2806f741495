#pragma once
// Runs one Task to its end on a context of its own and gives its result; what the task throws
// comes out here. A task that has not ended after a minute fails an invariant, so that a test does
// not hang. Any thread.

#include <chrono>
#include <exception>
#include <optional>

#include <boost/asio/co_spawn.hpp>

#include "base/check.h"
#include "base/task.h"
#include "tests/support/loaned_context.h"

namespace carnet::test {

inline void run_task(Task<void> task) {
  const LoanedContext context;
  bool ended = false;
  std::exception_ptr thrown;
  const auto done = [&](std::exception_ptr error) {
    ended = true;
    thrown = error;
  };
  boost::asio::co_spawn(*context, std::move(task), done);
  context->run_for(std::chrono::minutes(1));
  CARNET_CHECK(ended);
  if (thrown) std::rethrow_exception(thrown);
}

template <class T>
[[nodiscard]] T run_task(Task<T> task) {
  std::optional<T> out;
  const auto keep = [](Task<T> inner, std::optional<T>& into) -> Task<void> {
    into.emplace(co_await std::move(inner));
  };
  run_task(keep(std::move(task), out));
  return std::move(*out);
}

}  // namespace carnet::test
