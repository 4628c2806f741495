#include "evidence/diff.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "evidence/report.h"
#include "inventory/names.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;
using inventory::Asset;
using inventory::AssetStatus;
using inventory::Endpoint;
using inventory::ScanDocument;

bool same(const Asset& a, const Asset& b) {
  return a.algorithm == b.algorithm && a.key_size == b.key_size &&
         a.vulnerability.status == b.vulnerability.status && a.pq_credit == b.pq_credit;
}

// nullopt: could not be judged.
std::optional<int> rank(const Asset& asset) {
  switch (asset.vulnerability.status) {
    case AssetStatus::kBroken:
      return 0;
    case AssetStatus::kAtRisk:
      return 1;
    case AssetStatus::kSafe:
      return 2;
    case AssetStatus::kUnknown:
      break;
  }
  return std::nullopt;
}

void by_id(Assets& assets) {
  std::sort(assets.begin(), assets.end(),
            [](const Asset* a, const Asset* b) { return a->id < b->id; });
}

AssetChange change_of(const Asset* from, const Asset* to, std::string_view kind) {
  return {.from = from, .to = to, .kind = kind, .direction = direction_of(*from, *to)};
}

// Takes each pair with the same key off both lists, if it is the only one of the key on each.
template <class Key>
void pair_up(AssetDiff& diff, const Key& key, std::string_view kind) {
  struct Sides {
    Assets removed, added;
  };
  std::map<decltype(key(*static_cast<const Asset*>(nullptr))), Sides> sides;
  for (const Asset* asset : diff.removed) sides[key(*asset)].removed.push_back(asset);
  for (const Asset* asset : diff.added) sides[key(*asset)].added.push_back(asset);
  std::set<const Asset*> paired;
  for (const auto& [which, both] : sides) {
    if (both.removed.size() != 1 || both.added.size() != 1) continue;
    diff.changed.push_back(change_of(both.removed.front(), both.added.front(), kind));
    paired.insert({both.removed.front(), both.added.front()});
  }
  const auto taken = [&paired](const Asset* asset) { return paired.contains(asset); };
  std::erase_if(diff.removed, taken);
  std::erase_if(diff.added, taken);
}

// What stands in an asset's place: "Certificate 2 of …" is another place than "Certificate of …".
std::string_view role_of(const Asset& asset) {
  return std::string_view(asset.label).substr(0, asset.label.find(" of "));
}

struct DocumentIndex {
  std::map<std::pair<std::string_view, int>, const Endpoint*> endpoints;

  explicit DocumentIndex(const ScanDocument& document) {
    for (const Endpoint& endpoint : document.endpoints)
      endpoints.emplace(std::pair(std::string_view(endpoint.host), int{endpoint.port}), &endpoint);
  }
  [[nodiscard]] const Endpoint* find(std::string_view host, int port) const {
    const auto found = endpoints.find({host, port});
    return found == endpoints.end() ? nullptr : found->second;
  }
  [[nodiscard]] bool reached(std::string_view host, int port) const {
    const Endpoint* endpoint = find(host, port);
    return endpoint != nullptr && endpoint->reached;
  }
};

// The fingerprint of the SSH host key that the asset stands for; "" if it is none.
std::string_view host_key_of(const Asset& asset, const Endpoint& endpoint) {
  constexpr std::string_view kWord = "SSH host key ";
  const std::string_view role = role_of(asset);
  if (!endpoint.ssh || !role.starts_with(kWord)) return {};
  for (const auto& key : endpoint.ssh->host_keys)
    if (key.type == role.substr(kWord.size())) return key.fingerprint;
  return {};
}

// What an asset's certificate or host key is known by, the leaf of the chain; "" if it has none.
std::string_view fingerprint_of(const Asset& asset, const DocumentIndex& index) {
  const Endpoint* endpoint = index.find(asset.host, asset.port);
  if (endpoint == nullptr) return {};
  if (asset.kind == "ssh") return host_key_of(asset, *endpoint);
  if (asset.kind != "certificate" || !endpoint->tls) return {};
  // The asset's label counts chains from one; the first has no number.
  constexpr std::string_view kWord = "Certificate ";
  int chain = 0;
  const std::string_view role = role_of(asset);
  if (role.size() > kWord.size() && role.starts_with(kWord)) chain = role[kWord.size()] - '1';
  for (const auto& certificate : endpoint->tls->certificates)
    if (certificate.chain == chain && certificate.position == 0) return certificate.sha256;
  return {};
}

