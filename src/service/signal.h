#pragma once
// Waking a coroutine from another thread. A Signal counts its pokes; a waiter says which count it
// has seen, so that a poke between looking and waiting is not lost. Thread-safe. A Signal may die
// before or after its waiters.

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "base/ids.h"
#include "base/task.h"

namespace carnet::service {

class Signal {
 public:
  Signal();
  void poke();  // any thread
  [[nodiscard]] std::uint64_t generation() const;
  // Returns as soon as generation() is not `seen`, at the latest after `at_most` (real time).
  [[nodiscard]] Task<void> wait(std::uint64_t seen, std::chrono::milliseconds at_most) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// One signal per scan that somebody watches in this process. The worker pokes when it has appended
// to a scan's timeline; watchers of scans that another process runs poll the database instead.
class ScanSignals {
 public:
  [[nodiscard]] std::shared_ptr<Signal> watch(const ScanId& scan);
  void poke(const ScanId& scan);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, std::weak_ptr<Signal>> watched_;
  std::size_t sweep_at_ =
      64;  // entries nobody holds any more are dropped when the map reaches this size
};

}  // namespace carnet::service
