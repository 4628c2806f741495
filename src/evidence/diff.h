#pragma once
// What changed between two scans. Assets are matched by their stable ids; what is left over is
// matched by where it stands, so that a replaced certificate or a service that moved to another
// port is one change and not two. Pure, thread-safe.

#include <boost/json/fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "inventory/model.h"

namespace carnet::evidence {

enum class Direction { kBetter, kWorse, kSame };
[[nodiscard]] std::string_view to_string(Direction direction);  // "better" …

struct AssetChange {
  const inventory::Asset* from = nullptr;
  const inventory::Asset* to = nullptr;
  // "changed": other algorithm, status, size or preference · "renewed": another certificate or key
  // of the same kind · "moved": the same service on another port
  std::string_view kind = "changed";
  Direction direction = Direction::kSame;
};

// For readiness: status first, then whether a post-quantum group is negotiated, recording, key
// size. An asset that could not be judged is neither better nor worse.
[[nodiscard]] Direction direction_of(const inventory::Asset& from, const inventory::Asset& to);
// "gained" or "lost" hybrid key establishment, "" for neither; one side may be absent.
[[nodiscard]] std::string_view hybrid_change(const inventory::Asset* from,
                                             const inventory::Asset* to);

using Assets = std::vector<const inventory::Asset*>;
struct AssetDiff {
  Assets added, removed;  // in the order of their ids
  std::vector<AssetChange> changed;
};
// Without looking at certificates: a renewal with the same kind of key is no change here.
[[nodiscard]] AssetDiff diff_assets(const Assets& before, const Assets& now);

// Points into the two documents it was made from, which must outlive it.
struct ScanDiff {
  std::string against;                           // scan id of the older document
  std::vector<const inventory::Asset*> added;    // in `now` only
  std::vector<const inventory::Asset*> removed;  // in `before` only
  std::vector<std::string_view> removed_why;     // by asset: gone | not-reached | not-scanned
  std::vector<AssetChange> changed;
  int better = 0, worse = 0;  // of `changed`
  int hybrid_gained = 0, hybrid_lost = 0;
  std::optional<double> score_delta;  // nullopt if either scan has no score
};

[[nodiscard]] ScanDiff diff(const inventory::ScanDocument& before,
                            const inventory::ScanDocument& now);

// {"against", "added": [asset…], "removed": [asset… with "reason"], "changed": [{"assetId", "host",
//  "port", "label", "kind", "direction", "from": {"algorithm", "keySize", "status", "host",
//  "port"}, "to": {…}}], "improved", "regressed", "hybridGained", "hybridLost", "scoreDelta"}
[[nodiscard]] boost::json::object diff_json(const ScanDiff& diff);

}  // namespace carnet::evidence
