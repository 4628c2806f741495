#include "probe/endpoint_probe.h"

#include <algorithm>
#include <memory>

#include "probe/jwks_probe.h"
#include "probe/other_addresses.h"
#include "probe/ssh_probe.h"
#include "probe/starttls_preamble.h"

namespace carnet::probe {
namespace {

using inventory::Endpoint;

// How long a server may take to speak first: a few round trips, and its own time to start a
// process. Not more, as nothing is lost by going on: who greets later is heard all the same, as the
// first ClientHello goes out on the connection that is listened on.
constexpr auto kServerFirstLeast = std::chrono::milliseconds(100);
constexpr auto kServerFirstMost = std::chrono::milliseconds(300);
constexpr int kServerFirstRoundTrips = 4;
// For a protocol that is only guessed at.
constexpr auto kGuessPatience = std::chrono::milliseconds(1000);

// Whom to ask for. An XMPP server's host often has a name below the domain that it serves.
std::vector<std::string> domains_of(const ProtocolRow& row, const std::string& host) {
  std::vector<std::string> out{host};
  const bool xmpp = row.protocol == Protocol::kXmppClient || row.protocol == Protocol::kXmppServer;
  const auto dot = host.find('.');
  const bool has_parent = dot != std::string::npos && host.find('.', dot + 1) != std::string::npos;
  if (xmpp && has_parent && !net::IpAddress::parse(host)) out.push_back(host.substr(dot + 1));
  return out;
}

}  // namespace

EndpointProbe::EndpointProbe(const Services& services, TlsTools tools, inventory::Profile profile,
                             PlannedEndpoint planned, Start start)
    : services_(services),
      tools_(tools),
      profile_(profile),
      planned_(std::move(planned)),
      began_(services.clock.steady_now() - start.resolving),
      wire_(services, planned_.host, planned_.port, began_ + services.limits.target) {
  wire_.set_addresses(std::move(start.addresses));
  out_.id = std::move(start.id);
  out_.host = planned_.host;
  out_.port = planned_.port;
}

Task<inventory::Endpoint> EndpointProbe::probe() {
  const auto reached = co_await wire_.reach();
  if (!reached) {
    out_.unreached_reason = reached.error().public_detail;
  } else {
    out_.address = wire_.address().to_string();
    co_await look();
    note_passed_over();
  }
  out_.reached = !out_.protocol.empty();
  if (out_.reached) out_.unreached_reason.clear();
  out_.connections = wire_.connections();
  const auto took = services_.clock.steady_now() - began_;
  out_.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  co_return std::move(out_);
}

// The addresses that were tried before the one that answered.
void EndpointProbe::note_passed_over() {
  for (const Wire::PassedOver& one : wire_.passed_over()) {
    Endpoint unreached;
    unreached.unreached_reason = one.reason;
    out_.other_addresses.push_back(compare_address(out_, one.address, unreached));
  }
}

Task<void> EndpointProbe::look() {
  const std::string& kind = planned_.kind;
  const ProtocolRow* on_port = protocol_on_port(planned_.port);
  if (kind == "ssh") {
    co_await try_ssh("request");
  } else if (kind == "jwks") {
    co_await try_jwks();
  } else if (kind == "tls") {
    if (on_port != nullptr && co_await try_upgrade(*on_port, "port")) co_return;
    co_await try_tls(name_inside_tls(), "request");
  } else if (const ProtocolRow* row = find_protocol(kind)) {
    co_await as_protocol(*row);
  } else {
    // "email" on a port that is no mail port: whatever is there.
    co_await find_out();
  }
}

Task<void> EndpointProbe::as_protocol(const ProtocolRow& row) {
  const ProtocolRow* inside = protocol_inside_tls(planned_.port);
  const bool implicit = inside != nullptr && inside->protocol == row.protocol;
  const std::string name(row.name);
  if (implicit) {
    co_await try_tls(name, "request");
    co_return;
  }
  if (co_await try_upgrade(row, "request")) co_return;
  const std::string why = out_.unreached_reason;
  const ProtocolRow* on_port = protocol_on_port(planned_.port);
  if (on_port != nullptr && on_port->protocol == row.protocol) co_return;
  // A port of somebody's own choice may just as well have TLS from the first byte.
  if (co_await try_tls(name, "request")) co_return;
  out_.unreached_reason = why + "; nor TLS from the first byte";
}

Task<void> EndpointProbe::find_out() {
  const std::uint16_t port = planned_.port;
  if (is_ssh_port(port)) {
    if (co_await try_ssh("port")) co_return;
  } else if (is_implicit_tls_port(port)) {
    if (co_await try_tls(name_inside_tls(), "port")) co_return;
    // Silence on such a port is an answer; another protocol's words are not TLS's failure.
    if (!out_.unreached_reason.starts_with("not TLS")) co_return;
  } else if (const ProtocolRow* row = protocol_on_port(port)) {
    if (co_await try_upgrade(*row, "port")) co_return;
  }
  co_await find_out_by_listening();
}

Task<void> EndpointProbe::find_out_by_listening() {
  const auto heard = std::make_shared<Bytes>();
  const auto round_trips = std::chrono::duration_cast<std::chrono::milliseconds>(
      wire_.connect_took() * kServerFirstRoundTrips);
  const auto wait = std::clamp(round_trips, kServerFirstLeast, kServerFirstMost);
  const Greeting greeting = co_await listen_first(wire_, wait, heard);
  if (co_await try_greeting(greeting)) co_return;
  if (greeting.kind == Greeting::Kind::kUnknown) co_return;
  // The first of its connections is the one that was listened on, so what came there late is heard.
  heard->clear();
  if (co_await try_tls("tls", "answer")) co_return;
  const std::string tls_reason = out_.unreached_reason;
  if (speaks_ssh_ && co_await try_ssh("greeting")) co_return;
  if (tls_reason.ends_with("plain HTTP")) {
    out_.unreached_reason = tls_reason;
    co_return;
  }
  co_await try_answer(*heard, tls_reason);
}

Task<bool> EndpointProbe::try_greeting(const Greeting& greeting) {
  if (greeting.kind == Greeting::Kind::kSsh) {
    const bool ssh = co_await try_ssh("greeting");
    co_return ssh;
  }
  for (const Protocol candidate : greeting.candidates) {
    if (co_await try_upgrade(row_of(candidate), "greeting")) co_return true;
  }
  if (greeting.kind == Greeting::Kind::kUnknown) {
    out_.unreached_reason =
        "connected, but the service was not recognised by its greeting \"" + greeting.text + "\"";
  }
  co_return false;
}

Task<bool> EndpointProbe::try_answer(Bytes heard, std::string tls_reason) {
  const auto late = classify_greeting(heard, true);
  const bool greeted = late && late->kind == Greeting::Kind::kProtocols;
  const std::string how = greeted ? "greeting" : "answer";
  for (const Protocol candidate : protocols_of_answer(heard)) {
    if (wire_.out_of_time()) break;
    if (co_await try_upgrade(row_of(candidate), how)) co_return true;
  }
  out_.unreached_reason =
      "connected, but the service was not recognised: it does not greet, and answers neither TLS "
      "(" +
      tls_reason + ") nor PostgreSQL, LDAP or XMPP";
  co_return false;
}

std::string EndpointProbe::name_inside_tls() const {
  const ProtocolRow* inside = protocol_inside_tls(planned_.port);
  return std::string(inside == nullptr ? "tls" : inside->name);
}

Task<void> EndpointProbe::try_jwks() {
  auto jwks = co_await probe_jwks(wire_, tools_, planned_.path);
  if (!jwks.observation) {
    out_.unreached_reason = std::move(jwks.reason);
    co_return;
  }
  out_.protocol = "jwks";
  out_.recognised_by = "request";
  out_.jwks = std::move(jwks.observation);
}

Task<bool> EndpointProbe::try_ssh(std::string how) {
  auto ssh = co_await probe_ssh(wire_);
  if (!ssh.observation) {
    out_.unreached_reason = ssh.reason;
    co_return false;
  }
  out_.protocol = "ssh";
  out_.recognised_by = std::move(how);
  out_.ssh = std::move(ssh.observation);
  co_return true;
}

Task<bool> EndpointProbe::try_tls(std::string name, std::string how) {
  auto tls = co_await probe_tls(wire_, tools_, profile_);
  speaks_ssh_ = tls.speaks_ssh;
  if (!tls.observation) {
    out_.unreached_reason = tls.reason;
    co_return false;
  }
  out_.protocol = std::move(name);
  out_.recognised_by = std::move(how);
  out_.tls = std::move(tls.observation);
  co_return true;
}

Task<bool> EndpointProbe::try_upgrade(const ProtocolRow& row, std::string how) {
  const auto domains = domains_of(row, wire_.host());
  for (const std::string& domain : domains) {
    const bool last = &domain == &domains.back();
    const auto done = co_await try_upgrade_for(row, how, domain, last);
    if (done) co_return *done;
  }
  co_return false;
}

Task<std::optional<bool>> EndpointProbe::try_upgrade_for(const ProtocolRow& row, std::string how,
                                                         std::string domain, bool last) {
  std::optional<std::chrono::milliseconds> patience;
  if (how == "answer") patience = kGuessPatience;
  StarttlsPreamble preamble(row.protocol, std::move(domain), services_.clock, patience);
  wire_.set_preamble(&preamble);
  auto tls = co_await probe_tls(wire_, tools_, profile_);
  wire_.set_preamble(nullptr);
  if (preamble.wrong_domain() && !last) co_return std::nullopt;
  if (!preamble.recognised()) {
    out_.unreached_reason =
        "connected, but no " + std::string(row.label) + " answer (" + preamble.failure() + ")";
    co_return false;
  }
  out_.protocol = row.name;
  out_.recognised_by = std::move(how);
  out_.starttls = preamble.observation();
  if (!tls.observation && out_.starttls->state == "offered") {
    out_.starttls->findings.push_back(
        {"starttls_without_tls", "high",
         "The server gave the go-ahead for TLS, but TLS did not begin: " + tls.reason + "."});
  }
  out_.tls = std::move(tls.observation);
  co_return true;
}

}  // namespace carnet::probe
