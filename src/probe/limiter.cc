#include "probe/limiter.h"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carnet::probe {

namespace asio = boost::asio;

// Keeps the queue right whatever ends the wait: the slot, the timeout, or a coroutine that is torn
// down. A slot that was handed over but not taken is passed on.
class Slots::Waiting {
 public:
  Waiting(std::shared_ptr<Slots> owner, std::string key, std::shared_ptr<Waiter> waiter)
      : owner_(std::move(owner)), key_(std::move(key)), waiter_(std::move(waiter)) {}
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;
  ~Waiting() {
    if (!settled_) [[maybe_unused]]
      const auto slot = settle();
  }
  [[nodiscard]] std::optional<Slot> settle() {
    settled_ = true;
    const std::lock_guard lock(owner_->mutex_);
    if (waiter_->woken) return Slot(owner_, key_);
    owner_->entries_[key_].queue.remove(waiter_);
    owner_->drop_if_idle(key_);
    return std::nullopt;
  }

 private:
  std::shared_ptr<Slots> owner_;
  std::string key_;
  std::shared_ptr<Waiter> waiter_;
  bool settled_ = false;
};

int Slots::used() {
  const std::lock_guard lock(mutex_);
  int sum = 0;
  for (const auto& [key, entry] : entries_) sum += entry.used;
  return sum;
}

Task<std::optional<Slots::Slot>> Slots::acquire(std::string key,
                                                std::chrono::steady_clock::duration patience) {
  const auto executor = co_await asio::this_coro::executor;
  auto waiter = std::make_shared<Waiter>(executor);
  {
    const std::lock_guard lock(mutex_);
    Entry& entry = entries_[key];
    if (entry.used < per_key_) {
      ++entry.used;
      co_return Slot(shared_from_this(), std::move(key));
    }
    entry.queue.push_back(waiter);
  }
  Waiting waiting(shared_from_this(), std::move(key), waiter);
  waiter->timer.expires_after(patience);
  boost::system::error_code woken_or_expired;
  auto token = asio::redirect_error(asio::use_awaitable, woken_or_expired);
  co_await waiter->timer.async_wait(std::move(token));
  co_return waiting.settle();
}

void Slots::release(const std::string& key) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_[key];
  if (entry.queue.empty()) {
    --entry.used;
    drop_if_idle(key);
    return;
  }
  // The slot goes to the first in the queue without being counted free in between.
  std::shared_ptr<Waiter> next = std::move(entry.queue.front());
  entry.queue.pop_front();
  next->woken = true;
  const auto executor = next->timer.get_executor();
  asio::post(executor, [next] { next->timer.cancel(); });
}

void Slots::drop_if_idle(const std::string& key) {
  const auto found = entries_.find(key);
  if (found != entries_.end() && found->second.used == 0 && found->second.queue.empty()) {
    entries_.erase(found);
  }
}

SteadyTime RateLimit::reserve(const std::string& key, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  if (full_again_.size() >= sweep_at_) {
    std::erase_if(full_again_, [now](const auto& entry) { return entry.second <= now; });
    sweep_at_ = std::max<std::size_t>(1024, full_again_.size() * 2);
  }
  const auto interval = std::chrono::nanoseconds(std::chrono::seconds(1)) / per_second_;
  SteadyTime& full_again = full_again_[key];
  full_again = std::max(full_again, now) + interval;
  return std::max(now, full_again - interval * burst_);
}

}  // namespace carnet::probe
