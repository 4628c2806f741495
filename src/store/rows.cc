#include "store/rows.h"

namespace carnet::store {

std::string_view to_string(Role role) {
  switch (role) {
    case Role::kViewer:
      return "viewer";
    case Role::kOperator:
      return "operator";
    case Role::kAdmin:
      return "admin";
  }
  return "";
}

std::optional<Role> parse_role(std::string_view text) {
  for (const Role role : {Role::kViewer, Role::kOperator, Role::kAdmin})
    if (text == to_string(role)) return role;
  return std::nullopt;
}

std::string_view to_string(TenantState state) {
  switch (state) {
    case TenantState::kActive:
      return "active";
    case TenantState::kClosing:
      return "closing";
    case TenantState::kErasing:
      return "erasing";
  }
  return "";
}

TenantState parse_tenant_state(std::string_view text) {
  if (text == to_string(TenantState::kActive)) return TenantState::kActive;
  if (text == to_string(TenantState::kClosing)) return TenantState::kClosing;
  return TenantState::kErasing;
}

}  // namespace carnet::store
