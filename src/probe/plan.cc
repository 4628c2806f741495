#include <set>

#include "probe/engine.h"
#include "probe/protocols.h"

namespace carnet::probe {
namespace {

tl::unexpected<Error> refuse(std::string field, std::string code, std::string detail) {
  return make_validation_error({{field, "/" + field, std::move(code), std::move(detail)}});
}

net::IpAddress next(net::IpAddress address) {
  for (std::size_t i = address.bytes.size(); i-- > 0;) {
    if (++address.bytes[i] != 0) break;
  }
  return address;
}

// Addresses to probe in a block. An IPv4 block of 30 bits or fewer has a network and a broadcast
// address, which are no hosts.
std::vector<std::string> addresses_of(const net::Cidr& block, std::size_t limit) {
  std::vector<std::string> out;
  const bool skip_ends = block.base.is_v4() && block.prefix_bits <= 126;
  net::IpAddress at = block.base;
  if (skip_ends) at = next(at);
  while (block.contains(at) && out.size() <= limit) {
    const net::IpAddress following = next(at);
    if (skip_ends && !block.contains(following)) break;
    out.push_back(at.to_string());
    if (following < at) break;  // the end of the address space
    at = following;
  }
  return out;
}

// What is looked at on each host of a target: a port and a kind. "email" on a port of a mail
// protocol is that protocol.
std::vector<std::pair<std::uint16_t, std::string>> ways_of(const net::Target& target,
                                                           const PlanRequest& request,
                                                           const std::vector<std::string>& kinds) {
  std::vector<std::pair<std::uint16_t, std::string>> out;
  const auto add = [&out](std::uint16_t port, const std::string& kind) {
    const ProtocolRow* row = protocol_on_port(port);
    if (row == nullptr) row = protocol_inside_tls(port);
    const bool mail = kind == "email" && row != nullptr && row->mail;
    out.emplace_back(port, mail ? std::string(row->name) : kind);
  };
  if (!target.port && request.ports.empty()) {
    for (const std::string& kind : kinds) {
      for (const std::uint16_t port : default_ports(kind)) add(port, kind);
    }
    return out;
  }
  const auto ports = target.port ? std::vector<std::uint16_t>{*target.port} : request.ports;
  for (const std::uint16_t port : ports) {
    for (const std::string& kind : kinds) add(port, kind);
  }
  return out;
}

}  // namespace

Result<std::vector<PlannedEndpoint>> plan(const PlanRequest& request) {
  for (const std::string& kind : request.kinds) {
    if (!is_known_kind(kind)) return refuse("kinds", "unknown_value", kinds_sentence());
  }
  std::vector<std::string> kinds = request.kinds;
  if (kinds.empty()) kinds.emplace_back();  // find out
  std::vector<PlannedEndpoint> out;
  std::set<std::tuple<std::string, std::uint16_t, std::string>> seen;
  for (const net::Target& target : request.targets) {
    const auto hosts = target.cidr ? addresses_of(*target.cidr, request.endpoints_max)
                                   : std::vector<std::string>{target.host};
    for (const std::string& host : hosts) {
      for (const auto& [port, kind] : ways_of(target, request, kinds)) {
        if (!seen.emplace(host, port, kind).second) continue;
        if (out.size() == request.endpoints_max) {
          return refuse("targets", "too_many",
                        "must come to at most " + std::to_string(request.endpoints_max) +
                            " endpoints (hosts times ports)");
        }
        out.push_back({host, port, kind});
      }
    }
  }
  return out;
}

}  // namespace carnet::probe
