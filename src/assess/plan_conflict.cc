// Why there is no plan: a smallest set of constraints that cannot hold together.
//
// A conflict is one of three things: a circle of dependencies; a date (or the end of the time
// looked at) before which every working day is frozen or has passed; or more work wanted by some
// day than there is room for until then, which takes the capacity, dates, the dependencies that
// draw other items in, and the freezes that take room away. Of the last kind an integer program per
// day finds the one with the fewest members. A set made irreducible by leaving out one member after
// the other comes first, so that there is an answer when the time is over.
#include <algorithm>
#include <map>
#include <numeric>
#include <queue>
#include <set>

#include "assess/mip.h"
#include "assess/plan_internal.h"

namespace carnet::assess {
namespace {

using Kind = PlanConstraint;
using Member = PlanConflict::Member;

// Which constraints count.
struct Active {
  bool capacity = true, horizon = true;
  std::vector<bool> dues, dependencies, freezes;

  static Active none(const PlanProblem& problem) {
    return {.capacity = false,
            .horizon = false,
            .dues = std::vector<bool>(problem.items.size()),
            .dependencies = std::vector<bool>(problem.dependencies.size()),
            .freezes = std::vector<bool>(problem.freezes.size())};
  }
  void set(const Member& member, bool on) {
    switch (member.kind) {
      case Kind::kCapacity:
        capacity = on;
        break;
      case Kind::kHorizon:
        horizon = on;
        break;
      case Kind::kDue:
        dues[member.index] = on;
        break;
      case Kind::kDependency:
        dependencies[member.index] = on;
        break;
      case Kind::kFreeze:
        freezes[member.index] = on;
        break;
    }
  }
};

std::vector<Member> all_members(const PlanProblem& problem) {
  std::vector<Member> members{{Kind::kHorizon, 0}};
  for (std::size_t i = 0; i < problem.freezes.size(); ++i) members.push_back({Kind::kFreeze, i});
  for (std::size_t i = 0; i < problem.dependencies.size(); ++i)
    members.push_back({Kind::kDependency, i});
  for (std::size_t i = 0; i < problem.items.size(); ++i)
    if (problem.items[i].due) members.push_back({Kind::kDue, i});
  members.push_back({Kind::kCapacity, 0});
  return members;
}

Active active_of(const PlanProblem& problem, const std::vector<Member>& members) {
  Active active = Active::none(problem);
  for (const Member& member : members) active.set(member, true);
  return active;
}

// Where the active constraints cannot be met.
struct Violation {
  bool circle = false;
  int day = 0;
  std::int64_t needed = 0, room = 0;
};

PlanProblem reduced(const PlanProblem& problem, const Active& active) {
  PlanProblem out = problem;
  for (std::size_t i = 0; i < out.items.size(); ++i)
    if (!active.dues[i]) out.items[i].due.reset();
  out.dependencies.clear();
  for (std::size_t i = 0; i < problem.dependencies.size(); ++i)
    if (active.dependencies[i]) out.dependencies.push_back(problem.dependencies[i]);
  out.freezes.clear();
  for (std::size_t i = 0; i < problem.freezes.size(); ++i)
    if (active.freezes[i]) out.freezes.push_back(problem.freezes[i]);
  return out;
}

std::optional<Violation> violation(const PlanProblem& whole, const Active& active) {
  const PlanProblem problem = reduced(whole, active);
  const auto network = make_network(problem);
  if (!network) return Violation{.circle = true};
  const Calendar calendar(problem);
  std::map<int, std::int64_t> wanted;  // by day
  const std::vector<int> dues = effective_dues(problem, *network, calendar);
  for (std::size_t i = 0; i < dues.size(); ++i)
    if (dues[i] < calendar.days() || active.horizon)
      wanted[std::min(dues[i], calendar.days() - 1)] += work_of(problem.items[i]);
  std::int64_t needed = 0;
  for (const auto& [day, work] : wanted) {
    needed += work;
    const std::int64_t room = calendar.until(day);
    if (active.capacity ? needed > room : room == 0)
      return Violation{.circle = false, .day = day, .needed = needed, .room = room};
  }
  return std::nullopt;
}

std::vector<Member> irreducible(const PlanProblem& problem) {
  const std::vector<Member> members = all_members(problem);
  Active active = active_of(problem, members);
  std::vector<Member> kept;
  for (const Member& member : members) {
    active.set(member, false);
    if (violation(problem, active)) continue;
    active.set(member, true);
    kept.push_back(member);
  }
  return kept;
}

// The shortest circle of dependencies; empty if there is none.
std::vector<Member> shortest_circle(const PlanProblem& problem) {
  const std::size_t count = problem.items.size();
  std::vector<std::vector<std::size_t>> out(count);  // numbers of dependencies
  for (std::size_t i = 0; i < problem.dependencies.size(); ++i)
    out[problem.dependencies[i].first].push_back(i);
  std::vector<Member> best;
  for (std::size_t start = 0; start < count; ++start) {
    std::vector<std::optional<std::size_t>> by(count);  // the dependency that led there
    std::queue<std::size_t> next;
    next.push(start);
    while (!next.empty() && !by[start]) {
      const std::size_t item = next.front();
      next.pop();
      for (const std::size_t dependency : out[item]) {
        const std::size_t to = problem.dependencies[dependency].second;
        if (by[to]) continue;
        by[to] = dependency;
        next.push(to);
      }
    }
    if (!by[start]) continue;
    std::vector<Member> circle;
    std::size_t item = start;
    do {
      circle.push_back({Kind::kDependency, *by[item]});
      item = problem.dependencies[*by[item]].first;
    } while (item != start);
    if (best.empty() || circle.size() < best.size()) best = std::move(circle);
  }
  return best;
}

// The fewest freezes that leave no working day up to `day`; nullopt if they do leave one.
std::optional<std::vector<Member>> closing_freezes(const PlanProblem& problem, int day) {
  const Calendar calendar(problem);
  std::vector<Member> chosen;
  int at = 0;
  while (true) {
    while (at <= day && !calendar.is_workday(at)) ++at;
    if (at > day) return chosen;
    const Day date = calendar.day_at(at);
    std::optional<std::size_t> widest;
    for (std::size_t i = 0; i < problem.freezes.size(); ++i) {
      const PlanFreeze& freeze = problem.freezes[i];
      if (freeze.from > date || freeze.to < date) continue;
      if (!widest || freeze.to > problem.freezes[*widest].to) widest = i;
    }
    if (!widest) return std::nullopt;
    chosen.push_back({Kind::kFreeze, *widest});
    at = calendar.index_of(problem.freezes[*widest].to) + 1;
  }
}

// Conflicts for which it does not matter how much can be done in a day.
void closed_days(const PlanProblem& problem, std::vector<Member>& best) {
  const Calendar calendar(problem);
  const auto consider = [&](const Member& member, int day) {
    auto freezes = closing_freezes(problem, day);
    if (!freezes || freezes->size() + 1 >= best.size()) return;
    freezes->push_back(member);
    best = std::move(*freezes);
  };
  for (std::size_t i = 0; i < problem.items.size(); ++i)
    if (problem.items[i].due) consider({Kind::kDue, i}, calendar.index_of(*problem.items[i].due));
  consider({Kind::kHorizon, 0}, calendar.days() - 1);
}

// The program for one day: which members make more work wanted by its end than there is room.
class TooMuchByDay {
 public:
  TooMuchByDay(const PlanProblem& problem, int day, bool at_end, std::size_t members_max)
      : problem_(problem), day_(day), calendar_(problem) {
    std::int64_t step = problem.capacity;  // of all numbers of work
    for (const PlanItem& item : problem.items) step = std::gcd(step, work_of(item));
    MipRow excess{.lower = 0, .upper = kMipInfinity, .elements = {}};
    for (std::size_t i = 0; i < problem.items.size(); ++i)  // wanted by the day, or not
      excess.elements.emplace_back(add({.lower = 0, .upper = 1, .cost = 0, .integer = false}),
                                   units_of(work_of(problem.items[i]), step));
    want(at_end);
    std::int64_t full = 0;
    for (const auto& [freezes, working_days] : frozen_days()) {
      const std::int64_t room = problem.capacity * working_days / step;
      full += room;
      if (freezes.empty()) continue;
      const int lost = add({.lower = 0, .upper = 1, .cost = 0, .integer = false});
      excess.elements.emplace_back(lost, static_cast<double>(room));
      MipRow row{.lower = -kMipInfinity, .upper = 0, .elements = {{lost, 1}}};
      for (const std::size_t freeze : freezes)
        row.elements.emplace_back(member({Kind::kFreeze, freeze}), -1);
      model_.rows.push_back(std::move(row));
    }
    excess.lower = static_cast<double>(full + 1);
    model_.rows.push_back(std::move(excess));
    MipRow fewer{.lower = 0, .upper = static_cast<double>(members_max) - 1, .elements = {}};
    for (const auto& [column, which] : members_) fewer.elements.emplace_back(column, 1);
    model_.rows.push_back(std::move(fewer));
    model_.cost_step = 1;
  }

