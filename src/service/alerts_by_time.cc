// What raises an alert without a new scan: certificates and deadlines that come near, tries at
// links that are over. And what ends an alert without one.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "assess/policy.h"
#include "base/json.h"
#include "service/alert_book.h"
#include "service/alert_facts.h"
#include "service/dates.h"

namespace carnet::service {
namespace {

constexpr int kUrgentDays = 7;
constexpr std::string_view kExpired = "/expired";

std::string place_text(std::string_view host, int port) { return fmt::format("{}:{}", host, port); }

AlertDraft certificate_draft(const store::watch::Ending& ending, Timestamp now) {
  AlertDraft draft;
  draft.kind = AlertKind::kCertificateNearExpiry;
  const bool expired = ending.not_after <= now;
  draft.subject = ending.sha256 + std::string(expired ? kExpired : "");
  draft.severity = expired                                                    ? "critical"
                   : ending.not_after <= now + std::chrono::days(kUrgentDays) ? "high"
                                                                              : "medium";
  const std::string at = place_text(ending.host, ending.port);
  const std::string where =
      ending.endpoints == 1 ? at : fmt::format("{} and {} more", at, ending.endpoints - 1);
  draft.message = fmt::format("The certificate of {} {} on {}.", where,
                              expired ? "expired" : "expires", to_rfc3339(ending.not_after));
  draft.host = ending.host;
  draft.port = ending.port;
  draft.detail = {{"sha256", ending.sha256},
                  {"subject", ending.subject},
                  {"notAfter", to_rfc3339(ending.not_after)},
                  {"expired", expired},
                  {"endpoints", ending.endpoints}};
  return draft;
}

}  // namespace

Result<void> look_at_certificates(AlertBook& book) {
  const AlertBook::Of& of = book.of();
  if (!of.limits.on(AlertKind::kCertificateNearExpiry)) return {};
  // One more than can stand, so that a list cut short resolves nothing that it left out.
  CARNET_TRY(ending, store::watch::certificates_ending(
                         book.connection(), of.tenant,
                         of.now + std::chrono::days(of.limits.certificate_days), kAlertsAtOnceMax));
  std::set<std::string> current;
  for (const store::watch::Ending& one : ending) {
    const AlertDraft draft = certificate_draft(one, of.now);
    current.insert(draft.subject);
    CARNET_TRY_VOID(book.keep(draft));
  }
  if (ending.size() >= kAlertsAtOnceMax) return {};
  for (const store::AlertRow& row : book.standing(AlertKind::kCertificateNearExpiry)) {
    if (current.contains(row.subject)) continue;
    const bool expired_since = current.contains(row.subject + std::string(kExpired));
    const std::string_view reason =
        expired_since     ? "It has expired, which is an alert of its own."
        : of.scan.empty() ? "It is no longer served, or it ends later than the settings ask about."
                          : "No endpoint serves this certificate any more.";
    CARNET_TRY_VOID(book.resolve(AlertKind::kCertificateNearExpiry, row.subject, reason));
  }
  return {};
}

Result<void> look_at_deadlines(AlertBook& book) {
  const AlertBook::Of& of = book.of();
  const AlertThresholds& limits = of.limits;
  if (!limits.on(AlertKind::kDeadlineNear)) return {};
  std::vector<const assess::Deadline*> near;
  for (const assess::Deadline& deadline : assess::builtin_policy().deadlines) {
    const auto date = parse_date(deadline.date);
    if (date && (deadline.general || limits.sector_deadlines) &&
        *date - date_of(of.now) <= std::chrono::days(limits.deadline_days))
      near.push_back(&deadline);
  }
  std::map<std::string, DeadlineAssets> assets;
  if (!near.empty()) {
    CARNET_TRY(texts, store::watch::deadlines(book.connection(), of.tenant));
    for (const auto& [text, endpoints] : texts) add_deadlines(text, endpoints, assets);
  }
  std::set<std::string> current;
  for (const assess::Deadline* deadline : near) {
    const auto found = assets.find(deadline->id);
    if (found == assets.end() || found->second.assets == 0) continue;
    const DeadlineAssets& sum = found->second;
    const bool over = *parse_date(deadline->date) < date_of(of.now);
    AlertDraft draft;
    draft.kind = AlertKind::kDeadlineNear;
    draft.subject = deadline->id;
    draft.severity = over ? "high" : "medium";
    const bool one = sum.assets == 1;
    draft.message = fmt::format(
        "{} {} at {} {} {} to migrate by {} ({}).", sum.assets, one ? "asset" : "assets",
        sum.endpoints, sum.endpoints == 1 ? "endpoint" : "endpoints",
        over ? "had" : (one ? "has" : "have"), deadline->date, deadline->title);
    draft.detail = {{"deadlineId", deadline->id}, {"authority", deadline->authority},
                    {"title", deadline->title},   {"date", deadline->date},
                    {"text", deadline->text},     {"assets", sum.assets},
                    {"endpoints", sum.endpoints}, {"past", over}};
    current.insert(draft.subject);
    CARNET_TRY_VOID(book.keep(draft));
  }
  for (const store::AlertRow& row : book.standing(AlertKind::kDeadlineNear))
    if (!current.contains(row.subject))
      CARNET_TRY_VOID(book.resolve(AlertKind::kDeadlineNear, row.subject,
                                   "No asset has to migrate by this date any more, or it is "
                                   "further away than the settings ask about."));
  return {};
}

Result<void> look_at_links(AlertBook& book) {
  const AlertBook::Of& of = book.of();
  if (!of.limits.on(AlertKind::kDeadLinkTries)) return {};
  CARNET_TRY(links, store::watch::tried_links(book.connection(), of.tenant, of.now - kDeadLinkQuiet,
                                              kAlertsAtOnceMax));
  std::set<std::string> tried;
  for (const store::watch::TriedLink& link : links) {
    tried.insert(link.id.str());
    if (link.untold < of.limits.dead_link_tries) continue;
    AlertDraft draft;
    draft.kind = AlertKind::kDeadLinkTries;
    draft.subject = link.id.str();
    draft.severity = "low";
    draft.message =
        fmt::format("A share link that is over{} was tried {} times, the last time at {}.",
                    link.label.empty() ? "" : fmt::format(" (\"{}\")", link.label), link.untold,
                    to_rfc3339(link.last_at));
    draft.detail = {{"shareId", link.id.str()},
                    {"scanId", link.scan_id.str()},
                    {"label", link.label},
                    {"recipient", link.recipient},
                    {"tries", link.untold},
                    {"deadTries", link.tries},
                    {"lastDeadTryAt", to_rfc3339(link.last_at)}};
    CARNET_TRY_VOID(book.keep(draft));
  }
  if (links.size() >= kAlertsAtOnceMax) return {};
  for (const store::AlertRow& row : book.standing(AlertKind::kDeadLinkTries)) {
    if (tried.contains(row.subject)) continue;
    if (!of.dry)
      CARNET_TRY_VOID(store::watch::told_of_tries(book.connection(), of.tenant, row.subject));
    CARNET_TRY_VOID(book.resolve(AlertKind::kDeadLinkTries, row.subject,
                                 "Nobody has tried this link for seven days, or it was erased."));
  }
  return {};
}

Result<void> resolve_forgotten(AlertBook& book) {
  const AlertBook::Of& of = book.of();
  for (int i = 0; i < kAlertKinds; ++i) {
    const auto kind = static_cast<AlertKind>(i);
    if (of.limits.on(kind)) continue;
    for (const store::AlertRow& row : book.standing(kind))
      CARNET_TRY_VOID(book.resolve(kind, row.subject, "The settings switch this kind off."));
  }
  std::vector<store::watch::Place> places;
  std::vector<std::pair<AlertKind, store::AlertRow>> about;
  for (const AlertKind kind :
       {AlertKind::kNewQuantumVulnerableAsset, AlertKind::kHybridLost, AlertKind::kEndpointGone})
    for (store::AlertRow& row : book.standing(kind)) {
      places.emplace_back(row.host, row.port);
      about.emplace_back(kind, std::move(row));
    }
  CARNET_TRY(known, store::watch::endpoints(book.connection(), of.tenant, places));
  for (const auto& [kind, row] : about)
    if (!known.contains({row.host, row.port}))
      CARNET_TRY_VOID(
          book.resolve(kind, row.subject, "The scan that knew this endpoint was erased."));
  for (const store::AlertRow& row : book.standing(AlertKind::kScoreDrop)) {
    CARNET_TRY(last, store::watch::last_score(book.connection(), of.tenant, row.subject));
    if (!last)
      CARNET_TRY_VOID(book.resolve(AlertKind::kScoreDrop, row.subject,
                                   "The scans of these targets were erased."));
  }
  for (const store::AlertRow& row : book.standing(AlertKind::kScanFailed)) {
    CARNET_TRY(scan,
               store::scans::find(book.connection(), of.tenant, ScanId::trusted(row.last_scan_id)));
    if (!scan)
      CARNET_TRY_VOID(book.resolve(AlertKind::kScanFailed, row.subject, "The scan was erased."));
  }
  return {};
}

}  // namespace carnet::service
