#pragma once
// From a judgement's assets and backlog to its score, and to the score it would have if some items
// were done. Pure, thread-safe.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "assess/judge.h"
#include "assess/policy.h"
#include "assess/score.h"
#include "inventory/model.h"

namespace carnet::assess {

// What the score asks of each asset, in their order.
[[nodiscard]] std::vector<ScoredAsset> scored_assets(
    const std::vector<inventory::Asset>& assets, const std::vector<inventory::BacklogItem>& backlog,
    const std::map<std::string, RemediationState>& remediation, const Policy& policy);

struct Score {
  double score = 0, low = 0;  // one decimal
  std::string band;
};
// nullopt if no asset is classified.
[[nodiscard]] std::optional<Score> score_of(const std::vector<ScoredAsset>& scored,
                                            const inventory::Coverage& coverage, bool urgent);

// The backlog with what is known of its items by now.
void apply_remediation(std::vector<inventory::BacklogItem>& backlog,
                       const std::map<std::string, RemediationState>& remediation);

struct Projection {
  std::optional<Score> now;               // with the remediation as it is known today
  std::optional<Score> then;              // if the items were done and a scan saw it
  std::vector<std::string> fixed_assets;  // by id: they would be safe
};
// The score of a stored judgement as it is, and as it would be if `done` (ids of backlog items)
// were done. An asset is taken for safe, with its post-quantum group negotiated by default, once
// nothing is left that puts it at risk or breaks it; a broken one for at risk once nothing is left
// that breaks it today; any other counts as it is.
[[nodiscard]] Projection project(const inventory::Judgement& judgement,
                                 const std::map<std::string, RemediationState>& remediation,
                                 const std::set<std::string>& done);

}  // namespace carnet::assess
