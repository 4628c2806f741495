#include "assess/score.h"

#include <algorithm>

#include "assess/method.h"
#include "assess/mosca.h"

namespace carnet::assess {
namespace {

using inventory::AssetStatus;
using inventory::Exposure;

struct Tally {
  double assets = 0, assumed = 0, broken = 0, not_vulnerable = 0;
  double key_endpoints = 0, exposed = 0, pq_credit = 0;
  double to_remedy = 0, remedied = 0;
};

Tally tally(const std::vector<ScoredAsset>& assets) {
  Tally sum;
  for (const ScoredAsset& asset : assets) {
    if (asset.status == AssetStatus::kUnknown) continue;
    const bool broken = asset.status == AssetStatus::kBroken;
    const bool safe = asset.status == AssetStatus::kSafe;
    sum.assets += 1;
    sum.assumed += asset.assumed ? 1 : 0;
    sum.broken += broken ? 1 : 0;
    sum.not_vulnerable += safe ? 1 : 0;
    if (asset.exposure == Exposure::kKeyEstablishment) {
      sum.key_endpoints += 1;
      sum.exposed += broken || asset.hndl_exposed ? 1 : 0;
      sum.pq_credit += broken ? 0 : std::clamp(asset.pq_credit, 0.0, 1.0);
    }
    if (!safe) {
      sum.to_remedy += 1;
      sum.remedied += broken ? 0 : std::clamp(asset.remediation_credit, 0.0, 1.0);
    } else if (asset.remediated) {
      // Stays in the count with full credit: else fixing one of two planned items would lower their
      // mean.
      sum.to_remedy += 1;
      sum.remedied += 1;
    }
  }
  return sum;
}

}  // namespace

std::optional<double> readiness_score(const std::vector<ScoredAsset>& assets, bool urgent) {
  const Tally sum = tally(assets);
  if (sum.assets == 0) return std::nullopt;
  const double v = sum.not_vulnerable / sum.assets;
  const double r = sum.to_remedy == 0 ? 1 : sum.remedied / sum.to_remedy;
  double weighted = kWeightNotVulnerable * v + kWeightRemediation * r;
  if (sum.key_endpoints > 0) {
    const double share = sum.exposed / sum.key_endpoints;
    const double h = std::max(0.0, 1 - share * (urgent ? kHndlUrgencyFactor : 1));
    weighted += kWeightHndl * h + kWeightPostQuantum * sum.pq_credit / sum.key_endpoints;
  } else {
    weighted *= 100 / (kWeightNotVulnerable + kWeightRemediation);
  }
  // Taken over what was seen: assumed assets must not thin out the broken ones.
  const double seen = sum.assets - sum.assumed;
  const double penalty = seen > 0 ? kBrokenPenalty * sum.broken / seen : 0;
  return std::clamp(weighted - penalty, 0.0, 100.0);
}

std::string_view band_of(double score) {
  for (const Band& band : kBands) {
    if (score < band.below) return band.name;
  }
  return kBands.back().name;
}

double coverage_confidence(int classified_assets, int reached, int requested) {
  if (requested <= 0) return 0;
  const double base =
      std::min(kConfidenceMax, kConfidenceBase + kConfidencePerAsset * classified_assets);
  return round1(base * reached / requested);
}

}  // namespace carnet::assess
