#include "service/scan_ended.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/encoding.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "evidence/passport.h"
#include "inventory/names.h"
#include "service/scan_document.h"
#include "service/scan_request.h"
#include "service/schedules.h"
#include "service/tenant_json.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

using inventory::Asset;
using store::watch::Place;

constexpr double kSteepDrop = 20;            // points; from here on a drop is of high severity
constexpr std::size_t kEventAlertsMax = 25;  // told with the scan itself; the rest by alert.raised
constexpr std::size_t kFindings = 20;

std::string place_text(const Place& place) {
  return fmt::format("{}:{}", place.first, place.second);
}

std::string name_of(const store::ScanRow& scan) {
  return scan.label.empty() ? scan.target : fmt::format("\"{}\" ({})", scan.label, scan.target);
}

// Equal for scans that were asked for alike, also for one that never came to a plan.
std::string request_key(const store::ScanRow& scan) {
  std::string text = scan.target + '\n';
  if (auto request = read_request(scan.request)) {
    std::sort(request->targets.begin(), request->targets.end());
    for (const std::string& target : request->targets) text += target + '\n';
    for (const ListedTarget& listed : request->listed)
      text += listed.target + ' ' + listed.kind + '\n';
    for (const std::string& kind : request->kinds) text += "kind " + kind + '\n';
    for (const std::uint16_t port : request->ports) text += fmt::format("port {}\n", port);
  }
  return crypto::sha256_hex(text);
}

AlertDraft vulnerable_draft(const Asset& asset) {
  AlertDraft draft;
  draft.kind = AlertKind::kNewQuantumVulnerableAsset;
  draft.subject = asset.id;
  const std::string& severity = asset.vulnerability.severity;
  draft.severity = severity == "critical" || severity == "high" || severity == "low"
                       ? std::string_view(severity)
                       : "medium";
  draft.message = fmt::format("{} is quantum-vulnerable ({}) and was not before.", asset.label,
                              asset.algorithm);
  draft.host = asset.host;
  draft.port = asset.port;
  draft.detail = {{"assetId", asset.id},
                  {"label", asset.label},
                  {"algorithm", asset.algorithm},
                  {"status", inventory::to_string(asset.vulnerability.status)},
                  {"hndlExposed", asset.vulnerability.hndl_exposed}};
  return draft;
}

AlertDraft hybrid_draft(const Place& place, const EndpointFacts& facts) {
  AlertDraft draft;
  draft.kind = AlertKind::kHybridLost;
  draft.subject = place_text(place);
  draft.severity = "high";
  draft.host = place.first;
  draft.port = place.second;
  std::string now;
  for (const Asset* asset : facts.assets)
    if (asset->exposure == inventory::Exposure::kKeyEstablishment && now.empty())
      now = asset->algorithm;
  draft.message =
      fmt::format("{} negotiated hybrid post-quantum key exchange before and now has {} only.",
                  draft.subject, now.empty() ? "classical key exchange" : now);
  draft.detail = {{"algorithm", now}};
  return draft;
}

AlertDraft gone_draft(const Place& place, int misses) {
  AlertDraft draft;
  draft.kind = AlertKind::kEndpointGone;
  draft.subject = place_text(place);
  draft.severity = "medium";
  draft.host = place.first;
  draft.port = place.second;
  draft.message =
      fmt::format("{} was reached before and not by the last {} that tried.", draft.subject,
                  misses == 1 ? "scan" : fmt::format("{} scans", misses));
  draft.detail = {{"misses", misses}};
  return draft;
}

// What a quick scan does not ask for does not go away with it: old versions and suites, which break
// a key exchange, and the further certificates of a port.
bool needs_more_than_quick(const store::AlertRow& row) {
  const auto detail = json::parse(row.detail);
  const auto* object = detail ? detail->if_object() : nullptr;
  if (object == nullptr) return false;
  const auto text = [object](std::string_view name) {
    const auto* value = object->if_contains(name);
    return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                  : std::string_view();
  };
  const std::string_view label = text("label");
  return text("status") == "broken" ||
         (label.starts_with("Certificate ") && !label.starts_with("Certificate of "));
}

