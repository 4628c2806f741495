#pragma once
// `carnet tenant` and `carnet audit`: export, erasure and closing of a tenant, and its audit trail,
// by a running service with an administrator's key; and the check of an exported trail without any.
// Exit codes as in api_client.h; of the checks 0 intact, 2 altered, 3 cannot be read.

#include <optional>
#include <string>

#include "app/tenant_client.h"

namespace carnet::app {

// Writes a new file of mode 0600; "-" is standard output. Nothing is left of one that broke off.
[[nodiscard]] int run_tenant_export(const TenantConnection& connection, const std::string& file);

struct TenantRemovalCommand {
  bool dry_run = false;
  std::string confirm;  // the tenant's slug
  std::optional<int> grace_days;
  bool cancel = false;
  bool status = false;
};
[[nodiscard]] int run_tenant_erase(const TenantConnection& connection,
                                   const TenantRemovalCommand& command);
[[nodiscard]] int run_tenant_offboard(const TenantConnection& connection,
                                      const TenantRemovalCommand& command);

struct AuditCommand {
  std::string trail = "/tenant/audit";  // or "/admin/audit", with the platform's key
  std::string action, since, until, actor, subject;
  int limit = 50;
  std::string file;               // export: where to; verify: which, "" asks the service
  std::string format = "ndjson";  // or csv
  std::string keys;               // verify FILE: the published keys
};
[[nodiscard]] int run_audit_list(const TenantConnection& connection, const AuditCommand& command);
[[nodiscard]] int run_audit_export(const TenantConnection& connection, const AuditCommand& command);
[[nodiscard]] int run_audit_verify(const TenantConnection& connection, const AuditCommand& command);

}  // namespace carnet::app