  // nullopt in `found` and true: there is no conflict of at most `members_max` members; false: the
  // time was over.
  [[nodiscard]] bool solve(const MipLimits& limits, std::optional<std::vector<Member>>& found) {
    const MipOutcome outcome = solve_mip(model_, {}, limits);
    if (!outcome.values.empty()) {
      found.emplace();
      found->push_back({Kind::kCapacity, 0});
      constexpr double kHalf = 0.5;
      for (const auto& [column, which] : members_)
        if (outcome.values[static_cast<std::size_t>(column)] > kHalf) found->push_back(which);
    }
    return outcome.status != MipOutcome::Status::kStopped;
  }

 private:
  // Without rest: `step` divides all of them.
  static double units_of(std::int64_t work, std::int64_t step) {
    const std::int64_t units = work / step;
    return static_cast<double>(units);
  }
  int add(const MipColumn& column) {
    model_.columns.push_back(column);
    return static_cast<int>(model_.columns.size()) - 1;
  }
  int member(const Member& which) {
    for (const auto& [column, known] : members_)
      if (known.kind == which.kind && known.index == which.index) return column;
    const int column = add({.lower = 0, .upper = 1, .cost = 1, .integer = true});
    members_.emplace_back(column, which);
    return column;
  }

  // An item is wanted only for its own date, for one that waits for it, or because all must end.
  void want(bool at_end) {
    std::vector<MipRow> rows(problem_.items.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] = {.lower = -kMipInfinity, .upper = 0, .elements = {{static_cast<int>(i), 1}}};
      const auto& due = problem_.items[i].due;
      if (due && calendar_.index_of(*due) <= day_)
        rows[i].elements.emplace_back(member({Kind::kDue, i}), -1);
      if (at_end) rows[i].elements.emplace_back(member({Kind::kHorizon, 0}), -1);
    }
    for (std::size_t d = 0; d < problem_.dependencies.size(); ++d) {
      const auto& [first, second] = problem_.dependencies[d];
      const int column = add({.lower = 0, .upper = 1, .cost = 1, .integer = true});
      members_.emplace_back(column, Member{Kind::kDependency, d});
      rows[first].elements.emplace_back(column, -1);
      model_.rows.push_back({.lower = -kMipInfinity,
                             .upper = 0,
                             .elements = {{column, 1}, {static_cast<int>(second), -1}}});
    }
    for (MipRow& row : rows) model_.rows.push_back(std::move(row));
  }

