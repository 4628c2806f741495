#pragma once
// Runs one coroutine to its end on the calling thread, for shell commands and start-up. Not for use on an I/O thread.

#include <exception>
#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/task.h"

namespace carnet::app {

template <class T>
[[nodiscard]] T run_task(Task<T> task) {
  boost::asio::io_context context(1);
  std::optional<T> out;
  std::exception_ptr failure;
  boost::asio::co_spawn(context, std::move(task), [&](std::exception_ptr thrown, T value) {
    failure = thrown;
    if (!thrown) out.emplace(std::move(value));
  });
  // A database thread posts the end of its work to this context; the guard keeps run() waiting for it.
  auto guard = boost::asio::make_work_guard(context);
  while (!out && !failure) context.run_one();
  if (failure) std::rethrow_exception(failure);
  return std::move(*out);
}

}  // namespace carnet::app
