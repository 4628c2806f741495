#include "service/signal.h"

#include <algorithm>
#include <functional>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carnet::service {

namespace asio = boost::asio;

struct Signal::State {
  mutable std::mutex mutex;
  std::uint64_t generation = 0;
  std::uint64_t next_waiter = 0;
  std::unordered_map<std::uint64_t, std::function<void()>> waiters;
};

namespace {

using Strand = asio::strand<asio::any_io_executor>;

// Lives on its strand: the timer is touched there only, whichever thread pokes.
struct Sleeper {
  Sleeper(const Strand& on, std::chrono::milliseconds at_most) : strand(on), timer(on, at_most) {}
  Strand strand;
  asio::steady_timer timer;
  bool poked = false;
};

Task<void> sleep_on(std::shared_ptr<Sleeper> sleeper) {
  // The poke may have run on the strand before this did.
  if (sleeper->poked) co_return;
  constexpr auto kToken = asio::as_tuple(asio::use_awaitable);
  co_await sleeper->timer.async_wait(kToken);
}

}  // namespace

Signal::Signal() : state_(std::make_shared<State>()) {}

void Signal::poke() {
  const std::lock_guard lock(state_->mutex);
  ++state_->generation;
  for (const auto& [id, wake] : state_->waiters) wake();
}

std::uint64_t Signal::generation() const {
  const std::lock_guard lock(state_->mutex);
  return state_->generation;
}

Task<void> Signal::wait(std::uint64_t seen, std::chrono::milliseconds at_most) const {
  const std::shared_ptr<State> state = state_;
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const Strand strand = asio::make_strand(executor);
  const auto sleeper = std::make_shared<Sleeper>(strand, at_most);

  // Also leaves the list when the frame is destroyed unfinished, together with its io_context.
  struct Registration {
    std::shared_ptr<State> state;
    std::uint64_t id = 0;
    ~Registration() {
      const std::lock_guard lock(state->mutex);
      state->waiters.erase(id);
    }
  };
  Registration registration{.state = state};
  {
    const std::lock_guard lock(state->mutex);
    registration.id = ++state->next_waiter;
    if (state->generation != seen) co_return;
    const auto wake = [sleeper] {
      const auto on_strand = [sleeper] {
        sleeper->poked = true;
        sleeper->timer.cancel();
      };
      asio::post(sleeper->strand, on_strand);
    };
    state->waiters.emplace(registration.id, wake);
  }
  Task<void> sleeping = sleep_on(sleeper);
  co_await asio::co_spawn(strand, std::move(sleeping), asio::use_awaitable);
}

std::shared_ptr<Signal> ScanSignals::watch(const ScanId& scan) {
  const std::lock_guard lock(mutex_);
  if (watched_.size() >= sweep_at_) {
    std::erase_if(watched_, [](const auto& entry) { return entry.second.expired(); });
    sweep_at_ = std::max<std::size_t>(64, watched_.size() * 2);
  }
  std::weak_ptr<Signal>& slot = watched_[scan.str()];
  std::shared_ptr<Signal> signal = slot.lock();
  if (!signal) {
    signal = std::make_shared<Signal>();
    slot = signal;
  }
  return signal;
}

void ScanSignals::poke(const ScanId& scan) {
  std::shared_ptr<Signal> signal;
  {
    const std::lock_guard lock(mutex_);
    const auto found = watched_.find(scan.str());
    if (found != watched_.end()) signal = found->second.lock();
  }
  if (signal) signal->poke();
}

}  // namespace carnet::service
