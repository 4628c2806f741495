#include "service/handshakes.h"

#include <boost/json.hpp>

#include "base/json.h"
#include "service/audit.h"
#include "service/scan_request.h"
#include "service/tenant_json.h"

namespace carnet::service {

Task<Result<probe::PlannedEndpoint>> Handshakes::check(TenantId tenant, std::string target) {
  constexpr std::uint16_t kDefaultPort = 443;
  FieldErrors bad;
  const Result<net::Target> parsed = net::parse_target(target);
  if (!parsed) {
    bad.add("target", "invalid_target", parsed.error().public_detail);
  } else if (parsed->cidr) {
    bad.add("target", "invalid_target", "must be one host, host:port or URL, not a block");
  }
  if (!bad.empty()) co_return bad.take();
  const auto find =
      [tenant](store::Connection& connection) -> Result<std::optional<store::TenantRow>> {
    return store::tenants::find(connection, tenant);
  };
  CARNET_CO_TRY(owner, co_await db_.read<std::optional<store::TenantRow>>(find));
  if (!owner) co_return make_error(ErrorCode::kNotFound, "There is no such tenant.");
  const AuthorizedTargets attested = read_authorized_targets(owner->authorized_targets);
  const Authority authority{
      .attested = attested, .policy = policy_, .any_public_target = options_.authorize_any_target};
  CARNET_CO_TRY_VOID(authorize({*parsed}, authority));
  co_return probe::PlannedEndpoint{
      .host = parsed->host, .port = parsed->port.value_or(kDefaultPort), .kind = {}};
}

Task<Result<probe::LiveHandshake>> Handshakes::prove(const Actor& actor, std::string target) {
  CARNET_CO_TRY(endpoint, co_await check(actor.tenant, std::move(target)));
  const std::string name = endpoint.host + ":" + std::to_string(endpoint.port);
  CARNET_CO_TRY(live, co_await worker_.prove(std::move(endpoint)));
  boost::json::object detail;
  detail["outcome"] = to_string(live.outcome);
  const store::AuditRow trail =
      audit_row(actor, "handshake.prove", name, json::write(detail), clock_.now(), random_);
  const auto work = [trail](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await db_.write<bool>(work));
  co_return live;
}

}  // namespace carnet::service
