#pragma once
// How often someone may ask: the generic cell rate algorithm (ITU-T I.371 annex A) per name, with
// an injected clock. Thread-safe (64 shards, a mutex each). Bounded: names whose allowance is full
// again are forgotten first, which changes nothing; past that the one nearest to full goes.

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "store/allowances.h"

namespace carnet::api {

struct Rate {
  int per_minute = 300;
  // How many may come at once: 60 at the default of 300 a minute; never more than a minute's worth,
  // and a fifth of it for keys that may do more.
  [[nodiscard]] int burst() const;
  [[nodiscard]] std::int64_t spacing_ns() const;    // between two requests at the steady rate
  [[nodiscard]] std::int64_t tolerance_ns() const;  // the burst, as time
};

struct Verdict {
  bool allowed = true;
  std::int64_t remaining = 0;  // that may still come at once
  int reset_s = 0;             // until the whole burst is there again
  int retry_after_s = 0;       // when not allowed: at least 1
};

class RateLimiter {
 public:
  explicit RateLimiter(const Clock& clock, std::size_t names_max = 131072)
      : clock_(clock), names_max_(names_max) {}

  // Takes `cost` from `name`'s allowance, if there is as much.
  [[nodiscard]] Verdict take(std::string_view name, Rate rate, int cost = 1);
  // What take() would say, taking nothing.
  [[nodiscard]] Verdict look(std::string_view name, Rate rate);
  [[nodiscard]] std::size_t names() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  static constexpr std::size_t kShards = 64;
  struct Shard {
    mutable std::mutex mutex;
    // The theoretical arrival time of the next request that comes exactly in time, in nanoseconds.
    std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>> arrivals;
  };
  [[nodiscard]] Verdict decide(std::string_view name, Rate rate, int cost, bool take);
  void make_room(Shard& shard, std::int64_t now) const;

  const Clock& clock_;
  std::size_t names_max_;
  std::array<Shard, kShards> shards_;
};

// A RateLimiter that holds across all instances on one shared database (store/allowances.h); with a
// database of its own a process counts in memory. Names go to the database as a keyed hash, since
// some are addresses. Thread-safe.
class Limits {
 public:
  Limits(const Clock& clock, store::Database& db, const Secret& pepper);

  // Takes `cost` from `name`'s allowance, if there is as much. Errors: those of a write to a shared
  // database; none otherwise.
  [[nodiscard]] Task<Result<Verdict>> take(std::string name, Rate rate, int cost = 1);
  [[nodiscard]] std::size_t names() const { return local_.names(); }  // in memory

 private:
  RateLimiter local_;
  store::Database& db_;
  store::Allowances shared_;
  Secret key_;
};

}  // namespace carnet::api
