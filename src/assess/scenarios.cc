// The sample scenarios: endpoints as if observed, from data/scenarios/. Dates in the files are days
// relative to the day on which the sample is made, so that a sample never shows expired
// certificates by growing old.
#include <boost/json.hpp>

#include <array>

#include "assess/embedded.h"
#include "assess/judge.h"
#include "base/check.h"
#include "base/json.h"
#include "inventory/endpoint_json.h"
#include "inventory/json_read.h"

namespace carnet::assess {
namespace {

namespace bj = boost::json;
using inventory::Endpoint;
using inventory::JsonReader;

constexpr std::size_t kEndpointsMax = 1000;  // limit: internal

std::array<std::string_view, 3> scenario_files() {
  return {embedded::bank_tls_inventory_json(), embedded::healthcare_insurer_hndl_json(),
          embedded::gov_contractor_cmmc_json()};
}

// "notBeforeDays": -30 and "notAfterDays": 60 in the file become dates around `now`.
void place_certificates(const bj::object& json, Endpoint& endpoint, Timestamp now) {
  if (!endpoint.tls) return;
  const auto today = std::chrono::floor<std::chrono::days>(now);
  const bj::array& rows = json.at("tls").as_object().at("certificates").as_array();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    JsonReader reader(kEndpointsMax);
    const bj::object& row = rows[i].as_object();
    auto& certificate = endpoint.tls->certificates[i];
    certificate.not_before = today + std::chrono::days(reader.small(row, "notBeforeDays"));
    certificate.not_after = today + std::chrono::days(reader.small(row, "notAfterDays"));
  }
}

Result<Scenario> read_scenario(std::string_view file, Timestamp now) {
  CARNET_TRY(document, json::parse(file));
  if (!document.is_object()) return make_internal("scenario: not an object");
  const bj::object& root = document.get_object();
  JsonReader reader(kEndpointsMax);
  Scenario scenario;
  scenario.id = reader.text(root, "id");
  scenario.name = reader.text(root, "name");
  scenario.description = reader.text(root, "description");
  if (const bj::object* mosca = reader.object(root, "mosca")) {
    scenario.mosca.data_shelf_life_years = reader.optional_number(*mosca, "dataShelfLifeYears");
    scenario.mosca.migration_time_years = reader.optional_number(*mosca, "migrationTimeYears");
    scenario.mosca.years_to_qday = reader.optional_number(*mosca, "yearsToQDay");
  }
  reader.objects(root, "endpoints", [&](const bj::object& row) {
    auto endpoint = inventory::endpoint_from_json(row);
    if (!endpoint) return reader.fail("endpoints");
    place_certificates(row, *endpoint, now);
    endpoint->id = "ep_" + std::to_string(scenario.endpoints.size() + 1);
    scenario.endpoints.push_back(std::move(*endpoint));
  });
  if (!reader.ok() || scenario.id.empty() || scenario.endpoints.empty()) {
    return make_internal("scenario " + scenario.id + ": member " + reader.fault());
  }
  return scenario;
}

}  // namespace

std::vector<Scenario> all_scenarios(Timestamp now) {
  std::vector<Scenario> scenarios;
  for (const std::string_view file : scenario_files()) {
    auto scenario = read_scenario(file, now);
    CARNET_CHECK(scenario.has_value());  // compiled in, and a test reads them
    scenarios.push_back(std::move(*scenario));
  }
  return scenarios;
}

std::optional<Scenario> find_scenario(std::string_view id, Timestamp now) {
  for (Scenario& scenario : all_scenarios(now)) {
    if (scenario.id == id) return std::move(scenario);
  }
  return std::nullopt;
}

}  // namespace carnet::assess
