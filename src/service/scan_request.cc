#include "service/scan_request.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <unordered_set>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "probe/protocols.h"
#include "service/json_fields.h"
#include "service/tenant_json.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;

constexpr int kBlockBitsMax = 20;         // of a block that is looked at address by address
constexpr std::size_t kNamedTargets = 5;  // in a refusal

void check_numbers(const ScanRequest& request, FieldErrors& bad) {
  if (request.ports.size() > kPortsMax)
    bad.add("ports", "too_many", fmt::format("must have at most {} entries", kPortsMax));
  for (std::size_t i = 0; i < std::min(request.ports.size(), kPortsMax); ++i)
    if (request.ports[i] < 1 || request.ports[i] > 65535)
      bad.add("ports", "out_of_range", "must be whole numbers from 1 to 65535",
              fmt::format("/ports/{}", i));
  const assess::MoscaInput& mosca = request.mosca;
  if (mosca.data_shelf_life_years)
    bad.years("mosca.dataShelfLifeYears", *mosca.data_shelf_life_years, kMoscaYearsMax);
  if (mosca.migration_time_years)
    bad.years("mosca.migrationTimeYears", *mosca.migration_time_years, kMoscaYearsMax);
  if (mosca.years_to_qday) bad.years("mosca.yearsToQDay", *mosca.years_to_qday, kMoscaYearsMax);
}

void check_kinds(const ScanRequest& request, FieldErrors& bad) {
  if (request.kinds.size() > 16)
    return bad.add("kinds", "too_many", "must have at most 16 entries");
  for (std::size_t i = 0; i < request.kinds.size(); ++i)
    if (!probe::is_known_kind(request.kinds[i]))
      bad.add("kinds", "unknown_value", probe::kinds_sentence(), fmt::format("/kinds/{}", i));
}

// Samples and real targets exclude each other.
void check_scenario(const ScanRequest& request, FieldErrors& bad) {
  if (request.use_fixture && request.scenario_id.empty())
    return bad.add("scenarioId", "required", "must name a sample scenario when useFixture is true");
  if (request.scenario_id.empty()) return;
  if (!request.use_fixture)
    bad.add("useFixture", "required",
            "must be true with scenarioId: scenarios are sample data, not scans");
  if (!request.targets.empty() || !request.bundle_session_id.empty())
    bad.add("scenarioId", "conflict",
            "must not be given together with targets or a bundle: a sample touches no network");
  if (assess::find_scenario(request.scenario_id, Timestamp{})) return;
  std::string known;
  for (const assess::Scenario& scenario : assess::all_scenarios(Timestamp{})) {
    if (!known.empty()) known += ", ";
    known += scenario.id;
  }
  bad.add("scenarioId", "unknown_value", "must be one of " + known);
}

bj::array to_array(const std::vector<std::string>& items) {
  bj::array out;
  for (const std::string& item : items) out.emplace_back(item);
  return out;
}

Result<std::vector<ListedTarget>> listed_of(const bj::value& value) {
  const bj::array* rows = value.if_array();
  if (rows == nullptr) return make_internal("stored endpoint list: not an array");
  std::vector<ListedTarget> out;
  out.reserve(rows->size());
  for (const bj::value& row : *rows) {
    const bj::object* one = row.if_object();
    if (one == nullptr) return make_internal("stored endpoint list: a row that is no object");
    out.push_back({.target = text_of(*one, "target"), .kind = text_of(*one, "kind")});
  }
  return out;
}

enum class Verdict { kFine, kNotAttested, kDenied };

void step(net::IpAddress& address) {
  for (auto byte = address.bytes.rbegin(); byte != address.bytes.rend(); ++byte)
    if (++*byte != 0) return;
}

Verdict judge_address(const net::IpAddress& address, const std::vector<net::Cidr>& attested,
                      const Authority& authority) {
  if (authority.policy.explicitly_allowed(address)) return Verdict::kFine;
  if (!authority.policy.permits(address)) return Verdict::kDenied;
  if (authority.any_public_target) return Verdict::kFine;
  const auto holds = [&](const net::Cidr& block) { return block.contains(address); };
  return std::any_of(attested.begin(), attested.end(), holds) ? Verdict::kFine
                                                              : Verdict::kNotAttested;
}

Verdict judge_block(const net::Cidr& block, const std::vector<net::Cidr>& attested,
                    const Authority& authority) {
  const int bits = 128 - block.prefix_bits;
  if (bits > kBlockBitsMax) return Verdict::kNotAttested;  // plan() has refused such a block before
  net::IpAddress address = block.base;
  for (std::uint32_t left = std::uint32_t{1} << bits; left > 0; --left) {
    const Verdict verdict = judge_address(address, attested, authority);
    if (verdict != Verdict::kFine) return verdict;
    step(address);
  }
  return Verdict::kFine;
}