  // Working days up to the day, by the freezes that they are in.
  [[nodiscard]] std::map<std::vector<std::size_t>, std::int64_t> frozen_days() const {
    std::map<std::vector<std::size_t>, std::int64_t> days;
    for (int at = 0; at <= day_; ++at) {
      if (!calendar_.is_workday(at)) continue;
      std::vector<std::size_t> freezes;
      for (std::size_t i = 0; i < problem_.freezes.size(); ++i)
        if (problem_.freezes[i].from <= calendar_.day_at(at) &&
            calendar_.day_at(at) <= problem_.freezes[i].to)
          freezes.push_back(i);
      ++days[freezes];
    }
    return days;
  }

  const PlanProblem& problem_;
  int day_;
  Calendar calendar_;
  MipModel model_;
  std::vector<std::pair<int, Member>> members_;
};

// Days by whose end too much is wanted when everything counts: no other can be the day of a
// conflict. The last stands for the end of the time looked at.
std::set<int> crowded_days(const PlanProblem& problem) {
  const Calendar calendar(problem);
  std::vector<int> dues(problem.items.size(), calendar.days() - 1);
  for (std::size_t i = 0; i < dues.size(); ++i)
    if (problem.items[i].due) dues[i] = calendar.index_of(*problem.items[i].due);
  for (bool changed = true; changed;) {  // also right where dependencies go in a circle
    changed = false;
    for (const auto& [first, second] : problem.dependencies)
      if (dues[second] < dues[first]) {
        dues[first] = dues[second];
        changed = true;
      }
  }
  std::map<int, std::int64_t> wanted;
  for (std::size_t i = 0; i < dues.size(); ++i) wanted[dues[i]] += work_of(problem.items[i]);
  std::set<int> crowded;
  std::int64_t needed = 0;
  for (const auto& [day, work] : wanted) {
    needed += work;
    if (needed > calendar.until(day)) crowded.insert(day);
  }
  if (needed > calendar.until(calendar.days() - 1)) crowded.insert(calendar.days() - 1);
  return crowded;
}

}  // namespace

