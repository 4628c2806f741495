// Keys, passports and their verification. What is handed in to be verified comes from anybody.

#include "api/handlers.h"
#include "api/multipart.h"
#include "base/text.h"

namespace carnet::api {
namespace {

constexpr std::string_view kKeysMayBeKept = "public, max-age=300";

tl::unexpected<Error> no_passports() {
  return make_error(ErrorCode::kPersistenceOff,
                    "This server keeps nothing, so it makes no passports and has no keys.");
}

// {"document", "passport"} of a form; `text` is for those who paste.
Result<service::Verification::Handed> handed_in_form(const Call& call) {
  CARNET_TRY(parts, read_multipart(call.request.header("Content-Type"), call.request.body));
  service::Verification::Handed handed;
  std::string_view text;
  for (const FormPart& part : parts) {
    if (part.name == "document") handed.document = part.bytes;
    if (part.name == "passport") handed.passport = part.bytes;
    if (part.name == "text") text = trim_ascii(part.bytes);
  }
  if (handed.document.empty()) handed.document = text;
  return handed;
}

Result<service::Verification::Handed> handed_in(const Call& call) {
  service::Verification::Handed handed;
  if (is_multipart(call.request.header("Content-Type"))) {
    CARNET_TRY(form, handed_in_form(call));
    handed = std::move(form);
  } else {
    handed.document = call.request.body;
  }
  if (handed.document.empty())
    return make_validation_error({{.field = "document",
                                   .pointer = "/document",
                                   .code = "required",
                                   .detail = "is required: a passport, a report or a bundle"}});
  return handed;
}

}  // namespace

Answer get_keys(Site& site, Call&) {
  const service::SigningKeysNow keys =
      site.deps.passports == nullptr ? nullptr : site.deps.passports->keys().current();
  if (!keys) return no_passports();
  Response response;
  response.headers.emplace_back("Cache-Control", kKeysMayBeKept);
  response.body = keys->published_json;
  return response;
}

Task<Answer> verify_scan(Site& site, Call& call) {
  CARNET_CO_TRY(id, id_param<ScanId>(call, 0));
  if (site.deps.verification == nullptr) co_return no_passports();
  CARNET_CO_TRY(row, co_await site.deps.scans.row(call.actor.tenant, id));
  CARNET_CO_TRY(checked, co_await site.deps.verification->check_scan(row.id));
  boost::json::object body = evidence::verification_json(checked.verification);
  body["scanId"] = row.id.str();
  body["proof"] = {{"content_hash", checked.proof.content_hash},
                   {"signature", checked.proof.signature}};
  co_return json_response(body);
}

Task<Answer> verify_document(Site& site, Call& call) {
  if (site.deps.verification == nullptr) co_return no_passports();
  CARNET_CO_TRY(handed, handed_in(call));
  CARNET_CO_TRY(checked, co_await site.deps.verification->check(std::move(handed)));
  co_return json_response(evidence::verification_json(checked));
}

Answer get_verify_page(Site& site, Call&) {
  Response response;
  response.content_type = "text/html; charset=utf-8";
  response.body = site.deps.pages.verify(nullptr);
  return response;
}

Task<Answer> post_verify_page(Site& site, Call& call) {
  if (site.deps.verification == nullptr) co_return no_passports();
  CARNET_CO_TRY(handed, handed_in(call));
  CARNET_CO_TRY(checked, co_await site.deps.verification->check(std::move(handed)));
  Response response;
  response.content_type = "text/html; charset=utf-8";
  response.body = site.deps.pages.verify(&checked);
  co_return response;
}

Task<Answer> get_link_passport(Site& site, Call& call) {
  const service::Visitor visitor = visitor_of(call);
  CARNET_CO_TRY(link, co_await entered_link(site, call, visitor));
  if (link.share.scope != "passport")
    co_return service::Sharing::outside_scope(link, "the passport");
  if (site.deps.passports == nullptr) co_return no_passports();
  CARNET_CO_TRY(row, co_await site.deps.passports->find(link.share.scan_id));
  const auto artifact =
      std::make_shared<const service::Artifact>(service::Passports::document_of(row));
  Response response = file_response(site, call, artifact);
  if (call.request.method == Method::kGet && response.status < 300 &&
      !is_unchanged(call, *artifact))
    CARNET_CO_TRY_VOID(co_await site.deps.sharing.log_download(link, "passport", visitor));
  co_return response;
}

}  // namespace carnet::api
