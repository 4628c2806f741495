#include "evidence/diff.h"

#include <boost/json.hpp>
#include <cmath>
#include <map>
#include <string_view>

#include "evidence/report.h"
#include "inventory/names.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;
using inventory::Asset;
using inventory::ScanDocument;

std::map<std::string_view, const Asset*> by_id(const ScanDocument& document) {
  std::map<std::string_view, const Asset*> assets;
  for (const Asset& asset : document.judgement.assets) assets.emplace(asset.id, &asset);
  return assets;
}

bool same(const Asset& a, const Asset& b) {
  return a.algorithm == b.algorithm && a.key_size == b.key_size &&
         a.vulnerability.status == b.vulnerability.status;
}

bj::object state_json(const Asset& asset) {
  return {{"algorithm", asset.algorithm},
          {"keySize", asset.key_size},
          {"status", to_string(asset.vulnerability.status)}};
}

bj::array assets_json(const std::vector<const Asset*>& assets) {
  bj::array array;
  for (const Asset* asset : assets) array.push_back(asset_json(*asset));
  return array;
}

}  // namespace

ScanDiff diff(const ScanDocument& before, const ScanDocument& now) {
  ScanDiff result;
  result.against = before.scan_id;
  const auto old_assets = by_id(before);
  const auto new_assets = by_id(now);
  for (const auto& [id, asset] : new_assets) {
    const auto old = old_assets.find(id);
    if (old == old_assets.end()) {
      result.added.push_back(asset);
    } else if (!same(*old->second, *asset)) {
      result.changed.push_back({.from = old->second, .to = asset});
    }
  }
  for (const auto& [id, asset] : old_assets) {
    if (!new_assets.contains(id)) result.removed.push_back(asset);
  }
  if (before.judgement.score && now.judgement.score) {
    // Both have one decimal; the difference of two such doubles need not, so it is brought back to
    // one.
    result.score_delta = std::round((*now.judgement.score - *before.judgement.score) * 10) / 10;
  }
  return result;
}

bj::object diff_json(const ScanDiff& diff) {
  bj::array changed;
  for (const AssetChange& change : diff.changed) {
    changed.push_back({{"assetId", change.to->id},
                       {"host", change.to->host},
                       {"port", change.to->port},
                       {"label", change.to->label},
                       {"from", state_json(*change.from)},
                       {"to", state_json(*change.to)}});
  }
  bj::object json;
  json["against"] = diff.against;
  json["added"] = assets_json(diff.added);
  json["removed"] = assets_json(diff.removed);
  json["changed"] = std::move(changed);
  json["scoreDelta"] = diff.score_delta ? bj::value(*diff.score_delta) : bj::value(nullptr);
  return json;
}

}  // namespace carnet::evidence
