#include "api/rate_limit.h"

#include "base/encoding.h"
#include "crypto/hash.h"

namespace carnet::api {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr std::int64_t kNanosPerMinute = 60 * kNanosPerSecond;
constexpr int kUsualBurst = 60;

int seconds_up(std::int64_t nanos) {
  return static_cast<int>((std::max<std::int64_t>(nanos, 0) + kNanosPerSecond - 1) /
                          kNanosPerSecond);
}

// `used` of the tolerance after the decision.
Verdict verdict_of(bool allowed, std::int64_t used, Rate rate, int cost) {
  const std::int64_t tolerance = rate.tolerance_ns();
  Verdict verdict{.allowed = allowed,
                  .remaining = (tolerance - used) / rate.spacing_ns(),
                  .reset_s = seconds_up(used),
                  .retry_after_s = 0};
  if (!allowed)
    verdict.retry_after_s = std::max(1, seconds_up(used + rate.spacing_ns() * cost - tolerance));
  return verdict;
}

}  // namespace

std::int64_t Rate::spacing_ns() const { return kNanosPerMinute / std::max(1, per_minute); }
std::int64_t Rate::tolerance_ns() const { return spacing_ns() * burst(); }

int Rate::burst() const { return std::max({1, std::min(kUsualBurst, per_minute), per_minute / 5}); }

Verdict RateLimiter::take(std::string_view name, Rate rate, int cost) {
  return decide(name, rate, cost, true);
}

Verdict RateLimiter::look(std::string_view name, Rate rate) { return decide(name, rate, 1, false); }

Verdict RateLimiter::decide(std::string_view name, Rate rate, int cost, bool take) {
  const std::int64_t now =
      std::chrono::duration_cast<std::chrono::nanoseconds>(clock_.steady_now().time_since_epoch())
          .count();
  Shard& shard = shards_[Hash{}(name) % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.arrivals.find(name);
  const std::int64_t arrival = found == shard.arrivals.end() ? now : std::max(found->second, now);
  const std::int64_t after = arrival + rate.spacing_ns() * cost;
  const bool allowed = after - now <= rate.tolerance_ns();
  const Verdict verdict =
      verdict_of(allowed, (allowed && take ? after : arrival) - now, rate, cost);
  if (!allowed || !take) return verdict;
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

Limits::Limits(const Clock& clock, store::Database& db, const Secret& pepper)
    : local_(clock),
      db_(db),
      shared_(db),
      key_(crypto::derive_key(pepper, "carnet rate limits v1")) {}

Task<Result<Verdict>> Limits::take(std::string name, Rate rate, int cost) {
  if (!db_.shared()) co_return local_.take(name, rate, cost);
  store::AllowanceAsk ask{.name = to_hex(crypto::hmac_sha256(key_, name)),
                          .spacing_ns = rate.spacing_ns(),
                          .tolerance_ns = rate.tolerance_ns(),
                          .units = cost};
  CARNET_CO_TRY(grant, co_await shared_.take(std::move(ask)));
  co_return verdict_of(grant.granted, grant.used_ns, rate, cost);
}

}  // namespace carnet::api