// The alerts that stand about endpoints that this scan looked at: seen again, or gone.
Result<void> look_again(AlertBook& book, const ScanFacts& scan) {
  const auto facts_of_row = [&](const store::AlertRow& row) -> const EndpointFacts* {
    const auto found = scan.facts.find({row.host, row.port});
    return found == scan.facts.end() ? nullptr : &found->second;
  };
  for (const store::AlertRow& row : book.standing(AlertKind::kHybridLost)) {
    const EndpointFacts* facts = facts_of_row(row);
    if (facts == nullptr || !facts->reached) continue;
    if (facts->hybrid == Hybrid::kYes)
      CARNET_TRY_VOID(book.resolve(AlertKind::kHybridLost, row.subject,
                                   "The endpoint negotiates hybrid key exchange again."));
    if (facts->hybrid == Hybrid::kNo)
      CARNET_TRY_VOID(book.raise(hybrid_draft({row.host, row.port}, *facts)));
  }
  for (const store::AlertRow& row : book.standing(AlertKind::kEndpointGone)) {
    const EndpointFacts* facts = facts_of_row(row);
    if (facts != nullptr && facts->reached)
      CARNET_TRY_VOID(
          book.resolve(AlertKind::kEndpointGone, row.subject, "The endpoint was reached again."));
  }
  constexpr AlertKind kNew = AlertKind::kNewQuantumVulnerableAsset;
  for (const store::AlertRow& row : book.standing(kNew)) {
    const EndpointFacts* facts = facts_of_row(row);
    if (facts == nullptr || !facts->reached) continue;
    std::string subject = row.subject;
    if (const auto other = scan.drift->replaced.find(subject);
        other != scan.drift->replaced.end() && is_vulnerable(*other->second)) {
      CARNET_TRY_VOID(book.move(kNew, subject, other->second->id));
      subject = other->second->id;
    }
    const auto found = std::find_if(facts->assets.begin(), facts->assets.end(),
                                    [&](const Asset* asset) { return asset->id == subject; });
    const bool there = found != facts->assets.end();
    const bool vulnerable = there && is_vulnerable(**found);
    if (!vulnerable && is_quick(scan.document->profile) && needs_more_than_quick(row)) continue;
    if (vulnerable) {
      CARNET_TRY_VOID(book.raise(vulnerable_draft(**found)));
    } else if (!there) {
      CARNET_TRY_VOID(book.resolve(kNew, subject, "The asset is not there any more."));
    } else if ((*found)->vulnerability.status == inventory::AssetStatus::kSafe) {
      CARNET_TRY_VOID(book.resolve(kNew, subject, "The asset is not quantum-vulnerable any more."));
    }
  }
  return {};
}

Result<void> raise_new(AlertBook& book, const ScanFacts& scan, bool targets_known) {
  for (const Place& place : scan.hybrid_lost)
    CARNET_TRY_VOID(book.raise(hybrid_draft(place, scan.facts.at(place))));
  for (const auto& [place, misses] : scan.missed)
    if (misses >= book.of().limits.gone_scans)
      CARNET_TRY_VOID(book.raise(gone_draft(place, misses)));
  for (const Asset* asset : scan.newly_vulnerable)
    if (book.find(AlertKind::kNewQuantumVulnerableAsset, asset->id) == nullptr)
      CARNET_TRY_VOID(book.raise(vulnerable_draft(*asset)));
  // What the first scan of some targets finds is no news; what appears among them later is.
  if (!targets_known) return {};
  for (const inventory::Endpoint* endpoint : scan.drift->endpoints_new) {
    const auto facts = scan.facts.find({endpoint->host, int{endpoint->port}});
    if (facts == scan.facts.end()) continue;
    for (const Asset* asset : facts->second.assets)
      if (is_vulnerable(*asset) &&
          book.find(AlertKind::kNewQuantumVulnerableAsset, asset->id) == nullptr)
        CARNET_TRY_VOID(book.raise(vulnerable_draft(*asset)));
  }
  return {};
}

double stood_at(const store::AlertRow& row) {
  const auto detail = json::parse(row.detail);
  const auto* object = detail ? detail->if_object() : nullptr;
  const auto* from = object == nullptr ? nullptr : object->if_contains("from");
  return from != nullptr && from->is_number() ? from->to_number<double>() : 0;
}

Result<void> look_at_score(AlertBook& book, const ScanEnd& end,
                           const std::optional<store::watch::TargetScore>& before) {
  const bool older = before && before->scan_id > end.scan.id;
  if (!end.score || older) return {};
  const std::string& subject = end.facts->target_set;
  const store::AlertRow* stands = book.find(AlertKind::kScoreDrop, subject);
  const bool compares = before && before->score;
  if (stands == nullptr && !compares) return {};
  const double from = stands != nullptr ? stood_at(*stands) : *before->score;
  const double drop = std::round((from - *end.score) * 10) / 10;  // both have one decimal
  if (drop < book.of().limits.score_drop)
    return book.resolve(AlertKind::kScoreDrop, subject,
                        fmt::format("Readiness is {:.1f} again, where it was {:.1f} before it "
                                    "dropped.",
                                    *end.score, from));
  AlertDraft draft;
  draft.kind = AlertKind::kScoreDrop;
  draft.subject = subject;
  draft.severity = drop >= kSteepDrop ? "high" : "medium";
  draft.message = fmt::format("Readiness of {} dropped from {:.1f} to {:.1f}.", name_of(end.scan),
                              from, *end.score);
  draft.detail = {{"target", end.scan.target}, {"from", from}, {"to", *end.score}, {"drop", drop}};
  return book.raise(draft);
}

