// What changed over time: by day, and endpoint by endpoint.

#include <cmath>

#include "api/handlers.h"
#include "base/json.h"
#include "service/drift.h"

namespace carnet::api {
namespace {

namespace bj = boost::json;

constexpr double kTenths = 10;

double one_decimal(double value) { return std::round(value * kTenths) / kTenths; }

Result<service::Drift*> drift_of(const Site& site) {
  if (site.deps.drift == nullptr)
    return make_error(ErrorCode::kPersistenceOff, "This server keeps no history.");
  return site.deps.drift;
}

bj::value score_json(const store::DriftDay& day) {
  if (day.scored == 0) return nullptr;
  return bj::object{{"mean", one_decimal(day.score_sum / static_cast<double>(day.scored))},
                    {"low", day.score_low},
                    {"high", day.score_high},
                    {"last", day.score_last}};
}

bj::object day_json(const store::DriftDay& day) {
  return {{"scans", day.scans},
          {"score", score_json(day)},
          {"endpointsNew", day.endpoints_new},
          {"added", day.added},
          {"removed", day.removed},
          {"changed", day.changed},
          {"improved", day.better},
          {"regressed", day.worse},
          {"hybridGained", day.hybrid_gained},
          {"hybridLost", day.hybrid_lost}};
}

bj::value event_json_of(const store::DriftRow& row) {
  bj::object out{{"id", row.id.str()},
                 {"at", to_rfc3339(row.at)},
                 {"scanId", row.scan_id},
                 {"against", row.against.empty() ? bj::value(nullptr) : bj::value(row.against)},
                 {"host", row.host},
                 {"port", row.port},
                 {"assetId", row.asset_id.empty() ? bj::value(nullptr) : bj::value(row.asset_id)},
                 {"change", row.change},
                 {"direction", row.direction},
                 {"hybrid", row.hybrid.empty() ? bj::value(nullptr) : bj::value(row.hybrid)}};
  if (auto detail = json::parse(row.detail); detail && detail->is_object())
    for (auto& member : detail->get_object()) out[member.key()] = std::move(member.value());
  return out;
}

Result<std::string> word_query(const Request& request, std::string_view name,
                               std::initializer_list<std::string_view> words) {
  CARNET_TRY(text, query_text(request, name));
  if (text.empty() || std::find(words.begin(), words.end(), text) != words.end()) return text;
  return query_error(name, "not_one_of", fmt::format("must be one of {}", fmt::join(words, ", ")));
}

}  // namespace

Task<Answer> get_drift_summary(Site& site, Call& call) {
  CARNET_CO_TRY(drift, drift_of(site));
  constexpr int kDaysDefault = 30;
  CARNET_CO_TRY(days,
                query_integer(call.request, "since_days", 1, service::kDriftDaysMax, kDaysDefault));
  CARNET_CO_TRY(summary, co_await drift->summary(call.actor.tenant, days));
  bj::array rows;
  for (const store::DriftDay& day : summary.days) {
    bj::object row{{"day", day.day}};
    for (auto& member : day_json(day)) row[member.key()] = member.value();
    rows.emplace_back(std::move(row));
  }
  bj::object body{{"sinceDays", days}, {"from", summary.from}, {"to", summary.to}};
  for (auto& member : day_json(summary.total)) body[member.key()] = member.value();
  body["scoreDelta"] = summary.total.scored > 0
                           ? bj::value(one_decimal(summary.total.score_last - summary.score_first))
                           : bj::value(nullptr);
  body["days"] = std::move(rows);
  co_return json_response(body);
}

Task<Answer> list_drift(Site& site, Call& call) {
  CARNET_CO_TRY(drift, drift_of(site));
  service::DriftQuery query;
  CARNET_CO_TRY(days, query_integer(call.request, "since_days", 1, service::kDriftDaysMax,
                                    service::kDriftDaysMax));
  CARNET_CO_TRY(host, query_text(call.request, "host"));
  CARNET_CO_TRY(port, query_integer(call.request, "port", 0, 65535, -1));
  CARNET_CO_TRY(change, word_query(call.request, "change",
                                   {"endpoint_new", "added", "removed", "changed", "renewed"}));
  CARNET_CO_TRY(direction, word_query(call.request, "direction", {"better", "worse", "same"}));
  CARNET_CO_TRY(hybrid, word_query(call.request, "hybrid", {"gained", "lost"}));
  if (port >= 0 && host.empty()) co_return query_error("port", "needs_host", "goes with host");
  const std::string scope =
      fmt::format("{}\n{}\n{}\n{}\n{}\n{}", days, host, port, change, direction, hybrid);
  CARNET_CO_TRY(list, list_request(site, call, scope));
  query.since_days = days;
  query.filter.host = std::move(host);
  if (port >= 0) query.filter.port = port;
  query.filter.change = std::move(change);
  query.filter.direction = std::move(direction);
  query.filter.hybrid = std::move(hybrid);
  CARNET_CO_TRY(rows, co_await drift->history(call.actor.tenant, std::move(query), page_of(list)));
  const auto place = [](const store::DriftRow& row) { return row.id.str(); };
  co_return rows_response(site, call, list, "changes", rows, event_json_of, place);
}

}  // namespace carnet::api
