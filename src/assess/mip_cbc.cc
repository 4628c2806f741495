// COIN-OR CBC. The library's own main program (CbcMain1) is not used: it takes over the process's
// SIGINT.

#include "assess/mip.h"

// CBC's other headers need these before them.
#include <CbcModel.hpp>
#include <CbcNode.hpp>

#include <CbcCutGenerator.hpp>
#include <CbcEventHandler.hpp>
#include <CbcHeuristic.hpp>
#include <CbcHeuristicDiveCoefficient.hpp>
#include <CbcHeuristicRINS.hpp>
#include <CglGomory.hpp>
#include <CglKnapsackCover.hpp>
#include <CglMixedIntegerRounding2.hpp>
#include <CglProbing.hpp>
#include <ClpEventHandler.hpp>
#include <ClpSimplex.hpp>
#include <CoinPackedMatrix.hpp>
#include <OsiClpSolverInterface.hpp>

#include <algorithm>
#include <cmath>

namespace carnet::assess {
namespace {

// Whether to go on. Read by the solver's own callbacks, on the thread that solves.
class Budget {
 public:
  explicit Budget(const MipLimits& limits)
      : limits_(limits), deadline_(limits.clock->steady_now() + limits.time) {}
  [[nodiscard]] bool over() const {
    if (limits_.cancelled != nullptr && limits_.cancelled->load(std::memory_order_relaxed))
      return true;
    return limits_.clock->steady_now() >= deadline_;
  }

 private:
  MipLimits limits_;
  SteadyTime deadline_;
};

class StopSearch final : public CbcEventHandler {
 public:
  explicit StopSearch(const Budget& budget) : budget_(budget) {}
  CbcAction event(CbcEvent /*which*/) override { return budget_.over() ? stop : noAction; }
  [[nodiscard]] CbcEventHandler* clone() const override { return new StopSearch(*this); }

 private:
  const Budget& budget_;
};

class StopSimplex final : public ClpEventHandler {
 public:
  explicit StopSimplex(const Budget& budget) : budget_(budget) {}
  int event(Event which) override {
    constexpr int kGoOn = -1;
    constexpr int kStop = 0;
    if (which != endOfFactorization) return kGoOn;
    return budget_.over() ? kStop : kGoOn;
  }
  [[nodiscard]] ClpEventHandler* clone() const override { return new StopSimplex(*this); }

 private:
  const Budget& budget_;
};

// The model without columns that have one value and rows that cannot be broken.
struct Reduced {
  std::vector<int> columns;  // numbers in the model
  std::vector<int> place;    // of the model's columns; -1: left out
  double left_out_cost = 0;
  bool impossible = false;

