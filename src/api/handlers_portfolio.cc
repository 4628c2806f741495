#include "api/handlers_portfolio.h"

#include <cmath>

#include "base/csv.h"
#include "base/json.h"
#include "base/text.h"
#include "evidence/score_bands.h"
#include "service/portfolio.h"
#include "service/retention.h"

namespace carnet::api {
namespace {

namespace bj = boost::json;
using service::Child;
using service::Partner;
using service::PortfolioSort;

constexpr double kTenths = 10;

double one_decimal(double value) { return std::round(value * kTenths) / kTenths; }

Result<service::Portfolio*> portfolio_of(const Site& site) {
  if (site.deps.portfolio == nullptr)
    return make_error(ErrorCode::kPersistenceOff, "This server keeps no tenants.");
  return site.deps.portfolio;
}

bj::value text_or_null(std::string_view text) {
  return text.empty() ? bj::value(nullptr) : bj::value(std::string(text));
}

bj::array texts(const std::vector<std::string_view>& items) {
  bj::array out;
  for (const std::string_view item : items) out.emplace_back(std::string(item));
  return out;
}

// ---- Retention

bj::object aged_json(const store::retention::AgedScan& scan) {
  return {{"scanId", scan.id.str()},
          {"label", scan.label},
          {"target", scan.target},
          {"scanStatus", scan.status},
          {"createdAt", to_rfc3339(scan.created_at)},
          {"finishedAt", to_rfc3339(scan.finished_at)},
          {"assetCount", scan.asset_count},
          {"keptBecause", text_or_null(scan.kept)}};
}

bj::object kept_json(const std::map<std::string, int>& kept) {
  bj::object out;
  for (const char* reason : {"pinned", "shared", "current", "newest", "baseline", "proof"}) {
    const auto found = kept.find(reason);
    out[reason] = found == kept.end() ? 0 : found->second;
  }
  return out;
}

// ---- Partners

bj::object partner_json(const Partner& partner) {
  return {{"linkId", partner.id.str()},
          {"state", partner.state},
          {"tenantId", text_or_null(partner.tenant.str())},
          {"tenantName", text_or_null(partner.tenant_name)},
          {"label", partner.label},
          {"scope", partner.scope},
          {"codeHint", text_or_null(partner.hint)},
          {"invitedAt", to_rfc3339(partner.invited_at)},
          {"expiresAt", time_or_null(partner.expires_at)},
          {"acceptedAt", time_or_null(partner.accepted_at)}};
}

bj::object ended_json(const Partner& partner) {
  return {{"linkId", partner.id.str()},
          {"state", partner.state},
          {"tenantId", text_or_null(partner.tenant.str())},
          {"tenantName", text_or_null(partner.tenant_name)}};
}

Result<bj::object> body_of(std::string_view text) {
  CARNET_TRY(value, json::parse(trim_ascii(text).empty() ? std::string_view("{}") : text));
  if (!value.is_object())
    return make_validation_error({FieldError{
        .field = "body", .pointer = "", .code = "wrong_type", .detail = "must be a JSON object"}});
  return std::move(value.get_object());
}

Result<service::NewInvitation> decode_invitation(std::string_view text) {
  CARNET_TRY(body, body_of(text));
  service::FieldErrors errors;
  Members members(body, errors);
  service::NewInvitation out;
  out.label = members.text("label", {}).value_or("");
  out.scope = members.one_of("scope", {"summary", "scans"}).value_or(out.scope);
  out.expires_days = members.integer("expiresDays", 1, service::kPartnerInvitationDaysMax)
                         .value_or(out.expires_days);
  members.done();
  if (!errors.empty()) return errors.take();
  return out;
}

Result<Secret> decode_code(std::string_view text) {
  CARNET_TRY(body, body_of(text));
  service::FieldErrors errors;
  Members members(body, errors);
  members.required("code");
  auto code = members.text("code", {.min = 1});
  members.done();
  if (!errors.empty()) return errors.take();
  return Secret(std::move(code).value_or(""));
}

Task<Answer> list_partners(const Site& site, const Call& call, bool of_parent) {
  CARNET_CO_TRY(portfolio, portfolio_of(site));
  CARNET_CO_TRY(list, list_request(site, call));
  std::vector<Partner> rows;
  if (of_parent) {
    CARNET_CO_TRY(children, co_await portfolio->children(call.actor.tenant, page_of(list)));
    rows = std::move(children);
  } else {
    CARNET_CO_TRY(parents, co_await portfolio->parents(call.actor.tenant, page_of(list)));
    rows = std::move(parents);
  }
  const auto place = [](const Partner& row) { return row.id.str(); };
  co_return rows_response(site, call, list, "partners", rows, partner_json, place);
}

// ---- Portfolio

bj::object numbers_json(const store::TenantSummary& of) {
  return {{"lastScanAt", time_or_null(of.last_scan_at)},
          {"endpoints", of.endpoints},
          {"assets", of.assets},
          {"criticals", of.broken},
          {"atRisk", of.at_risk},
          {"alerts",
           {{"critical", of.alerts_critical},
            {"high", of.alerts_high},
            {"medium", of.alerts_medium},
            {"low", of.alerts_low}}}};
}

bj::value change_of(const store::TenantSummary& of) {
  if (!of.score || !of.score_before) return nullptr;
  return one_decimal(*of.score - *of.score_before);
}

bj::object child_json(const Child& child) {
  const store::TenantSummary& of = child.summary;
  bj::object out{{"tenantId", of.id.str()},
                 {"tenantName", of.name},
                 {"state", store::to_string(of.state)},
                 {"linkId", child.link.str()},
                 {"label", child.label},
                 {"scope", child.scope},
                 {"readinessScore", or_null(of.score)},
                 {"readinessBand", text_or_null(of.band)},
                 {"scoreChange", change_of(of)}};
  for (auto& member : numbers_json(of)) out[member.key()] = std::move(member.value());
  return out;
}

bj::object totals_json(const service::PortfolioTotals& totals) {
  bj::value worst(nullptr);
  if (totals.worst)
    worst = {{"tenantId", totals.worst->summary.id.str()},
             {"tenantName", totals.worst->summary.name},
             {"readinessScore", *totals.worst->summary.score}};
  bj::array bands;
  const auto add = [&](std::string_view band, bj::value name) {
    const auto found = totals.bands.find(std::string(band));
    bands.push_back(
        {{"band", std::move(name)}, {"children", found == totals.bands.end() ? 0 : found->second}});
  };
  for (const evidence::ScoreBand& band : evidence::kScoreBands)
    add(band.name, bj::value(std::string(band.name)));
  add("", nullptr);
  bj::object out{
      {"children", totals.children},
      {"scored", totals.scored},
      {"meanScore", totals.mean_score ? bj::value(one_decimal(*totals.mean_score)) : nullptr},
      {"worst", std::move(worst)},
      {"bands", std::move(bands)}};
  for (auto& member : numbers_json(totals.sum)) out[member.key()] = std::move(member.value());
  return out;
}

std::string number_text(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : std::string();
}

Response csv_response(const std::vector<Child>& children) {
  Response response;
  response.content_type = "text/csv; charset=utf-8";
  response.headers.emplace_back("Content-Disposition", "attachment; filename=\"portfolio.csv\"");
  append_csv_row(response.body,
                 {"tenantId", "tenantName", "state", "label", "readinessScore", "readinessBand",
                  "scoreChange", "lastScanAt", "endpoints", "assets", "criticals", "atRisk",
                  "alertsCritical", "alertsHigh", "alertsMedium", "alertsLow"});
  for (const Child& child : children) {
    const store::TenantSummary& of = child.summary;
    std::optional<double> change;
    if (of.score && of.score_before) change = one_decimal(*of.score - *of.score_before);
    append_csv_row(
        response.body,
        {of.id.str(), of.name, std::string(store::to_string(of.state)), child.label,
         number_text(of.score), of.band, number_text(change),
         of.last_scan_at ? to_rfc3339(*of.last_scan_at) : "", std::to_string(of.endpoints),
         std::to_string(of.assets), std::to_string(of.broken), std::to_string(of.at_risk),
         std::to_string(of.alerts_critical), std::to_string(of.alerts_high),
         std::to_string(of.alerts_medium), std::to_string(of.alerts_low)});
  }
  return response;
}

Result<PortfolioSort> sort_param(const Call& call) {
  const std::string sort = call.request.query_value("sort").value_or("score");
  if (sort == "score") return PortfolioSort::kScore;
  if (sort == "name") return PortfolioSort::kName;
  if (sort == "criticals") return PortfolioSort::kCriticals;
  return query_error("sort", "not_one_of", "must be one of score, name, criticals");
}

}  // namespace

Task<Answer> get_retention(Site& site, Call& call) {
  if (site.deps.retention == nullptr)
    co_return make_error(ErrorCode::kPersistenceOff, "This server keeps no scans.");
  CARNET_CO_TRY(days, query_integer(call.request, "retention_days", 1, 3650, 0));
  CARNET_CO_TRY(list, list_request(site, call, std::to_string(days)));
  const std::optional<int> wanted = days > 0 ? std::optional(days) : std::nullopt;
  CARNET_CO_TRY(view, co_await site.deps.retention->view(call.actor.tenant, wanted, list.place,
                                                         list.limit + 1));
  bj::object beside{
      {"retentionDays", or_null(view.days)},
      {"source", service::to_string(view.source)},
      {"endedBefore", view.days ? bj::value(to_rfc3339(view.before)) : bj::value(nullptr)},
      {"examined", view.examined},
      {"complete", view.complete},
      {"erasable", view.erasable},
      {"kept", kept_json(view.kept)}};
  const auto shown = std::min(view.scans.size(), static_cast<std::size_t>(list.limit));
  bj::array items;
  for (std::size_t i = 0; i < shown; ++i) items.push_back(aged_json(view.scans[i]));
  const std::string next =
      view.scans.size() > shown && shown > 0 ? view.scans[shown - 1].id.str() : std::string();
  co_return list_response(site, call, list, "scans", std::move(items), next, std::move(beside));
}

Task<Answer> invite_child(Site& site, Call& call) {
  CARNET_CO_TRY(portfolio, portfolio_of(site));
  CARNET_CO_TRY(wanted, decode_invitation(call.request.body));
  CARNET_CO_TRY(issued, co_await portfolio->invite(call.actor, std::move(wanted)));
  const store::InvitationRow& row = issued.row;
  Response response = json_response({{"linkId", row.id.str()},
                                     {"code", issued.code.expose()},
                                     {"label", row.label},
                                     {"scope", row.scope},
                                     {"grants", texts(service::grants_of(row.scope))},
                                     {"invitedAt", to_rfc3339(row.created_at)},
                                     {"expiresAt", to_rfc3339(row.expires_at)}},
                                    201);
  response.headers.emplace_back("Location", "/tenant/partner/children");
  co_return response;
}

Task<Answer> list_children(Site& site, Call& call) {
  Answer answer = co_await list_partners(site, call, true);
  co_return answer;
}

Task<Answer> list_parents(Site& site, Call& call) {
  Answer answer = co_await list_partners(site, call, false);
  co_return answer;
}

Task<Answer> preview_parent(Site& site, Call& call) {
  CARNET_CO_TRY(portfolio, portfolio_of(site));
  CARNET_CO_TRY(code, decode_code(call.request.body));
  CARNET_CO_TRY(offer, co_await portfolio->preview(call.actor, std::move(code)));
  co_return json_response({{"tenantId", offer.parent.str()},
                           {"tenantName", offer.parent_name},
                           {"label", offer.label},
                           {"scope", offer.scope},
                           {"grants", texts(service::grants_of(offer.scope))},
                           {"expiresAt", to_rfc3339(offer.expires_at)}});
}

Task<Answer> accept_parent(Site& site, Call& call) {
  CARNET_CO_TRY(portfolio, portfolio_of(site));
  CARNET_CO_TRY(code, decode_code(call.request.body));
  CARNET_CO_TRY(partner, co_await portfolio->accept(call.actor, std::move(code)));
  Response response = json_response(partner_json(partner), 201);
  response.headers.emplace_back("Location", "/tenant/partner/parents");
  co_return response;
}

Task<Answer> end_child(Site& site, Call& call) {
  CARNET_CO_TRY(portfolio, portfolio_of(site));
  CARNET_CO_TRY(id, id_param<PartnerLinkId>(call, 0));
  CARNET_CO_TRY(ended, co_await portfolio->end_child(call.actor, std::move(id)));
  co_return json_response(ended_json(ended));
}

Task<Answer> end_parent(Site& site, Call& call) {
  CARNET_CO_TRY(portfolio, portfolio_of(site));
  CARNET_CO_TRY(id, id_param<PartnerLinkId>(call, 0));
  CARNET_CO_TRY(ended, co_await portfolio->end_parent(call.actor, std::move(id)));
  co_return json_response(ended_json(ended));
}

Task<Answer> get_portfolio(Site& site, Call& call) {
  CARNET_CO_TRY(portfolio, portfolio_of(site));
  CARNET_CO_TRY(sort, sort_param(call));
  CARNET_CO_TRY(list, list_request(site, call, std::to_string(static_cast<int>(sort))));
  const bool csv = call.media_type == "text/csv";
  service::PortfolioQuery query{.sort = sort, .after = list.place, .limit = list.limit};
  if (csv) query = {.sort = sort, .after = "", .limit = service::kPartnerChildrenMax};
  CARNET_CO_TRY(page, co_await portfolio->portfolio(call.actor.tenant, std::move(query)));
  if (csv) co_return csv_response(page.children);
  const auto shown = std::min(page.children.size(), static_cast<std::size_t>(list.limit));
  bj::array items;
  for (std::size_t i = 0; i < shown; ++i) items.push_back(child_json(page.children[i]));
  const std::string next = page.children.size() > shown && shown > 0
                               ? service::place_of(page.children[shown - 1], sort)
                               : std::string();
  co_return list_response(site, call, list, "children", std::move(items), next,
                          {{"total", totals_json(page.totals)}});
}

Task<Answer> get_portfolio_child(Site& site, Call& call) {
  CARNET_CO_TRY(portfolio, portfolio_of(site));
  CARNET_CO_TRY(id, id_param<TenantId>(call, 0));
  CARNET_CO_TRY(child, co_await portfolio->child(call.actor.tenant, std::move(id)));
  co_return json_response(child_json(child));
}

Task<Answer> list_portfolio_scans(Site& site, Call& call) {
  CARNET_CO_TRY(portfolio, portfolio_of(site));
  CARNET_CO_TRY(id, id_param<TenantId>(call, 0));
  CARNET_CO_TRY(list, list_request(site, call));
  CARNET_CO_TRY(rows, co_await portfolio->scans(call.actor.tenant, std::move(id), page_of(list)));
  const auto place = [](const store::ScanRow& row) { return row.id.str(); };
  co_return rows_response(site, call, list, "scans", rows, scan_row_json, place);
}

}  // namespace carnet::api
