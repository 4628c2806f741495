#pragma once
// Which named groups a server takes in TLS 1.3, and in whose order: hellos with an empty key_share,
// whose HelloRetryRequest names the server's choice (RFC 8446 section 4.1.4), repeated without the
// groups already named. A server that states its list in EncryptedExtensions (OpenSSL does, to a
// client that did not get the server's favourite) is taken at its word once that handshake is
// proven; the deep profile asks all the same. "Unsupported" always needs a group to be passed over
// and then refused.

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
  std::optional<HelloAnswer> first;   // to the first hello, unless it refused the version
  std::vector<inventory::Finding> findings;
};

// Every group that is asked for: standard hybrids, pure ML-KEM, classical, then drafts and
// experiments.
[[nodiscard]] std::vector<std::uint16_t> tls13_group_candidates();
[[nodiscard]] inventory::TlsGroupSupport describe_group(std::uint16_t codepoint,
                                                        inventory::Support state);

// The hello that begins the enumeration: everything offered, no key share.
[[nodiscard]] HelloSpec first_group_hello(const Wire& wire);
// `first` is its answer, if it was asked already; `stated` the list that the server gave in an
// earlier proven handshake, if any.
[[nodiscard]] Task<GroupResult> enumerate_groups(Wire& wire, std::optional<HelloAnswer> first,
                                                 std::vector<std::uint16_t> stated,
                                                 inventory::Profile profile);

}  // namespace carnet::probe
