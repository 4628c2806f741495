#include "service/drift_depth.h"

#include <map>
#include <set>
#include <string_view>

namespace carnet::service {
namespace {

using inventory::Asset;
using inventory::AssetStatus;
using ById = std::map<std::string_view, const Asset*>;

ById by_id(const evidence::Assets& assets) {
  ById out;
  for (const Asset* asset : assets) out.emplace(asset->id, asset);
  return out;
}

const Asset* find(const ById& assets, std::string_view id) {
  const auto found = assets.find(id);
  return found == assets.end() ? nullptr : found->second;
}

bool is_broken(const Asset& asset) { return asset.vulnerability.status == AssetStatus::kBroken; }

bool of_tls(const Asset& asset) {
  return asset.kind == "tls" || asset.kind == "email" || asset.kind == "certificate";
}

// Which group a server without TLS 1.3 takes a quick scan does not ask either.
bool is_any_group(const Asset& asset) {
  return asset.algorithm == "ECDHE" || asset.algorithm == "DHE";
}

// "Certificate of …" is the one that every scan sees, "Certificate 2 of …" a further one.
bool is_further_certificate(const Asset& asset) {
  return asset.kind == "certificate" && !asset.label.starts_with("Certificate of ");
}

void put(ComparableAssets& out, const Asset* before, const Asset* now) {
  if (before != nullptr) out.before.push_back(before);
  if (now != nullptr) out.now.push_back(now);
}

}  // namespace

ComparableAssets when_now_is_quick(const evidence::Assets& before, const evidence::Assets& now) {
  ComparableAssets out;
  const ById known = by_id(before);
  const ById seen = by_id(now);
  for (const Asset* asset : now)
    if (find(known, asset->id) == nullptr) put(out, nullptr, asset);
  for (const auto& [id, asset] : known) {
    const Asset* const again = find(seen, id);
    if (again == nullptr && is_further_certificate(*asset)) continue;
    if (again == nullptr || !of_tls(*asset)) {
      put(out, asset, again);
      continue;
    }
    Asset& stand_in = out.made.emplace_back(*asset);
    if (is_broken(*asset) && !is_broken(*again)) {  // whether it still is was not asked
      stand_in.vulnerability.status = again->vulnerability.status;
      stand_in.vulnerability.hndl_exposed = again->vulnerability.hndl_exposed;
    }
    if (is_any_group(*again) && asset->pq_credit == again->pq_credit) {
      stand_in.algorithm = again->algorithm;
      stand_in.key_size = again->key_size;
    }
    put(out, &stand_in, again);
  }
  return out;
}

ComparableAssets when_before_is_quick(const evidence::Assets& before,
                                      const std::optional<evidence::Assets>& deeper,
                                      const evidence::Assets& now,
                                      const evidence::Assets& as_quick) {
  ComparableAssets out;
  const ById known = by_id(before);
  const ById known_deeper = by_id(deeper.value_or(evidence::Assets{}));
  const ById seen = by_id(now);
  const ById seen_quick = by_id(as_quick);
  std::set<std::string_view> ids;
  for (const ById* const list : {&known, &known_deeper, &seen})
    for (const auto& [id, asset] : *list) ids.insert(id);
  for (const std::string_view id : ids) {
    const Asset* const quick = find(known, id);
    const Asset* const deep = find(known_deeper, id);
    const Asset* const whole = find(seen, id);
    const Asset* const reduced = find(seen_quick, id);
    if (whole == nullptr) {
      // What only a deeper look saw is gone since then; the rest went with the quick look or now.
      put(out, quick == nullptr && deep != nullptr && is_further_certificate(*deep) ? deep : quick,
          nullptr);
    } else if (quick != nullptr && reduced != nullptr) {
      const bool turned = deep != nullptr && is_broken(*deep) != is_broken(*whole);
      put(out, turned ? deep : quick, turned ? whole : reduced);
    } else if (reduced != nullptr || deeper) {
      put(out, reduced != nullptr ? quick : deep, whole);
    }
  }
  return out;
}

}  // namespace carnet::service
