// The knowledge base: what the judgement rests on.

#include "api/handlers.h"
#include "assess/policy.h"
#include "inventory/names.h"
#include "inventory/registry.h"

namespace carnet::api {
namespace {

boost::json::value text_or_null(const std::string& text) {
  return text.empty() ? boost::json::value(nullptr) : boost::json::value(text);
}

boost::json::value deadline_json(const assess::Deadline& deadline) {
  return {
      {"id", deadline.id},
      {"authority", deadline.authority},
      {"title", deadline.title},
      {"text", deadline.text},
      {"date", text_or_null(deadline.date)},
      {"published", text_or_null(deadline.published)},
      {"draft", deadline.draft},
      {"exposure", deadline.exposure ? boost::json::value(inventory::to_string(*deadline.exposure))
                                     : boost::json::value("any")},
      {"source", deadline.source}};
}

boost::json::value framework_json(const assess::FrameworkSpec& framework) {
  boost::json::array requirements;
  for (const assess::RequirementSpec& requirement : framework.requirements)
    requirements.push_back({{"id", requirement.id},
                            {"text", requirement.text},
                            {"date", text_or_null(requirement.date)},
                            {"source", requirement.source}});
  return {{"id", framework.id},
          {"name", framework.name},
          {"published", text_or_null(framework.published)},
          {"source", framework.source},
          {"requirements", std::move(requirements)}};
}

boost::json::value algorithm_json(const inventory::Algorithm& algorithm) {
  return {{"name", algorithm.name},
          {"aliases", boost::json::array(algorithm.aliases.begin(), algorithm.aliases.end())},
          {"kind", inventory::to_string(algorithm.kind)},
          {"family", inventory::to_string(algorithm.family)},
          {"status", inventory::to_string(algorithm.status)},
          {"nistCategory", algorithm.nist_category},
          {"classicalSecurityBits", or_null(algorithm.classical_security_bits)},
          {"shorLogicalQubits", or_null(algorithm.shor_logical_qubits)},
          {"publicKeyBytes", algorithm.public_key_bytes == 0
                                 ? boost::json::value(nullptr)
                                 : boost::json::value(algorithm.public_key_bytes)},
          {"signatureBytes", algorithm.signature_bytes == 0
                                 ? boost::json::value(nullptr)
                                 : boost::json::value(algorithm.signature_bytes)},
          {"standard", algorithm.standard},
          {"replacement", text_or_null(algorithm.replacement)},
          {"note", text_or_null(algorithm.note)},
          {"source", algorithm.source}};
}

}  // namespace

Answer list_standards(Site&, Call&) {
  const assess::Policy& policy = assess::builtin_policy();
  boost::json::array deadlines;
  for (const assess::Deadline& deadline : policy.deadlines)
    deadlines.push_back(deadline_json(deadline));
  boost::json::array frameworks;
  for (const assess::FrameworkSpec& framework : policy.frameworks)
    frameworks.push_back(framework_json(framework));
  boost::json::object body;
  body["count"] = deadlines.size() + frameworks.size();
  body["deadlines"] = std::move(deadlines);
  body["frameworks"] = std::move(frameworks);
  return json_response(body);
}

Answer list_algorithms(Site&, Call&) {
  boost::json::array algorithms;
  for (const inventory::Algorithm& algorithm : inventory::builtin_registry().algorithms())
    algorithms.push_back(algorithm_json(algorithm));
  boost::json::object body;
  body["count"] = algorithms.size();
  body["algorithms"] = std::move(algorithms);
  return json_response(body);
}

Answer list_scenarios(Site& site, Call&) {
  boost::json::array scenarios;
  for (const assess::Scenario& scenario : assess::all_scenarios(site.deps.clock.now()))
    scenarios.push_back({{"scenarioId", scenario.id},
                         {"name", scenario.name},
                         {"description", scenario.description},
                         {"endpointCount", scenario.endpoints.size()}});
  boost::json::object body;
  body["count"] = scenarios.size();
  body["scenarios"] = std::move(scenarios);
  return json_response(body);
}

}  // namespace carnet::api
