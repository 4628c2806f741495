#pragma once
// How a visitor stands in a link's access log. Pure but for the key, which is immutable;
// thread-safe.

#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/secret.h"

namespace carnet::service {

// Who comes to a link, as the connection says.
struct Visitor {
  std::string address;     // "192.0.2.7", "2001:db8::1"
  std::string user_agent;  // as sent
  std::string network;     // whom tries at a passcode are counted for; "" = the address
  std::string request_id;
};

class VisitorNames {
 public:
  explicit VisitorNames(const Secret& pepper);
  // `setting` is the tenant's: "truncated" gives the network the address is in ("192.0.2.0/24",
  // "2001:db8:1::/48"), anything else 32 hex digits of a keyed hash, which is the same for the same
  // address and tenant.
  [[nodiscard]] std::string name(const TenantId& tenant, std::string_view setting,
                                 std::string_view address) const;

 private:
  Secret key_;
};

// Printable text of at most 255 bytes; bytes that are no UTF-8 become '?'.
[[nodiscard]] std::string clean_user_agent(std::string_view text);

}  // namespace carnet::service
