// The planner against every order there is, on small problems, and what it promises on large ones.
#include "assess/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <set>

#include "assess/backlog.h"
#include "assess/judge.h"
#include "assess/mip.h"
#include "assess/scoring.h"

namespace carnet::assess {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using namespace std::chrono_literals;

constexpr Day kMonday = sys_days(std::chrono::year(2026) / 11 / 30);

struct Off {  // constraints that do not count
  bool capacity = false, horizon = false;
  std::set<std::size_t> dues, dependencies, freezes;
};

bool frozen(const PlanProblem& problem, Day day, const Off& off) {
  for (std::size_t i = 0; i < problem.freezes.size(); ++i)
    if (!off.freezes.contains(i) && problem.freezes[i].from <= day && day <= problem.freezes[i].to)
      return true;
  return false;
}

// Works an order off day by day; the cost in tenths of exposure × weeks, or nullopt if it breaks a
// rule.
std::optional<std::int64_t> work_off(const PlanProblem& problem,
                                     const std::vector<std::size_t>& order, const Off& off = {}) {
  std::vector<std::size_t> place(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  for (std::size_t i = 0; i < problem.dependencies.size(); ++i) {
    const auto [first, second] = problem.dependencies[i];
    if (!off.dependencies.contains(i) && place[first] >= place[second]) return std::nullopt;
  }
  Day day = problem.start;
  std::int64_t room = 0;
  std::int64_t cost = 0;
  const Day first_monday =
      problem.start - (std::chrono::weekday(problem.start) - std::chrono::Monday);
  const Day end = first_monday + days(7 * problem.weeks_max);
  const auto open = [&](Day one) {
    const auto name = std::chrono::weekday(one);
    return name != std::chrono::Saturday && name != std::chrono::Sunday &&
           !frozen(problem, one, off);
  };
  const auto room_of = [&](Day one) {
    if (!open(one)) return std::int64_t{0};
    return off.capacity ? std::int64_t{1} << 40 : problem.capacity;
  };
  room = room_of(day);
  for (const std::size_t item : order) {
    std::int64_t left = problem.items[item].effort * 5;
    while (left > room) {
      left -= room;
      day += days(1);
      if (day > end + days(10000)) return std::nullopt;
      room = room_of(day);
    }
    room -= left;
    const auto& due = problem.items[item].due;
    if (due && !off.dues.contains(item) && day > *due) return std::nullopt;
    if (!off.horizon && day >= end) return std::nullopt;
    cost += problem.items[item].exposure * ((day - first_monday).count() / 7 + 1);
  }
  return cost;
}

std::optional<std::int64_t> best_of_all(const PlanProblem& problem, const Off& off = {}) {
  std::vector<std::size_t> order(problem.items.size());
  std::iota(order.begin(), order.end(), 0);
  std::optional<std::int64_t> best;
  do {
    const auto cost = work_off(problem, order, off);
    if (cost && (!best || *cost < *best)) best = cost;
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

bool possible(const PlanProblem& problem, const Off& off) {
  std::vector<std::size_t> order(problem.items.size());
  std::iota(order.begin(), order.end(), 0);
  do {
    if (work_off(problem, order, off)) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

std::vector<PlanConflict::Member> members_of(const PlanProblem& problem) {
  std::vector<PlanConflict::Member> all{{PlanConstraint::kCapacity, 0},
                                        {PlanConstraint::kHorizon, 0}};
  for (std::size_t i = 0; i < problem.items.size(); ++i)
    if (problem.items[i].due) all.push_back({PlanConstraint::kDue, i});
  for (std::size_t i = 0; i < problem.dependencies.size(); ++i)
    all.push_back({PlanConstraint::kDependency, i});
  for (std::size_t i = 0; i < problem.freezes.size(); ++i)
    all.push_back({PlanConstraint::kFreeze, i});
  return all;
}

// Everything is off but these.
Off only(const PlanProblem& problem, const std::vector<PlanConflict::Member>& members) {
  Off off{.capacity = true, .horizon = true, .dues = {}, .dependencies = {}, .freezes = {}};
  for (std::size_t i = 0; i < problem.items.size(); ++i) off.dues.insert(i);
  for (std::size_t i = 0; i < problem.dependencies.size(); ++i) off.dependencies.insert(i);
  for (std::size_t i = 0; i < problem.freezes.size(); ++i) off.freezes.insert(i);
  for (const auto& member : members) {
    if (member.kind == PlanConstraint::kCapacity) off.capacity = false;
    if (member.kind == PlanConstraint::kHorizon) off.horizon = false;
    if (member.kind == PlanConstraint::kDue) off.dues.erase(member.index);
    if (member.kind == PlanConstraint::kDependency) off.dependencies.erase(member.index);
    if (member.kind == PlanConstraint::kFreeze) off.freezes.erase(member.index);
  }
  return off;
}

// True if some set of at most `size` constraints cannot hold.
bool conflict_within(const PlanProblem& problem, std::size_t size) {
  const auto all = members_of(problem);
  for (unsigned bits = 0; bits < (1U << all.size()); ++bits) {
    std::vector<PlanConflict::Member> chosen;
    for (std::size_t i = 0; i < all.size(); ++i)
      if ((bits >> i & 1U) != 0) chosen.push_back(all[i]);
    if (chosen.size() == size && !possible(problem, only(problem, chosen))) return true;
  }
  return false;
}

PlanProblem small_problem(int items_max, bool tight) {
  PlanProblem problem;
  problem.start = kMonday + days(*rc::gen::inRange(0, 7));
  problem.capacity = *rc::gen::element<std::int64_t>(50, 100, 250, 333, 500);
  problem.weeks_max = tight ? *rc::gen::inRange(2, 5) : 60;
  const auto count = *rc::gen::inRange<std::size_t>(1, static_cast<std::size_t>(items_max) + 1);
  for (std::size_t i = 0; i < count; ++i) {
    PlanItem item{.effort = *rc::gen::element<std::int64_t>(50, 100, 101, 200, 300, 700),
                  .exposure = *rc::gen::element<std::int64_t>(0, 120, 350, 500, 560, 1000),
                  .due = {}};
    if (*rc::gen::inRange(0, tight ? 2 : 4) == 0)
      item.due = problem.start +
                 days(*rc::gen::inRange(tight ? -2 : 0, tight ? 7 * problem.weeks_max - 7 : 100));
    problem.items.push_back(item);
  }
  const int pairs = *rc::gen::inRange(0, 4);
  for (int i = 0; i < pairs; ++i) {
    auto first = *rc::gen::inRange<std::size_t>(0, count);
    auto second = *rc::gen::inRange<std::size_t>(0, count);
    if (!tight && first > second) std::swap(first, second);
    if (first != second) problem.dependencies.emplace_back(first, second);
  }
  const int freezes = *rc::gen::inRange(0, 3);
  for (int i = 0; i < freezes; ++i) {
    const Day from = problem.start + days(*rc::gen::inRange(-3, 20));
    problem.freezes.push_back({from, from + days(*rc::gen::inRange(0, 12))});
  }
  return problem;
}

// The plan's own words add up: capacity, order of dependencies, dates, all the work.
void check_plan(const PlanProblem& problem, const Plan& plan) {
  std::vector<std::int64_t> done(problem.items.size());
  std::vector<std::size_t> order;
  for (const PlanWeek& week : plan.weeks) {
    std::int64_t used = 0;
    for (const PlanPart& part : week.parts) {
      RC_ASSERT(part.units > 0);
      used += part.units;
      done[part.item] += part.units;
      if (!part.finished) continue;
      order.push_back(part.item);
      RC_ASSERT(plan.finished_week[part.item] == week.number);
      RC_ASSERT(plan.finished_day[part.item] <= week.to);
      RC_ASSERT(plan.finished_day[part.item] >= week.from);
    }
    RC_ASSERT(used <= week.capacity_units);
  }
  for (std::size_t i = 0; i < done.size(); ++i) RC_ASSERT(done[i] == problem.items[i].effort * 5);
  RC_ASSERT(work_off(problem, order) == std::optional(plan.cost));
}

TEST(PlanTest, IsTheBestOfAllOrdersOrSaysThatThereIsNone) {
  ASSERT_TRUE(rc::check([] {
    const PlanProblem problem = small_problem(6, *rc::gen::arbitrary<bool>());
    const auto best = best_of_all(problem);
    const auto answer = make_plan(problem, {}, SystemClock());
    RC_ASSERT(std::holds_alternative<Plan>(answer) == best.has_value());
    if (!best) return;
    const Plan& plan = std::get<Plan>(answer);
    check_plan(problem, plan);
    RC_ASSERT(plan.cost == *best);
    RC_ASSERT(plan.bound <= plan.cost);
    RC_ASSERT(plan.optimal());
  }));
}

TEST(PlanTest, NamesASmallestConflict) {
  ASSERT_TRUE(rc::check([] {
    const PlanProblem problem = small_problem(4, true);
    const auto answer = make_plan(problem, {}, SystemClock());
    if (!std::holds_alternative<PlanConflict>(answer)) return;
    const auto& conflict = std::get<PlanConflict>(answer);
    RC_ASSERT(conflict.smallest);
    RC_ASSERT(!possible(problem, only(problem, conflict.members)));
    for (std::size_t size = 0; size < conflict.members.size(); ++size)
      RC_ASSERT(!conflict_within(problem, size));
  }));
}

std::vector<PlanConstraint> kinds_of(const PlanConflict& conflict) {
  std::vector<PlanConstraint> kinds;
  for (const auto& member : conflict.members) kinds.push_back(member.kind);
  return kinds;
}

TEST(PlanTest, ACircleOfDependenciesIsNamedByItself) {
  PlanProblem problem{
      .start = kMonday, .capacity = 500, .items = {}, .dependencies = {}, .freezes = {}};
  for (int i = 0; i < 5; ++i) problem.items.push_back({.effort = 100, .exposure = 10, .due = {}});
  problem.dependencies = {{0, 1}, {1, 2}, {2, 3}, {3, 0}, {2, 4}, {4, 2}};
  const auto answer = make_plan(problem, {}, SystemClock());
  const auto& conflict = std::get<PlanConflict>(answer);
  ASSERT_EQ(conflict.members.size(), 2U);
  EXPECT_EQ(conflict.members[0].index, 4U);
  EXPECT_EQ(conflict.members[1].index, 5U);
  EXPECT_TRUE(conflict.smallest);
}

TEST(PlanTest, AConflictSaysWhatIsWantedAndWhatThereIsRoomFor) {
  // Five days of room by Friday; the second item draws the first in, and a freeze takes two away.
  PlanProblem problem{
      .start = kMonday, .capacity = 500, .items = {}, .dependencies = {}, .freezes = {}};
  problem.items = {{.effort = 200, .exposure = 10, .due = {}},
                   {.effort = 200, .exposure = 10, .due = kMonday + days(4)},
                   {.effort = 900, .exposure = 10, .due = {}}};
  problem.dependencies = {{0, 1}, {1, 2}};
  problem.freezes = {{kMonday + days(1), kMonday + days(2)},
                     {kMonday + days(30), kMonday + days(40)}};
  const auto answer = make_plan(problem, {}, SystemClock());
  const auto& conflict = std::get<PlanConflict>(answer);
  EXPECT_THAT(kinds_of(conflict),
              testing::ElementsAre(PlanConstraint::kCapacity, PlanConstraint::kDue,
                                   PlanConstraint::kDependency, PlanConstraint::kFreeze));
  EXPECT_EQ(conflict.needed_units, 4 * kPlanUnitsPerDay);
  EXPECT_EQ(conflict.room_units, 3 * kPlanUnitsPerDay);
  EXPECT_EQ(*conflict.day, kMonday + days(4));
}

TEST(PlanTest, AnItemLargerThanAWeekIsSpread) {
  PlanProblem problem{
      .start = kMonday + days(3), .capacity = 500, .items = {}, .dependencies = {}, .freezes = {}};
  problem.items = {{.effort = 900, .exposure = 10, .due = {}}};
  const auto answer = make_plan(problem, {}, SystemClock());
  const Plan& plan = std::get<Plan>(answer);
  ASSERT_EQ(plan.weeks.size(), 3U);
  EXPECT_EQ(plan.weeks[0].capacity_units, 2 * kPlanUnitsPerDay);  // Thursday and Friday
  EXPECT_EQ(plan.weeks[2].parts.at(0).units, 2 * kPlanUnitsPerDay);
  EXPECT_EQ(plan.finished_week[0], 3);
  EXPECT_EQ(plan.finished_day[0], kMonday + days(15));  // Tuesday
}

PlanProblem backlog(std::size_t count, std::size_t dependencies, unsigned seed) {
  std::mt19937 random(seed);
  const auto pick = [&random](std::initializer_list<std::int64_t> values) {
    return *(values.begin() + static_cast<std::ptrdiff_t>(random() % values.size()));
  };
  PlanProblem problem{
      .start = kMonday, .capacity = 1000, .items = {}, .dependencies = {}, .freezes = {}};
  for (std::size_t i = 0; i < count; ++i) {
    PlanItem item{.effort = pick({50, 100, 200, 300, 500, 1000}),
                  .exposure = pick({200, 350, 500, 560, 700, 800, 1000}),
                  .due = {}};
    if (random() % 10 == 0) item.due = kMonday + days(200 + random() % 400);
    problem.items.push_back(item);
  }
  for (std::size_t i = 0; i < dependencies; ++i) {
    const std::size_t first = random() % count;
    const std::size_t second = random() % count;
    if (first != second)
      problem.dependencies.emplace_back(std::min(first, second), std::max(first, second));
  }
  problem.freezes = {{kMonday + days(21), kMonday + days(34)}};
  return problem;
}

TEST(PlanTest, TwoHundredItemsOfABacklogAreOptimal) {
  // As backlogs are: a few causes, so many items are alike; some wait for others.
  PlanProblem problem = backlog(200, 6, 7);
  std::mt19937 random(3);
  for (PlanItem& item : problem.items) {
    static constexpr std::pair<int, int> kCauses[] = {{200, 800}, {100, 800}, {50, 500},
                                                      {500, 350}, {100, 560}, {300, 1000}};
    const auto& [effort, exposure] = kCauses[random() % std::size(kCauses)];
    item = {.effort = effort, .exposure = exposure, .due = {}};
  }
  // Ends by itself; more time than a user gives, for machines that do other things besides.
  const auto answer = make_plan(problem, {.time = 90s, .cancelled = nullptr}, SystemClock());
  const Plan& plan = std::get<Plan>(answer);
  EXPECT_TRUE(plan.optimal()) << plan.cost << " " << plan.bound;
}

TEST(PlanTest, TwoHundredItemsThatAllDifferHaveAProvenGap) {
  const PlanProblem problem = backlog(200, 20, 7);
  const auto answer = make_plan(problem, {}, SystemClock());
  const Plan& plan = std::get<Plan>(answer);
  EXPECT_LE(plan.bound, plan.cost);
  // What is proven without the solver already; how much better it gets is a matter of time, and of
  // bench/plan_bench.cc.
  EXPECT_LT(plan.gap(), 0.05);
  RecordProperty("gap", std::to_string(plan.gap()));
}

TEST(PlanTest, StopsWhenItIsTold) {
  // The clock stands still, so only the flag can end the search; what was found until then is good.
  const ManualClock clock{Timestamp{}};
  const std::atomic<bool> cancelled{true};
  const PlanProblem problem = backlog(200, 60, 11);
  const auto answer = make_plan(problem, {.time = 10s, .cancelled = &cancelled}, clock);
  const Plan& plan = std::get<Plan>(answer);
  EXPECT_LE(plan.bound, plan.cost);
  EXPECT_GT(plan.bound, 0);
}

TEST(ProjectionTest, EachStepOfFixingRaisesTheScore) {
  const auto scenario = find_scenario("bank-tls-inventory", Timestamp{std::chrono::hours(500000)});
  JudgeInput input;
  input.endpoints = scenario->endpoints;
  input.now = Timestamp{std::chrono::hours(500000)};
  const inventory::Judgement judgement = judge(input);
  std::set<std::string> breaking;
  std::set<std::string> all;
  for (const inventory::BacklogItem& item : judgement.backlog) {
    all.insert(item.id);
    if (item.severity == "critical" && item.deadline.empty()) breaking.insert(item.id);
  }
  ASSERT_FALSE(breaking.empty());
  const Projection none = project(judgement, {}, {});
  EXPECT_EQ(none.now->score, *judgement.score);
  EXPECT_EQ(none.then->score, *judgement.score);
  EXPECT_EQ(none.now->low, *judgement.score_low);
  const Projection mended = project(judgement, {}, breaking);
  EXPECT_GT(mended.then->score, none.now->score);
  const Projection whole = project(judgement, {}, all);
  EXPECT_GT(whole.then->score, mended.then->score);
  EXPECT_GT(whole.fixed_assets.size(), mended.fixed_assets.size());
}

// What a projection promises is what judging the endpoints gives once they are so.
TEST(ProjectionTest, IsWhatTheNextScanShows) {
  const Timestamp now{std::chrono::hours(24) * 20000};
  JudgeInput input{.endpoints = find_scenario("bank-tls-inventory", now)->endpoints,
                   .mosca = {},
                   .remediation = {},
                   .now = now};
  const auto mended = std::find_if(input.endpoints.begin(), input.endpoints.end(), [](auto& one) {
    return one.tls && one.tls->handshake_proof.group == "X25519MLKEM768";
  });
  ASSERT_NE(mended, input.endpoints.end());
  mended->tls->legacy_key_exchanges = {"ECDHE", "RSA"};
  JudgeInput good = input;
  for (auto& group : mended->tls->groups) {
    if (group.kind != "classical") group.state = inventory::Support::kUnsupported;
    if (group.name == "x25519") group.state = inventory::Support::kPreferred;
  }
  mended->tls->handshake_proof.group = "x25519";
  const inventory::Judgement before = judge(input);
  std::set<std::string> hybrid;
  std::set<std::string> transport;
  for (const auto& item : before.backlog) {
    const auto asset = std::find_if(before.assets.begin(), before.assets.end(),
                                    [&](const auto& one) { return one.id == item.asset_id; });
    if (asset->host != mended->host) continue;
    if (cause_of(item) == "tls-no-pq") hybrid.insert(item.id);
    if (cause_of(item) == "tls-rsa-transport") transport.insert(item.id);
  }
  ASSERT_EQ(hybrid.size(), 1U);
  ASSERT_EQ(transport.size(), 1U);
  // The fallback for old clients does not keep the key exchange from being safe.
  good.remediation = {{*hybrid.begin(), {.status = "done", .owner = {}, .target_date = {}}}};
  EXPECT_EQ(project(before, {}, hybrid).then->score, *judge(good).score);
  EXPECT_EQ(project(before, {}, transport).then->score, before.score);
}

TEST(MipTest, SolvesAKnapsackAndKnowsWhatCannotBe) {
  const SystemClock clock;
  MipModel model;
  model.columns = {{.cost = -5}, {.cost = -4}, {.cost = -3}};
  model.rows = {{.lower = -kMipInfinity, .upper = 5, .elements = {{0, 2}, {1, 3}, {2, 1}}},
                {.lower = -kMipInfinity, .upper = 11, .elements = {{0, 4}, {1, 1}, {2, 2}}}};
  model.cost_step = 1;
  const MipOutcome best = solve_mip(model, {}, {.clock = &clock});
  EXPECT_EQ(best.status, MipOutcome::Status::kOptimal);
  EXPECT_THAT(best.values, testing::ElementsAre(1, 1, 0));
  model.rows.push_back({.lower = 6, .upper = kMipInfinity, .elements = {{0, 2}, {1, 3}}});
  EXPECT_EQ(solve_mip(model, {}, {.clock = &clock}).status, MipOutcome::Status::kInfeasible);
}

// Wherever the search is stopped, it proves no more than is true.
TEST(MipTest, WhatIsProvenWhenTheTimeIsUpHolds) {
  const SystemClock clock;
  std::mt19937 random(5);
  const auto number = [&random] { return 10.0 + static_cast<double>(random() % 90); };
  MipModel model;
  model.cost_step = 1;
  for (int i = 0; i < 60; ++i) model.columns.push_back({.cost = -number()});
  for (int row = 0; row < 5; ++row) {
    model.rows.push_back({.lower = -kMipInfinity, .upper = 1000, .elements = {}});
    for (int i = 0; i < 60; ++i) model.rows.back().elements.emplace_back(i, number());
  }
  for (const int time : {1, 2, 3, 5, 8, 13, 21, 34, 55, 89}) {
    const MipOutcome outcome =
        solve_mip(model, {}, {.time = std::chrono::milliseconds(time), .clock = &clock});
    double cost = 0;  // of taking nothing, which is allowed
    for (std::size_t i = 0; i < outcome.values.size(); ++i)
      cost += outcome.values[i] * model.columns[i].cost;
    EXPECT_LE(outcome.bound.value_or(cost), cost + 1e-6) << time;
  }
}

}  // namespace
}  // namespace carnet::assess
