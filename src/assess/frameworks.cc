#include "assess/frameworks.h"

#include <algorithm>

namespace carnet::assess {
namespace {

using inventory::Algorithm;
using inventory::AlgorithmClass;
using inventory::AssetStatus;
using inventory::Coverage;
using inventory::FrameworkRequirement;
using inventory::FrameworkResult;

constexpr std::string_view kMet = "met";
constexpr std::string_view kNotMet = "not-met";
constexpr std::string_view kNotApplicable = "not-applicable";
constexpr std::string_view kCannotTell = "cannot-tell";

enum class Verdict { kMeets, kFails, kUnsure, kOutOfScope };

Verdict judge_post_quantum(const FrameworkRule& rule, const ClassifiedAsset& classified) {
  const auto& asset = classified.asset;
  if (rule.exposure && asset.exposure != *rule.exposure) return Verdict::kOutOfScope;
  if (asset.vulnerability.status == AssetStatus::kUnknown) return Verdict::kUnsure;
  if (asset.vulnerability.status != AssetStatus::kSafe) return Verdict::kFails;
  const Algorithm* row = inventory::find_by_name(asset.algorithm);
  if (row == nullptr) return Verdict::kUnsure;
  if (rule.cnsa2 && !row->cnsa2) return Verdict::kFails;
  if (rule.standard_only && !row->standard) return Verdict::kFails;
  if (rule.hybrid_only && row->family == AlgorithmClass::kPostQuantum) return Verdict::kFails;
  return Verdict::kMeets;
}

Verdict judge_strength(const FrameworkRule& rule, const ClassifiedAsset& classified) {
  const auto& vulnerability = classified.asset.vulnerability;
  if (vulnerability.status == AssetStatus::kUnknown) return Verdict::kUnsure;
  if (vulnerability.status == AssetStatus::kSafe) return Verdict::kMeets;
  if (!vulnerability.classical_security_bits) return Verdict::kUnsure;
  return *vulnerability.classical_security_bits >= rule.classical_bits ? Verdict::kMeets
                                                                       : Verdict::kFails;
}

Verdict judge_symmetric(const ClassifiedAsset& classified) {
  if (classified.suites.empty()) return Verdict::kOutOfScope;
  for (const std::string& name : classified.suites) {
    if (const Algorithm* cipher = inventory::find_by_name(name)) {
      if (!cipher->cnsa2) return Verdict::kFails;
      continue;
    }
    const inventory::TlsSuite* suite = inventory::builtin_registry().find_tls_suite(name);
    if (suite == nullptr) return Verdict::kUnsure;
    const bool aes256 = suite->cipher.starts_with("AES_256");
    if (!aes256 || !suite->name.ends_with("SHA384")) return Verdict::kFails;
  }
  return Verdict::kMeets;
}

Verdict judge_asset(const FrameworkRule& rule, const ClassifiedAsset& classified) {
  const AssetStatus status = classified.asset.vulnerability.status;
  switch (rule.kind) {
    case RuleKind::kNoBroken:
      if (status == AssetStatus::kUnknown) return Verdict::kUnsure;
      return status == AssetStatus::kBroken ? Verdict::kFails : Verdict::kMeets;
    case RuleKind::kPostQuantum:
      return judge_post_quantum(rule, classified);
    case RuleKind::kMinimumStrength:
      return judge_strength(rule, classified);
    case RuleKind::kSymmetricCnsa2:
      return judge_symmetric(classified);
    case RuleKind::kCoverage:
      return status == AssetStatus::kUnknown ? Verdict::kUnsure : Verdict::kMeets;
    case RuleKind::kProcess:
      return Verdict::kOutOfScope;
  }
  return Verdict::kUnsure;
}

FrameworkRequirement evaluate(const RequirementSpec& spec,
                              const std::vector<ClassifiedAsset>& assets, bool everything_reached) {
  FrameworkRequirement requirement{.id = spec.id,
                                   .text = spec.text,
                                   .result = std::string(kCannotTell),
                                   .source = spec.source,
                                   .date = spec.date,
                                   .asset_ids = {}};
  if (spec.rule.kind == RuleKind::kProcess) return requirement;
  std::vector<std::string> met, failed, unsure;
  for (const ClassifiedAsset& classified : assets) {
    switch (judge_asset(spec.rule, classified)) {
      case Verdict::kMeets:
        met.push_back(classified.asset.id);
        break;
      case Verdict::kFails:
        failed.push_back(classified.asset.id);
        break;
      case Verdict::kUnsure:
        unsure.push_back(classified.asset.id);
        break;
      case Verdict::kOutOfScope:
        break;
    }
  }
  if (!failed.empty()) {
    requirement.result = kNotMet;
    requirement.asset_ids = std::move(failed);
  } else if (!unsure.empty() || !everything_reached) {
    requirement.asset_ids = std::move(unsure);
  } else if (!met.empty()) {
    requirement.result = kMet;
    requirement.asset_ids = std::move(met);
  } else {
    requirement.result = kNotApplicable;
  }
  return requirement;
}

std::string_view overall(const std::vector<FrameworkRequirement>& requirements) {
  const auto any = [&requirements](std::string_view word) {
    return std::any_of(requirements.begin(), requirements.end(),
                       [word](const FrameworkRequirement& one) { return one.result == word; });
  };
  if (any(kNotMet)) return kNotMet;
  if (any(kCannotTell)) return kCannotTell;
  return any(kMet) ? kMet : kNotApplicable;
}

}  // namespace

std::vector<FrameworkResult> evaluate_frameworks(const std::vector<FrameworkSpec>& frameworks,
                                                 const std::vector<ClassifiedAsset>& assets,
                                                 const Coverage& coverage) {
  const bool everything_reached = coverage.reached == coverage.requested;
  SharedListPool<std::string> lists;  // many requirements are decided by the same assets
  std::vector<FrameworkResult> results;
  for (const FrameworkSpec& framework : frameworks) {
    FrameworkResult result{
        .id = framework.id, .name = framework.name, .result = {}, .requirements = {}};
    for (const RequirementSpec& spec : framework.requirements) {
      result.requirements.push_back(evaluate(spec, assets, everything_reached));
      lists.share(result.requirements.back().asset_ids);
    }
    result.result = overall(result.requirements);
    results.push_back(std::move(result));
  }
  return results;
}

}  // namespace carnet::assess
