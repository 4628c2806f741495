#pragma once
// The migration plan: which work in which week, so that the most exposure is gone the soonest.
// Pure: the clock that is passed in bounds the time it takes, nothing else. Thread-safe. It may run
// for seconds: call it on a work thread.
//
// The model. One team works items off; its capacity is spread evenly over Monday to Friday, and a
// day inside a freeze window has none. Work on an item may be cut at any moment, so an item may be
// larger than a week. An item after which another waits is finished before that one begins. Then
// some order of the items, each worked off in one piece, is as good as any plan, and a plan is
// optimal if its order is: docs/remediation.md, "How the plan is made".
//
// The cost of a plan is the sum over items of exposure × weeks until the item is finished, the week
// of finishing included.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"

namespace carnet::assess {

// Work inside a plan is counted in five-hundredths of a working day: a fifth of any week's
// capacity, what one day holds, is then whole.
inline constexpr std::int64_t kPlanUnitsPerDay = 500;

using Day = std::chrono::sys_days;

struct PlanItem {
  std::int64_t effort = 0;    // hundredths of a person's working day, > 0, ≤ 10^6
  std::int64_t exposure = 0;  // tenths of a priority point, ≥ 0, ≤ 1000
  std::optional<Day> due;     // finished by the end of this day
};

struct PlanFreeze {
  Day from, to;  // both inside
};

struct PlanProblem {
  Day start;
  std::int64_t capacity = 0;  // hundredths of a working day a week, > 0, ≤ 10^7
  int weeks_max = 520;        // > 0; everything is finished by their end
  std::vector<PlanItem> items;
  std::vector<std::pair<std::size_t, std::size_t>> dependencies;  // first, then second
  std::vector<PlanFreeze> freezes;
};

struct PlanPart {
  std::size_t item = 0;
  std::int64_t units = 0;  // of work in this week
  bool finished = false;
};

struct PlanWeek {
  int number = 1;  // from the one that `start` is in
  Day from, to;    // Monday (the first week: `start`) to Sunday
  std::int64_t capacity_units = 0;
  std::vector<PlanPart> parts;  // in the order of working
};

struct Plan {
  std::vector<PlanWeek> weeks;  // up to the last that has work; weeks without work stand in it too
  std::vector<int> finished_week;  // by item: number of the week
  std::vector<Day> finished_day;   // by item
  std::int64_t cost = 0;           // tenths of exposure × weeks
  std::int64_t bound = 0;          // proven: no plan costs less
  [[nodiscard]] bool optimal() const { return cost == bound; }
  // How far above the bound the plan may be, 0–1.
  [[nodiscard]] double gap() const {
    return cost == 0 ? 0 : static_cast<double>(cost - bound) / static_cast<double>(cost);
  }
};

enum class PlanConstraint { kCapacity, kDue, kDependency, kFreeze, kHorizon };

// Constraints that cannot hold together, though they can when any one of them is dropped.
struct PlanConflict {
  struct Member {
    PlanConstraint kind = PlanConstraint::kCapacity;
    std::size_t index = 0;  // into items, dependencies or freezes
  };
  std::vector<Member> members;
  bool smallest = false;  // proven: no conflict has fewer members
  // What cannot be met: `needed_units` of work by the end of `day`, until when there is room for
  // `room_units`. Both 0 for a circle of dependencies.
  std::int64_t needed_units = 0, room_units = 0;
  std::optional<Day> day;
};

struct PlanLimits {
  std::chrono::milliseconds time{10000};
  const std::atomic<bool>* cancelled = nullptr;
};

// At least one item. A plan or a conflict is always the answer: when the time is over, the best
// plan that was found, with its bound.
[[nodiscard]] std::variant<Plan, PlanConflict> make_plan(const PlanProblem& problem,
                                                         const PlanLimits& limits,
                                                         const Clock& clock);

}  // namespace carnet::assess
