#pragma once
// An io_context for a task of a test, on loan from a pool that lives as long as the process.
// Whoever posts the end of a task's work (a database's thread) may still be inside post() when the
// task has ended, so the context must outlive that call; one on the test's stack would not. What
// was spawned on it has ended before it is given back. Each is for one thread; they can be taken on
// any.

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>

namespace carnet::test {

class LoanedContext {
 public:
  LoanedContext() {
    Pool& all = pool();
    const std::lock_guard lock(all.mutex);
    if (all.free.empty()) all.free.push_back(std::make_unique<boost::asio::io_context>());
    context_ = std::move(all.free.back());
    all.free.pop_back();
  }
  ~LoanedContext() { keep(std::move(context_)); }
  LoanedContext(const LoanedContext&) = delete;
  LoanedContext& operator=(const LoanedContext&) = delete;

  [[nodiscard]] boost::asio::io_context& operator*() const { return *context_; }
  [[nodiscard]] boost::asio::io_context* operator->() const { return context_.get(); }

  // Takes over a context that was made elsewhere and on which everything has ended.
  static void keep(std::unique_ptr<boost::asio::io_context> context) {
    if (!context) return;
    context->restart();
    Pool& all = pool();
    const std::lock_guard lock(all.mutex);
    all.free.push_back(std::move(context));
  }

 private:
  struct Pool {
    std::mutex mutex;
    std::vector<std::unique_ptr<boost::asio::io_context>> free;
  };
  static Pool& pool() {
    static Pool all;
    return all;
  }
  std::unique_ptr<boost::asio::io_context> context_;
};

}  // namespace carnet::test
