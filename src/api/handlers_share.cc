// Share links as their owner sees them.

#include "api/handlers.h"

namespace carnet::api {

Task<Answer> create_share(Site& site, Call& call) {
  CARNET_CO_TRY(scan, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(request, decode_new_share(call.request.body));
  CARNET_CO_TRY(created, co_await site.deps.sharing.create(call.actor, scan, std::move(request)));
  const store::ShareRow& row = created.row;
  const boost::json::object body{
      {"id", row.id.str()},
      {"url", fmt::format("{}/r/{}", site.options.public_url, created.token.expose())},
      {"token", created.token.expose()},
      {"expiresAt", to_rfc3339(row.expires_at)},
      {"scope", row.scope},
      {"label", row.label},
      {"recipient", row.recipient},
      {"scanId", row.scan_id.str()},
      {"maxViews", or_null(row.max_views)},
      {"passcodeProtected", row.passcode_hash.has_value()},
      {"createdAt", to_rfc3339(row.created_at)}};
  Response response = json_response(body, 201);
  response.headers.emplace_back("Location", "/tenant/shares/" + row.id.str());
  co_return response;
}

namespace {

Task<Answer> list_of_shares(Site& site, Call& call, std::optional<ScanId> scan) {
  CARNET_CO_TRY(list, list_request(site, call));
  CARNET_CO_TRY(rows,
                co_await site.deps.sharing.list(call.actor.tenant, std::move(scan), page_of(list)));
  const auto encode = [now = site.deps.clock.now()](const store::ShareRow& row) {
    return share_json(row, now);
  };
  const auto place = [](const store::ShareRow& row) { return row.id.str(); };
  co_return rows_response(site, call, list, "shares", rows, encode, place);
}

}  // namespace

Task<Answer> list_scan_shares(Site& site, Call& call) {
  CARNET_CO_TRY(scan, id_param<ScanId>(call, 0));
  CARNET_CO_TRY(row, co_await site.deps.scans.row(call.actor.tenant, scan));
  std::optional<ScanId> of_scan(row.id);
  Answer answer = co_await list_of_shares(site, call, std::move(of_scan));
  co_return answer;
}

Task<Answer> list_shares(Site& site, Call& call) {
  std::optional<ScanId> of_any;
  Answer answer = co_await list_of_shares(site, call, std::move(of_any));
  co_return answer;
}

Task<Answer> get_share(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ShareId>(call, 0));
  CARNET_CO_TRY(row, co_await site.deps.sharing.find(call.actor.tenant, id));
  co_return json_response(share_json(row, site.deps.clock.now()));
}

Task<Answer> patch_share(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ShareId>(call, 0));
  CARNET_CO_TRY(patch, decode_share_patch(call.request.body));
  if (call.request.header_count("If-Match") > 0) {
    CARNET_CO_TRY(current, co_await site.deps.sharing.find(call.actor.tenant, id));
    CARNET_CO_TRY_VOID(
        check_if_match(call, json_response(share_json(current, site.deps.clock.now()))));
  }
  CARNET_CO_TRY(row, co_await site.deps.sharing.patch(call.actor, id, patch.label, patch.recipient,
                                                      patch.expires_hours, patch.paused));
  co_return json_response(share_json(row, site.deps.clock.now()));
}

Task<Answer> revoke_share(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ShareId>(call, 0));
  CARNET_CO_TRY(row, co_await site.deps.sharing.revoke(call.actor, id));
  co_return json_response(share_json(row, site.deps.clock.now()));
}

Task<Answer> list_share_views(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ShareId>(call, 0));
  CARNET_CO_TRY(list, list_request(site, call));
  CARNET_CO_TRY(rows, co_await site.deps.sharing.views(call.actor.tenant, id, page_of(list)));
  const auto place = [](const store::ViewRow& row) { return row.id.str(); };
  co_return rows_response(site, call, list, "views", rows, view_json, place);
}

}  // namespace carnet::api
