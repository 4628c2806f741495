#pragma once
// `carnet remediation`: the backlog of a scan as work, over HTTP from a running service. Exit codes
// as those of `carnet share`: 0 done, 1 the service refused, or a later scan does not prove the
// item done, or rows of a table are wrong; 2 usage, 3 the service could not be reached.

#include <optional>
#include <string>
#include <vector>

#include "app/tenant_client.h"

namespace carnet::app {

struct RemediationList {
  std::string scan_id, status, owner;
  bool overdue = false;
  int limit = 25;
};

// What is not given stays as it is; "" removes it.
struct RemediationChange {
  std::string scan_id, item_id, status;
  std::optional<std::string> owner, notes, target_date, reason, accepted_until;
};

[[nodiscard]] int run_remediation_list(const TenantConnection& connection,
                                       const RemediationList& wanted);
// With the configuration to paste.
[[nodiscard]] int run_remediation_show(const TenantConnection& connection,
                                       const std::string& scan_id, const std::string& item_id);
[[nodiscard]] int run_remediation_set(const TenantConnection& connection,
                                      const RemediationChange& change);
[[nodiscard]] int run_remediation_verify(const TenantConnection& connection,
                                         const std::string& scan_id, const std::string& item_id,
                                         const std::string& later);
[[nodiscard]] int run_remediation_project(const TenantConnection& connection,
                                          const std::string& scan_id,
                                          const std::vector<std::string>& items);
// As CSV on standard output.
[[nodiscard]] int run_remediation_export(const TenantConnection& connection,
                                         const std::string& scan_id);
[[nodiscard]] int run_remediation_import(const TenantConnection& connection,
                                         const std::string& scan_id, const std::string& file,
                                         bool dry_run);

}  // namespace carnet::app
