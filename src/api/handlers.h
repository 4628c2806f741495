#pragma once
// The handlers that the route table names, one per operation, grouped as in the docs. Each decodes
// its request, calls one service function with the tenant first, and encodes the answer. Called by
// the pipeline only, when every gate is passed.

#include <boost/json.hpp>

#include "api/decode.h"
#include "api/encode.h"
#include "api/pipeline.h"
#include "api/site.h"

namespace carnet::api {

using Answer = Result<Response>;

// handlers_service.cc
Answer get_health(Site&, Call&);
Answer get_readiness(Site&, Call&);
Answer get_metrics(Site&, Call&);
Answer get_openapi(Site&, Call&);
Answer get_docs(Site&, Call&);
Answer get_robots(Site&, Call&);
Answer get_security_txt(Site&, Call&);
Answer get_asset(Site&, Call&);

// handlers_admin.cc
Task<Answer> create_tenant(Site&, Call&);
Task<Answer> list_tenants(Site&, Call&);
Task<Answer> create_key(Site&, Call&);
Task<Answer> list_keys(Site&, Call&);
Task<Answer> revoke_key(Site&, Call&);

// handlers_tenant.cc
Task<Answer> get_me(Site&, Call&);
Task<Answer> get_settings(Site&, Call&);
Task<Answer> put_settings(Site&, Call&);
Task<Answer> get_authorized_targets(Site&, Call&);
Task<Answer> put_authorized_targets(Site&, Call&);

// handlers_scan.cc
Task<Answer> create_scan(Site&, Call&);
Task<Answer> get_scan(Site&, Call&);
Task<Answer> stream_scan_events(Site&, Call&);
Task<Answer> cancel_scan(Site&, Call&);
Task<Answer> persist_scan(Site&, Call&);
Task<Answer> list_scans(Site&, Call&);
Task<Answer> get_scan_row(Site&, Call&);
Task<Answer> delete_scan(Site&, Call&);
Task<Answer> diff_scans(Site&, Call&);
Task<Answer> get_report(Site&, Call&);
Task<Answer> get_report_availability(Site&, Call&);
Task<Answer> list_inventory(Site&, Call&);

// handlers_work.cc
Task<Answer> list_remediation(Site&, Call&);
Task<Answer> get_remediation_item(Site&, Call&);
Task<Answer> update_remediation(Site&, Call&);
Task<Answer> verify_remediation(Site&, Call&);
Task<Answer> project_remediation(Site&, Call&);
Task<Answer> export_remediation(Site&, Call&);
Task<Answer> import_remediation(Site&, Call&);
Task<Answer> plan_remediation(Site&, Call&);

// handlers_drift.cc
Task<Answer> get_drift_summary(Site&, Call&);
Task<Answer> list_drift(Site&, Call&);

// handlers_handshake.cc
Task<Answer> prove_handshake(Site&, Call&);

// handlers_knowledge.cc
Answer list_standards(Site&, Call&);
Answer list_algorithms(Site&, Call&);
Answer list_scenarios(Site&, Call&);

// handlers_share.cc
Task<Answer> create_share(Site&, Call&);
Task<Answer> list_scan_shares(Site&, Call&);
Task<Answer> list_shares(Site&, Call&);
Task<Answer> get_share(Site&, Call&);
Task<Answer> patch_share(Site&, Call&);
Task<Answer> revoke_share(Site&, Call&);
Task<Answer> list_share_views(Site&, Call&);

// handlers_link.cc
Task<Answer> get_link(Site&, Call&);
Task<Answer> open_link(Site&, Call&);  // handlers_link_open.cc
Task<Answer> get_link_report(Site&, Call&);

// handlers_upload.cc
Task<Answer> upload_bundle(Site&, Call&);

// handlers_verify.cc
Answer get_keys(Site&, Call&);
Task<Answer> verify_scan(Site&, Call&);
Task<Answer> verify_document(Site&, Call&);
Answer get_verify_page(Site&, Call&);
Task<Answer> post_verify_page(Site&, Call&);
Task<Answer> get_link_passport(Site&, Call&);

// handlers_transparency.cc
Task<Answer> get_log_root(Site&, Call&);
Task<Answer> get_log_consistency(Site&, Call&);
Task<Answer> get_log_inclusion(Site&, Call&);
Task<Answer> list_witnesses(Site&, Call&);
Task<Answer> add_cosignature(Site&, Call&);
Task<Answer> get_log_checkpoint(Site&, Call&);
Task<Answer> get_log_tile(Site&, Call&);

// ---- Shared by them (handlers_support.cc)
// ---------------------------------------------------------------------------

// limit and cursor of a list, read and checked. `filter` is whatever else decides which rows come.
struct ListRequest {
  int limit = 25;
  std::string place;  // where the page before ended; "" for the first
  std::string scope;  // what the cursor is bound to
};
[[nodiscard]] Result<ListRequest> list_request(const Site& site, const Call& call,
                                               std::string_view filter = {}, int limit_max = 100,
                                               int limit_default = 25);
// The store is asked for one row more than the page has, which tells whether there is more.
[[nodiscard]] store::Page page_of(const ListRequest& list);

// Ends a list answer: `items` becomes the named array, with count, nextCursor, hasMore and Link,
// and the members of `beside`.
[[nodiscard]] Response list_response(const Site& site, const Call& call, const ListRequest& list,
                                     std::string_view name, boost::json::array items,
                                     const std::string& next_place,
                                     boost::json::object beside = {});

// The same for the rows of page_of(list): `encode` gives a row's JSON, `place` what the next page
// begins behind.
template <class Row, class Encode, class Place>
[[nodiscard]] Response rows_response(const Site& site, const Call& call, const ListRequest& list,
                                     std::string_view name, const std::vector<Row>& rows,
                                     const Encode& encode, const Place& place) {
  const auto shown = std::min(rows.size(), static_cast<std::size_t>(list.limit));
  boost::json::array items;
  items.reserve(shown);
  for (std::size_t i = 0; i < shown; ++i) items.push_back(encode(rows[i]));
  return list_response(
      site, call, list, name, std::move(items),
      rows.size() > shown && shown > 0 ? std::string(place(rows[shown - 1])) : std::string());
}

// Path parameters as ids; kNotFound for what cannot be one.
template <class IdType>
[[nodiscard]] Result<IdType> id_param(const Call& call, std::size_t index) {
  auto id = IdType::parse(call.param(index));
  if (!id) return make_error(ErrorCode::kNotFound, "There is no object with this id.");
  return std::move(*id);
}

// RFC 9110 section 13.1.1: kPreconditionFailed if the request carries If-Match and `current` is not
// what it names.
[[nodiscard]] Result<void> check_if_match(const Call& call, const Response& current);

// An artifact with its name, ETag and digests; the part of it that a Range header asks for (206),
// or 416 (file_response.cc).
[[nodiscard]] Response file_response(const Site& site, const Call& call,
                                     std::shared_ptr<const service::Artifact> artifact);
// Whether If-None-Match names the artifact: the answer will be 304.
[[nodiscard]] bool is_unchanged(const Call& call, const service::Artifact& artifact);

// ---- For handlers below /r/{token} (handlers_link_open.cc)
// ----------------------------------------------------------------

[[nodiscard]] service::Visitor visitor_of(const Call& call);
// The link of the path with what the visitor presents for it. Errors: those of Sharing::resolve().
[[nodiscard]] Task<Result<service::OpenLink>> find_link(Site& site, const Call& call,
                                                        const service::Visitor& visitor);
// The same; kShareSessionNeeded if it has to be opened first.
[[nodiscard]] Task<Result<service::OpenLink>> entered_link(Site& site, const Call& call,
                                                           const service::Visitor& visitor);
[[nodiscard]] web::OpenPage open_page_of(const Call& call, const service::OpenLink& link);

// The format parameter; kValidationFailed naming it, kNotAcceptable if Accept excludes what it
// gives.
[[nodiscard]] Result<service::ArtifactFormat> format_param(const Call& call);
[[nodiscard]] Result<void> check_accepts(const Call& call, const service::Artifact& artifact);

}  // namespace carnet::api