// A service that left one port of a host and appeared at another one: only where the host has one
// of each, and the old port was not seen open.
void pair_moved(AssetDiff& diff, const DocumentIndex& before, const DocumentIndex& now) {
  struct Ports {
    std::set<int> left, appeared;
  };
  std::map<std::string_view, Ports> hosts;
  for (const Asset* asset : diff.removed)
    if (!now.reached(asset->host, asset->port)) hosts[asset->host].left.insert(asset->port);
  for (const Asset* asset : diff.added)
    if (!before.reached(asset->host, asset->port)) hosts[asset->host].appeared.insert(asset->port);
  AssetDiff moving;
  const auto moves = [&hosts](const Asset* asset) {
    const auto host = hosts.find(asset->host);
    if (host == hosts.end()) return false;
    const Ports& ports = host->second;
    return ports.left.size() == 1 && ports.appeared.size() == 1 && ports.left != ports.appeared &&
           (ports.left.contains(asset->port) || ports.appeared.contains(asset->port));
  };
  const auto take = [&moves](Assets& from, Assets& to) {
    std::copy_if(from.begin(), from.end(), std::back_inserter(to), moves);
    std::erase_if(from, moves);
  };
  take(diff.removed, moving.removed);
  take(diff.added, moving.added);
  const auto key = [](const Asset& asset) {
    return std::tuple(std::string_view(asset.host), asset.exposure, std::string_view(asset.kind),
                      role_of(asset));
  };
  pair_up(moving, key, "moved");
  diff.removed.insert(diff.removed.end(), moving.removed.begin(), moving.removed.end());
  diff.added.insert(diff.added.end(), moving.added.begin(), moving.added.end());
  diff.changed.insert(diff.changed.end(), moving.changed.begin(), moving.changed.end());
  by_id(diff.removed);
  by_id(diff.added);
}

// A certificate or host key of the same kind and another fingerprint.
void add_renewed(AssetDiff& diff, const ScanDocument& before, const ScanDocument& now,
                 const DocumentIndex& old_index, const DocumentIndex& new_index) {
  std::map<std::string_view, const Asset*> old_assets;
  for (const Asset& asset : before.judgement.assets) old_assets.emplace(asset.id, &asset);
  for (const Asset& asset : now.judgement.assets) {
    const auto old = old_assets.find(asset.id);
    if (old == old_assets.end() || !same(*old->second, asset)) continue;
    const std::string_view was = fingerprint_of(*old->second, old_index);
    const std::string_view is = fingerprint_of(asset, new_index);
    if (!was.empty() && !is.empty() && was != is)
      diff.changed.push_back(change_of(old->second, &asset, "renewed"));
  }
}

bj::object state_json(const Asset& asset) {
  return {{"algorithm", asset.algorithm},
          {"keySize", asset.key_size},
          {"status", to_string(asset.vulnerability.status)},
          {"host", asset.host},
          {"port", asset.port}};
}

}  // namespace

std::string_view to_string(Direction direction) {
  switch (direction) {
    case Direction::kBetter:
      return "better";
    case Direction::kWorse:
      return "worse";
    case Direction::kSame:
      break;
  }
  return "same";
}

Direction direction_of(const Asset& from, const Asset& to) {
  const auto old_rank = rank(from);
  const auto new_rank = rank(to);
  if (!old_rank || !new_rank) return Direction::kSame;
  const bool same_algorithm = from.algorithm == to.algorithm;
  const auto old_place =
      std::tuple(*old_rank, from.pq_credit, from.vulnerability.hndl_exposed ? 0 : 1,
                 same_algorithm ? from.key_size : 0);
  const auto new_place = std::tuple(*new_rank, to.pq_credit, to.vulnerability.hndl_exposed ? 0 : 1,
                                    same_algorithm ? to.key_size : 0);
  if (old_place == new_place) return Direction::kSame;
  return old_place < new_place ? Direction::kBetter : Direction::kWorse;
}

std::string_view hybrid_change(const Asset* from, const Asset* to) {
  const auto has = [](const Asset* asset) {
    return asset != nullptr && asset->exposure == inventory::Exposure::kKeyEstablishment &&
           asset->pq_credit > 0;
  };
  if (has(from) == has(to)) return "";
  return has(to) ? "gained" : "lost";
}

