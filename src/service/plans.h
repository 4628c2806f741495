#pragma once
// A migration plan for the backlog of a scan (assess/plan.h): what is asked, what is answered.
// Thread-safe. One plan is computed at a time, on a thread of its own; more wait, up to a bound.

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "assess/plan.h"
#include "base/clock.h"
#include "base/task.h"
#include "inventory/model.h"
#include "service/work_threads.h"
#include "store/database.h"
#include "store/rows.h"

namespace carnet::service {

inline constexpr std::size_t kPlanItemsMax = 1000;
inline constexpr std::size_t kPlanDependenciesMax = 2000;
inline constexpr std::size_t kPlanFreezesMax = 100;
inline constexpr int kPlanWeeksMax = 520;
inline constexpr double kPlanEffortDaysMax = 10000;
inline constexpr double kPlanCapacityDaysMax = 10000;  // a week
inline constexpr int kPlanSecondsMax = 10;

struct PlanRequest {
  double capacity_days_per_week = 0;  // hundredths count
  std::string start_date;             // "" = today
  int weeks = 260;                    // everything has to be finished by their end
  std::vector<std::string> items;     // empty: all that are open or in progress
  struct Freeze {
    std::string from, to, label;
  };
  std::vector<Freeze> freezes;
  struct Dependency {
    std::string before, after;
  };
  std::vector<Dependency> dependencies;
  struct Due {
    std::string item, date;
  };
  std::vector<Due> must_do_by;
  bool use_deadlines = false;  // each item's own deadline must be kept too
  struct Effort {
    std::string item;
    double days = 0;
  };
  std::vector<Effort> efforts;  // instead of the backlog's
  int seconds = kPlanSecondsMax;
};

struct MigrationPlan {
  std::vector<inventory::BacklogItem> items;  // in the order of the plan's numbers
  std::vector<double> effort_days;            // by item
  double capacity_days_per_week = 0;
  assess::Day start;
  assess::Plan plan;
};

class Plans {
 public:
  Plans(store::Database& db, const Clock& clock);

  // kNotFound; kScanNotFinished; kValidationFailed naming each member that is wrong, or the
  // constraints that cannot be met together (code "conflict"), as few as there can be;
  // kUnavailable when too many plans wait.
  [[nodiscard]] Task<Result<MigrationPlan>> make(TenantId tenant, ScanId scan, PlanRequest request);
  // Ends the search that runs and refuses others. Before the contexts of waiting coroutines are
  // destroyed.
  void stop();

 private:
  store::Database& db_;
  const Clock& clock_;
  std::atomic<bool> stopping_{false};
  WorkThreads threads_;
};

}  // namespace carnet::service
