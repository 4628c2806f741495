#include "service/drift.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "evidence/diff.h"
#include "evidence/report.h"
#include "inventory/names.h"
#include "service/alert_facts.h"
#include "service/dates.h"
#include "service/drift_depth.h"
#include "service/scan_document.h"
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

  // `now`: the document's assets at the endpoint. Both lists of `compared` are of this endpoint
  // too.
  void compare(const ComparableAssets& compared, const evidence::Assets& now,
               const std::string& against) {
    against_ = against;
    certificates_changed_ = false;
    whole_.clear();
    for (const Asset* asset : now) whole_.emplace(asset->id, asset);
    for (const Asset* asset : compared.before)
      if (asset->pq_credit > 0) record_.had_hybrid.emplace(asset->host, int{asset->port});
    const evidence::AssetDiff diff = evidence::diff_assets(compared.before, compared.now);
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
    // A change that is recorded already says it: another kind of key, a certificate more or less.
    if (leaf == nullptr || before.cert_sha256.empty() || certificates_changed_) return;
    // One that is still presented was not renewed, though another may end first now.
    for (const inventory::Certificate& certificate : endpoint.tls->certificates)
      if (certificate.sha256 == before.cert_sha256) return;
    const std::string label =
        leaf->chain == 0 ? "Certificate of " : fmt::format("Certificate {} of ", leaf->chain + 1);
    const auto stands_for = [&label](const Asset* asset) {
      return asset->kind == "certificate" && asset->label.starts_with(label);
    };
    const auto asset = std::find_if(now.begin(), now.end(), stands_for);
    if (asset == now.end()) return;
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
    certificates_changed_ = certificates_changed_ || asset.kind == "certificate";
    const auto whole = to == nullptr ? whole_.end() : whole_.find(to->id);
    if (whole == whole_.end()) return;
    if (from != nullptr && from->id != to->id) record_.replaced.emplace(from->id, whole->second);
    const bool was_safe =
        from == nullptr || from->vulnerability.status == inventory::AssetStatus::kSafe;
    if (is_vulnerable(*to) && was_safe) record_.newly_vulnerable.push_back(whole->second);
  }

  const inventory::ScanDocument& document_;
  Random& random_;
  std::string against_;
  bool certificates_changed_ = false;               // at the endpoint that is compared
  std::map<std::string_view, const Asset*> whole_;  // its assets in the document, by id
  DriftRecord record_;
};

// An endpoint's assets as they are stored.
class StoredAssets {
 public:
  static Result<StoredAssets> read(const store::drift::EndpointAssets& rows) {
    StoredAssets out;
    for (const std::string& body : rows.bodies) {
      CARNET_TRY(asset, evidence::read_asset_text(body));
      out.assets_.push_back(std::move(asset));
    }
    return out;
  }
  [[nodiscard]] evidence::Assets pointers() const {
    evidence::Assets out;
    for (const Asset& asset : assets_) out.push_back(&asset);
    return out;
  }

 private:
  std::vector<Asset> assets_;
};

// One endpoint of a scan against the look before it, which may have been of another depth.
Result<void> compare_with(store::Connection& connection, const TenantId& tenant,
                          const inventory::ScanDocument& document,
                          const inventory::Endpoint& endpoint, const evidence::Assets& now,
                          const store::drift::EndpointAssets& before, Recorder& recorder) {
  CARNET_TRY(stored, StoredAssets::read(before));
  const bool now_quick = is_quick(document.profile);
  const bool before_quick = is_quick(before.profile);
  if (now_quick == before_quick) {
    recorder.compare({.before = stored.pointers(), .now = now, .made = {}}, now,
                     before.scan_id.str());
    return {};
  }
  if (now_quick) {
    recorder.compare(when_now_is_quick(stored.pointers(), now), now, before.scan_id.str());
    return {};
  }
  CARNET_TRY(earlier, store::drift::deeper_assets(connection, tenant, endpoint.host,
                                                  int{endpoint.port}, document.scan_id));
  StoredAssets deeper;
  std::optional<evidence::Assets> deeper_assets;
  if (earlier) {
    CARNET_TRY(read, StoredAssets::read(*earlier));
    deeper = std::move(read);
    deeper_assets = deeper.pointers();
  }
  const std::vector<Asset> reduced =
      quick_assets({endpoint}, document.judgement.mosca.inequality_holds);
  evidence::Assets as_quick;
  for (const Asset& asset : reduced) as_quick.push_back(&asset);
  recorder.compare(when_before_is_quick(stored.pointers(), deeper_assets, now, as_quick), now,
                   before.scan_id.str());
  return {};
}

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
    const evidence::Assets& now = assets[{endpoint.host, int{endpoint.port}}];
    CARNET_TRY_VOID(compare_with(connection, tenant, document, endpoint, now, *before, recorder));
    // Which of several certificates ends first is known only to a look that saw all of them.
    constexpr std::size_t kWithOneCertificate = 2;
    const bool several = std::max(now.size(), before->bodies.size()) > kWithOneCertificate;
    if (several && is_quick(before->profile) != is_quick(document.profile)) continue;
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
