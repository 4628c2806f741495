#pragma once
// How many connections may be open and how fast new ones may be made: in all, per address, and per
// address and second. Owned by the Engine and shared by all its runs; thread-safe. A waiter is
// woken on its own executor, first come first served. Memory: one entry per key in use, idle ones
// are dropped.

#include <boost/asio/steady_timer.hpp>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/task.h"

namespace carnet::probe {

// Counted slots per key.
class Slots : public std::enable_shared_from_this<Slots> {
 public:
  // One slot, given back on destruction.
  class Slot {
   public:
    Slot() = default;
    Slot(Slot&& other) noexcept
        : owner_(std::exchange(other.owner_, nullptr)), key_(std::move(other.key_)) {}
    Slot& operator=(Slot&& other) noexcept {
      if (this != &other) {
        give_back();
        owner_ = std::exchange(other.owner_, nullptr);
        key_ = std::move(other.key_);
      }
      return *this;
    }
    ~Slot() { give_back(); }

   private:
    friend class Slots;
    Slot(std::shared_ptr<Slots> owner, std::string key)
        : owner_(std::move(owner)), key_(std::move(key)) {}
    void give_back() {
      if (owner_) std::exchange(owner_, nullptr)->release(key_);
    }
    std::shared_ptr<Slots> owner_;
    std::string key_;
  };

  explicit Slots(int per_key) : per_key_(per_key) {}
  // Slots of all keys that are taken now.
  [[nodiscard]] int used();
  // nullopt if none came free within `patience`. The executor that awaits must be a strand or
  // single-threaded.
  [[nodiscard]] Task<std::optional<Slot>> acquire(std::string key,
                                                  std::chrono::steady_clock::duration patience);

 private:
  struct Waiter {
    explicit Waiter(const boost::asio::any_io_executor& executor) : timer(executor) {}
    boost::asio::steady_timer timer;
    bool woken = false;  // guarded by the owner's mutex_; the slot is then already counted for it
  };
  struct Entry {
    int used = 0;
    std::list<std::shared_ptr<Waiter>> queue;
  };
  class Waiting;
  void release(const std::string& key);
  void drop_if_idle(const std::string& key);  // needs mutex_

  const int per_key_;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;  // guarded by mutex_
};

// A bucket per key that holds `burst`, full at the start and refilled by `per_second`.
class RateLimit {
 public:
  RateLimit(int per_second, int burst) : per_second_(per_second), burst_(burst) {}
  // Takes a place and says when it comes up.
  [[nodiscard]] SteadyTime reserve(const std::string& key, SteadyTime now);

 private:
  const int per_second_, burst_;
  std::mutex mutex_;
  // Guarded by mutex_: when the bucket would be full again.
  std::map<std::string, SteadyTime> full_again_;
  std::size_t sweep_at_ = 1024;  // guarded by mutex_: keys at which full buckets are dropped
};

}  // namespace carnet::probe
