#pragma once
// A mixed-integer linear program and its solver, behind an interface small enough to change the
// solver. Minimises. Thread-safe: nothing is shared between calls. Used by plan.cc; bounded by its
// callers (plan.h).

#include <atomic>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"

namespace carnet::assess {

struct MipColumn {
  double lower = 0, upper = 1;  // both finite
  double cost = 0;
  bool integer = true;
};

struct MipRow {
  double lower = 0, upper = 0;                   // kMipInfinity: no bound
  std::vector<std::pair<int, double>> elements;  // column and coefficient
};

inline constexpr double kMipInfinity = 1e30;

struct MipModel {
  std::vector<MipColumn> columns;
  std::vector<MipRow> rows;
  // Every solution's cost is a multiple of it; 0: not known.
  double cost_step = 0;
};

struct MipLimits {
  std::chrono::milliseconds time{10000};         // on `clock`
  const std::atomic<bool>* cancelled = nullptr;  // looked at between iterations
  const Clock* clock = nullptr;                  // must not be null
};

struct MipOutcome {
  enum class Status { kOptimal, kInfeasible, kStopped };
  Status status = Status::kStopped;
  std::vector<double> values;   // of the best solution; empty if none was found
  std::optional<double> bound;  // proven: no solution costs less; nullopt: nothing was proven
};

// `start`: the columns' values in a known solution, or empty.
[[nodiscard]] MipOutcome solve_mip(const MipModel& model, const std::vector<double>& start,
                                   const MipLimits& limits);

}  // namespace carnet::assess
