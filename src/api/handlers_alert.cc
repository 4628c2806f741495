#include "api/handlers_alert.h"

#include <algorithm>

#include "api/decode.h"
#include "base/json.h"
#include "service/alerts.h"

namespace carnet::api {
namespace {

Result<service::Alerts*> alerts_of(const Site& site) {
  if (site.deps.alerts == nullptr)
    return make_error(ErrorCode::kPersistenceOff, "This server keeps no alerts.");
  return site.deps.alerts;
}

Result<std::string> word_of(const Request& request, std::string_view name,
                            const std::vector<std::string_view>& words) {
  CARNET_TRY(text, query_text(request, name));
  if (text.empty() || std::find(words.begin(), words.end(), text) != words.end()) return text;
  return query_error(name, "not_one_of", fmt::format("must be one of {}", fmt::join(words, ", ")));
}

Result<service::Alerts::Patch> decode_patch(std::string_view text) {
  CARNET_TRY(value, json::parse(text));
  if (!value.is_object())
    return make_validation_error({FieldError{
        .field = "body", .pointer = "", .code = "wrong_type", .detail = "must be a JSON object"}});
  const boost::json::object& body = value.get_object();
  service::FieldErrors errors;
  Members members(body, errors);
  service::Alerts::Patch out;
  out.status = members.one_of("status", {"acknowledged", "open"});
  out.note = members.text("note", {.max = service::kAlertNoteMax});
  members.done();
  if (!errors.empty()) return errors.take();
  return out;
}

}  // namespace

Task<Answer> list_alerts(Site& site, Call& call) {
  CARNET_CO_TRY(alerts, alerts_of(site));
  service::Alerts::Query query;
  CARNET_CO_TRY(status, word_of(call.request, "status", {"open", "acknowledged", "resolved"}));
  CARNET_CO_TRY(kind, word_of(call.request, "kind", service::alert_kind_names()));
  CARNET_CO_TRY(severity, word_of(call.request, "severity", {"critical", "high", "medium", "low"}));
  CARNET_CO_TRY(scan, query_text(call.request, "scan_id"));
  if (!scan.empty() && !ScanId::parse(scan))
    co_return query_error("scan_id", "invalid_id",
                          "must be a scanId such as GET /tenant/scans gives");
  CARNET_CO_TRY(since, query_text(call.request, "since"));
  if (!since.empty()) {
    query.since = parse_rfc3339(since);
    if (!query.since)
      co_return query_error("since", "invalid_time", "must be a time such as 2026-11-24T05:30:54Z");
  }
  const std::string scope = fmt::format("{}\n{}\n{}\n{}\n{}", status, kind, severity, scan, since);
  CARNET_CO_TRY(list, list_request(site, call, scope));
  query.filter = {.status = std::move(status),
                  .kind = std::move(kind),
                  .severity = std::move(severity),
                  .scan_id = std::move(scan),
                  .not_before = {}};
  CARNET_CO_TRY(rows, co_await alerts->list(call.actor.tenant, std::move(query), page_of(list)));
  const auto place = [](const store::AlertRow& row) { return row.id.str(); };
  co_return rows_response(site, call, list, "alerts", rows, service::alert_json, place);
}

Task<Answer> get_alert(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<AlertId>(call, 0));
  CARNET_CO_TRY(alerts, alerts_of(site));
  CARNET_CO_TRY(row, co_await alerts->find(call.actor.tenant, id));
  co_return json_response(service::alert_json(row));
}

Task<Answer> patch_alert(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<AlertId>(call, 0));
  CARNET_CO_TRY(alerts, alerts_of(site));
  CARNET_CO_TRY(patch, decode_patch(call.request.body));
  CARNET_CO_TRY(row, co_await alerts->patch(call.actor, id, std::move(patch)));
  co_return json_response(service::alert_json(row));
}

}  // namespace carnet::api
