#include "assess/knowledge.h"

#include <boost/json.hpp>

#include "assess/judge.h"
#include "assess/method.h"
#include "assess/policy.h"
#include "inventory/json_read.h"
#include "inventory/names.h"
#include "inventory/registry.h"

namespace carnet::assess {
namespace {

namespace bj = boost::json;
using inventory::Algorithm;
using inventory::to_json_array;

template <class T>
bj::value or_null(const std::optional<T>& value) {
  return value ? bj::value(*value) : bj::value(nullptr);
}
bj::value text_or_null(const std::string& text) {
  return text.empty() ? bj::value(nullptr) : bj::value(text);
}

bj::object deadline_json(const Deadline& deadline) {
  bj::object json;
  json["id"] = deadline.id;
  json["authority"] = deadline.authority;
  json["title"] = deadline.title;
  json["date"] = deadline.date;
  json["text"] = deadline.text;
  json["exposure"] =
      deadline.exposure ? bj::value(inventory::to_string(*deadline.exposure)) : bj::value(nullptr);
  json["draft"] = deadline.draft;
  json["published"] = deadline.published;
  json["source"] = deadline.source;
  return json;
}

bj::object framework_json(const FrameworkSpec& framework) {
  bj::array requirements;
  for (const RequirementSpec& requirement : framework.requirements) {
    requirements.push_back({{"id", requirement.id},
                            {"text", requirement.text},
                            {"date", text_or_null(requirement.date)},
                            {"source", requirement.source}});
  }
  bj::object json;
  json["id"] = framework.id;
  json["name"] = framework.name;
  json["published"] = framework.published;
  json["source"] = framework.source;
  json["requirements"] = std::move(requirements);
  return json;
}

bj::array codes_json(const std::vector<std::uint16_t>& codes) {
  bj::array array;
  for (const std::uint16_t code : codes) array.emplace_back(inventory::codepoint_text(code));
  return array;
}

bj::object algorithm_json(const Algorithm& row) {
  bj::object json;
  json["name"] = row.name;
  json["aliases"] = to_json_array(row.aliases);
  json["kind"] = inventory::to_string(row.kind);
  json["class"] = inventory::to_string(row.family);
  json["status"] = inventory::to_string(row.status);
  json["standard"] = row.standard;
  json["oids"] = to_json_array(row.oids);
  json["tlsGroups"] = codes_json(row.tls_groups);
  json["tlsSignatureSchemes"] = codes_json(row.tls_signature_schemes);
  json["sshKex"] = to_json_array(row.ssh_kex);
  json["sshHostKeyAlgorithms"] = to_json_array(row.ssh_host_key_algorithms);
  json["sshCiphers"] = to_json_array(row.ssh_ciphers);
  json["sshMacs"] = to_json_array(row.ssh_macs);
  json["jose"] = to_json_array(row.jose);
  json["keyBits"] = row.key_bits;
  json["publicKeyBytes"] = row.public_key_bytes;
  json["signatureBytes"] = row.signature_bytes;
  json["clientShareBytes"] = row.client_share_bytes;
  json["serverShareBytes"] = row.server_share_bytes;
  json["classicalSecurityBits"] = or_null(row.classical_security_bits);
  json["nistCategory"] = row.nist_category;
  json["shorLogicalQubits"] = or_null(row.shor_logical_qubits);
  json["shorSource"] = text_or_null(row.shor_source);
  json["cnsa2"] = row.cnsa2;
  json["replacement"] = text_or_null(row.replacement);
  json["deadlines"] = to_json_array(row.deadline_refs);
  json["note"] = text_or_null(row.note);
  json["source"] = row.source;
  return json;
}

}  // namespace

bj::object standards_json() {
  const Policy& policy = builtin_policy();
  bj::array deadlines, frameworks;
  for (const Deadline& deadline : policy.deadlines) deadlines.push_back(deadline_json(deadline));
  for (const FrameworkSpec& framework : policy.frameworks) {
    frameworks.push_back(framework_json(framework));
  }
  bj::object json;
  json["methodVersion"] = kMethodVersion;
  json["count"] = deadlines.size() + frameworks.size();
  json["deadlines"] = std::move(deadlines);
  json["frameworks"] = std::move(frameworks);
  return json;
}

bj::object algorithms_json() {
  bj::array rows;
  for (const Algorithm& row : inventory::builtin_registry().algorithms()) {
    rows.push_back(algorithm_json(row));
  }
  bj::object json;
  json["count"] = rows.size();
  json["algorithms"] = std::move(rows);
  return json;
}

bj::object scenarios_json(Timestamp now) {
  bj::array rows;
  for (const Scenario& scenario : all_scenarios(now)) {
    bj::object row;
    row["id"] = scenario.id;
    row["name"] = scenario.name;
    row["description"] = scenario.description;
    row["endpointCount"] = scenario.endpoints.size();
    row["mosca"] = {{"dataShelfLifeYears", or_null(scenario.mosca.data_shelf_life_years)},
                    {"migrationTimeYears", or_null(scenario.mosca.migration_time_years)},
                    {"yearsToQDay", or_null(scenario.mosca.years_to_qday)}};
    row["sample"] = true;
    rows.push_back(std::move(row));
  }
  bj::object json;
  json["count"] = rows.size();
  json["scenarios"] = std::move(rows);
  return json;
}

}  // namespace carnet::assess
