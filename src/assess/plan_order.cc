// The order of working: a heuristic first, then an integer program that improves it and proves how
// good it is.
//
// By the exchange argument of plan.h only orders matter. In the program, n[c, p] is the number of
// items of class c (alike in effort, exposure and date, without dependencies) that are finished by
// the end of day p, for the last day of every week and every date that has to be kept: what is
// finished by then has to fit in what there is room for until then.
#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

#include "assess/mip.h"
#include "assess/plan_internal.h"
#include "base/check.h"

namespace carnet::assess {
namespace {

using Order = std::vector<std::size_t>;

// Everything about one problem that the steps below need.
struct Search {
  const PlanProblem& problem;
  Calendar calendar;
  Network network;
  std::vector<int> dues;  // by item; days() for none
  std::int64_t total = 0;

  [[nodiscard]] std::int64_t work(std::size_t item) const { return work_of(problem.items[item]); }
  [[nodiscard]] std::int64_t exposure(std::size_t item) const {
    return problem.items[item].exposure;
  }
};

Search begin(const PlanProblem& problem) {
  Calendar calendar(problem);
  auto network = make_network(problem);
  CARNET_CHECK(network.has_value());
  std::vector<int> dues = effective_dues(problem, *network, calendar);
  std::int64_t total = 0;
  for (const PlanItem& item : problem.items) total += work_of(item);
  return {problem, std::move(calendar), std::move(*network), std::move(dues), total};
}

// The cost of an order, nullopt if a date or a dependency is not kept.
std::optional<std::int64_t> cost_of(const Search& search, const Order& order) {
  std::vector<bool> done(order.size());
  std::int64_t work = 0;
  std::int64_t cost = 0;
  for (const std::size_t item : order) {
    for (const std::size_t first : search.network.before[item])
      if (!done[first]) return std::nullopt;
    done[item] = true;
    work += search.work(item);
    const int day = search.calendar.day_of(work);
    if (day >= search.calendar.days() || day > search.dues[item]) return std::nullopt;
    cost += search.exposure(item) * (search.calendar.week_of(day) + 1);
  }
  return cost;
}

// Less exposure for each day of work comes later.
bool less_worth(const Search& search, std::size_t a, std::size_t b) {
  const auto left = search.exposure(a) * search.work(b);
  const auto right = search.exposure(b) * search.work(a);
  return std::tuple(left, b) < std::tuple(right, a);
}

// Smith's rule from the end: of the items that may come last, the one that is worth the least.
// There always is one, because the one that is due last may.
Order backward(const Search& search) {
  const std::size_t count = search.problem.items.size();
  std::vector<std::size_t> followers(count);
  for (std::size_t i = 0; i < count; ++i) followers[i] = search.network.after[i].size();
  std::vector<bool> placed(count);
  Order order(count);
  std::int64_t work = search.total;
  for (std::size_t place = count; place-- > 0;) {
    const int day = search.calendar.day_of(work);
    std::optional<std::size_t> last;
    for (std::size_t i = 0; i < count; ++i) {
      if (placed[i] || followers[i] > 0 || search.dues[i] < day) continue;
      if (!last || less_worth(search, i, *last)) last = i;
    }
    CARNET_CHECK(last.has_value());
    order[place] = *last;
    placed[*last] = true;
    work -= search.work(*last);
    for (const std::size_t first : search.network.before[*last]) --followers[first];
  }
  return order;
}

// Moves one item to another place as long as that helps and `over` does not say to stop.
template <class Over>
void improve(const Search& search, const Over& over, Ordering& found) {
  const std::size_t count = found.order.size();
  for (bool better = true; better;) {
    better = false;
    for (std::size_t from = 0; from < count; ++from) {
      if (over()) return;
      for (std::size_t to = 0; to < count; ++to) {
        if (from == to) continue;
        Order order = found.order;
        const auto at = order.begin();
        if (from < to)
          std::rotate(at + std::ptrdiff_t(from), at + std::ptrdiff_t(from) + 1,
                      at + std::ptrdiff_t(to) + 1);
        else
          std::rotate(at + std::ptrdiff_t(to), at + std::ptrdiff_t(from),
                      at + std::ptrdiff_t(from) + 1);
        const auto cost = cost_of(search, order);
        if (!cost || *cost >= found.cost) continue;
        found.cost = *cost;
        found.order = std::move(order);
        better = true;
      }
    }
  }
}

// Items that are alike; those with dependencies stand alone.
struct Class {
  std::vector<std::size_t> items;
  std::int64_t work = 0, exposure = 0;  // of one
  int due = 0;
};

struct Classes {
  std::vector<Class> all;
  std::vector<std::size_t> of;  // by item
};

Classes classes_of(const Search& search) {
  std::map<std::tuple<std::int64_t, std::int64_t, int, std::size_t>, std::size_t> numbers;
  Classes classes;
  for (const std::size_t item : search.network.order) {
    const bool alone = !search.network.after[item].empty() || !search.network.before[item].empty();
    const auto key = std::tuple(search.work(item), search.exposure(item), search.dues[item],
                                alone ? item + 1 : 0);
    const auto [entry, fresh] = numbers.emplace(key, classes.all.size());
    if (fresh)
      classes.all.push_back({.items = {},
                             .work = search.work(item),
                             .exposure = search.exposure(item),
                             .due = search.dues[item]});
    classes.all[entry->second].items.push_back(item);
  }
  classes.of.resize(search.problem.items.size());
  for (std::size_t c = 0; c < classes.all.size(); ++c)
    for (const std::size_t item : classes.all[c].items) classes.of[item] = c;
  return classes;
}

// Whom one class comes after in some optimal plan: by dependency, and because the other is worth no
// less, takes no longer, is due no later, and is bound by no more. Swapping two such items never
// costs anything, and of all optimal orders the one with the fewest inversions has them all right.
class Precedence {
 public:
  Precedence(const Search& search, const Classes& classes)
      : count_(classes.all.size()), before_(count_, std::vector<bool>(count_)) {
    for (const std::size_t item : search.network.order) {
      const std::size_t own = classes.of[item];
      for (const std::size_t first : search.network.before[item]) {
        const std::size_t other = classes.of[first];
        before_[own][other] = true;
        for (std::size_t c = 0; c < count_; ++c)
          if (before_[other][c]) before_[own][c] = true;
      }
    }
    const auto needed = before_;  // by dependency alone
    for (std::size_t a = 0; a < count_; ++a)
      for (std::size_t b = 0; b < count_; ++b)
        if (a != b && goes_first(classes.all[a], classes.all[b], a, b) && bound(needed, a, b))
          before_[b][a] = true;
    close();
  }
  [[nodiscard]] bool before(std::size_t first, std::size_t second) const {
    return before_[second][first];
  }