  explicit Reduced(const MipModel& model) : place(model.columns.size(), -1) {
    for (std::size_t i = 0; i < model.columns.size(); ++i) {
      if (model.columns[i].lower == model.columns[i].upper) {
        left_out_cost += model.columns[i].cost * model.columns[i].lower;
        continue;
      }
      place[i] = static_cast<int>(columns.size());
      columns.push_back(static_cast<int>(i));
    }
  }
  [[nodiscard]] std::vector<double> of(const std::vector<double>& values) const {
    std::vector<double> out;
    out.reserve(columns.size());
    for (const int column : columns) out.push_back(values[static_cast<std::size_t>(column)]);
    return out;
  }
  [[nodiscard]] std::vector<double> back(const MipModel& model, const double* values) const {
    std::vector<double> out;
    for (std::size_t i = 0; i < place.size(); ++i) {
      const double value =
          place[i] < 0 ? model.columns[i].lower : values[static_cast<std::size_t>(place[i])];
      out.push_back(model.columns[i].integer ? std::round(value) : value);
    }
    return out;
  }
};

// What the rows come to, for the solver.
struct Rows {
  std::vector<int> rows, columns;
  std::vector<double> values, lower, upper;
};

void add_row(const MipModel& model, const MipRow& row, Reduced& reduced, Rows& out) {
  double fixed = 0;
  double least = 0;
  double most = 0;
  std::size_t open = 0;
  for (const auto& [column, value] : row.elements) {
    const MipColumn& bounds = model.columns[static_cast<std::size_t>(column)];
    least += value > 0 ? value * bounds.lower : value * bounds.upper;
    most += value > 0 ? value * bounds.upper : value * bounds.lower;
    if (reduced.place[static_cast<std::size_t>(column)] < 0)
      fixed += value * bounds.lower;
    else
      ++open;
  }
  constexpr double kTolerance = 1e-6;
  if (least >= row.lower && most <= row.upper) return;
  if (open == 0) {
    reduced.impossible =
        reduced.impossible || least < row.lower - kTolerance || most > row.upper + kTolerance;
    return;
  }
  const int number = static_cast<int>(out.lower.size());
  for (const auto& [column, value] : row.elements) {
    const int place = reduced.place[static_cast<std::size_t>(column)];
    if (place < 0) continue;
    out.rows.push_back(number);
    out.columns.push_back(place);
    out.values.push_back(value);
  }
  out.lower.push_back(row.lower <= -kMipInfinity ? -COIN_DBL_MAX : row.lower - fixed);
  out.upper.push_back(row.upper >= kMipInfinity ? COIN_DBL_MAX : row.upper - fixed);
}

void load(const MipModel& model, Reduced& reduced, OsiClpSolverInterface& solver) {
  Rows rows;
  for (const MipRow& row : model.rows) add_row(model, row, reduced, rows);
  CoinPackedMatrix matrix(false, rows.rows.data(), rows.columns.data(), rows.values.data(),
                          static_cast<CoinBigIndex>(rows.values.size()));
  matrix.setDimensions(static_cast<int>(rows.lower.size()),
                       static_cast<int>(reduced.columns.size()));
  std::vector<double> lower;
  std::vector<double> upper;
  std::vector<double> cost;
  for (const int number : reduced.columns) {
    const MipColumn& column = model.columns[static_cast<std::size_t>(number)];
    lower.push_back(column.lower);
    upper.push_back(column.upper);
    cost.push_back(column.cost);
  }
  solver.loadProblem(matrix, lower.data(), upper.data(), cost.data(), rows.lower.data(),
                     rows.upper.data());
  for (std::size_t i = 0; i < reduced.columns.size(); ++i)
    if (model.columns[static_cast<std::size_t>(reduced.columns[i])].integer)
      solver.setInteger(static_cast<int>(i));
}

void add_generators(CbcModel& search) {
  CglProbing probing;
  probing.setUsingObjective(1);
  probing.setMaxPass(1);
  probing.setMaxPassRoot(1);
  probing.setMaxProbe(10);
  probing.setMaxProbeRoot(50);
  probing.setMaxLook(10);
  probing.setMaxLookRoot(50);
  probing.setRowCuts(3);
  search.addCutGenerator(&probing, -1, "probing");
  CglGomory gomory;
  gomory.setLimit(300);
  search.addCutGenerator(&gomory, -1, "gomory");
  CglKnapsackCover cover;
  search.addCutGenerator(&cover, -1, "cover");
  CglMixedIntegerRounding2 rounding;
  search.addCutGenerator(&rounding, -1, "rounding");
  CbcRounding round(search);
  search.addHeuristic(&round, "rounding");
  CbcHeuristicDiveCoefficient dive(search);
  search.addHeuristic(&dive, "dive");
  CbcHeuristicRINS neighbours(search);
  search.addHeuristic(&neighbours, "neighbours");
}

// Above it, CBC's best possible cost (1e50) says that it knows none yet.
constexpr double kNothingYet = 1e30;

// Branch and cut from the solved relaxation. `outcome` has the values to begin with, if any, and
// the relaxation's bound.
void search_tree(const MipModel& model, const Reduced& reduced, const OsiClpSolverInterface& solver,
                 const Budget& budget, const MipLimits& limits, MipOutcome& outcome) {
  CbcModel search(solver);
  search.setLogLevel(0);
  search.solver()->messageHandler()->setLogLevel(0);
  const StopSearch stop_search(budget);
  search.passInEventHandler(&stop_search);
  search.setUseElapsedTime(true);
  search.setMaximumSeconds(std::chrono::duration<double>(limits.time).count());
  constexpr double kNearlyOne = 0.999;
  if (model.cost_step > 0) search.setCutoffIncrement(kNearlyOne * model.cost_step);
  search.setAllowableGap(0);
  search.setAllowableFractionGap(0);
  add_generators(search);
  if (!outcome.values.empty()) {
    const std::vector<double> start = reduced.of(outcome.values);
    double cost = 0;
    for (std::size_t i = 0; i < start.size(); ++i)
      cost += start[i] * model.columns[static_cast<std::size_t>(reduced.columns[i])].cost;
    search.setBestSolution(start.data(), static_cast<int>(start.size()), cost, true);
  }
  search.branchAndBound();
  if (search.bestSolution() != nullptr) outcome.values = reduced.back(model, search.bestSolution());
  if (search.isProvenInfeasible() && outcome.values.empty()) {
    outcome.status = MipOutcome::Status::kInfeasible;
    outcome.bound.reset();
  } else if (search.isProvenOptimal()) {
    outcome.status = MipOutcome::Status::kOptimal;
    outcome.bound = reduced.left_out_cost + search.getObjValue();
  } else if (const double possible = search.getBestPossibleObjValue(); possible < kNothingYet) {
    outcome.bound = std::max(*outcome.bound, reduced.left_out_cost + possible);
  }
}

}  // namespace

MipOutcome solve_mip(const MipModel& model, const std::vector<double>& start,
                     const MipLimits& limits) {
  using Status = MipOutcome::Status;
  const Budget budget(limits);
  MipOutcome outcome;
  OsiClpSolverInterface solver;
  solver.messageHandler()->setLogLevel(0);
  solver.getModelPtr()->setLogLevel(0);
  Reduced reduced(model);
  load(model, reduced, solver);
  if (reduced.impossible) {
    outcome.status = Status::kInfeasible;
    return outcome;
  }
  if (reduced.columns.empty()) {
    outcome.status = Status::kOptimal;
    outcome.values = reduced.back(model, nullptr);
    outcome.bound = reduced.left_out_cost;
    return outcome;
  }
  const StopSimplex stop_simplex(budget);
  solver.getModelPtr()->passInEventHandler(&stop_simplex);
  solver.setHintParam(OsiDoPresolveInInitial, true);
  solver.initialSolve();
  if (solver.isProvenPrimalInfeasible()) {
    outcome.status = Status::kInfeasible;
    return outcome;
  }
  outcome.values = start;
  if (!solver.isProvenOptimal() || budget.over()) return outcome;
  outcome.bound = reduced.left_out_cost + solver.getObjValue();
  search_tree(model, reduced, solver, budget, limits, outcome);
  return outcome;
}

}  // namespace carnet::assess
