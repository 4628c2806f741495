#pragma once
// `carnet portfolio`: what a parent tenant sees of its children, and the agreements behind it, over
// HTTP from a running service with a tenant's key. Exit codes as of share_command.h.

#include <string>

#include "app/tenant_client.h"

namespace carnet::app {

// A line for each child with the totals above; `tenant_id` "" for all.
[[nodiscard]] int run_portfolio_show(const TenantConnection& connection,
                                     const std::string& tenant_id, const std::string& sort,
                                     int limit);
struct PartnerWish {
  std::string label, scope = "summary";
  int expires_days = 7;
};
// Prints the code; it is shown this once.
[[nodiscard]] int run_portfolio_invite(const TenantConnection& connection, const PartnerWish& wish);
// Shows what the code would grant and to whom; grants it only with `yes`.
[[nodiscard]] int run_portfolio_accept(const TenantConnection& connection, const std::string& code,
                                       bool yes);
// `side`: "children" or "parents".
[[nodiscard]] int run_portfolio_partners(const TenantConnection& connection, std::string_view side,
                                         int limit);
// Whichever side of the agreement this tenant is on.
[[nodiscard]] int run_portfolio_end(const TenantConnection& connection, const std::string& link_id,
                                    bool as_parent);

}  // namespace carnet::app