 private:
  static bool goes_first(const Class& a, const Class& b, std::size_t at_a, std::size_t at_b) {
    if (a.exposure < b.exposure || a.work > b.work || a.due > b.due) return false;
    const bool same = a.exposure == b.exposure && a.work == b.work && a.due == b.due;
    return !same || at_a < at_b;
  }
  // Whatever `a` waits for `b` waits for too, and whatever waits for `b` waits for `a` too.
  static bool bound(const std::vector<std::vector<bool>>& needed, std::size_t a, std::size_t b) {
    for (std::size_t c = 0; c < needed.size(); ++c) {
      if (needed[a][c] && !needed[b][c]) return false;
      if (needed[c][b] && !needed[c][a]) return false;
    }
    return true;
  }
  // Both relations agree with one order, so their union has no circle.
  void close() {
    for (std::size_t k = 0; k < count_; ++k)
      for (std::size_t b = 0; b < count_; ++b)
        if (before_[b][k])
          for (std::size_t a = 0; a < count_; ++a)
            if (before_[k][a]) before_[b][a] = true;
  }

  std::size_t count_;
  std::vector<std::vector<bool>> before_;  // [second][first]
};

// The program of one problem, and the way back from its solution.
class Program {
 public:
  Program(const Search& search, const Classes& classes)
      : search_(search), classes_(classes), precedence_(search, classes) {
    choose_points();
    for (std::size_t c = 0; c < classes.all.size(); ++c) add_class(c);
    for (std::size_t p = 0; p < points_.size(); ++p) add_room(p);
    for (std::size_t second = 0; second < classes.all.size(); ++second)
      for (std::size_t first = 0; first < classes.all.size(); ++first)
        if (is_direct(first, second)) add_order(first, second);
    model_.cost_step = 1;
  }
  [[nodiscard]] const MipModel& model() const { return model_; }
  [[nodiscard]] std::size_t size() const { return points_.size() * classes_.all.size(); }
  // Of what every plan pays, the part that no column stands for.
  [[nodiscard]] std::int64_t base() const { return base_; }

