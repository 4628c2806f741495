#include "probe/protocols.h"

#include <algorithm>

namespace carnet::probe {
namespace {

constexpr std::uint16_t kHttpsPort = 443;
constexpr std::uint16_t kSshPort = 22;

// Ports: IANA Service Name and Transport Protocol Port Number Registry; 465 is submissions of
// RFC 8314, 3268 the LDAP global catalogue, 24 "any private mail system", where LMTP is customary.
constexpr std::array<ProtocolRow, 12> kRows{{
    {Protocol::kSmtp, "smtp", "SMTP", {25, 587}, {465, 0}, true},
    {Protocol::kLmtp, "lmtp", "LMTP", {24, 0}, {0, 0}, true},
    {Protocol::kImap, "imap", "IMAP", {143, 0}, {993, 0}, true},
    {Protocol::kPop3, "pop3", "POP3", {110, 0}, {995, 0}, true},
    {Protocol::kSieve, "sieve", "ManageSieve", {4190, 0}, {0, 0}, true},
    {Protocol::kFtp, "ftp", "FTP", {21, 0}, {990, 989}, false},
    {Protocol::kNntp, "nntp", "NNTP", {119, 433}, {563, 0}, false},
    {Protocol::kXmppClient, "xmpp", "XMPP", {5222, 0}, {5223, 0}, false},
    {Protocol::kXmppServer, "xmpp-server", "XMPP between servers", {5269, 0}, {5270, 0}, false},
    {Protocol::kLdap, "ldap", "LDAP", {389, 3268}, {636, 3269}, false},
    {Protocol::kPostgresql, "postgresql", "PostgreSQL", {5432, 0}, {0, 0}, false},
    {Protocol::kMysql, "mysql", "MySQL", {3306, 0}, {0, 0}, false},
}};

// Of those without a row above: HTTPS, DNS over TLS, telnets, ircs, RADIUS over TLS, SIPS, AMQPS,
// WS-Management, syslog, IRC, HTTPS again, MQTT.
constexpr std::array<std::uint16_t, 12> kOtherTlsPorts{443,  853,  992,  994,  2083, 5061,
                                                       5671, 5986, 6514, 6697, 8443, 8883};

bool has(const std::array<std::uint16_t, 2>& ports, std::uint16_t port) {
  return port != 0 && std::find(ports.begin(), ports.end(), port) != ports.end();
}

void append(std::vector<std::uint16_t>& out, const std::array<std::uint16_t, 2>& ports) {
  for (const std::uint16_t port : ports) {
    if (port != 0) out.push_back(port);
  }
}

}  // namespace

std::span<const ProtocolRow> protocol_rows() { return kRows; }

const ProtocolRow& row_of(Protocol protocol) { return kRows[static_cast<std::size_t>(protocol)]; }

const ProtocolRow* find_protocol(std::string_view name) {
  const auto row = std::find_if(kRows.begin(), kRows.end(),
                                [name](const ProtocolRow& one) { return one.name == name; });
  return row == kRows.end() ? nullptr : &*row;
}

const ProtocolRow* protocol_on_port(std::uint16_t port) {
  const auto row = std::find_if(kRows.begin(), kRows.end(), [port](const ProtocolRow& one) {
    return has(one.upgrade_ports, port);
  });
  return row == kRows.end() ? nullptr : &*row;
}

const ProtocolRow* protocol_inside_tls(std::uint16_t port) {
  const auto row = std::find_if(kRows.begin(), kRows.end(), [port](const ProtocolRow& one) {
    return has(one.implicit_ports, port);
  });
  return row == kRows.end() ? nullptr : &*row;
}

bool is_implicit_tls_port(std::uint16_t port) {
  return std::find(kOtherTlsPorts.begin(), kOtherTlsPorts.end(), port) != kOtherTlsPorts.end() ||
         protocol_inside_tls(port) != nullptr;
}

bool is_ssh_port(std::uint16_t port) { return port == kSshPort || port == 2222 || port == 22222; }

bool is_known_kind(std::string_view kind) {
  return kind == "tls" || kind == "ssh" || kind == "email" || kind == "jwks" ||
         find_protocol(kind) != nullptr;
}

std::string kinds_sentence() {
  std::string out = "must be one of tls, ssh, email, jwks";
  for (const ProtocolRow& row : kRows) out.append(", ").append(row.name);
  return out;
}

std::vector<std::uint16_t> default_ports(std::string_view kind) {
  if (kind == "ssh") return {kSshPort};
  // RFC 8314 names both ways in for mail clients; 25 is for other servers.
  if (kind == "email") return {25, 465, 587, 143, 993, 110, 995};
  std::vector<std::uint16_t> out;
  if (const ProtocolRow* row = find_protocol(kind)) {
    append(out, row->upgrade_ports);
    append(out, row->implicit_ports);
    // Named by their registry, but not where anybody looks first.
    std::erase(out, 433);
    std::erase(out, 3268);
    std::erase(out, 3269);
    std::erase(out, 989);
    return out;
  }
  return {kHttpsPort};
}

}  // namespace carnet::probe
