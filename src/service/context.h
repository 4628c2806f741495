#pragma once
// What every use case is given besides its arguments. Values; thread-safe to copy.

#include <string>

#include "base/ids.h"
#include "store/rows.h"

namespace carnet::service {

using store::Role;

// Who is calling. For the platform's own key: `platform` is true and `tenant` is empty.
struct Actor {
  TenantId tenant;
  std::string tenant_name;
  KeyId key;
  Role role = Role::kViewer;
  bool platform = false;
  store::TenantState tenant_state = store::TenantState::kActive;
  std::string request_id;
  [[nodiscard]] std::string audit_name() const {
    return platform ? "platform" : key.empty() ? "system" : key.str();
  }
};

}  // namespace carnet::service
