#pragma once
// The policies that are data: deadlines, frameworks and the texts of the backlog
// (data/deadlines.json, frameworks.json, remediation.json). A framework is a list of requirements,
// and each requirement one of a few rule kinds that frameworks.cc evaluates; an operator's own file
// is read by the same parse_frameworks. Parsed values are immutable and may be read from any
// thread; builtin_policy() is a function-local constant because the files are part of the program.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "inventory/model.h"

namespace carnet::assess {

struct Deadline {
  std::string id, authority, title, text, date, published, source;
  std::optional<inventory::Exposure> exposure;  // nullopt: both
  int classical_bits_below = 0;                 // applies only to weaker keys; 0: to all
  bool general = false;                         // speaks to everyone, not to one sector or state
  bool when_urgent = false;                     // applies only when Mosca's inequality holds
  bool draft = false;
};

enum class RuleKind {
  kNoBroken,         // no asset is broken
  kPostQuantum,      // every asset of one exposure is post-quantum
  kMinimumStrength,  // no public-key asset has fewer classical bits
  kSymmetricCnsa2,   // every cipher suite seen is AES-256 with SHA-384 or SHA-512
  kCoverage,         // every endpoint that was asked for was reached and judged
  kProcess,          // a matter of paper and people that no scan can see
};

struct FrameworkRule {
  RuleKind kind = RuleKind::kProcess;
  std::optional<inventory::Exposure> exposure;
  bool cnsa2 = false;          // kPostQuantum: at CNSA 2.0's level
  bool hybrid_only = false;    // kPostQuantum: a classical partner is asked for
  bool standard_only = false;  // kPostQuantum: drafts do not count
  int classical_bits = 0;      // kMinimumStrength
};

struct RequirementSpec {
  std::string id, text, date, source;
  FrameworkRule rule;
};

struct FrameworkSpec {
  std::string id, name, published, source;
  std::vector<RequirementSpec> requirements;
};

struct RemediationText {
  std::string id, title;
  double effort_days = 0;
  std::vector<std::string> standards;
  std::map<std::string, std::string> actions;  // by server software; "generic" is always there
};

struct Policy {
  std::vector<Deadline> deadlines;
  std::vector<FrameworkSpec> frameworks;
  std::vector<RemediationText> remediation;

  // nullptr if there is none.
  [[nodiscard]] const Deadline* find_deadline(std::string_view id) const;
  [[nodiscard]] const RemediationText* find_remediation(std::string_view id) const;
};

// All three: kInternal with the row at fault. At most 1000 rows each, ids unique.
[[nodiscard]] Result<std::vector<Deadline>> parse_deadlines(std::string_view json);
[[nodiscard]] Result<std::vector<FrameworkSpec>> parse_frameworks(std::string_view json);
[[nodiscard]] Result<std::vector<RemediationText>> parse_remediation(std::string_view json);

[[nodiscard]] const Policy& builtin_policy();

}  // namespace carnet::assess
