#include "service/drift.h"

#include <algorithm>
#include <map>

#include <boost/json.hpp>

#include "base/json.h"
#include "evidence/diff.h"
#include "evidence/report.h"
#include "inventory/names.h"
#include "service/alert_facts.h"
#include "service/dates.h"
#include "store/alerts.h"

namespace carnet::service {
namespace {

using inventory::Asset;

boost::json::value state_json(const Asset* asset) {
  if (asset == nullptr) return nullptr;
  return boost::json::object{{"algorithm", asset->algorithm},
                             {"keySize", asset->key_size},
                             {"status", inventory::to_string(asset->vulnerability.status)},
                             {"hndlExposed", asset->vulnerability.hndl_exposed},
                             {"hybrid", asset->exposure == inventory::Exposure::kKeyEstablishment &&
                                            asset->pq_credit > 0}};
}

// The rows of one scan, in the making.
class Recorder {
 public:
  Recorder(const inventory::ScanDocument& document, Random& random)
      : document_(document), random_(random) {
    DriftRecord& out = record_;
    out.day.day = date_text(date_of(document.finished_at));
    out.day.scans = 1;
    if (const auto score = document.judgement.score) {
      out.day.scored = 1;
      out.day.score_sum = out.day.score_low = out.day.score_high = out.day.score_last = *score;
    }
  }

  void add_new(const inventory::Endpoint& endpoint) {
    ++record_.day.endpoints_new;
    store::DriftRow row = row_of(endpoint.host, endpoint.port, "endpoint_new");
    row.detail = json::write(boost::json::object{{"protocol", endpoint.protocol}});
    record_.rows.push_back(std::move(row));
    record_.endpoints_new.push_back(&endpoint);
  }

  void compare(const std::vector<Asset>& before, const evidence::Assets& now,
               const std::string& against) {
    against_ = against;
    evidence::Assets old_assets;
    for (const Asset& asset : before) {
      old_assets.push_back(&asset);
      if (asset.pq_credit > 0) record_.had_hybrid.emplace(asset.host, int{asset.port});
    }
    const evidence::AssetDiff diff = evidence::diff_assets(old_assets, now);
    for (const Asset* asset : diff.added) add(nullptr, asset, "added", evidence::Direction::kSame);
    for (const Asset* asset : diff.removed)
      add(asset, nullptr, "removed", evidence::Direction::kSame);
    for (const evidence::AssetChange& change : diff.changed)
      add(change.from, change.to, change.kind, change.direction);
    against_.clear();
  }

  // The same kind of key in another certificate, which the assets do not show.
  void compare_leaf(const store::WatchedRow& before, const inventory::Endpoint& endpoint,
                    const evidence::Assets& now, const std::string& against) {
    const inventory::Certificate* leaf = first_ending_leaf(endpoint);
    if (leaf == nullptr || before.cert_sha256.empty() || leaf->sha256 == before.cert_sha256) return;
    const auto is_certificate = [](const Asset* asset) { return asset->kind == "certificate"; };
    const auto asset = std::find_if(now.begin(), now.end(), is_certificate);
    if (asset == now.end()) return;
    // A change that is recorded already says it.
    for (auto row = record_.rows.rbegin(); row != record_.rows.rend(); ++row) {
      if (row->host != endpoint.host || row->port != int{endpoint.port}) break;
      for (const Asset* other : now)
        if (is_certificate(other) && other->id == row->asset_id) return;
    }
    store::DriftRow row = row_of(endpoint.host, endpoint.port, "renewed");
    row.against = against;
    row.asset_id = (*asset)->id;
    const auto certificate = [](std::string_view sha256, std::optional<Timestamp> not_after) {
      return boost::json::object{{"sha256", sha256},
                                 {"notAfter", not_after ? boost::json::value(to_rfc3339(*not_after))
                                                        : boost::json::value(nullptr)}};
    };
    row.detail = json::write(boost::json::object{
        {"label", (*asset)->label},
        {"from", state_json(*asset)},
        {"to", state_json(*asset)},
        {"certificate",
         boost::json::object{{"from", certificate(before.cert_sha256, before.cert_not_after)},
                             {"to", certificate(leaf->sha256, leaf->not_after)}}}});
    ++record_.day.changed;
    record_.rows.push_back(std::move(row));
  }

  DriftRecord take() { return std::move(record_); }

 private:
  store::DriftRow row_of(std::string host, int port, std::string_view change) {
    store::DriftRow row;
    row.id = store::DriftId::generate(document_.finished_at, random_);
    row.at = document_.finished_at;
    row.scan_id = document_.scan_id;
    row.against = against_;
    row.host = std::move(host);
    row.port = port;
    row.change = change;
    row.direction = "same";
    return row;
  }

  void add(const Asset* from, const Asset* to, std::string_view change,
           evidence::Direction direction) {
    const Asset& asset = to != nullptr ? *to : *from;
    store::DriftRow row = row_of(asset.host, asset.port, change);
    row.asset_id = asset.id;
    row.direction = evidence::to_string(direction);
    row.hybrid = evidence::hybrid_change(from, to);
    row.detail = json::write(boost::json::object{
        {"label", asset.label}, {"from", state_json(from)}, {"to", state_json(to)}});
    store::DriftDay& day = record_.day;
    if (from == nullptr) ++day.added;
    if (to == nullptr) ++day.removed;
    if (from != nullptr && to != nullptr) ++day.changed;
    if (direction == evidence::Direction::kBetter) ++day.better;
    if (direction == evidence::Direction::kWorse) ++day.worse;
    if (row.hybrid == "gained") ++day.hybrid_gained;
    if (row.hybrid == "lost") ++day.hybrid_lost;
    record_.rows.push_back(std::move(row));
    if (to == nullptr) return;
    if (from != nullptr && from->id != to->id) record_.replaced.emplace(from->id, to);
    const bool was_safe =
        from == nullptr || from->vulnerability.status == inventory::AssetStatus::kSafe;
    if (is_vulnerable(*to) && was_safe) record_.newly_vulnerable.push_back(to);
  }

