#pragma once
// The readiness score, alone: numbers in, one number out. Pure, thread-safe. Formula:
// docs/methodology.md.

#include <optional>
#include <string_view>
#include <vector>

#include "inventory/model.h"

namespace carnet::assess {

// What the score asks of one asset.
struct ScoredAsset {
  inventory::AssetStatus status = inventory::AssetStatus::kUnknown;
  inventory::Exposure exposure = inventory::Exposure::kKeyEstablishment;
  bool hndl_exposed = false;
  double pq_credit = 0;           // 0–1; key establishment only
  double remediation_credit = 0;  // 0–1; of a vulnerable asset's backlog items, the least
  bool remediated = false;        // safe now, and there is a record that it was worked on
  bool assumed = false;  // stands for an endpoint that could not be judged (low end of the range)
};

// 0–100, not rounded; nullopt if no asset is classified. Assets of status unknown do not count. A
// broken asset counts as exposed, earns no credit for post-quantum groups and none for remediation,
// so that finding one never raises the score.
[[nodiscard]] std::optional<double> readiness_score(const std::vector<ScoredAsset>& assets,
                                                    bool urgent);

// "Critical" | "At Risk" | "Developing" | "Prepared".
[[nodiscard]] std::string_view band_of(double score);

// Percent, rounded to one decimal; 0 if nothing was requested.
[[nodiscard]] double coverage_confidence(int classified_assets, int reached, int requested);

}  // namespace carnet::assess
