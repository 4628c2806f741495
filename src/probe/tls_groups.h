#pragma once
// Which named groups a server takes in TLS 1.3, and in whose order: hellos with an empty key_share,
// whose HelloRetryRequest names the server's choice (RFC 8446 section 4.1.4), repeated without the
// groups already named. No verdict rests on one hello: "unsupported" needs a group to be passed
// over and then refused.

#include <optional>
#include <string>
#include <vector>

#include "inventory/model.h"
#include "probe/tls_ask.h"

namespace carnet::probe {

struct GroupResult {
  inventory::Support tls13 =
      inventory::Support::kNotProven;              // kSupported, kUnsupported or kNotProven
  std::vector<inventory::TlsGroupSupport> groups;  // preferred first
  std::optional<bool> server_order;
  std::vector<std::uint16_t> suites;  // TLS 1.3 suites the server named
  std::vector<inventory::Finding> findings;
};

// Every group that is asked for: standard hybrids, pure ML-KEM, classical, then drafts and
// experiments.
[[nodiscard]] std::vector<std::uint16_t> tls13_group_candidates();
[[nodiscard]] inventory::TlsGroupSupport describe_group(std::uint16_t codepoint,
                                                        inventory::Support state);

// The hello that begins the enumeration; its answer is handed to enumerate_groups().
[[nodiscard]] HelloSpec first_group_hello(const Wire& wire);
[[nodiscard]] Task<GroupResult> enumerate_groups(Wire& wire, HelloAnswer first,
                                                 inventory::Profile profile);

}  // namespace carnet::probe
