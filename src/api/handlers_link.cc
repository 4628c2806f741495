// What a visitor with a link gets. No key; the pipeline has limited the address and adds the
// headers of docs/sharing.md.

#include "api/handlers.h"
#include "base/json.h"

namespace carnet::api {
namespace {

// Written once per scan and recipient: its JSON and how large each download is.
Task<Result<std::shared_ptr<const LinkFragment>>> fragment_of(
    Site& site, service::OpenLink link, std::shared_ptr<const service::Overview> overview) {
  const ScanId scan = link.share.scan_id;
  std::string key = scan.str();
  if (!link.share.recipient.empty()) key += "/" + link.share.recipient;
  if (auto known = site.fragments.find(key, overview->result_sha256)) co_return known;
  auto fragment = std::make_shared<LinkFragment>();
  fragment->scan_json = json::write(link_scan_json(overview->document));
  for (const service::ArtifactFormat format : service::available_formats()) {
    if (!service::Sharing::scope_covers("passport", format)) continue;  // behind no link at all
    CARNET_CO_TRY(artifact, co_await site.deps.sharing.artifact_for(link, format));
    fragment->downloads.push_back(
        {.format = format, .bytes = artifact->bytes.size(), .sha256 = artifact->sha256});
  }
  if (site.deps.passports != nullptr) {
    const Result<store::PassportRow> row = co_await site.deps.passports->find(scan);
    if (row)
      fragment->passport =
          LinkFragment::Passport{.bytes = row->envelope.size(), .sha256 = row->sha256};
  }
  fragment->result_sha256 = overview->result_sha256;
  std::shared_ptr<const LinkFragment> made = std::move(fragment);
  site.fragments.put(key, made);
  co_return made;
}

void append_downloads(std::string& out, const Site& site, std::string_view token,
                      std::string_view scope, const LinkFragment& fragment) {
  out += R"(,"available":[)";
  bool first = true;
  for (const LinkFragment::Download& download : fragment.downloads) {
    if (!service::Sharing::scope_covers(scope, download.format)) continue;
    const std::string_view name = service::to_string(download.format);
    out += first ? R"({"format":")" : R"(,{"format":")";
    first = false;
    out += name;
    out += R"(","href":")";
    out += site.options.public_url;
    out += "/r/";
    out += token;
    out += "/report?format=";
    out += name;
    out += R"(","bytes":)";
    out += fmt::to_string(download.bytes);
    out += '}';
  }
  if (fragment.passport && scope == "passport")
    out += fmt::format(R"({}{{"format":"passport","href":"{}/r/{}/passport","bytes":{}}})",
                       first ? "" : ",", site.options.public_url, token, fragment.passport->bytes);
  out += ']';
}

std::string link_json(const Site& site, const service::OpenLink& link, std::string_view token,
                      const LinkFragment& fragment) {
  const store::ShareRow& share = link.share;
  std::string out;
  out.reserve(fragment.scan_json.size() + 768);
  out += R"({"status":"success","scope":")";
  out += share.scope;
  out += R"(","recipient":)";
  json::append_string(out, share.recipient);
  out += R"(,"issuer":{"name":)";
  json::append_string(out, share.tenant_name);
  out += R"(},"expiresAt":")";
  out += to_rfc3339(share.expires_at);
  out += R"(","scan":)";
  out += fragment.scan_json;
  append_downloads(out, site, token, share.scope, fragment);
  out += '}';
  return out;
}

}  // namespace

namespace {

// What a protected link tells before it is opened: no word of the scan or of whose it is.
Response closed_door(const Site& site, const Call& call, const service::OpenLink& link) {
  Response response;
  if (call.media_type == "text/html") {
    response.content_type = "text/html; charset=utf-8";
    response.body = site.deps.pages.open(open_page_of(call, link), site.deps.clock.now());
    return response;
  }
  const boost::json::object body{{"scope", link.share.scope},
                                 {"protected", true},
                                 {"expiresAt", to_rfc3339(link.share.expires_at)}};
  return json_response(body);
}

}  // namespace

