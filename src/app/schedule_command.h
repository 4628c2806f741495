#pragma once
// `carnet schedule`: scans at their time, from the shell, over the running service's API. Exit
// codes as ask_service(). Blocking; one thread at a time.

#include <optional>
#include <string>
#include <vector>

#include "app/tenant_client.h"

namespace carnet::app {

// What add and edit take; what is not given stays as it is, or as the service has it.
struct ScheduleChange {
  std::optional<std::string> name, cron, time_zone, profile, label, notify_on;
  std::optional<int> cadence_hours, jitter_minutes;
  std::vector<std::string> targets, kinds, emails;
  std::vector<int> ports;
  bool no_emails = false;
  bool paused = false;
};

[[nodiscard]] int run_schedule_list(const TenantConnection& connection, int limit);
[[nodiscard]] int run_schedule_add(const TenantConnection& connection,
                                   const ScheduleChange& wanted);
[[nodiscard]] int run_schedule_show(const TenantConnection& connection, const std::string& id);
[[nodiscard]] int run_schedule_edit(const TenantConnection& connection, const std::string& id,
                                    const ScheduleChange& change);
[[nodiscard]] int run_schedule_pause(const TenantConnection& connection, const std::string& id,
                                     bool paused);
// Now, beside its plan; prints the id of the scan.
[[nodiscard]] int run_schedule_now(const TenantConnection& connection, const std::string& id);
[[nodiscard]] int run_schedule_runs(const TenantConnection& connection, const std::string& id,
                                    int limit);
[[nodiscard]] int run_schedule_remove(const TenantConnection& connection, const std::string& id);

}  // namespace carnet::app
