// Coming in: what a visitor presents, and opening a protected link.

#include "api/authentication.h"
#include "api/handlers.h"
#include "base/json.h"
#include "base/text.h"

namespace carnet::api {
namespace {

constexpr std::string_view kCookie = "carnet_room";
constexpr std::string_view kFormType = "application/x-www-form-urlencoded";
Result<std::optional<Secret>> passcode_of(const Call& call) {
  const std::string_view type = call.request.header("Content-Type");
  if (to_lower_ascii(trim_ascii(type.substr(0, type.find(';')))) == kFormType) {
    auto given = form_value(call.request.body, "passcode");
    if (!given || given->empty()) return std::optional<Secret>{};
    return std::optional<Secret>(Secret(std::move(*given)));
  }
  return decode_open_link(call.request.body);
}

std::string cookie_of(const Site& site, const Call& call, std::string_view value) {
  const bool secure = call.request.https || site.options.public_url.starts_with("https://");
  const auto life = std::chrono::seconds(service::kSessionLife).count();
  return fmt::format("{}={}; Path=/r/; Max-Age={}; HttpOnly; SameSite=Strict{}", kCookie, value,
                     life, secure ? "; Secure" : "");
}

std::string_view cookie_value(const Call& call) {
  for (std::string_view part : split(call.request.header("Cookie"), ';')) {
    part = trim_ascii(part);
    if (part.starts_with(kCookie) && part.size() > kCookie.size() && part[kCookie.size()] == '=')
      return part.substr(kCookie.size() + 1);
  }
  return {};
}

// What a browser is shown instead of a bare problem, if the form can simply be filled in again.
std::optional<Response> form_again(const Site& site, const Call& call,
                                   const service::OpenLink& link, const Error& error) {
  if (call.media_type != "text/html") return std::nullopt;
  web::OpenPage page = open_page_of(call, link);
  if (error.code == ErrorCode::kSharePasscodeWrong) {
    page.note = web::OpenPage::Note::kWrong;
  } else if (error.code == ErrorCode::kValidationFailed) {
    page.note = web::OpenPage::Note::kMissing;
  } else {
    return std::nullopt;
  }
  Response response;
  response.status = error.code == ErrorCode::kSharePasscodeWrong ? 403 : 422;
  response.content_type = "text/html; charset=utf-8";
  response.body = site.deps.pages.open(page, site.deps.clock.now());
  return response;
}

}  // namespace

service::Visitor visitor_of(const Call& call) {
  return {.address = call.request.peer.to_string(),
          .user_agent = std::string(call.request.header("User-Agent")),
          .network = address_bucket(call.request.peer),
          .request_id = call.request_id};
}

web::OpenPage open_page_of(const Call& call, const service::OpenLink& link) {
  return {.token = call.param(0),
          .scope = link.share.scope,
          .passcode = link.share.passcode_hash.has_value(),
          .counted = link.share.max_views.has_value(),
          .expires_at = link.share.expires_at,
          .note = web::OpenPage::Note::kNone};
}

Task<Result<service::OpenLink>> find_link(Site& site, const Call& call,
                                          const service::Visitor& visitor) {
  std::string sessions(call.request.header("X-Share-Session"));
  if (const std::string_view cookie = cookie_value(call); !cookie.empty()) {
    if (!sessions.empty()) sessions += '.';
    sessions += cookie;
  }
  co_return co_await site.deps.sharing.resolve(call.param(0), sessions, &visitor);
}

Task<Result<service::OpenLink>> entered_link(Site& site, const Call& call,
                                             const service::Visitor& visitor) {
  CARNET_CO_TRY(link, co_await find_link(site, call, visitor));
  CARNET_CO_TRY_VOID(service::Sharing::check_entered(link));
  co_return std::move(link);
}

Task<Answer> open_link(Site& site, Call& call) {
  const service::Visitor visitor = visitor_of(call);
  CARNET_CO_TRY(link, co_await site.deps.sharing.resolve(call.param(0), {}, &visitor));
  CARNET_CO_TRY(passcode, passcode_of(call));
  Result<service::OpenedLink> opened =
      co_await site.deps.sharing.open(link, std::move(passcode), visitor);
  if (!opened) {
    if (auto page = form_again(site, call, link, opened.error())) co_return std::move(*page);
    co_return tl::unexpected(std::move(opened).error());
  }
  Response response;
  if (call.media_type == "text/html") {
    response.status = 303;
    response.content_type.clear();
    response.headers.emplace_back("Location", "/r/" + call.param(0));
  } else {
    const boost::json::object body{{"session", opened->session},
                                   {"sessionExpiresAt", to_rfc3339(opened->session_until)},
                                   {"scope", link.share.scope},
                                   {"expiresAt", to_rfc3339(link.share.expires_at)},
                                   {"viewsLeft", or_null(opened->views_left)}};
    response = json_response(body);
  }
  const std::string sessions = service::join_sessions(opened->session, cookie_value(call));
  response.headers.emplace_back("Set-Cookie", cookie_of(site, call, sessions));
  co_return response;
}

}  // namespace carnet::api