Result<void> look_at_failure(AlertBook& book, const ScanEnd& end) {
  const std::string subject = request_key(end.scan);
  if (end.status == "success")
    return book.resolve(AlertKind::kScanFailed, subject,
                        "A scan of the same targets has ended in success.");
  if (end.status != "error") return {};
  AlertDraft draft;
  draft.kind = AlertKind::kScanFailed;
  draft.subject = subject;
  draft.severity = "medium";
  draft.message = fmt::format("The scan of {} failed: {}", name_of(end.scan), end.error_detail);
  draft.detail = {{"target", end.scan.target}, {"reason", end.error_detail}};
  return book.raise(draft);
}

// What the endpoints look like now, for the next scan.
Result<void> remember(AlertBook& book, const ScanFacts& scan) {
  for (const auto& [place, row] : scan.changed)
    CARNET_TRY_VOID(store::watch::put(book.connection(), book.of().tenant, place, row));
  return {};
}

std::string counted(const AlertChanges& changes) {
  std::string text;
  if (!changes.raised.empty())
    text += fmt::format("; {} alert{} raised", changes.raised.size(),
                        changes.raised.size() == 1 ? "" : "s");
  if (changes.left_out > 0) text += fmt::format(" and {} more left out", changes.left_out);
  if (!changes.resolved.empty()) text += fmt::format("; {} resolved", changes.resolved.size());
  return text;
}

std::string sentence_of(const ScanEnd& end, const std::optional<double>& before,
                        const AlertChanges& changes) {
  const std::string name = name_of(end.scan);
  if (end.status == "cancelled")
    return fmt::format("The scan of {} was cancelled{}.", name, counted(changes));
  if (end.status == "error") {
    std::string detail = end.error_detail;
    if (detail.empty()) detail = "It came to no end.";
    return fmt::format("The scan of {} failed{}: {}", name, counted(changes), detail);
  }
  std::string score = "nothing to score";
  if (end.score) {
    score = fmt::format("readiness {:.1f}, {}", *end.score, end.band);
    const double delta = before ? std::round((*end.score - *before) * 10) / 10 : 0;
    if (delta != 0)
      score +=
          fmt::format(" ({:.1f} {} than before)", std::abs(delta), delta > 0 ? "better" : "worse");
  }
  return fmt::format("The scan of {} is finished: {}; {} of {} endpoints reached{}.", name, score,
                     end.reached, end.endpoints, counted(changes));
}

}  // namespace

Result<std::shared_ptr<const ScanFacts>> ScanEnded::look(
    store::Connection& connection, const TenantId& tenant,
    std::shared_ptr<const inventory::ScanDocument> document,
    std::shared_ptr<const DriftRecord> drift, bool complete) {
  auto out = std::make_shared<ScanFacts>();
  out->complete = complete;
  out->target_set = evidence::target_set_of(*document);
  // A quick scan, which looks at less, has a score of its own kind.
  if (is_quick(document->profile)) out->target_set += "/quick";
  out->facts = facts_of(*document);
  std::vector<Place> places;
  for (const auto& [place, facts] : out->facts) places.push_back(place);
  CARNET_TRY(known, store::watch::endpoints(connection, tenant, places));
  const bool urgent = document->judgement.mosca.inequality_holds;
  for (const Place& place : places) {
    const EndpointFacts& facts = out->facts.at(place);
    const auto found = known.find(place);
    if (found != known.end() && found->second.scan_id.str() > document->scan_id) {
      out->facts.erase(place);
      continue;
    }
    const bool watched = found != known.end() && found->second.watched;
    if (facts.file) continue;
    if (facts.reached) {
      const bool had_hybrid =
          (watched && found->second.watched->hybrid) || drift->had_hybrid.contains(place);
      if (had_hybrid && facts.hybrid == Hybrid::kNo) out->hybrid_lost.push_back(place);
      store::WatchedRow row = watched_row(facts, had_hybrid, urgent);
      if (!watched || row != *found->second.watched)
        out->changed.emplace_back(place, std::move(row));
    } else if (complete && found != known.end()) {
      store::WatchedRow row = watched ? *found->second.watched : store::WatchedRow{};
      if (row.missed_scan == document->scan_id) continue;
      row.missed_scan = document->scan_id;
      out->missed.emplace(place, ++row.misses);
      out->changed.emplace_back(place, std::move(row));
    }
  }
  // A key exchange that was hybrid is one alert, not two.
  for (const Asset* asset : drift->newly_vulnerable) {
    const Place place{asset->host, int{asset->port}};
    const bool told = asset->exposure == inventory::Exposure::kKeyEstablishment &&
                      std::find(out->hybrid_lost.begin(), out->hybrid_lost.end(), place) !=
                          out->hybrid_lost.end();
    if (!told && out->facts.contains(place)) out->newly_vulnerable.push_back(asset);
  }
  out->document = std::move(document);
  out->drift = std::move(drift);
  return std::shared_ptr<const ScanFacts>(std::move(out));
}

