// The backlog as work: its state, proof that something is done, what doing it would give, a plan.

#include <charconv>
#include <cmath>

#include "api/handlers.h"
#include "assess/configuration.h"
#include "inventory/names.h"
#include "service/dates.h"
#include "service/governance.h"
#include "service/plans.h"
#include "service/remediation.h"

namespace carnet::api {
namespace {

namespace bj = boost::json;
using service::RemediationItem;

bj::value text_or_null(const std::string& text) {
  return text.empty() ? bj::value(nullptr) : bj::value(text);
}

template <class Texts>
bj::array texts_json(const Texts& texts) {
  bj::array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

bj::array configurations_json(const inventory::BacklogItem& item) {
  bj::array out;
  for (const assess::Configuration& row : assess::configurations_of(item))
    out.push_back({{"software", row.software},
                   {"since", row.since},
                   {"needs", text_or_null(row.needs)},
                   {"where", row.where},
                   {"snippet", row.snippet},
                   {"check", row.check},
                   {"source", row.source}});
  return out;
}

bj::object item_json(const RemediationItem& row) {
  const inventory::BacklogItem& item = row.item;
  return {{"id", item.id},
          {"assetId", item.asset_id},
          {"assetLabel", row.asset_label},
          {"host", row.host},
          {"port", row.port},
          {"priority", item.priority},
          {"title", item.title},
          {"action", item.action},
          {"pqcAlgorithm", item.pqc_algorithm},
          {"deadline", text_or_null(item.deadline)},
          {"effortDays", item.effort_days},
          {"severity", item.severity},
          {"standardsRefs", texts_json(item.standards_refs)},
          {"status", item.status},
          {"owner", text_or_null(item.owner)},
          {"targetDate", text_or_null(item.target_date)},
          {"notes", text_or_null(row.notes)},
          {"reason", text_or_null(row.reason)},
          {"acceptedUntil", text_or_null(row.accepted_until)},
          {"reopened", row.reopened},
          {"overdueSince", text_or_null(row.overdue_since)},
          {"verifiedByScanId", text_or_null(row.verified_by)},
          {"updatedAt", time_or_null(row.updated_at)}};
}

Response item_response(const RemediationItem& row) {
  bj::object body = item_json(row);
  body["configurations"] = configurations_json(row.item);
  return json_response(body);
}

Result<service::Remediation*> remediation_of(const Site& site) {
  if (site.deps.remediation == nullptr)
    return make_error(ErrorCode::kPersistenceOff, "This server keeps no remediation.");
  return site.deps.remediation;
}

bj::value score_json(const std::optional<assess::Score>& score) {
  if (!score) return nullptr;
  return bj::object{{"readinessScore", score->score},
                    {"readinessBand", score->band},
                    {"scoreRange", {{"low", score->low}, {"high", score->score}}}};
}

bj::value seen_json(const std::optional<inventory::Asset>& asset) {
  if (!asset) return nullptr;
  return bj::object{{"algorithm", asset->algorithm},
                    {"keySize", asset->key_size},
                    {"status", inventory::to_string(asset->vulnerability.status)}};
}

}  // namespace

Task<Answer> list_remediation(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(remediation, remediation_of(site));
  CARNET_CO_TRY(status, query_text(call.request, "status"));
  CARNET_CO_TRY(owner, query_text(call.request, "owner"));
  CARNET_CO_TRY(overdue, query_text(call.request, "overdue"));
  if (!status.empty() && status != "open" && status != "in_progress" && status != "accepted_risk" &&
      status != "done")
    co_return query_error("status", "not_one_of",
                          "must be one of open, in_progress, accepted_risk, done");
  if (!overdue.empty() && overdue != "true" && overdue != "false")
    co_return query_error("overdue", "not_one_of", "must be true or false");
  const std::string scope = id.str() + "\n" + status + "\n" + owner + "\n" + overdue;
  CARNET_CO_TRY(list, list_request(site, call, scope));
  service::RemediationFilter filter{.status = status,
                                    .owner = owner,
                                    .overdue_only = overdue == "true",
                                    .from = 0,
                                    .limit = static_cast<std::size_t>(list.limit)};
  if (!list.place.empty()) {
    const char* const end = list.place.data() + list.place.size();
    const auto read = std::from_chars(list.place.data(), end, filter.from);
    if (read.ec != std::errc{} || read.ptr != end)
      co_return query_error("cursor", "invalid_cursor", "must be a nextCursor of this list");
    ++filter.from;
  }
  CARNET_CO_TRY(page, co_await remediation->list(call.actor.tenant, id, std::move(filter)));
  bj::array items;
  for (const RemediationItem& item : page.items) items.push_back(item_json(item));
  const std::string next =
      page.more && !page.places.empty() ? std::to_string(page.places.back()) : std::string();
  co_return list_response(site, call, list, "items", std::move(items), next,
                          {{"scanId", id.str()},
                           {"counts",
                            {{"open", page.counts.open},
                             {"inProgress", page.counts.in_progress},
                             {"acceptedRisk", page.counts.accepted_risk},
                             {"done", page.counts.done},
                             {"overdue", page.counts.overdue}}}});
}

Task<Answer> get_remediation_item(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(remediation, remediation_of(site));
  CARNET_CO_TRY(item, co_await remediation->find(call.actor.tenant, id, call.param(1)));
  co_return item_response(item);
}

Task<Answer> update_remediation(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(remediation, remediation_of(site));
  CARNET_CO_TRY(update, decode_remediation_update(call.request.body));
  if (call.request.header_count("If-Match") > 0) {
    CARNET_CO_TRY(current, co_await remediation->find(call.actor.tenant, id, update.item_id));
    CARNET_CO_TRY_VOID(check_if_match(call, item_response(current)));
    update.read_at = current.updated_at;
  }
  CARNET_CO_TRY(item, co_await remediation->update(call.actor, id, std::move(update)));
  co_return json_response({{"item", item_json(item)}});
}

Task<Answer> verify_remediation(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(remediation, remediation_of(site));
  CARNET_CO_TRY(wanted, decode_remediation_verify(call.request.body));
  CARNET_CO_TRY(proof, co_await remediation->verify(call.actor, id, wanted.item, wanted.later));
  co_return json_response({{"remediationId", wanted.item},
                           {"scanId", id.str()},
                           {"verifyScanId", wanted.later.str()},
                           {"verified", proof.verified},
                           {"code", proof.code},
                           {"reason", proof.reason},
                           {"before", seen_json(proof.before)},
                           {"after", seen_json(proof.after)},
                           {"seenAt", to_rfc3339(proof.seen_at)}});
}

Task<Answer> project_remediation(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(remediation, remediation_of(site));
  CARNET_CO_TRY(items, decode_remediation_ids(call.request.body));
  CARNET_CO_TRY(projection, co_await remediation->project(call.actor.tenant, id, std::move(items)));
  bj::value delta(nullptr);
  if (projection.now && projection.then)
    delta = std::round((projection.then->score - projection.now->score) * 10) / 10;
  co_return json_response({{"scanId", id.str()},
                           {"now", score_json(projection.now)},
                           {"projected", score_json(projection.then)},
                           {"scoreDelta", std::move(delta)},
                           {"fixedAssets", texts_json(projection.fixed_assets)}});
}

Task<Answer> export_remediation(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(remediation, remediation_of(site));
  CARNET_CO_TRY(text, co_await remediation->export_csv(call.actor.tenant, id));
  if (site.deps.governance != nullptr && call.request.method == Method::kGet)
    CARNET_CO_TRY_VOID(
        co_await site.deps.governance->note_download(call.actor, id.str(), "remediation-csv"));
  Response response;
  response.content_type = "text/csv; charset=utf-8";
  response.headers.emplace_back(
      "Content-Disposition", fmt::format("attachment; filename=\"remediation-{}.csv\"", id.str()));
  response.body = std::move(text);
  co_return response;
}

Task<Answer> import_remediation(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(remediation, remediation_of(site));
  const std::string dry = call.request.query_value("dry_run").value_or("false");
  if (dry != "true" && dry != "false")
    co_return query_error("dry_run", "not_one_of", "must be true or false");
  CARNET_CO_TRY(report, co_await remediation->import_csv(
                            call.actor, id, std::string(call.request.body), dry == "true"));
  bj::array errors;
  for (const auto& fault : report.faults)
    errors.push_back({{"row", fault.row},
                      {"field", fault.field},
                      {"code", fault.code},
                      {"detail", fault.detail}});
  co_return json_response({{"scanId", id.str()},
                           {"dryRun", dry == "true"},
                           {"applied", report.applied},
                           {"unchanged", report.unchanged},
                           {"errorCount", report.fault_count},
                           {"errors", std::move(errors)}});
}

namespace {

bj::array waves_json(const service::MigrationPlan& made) {
  const double units = assess::kPlanUnitsPerDay;
  double left = 0;  // exposure that is not removed yet
  for (const auto& item : made.items) left += item.priority;
  bj::array waves;
  for (const assess::PlanWeek& week : made.plan.weeks) {
    bj::array parts;
    double planned = 0;
    for (const assess::PlanPart& part : week.parts) {
      const inventory::BacklogItem& item = made.items[part.item];
      const double days = static_cast<double>(part.units) / units;
      planned += days;
      if (part.finished) left -= item.priority;
      parts.push_back({{"remediationId", item.id},
                       {"title", item.title},
                       {"days", days},
                       {"finished", part.finished}});
    }
    if (parts.empty()) continue;
    waves.push_back({{"week", week.number},
                     {"from", service::date_text(week.from)},
                     {"to", service::date_text(week.to)},
                     {"capacityDays", static_cast<double>(week.capacity_units) / units},
                     {"plannedDays", planned},
                     {"exposureLeft", std::max(0.0, std::round(left * 10) / 10)},
                     {"items", std::move(parts)}});
  }
  return waves;
}

}  // namespace

Task<Answer> plan_remediation(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  if (site.deps.plans == nullptr)
    co_return make_error(ErrorCode::kPersistenceOff, "This server makes no plans.");
  CARNET_CO_TRY(request, decode_plan_request(call.request.body));
  CARNET_CO_TRY(made, co_await site.deps.plans->make(call.actor.tenant, id, std::move(request)));
  const assess::Plan& plan = made.plan;
  bj::array items;
  assess::Day finish = made.start;
  for (std::size_t i = 0; i < made.items.size(); ++i) {
    finish = std::max(finish, plan.finished_day[i]);
    items.push_back({{"remediationId", made.items[i].id},
                     {"title", made.items[i].title},
                     {"priority", made.items[i].priority},
                     {"effortDays", made.effort_days[i]},
                     {"week", plan.finished_week[i]},
                     {"finishedOn", service::date_text(plan.finished_day[i])}});
  }
  constexpr double kTenths = 10;
  co_return json_response({{"scanId", id.str()},
                           {"startDate", service::date_text(made.start)},
                           {"finishDate", service::date_text(finish)},
                           {"capacityDaysPerWeek", made.capacity_days_per_week},
                           {"itemCount", made.items.size()},
                           {"optimal", plan.optimal()},
                           {"gap", plan.gap()},
                           {"exposureWeeks", static_cast<double>(plan.cost) / kTenths},
                           {"exposureWeeksBound", static_cast<double>(plan.bound) / kTenths},
                           {"waves", waves_json(made)},
                           {"items", std::move(items)}});
}

}  // namespace carnet::api
