#include "api/pipeline.h"

#include <exception>

#include "api/authentication.h"
#include "api/problem.h"
#include "base/text.h"
#include "base/thrown.h"

namespace carnet::api {
namespace {

// ---- The list ----

// A gate that answers on the spot, or one that waits for the database. Exactly one is set.
struct Gate {
  Result<void> (*ready)(Site&, Call&) = nullptr;
  Task<Result<void>> (*waiting)(Site&, Call&) = nullptr;
  // Also asked before a large body is read, and so twice: takes nothing of what is counted.
  bool before_body = false;
};

Task<Result<void>> find_route(Site& site, Call& call);
Result<void> check_body(Site& site, Call& call);
Task<Result<void>> check_allowance(Site& site, Call& call);
Result<void> check_role(Site& site, Call& call);
Result<void> check_tenant_state(Site& site, Call& call);
Result<void> check_media_types(Site& site, Call& call);

// Before the first of these, run_pipeline() gives the request its id (everything after, errors
// included, is found again by it), starts the metrics (so that refused requests count too) and
// spreads the last-resort net for exceptions. The first gate that refuses ends the request.
constexpr std::array<Gate, 7> kGates = {
    // The route first: it says what all the others need. An unknown path is 404 for everybody,
    // without looking at keys.
    Gate{.waiting = find_route, .before_body = true},
    // What is too large is refused before anything is spent on it. The listener has already held to
    // the same number while
    // reading; here it is checked again because a body that came without a listener must not slip
    // through.
    Gate{.ready = check_body},
    // Who is asking. Before the rate limit, because the limit is the key's.
    Gate{.waiting = authenticate, .before_body = true},
    // Before the role: a key that hammers what it may not use is slowed down like any other.
    Gate{.waiting = check_allowance},
    // May this key do that.
    Gate{.ready = check_role, .before_body = true},
    // And may it be done to a tenant that is being closed or erased. Behind the role, so that a key
    // that may not do it anyway learns nothing else.
    Gate{.ready = check_tenant_state, .before_body = true},
    // Only now is the request worth reading: can we understand its body, and can the client
    // understand the answer?
    Gate{.ready = check_media_types},
};
// Then idempotency: it must see only requests that would be carried out, and nothing may stand
// between it and the handler.

// ---- Gates ----

tl::unexpected<Error> no_such_path() {
  return make_error(ErrorCode::kNotFound,
                    "There is nothing at this path; /docs lists what there is.");
}

tl::unexpected<Error> no_such_link() {
  return make_error(ErrorCode::kNotFound,
                    "This link does not work. Check that it was copied whole.");
}

Task<Result<void>> limit_address(Site& site, const Call& call, std::string_view what,
                                 int per_minute) {
  if (per_minute <= 0) co_return Result<void>{};
  std::string name = std::string(what) + ' ' + address_bucket(call.request.peer);
  CARNET_CO_TRY(verdict, co_await site.limits.take(std::move(name), Rate{per_minute}));
  if (verdict.allowed) co_return Result<void>{};
  Error error{.code = ErrorCode::kRateLimited,
              .public_detail = "There were too many requests from this address; wait a moment.",
              .internal = {},
              .fields = {},
              .retry_after_s = verdict.retry_after_s};
  co_return tl::unexpected(std::move(error));
}

Task<Result<void>> limit_visitor(Site& site, const Call& call) {
  return limit_address(site, call, "link", site.options.public_rate_per_minute);
}

Task<Result<void>> find_route(Site& site, Call& call) {
  call.match = site.router.find(call.request.method, call.request.path);
  if (call.match.route != nullptr) co_return Result<void>{};
  // Guessing at /r/ costs the guesser's allowance whatever is guessed, and learns nothing.
  if (call.link_path) CARNET_CO_TRY_VOID(co_await limit_visitor(site, call));
  if (call.match.malformed && !call.link_path)
    co_return make_error(ErrorCode::kMalformedRequest,
                         "The path has a bad escape, or an encoded slash or zero byte.");
  if (call.match.path_routes == nullptr) co_return call.link_path ? no_such_link() : no_such_path();
  co_return make_error(ErrorCode::kMethodNotAllowed,
                       fmt::format("This path takes {}.", Router::allow(*call.match.path_routes)));
}

Result<void> check_body(Site&, Call& call) {
  const std::size_t limit = std::max(call.route().body_bytes_max, kIgnoredBodyMax);
  if (call.request.body.size() <= limit) return {};
  return make_error(ErrorCode::kPayloadTooLarge,
                    fmt::format("The body may have at most {} bytes here.", limit));
}

Task<Result<void>> check_allowance(Site& site, Call& call) {
  if (call.route().access.kind() == Access::Kind::kLink)
    co_return co_await limit_visitor(site, call);
  if (call.route().access.kind() == Access::Kind::kVerify)
    co_return co_await limit_address(site, call, "verify", site.options.public_rate_per_minute);
  if (call.route().access.kind() == Access::Kind::kLog)
    co_return co_await limit_address(site, call, "log", site.options.log_rate_per_minute);
  if (call.actor.key.empty()) co_return Result<void>{};
  const Rate rate{call.rate_per_minute};
  CARNET_CO_TRY(verdict,
                co_await site.limits.take(call.actor.key.str(), rate, call.route().rate_cost));
  call.allowance = verdict;
  if (verdict.allowed) co_return Result<void>{};
  Error error{.code = ErrorCode::kRateLimited,
              .public_detail = fmt::format("This key may make {} requests a minute; wait {} s.",
                                           call.rate_per_minute, verdict.retry_after_s),
              .internal = {},
              .fields = {},
              .retry_after_s = verdict.retry_after_s};
  co_return tl::unexpected(std::move(error));
}

Result<void> check_role(Site&, Call& call) {
  const Access& access = call.route().access;
  if (access.kind() != Access::Kind::kTenant) return {};
  // Fails closed: a call that no key stands behind has no role at all.
  if (!call.actor.key.empty() && call.actor.role >= access.role()) return {};
  return make_error(
      ErrorCode::kForbidden,
      fmt::format("This needs a key with the role {}; this key has the role {}.",
                  store::to_string(access.role()), store::to_string(call.actor.role)));
}

bool is_among(std::string_view id, std::initializer_list<std::string_view> ids) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

// Closing: reading, and what ends it. Erasing: only what has nothing to do with what is erased, so
// that nobody sees half of it.
Result<void> check_tenant_state(Site&, Call& call) {
  const std::string_view id = call.route().operation_id;
  switch (call.actor.tenant_state) {
    case store::TenantState::kActive:
      return {};
    case store::TenantState::kClosing:
      if (call.route().method == Method::kGet ||
          is_among(id, {"tenant.offboard", "tenant.offboard_cancel"}))
        return {};
      return make_error(ErrorCode::kTenantClosing,
                        "This tenant is being closed: it can be read and exported, but not "
                        "changed; GET /tenant/offboard says until when, DELETE /tenant/offboard "
                        "cancels it.");
    case store::TenantState::kErasing:
      if (is_among(id, {"tenant.me", "settings.get", "authorized_targets.get", "tenant.removal",
                        "audit.list", "audit.verify", "audit.export"}))
        return {};
      return make_error(ErrorCode::kTenantClosing,
                        "This tenant's data is being erased, and none of it is shown until that is "
                        "done; GET /tenant/offboard says how far it is.");
  }
  return {};
}

bool is_one_of(std::string_view type, std::string_view list) {
  for (const std::string_view entry : split(list, ','))
    if (iequals_ascii(type, trim_ascii(entry))) return true;
  return false;
}

Result<void> check_media_types(Site&, Call& call) {
  const Route& route = call.route();
  if (!call.request.body.empty() && !route.request.empty()) {
    const std::string_view given = call.request.header("Content-Type");
    const std::vector<std::string_view> parts = split(given, ';');
    const std::string_view type = trim_ascii(parts[0]);
    const std::string_view taken = route.consumes.empty() ? "application/json" : route.consumes;
    bool good = is_one_of(type, taken) ||
                (route.form && iequals_ascii(type, "application/x-www-form-urlencoded"));
    for (std::size_t i = 1; i < parts.size(); ++i) {
      const std::string_view parameter = trim_ascii(parts[i]);
      if (to_lower_ascii(parameter).starts_with("charset="))
        good = good && (iequals_ascii(parameter.substr(8), "utf-8") ||
                        iequals_ascii(parameter.substr(8), "\"utf-8\""));
    }
    if (!good)
      return make_error(ErrorCode::kUnsupportedMediaType,
                        route.consumes.empty()
                            ? "Send the body as application/json in UTF-8."
                            : fmt::format("Send the body as one of {}.", route.consumes));
  }
  call.media_type = negotiate(call.request.header("Accept"), route.produces);
  if (call.media_type.empty())
    return make_error(ErrorCode::kNotAcceptable,
                      fmt::format("This path gives {}.", route.produces));
  return {};
}

// ---- Handler and idempotency ----

Task<Result<Response>> run_handler(Site& site, Call& call) {
  const Route& route = call.route();
  if (route.handle.ready() != nullptr) co_return route.handle.ready()(site, call);
  Result<Response> answer = co_await route.handle.waiting()(site, call);
  co_return answer;
}

bool may_be_retried(int status) { return status >= 500 || status == 429 || status == 408; }

Response kept_response(service::KeptAnswer kept) {
  Response response;
  response.status = kept.status;
  if (kept.status >= 400) response.content_type = "application/problem+json";
  response.body = std::move(kept.body);
  if (!kept.location.empty()) response.headers.emplace_back("Location", std::move(kept.location));
  response.headers.emplace_back("Idempotent-Replayed", "true");
  return response;
}

// Of the page where people hand in what they want verified: a browser shows no JSON.
bool is_verify_form(const Call& call) {
  std::string_view path = call.request.path;
  if (path.starts_with("/v1/")) path.remove_prefix(3);
  return path == "/verify" && call.request.method == Method::kPost;
}

Response problem_for(Site& site, const Call& call, const Error& error);

// One request of those that carry the same Idempotency-Key does the work; the others get its
// answer.
Task<Result<Response>> run_once(Site& site, Call& call) {
  const std::string key(call.request.header("Idempotency-Key"));
  const bool printable =
      std::all_of(key.begin(), key.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  if (key.empty() || key.size() > 255 || !printable ||
      call.request.header_count("Idempotency-Key") != 1)
    co_return make_error(
        ErrorCode::kMalformedRequest,
        "Idempotency-Key must be one header of 1 to 255 visible ASCII characters.");
  const TenantId tenant = call.actor.tenant;
  const std::string operation(call.route().operation_id);
  // Bound to the object as well: the same key for another scan is another request.
  std::string fingerprinted = call.match.params[0] + '\n' + std::string(call.request.body);
  CARNET_CO_TRY(
      kept, co_await site.deps.idempotency.begin(tenant, operation, key, std::move(fingerprinted)));
  if (kept) co_return kept_response(std::move(*kept));

  std::exception_ptr thrown;
  Result<Response> answer = make_internal("the handler threw");
  try {
    answer = co_await run_handler(site, call);
  } catch (...) {
    thrown = std::current_exception();
  }
  const int status = answer ? answer->status : problem_kind(answer.error().code).status;
  if (thrown || may_be_retried(status)) {
    co_await site.deps.idempotency.abandon(tenant, operation, key);
    if (thrown) std::rethrow_exception(thrown);
    co_return answer;
  }
  service::KeptAnswer record{.status = status, .body = {}, .location = {}};
  if (answer) {
    record.body = std::string(answer->bytes());
    for (const auto& [name, value] : answer->headers)
      if (name == "Location") record.location = value;
  } else {
    record.body = problem_body(
        answer.error(), {.public_url = site.options.public_url, .request_id = call.request_id});
  }
  const Result<void> finished =
      co_await site.deps.idempotency.finish(tenant, operation, key, std::move(record));
  // The work is done and committed; that its record could not be kept must not turn the answer into
  // a failure.
  if (!finished)
    site.deps.log.warn("idempotency_not_kept",
                       {{"request_id", call.request_id}, {"reason", finished.error().internal}});
  co_return answer;
}

// ---- Around it all ----

void give_request_id(Site& site, Call& call) {
  const std::string_view given = call.request.header("X-Request-Id");
  const bool good = given.size() >= 8 && given.size() <= 64 &&
                    std::all_of(given.begin(), given.end(), [](char c) {
                      return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                             (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-';
                    });
  call.request_id = good ? std::string(given) : site.request_ids.next();
  call.actor.request_id = call.request_id;
}

void log_failure(Site& site, const Call& call, const Error& error) {
  if (problem_kind(error.code).status < 500) return;
  const LogLevel level = error.code == ErrorCode::kInternal ? LogLevel::kError : LogLevel::kWarn;
  site.deps.log.write(
      level, "request_failed",
      {{"request_id", call.request_id},
       {"route", call.match.route == nullptr ? std::string_view("unmatched") : call.route().path},
       {"code", problem_kind(error.code).code},
       {"detail", error.public_detail},
       {"internal", error.internal}});
}

Response problem_for(Site& site, const Call& call, const Error& given) {
  log_failure(site, call, given);
  // Whoever found it missing, a link that does not exist is answered in one and the same words.
  const Error error =
      call.link_path && given.code == ErrorCode::kNotFound ? no_such_link().value() : given;
  site.metrics.problem(error.code);
  // The 404s of links must not differ in one byte, so they carry the request id in the header only.
  const bool anonymous = call.link_path && problem_kind(error.code).status == 404;
  const ProblemContext context{
      .public_url = site.options.public_url,
      .request_id = anonymous ? std::string_view{} : std::string_view(call.request_id)};
  Response response = problem_response(error, context);
  const bool browser =
      negotiate(call.request.header("Accept"), "application/json, text/html") == "text/html";
  if (browser && is_verify_form(call)) {
    response.content_type = "text/html; charset=utf-8";
    evidence::Verification nothing;
    nothing.summary = error.code == ErrorCode::kValidationFailed
                          ? "Nothing was handed in. Choose a file, or paste the text of a passport."
                          : error.public_detail;
    response.body = site.deps.pages.verify(&nothing);
  }
  if (browser && call.link_path) {
    response.content_type = "text/html; charset=utf-8";
    // Back to the link, where there is something to do there.
    const bool inside = error.code == ErrorCode::kShareScope ||
                        error.code == ErrorCode::kShareSessionNeeded ||
                        error.code == ErrorCode::kValidationFailed;
    const std::string back =
        inside && call.match.route != nullptr ? "/r/" + call.param(0) : std::string();
    response.body =
        site.deps.pages.link_problem(problem_kind(error.code).code, response.status, back);
  }
  if (error.code == ErrorCode::kMethodNotAllowed && call.match.path_routes != nullptr)
    response.headers.emplace_back("Allow", Router::allow(*call.match.path_routes));
  return response;
}

bool has_header(const Response& response, std::string_view name) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [name](const auto& header) { return header.first == name; });
}

void answer_conditionally(const Call& call, Response& response) {
  const bool read = call.request.method == Method::kGet || call.request.method == Method::kHead;
  if (!read || response.status != 200 || response.stream || call.match.route == nullptr ||
      !call.route().etag)
    return;
  std::string etag;
  for (const auto& [name, value] : response.headers)
    if (name == "ETag") etag = value;
  if (etag.empty()) {
    etag = etag_of(response.bytes());
    response.headers.emplace_back("ETag", etag);
  }
  const std::string_view known = call.request.header("If-None-Match");
  if (known.empty() || !etag_matches(known, etag)) return;
  response.status = 304;
  response.body.clear();
  response.shared_body.reset();
}

void add_cors(Site& site, const Call& call, Response& response) {
  const std::vector<std::string>& origins = site.options.cors_origins;
  if (origins.empty() || call.link_path) return;
  response.headers.emplace_back("Vary", "Origin");
  const std::string_view origin = call.request.header("Origin");
  if (origin.empty() || std::find(origins.begin(), origins.end(), origin) == origins.end()) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", std::string(origin));
  response.headers.emplace_back(
      "Access-Control-Expose-Headers",
      "ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, "
      "X-Request-Id");
}

// A preflight for an origin that is listed; nullopt: treat OPTIONS like any other method.
std::optional<Response> preflight(Site& site, const Call& call) {
  if (call.request.method != Method::kOptions || call.link_path ||
      site.options.cors_origins.empty())
    return std::nullopt;
  const Router::Match match = site.router.find(Method::kOptions, call.request.path);
  const auto& origins = site.options.cors_origins;
  const std::string_view origin = call.request.header("Origin");
  if (match.path_routes == nullptr ||
      call.request.header("Access-Control-Request-Method").empty() ||
      std::find(origins.begin(), origins.end(), origin) == origins.end())
    return std::nullopt;
  Response response;
  response.status = 204;
  response.content_type.clear();
  response.headers.emplace_back("Access-Control-Allow-Methods", Router::allow(*match.path_routes));
  response.headers.emplace_back(
      "Access-Control-Allow-Headers",
      "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, "
      "X-Api-Key, X-Request-Id");
  response.headers.emplace_back("Access-Control-Max-Age", "600");
  return response;
}

constexpr std::string_view kEverywhere = "X-Content-Type-Options: nosniff\r\n";
constexpr std::string_view kOnPages =
    "X-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; img-src "
    "'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
    "'none'\r\n";
constexpr std::string_view kOnLinks =
    "X-Content-Type-Options: nosniff\r\n"
    "Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; img-src "
    "'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors "
    "'none'\r\n"
    "Cache-Control: no-store\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Robots-Tag: noindex, nofollow, noarchive\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Cross-Origin-Resource-Policy: same-origin\r\n";

// RFC 6797. Not for "localhost", whose other services would be asked by https:// as well.
bool wants_strict_transport(const Site& site, const Call& call) {
  const std::string_view url = site.options.public_url;
  if (!call.request.https && !url.starts_with("https://")) return false;
  const std::string_view host = url.substr(std::min(url.size(), url.find("//") + 2));
  return host != "localhost" && !host.starts_with("localhost:");
}

// What every answer carries, good or bad.
void add_headers(Site& site, const Call& call, Response& response) {
  response.headers.emplace_back("X-Request-Id", call.request_id);
  if (wants_strict_transport(site, call))
    response.headers.emplace_back("Strict-Transport-Security", "max-age=31536000");
  const bool html = response.content_type.starts_with("text/html");
  response.fixed_headers = call.link_path ? kOnLinks : html ? kOnPages : kEverywhere;
  if (!call.link_path && !has_header(response, "Cache-Control")) {
    // Answers to keys may be kept by the client itself, which asks again with the ETag; never by a
    // cache between.
    const bool kept = has_header(response, "ETag");
    response.headers.emplace_back("Cache-Control", kept ? "private, no-cache" : "no-store");
  }
  if (call.allowance) {
    response.headers.emplace_back("RateLimit-Policy",
                                  fmt::format("\"key\";q={};w=60", call.rate_per_minute));
    response.headers.emplace_back(
        "RateLimit",
        fmt::format("\"key\";r={};t={}", call.allowance->remaining, call.allowance->reset_s));
  }
  if (call.key_in_query)
    response.headers.emplace_back("Warning",
                                  "299 - \"A key in the URL ends up in logs and histories; send "
                                  "it as Authorization: Bearer\"");
  add_cors(site, call, response);
}

void log_request(Site& site, const Call& call, int status, std::chrono::nanoseconds took) {
  if (!site.options.access_log) return;
  // What asks every few seconds whether we are alive is not worth a line at info.
  const bool probe = call.match.route != nullptr && call.route().tag == "service" && status < 400;
  const LogLevel level = probe ? LogLevel::kDebug : LogLevel::kInfo;
  if (!site.deps.log.enabled(level)) return;
  site.deps.log.write(
      level, "request",
      {{"request_id", call.request_id},
       {"method", to_string(call.request.method)},
       {"route", call.match.route == nullptr ? std::string_view("unmatched") : call.route().path},
       {"status", status},
       {"duration_ms", static_cast<double>(took.count()) / 1e6},
       {"tenant", call.actor.tenant.str()},
       {"key", call.actor.key.str()}});
}

// In flight from construction; counted and logged by finish().
class Measure {
 public:
  Measure(Site& site, const Call& call)
      : site_(site), call_(call), begin_(std::chrono::steady_clock::now()) {
    site_.metrics.begin();
  }
  Measure(const Measure&) = delete;
  Measure& operator=(const Measure&) = delete;
  void finish(int status) {
    const auto took = std::chrono::steady_clock::now() - begin_;
    site_.metrics.end(call_.match.route, status, took);
    log_request(site_, call_, status, took);
  }