  [[nodiscard]] std::vector<double> values_of(const Order& order) const {
    std::vector<double> values(model_.columns.size());
    std::int64_t work = 0;
    for (const std::size_t item : order) {
      work += search_.work(item);
      const int day = search_.calendar.day_of(work);
      for (std::size_t p = 0; p < points_.size(); ++p)
        if (points_[p].day >= day) values[column(classes_.of[item], p)] += 1;
    }
    return values;
  }

  [[nodiscard]] Order order_of(const std::vector<double>& values) const {
    std::vector<std::size_t> finished(search_.problem.items.size(), points_.size());
    for (std::size_t c = 0; c < classes_.all.size(); ++c) {
      std::size_t taken = 0;
      for (std::size_t p = 0; p < points_.size(); ++p)
        for (; taken < std::min(static_cast<std::size_t>(values[column(c, p)]),
                                classes_.all[c].items.size());
             ++taken)
          finished[classes_.all[c].items[taken]] = p;
    }
    // Ties keep the network's order, which has every item after those it waits for.
    Order order = search_.network.order;
    std::vector<std::size_t> place(order.size());
    for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(finished[a], place[a]) < std::pair(finished[b], place[b]);
    });
    return order;
  }

 private:
  struct Point {
    int day = 0;
    bool ends_week = false;
  };

  [[nodiscard]] std::size_t column(std::size_t c, std::size_t p) const {
    return c * points_.size() + p;
  }

  void choose_points() {
    const int last = search_.calendar.day_of(search_.total);
    std::map<int, bool> days;
    for (int week = 0; week <= search_.calendar.week_of(last); ++week)
      days[search_.calendar.last_day(week)] = true;
    for (const int due : search_.dues)
      if (due < last) days.emplace(due, false);
    for (const auto& [day, ends_week] : days) points_.push_back({day, ends_week});
  }

  // By p at least all of it is finished if everything that may come before it has room, at most
  // none if what must come before it has not.
  void add_class(std::size_t c) {
    const Class& one = classes_.all[c];
    const auto count = static_cast<double>(one.items.size());
    std::int64_t ahead = 0;
    std::int64_t behind = 0;
    for (std::size_t other = 0; other < classes_.all.size(); ++other) {
      const Class& that = classes_.all[other];
      const std::int64_t work = that.work * std::ssize(that.items);
      if (precedence_.before(other, c)) ahead += work;
      if (precedence_.before(c, other)) behind += work;
    }
    base_ += one.exposure * std::ssize(one.items);
    for (std::size_t p = 0; p < points_.size(); ++p) {
      const std::int64_t room = search_.calendar.until(points_[p].day);
      MipColumn variable{.lower = 0, .upper = count, .cost = 0, .integer = true};
      const std::int64_t fitting = room < ahead ? 0 : (room - ahead) / one.work;
      variable.upper = std::min(count, static_cast<double>(fitting));
      // Whatever its members wait behind, those at the end included, they are done by then.
      if (points_[p].day >= one.due || room >= search_.total - behind) variable.lower = count;
      if (points_[p].ends_week && p + 1 < points_.size()) {
        variable.cost = -static_cast<double>(one.exposure);
        base_ += one.exposure * std::ssize(one.items);
      }
      variable.lower = std::min(variable.lower, variable.upper);
      model_.columns.push_back(variable);
      if (p > 0)
        model_.rows.push_back({.lower = -kMipInfinity,
                               .upper = 0,
                               .elements = {{static_cast<int>(column(c, p - 1)), 1},
                                            {static_cast<int>(column(c, p)), -1}}});
    }
  }

  void add_room(std::size_t p) {
    MipRow row{.lower = -kMipInfinity,
               .upper = static_cast<double>(search_.calendar.until(points_[p].day)),
               .elements = {}};
    for (std::size_t c = 0; c < classes_.all.size(); ++c)
      row.elements.emplace_back(static_cast<int>(column(c, p)),
                                static_cast<double>(classes_.all[c].work));
    model_.rows.push_back(std::move(row));
  }