Verdict judge_name(std::string_view host, const Authority& authority) {
  // RFC 6761 section 6.3: localhost is the loopback, whose rules it gets.
  if (host == "localhost" || host.ends_with(".localhost")) {
    const std::optional<net::IpAddress> loopback = net::IpAddress::parse("127.0.0.1");
    if (authority.policy.explicitly_allowed(*loopback)) return Verdict::kFine;
    if (!authority.policy.permits(*loopback)) return Verdict::kDenied;
  }
  if (authority.any_public_target) return Verdict::kFine;
  const auto covers = [&](const std::string& domain) { return domain_covers(domain, host); };
  return std::any_of(authority.attested.domains.begin(), authority.attested.domains.end(), covers)
             ? Verdict::kFine
             : Verdict::kNotAttested;
}

std::string name_some(const std::vector<std::string>& keys) {
  std::string out;
  for (std::size_t i = 0; i < std::min(keys.size(), kNamedTargets); ++i) {
    if (i > 0) out += ", ";
    out += keys[i];
  }
  if (keys.size() > kNamedTargets) out += fmt::format(" and {} more", keys.size() - kNamedTargets);
  return out;
}

}  // namespace

std::string_view to_string(inventory::Profile profile) {
  switch (profile) {
    case inventory::Profile::kQuick:
      return "quick";
    case inventory::Profile::kStandard:
      return "standard";
    case inventory::Profile::kDeep:
      return "deep";
  }
  return "";
}

std::optional<inventory::Profile> parse_profile(std::string_view text) {
  for (const auto profile :
       {inventory::Profile::kQuick, inventory::Profile::kStandard, inventory::Profile::kDeep})
    if (to_string(profile) == text) return profile;
  return std::nullopt;
}

std::string write_request(const StoredRequest& request) {
  bj::object object;
  object["targets"] = to_array(request.targets);
  object["kinds"] = to_array(request.kinds);
  bj::array ports;
  for (const std::uint16_t port : request.ports) ports.emplace_back(port);
  object["ports"] = std::move(ports);
  object["profile"] = to_string(request.profile);
  bj::object mosca;
  if (request.mosca.data_shelf_life_years)
    mosca["dataShelfLifeYears"] = *request.mosca.data_shelf_life_years;
  if (request.mosca.migration_time_years)
    mosca["migrationTimeYears"] = *request.mosca.migration_time_years;
  if (request.mosca.years_to_qday) mosca["yearsToQDay"] = *request.mosca.years_to_qday;
  object["mosca"] = std::move(mosca);
  if (!request.scenario_id.empty()) object["scenarioId"] = request.scenario_id;
  if (!request.listed.empty()) {
    bj::array listed;
    for (const ListedTarget& row : request.listed)
      listed.push_back({{"target", row.target}, {"kind", row.kind}});
    object["listed"] = std::move(listed);
  }
  if (request.files > 0) object["files"] = request.files;
  return json::write(object);
}

Result<std::vector<ListedTarget>> read_listed(std::string_view text) {
  CARNET_TRY(value, json::parse(text));
  return listed_of(value);
}

Result<StoredRequest> read_request(std::string_view text) {
  CARNET_TRY(value, json::parse(text));
  const bj::object* object = value.if_object();
  if (object == nullptr) return make_internal("stored scan request: not an object");
  StoredRequest request;
  request.targets = texts(*object, "targets");
  request.kinds = texts(*object, "kinds");
  if (const bj::value* ports = object->if_contains("ports"); ports != nullptr && ports->is_array())
    for (const bj::value& port : ports->as_array())
      if (port.is_int64()) request.ports.push_back(static_cast<std::uint16_t>(port.as_int64()));
  const std::optional<inventory::Profile> profile = parse_profile(text_of(*object, "profile"));
  if (!profile) return make_internal("stored scan request: unknown profile");
  request.profile = *profile;
  if (const bj::value* mosca = object->if_contains("mosca");
      mosca != nullptr && mosca->is_object()) {
    request.mosca.data_shelf_life_years = number(mosca->as_object(), "dataShelfLifeYears");
    request.mosca.migration_time_years = number(mosca->as_object(), "migrationTimeYears");
    request.mosca.years_to_qday = number(mosca->as_object(), "yearsToQDay");
  }
  request.scenario_id = text_of(*object, "scenarioId");
  if (const bj::value* listed = object->if_contains("listed")) {
    CARNET_TRY(rows, listed_of(*listed));
    request.listed = std::move(rows);
  }
  if (const bj::value* files = object->if_contains("files"); files != nullptr && files->is_int64())
    request.files = static_cast<int>(files->as_int64());
  return request;
}

