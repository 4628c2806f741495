#pragma once
// Time, passed in so that a test can hold it. SystemClock is thread-safe; ManualClock too (its
// value is atomic).

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace carnet {

// Wall-clock time in milliseconds since 1970 in UTC: what is stored, compared and shown.
using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;
// For durations and deadlines inside the process; never stored.
using SteadyTime = std::chrono::steady_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() const = 0;
  [[nodiscard]] virtual SteadyTime steady_now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override;
  [[nodiscard]] SteadyTime steady_now() const override;
};

// A clock that stands still until told; both times move together. For tests.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start) : start_(start) {}
  [[nodiscard]] Timestamp now() const override { return start_ + offset_.load(); }
  [[nodiscard]] SteadyTime steady_now() const override {
    return SteadyTime{} + std::chrono::hours(1) + offset_.load();
  }
  void advance(std::chrono::milliseconds by) { offset_.store(offset_.load() + by); }

 private:
  Timestamp start_;
  std::atomic<std::chrono::milliseconds> offset_{std::chrono::milliseconds{0}};
};

// RFC 3339 in UTC with milliseconds only when they are not zero: "2026-11-24T05:30:54Z",
// "…54.120Z".
[[nodiscard]] std::string to_rfc3339(Timestamp time);
// Reads RFC 3339 with `Z` or a numeric offset; nullopt for anything else, an impossible date
// included.
[[nodiscard]] std::optional<Timestamp> parse_rfc3339(std::string_view text);
[[nodiscard]] inline std::int64_t to_millis(Timestamp time) {
  return time.time_since_epoch().count();
}
[[nodiscard]] inline Timestamp from_millis(std::int64_t millis) {
  return Timestamp{std::chrono::milliseconds{millis}};
}

}  // namespace carnet
