// How long a migration plan takes, and how good it is proven to be, for backlogs of 50 to 1,000
// items: a table with one line a backlog. Usage: carnet_plan_bench [seconds per plan = 10]
#include <chrono>
#include <cstdlib>
#include <random>
#include <vector>

#include <fmt/format.h>

#include "assess/plan.h"
#include "base/clock.h"

namespace {

using carnet::assess::PlanItem;
using carnet::assess::PlanProblem;

struct Shape {
  const char* name;
  std::size_t items, dependencies;
  bool alike;  // efforts and exposures of a few causes, as in a scan; else any
};

PlanProblem make(const Shape& shape, unsigned seed) {
  std::mt19937 random(seed);
  static constexpr std::pair<int, int> kCauses[] = {{200, 800}, {100, 800}, {50, 500},
                                                    {500, 350}, {100, 560}, {300, 1000},
                                                    {200, 500}, {100, 280}};
  PlanProblem problem;
  problem.start = std::chrono::sys_days(std::chrono::year(2027) / 1 / 4);
  problem.capacity = static_cast<std::int64_t>(shape.items) * 5;
  for (std::size_t i = 0; i < shape.items; ++i) {
    PlanItem item;
    const auto& [effort, exposure] = kCauses[random() % std::size(kCauses)];
    item.effort = shape.alike ? effort : 50 + static_cast<std::int64_t>(random() % 20) * 50;
    item.exposure = shape.alike ? exposure : 100 + static_cast<std::int64_t>(random() % 900);
    if (random() % 10 == 0) item.due = problem.start + std::chrono::days(200 + random() % 400);
    problem.items.push_back(item);
  }
  for (std::size_t i = 0; i < shape.dependencies; ++i) {
    const std::size_t a = random() % shape.items;
    const std::size_t b = random() % shape.items;
    if (a != b) problem.dependencies.emplace_back(std::min(a, b), std::max(a, b));
  }
  problem.freezes = {
      {problem.start + std::chrono::days(21), problem.start + std::chrono::days(34)}};
  return problem;
}

}  // namespace

int main(int argc, char** argv) {
  const int seconds = argc > 1 ? std::atoi(argv[1]) : 10;
  const carnet::SystemClock clock;
  const std::vector<Shape> shapes = {{"50 alike", 50, 5, true},
                                     {"200 alike", 200, 10, true},
                                     {"200 alike, 60 wait", 200, 60, true},
                                     {"200 that differ", 200, 20, false},
                                     {"1000 alike", 1000, 20, true},
                                     {"1000 that differ", 1000, 50, false}};
  fmt::print("{:<22}{:>8}{:>10}{:>12}{:>10}\n", "backlog", "weeks", "seconds", "gap", "optimal");
  for (const Shape& shape : shapes) {
    const PlanProblem problem = make(shape, 7);
    const auto begun = clock.steady_now();
    const auto answer = carnet::assess::make_plan(
        problem, {.time = std::chrono::seconds(seconds), .cancelled = nullptr}, clock);
    const double took = std::chrono::duration<double>(clock.steady_now() - begun).count();
    if (const auto* plan = std::get_if<carnet::assess::Plan>(&answer))
      fmt::print("{:<22}{:>8}{:>10.2f}{:>11.4f}%{:>10}\n", shape.name, plan->weeks.size(), took,
                 plan->gap() * 100, plan->optimal() ? "yes" : "no");
    else
      fmt::print("{:<22}{:>8}{:>10.2f}\n", shape.name, "conflict", took);
  }
  return 0;
}
