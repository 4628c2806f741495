#pragma once
// `carnet alert`: what needs a person, over HTTP from a running service with a tenant's key. Exit
// codes as of share_command.h.

#include <optional>
#include <string>

#include "app/tenant_client.h"

namespace carnet::app {

struct AlertFilter {
  std::string status, kind, severity, scan_id;  // "" = any
  int limit = 25;                               // 1–100
};

// A table, newest first.
[[nodiscard]] int run_alert_list(const TenantConnection& connection, const AlertFilter& filter);
[[nodiscard]] int run_alert_show(const TenantConnection& connection, const std::string& alert_id);
// Acknowledged, or open again.
[[nodiscard]] int run_alert_mark(const TenantConnection& connection, const std::string& alert_id,
                                 bool acknowledged, const std::optional<std::string>& note);

}  // namespace carnet::app
