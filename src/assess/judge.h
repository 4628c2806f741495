#pragma once
// From observations to a judgement: assets, score with range, coverage, Mosca, backlog, frameworks.
// Pure: the same input gives the same output, whatever the order of endpoints. Method:
// docs/methodology.md; every number is a named constant in assess/method.h with its source.
// Thread-safe.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "inventory/model.h"

namespace carnet::assess {

struct MoscaInput {  // what the caller gave; the rest are defaults
  std::optional<double> data_shelf_life_years;
  std::optional<double> migration_time_years;
  std::optional<double> years_to_qday;
};

struct RemediationState {  // by BacklogItem::id
  std::string status, owner, target_date;
};

struct JudgeInput {
  std::vector<inventory::Endpoint> endpoints;
  MoscaInput mosca;
  std::map<std::string, RemediationState> remediation;
  Timestamp now{};
};

[[nodiscard]] inventory::Judgement judge(const JudgeInput& input);

// The sample scenarios (scenarioId + useFixture): endpoints as if observed, marked as samples by
// the caller. Known: "bank-tls-inventory", "healthcare-insurer-hndl", "gov-contractor-cmmc".
// nullopt for any other.
struct Scenario {
  std::string id, name, description;
  std::vector<inventory::Endpoint> endpoints;
  MoscaInput mosca;
};
[[nodiscard]] std::optional<Scenario> find_scenario(std::string_view id, Timestamp now);
[[nodiscard]] std::vector<Scenario> all_scenarios(Timestamp now);

}  // namespace carnet::assess
