#include "assess/policy.h"

#include <boost/json.hpp>
#include <set>
#include <utility>

#include "assess/embedded.h"
#include "base/check.h"
#include "base/json.h"
#include "inventory/json_read.h"
#include "inventory/names.h"

namespace carnet::assess {
namespace {

namespace bj = boost::json;
using inventory::Exposure;
using inventory::JsonReader;

constexpr std::size_t kRowsMax = 1000;  // limit: internal

std::optional<Exposure> read_exposure(JsonReader& reader, const bj::object& row) {
  const std::string word = reader.text(row, "exposure");
  if (word.empty()) return std::nullopt;
  for (const Exposure exposure : {Exposure::kKeyEstablishment, Exposure::kAuthentication}) {
    if (inventory::to_string(exposure) == word) return exposure;
  }
  reader.fail("exposure");
  return std::nullopt;
}

RuleKind read_rule_kind(JsonReader& reader, const bj::object& rule) {
  static constexpr std::pair<std::string_view, RuleKind> kWords[] = {
      {"no-broken", RuleKind::kNoBroken},
      {"post-quantum", RuleKind::kPostQuantum},
      {"minimum-strength", RuleKind::kMinimumStrength},
      {"symmetric-cnsa2", RuleKind::kSymmetricCnsa2},
      {"coverage", RuleKind::kCoverage},
      {"process", RuleKind::kProcess}};
  const std::string word = reader.text(rule, "kind");
  for (const auto& [name, kind] : kWords) {
    if (name == word) return kind;
  }
  reader.fail("kind");
  return RuleKind::kProcess;
}

RequirementSpec read_requirement(JsonReader& reader, const bj::object& row,
                                 const std::string& framework_source) {
  RequirementSpec requirement;
  requirement.id = reader.text(row, "id");
  requirement.text = reader.text(row, "text");
  requirement.date = reader.text(row, "date");
  requirement.source = reader.text(row, "source");
  if (requirement.source.empty()) requirement.source = framework_source;
  const bj::object* rule = reader.object(row, "rule");
  if (rule == nullptr || requirement.id.empty() || requirement.text.empty()) {
    reader.fail("requirements");
    return requirement;
  }
  requirement.rule = {.kind = read_rule_kind(reader, *rule),
                      .exposure = read_exposure(reader, *rule),
                      .cnsa2 = reader.boolean(*rule, "cnsa2"),
                      .hybrid_only = reader.boolean(*rule, "hybridOnly"),
                      .standard_only = reader.boolean(*rule, "standardOnly"),
                      .classical_bits = reader.small(*rule, "classicalBits")};
  return requirement;
}

// Reads the array `member` of a policy file row by row; every row needs an id of its own.
template <class Row, class Read>
Result<std::vector<Row>> read_rows(std::string_view json, std::string_view member, Read read) {
  CARNET_TRY(document, json::parse(json));
  if (!document.is_object()) return make_internal("policy file: not an object");
  JsonReader reader(kRowsMax);
  std::vector<Row> rows;
  std::set<std::string> ids;
  reader.objects(document.get_object(), member, [&](const bj::object& object) {
    rows.push_back(read(reader, object));
    if (rows.back().id.empty() || !ids.insert(rows.back().id).second) reader.fail("id");
  });
  if (!reader.ok()) {
    return make_internal("policy file: member " + reader.fault() + " of row \"" +
                         (rows.empty() ? std::string() : rows.back().id) + "\"");
  }
  return rows;
}

}  // namespace

Result<std::vector<Deadline>> parse_deadlines(std::string_view json) {
  return read_rows<Deadline>(json, "deadlines", [](JsonReader& reader, const bj::object& row) {
    Deadline deadline;
    deadline.id = reader.text(row, "id");
    deadline.authority = reader.text(row, "authority");
    deadline.title = reader.text(row, "title");
    deadline.text = reader.text(row, "text");
    deadline.date = reader.text(row, "date");
    deadline.published = reader.text(row, "published");
    deadline.source = reader.text(row, "source");
    deadline.exposure = read_exposure(reader, row);
    deadline.classical_bits_below = reader.small(row, "classicalBitsBelow");
    deadline.general = reader.boolean(row, "general");
    deadline.when_urgent = reader.boolean(row, "whenUrgent");
    deadline.draft = reader.boolean(row, "draft");
    if (!parse_rfc3339(deadline.date + "T00:00:00Z")) reader.fail("date");
    if (deadline.source.empty()) reader.fail("source");
    return deadline;
  });
}

Result<std::vector<FrameworkSpec>> parse_frameworks(std::string_view json) {
  return read_rows<FrameworkSpec>(
      json, "frameworks", [](JsonReader& reader, const bj::object& row) {
        FrameworkSpec framework;
        framework.id = reader.text(row, "id");
        framework.name = reader.text(row, "name");
        framework.published = reader.text(row, "published");
        framework.source = reader.text(row, "source");
        if (framework.source.empty()) reader.fail("source");
        reader.objects(row, "requirements", [&](const bj::object& requirement) {
          framework.requirements.push_back(read_requirement(reader, requirement, framework.source));
        });
        if (framework.requirements.empty()) reader.fail("requirements");
        return framework;
      });
}

Result<std::vector<RemediationText>> parse_remediation(std::string_view json) {
  return read_rows<RemediationText>(json, "causes", [](JsonReader& reader, const bj::object& row) {
    RemediationText text;
    text.id = reader.text(row, "id");
    text.title = reader.text(row, "title");
    text.effort_days = reader.number(row, "effortDays");
    text.standards = reader.texts(row, "standards");
    if (const bj::object* actions = reader.object(row, "actions")) {
      for (const auto& [software, action] : *actions) {
        text.actions.emplace(software, reader.text(*actions, software));
      }
    }
    if (!text.actions.contains("generic")) reader.fail("actions");
    return text;
  });
}

const Deadline* Policy::find_deadline(std::string_view id) const {
  for (const Deadline& deadline : deadlines) {
    if (deadline.id == id) return &deadline;
  }
  return nullptr;
}

const RemediationText* Policy::find_remediation(std::string_view id) const {
  for (const RemediationText& text : remediation) {
    if (text.id == id) return &text;
  }
  return nullptr;
}

const Policy& builtin_policy() {
  static const Policy policy = [] {
    auto deadlines = parse_deadlines(embedded::deadlines_json());
    auto frameworks = parse_frameworks(embedded::frameworks_json());
    auto remediation = parse_remediation(embedded::remediation_json());
    // Compiled in and read by a test: a fault here is a bug, not input.
    CARNET_CHECK(deadlines && frameworks && remediation);
    return Policy{std::move(*deadlines), std::move(*frameworks), std::move(*remediation)};
  }();
  return policy;
}

}  // namespace carnet::assess
