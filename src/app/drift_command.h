#pragma once
// `carnet drift`: what changed from scan to scan, over HTTP from a running service. Exit codes as
// those of `carnet share`: 0 done, 1 the service refused, 2 usage, 3 the service could not be
// reached.

#include <string>

#include "app/tenant_client.h"

namespace carnet::app {

struct DriftFilter {
  std::string host, change, direction, hybrid;  // "" = any
  int port = -1;                                // -1 = any
  int since_days = 366;
  int limit = 25;
};

// A line a day that had scans.
[[nodiscard]] int run_drift_summary(const TenantConnection& connection, int since_days);
// The changes at endpoints, newest first.
[[nodiscard]] int run_drift_changes(const TenantConnection& connection, const DriftFilter& filter);
// Two scans; `against` "": the newest earlier one of the same targets.
[[nodiscard]] int run_drift_diff(const TenantConnection& connection, const std::string& scan_id,
                                 const std::string& against);

}  // namespace carnet::app