  const inventory::ScanDocument& document_;
  Random& random_;
  std::string against_;
  DriftRecord record_;
};

}  // namespace

Result<DriftRecord> make_drift(store::Connection& connection, const TenantId& tenant,
                               const inventory::ScanDocument& document, Random& random) {
  std::map<std::pair<std::string_view, int>, evidence::Assets> assets;  // by host and port
  for (const Asset& asset : document.judgement.assets)
    assets[{asset.host, int{asset.port}}].push_back(&asset);
  std::vector<store::watch::Place> places;
  for (const inventory::Endpoint& endpoint : document.endpoints)
    if (endpoint.reached) places.emplace_back(endpoint.host, endpoint.port);
  CARNET_TRY(known, store::watch::endpoints(connection, tenant, places));
  Recorder recorder(document, random);
  for (const inventory::Endpoint& endpoint : document.endpoints) {
    if (!endpoint.reached) continue;
    const auto latest = known.find({endpoint.host, int{endpoint.port}});
    if (latest == known.end()) {
      recorder.add_new(endpoint);
      continue;
    }
    if (latest->second.scan_id.str() > document.scan_id) continue;
    CARNET_TRY(before,
               store::drift::latest_assets(connection, tenant, endpoint.host, endpoint.port));
    if (!before) return make_internal("an endpoint left the inventory within one snapshot");
    std::vector<Asset> old_assets;
    for (const std::string& body : before->bodies) {
      CARNET_TRY(asset, evidence::read_asset_text(body));
      old_assets.push_back(std::move(asset));
    }
    const evidence::Assets& now = assets[{endpoint.host, int{endpoint.port}}];
    recorder.compare(old_assets, now, before->scan_id.str());
    if (latest->second.watched)
      recorder.compare_leaf(*latest->second.watched, endpoint, now, before->scan_id.str());
  }
  return recorder.take();
}

Result<void> lock_inventory(store::Connection& connection, const TenantId& tenant) {
  return connection.lock("inventory/" + tenant.str());
}

Result<bool> drift_is_outdated(store::Connection& connection, const TenantId& tenant,
                               const DriftRecord& record) {
  std::map<store::watch::Place, std::string_view> expected;  // the scan that was compared with
  for (const store::DriftRow& row : record.rows) expected[{row.host, row.port}] = row.against;
  std::vector<store::watch::Place> places;
  places.reserve(expected.size());
  for (const auto& [place, against] : expected) places.push_back(place);
  CARNET_TRY(known, store::watch::endpoints(connection, tenant, places));
  for (const auto& [place, against] : expected) {
    const auto now = known.find(place);
    // Erased meanwhile: the comparison was true.
    if (now != known.end() && now->second.scan_id.str() != against) return true;
  }
  return false;
}

Result<void> store_drift(store::Connection& connection, const TenantId& tenant,
                         const DriftRecord& record) {
  for (const store::DriftRow& row : record.rows)
    CARNET_TRY_VOID(store::drift::insert(connection, tenant, row));
  return store::drift::add_to_day(connection, tenant, record.day);
}

Task<Result<DriftSummary>> Drift::summary(TenantId tenant, int since_days) {
  const std::chrono::sys_days today = date_of(clock_.now());
  const std::string first = date_text(today - std::chrono::days(since_days - 1));
  using Days = std::vector<store::DriftDay>;
  const auto read = [tenant, first](store::Connection& connection) -> Result<Days> {
    return store::drift::days_since(connection, tenant, first);
  };
  CARNET_CO_TRY(days, co_await db_.read<Days>(read));
  DriftSummary out;
  out.from = first;
  out.to = date_text(today);
  store::DriftDay& total = out.total;
  for (const store::DriftDay& day : days) {
    if (day.scored > 0) {
      if (total.scored == 0) out.score_first = day.score_last;
      total.score_low =
          total.scored == 0 ? day.score_low : std::min(total.score_low, day.score_low);
      total.score_high =
          total.scored == 0 ? day.score_high : std::max(total.score_high, day.score_high);
      total.score_last = day.score_last;
    }
    total.scans += day.scans;
    total.scored += day.scored;
    total.score_sum += day.score_sum;
    total.endpoints_new += day.endpoints_new;
    total.added += day.added;
    total.removed += day.removed;
    total.changed += day.changed;
    total.better += day.better;
    total.worse += day.worse;
    total.hybrid_gained += day.hybrid_gained;
    total.hybrid_lost += day.hybrid_lost;
  }
  out.days = std::move(days);
  co_return out;
}

Task<Result<std::vector<store::DriftRow>>> Drift::history(TenantId tenant, DriftQuery query,
                                                          store::Page page) {
  const Timestamp first = clock_.now() - std::chrono::days(query.since_days);
  query.filter.not_before = store::DriftId::generate(std::max(first, Timestamp{}), random_).str();
  using Rows = std::vector<store::DriftRow>;
  const auto read = [tenant, query, page](store::Connection& connection) -> Result<Rows> {
    return store::drift::list(connection, tenant, query.filter, page);
  };
  co_return co_await db_.read<Rows>(read);
}

}  // namespace carnet::service
