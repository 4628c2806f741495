#pragma once
// What the parts of the planner share. Included by src/assess/plan*.cc and their tests only. Pure.

#include <cstdint>
#include <optional>
#include <vector>

#include "assess/plan.h"

namespace carnet::assess {

inline constexpr std::int64_t kWorkingDays = 5;
inline constexpr std::int64_t kUnitsPerHundredth = kPlanUnitsPerDay / 100;

// Capacity by day, counted from the problem's start; day -1 stands for everything before it.
class Calendar {
 public:
  // `use_freezes`: by number; empty: all of them.
  explicit Calendar(const PlanProblem& problem, const std::vector<bool>& use_freezes = {});
  [[nodiscard]] int days() const { return static_cast<int>(until_.size()) - 1; }
  [[nodiscard]] int weeks() const { return weeks_; }
  // Capacity from the start to the end of `day`; after the last day that of the last.
  [[nodiscard]] std::int64_t until(int day) const;
  [[nodiscard]] int last_day(int week) const { return first_sunday_ + 7 * week; }  // week from 0
  [[nodiscard]] int week_of(int day) const;
  // The first day by whose end there is room for `work`; days() if there is none.
  [[nodiscard]] int day_of(std::int64_t work) const;
  [[nodiscard]] int index_of(Day day) const;  // -1: before the start; at most days() - 1
  [[nodiscard]] Day day_at(int index) const { return start_ + std::chrono::days(index); }
  [[nodiscard]] bool is_workday(int index) const;

 private:
  Day start_;
  int first_sunday_ = 0;
  int weeks_ = 0;
  std::vector<std::int64_t> until_;  // one more than days: until_[0] = 0
};

// Who follows whom, directly; nullopt if it goes in a circle. `order` has every item after those
// before it.
struct Network {
  std::vector<std::vector<std::size_t>> after, before;
  std::vector<std::size_t> order;
};
[[nodiscard]] std::optional<Network> make_network(const PlanProblem& problem);

// By item: the day by whose end it has to be finished, for its own sake or for one that waits for
// it; days() if no date asks for it.
[[nodiscard]] std::vector<int> effective_dues(const PlanProblem& problem, const Network& network,
                                              const Calendar& calendar);

[[nodiscard]] inline std::int64_t work_of(const PlanItem& item) {
  return item.effort * kUnitsPerHundredth;
}

// nullopt: everything can be met. `deadline` bounds the search for the smallest one.
[[nodiscard]] std::optional<PlanConflict> find_conflict(const PlanProblem& problem,
                                                        const PlanLimits& limits,
                                                        const Clock& clock);

// The best order that was found, and what is proven of it.
struct Ordering {
  std::vector<std::size_t> order;
  std::int64_t cost = 0, bound = 0;
};
// Only of problems without conflict.
[[nodiscard]] Ordering best_order(const PlanProblem& problem, const PlanLimits& limits,
                                  const Clock& clock);

}  // namespace carnet::assess
