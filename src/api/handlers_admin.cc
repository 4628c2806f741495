// The platform's own routes: tenants and their keys.

#include "api/handlers.h"

namespace carnet::api {

Task<Answer> create_tenant(Site& site, Call& call) {
  CARNET_CO_TRY(request, decode_new_tenant(call.request.body));
  CARNET_CO_TRY(row, co_await site.deps.tenancy.create_tenant(call.actor, std::move(request)));
  Response response = json_response(tenant_json(row), 201);
  response.headers.emplace_back("Location", "/admin/tenants/" + row.id.str() + "/keys");
  co_return response;
}

Task<Answer> list_tenants(Site& site, Call& call) {
  CARNET_CO_TRY(list, list_request(site, call));
  CARNET_CO_TRY(rows, co_await site.deps.tenancy.list_tenants(page_of(list)));
  const auto place = [](const store::TenantRow& row) { return row.id.str(); };
  co_return rows_response(site, call, list, "tenants", rows, tenant_json, place);
}

Task<Answer> create_key(Site& site, Call& call) {
  CARNET_CO_TRY(tenant, id_param<TenantId>(call, 0));
  CARNET_CO_TRY(request, decode_new_key(call.request.body));
  CARNET_CO_TRY(issued,
                co_await site.deps.tenancy.issue_key(call.actor, tenant, std::move(request)));
  const store::KeyRow& row = issued.row;
  const boost::json::object body{{"keyId", row.id.str()},
                                 {"key", issued.token.expose()},
                                 {"tenantId", row.tenant_id.str()},
                                 {"role", store::to_string(row.role)},
                                 {"label", row.label},
                                 {"ratePerMinute", or_null(row.rate_per_minute)},
                                 {"expiresAt", time_or_null(row.expires_at)},
                                 {"createdAt", to_rfc3339(row.created_at)}};
  Response response = json_response(body, 201);
  response.headers.emplace_back("Location", "/admin/keys/" + row.id.str());
  co_return response;
}

Task<Answer> list_keys(Site& site, Call& call) {
  CARNET_CO_TRY(tenant, id_param<TenantId>(call, 0));
  CARNET_CO_TRY(list, list_request(site, call));
  CARNET_CO_TRY(rows, co_await site.deps.tenancy.list_keys(tenant, page_of(list)));
  const auto place = [](const store::KeyRow& row) { return row.id.str(); };
  co_return rows_response(site, call, list, "keys", rows, key_json, place);
}

Task<Answer> revoke_key(Site& site, Call& call) {
  CARNET_CO_TRY(key, id_param<KeyId>(call, 0));
  CARNET_CO_TRY(row, co_await site.deps.tenancy.revoke_key(call.actor, key));
  co_return json_response(key_json(row));
}

}  // namespace carnet::api
