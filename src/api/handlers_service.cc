// The service itself: liveness, readiness, metrics, documents about the interface, static files.

#include "api/handlers.h"
#include "service/alerts.h"
#include "service/governance.h"
#include "service/retention.h"
#include "service/scheduler.h"
#include "service/webhooks.h"

namespace carnet::api {
namespace {

Response text_response(std::string body, std::string content_type = "text/plain; charset=utf-8") {
  Response response;
  response.content_type = std::move(content_type);
  response.body = std::move(body);
  return response;
}

// security.txt must name an expiry (RFC 9116 section 2.5.5); a running server vouches for half a
// year from its start.
constexpr std::chrono::hours kSecurityTxtLife{24 * 180};

}  // namespace

Answer get_health(Site&, Call&) {
  Response response;
  response.body = R"({"status":"success"})";
  return response;
}

Answer get_readiness(Site& site, Call&) {
  if (site.draining.load(std::memory_order_relaxed))
    return make_error(ErrorCode::kUnavailable, "The server is stopping.");
  if (!site.deps.db.persistent())
    return make_error(ErrorCode::kPersistenceOff,
                      "The server runs without a database (--database none).");
  if (!site.deps.db.healthy())
    return make_error(ErrorCode::kUnavailable, "The database cannot be used.");
  Response response;
  response.body = R"({"status":"success"})";
  return response;
}

Answer get_metrics(Site& site, Call&) {
  const ApiDependencies& deps = site.deps;
  const std::string database = deps.db.description();
  const Metrics::Gauges gauges{
      .version = site.options.version,
      .database = database,
      .connections = site.connection_counts ? site.connection_counts() : Server::Counts{},
      .database_healthy = deps.db.healthy(),
      .draining = site.draining.load(std::memory_order_relaxed),
      .scans_running = deps.worker == nullptr ? 0 : deps.worker->running(),
      .rate_limit_names = site.limits.names(),
      .started = site.started,
      .now = deps.clock.now()};
  MetricText others;
  deps.db.report(others);
  deps.sharing.report(others);
  if (deps.worker != nullptr) deps.worker->report(others);
  if (deps.uploads != nullptr) deps.uploads->report(others);
  if (deps.verification != nullptr) deps.verification->report(others);
  if (deps.transparency != nullptr) deps.transparency->report(others);
  if (deps.alerts != nullptr) deps.alerts->report(others);
  if (deps.governance != nullptr) deps.governance->report(others);
  if (deps.scheduler != nullptr) deps.scheduler->report(others);
  if (deps.webhooks != nullptr) deps.webhooks->report(others);
  if (deps.retention != nullptr) deps.retention->report(others);
  return text_response(site.metrics.text(gauges, others),
                       "text/plain; version=0.0.4; charset=utf-8");
}

Answer get_openapi(Site& site, Call&) { return text_response(site.openapi, "application/json"); }

Answer get_docs(Site& site, Call&) {
  return text_response(site.docs_page, "text/html; charset=utf-8");
}

Answer get_robots(Site&, Call&) {
  return text_response("User-agent: *\nDisallow: /r/\nDisallow: /v1/r/\n");
}

Answer get_security_txt(Site& site, Call&) {
  const std::string contact = site.options.security_contact.empty()
                                  ? site.options.public_url + "/docs"
                                  : site.options.security_contact;
  const Timestamp expires = std::chrono::floor<std::chrono::days>(site.started + kSecurityTxtLife);
  return text_response(
      fmt::format("Contact: {}\nExpires: {}\nCanonical: {}/.well-known/security.txt\n", contact,
                  to_rfc3339(expires), site.options.public_url));
}

Answer get_asset(Site& site, Call& call) {
  const auto file = site.deps.pages.asset(call.param(0));
  if (!file) return make_error(ErrorCode::kNotFound, "There is no such file.");
  Response response = text_response(std::string(file->bytes), std::string(file->content_type));
  response.headers.emplace_back("ETag", '"' + file->etag + '"');
  // The pages ask for "?v=" and the beginning of the ETag; that address never means other bytes.
  const std::string_view version =
      call.request.query.starts_with("v=") ? call.request.query.substr(2) : std::string_view{};
  const bool versioned = version.size() >= 8 && file->etag.starts_with(version);
  response.headers.emplace_back(
      "Cache-Control", versioned ? "public, max-age=31536000, immutable" : "public, no-cache");
  return response;
}

}  // namespace carnet::api