AssetDiff diff_assets(const Assets& before, const Assets& now) {
  std::map<std::string_view, const Asset*> old_assets;
  std::map<std::string_view, const Asset*> new_assets;
  for (const Asset* asset : before) old_assets.emplace(asset->id, asset);
  for (const Asset* asset : now) new_assets.emplace(asset->id, asset);
  AssetDiff diff;
  for (const auto& [id, asset] : new_assets) {
    const auto old = old_assets.find(id);
    if (old == old_assets.end())
      diff.added.push_back(asset);
    else if (!same(*old->second, *asset))
      diff.changed.push_back(change_of(old->second, asset, "changed"));
  }
  for (const auto& [id, asset] : old_assets)
    if (!new_assets.contains(id)) diff.removed.push_back(asset);
  // The ids of these kinds may hold a fingerprint or the name of a key, which change when it is
  // replaced.
  const auto place = [](const Asset& asset) {
    const bool replaceable =
        asset.kind == "certificate" || asset.kind == "jwks" || asset.kind == "key";
    return std::tuple(std::string_view(asset.host), asset.port, asset.exposure,
                      std::string_view(asset.kind), role_of(asset),
                      replaceable ? std::string_view() : std::string_view(asset.id));
  };
  pair_up(diff, place, "renewed");
  return diff;
}

ScanDiff diff(const ScanDocument& before, const ScanDocument& now) {
  const auto pointers = [](const ScanDocument& document) {
    Assets assets;
    for (const Asset& asset : document.judgement.assets) assets.push_back(&asset);
    return assets;
  };
  const DocumentIndex old_index(before);
  const DocumentIndex new_index(now);
  AssetDiff assets = diff_assets(pointers(before), pointers(now));
  pair_moved(assets, old_index, new_index);
  add_renewed(assets, before, now, old_index, new_index);
  std::sort(assets.changed.begin(), assets.changed.end(),
            [](const AssetChange& a, const AssetChange& b) { return a.to->id < b.to->id; });
  ScanDiff result;
  result.against = before.scan_id;
  result.added = std::move(assets.added);
  result.removed = std::move(assets.removed);
  result.changed = std::move(assets.changed);
  const auto count_hybrid = [&result](const Asset* from, const Asset* to) {
    const std::string_view change = hybrid_change(from, to);
    if (change == "gained") ++result.hybrid_gained;
    if (change == "lost") ++result.hybrid_lost;
  };
  for (const Asset* asset : result.removed) {
    const Endpoint* endpoint = new_index.find(asset->host, asset->port);
    result.removed_why.emplace_back(endpoint == nullptr ? "not-scanned"
                                    : endpoint->reached ? "gone"
                                                        : "not-reached");
    if (endpoint != nullptr && endpoint->reached) count_hybrid(asset, nullptr);
  }
  for (const Asset* asset : result.added) count_hybrid(nullptr, asset);
  for (const AssetChange& change : result.changed) {
    if (change.direction == Direction::kBetter) ++result.better;
    if (change.direction == Direction::kWorse) ++result.worse;
    count_hybrid(change.from, change.to);
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
                       {"kind", change.kind},
                       {"direction", to_string(change.direction)},
                       {"from", state_json(*change.from)},
                       {"to", state_json(*change.to)}});
  }
  bj::array added;
  for (const Asset* asset : diff.added) added.push_back(asset_json(*asset));
  bj::array removed;
  for (std::size_t i = 0; i < diff.removed.size(); ++i) {
    bj::object asset = asset_json(*diff.removed[i]);
    asset["reason"] = diff.removed_why[i];
    removed.emplace_back(std::move(asset));
  }
  bj::object json;
  json["against"] = diff.against;
  json["added"] = std::move(added);
  json["removed"] = std::move(removed);
  json["changed"] = std::move(changed);
  json["improved"] = diff.better;
  json["regressed"] = diff.worse;
  json["hybridGained"] = diff.hybrid_gained;
  json["hybridLost"] = diff.hybrid_lost;
  json["scoreDelta"] = diff.score_delta ? bj::value(*diff.score_delta) : bj::value(nullptr);
  return json;
}

}  // namespace carnet::evidence
