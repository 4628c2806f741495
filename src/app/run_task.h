#pragma once
// Runs coroutines to their end on the calling thread, for shell commands and start-up. Not for use
// on an I/O thread. The runner must outlive whatever its tasks wait for (the threads of a database
// or a resolver), so declare it first.

#include <exception>
#include <optional>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "base/task.h"

namespace carnet::app {

class TaskRunner {
 public:
  template <class T>
  [[nodiscard]] T run(Task<T> task) {
    std::optional<T> out;
    std::exception_ptr failure;
    const auto done = [&](std::exception_ptr thrown, T value) {
      failure = thrown;
      if (!thrown) out.emplace(std::move(value));
    };
    boost::asio::co_spawn(context_, std::move(task), done);
    while (!out && !failure) context_.run_one();
    if (failure) std::rethrow_exception(failure);
    return std::move(*out);
  }

 private:
  boost::asio::io_context context_{1};
  // Other threads post the end of their work here: the guard keeps run_one() waiting for it,
  // between tasks too.
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      context_.get_executor()};
};

}  // namespace carnet::app