namespace {

web::AssetQuery asset_query(const Request& request) {
  web::AssetQuery query;
  if (request.query.empty()) return query;
  query.text = request.query_value("q").value_or("");
  query.status = request.query_value("status").value_or("");
  query.exposure = request.query_value("exposure").value_or("");
  query.order = request.query_value("order").value_or("");
  constexpr int kPagesMax = 1'000'000;  // limit: internal
  query.page = query_integer(request, "page", 1, kPagesMax, 1).value_or(1);
  return query;
}

web::Room room_of(const Site& site, const Call& call, const service::OpenLink& link,
                  const service::Overview& overview, const LinkFragment& fragment) {
  const std::string address = "/r/" + call.param(0);
  web::Room room{.link = link,
                 .overview = overview,
                 .address = address,
                 .downloads = {},
                 .assets = asset_query(call.request),
                 .now = site.deps.clock.now()};
  for (const LinkFragment::Download& download : fragment.downloads) {
    if (!service::Sharing::scope_covers(link.share.scope, download.format)) continue;
    const std::string_view format = service::to_string(download.format);
    room.downloads.push_back({.format = download.format,
                              .href = fmt::format("{}/report?format={}", address, format),
                              .bytes = download.bytes,
                              .sha256 = download.sha256});
  }
  if (fragment.passport && link.share.scope == "passport")
    room.downloads.push_back({.format = std::nullopt,
                              .href = address + "/passport",
                              .bytes = fragment.passport->bytes,
                              .sha256 = fragment.passport->sha256});
  return room;
}

}  // namespace

Task<Answer> get_link(Site& site, Call& call) {
  const std::string& token = call.param(0);
  const service::Visitor visitor = visitor_of(call);
  CARNET_CO_TRY(link, co_await find_link(site, call, visitor));
  const bool html = call.media_type == "text/html";
  if (!link.session_until) site.deps.sharing.note_preview(link, html ? "html" : "json", visitor);
  if (!link.entered()) co_return closed_door(site, call, link);
  CARNET_CO_TRY(overview, co_await site.deps.sharing.overview(link));
  CARNET_CO_TRY(fragment, co_await fragment_of(site, link, overview));
  Response response;
  if (!html) {
    response.body = link_json(site, link, token, *fragment);
    co_return response;
  }
  response.content_type = "text/html; charset=utf-8";
  response.body = site.deps.pages.overview(room_of(site, call, link, *overview, *fragment));
  co_return response;
}

Task<Answer> get_link_report(Site& site, Call& call) {
  const service::Visitor visitor = visitor_of(call);
  CARNET_CO_TRY(link, co_await entered_link(site, call, visitor));
  CARNET_CO_TRY(format, format_param(call));
  const std::string name(service::to_string(format));
  if (!service::Sharing::scope_covers(link.share.scope, format))
    co_return service::Sharing::outside_scope(link, name);
  CARNET_CO_TRY(artifact, co_await site.deps.sharing.artifact_for(link, format));
  CARNET_CO_TRY_VOID(check_accepts(call, *artifact));
  Response response = file_response(site, call, artifact);
  // Looking at the size is no download, nor is an answer without bytes of the file.
  if (call.request.method == Method::kGet && response.status < 300 &&
      !is_unchanged(call, *artifact))
    CARNET_CO_TRY_VOID(co_await site.deps.sharing.log_download(link, name, visitor));
  co_return response;
}

std::shared_ptr<const LinkFragment> LinkFragments::find(const std::string& scan_id,
                                                        std::string_view result_sha256) const {
  const std::lock_guard lock(mutex_);
  const auto found = fragments_.find(scan_id);
  if (found == fragments_.end() || found->second->result_sha256 != result_sha256) return nullptr;
  return found->second;
}

void LinkFragments::put(const std::string& scan_id, std::shared_ptr<const LinkFragment> fragment) {
  const std::lock_guard lock(mutex_);
  if (fragments_.size() >= kEntriesMax && !fragments_.contains(scan_id))
    fragments_.erase(fragments_.begin());
  fragments_[scan_id] = std::move(fragment);
}

}  // namespace carnet::api