std::vector<net::Target> check_request(const ScanRequest& request, FieldErrors& bad) {
  const std::string_view field = request.single_target ? "target" : "targets";
  std::vector<net::Target> targets;
  if (request.targets.size() > kTargetsMax) {
    bad.add(field, "too_many", fmt::format("must have at most {} entries", kTargetsMax));
  } else if (request.targets.empty() && request.scenario_id.empty() && !request.use_fixture &&
             request.bundle_session_id.empty()) {
    bad.add(field, "required", "must name what to scan: a host, host:port, URL or CIDR block");
  } else {
    std::unordered_set<std::string> seen;
    for (std::size_t i = 0; i < request.targets.size(); ++i) {
      Result<net::Target> target = net::parse_target(request.targets[i]);
      if (!target) {
        const std::string pointer =
            request.single_target ? "/target" : fmt::format("/targets/{}", i);
        bad.add(field, "invalid_target", target.error().public_detail, pointer);
      } else if (seen.insert(target->key()).second) {
        targets.push_back(std::move(*target));
      }
    }
  }
  check_kinds(request, bad);
  check_numbers(request, bad);
  bad.text("label", request.label);
  check_scenario(request, bad);
  return targets;
}

Result<std::vector<probe::PlannedEndpoint>> plan_request(const StoredRequest& request,
                                                         std::size_t endpoints_max) {
  probe::PlanRequest wanted;
  for (const std::string& text : request.targets) {
    CARNET_TRY(target, net::parse_target(text));
    wanted.targets.push_back(std::move(target));
  }
  wanted.kinds = request.kinds;
  wanted.ports = request.ports;
  wanted.endpoints_max = endpoints_max;
  CARNET_TRY(out, probe::plan(wanted));
  if (request.listed.empty()) return out;

  std::map<std::string, std::vector<net::Target>> by_kind;
  for (const ListedTarget& row : request.listed) {
    CARNET_TRY(target, net::parse_target(row.target));
    by_kind[row.kind].push_back(std::move(target));
  }
  std::set<std::tuple<std::string, std::uint16_t, std::string>> seen;
  for (const auto& endpoint : out) seen.insert({endpoint.host, endpoint.port, endpoint.kind});
  for (auto& [kind, targets] : by_kind) {
    wanted.targets = std::move(targets);
    wanted.kinds = kind.empty() ? request.kinds : std::vector<std::string>{kind};
    CARNET_TRY(more, probe::plan(wanted));
    for (probe::PlannedEndpoint& endpoint : more) {
      if (!seen.insert({endpoint.host, endpoint.port, endpoint.kind}).second) continue;
      out.push_back(std::move(endpoint));
    }
  }
  if (out.size() > endpoints_max)
    return make_validation_error(
        {{.field = "targets",
          .pointer = "/targets",
          .code = "too_many",
          .detail = fmt::format("must come to at most {} endpoints together with the uploaded list",
                                endpoints_max)}});
  return out;
}

Result<void> authorize(const std::vector<net::Target>& targets, const Authority& authority) {
  std::vector<net::Cidr> attested;
  for (const std::string& text : authority.attested.cidrs)
    if (const std::optional<net::Cidr> block = net::Cidr::parse(text)) attested.push_back(*block);

  std::vector<std::string> not_attested, denied;
  for (const net::Target& target : targets) {
    Verdict verdict = Verdict::kFine;
    if (target.cidr)
      verdict = judge_block(*target.cidr, attested, authority);
    else if (const std::optional<net::IpAddress> address = net::IpAddress::parse(target.host))
      verdict = judge_address(*address, attested, authority);
    else
      verdict = judge_name(target.host, authority);
    if (verdict == Verdict::kNotAttested) not_attested.push_back(target.key());
    if (verdict == Verdict::kDenied) denied.push_back(target.key());
  }
  if (not_attested.empty() && denied.empty()) return {};
  std::string detail = "Nothing was scanned";
  if (!not_attested.empty())
    detail += "; not authorised: " + name_some(not_attested) +
              " (an admin of this tenant can attest to its domains and address blocks with PUT "
              "/tenant/authorized-targets)";
  if (!denied.empty())
    detail += "; in special-purpose address space: " + name_some(denied) +
              " (whoever runs this server can allow it with --allow-targets)";
  detail += '.';
  return make_error(ErrorCode::kTargetNotAuthorized, std::move(detail));
}

}  // namespace carnet::service