 private:
  Site& site_;
  const Call& call_;
  std::chrono::steady_clock::time_point begin_;
};

Task<Result<void>> pass_gates(Site& site, Call& call, bool before_body) {
  for (const Gate& gate : kGates) {
    if (before_body && !gate.before_body) continue;
    Result<void> passed;
    if (gate.ready != nullptr)
      passed = gate.ready(site, call);
    else
      passed = co_await gate.waiting(site, call);
    if (!passed) co_return passed;
  }
  co_return Result<void>{};
}

}  // namespace

Task<Response> run_pipeline(Site& site, const Request& request) {
  Call call(request);
  call.link_path = is_link_path(request.path);
  give_request_id(site, call);
  Measure measure(site, call);
  Response response;
  try {
    if (auto early = preflight(site, call)) {
      response = std::move(*early);
    } else if (Result<void> passed = co_await pass_gates(site, call, false); !passed) {
      response = problem_for(site, call, passed.error());
    } else if (call.route().idempotent && request.header_count("Idempotency-Key") > 0) {
      Result<Response> answer = co_await run_once(site, call);
      response = answer ? std::move(*answer) : problem_for(site, call, answer.error());
    } else if (call.route().handle.ready() != nullptr) {
      Result<Response> answer = call.route().handle.ready()(site, call);
      response = answer ? std::move(*answer) : problem_for(site, call, answer.error());
    } else {
      Result<Response> answer = co_await call.route().handle.waiting()(site, call);
      response = answer ? std::move(*answer) : problem_for(site, call, answer.error());
    }
  } catch (...) {
    response = problem_for(site, call, thrown_error("handler"));
  }
  answer_conditionally(call, response);
  add_headers(site, call, response);
  measure.finish(response.status);
  co_return response;
}

Task<HeadVerdict> judge_head(Site& site, const Request& head) {
  Call call(head);
  call.link_path = is_link_path(head.path);
  give_request_id(site, call);
  Result<void> passed;
  try {
    if (preflight(site, call)) co_return HeadVerdict{};
    passed = co_await pass_gates(site, call, true);
  } catch (...) {
    passed = tl::unexpected(thrown_error("a gate"));
  }
  HeadVerdict verdict{.refused = {}, .known = call.actor.platform || !call.actor.key.empty()};
  if (passed) co_return verdict;
  Measure measure(site, call);
  verdict.refused = problem_for(site, call, passed.error());
  add_headers(site, call, *verdict.refused);
  measure.finish(verdict.refused->status);
  co_return verdict;
}

Response refuse_request(Site& site, const Request& head, const Error& error) {
  Call call(head);
  call.link_path = is_link_path(head.path.empty() ? head.target : head.path);
  give_request_id(site, call);
  Response response = problem_for(site, call, error);
  add_headers(site, call, response);
  site.metrics.refused(response.status);
  if (site.options.access_log)
    site.deps.log.info("refused", {{"request_id", call.request_id},
                                   {"status", response.status},
                                   {"code", problem_kind(error.code).code}});
  return response;
}

}  // namespace carnet::api
