#include "assess/plan.h"

#include <algorithm>
#include <numeric>
#include <queue>

#include "assess/plan_internal.h"
#include "base/check.h"

namespace carnet::assess {
namespace {

using std::chrono::days;

int weekday_of(Day day) {  // Monday 0
  return static_cast<int>(std::chrono::weekday(day).iso_encoding()) - 1;
}

}  // namespace

Calendar::Calendar(const PlanProblem& problem, const std::vector<bool>& use_freezes)
    : start_(problem.start), weeks_(problem.weeks_max) {
  constexpr int kSunday = 6;
  first_sunday_ = kSunday - weekday_of(start_);
  const int count = last_day(weeks_ - 1) + 1;
  std::vector<bool> frozen(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < problem.freezes.size(); ++i) {
    if (!use_freezes.empty() && !use_freezes[i]) continue;
    const auto from = std::max<std::int64_t>(0, (problem.freezes[i].from - start_).count());
    const auto to = std::min<std::int64_t>(count - 1, (problem.freezes[i].to - start_).count());
    for (std::int64_t day = from; day <= to; ++day) frozen[static_cast<std::size_t>(day)] = true;
  }
  until_.reserve(static_cast<std::size_t>(count) + 1);
  until_.push_back(0);
  for (int day = 0; day < count; ++day) {
    const bool open = is_workday(day) && !frozen[static_cast<std::size_t>(day)];
    until_.push_back(until_.back() + (open ? problem.capacity : 0));
  }
}

std::int64_t Calendar::until(int day) const {
  const int place = std::clamp(day, -1, days() - 1) + 1;
  return until_[static_cast<std::size_t>(place)];
}

int Calendar::week_of(int day) const {
  return day <= first_sunday_ ? 0 : (day - first_sunday_ - 1) / 7 + 1;
}

int Calendar::day_of(std::int64_t work) const {
  const auto found = std::lower_bound(until_.begin() + 1, until_.end(), work);
  return static_cast<int>(found - until_.begin()) - 1;
}

int Calendar::index_of(Day day) const {
  return static_cast<int>(
      std::clamp<std::int64_t>((day - start_).count(), -1, static_cast<std::int64_t>(days()) - 1));
}

bool Calendar::is_workday(int index) const { return weekday_of(day_at(index)) < kWorkingDays; }

std::optional<Network> make_network(const PlanProblem& problem) {
  const std::size_t count = problem.items.size();
  Network network{.after = std::vector<std::vector<std::size_t>>(count),
                  .before = std::vector<std::vector<std::size_t>>(count),
                  .order = {}};
  std::vector<std::size_t> waits(count);
  for (const auto& [first, second] : problem.dependencies) {
    network.after[first].push_back(second);
    network.before[second].push_back(first);
    ++waits[second];
  }
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  for (std::size_t i = 0; i < count; ++i)
    if (waits[i] == 0) ready.push(i);
  while (!ready.empty()) {
    const std::size_t item = ready.top();
    ready.pop();
    network.order.push_back(item);
    for (const std::size_t next : network.after[item])
      if (--waits[next] == 0) ready.push(next);
  }
  if (network.order.size() != count) return std::nullopt;
  return network;
}

std::vector<int> effective_dues(const PlanProblem& problem, const Network& network,
                                const Calendar& calendar) {
  std::vector<int> dues(problem.items.size(), calendar.days());
  for (auto item = network.order.rbegin(); item != network.order.rend(); ++item) {
    int& due = dues[*item];
    const std::optional<Day>& own = problem.items[*item].due;
    // One past the last day that is looked at asks for nothing that the end does not.
    if (own && *own < calendar.day_at(calendar.days())) due = calendar.index_of(*own);
    for (const std::size_t next : network.after[*item]) due = std::min(due, dues[next]);
  }
  return dues;
}

namespace {

Plan lay_out(const PlanProblem& problem, const Calendar& calendar, const Ordering& found) {
  Plan plan;
  plan.cost = found.cost;
  plan.bound = found.bound;
  plan.finished_week.resize(problem.items.size());
  plan.finished_day.resize(problem.items.size());
  std::int64_t done = 0;
  for (const std::size_t item : found.order) {
    std::int64_t left = work_of(problem.items[item]);
    while (left > 0) {
      const int day = calendar.day_of(done + 1);
      const int week = calendar.week_of(day);
      while (static_cast<int>(plan.weeks.size()) <= week) {
        const int number = static_cast<int>(plan.weeks.size());
        const int first = number == 0 ? 0 : calendar.last_day(number - 1) + 1;
        const int last = calendar.last_day(number);
        plan.weeks.push_back({.number = number + 1,
                              .from = calendar.day_at(first),
                              .to = calendar.day_at(last),
                              .capacity_units = calendar.until(last) - calendar.until(first - 1),
                              .parts = {}});
      }
      const std::int64_t part = std::min(left, calendar.until(calendar.last_day(week)) - done);
      done += part;
      left -= part;
      plan.weeks[static_cast<std::size_t>(week)].parts.push_back(
          {.item = item, .units = part, .finished = left == 0});
      if (left == 0) {
        plan.finished_week[item] = week + 1;
        plan.finished_day[item] = calendar.day_at(calendar.day_of(done));
      }
    }
  }
  return plan;
}

}  // namespace

std::variant<Plan, PlanConflict> make_plan(const PlanProblem& problem, const PlanLimits& limits,
                                           const Clock& clock) {
  CARNET_CHECK(!problem.items.empty() && problem.capacity > 0 && problem.weeks_max > 0);
  if (auto conflict = find_conflict(problem, limits, clock)) return std::move(*conflict);
  return lay_out(problem, Calendar(problem), best_order(problem, limits, clock));
}

}  // namespace carnet::assess