Result<AlertChanges> ScanEnded::apply(store::Connection& connection, const ScanEnd& end) const {
  const TenantId& tenant = end.scan.tenant_id;
  AlertChanges changes;
  std::optional<double> score_before;
  CARNET_TRY(row, store::tenants::find(connection, tenant));
  if (!row || row->state == store::TenantState::kErasing) return changes;
  if (!end.scan.sample) {
    CARNET_TRY(book, AlertBook::open(connection, random_,
                                     {.tenant = tenant,
                                      .scan = end.scan.id.str(),
                                      .now = end.at,
                                      .limits = alert_thresholds(read_settings(row->settings))}));
    if (end.facts) {
      const ScanFacts& facts = *end.facts;
      CARNET_TRY(last, store::watch::last_score(connection, tenant, facts.target_set));
      if (last) score_before = last->score;
      CARNET_TRY_VOID(remember(book, facts));
      CARNET_TRY_VOID(look_again(book, facts));
      CARNET_TRY_VOID(raise_new(book, facts, last.has_value()));
      CARNET_TRY_VOID(look_at_score(book, end, last));
      CARNET_TRY_VOID(look_at_certificates(book));
      CARNET_TRY_VOID(look_at_deadlines(book));
      if (end.status == "success")
        CARNET_TRY_VOID(store::watch::put_score(connection, tenant, facts.target_set,
                                                {.scan_id = end.scan.id, .score = end.score}));
    }
    CARNET_TRY_VOID(look_at_failure(book, end));
    CARNET_TRY_VOID(book.tell(outbox_));
    changes = std::move(book.changes());
  }
  Event event;
  event.name = end.status == "success" ? kScanCompleted : kScanFailed;
  event.tenant = tenant;
  event.scan = end.scan.id;
  event.readiness_score = end.score;
  for (std::size_t i = 0; i < std::min(kEventAlertsMax, changes.raised.size()); ++i)
    event.alerts.emplace_back(alert_json(changes.raised[i]));
  event.message = sentence_of(end, score_before, changes);
  CARNET_TRY_VOID(outbox_.emit(connection, event, end.at));
  CARNET_TRY_VOID(mail(connection, end, changes));
  return changes;
}

Result<void> ScanEnded::mail(store::Connection& connection, const ScanEnd& end,
                             const AlertChanges& changes) const {
  ScheduledScanEnd told;
  told.tenant = end.scan.tenant_id;
  told.scan = end.scan.id;
  told.status = end.status;
  told.detail = end.error_detail;
  told.readiness_score = end.score;
  told.readiness_band = end.band;
  for (const store::AlertRow& row : changes.raised)
    if (told.findings.size() < kFindings) told.findings.push_back("Alert: " + row.message);
  for (const store::AlertRow& row : changes.resolved)
    if (told.findings.size() < kFindings) told.findings.push_back("Resolved: " + row.message);
  if (end.facts) {
    const store::DriftDay& day = end.facts->drift->day;
    const std::int64_t endpoints = day.endpoints_new, assets = day.added + day.removed;
    if (endpoints + assets + day.changed > 0)
      told.findings.push_back(fmt::format(
          "{} new; {} added, {} removed, {} changed ({} for the better, {} for the worse).",
          endpoints == 1 ? "1 endpoint is" : fmt::format("{} endpoints are", endpoints),
          day.added == 1 ? "1 asset was" : fmt::format("{} assets were", day.added), day.removed,
          day.changed, day.better, day.worse));
  }
  told.changed = !told.findings.empty();
  connection.as_tenant(end.scan.tenant_id.str());
  return mail_scheduled_scan(connection, outbox_, told, public_url_, end.at);
}

}  // namespace carnet::service
