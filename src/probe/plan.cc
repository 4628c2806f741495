#include <algorithm>
#include <limits>
#include <set>

#include "probe/engine.h"
#include "probe/protocols.h"

namespace carnet::probe {
namespace {

tl::unexpected<Error> refuse(std::string field, std::string code, std::string detail) {
  return make_validation_error({{field, "/" + field, std::move(code), std::move(detail)}});
}

constexpr std::uint64_t kUncountable = std::numeric_limits<std::uint64_t>::max();

// Blocks may hold astronomical numbers; counting stops at the top.
std::uint64_t add(std::uint64_t a, std::uint64_t b) {
  return a > kUncountable - b ? kUncountable : a + b;
}
std::uint64_t multiply(std::uint64_t a, std::uint64_t b) {
  return b != 0 && a > kUncountable / b ? kUncountable : a * b;
}

// "16,777,214"; past what can be counted, "more than 10^19".
std::string grouped(std::uint64_t number) {
  if (number == kUncountable) return "more than 10^19";
  std::string out = std::to_string(number);
  for (std::size_t at = out.size(); at > 3;) {
    at -= 3;
    out.insert(at, 1, ',');
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

tl::unexpected<Error> too_many(const PlanRequest& request, const std::vector<std::string>& kinds) {
  std::uint64_t total = 0, most = 0;
  const net::Target* largest = nullptr;
  for (const net::Target& target : request.targets) {
    const std::uint64_t hosts = target.cidr ? net::hosts_of(*target.cidr).count : 1;
    const std::uint64_t count = multiply(hosts, ways_of(target, request, kinds).size());
    total = add(total, count);
    if (count <= most) continue;
    most = count;
    largest = &target;
  }
  std::string detail = "must come to at most " + grouped(request.endpoints_max) +
                       " endpoints (hosts times ports), not " + grouped(total);
  if (largest != nullptr && most > 1 && request.targets.size() > 1) {
    detail += "; " + largest->key() + " alone brings " + grouped(most);
  }
  return refuse("targets", "too_many", std::move(detail));
}

class Planner {
 public:
  Planner(const PlanRequest& request, const std::vector<std::string>& kinds)
      : request_(request), kinds_(kinds) {}

  // False if the plan would become too long.
  bool add_target(const net::Target& target) {
    const auto ways = ways_of(target, request_, kinds_);
    if (!target.cidr) return add_host(target.host, ways, target.path);
    const net::BlockHosts hosts = net::hosts_of(*target.cidr);
    if (hosts.count > request_.endpoints_max) return false;
    net::IpAddress at = hosts.first;
    for (std::uint64_t i = 0; i < hosts.count; ++i, at = net::next_address(at)) {
      if (!add_host(at.to_string(), ways, "")) return false;
    }
    return true;
  }
  std::vector<PlannedEndpoint> take() { return std::move(out_); }

 private:
  bool add_host(const std::string& host,
                const std::vector<std::pair<std::uint16_t, std::string>>& ways,
                const std::string& path) {
    for (const auto& [port, kind] : ways) {
      // One host may have several key sets; for everything else the path says nothing.
      const std::string set = kind == "jwks" ? path : std::string();
      if (!seen_.emplace(host, port, kind + set).second) continue;
      if (out_.size() == request_.endpoints_max) return false;
      out_.push_back({host, port, kind, set});
    }
    return true;
  }

  const PlanRequest& request_;
  const std::vector<std::string>& kinds_;
  std::vector<PlannedEndpoint> out_;
  std::set<std::tuple<std::string, std::uint16_t, std::string>> seen_;
};

}  // namespace

Result<std::vector<PlannedEndpoint>> plan(const PlanRequest& request) {
  for (const std::string& kind : request.kinds) {
    if (!is_known_kind(kind)) return refuse("kinds", "unknown_value", kinds_sentence());
  }
  std::vector<std::string> kinds = request.kinds;
  if (kinds.empty()) kinds.emplace_back();  // find out
  Planner planner(request, kinds);
  for (const net::Target& target : request.targets) {
    if (!planner.add_target(target)) return too_many(request, kinds);
  }
  return planner.take();
}

}  // namespace carnet::probe