std::optional<PlanConflict> find_conflict(const PlanProblem& problem, const PlanLimits& limits,
                                          const Clock& clock) {
  const SteadyTime begun = clock.steady_now();
  if (!violation(problem, active_of(problem, all_members(problem)))) return std::nullopt;
  std::vector<Member> best = irreducible(problem);
  if (auto circle = shortest_circle(problem); !circle.empty() && circle.size() < best.size())
    best = std::move(circle);
  closed_days(problem, best);
  bool smallest = true;
  const int last = Calendar(problem).days() - 1;
  constexpr std::size_t kWithCapacityMin = 2;  // the capacity and a date
  for (const int day : crowded_days(problem)) {
    if (best.size() <= kWithCapacityMin) break;
    const auto spent =
        std::chrono::duration_cast<std::chrono::milliseconds>(clock.steady_now() - begun);
    if (spent >= limits.time) {
      smallest = false;
      break;
    }
    TooMuchByDay program(problem, day, day == last, best.size() - 1);
    std::optional<std::vector<Member>> found;
    const bool done = program.solve(
        {.time = limits.time - spent, .cancelled = limits.cancelled, .clock = &clock}, found);
    smallest = smallest && done;
    if (found && found->size() < best.size()) {
      // Computed with rounding, so it is looked at again in whole numbers.
      if (violation(problem, active_of(problem, *found)))
        best = std::move(*found);
      else
        smallest = false;
    }
  }
  PlanConflict conflict;
  std::sort(best.begin(), best.end(), [](const Member& a, const Member& b) {
    return std::pair(a.kind, a.index) < std::pair(b.kind, b.index);
  });
  if (const auto where = violation(problem, active_of(problem, best)); where && !where->circle) {
    conflict.needed_units = where->needed;
    conflict.room_units = where->room;
    conflict.day = Calendar(problem).day_at(where->day);
  }
  conflict.members = std::move(best);
  conflict.smallest = smallest;
  return conflict;
}

}  // namespace carnet::assess
