#include "assess/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "assess/backlog.h"
#include "assess/classify.h"
#include "assess/frameworks.h"
#include "assess/method.h"
#include "assess/mosca.h"
#include "assess/policy.h"
#include "assess/score.h"
#include "assess/scoring.h"

namespace carnet::assess {
namespace {

using inventory::Asset;
using inventory::AssetStatus;
using inventory::Endpoint;
using inventory::Exposure;
using inventory::Judgement;

std::vector<ClassifiedAsset> classify_all(const JudgeInput& input, bool urgent,
                                          const Policy& policy) {
  std::vector<ClassifiedAsset> all;
  SharedListPool<std::string> lists;  // a handful of different ones, whatever the size of the scan
  for (const Endpoint& endpoint : input.endpoints) {
    for (ClassifiedAsset& classified : classify(endpoint, urgent)) {
      Asset& asset = classified.asset;
      asset.mosca_priority = priority_of(asset.vulnerability.severity, asset.exposure, urgent);
      for (const Deadline* deadline : deadlines_of(asset, urgent, policy)) {
        auto& refs = asset.standards_refs;
        if (std::find(refs.begin(), refs.end(), deadline->title) == refs.end()) {
          refs.push_back(deadline->title);
        }
      }
      lists.share(asset.standards_refs);
      all.push_back(std::move(classified));
    }
  }
  const auto key = [](const ClassifiedAsset& one) {
    return std::tuple(-one.asset.mosca_priority, std::string_view(one.asset.host), one.asset.port,
                      one.asset.exposure, std::string_view(one.asset.id),
                      std::string_view(one.asset.algorithm));
  };
  std::sort(all.begin(), all.end(),
            [&key](const ClassifiedAsset& a, const ClassifiedAsset& b) { return key(a) < key(b); });
  return all;
}

inventory::StatusCounts count(const std::vector<ClassifiedAsset>& assets) {
  inventory::StatusCounts counts;
  for (const ClassifiedAsset& classified : assets) {
    ++counts.assets;
    const auto& vulnerability = classified.asset.vulnerability;
    if (vulnerability.hndl_exposed) ++counts.hndl_exposed;
    switch (vulnerability.status) {
      case AssetStatus::kBroken:
        ++counts.broken;
        break;
      case AssetStatus::kAtRisk:
        ++counts.at_risk;
        break;
      case AssetStatus::kSafe:
        ++counts.safe;
        break;
      case AssetStatus::kUnknown:
        ++counts.unknown;
        break;
    }
  }
  return counts;
}

// A parameter of Mosca's inequality for people; in the data it is named as in the API.
std::string words_of(const std::string& parameter) {
  if (parameter == "dataShelfLifeYears") return "how long data must stay secret";
  if (parameter == "migrationTimeYears") return "how long the migration takes";
  if (parameter == "yearsToQDay") return "when a quantum computer is assumed";
  return parameter;
}

std::vector<std::string> make_notes(const JudgeInput& input, const Judgement& judgement) {
  std::vector<std::string> notes = {
      "This is an inventory aid and no audit: it shows what the endpoints answered when they were "
      "asked.",
      "Looked at: the endpoints and files named in the request. Not looked at: stored data, "
      "backups, "
      "messages, code signing, VPNs, and anything inside the network that was not named.",
      "Logical-qubit figures are orders of magnitude from published papers; nobody has built such "
      "a "
      "machine.",
      "Coverage confidence is a heuristic and does not enter the score."};
  const int unreached = judgement.coverage.requested - judgement.coverage.reached;
  if (unreached > 0) {
    notes.push_back(fmt::format(
        "{} of {} endpoints could not be reached; the low end of the score range counts them as "
        "vulnerable.",
        unreached, judgement.coverage.requested));
  }
  if (judgement.counts.unknown > 0) {
    notes.push_back(
        judgement.counts.unknown == 1
            ? std::string(
                  "1 asset could not be judged and says why. It is left out of the score and "
                  "counted as vulnerable in the low end of its range.")
            : fmt::format("{} assets could not be judged; each says why. They are left out of the "
                          "score and counted as vulnerable in the low end of its range.",
                          judgement.counts.unknown));
  }
  const bool any_ssh = std::any_of(input.endpoints.begin(), input.endpoints.end(),
                                   [](const Endpoint& one) { return one.ssh.has_value(); });
  if (any_ssh) {
    notes.emplace_back(
        "SSH host keys are read from the server's reply; that the server holds the private key is "
        "not "
        "proven.");
  }
  std::vector<std::string> defaults = judgement.mosca.parameters.defaults;
  for (std::string& one : defaults) one = words_of(one);
  if (!defaults.empty()) {
    notes.push_back(
        fmt::format("These values are Carnet's defaults, not yours: {}.", join_words(defaults)));
  }
  return notes;
}

}  // namespace

Judgement judge(const JudgeInput& input) {
  const Policy& policy = builtin_policy();
  Judgement judgement;
  judgement.method_version = kMethodVersion;
  judgement.mosca = judge_mosca(input.mosca, input.now);
  const bool urgent = judgement.mosca.inequality_holds;
  std::vector<ClassifiedAsset> assets = classify_all(input, urgent, policy);
  judgement.counts = count(assets);

  auto& coverage = judgement.coverage;
  coverage.requested = static_cast<int>(input.endpoints.size());
  coverage.reached =
      static_cast<int>(std::count_if(input.endpoints.begin(), input.endpoints.end(),
                                     [](const Endpoint& one) { return one.reached; }));
  coverage.confidence = coverage_confidence(judgement.counts.assets - judgement.counts.unknown,
                                            coverage.reached, coverage.requested);

  judgement.backlog = make_backlog(assets, urgent, input.remediation, policy);
  judgement.frameworks = evaluate_frameworks(policy.frameworks, assets, coverage);
  judgement.assets.reserve(assets.size());
  for (ClassifiedAsset& classified : assets)
    judgement.assets.push_back(std::move(classified.asset));
  const std::vector<ScoredAsset> scored =
      scored_assets(judgement.assets, judgement.backlog, input.remediation, policy);
  if (const auto score = score_of(scored, coverage, urgent)) {
    judgement.score = score->score;
    judgement.score_high = score->score;
    judgement.score_low = score->low;
    judgement.band = score->band;
  }
  judgement.notes = make_notes(input, judgement);
  return judgement;
}

}  // namespace carnet::assess
