#pragma once
// Who is asking: the tenant's key in its three forms, the platform's key, or nobody. One gate of
// the pipeline.

#include "api/site.h"

namespace carnet::api {

// Fills call.actor and call.rate_per_minute as the route's access wants it. The errors of
// docs/api.md: kUnauthenticated, kConflictingKeys, kRateLimited (too many wrong keys from this
// address), kAdminNotConfigured, kAdminKeyWrong.
[[nodiscard]] Task<Result<void>> authenticate(Site& site, Call& call);

// The name under which an address is counted: an IPv4 address, or the /64 of an IPv6 one.
[[nodiscard]] std::string address_bucket(const net::IpAddress& address);
[[nodiscard]] bool is_loopback(const net::IpAddress& address);

}  // namespace carnet::api