  // The second class's first item after the first one's last.
  void add_order(std::size_t first, std::size_t second) {
    const auto many_first = static_cast<double>(classes_.all[first].items.size());
    const auto many_second = static_cast<double>(classes_.all[second].items.size());
    for (std::size_t p = 0; p < points_.size(); ++p) {
      const std::size_t a = column(first, p);
      const std::size_t b = column(second, p);
      if (model_.columns[a].lower == many_first || model_.columns[b].upper == 0) continue;
      model_.rows.push_back(
          {.lower = -kMipInfinity,
           .upper = 0,
           .elements = {{static_cast<int>(b), many_first}, {static_cast<int>(a), -many_second}}});
    }
  }

  // Not already said by two others.
  [[nodiscard]] bool is_direct(std::size_t first, std::size_t second) const {
    if (!precedence_.before(first, second)) return false;
    for (std::size_t c = 0; c < classes_.all.size(); ++c)
      if (precedence_.before(first, c) && precedence_.before(c, second)) return false;
    return true;
  }

  const Search& search_;
  const Classes& classes_;
  Precedence precedence_;
  std::vector<Point> points_;
  MipModel model_;
  std::int64_t base_ = 0;
};

// What no plan can do better: each week for itself, with items cut to fit, without dependencies.
std::int64_t weekly_bound(const Search& search) {
  Order order(search.problem.items.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return less_worth(search, b, a); });
  double bound = 0;
  for (int week = 0; week <= search.calendar.week_of(search.calendar.day_of(search.total));
       ++week) {
    // Exposure that is left before this week ends, at least.
    auto room = week == 0 ? 0 : search.calendar.until(search.calendar.last_day(week - 1));
    for (const std::size_t item : order) {
      const std::int64_t done = std::min(room, search.work(item));
      room -= done;
      bound += static_cast<double>(search.exposure(item)) *
               static_cast<double>(search.work(item) - done) /
               static_cast<double>(search.work(item));
    }
  }
  constexpr double kHair = 1e-6;
  return static_cast<std::int64_t>(std::ceil(bound - kHair));
}

constexpr std::size_t kClassesMax = 400;    // the closure of the precedence is cubic in them
constexpr std::size_t kColumnsMax = 60000;  // more and the first relaxation is not solved in time

}  // namespace

Ordering best_order(const PlanProblem& problem, const PlanLimits& limits, const Clock& clock) {
  const SteadyTime begun = clock.steady_now();
  const Search search = begin(problem);
  Ordering found;
  found.order = backward(search);
  const auto first_cost = cost_of(search, found.order);
  CARNET_CHECK(first_cost.has_value());
  found.cost = *first_cost;
  constexpr int kShareOfTime = 10;
  const auto over = [&] {
    if (limits.cancelled != nullptr && limits.cancelled->load(std::memory_order_relaxed))
      return true;
    return clock.steady_now() - begun > limits.time / kShareOfTime;
  };
  improve(search, over, found);
  found.bound = weekly_bound(search);
  if (found.bound >= found.cost) return found;
  const Classes classes = classes_of(search);
  if (classes.all.size() > kClassesMax) return found;
  const Program program(search, classes);
  if (program.size() > kColumnsMax) return found;
  const auto spent =
      std::chrono::duration_cast<std::chrono::milliseconds>(clock.steady_now() - begun);
  const MipOutcome outcome =
      solve_mip(program.model(), program.values_of(found.order),
                {.time = std::max(limits.time - spent, std::chrono::milliseconds(1)),
                 .cancelled = limits.cancelled,
                 .clock = &clock});
  if (!outcome.values.empty()) {
    Order order = program.order_of(outcome.values);
    const auto cost = cost_of(search, order);
    if (cost && *cost < found.cost) {
      found.order = std::move(order);
      found.cost = *cost;
    }
  }
  if (outcome.bound) {
    constexpr double kTolerance = 1e-4;  // costs are whole
    const auto proven =
        program.base() + static_cast<std::int64_t>(std::ceil(*outcome.bound - kTolerance));
    found.bound = std::clamp(proven, found.bound, found.cost);
  }
  return found;
}

}  // namespace carnet::assess
