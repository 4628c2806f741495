#pragma once
// `carnet plan`: a migration plan for the backlog of a scan, over HTTP from a running service. Exit
// codes as those of `carnet share`: 0 done, 1 the service refused (what conflicts is printed), 2
// usage, 3 the service could not be reached.

#include <string>

#include "app/tenant_client.h"

namespace carnet::app {

struct PlanCommand {
  std::string scan_id;
  double capacity_days = 0;  // a week
  std::string start;         // "2027-01-04", "" = today
  std::string constraints;   // a file with further members of the request, as JSON; "" = none
  bool deadlines = false;    // keep each item's own deadline
};

// Prints a table of weeks with what is worked on, and how good the plan is proven to be.
[[nodiscard]] int run_plan(const TenantConnection& connection, const PlanCommand& wanted);

}  // namespace carnet::app
