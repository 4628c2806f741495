#pragma once
// `carnet tenant retention`: what is too old, what of it goes and what keeps the rest, from a
// running service. Exit codes as ask_service(). Blocking; one thread at a time.

#include "app/tenant_client.h"

namespace carnet::app {

struct RetentionCommand {
  int days = 0;  // what this number would do; 0: what holds
  int limit = 25;
};
[[nodiscard]] int run_tenant_retention(const TenantConnection& connection,
                                       const RetentionCommand& command);

}  // namespace carnet::app
