#include "api/rate_limit.h"

namespace carnet::api {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr std::int64_t kNanosPerMinute = 60 * kNanosPerSecond;
constexpr int kUsualBurst = 60;

int seconds_up(std::int64_t nanos) {
  return static_cast<int>((std::max<std::int64_t>(nanos, 0) + kNanosPerSecond - 1) /
                          kNanosPerSecond);
}

}  // namespace

int Rate::burst() const { return std::max({1, std::min(kUsualBurst, per_minute), per_minute / 5}); }

Verdict RateLimiter::take(std::string_view name, Rate rate, int cost) {
  return decide(name, rate, cost, true);
}

Verdict RateLimiter::look(std::string_view name, Rate rate) { return decide(name, rate, 1, false); }

Verdict RateLimiter::decide(std::string_view name, Rate rate, int cost, bool take) {
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(clock_.steady_now().time_since_epoch())
          .count();
  const std::int64_t spacing = kNanosPerMinute / std::max(1, rate.per_minute);
  const std::int64_t tolerance = spacing * rate.burst();
  Shard& shard = shards_[Hash{}(name) % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.arrivals.find(name);
  const std::int64_t arrival = found == shard.arrivals.end() ? now : std::max(found->second, now);
  const std::int64_t after = arrival + spacing * cost;
  Verdict verdict;
  verdict.allowed = after - now <= tolerance;
  const std::int64_t used = (verdict.allowed && take ? after : arrival) - now;
  verdict.remaining = (tolerance - used) / spacing;
  verdict.reset_s = seconds_up(used);
  if (!verdict.allowed) {
    verdict.retry_after_s = std::max(1, seconds_up(after - now - tolerance));
    return verdict;
  }
  if (!take) return verdict;
  if (found != shard.arrivals.end()) {
    found->second = after;
  } else {
    make_room(shard, now);
    shard.arrivals.emplace(std::string(name), after);
  }
  return verdict;
}

void RateLimiter::make_room(Shard& shard, std::int64_t now) const {
  if (shard.arrivals.size() < std::max<std::size_t>(1, names_max_ / kShards)) return;
  std::erase_if(shard.arrivals, [now](const auto& entry) { return entry.second <= now; });
  if (shard.arrivals.size() < std::max<std::size_t>(1, names_max_ / kShards)) return;
  const auto earlier = [](const auto& a, const auto& b) { return a.second < b.second; };
  shard.arrivals.erase(std::min_element(shard.arrivals.begin(), shard.arrivals.end(), earlier));
}

std::size_t RateLimiter::names() const {
  std::size_t count = 0;
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    count += shard.arrivals.size();
  }
  return count;
}

}  // namespace carnet::api
