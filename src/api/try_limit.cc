#include "api/try_limit.h"

#include <algorithm>

namespace carnet::api {
namespace {

int seconds_up(SteadyTime::duration time) {
  return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(time).count());
}

}  // namespace

Verdict TryLimiter::take(const std::string& name, std::span<const Window> windows) {
  const SteadyTime now = clock_.steady_now();
  const std::lock_guard lock(mutex_);
  const bool known = names_.contains(name);
  if (!known) make_room(now);
  Tries& tries = names_[name];
  for (const Window& window : windows) tries.longest = std::max(tries.longest, window.length);
  while (!tries.at.empty() && tries.at.front() + tries.longest <= now) tries.at.pop_front();
  Verdict verdict;
  for (const Window& window : windows) {
    const auto count = static_cast<std::size_t>(window.count);
    if (tries.at.size() < count) continue;
    // The try that has to leave the window before there is room.
    const SteadyTime free_at = tries.at[tries.at.size() - count] + window.length;
    if (free_at <= now) continue;
    verdict.allowed = false;
    verdict.retry_after_s = std::max({1, verdict.retry_after_s, seconds_up(free_at - now)});
  }
  if (verdict.allowed) tries.at.push_back(now);
  return verdict;
}

void TryLimiter::give_back(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const auto found = names_.find(name);
  if (found == names_.end() || found->second.at.empty()) return;
  found->second.at.pop_back();
  if (found->second.at.empty()) names_.erase(found);
}

void TryLimiter::make_room(SteadyTime now) {
  if (names_.size() < kNamesMax) return;
  std::erase_if(names_, [now](const auto& entry) {
    const Tries& tries = entry.second;
    return tries.at.empty() || tries.at.back() + tries.longest <= now;
  });
  if (names_.size() < kNamesMax) return;
  const auto oldest = [](const auto& a, const auto& b) {
    return a.second.at.back() < b.second.at.back();
  };
  names_.erase(std::min_element(names_.begin(), names_.end(), oldest));
}

}  // namespace carnet::api
