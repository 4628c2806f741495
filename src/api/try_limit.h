#pragma once
// How often something may be tried, exactly: no more than so many in any window of so long, with an
// injected clock. For passcodes, where each try matters; requests in general have rate_limit.h.
// Thread-safe. Bounded: past kNamesMax names, those whose windows are over are forgotten, then the
// one that was tried longest ago.

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "api/rate_limit.h"
#include "base/clock.h"

namespace carnet::api {

class TryLimiter {
 public:
  explicit TryLimiter(const Clock& clock) : clock_(clock) {}

  struct Window {
    int count = 0;
    std::chrono::seconds length{};
  };
  // One try of `name`, if all windows have room for it. `windows` are the same in every call for a
  // name.
  [[nodiscard]] Verdict take(const std::string& name, std::span<const Window> windows);
  // The last try taken does not count after all.
  void give_back(const std::string& name);

  static constexpr std::size_t kNamesMax = 65536;

 private:
  struct Tries {
    std::deque<SteadyTime> at;  // rising; none older than the longest window
    std::chrono::seconds longest{};
  };
  void make_room(SteadyTime now);

  const Clock& clock_;
  std::mutex mutex_;
  std::unordered_map<std::string, Tries> names_;
};

}  // namespace carnet::api
