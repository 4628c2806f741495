// What a tenant sees and sets of itself.

#include "api/handlers.h"

namespace carnet::api {
namespace {

constexpr std::string_view kAnyVersion = "*";  // of If-Match

boost::json::array entitlements_of(store::Role role) {
  boost::json::array out{"read"};
  if (role >= store::Role::kOperator) {
    out.emplace_back("scan");
    out.emplace_back("share");
  }
  if (role >= store::Role::kAdmin) out.emplace_back("administer");
  return out;
}

}  // namespace

Task<Answer> get_me(Site& site, Call& call) {
  CARNET_CO_TRY(me, co_await site.deps.tenancy.me(call.actor.tenant));
  const auto& latest = me.latest;
  const boost::json::object body{
      {"tenantId", me.tenant.id.str()},
      {"tenantName", me.tenant.name},
      {"role", store::to_string(call.actor.role)},
      {"keyId", call.actor.key.str()},
      {"entitlements", entitlements_of(call.actor.role)},
      {"scanCount", me.scan_count},
      {"latestReadinessScore",
       latest ? or_null(latest->readiness_score) : boost::json::value(nullptr)},
      {"latestReadinessBand", latest && !latest->readiness_band.empty()
                                  ? boost::json::value(latest->readiness_band)
                                  : boost::json::value(nullptr)},
      {"latestScanAt", latest ? time_or_null(latest->finished_at) : boost::json::value(nullptr)},
      {"state", store::to_string(call.actor.tenant_state)},
      {"persistenceEnabled", site.deps.db.persistent()}};
  co_return json_response(body);
}

Task<Answer> get_settings(Site& site, Call& call) {
  CARNET_CO_TRY(settings, co_await site.deps.tenancy.settings(call.actor.tenant));
  co_return json_response(settings_json(settings));
}

Task<Answer> put_settings(Site& site, Call& call) {
  CARNET_CO_TRY(wanted, decode_settings(call.request.body));
  std::optional<service::Settings> seen;
  if (call.request.header_count("If-Match") > 0) {
    CARNET_CO_TRY(current, co_await site.deps.tenancy.settings(call.actor.tenant));
    CARNET_CO_TRY_VOID(check_if_match(call, json_response(settings_json(current))));
    if (call.request.header("If-Match") != kAnyVersion) seen = std::move(current);
  }
  CARNET_CO_TRY(saved, co_await site.deps.tenancy.put_settings(call.actor, std::move(wanted),
                                                               std::move(seen)));
  co_return json_response(settings_json(saved));
}

Task<Answer> get_authorized_targets(Site& site, Call& call) {
  CARNET_CO_TRY(targets, co_await site.deps.tenancy.authorized_targets(call.actor.tenant));
  co_return json_response(authorized_targets_json(targets));
}

Task<Answer> put_authorized_targets(Site& site, Call& call) {
  CARNET_CO_TRY(wanted, decode_authorized_targets(call.request.body));
  CARNET_CO_TRY(current, co_await site.deps.tenancy.authorized_targets(call.actor.tenant));
  // Replacing a list that somebody attested to, without having read it, would lose entries unseen.
  const bool anything = !current.domains.empty() || !current.cidrs.empty();
  if (anything && call.request.header_count("If-Match") == 0)
    co_return make_error(ErrorCode::kPreconditionRequired,
                         "There is a list already: read it with GET /tenant/authorized-targets and "
                         "send its ETag as If-Match.");
  CARNET_CO_TRY_VOID(check_if_match(call, json_response(authorized_targets_json(current))));
  std::optional<service::AuthorizedTargets> seen;
  if (call.request.header("If-Match") != kAnyVersion) seen = std::move(current);
  CARNET_CO_TRY(saved, co_await site.deps.tenancy.put_authorized_targets(
                           call.actor, std::move(wanted), std::move(seen)));
  co_return json_response(authorized_targets_json(saved));
}

}  // namespace carnet::api
