#pragma once
// The application protocols that Carnet speaks before TLS, their names in requests and results, and
// the ports where IANA's registry puts them. A constant table; thread-safe.

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carnet::probe {

enum class Protocol {
  kSmtp,
  kLmtp,
  kImap,
  kPop3,
  kSieve,
  kFtp,
  kNntp,
  kXmppClient,
  kXmppServer,
  kLdap,
  kPostgresql,
  kMysql,
};

struct ProtocolRow {
  Protocol protocol;
  std::string_view name;                        // Endpoint::protocol and a value of kinds[]
  std::string_view label;                       // for people
  std::array<std::uint16_t, 2> upgrade_ports;   // TLS after a dialogue; 0: none
  std::array<std::uint16_t, 2> implicit_ports;  // TLS from the first byte; 0: none
  bool mail;                                    // belongs to the kind "email"
};

// Every protocol once, in the enum's order.
[[nodiscard]] std::span<const ProtocolRow> protocol_rows();
[[nodiscard]] const ProtocolRow& row_of(Protocol protocol);
// nullptr for a name that is none.
[[nodiscard]] const ProtocolRow* find_protocol(std::string_view name);
// The protocol whose upgrade port this is; nullptr if there is none.
[[nodiscard]] const ProtocolRow* protocol_on_port(std::uint16_t port);
// The protocol inside TLS on this port of implicit TLS; nullptr if the port has none here.
[[nodiscard]] const ProtocolRow* protocol_inside_tls(std::uint16_t port);
// Whether a server on this port waits for a ClientHello, so that nothing is to be heard first.
[[nodiscard]] bool is_implicit_tls_port(std::uint16_t port);
[[nodiscard]] bool is_ssh_port(std::uint16_t port);

// The values of kinds[]: "tls", "ssh", "email" and the names of the protocols.
[[nodiscard]] bool is_known_kind(std::string_view kind);
// "must be one of tls, ssh, …", for the field error.
[[nodiscard]] std::string kinds_sentence();
// Where a kind is looked for when the request names no port; 443 for "".
[[nodiscard]] std::vector<std::uint16_t> default_ports(std::string_view kind);

}  // namespace carnet::probe
