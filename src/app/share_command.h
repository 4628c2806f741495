#pragma once
// `carnet share`: share links from the shell, over HTTP to a running service with a tenant's key.
// Exit codes: 0 done, 1 the service refused (its own words are printed), 2 usage, 3 the service
// could not be reached.

#include <optional>
#include <string>

#include "app/tenant_client.h"
#include "base/random.h"

namespace carnet::app {

using ShareConnection = TenantConnection;

struct ShareCreate {
  std::string scan_id;
  std::string label, recipient, scope = "passport";
  int expires_hours = 168;
  std::string passcode_file;       // "" = none, "-" = standard input; its first line counts
  bool generate_passcode = false;  // make one and show it
  std::optional<int> max_views;
};

// Prints the link's address, its passcode if one was made, and until when it is valid.
[[nodiscard]] int run_share_create(const ShareConnection& connection, const ShareCreate& wanted,
                                   Random& random);
// A table of the tenant's links, or of one scan's; the newest `limit` (1–100).
[[nodiscard]] int run_share_list(const ShareConnection& connection, const std::string& scan_id,
                                 int limit);
[[nodiscard]] int run_share_revoke(const ShareConnection& connection, const std::string& share_id);
// A table of the link's access log; the newest `limit` (1–100).
[[nodiscard]] int run_share_views(const ShareConnection& connection, const std::string& share_id,
                                  int limit);

}  // namespace carnet::app
