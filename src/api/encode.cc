#include "api/encode.h"

#include <boost/json.hpp>

#include "base/json.h"

namespace carnet::api {
namespace {

namespace bj = boost::json;

constexpr std::size_t kTopRemediation = 3;

bj::object mosca_json(const inventory::MoscaJudgement& mosca) {
  return {
      {"dataShelfLifeYears", mosca.parameters.data_shelf_life_years},
      {"migrationTimeYears", mosca.parameters.migration_time_years},
      {"yearsToQDay", mosca.parameters.years_to_qday},
      {"inequalityHolds", mosca.inequality_holds},
      {"summary", mosca.summary},
      {"defaults", bj::array(mosca.parameters.defaults.begin(), mosca.parameters.defaults.end())}};
}

}  // namespace

bj::value time_or_null(const std::optional<Timestamp>& time) {
  if (!time) return nullptr;
  return bj::value(to_rfc3339(*time));
}

template <class Number>
bj::value or_null(const std::optional<Number>& number) {
  if (!number) return nullptr;
  return bj::value(*number);
}
template bj::value or_null<int>(const std::optional<int>&);
template bj::value or_null<double>(const std::optional<double>&);

Response json_response(const bj::object& object, int status) {
  Response response;
  response.status = status;
  bj::object whole;
  whole.reserve(object.size() + 1);
  if (!object.contains("status")) whole.emplace("status", "success");
  for (const auto& member : object) whole.emplace(member.key(), member.value());
  response.body = json::write(whole);
  return response;
}

bj::object tenant_json(const store::TenantRow& row) {
  return {{"tenantId", row.id.str()},
          {"name", row.name},
          {"slug", row.slug},
          {"createdAt", to_rfc3339(row.created_at)}};
}

bj::object key_json(const store::KeyRow& row) {
  return {{"keyId", row.id.str()},
          {"tenantId", row.tenant_id.str()},
          {"role", store::to_string(row.role)},
          {"label", row.label},
          {"hint", row.hint},
          {"ratePerMinute", or_null(row.rate_per_minute)},
          {"createdAt", to_rfc3339(row.created_at)},
          {"expiresAt", time_or_null(row.expires_at)},
          {"revokedAt", time_or_null(row.revoked_at)},
          {"lastUsedAt", time_or_null(row.last_used_at)}};
}

bj::object scan_row_json(const store::ScanRow& row) {
  const bool success = row.status == "success";
  return {{"scanId", row.id.str()},
          {"status", public_status(row.status)},
          {"label", row.label},
          {"target", row.target},
          {"profile", row.profile},
          {"sample", row.sample},
          {"pinned", row.pinned},
          {"progress", {{"done", row.progress_done}, {"total", row.progress_total}}},
          {"readinessScore", or_null(row.readiness_score)},
          {"readinessBand",
           row.readiness_band.empty() ? bj::value(nullptr) : bj::value(row.readiness_band)},
          {"assetCount", row.asset_count},
          {"reportAvailable", success},
          {"createdAt", to_rfc3339(row.created_at)},
          {"finishedAt", time_or_null(row.finished_at)}};
}

bj::object event_json(const store::EventRow& event) {
  return {{"seq", event.seq},
          {"key", event.key},
          {"label", event.label},
          {"at", to_rfc3339(event.at)},
          {"durationMs", event.duration_ms},
          {"status", event.status}};
}

bj::object share_json(const store::ShareRow& row, Timestamp now) {
  return {{"id", row.id.str()},
          {"scanId", row.scan_id.str()},
          {"state", service::share_state(row, now)},
          {"scope", row.scope},
          {"label", row.label},
          {"recipient", row.recipient},
          {"tokenHint", row.hint},
          {"passcodeProtected", row.passcode_hash.has_value()},
          {"maxViews", or_null(row.max_views)},
          {"viewCount", row.view_count},
          {"lastViewedAt", time_or_null(row.last_viewed_at)},
          {"deadTries", row.dead_tries},
          {"lastDeadTryAt", time_or_null(row.last_dead_try_at)},
          {"paused", row.paused},
          {"createdBy", row.created_by.str()},
          {"createdAt", to_rfc3339(row.created_at)},
          {"expiresAt", to_rfc3339(row.expires_at)},
          {"revokedAt", time_or_null(row.revoked_at)}};
}

bj::object view_json(const store::ViewRow& row) {
  return {
      {"id", row.id.str()},     {"at", to_rfc3339(row.at)},   {"lastAt", to_rfc3339(row.last_at)},
      {"count", row.count},     {"outcome", row.outcome},     {"format", row.format},
      {"visitor", row.visitor}, {"userAgent", row.user_agent}};
}

bj::object audit_json(const store::AuditRow& row) {
  // The detail is our own JSON; should it ever not be, the row is shown without it rather than not
  // at all.
  auto detail = json::parse(row.detail);
  auto before = json::parse(row.before);
  auto after = json::parse(row.after);
  return {{"id", row.id.str()},
          {"at", to_rfc3339(row.at)},
          {"actor", row.actor},
          {"action", row.action},
          {"subject", row.subject},
          {"requestId", row.request_id},
          {"keyId", row.key_id.empty() ? bj::value(nullptr) : bj::value(row.key_id)},
          {"role", row.role.empty() ? bj::value(nullptr) : bj::value(row.role)},
          {"detail", detail ? std::move(*detail) : bj::value(bj::object{})},
          {"before", before ? std::move(*before) : bj::value(nullptr)},
          {"after", after ? std::move(*after) : bj::value(nullptr)},
          {"seq", row.seq == 0 ? bj::value(nullptr) : bj::value(row.seq)},
          {"hash", row.hash.empty() ? bj::value(nullptr) : bj::value(row.hash)}};
}

bj::object settings_json(const service::Settings& settings) {
  return {{"mosca",
           {{"dataShelfLifeYears", or_null(settings.data_shelf_life_years)},
            {"migrationTimeYears", or_null(settings.migration_time_years)},
            {"yearsToQDay", or_null(settings.years_to_qday)}}},
          {"retentionDays", or_null(settings.retention_days)},
          {"alertScoreDrop", or_null(settings.alert_score_drop)},
          {"certificateExpiryDays", or_null(settings.certificate_expiry_days)},
          {"deadlineDays", or_null(settings.deadline_days)},
          {"sectorDeadlines", settings.sector_deadlines},
          {"deadLinkTries", or_null(settings.dead_link_tries)},
          {"endpointGoneScans", or_null(settings.endpoint_gone_scans)},
          {"alertsOff", bj::array(settings.alerts_off.begin(), settings.alerts_off.end())},
          {"brandingName", settings.branding_name},
          {"visitorAddresses", settings.visitor_addresses}};
}

bj::object authorized_targets_json(const service::AuthorizedTargets& targets) {
  return {{"domains", bj::array(targets.domains.begin(), targets.domains.end())},
          {"cidrs", bj::array(targets.cidrs.begin(), targets.cidrs.end())},
          {"attestation", targets.attestation},
          {"attestedAt", time_or_null(targets.attested_at)},
          {"attestedBy",
           targets.attested_by.empty() ? bj::value(nullptr) : bj::value(targets.attested_by)}};
}

std::string_view public_status(std::string_view status) {
  return status == "queued" ? "running" : status;
}

std::string scan_view_body(service::ScanView view) {
  const store::ScanRow& row = view.row;
  if (row.status == "success" && view.result && view.result->result.size() > 2) {
    // In place: the result of a large scan is not to stand in memory twice.
    std::string out = std::move(view.result->result);
    out.replace(
        0, 1,
        fmt::format(R"({{"status":"success","progress":{{"done":{},"total":{}}},"pinned":{},)",
                    row.progress_done, row.progress_total, row.pinned));
    return out;
  }
  bj::array timeline;
  for (const store::EventRow& event : view.events) timeline.push_back(event_json(event));
  bj::object out{{"status", public_status(row.status)},
                 {"scanId", row.id.str()},
                 {"label", row.label},
                 {"target", row.target},
                 {"profile", row.profile},
                 {"sample", row.sample},
                 {"pinned", row.pinned},
                 {"createdAt", to_rfc3339(row.created_at)},
                 {"finishedAt", time_or_null(row.finished_at)},
                 {"progress", {{"done", row.progress_done}, {"total", row.progress_total}}},
                 {"timeline", std::move(timeline)}};
  if (row.status == "error") out["detail"] = row.error_detail;
  return json::write(out);
}

bj::object link_scan_json(const inventory::ScanDocument& document) {
  const inventory::Judgement& judgement = document.judgement;
  bj::array unreached;
  for (const inventory::Endpoint& endpoint : document.endpoints) {
    if (endpoint.reached) continue;
    unreached.push_back(
        {{"host", endpoint.host}, {"port", endpoint.port}, {"reason", endpoint.unreached_reason}});
  }
  bj::array top;
  for (const inventory::BacklogItem& item : judgement.backlog) {
    if (top.size() == kTopRemediation) break;
    top.push_back(
        {{"title", item.title},
         {"action", item.action},
         {"priority", item.priority},
         {"severity", item.severity},
         {"pqcAlgorithm", item.pqc_algorithm},
         {"deadline", item.deadline.empty() ? bj::value(nullptr) : bj::value(item.deadline)}});
  }
  const inventory::StatusCounts& counts = judgement.counts;
  return {
      {"scanId", document.scan_id},
      {"label", document.label},
      {"sample", document.sample},
      {"finishedAt", to_rfc3339(document.finished_at)},
      {"methodVersion", judgement.method_version},
      {"readinessScore", or_null(judgement.score)},
      {"readinessBand", judgement.band.empty() ? bj::value(nullptr) : bj::value(judgement.band)},
      {"scoreRange",
       {{"low", or_null(judgement.score_low)}, {"high", or_null(judgement.score_high)}}},
      {"coverage",
       {{"requested", judgement.coverage.requested},
        {"reached", judgement.coverage.reached},
        {"confidence", judgement.coverage.confidence},
        {"unreached", std::move(unreached)}}},
      {"counts",
       {{"assets", counts.assets},
        {"broken", counts.broken},
        {"atRisk", counts.at_risk},
        {"safe", counts.safe},
        {"unknown", counts.unknown},
        {"hndlExposed", counts.hndl_exposed}}},
      {"mosca", mosca_json(judgement.mosca)},
      {"topRemediation", std::move(top)}};
}

}  // namespace carnet::api
