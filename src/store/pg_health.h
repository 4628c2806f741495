#pragma once
// What the threads of the PostgreSQL backend know together about the server: whether it can be
// reached and takes writes. A server that did not answer a moment ago is not asked again at once,
// so that callers get their answer soon. Thread-safe; no I/O.

#include <atomic>
#include <chrono>
#include <cstdint>

namespace carnet::store {

class PgHealth {
 public:
  // May a connection be tried? Not within 300 ms after one failed.
  [[nodiscard]] bool may_connect() const {
    return now_ms() - failed_at_ms_.load(std::memory_order_relaxed) >= kPause_ms;
  }
  void connect_failed() {
    failed_at_ms_.store(now_ms(), std::memory_order_relaxed);
    reachable_.store(false, std::memory_order_relaxed);
  }
  // Whoever is told that it is there may try at once.
  void set_reachable(bool reachable) {
    if (reachable) failed_at_ms_.store(-kPause_ms, std::memory_order_relaxed);
    reachable_.store(reachable, std::memory_order_relaxed);
  }
  [[nodiscard]] bool reachable() const { return reachable_.load(std::memory_order_relaxed); }
  // A write found the disk full or the like; cleared by one that succeeds.
  void set_write_fault(bool fault) { write_fault_.store(fault, std::memory_order_relaxed); }
  [[nodiscard]] bool write_fault() const { return write_fault_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::int64_t kPause_ms = 300;

  static std::int64_t now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
  }
  std::atomic<std::int64_t> failed_at_ms_{-kPause_ms};
  std::atomic<bool> reachable_{true};
  std::atomic<bool> write_fault_{false};
};

}  // namespace carnet::store
