#pragma once
// What changed between two scans of the same targets, by the stable ids of their assets. Pure,
// thread-safe.

#include <boost/json/fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "inventory/model.h"

namespace carnet::evidence {

struct AssetChange {
  const inventory::Asset* from = nullptr;
  const inventory::Asset* to = nullptr;
};

// Points into the two documents it was made from, which must outlive it.
struct ScanDiff {
  std::string against;                           // scan id of the older document
  std::vector<const inventory::Asset*> added;    // in `now` only
  std::vector<const inventory::Asset*> removed;  // in `before` only
  std::vector<AssetChange> changed;              // same id, other algorithm, status or key size
  std::optional<double> score_delta;             // nullopt if either scan has no score
};

[[nodiscard]] ScanDiff diff(const inventory::ScanDocument& before,
                            const inventory::ScanDocument& now);

// {"against", "added": [asset…], "removed": [asset…], "changed": [{"assetId", "host", "port",
// "label",
//  "from": {"algorithm", "keySize", "status"}, "to": {…}}], "scoreDelta"}
[[nodiscard]] boost::json::object diff_json(const ScanDiff& diff);

}  // namespace carnet::evidence
