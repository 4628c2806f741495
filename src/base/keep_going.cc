#include "base/keep_going.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carnet {
namespace {

constexpr std::chrono::seconds kPause{1};

}  // namespace

Task<void> keep_going(const Log& log, std::string name, std::function<Task<void>()> loop) {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
  for (;;) {
    try {
      Task<void> once = loop();
      co_await std::move(once);
      co_return;
    } catch (const std::exception& error) {
      log.error("loop_broke", {{"loop", name}, {"error", error.what()}});
    }
    timer.expires_after(kPause);
    co_await timer.async_wait(boost::asio::use_awaitable);
  }
}

}  // namespace carnet
