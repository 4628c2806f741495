#include "api/openapi.h"

#include <boost/json.hpp>

#include "api/embedded.h"
#include "api/problem.h"
#include "api/routes.h"
#include "base/check.h"
#include "base/json.h"
#include "base/text.h"

namespace carnet::api {
namespace {

namespace bj = boost::json;

bj::object reference(std::string_view kind, std::string_view name) {
  return {{"$ref", fmt::format("#/components/{}/{}", kind, name)}};
}

bj::object header_references(std::initializer_list<std::string_view> names) {
  bj::object headers;
  for (const std::string_view name : names) headers.emplace(name, reference("headers", name));
  return headers;
}

// What may go wrong on a route, from what it takes and who may call it.
std::vector<int> error_statuses(const Route& route) {
  std::vector<int> out{400};
  const Access::Kind kind = route.access.kind();
  const bool keyed = kind == Access::Kind::kTenant || kind == Access::Kind::kPlatform ||
                     kind == Access::Kind::kPlatformOrLoopback;
  if (keyed) out.insert(out.end(), {401, 403});
  if (kind == Access::Kind::kLink && route.operation_id != "link.overview")
    out.insert(out.end(), {401, 403});
  if (route.operation_id == "transparency.cosign") out.push_back(403);
  if (route.path.find('{') != std::string_view::npos ||
      route.operation_id == "transparency.inclusion")
    out.push_back(404);
  out.push_back(406);
  if (route.method != Method::kGet) out.push_back(409);
  if (route.method == Method::kPut || route.method == Method::kPatch) out.push_back(412);
  if (!route.request.empty()) out.insert(out.end(), {413, 415});
  if (route.query.find("format") != std::string_view::npos || route.operation_id == "link.passport")
    out.push_back(416);
  if (!route.request.empty() || !route.query.empty()) out.push_back(422);
  if (route.needs_if_match) out.push_back(428);
  out.insert(out.end(), {429, 500, 503});
  return out;
}

std::string_view response_name(int status) {
  switch (status) {
    case 400:
      return "MalformedRequest";
    case 401:
      return "Unauthenticated";
    case 403:
      return "Forbidden";
    case 404:
      return "NotFound";
    case 406:
      return "NotAcceptable";
    case 409:
      return "Conflict";
    case 412:
      return "PreconditionFailed";
    case 413:
      return "PayloadTooLarge";
    case 415:
      return "UnsupportedMediaType";
    case 416:
      return "RangeNotSatisfiable";
    case 422:
      return "ValidationFailed";
    case 428:
      return "PreconditionRequired";
    case 429:
      return "RateLimited";
    case 500:
      return "Internal";
    case 503:
      return "Unavailable";
    default:
      return "";
  }
}

// A part of a file, and the way back to the page after its form.
void add_other_responses(bj::object& out) {
  bj::object part_headers =
      header_references({"X-Request-Id", "ETag", "Content-Range", "Repr-Digest", "RateLimit",
                         "RateLimit-Policy", "Access-Control-Allow-Origin"});
  bj::object content;
  content.emplace("*/*", bj::object{{"schema", bj::object{{"type", "string"},
                                                          {"maxLength", 16777216},
                                                          {"pattern", "^[\\s\\S]*$"}}}});
  out.emplace("PartialContent", bj::object{{"description", "The part that Range asks for."},
                                           {"headers", std::move(part_headers)},
                                           {"content", std::move(content)}});
  bj::object form_headers =
      header_references({"X-Request-Id", "Location", "Set-Cookie", "Access-Control-Allow-Origin"});
  out.emplace("SeeOther", bj::object{{"description", "For browsers: opened, go back to the link."},
                                     {"headers", std::move(form_headers)}});
}

bj::object error_responses() {
  bj::object out;
  for (const int status :
       {400, 401, 403, 404, 406, 409, 412, 413, 415, 416, 422, 428, 429, 500, 503}) {
    std::string description;
    for (const ErrorCode code : all_error_codes()) {
      const ProblemKind kind = problem_kind(code);
      if (kind.status == status)
        description +=
            fmt::format("{}`{}`: {}", description.empty() ? "" : " ", kind.code, kind.meaning);
    }
    bj::object headers = header_references(
        {"X-Request-Id", "RateLimit", "RateLimit-Policy", "Access-Control-Allow-Origin"});
    if (status == 429 || status == 503)
      headers.emplace("Retry-After", reference("headers", "Retry-After"));
    if (status == 401)
      headers.emplace("WWW-Authenticate", reference("headers", "WWW-Authenticate"));
    bj::object media{{"schema", reference("schemas", "Problem")}};
    bj::object content;
    content.emplace("application/problem+json", std::move(media));
    bj::object response{{"description", description},
                        {"headers", std::move(headers)},
                        {"content", std::move(content)}};
    out.emplace(response_name(status), std::move(response));
  }
  add_other_responses(out);
  return out;
}

bj::object success_response(const Route& route) {
  bj::object headers = header_references(
      {"X-Request-Id", "RateLimit", "RateLimit-Policy", "Access-Control-Allow-Origin"});
  if (route.etag) headers.emplace("ETag", reference("headers", "ETag"));
  if (route.success == 201 || route.success == 202)
    headers.emplace("Location", reference("headers", "Location"));
  if (route.form) headers.emplace("Set-Cookie", reference("headers", "Set-Cookie"));
  if (route.query.find("format") != std::string_view::npos)
    for (const std::string_view name : {"Accept-Ranges", "Content-Disposition", "Repr-Digest"})
      headers.emplace(name, reference("headers", name));
  if (route.query.find("cursor") != std::string_view::npos)
    headers.emplace("Link", reference("headers", "Link"));
  bj::object content;
  for (const std::string_view item : split(route.produces, ',')) {
    const std::string_view type = trim_ascii(item);
    bj::object media;
    if (type == "application/json" && !route.response.empty()) {
      media.emplace("schema", reference("schemas", route.response));
    } else {
      media.emplace(
          "schema",
          bj::object{{"type", "string"}, {"maxLength", 16777216}, {"pattern", "^[\\s\\S]*$"}});
    }
    content.emplace(type, std::move(media));
  }
  return {{"description", route.summary},
          {"headers", std::move(headers)},
          {"content", std::move(content)}};
}

bj::array parameters_of(const Route& route) {
  bj::array out;
  for (const std::string_view segment : split(route.path, '/'))
    if (segment.starts_with('{'))
      out.push_back(reference("parameters", segment.substr(1, segment.size() - 2)));
  if (!route.query.empty())
    for (const std::string_view name : split(route.query, ','))
      out.push_back(reference("parameters", name));
  if (route.idempotent) out.push_back(reference("parameters", "idempotency_key"));
  if (route.etag) out.push_back(reference("parameters", "if_none_match"));
  return out;
}

bj::array security_of(const Route& route) {
  switch (route.access.kind()) {
    case Access::Kind::kPublic:
    case Access::Kind::kVerify:
    case Access::Kind::kLog:
    case Access::Kind::kLink:
      return {};
    case Access::Kind::kTenant:
      return {bj::object{{"key", bj::array{}}}, bj::object{{"keyHeader", bj::array{}}}};
    case Access::Kind::kPlatformOrLoopback:
      return {bj::object{{"metricsKey", bj::array{}}}};
    case Access::Kind::kPlatform:
      return {bj::object{{"platformKey", bj::array{}}},
              bj::object{{"platformKeyHeader", bj::array{}}}};
  }
  return {};
}

bj::object operation(const Route& route) {
  bj::object out{{"operationId", route.operation_id},
                 {"summary", route.summary},
                 {"description", fmt::format("Role: {}.{}", route.access.word(),
                                             route.idempotent ? " Takes Idempotency-Key." : "")},
                 {"tags", bj::array{bj::value(route.tag)}},
                 {"x-role", route.access.word()},
                 {"security", security_of(route)}};
  bj::array parameters = parameters_of(route);
  if (!parameters.empty()) out.emplace("parameters", std::move(parameters));
  if (!route.request.empty()) {
    bj::object content;
    for (const std::string_view type :
         split(route.consumes.empty() ? std::string_view("application/json") : route.consumes, ','))
      content.emplace(trim_ascii(type),
                      bj::object{{"schema", reference("schemas", route.request)}});
    if (route.form)
      content.emplace("application/x-www-form-urlencoded",
                      bj::object{{"schema", reference("schemas", route.request)}});
    // Where every member is optional, so is the body.
    const bool optional = route.request == "NewShare" || route.request == "OpenLink";
    out.emplace("requestBody",
                bj::object{{"required", !optional}, {"content", std::move(content)}});
  }
  bj::object responses;
  responses.emplace(std::to_string(route.success), success_response(route));
  if (route.etag) {
    bj::object headers = header_references(
        {"X-Request-Id", "RateLimit", "RateLimit-Policy", "ETag", "Access-Control-Allow-Origin"});
    responses.emplace("304", bj::object{{"description", "Nothing changed since that ETag."},
                                        {"headers", std::move(headers)}});
  }
  if (route.query.find("format") != std::string_view::npos || route.operation_id == "link.passport")
    responses.emplace("206", reference("responses", "PartialContent"));
  if (route.form) responses.emplace("303", reference("responses", "SeeOther"));
  for (const int status : error_statuses(route))
    responses.emplace(std::to_string(status), reference("responses", response_name(status)));
  out.emplace("responses", std::move(responses));
  return out;
}

bj::object security_schemes() {
  return {
      {"key",
       {{"type", "http"},
        {"scheme", "bearer"},
        {"bearerFormat", "cnt_k_ and 48 characters of base62"},
        {"description",
         "An API key of a tenant. Also taken as the query parameter api_key, as a last resort."}}},
      {"keyHeader",
       {{"type", "apiKey"},
        {"in", "header"},
        {"name", "x-api-key"},
        {"description", "The same key in its own header."}}},
      {"platformKey",
       {{"type", "http"},
        {"scheme", "bearer"},
        {"bearerFormat", "as in the server's admin.key"},
        {"description", "The platform's own key."}}},
      {"metricsKey",
       {{"type", "http"},
        {"scheme", "bearer"},
        {"bearerFormat", "as in the server's admin.key"},
        {"description", "The platform's own key; not needed from loopback."}}},
      {"platformKeyHeader",
       {{"type", "apiKey"},
        {"in", "header"},
        {"name", "x-admin-key"},
        {"description", "The platform's own key in its own header."}}}};
}

bj::array tags() {
  constexpr std::pair<std::string_view, std::string_view> kTags[] = {
      {"service", "Whether it runs"},
      {"docs", "About this interface"},
      {"admin", "Tenants and keys, for the platform's operator"},
      {"tenant", "The tenant itself"},
      {"scans", "Scans and what they found"},
      {"reports", "Files to take away"},
      {"remediation", "The backlog as work, and in which order to do it"},
      {"schedules", "Scans at their time"},
      {"drift", "What changed from scan to scan"},
      {"portfolio", "Tenants that agreed that one sees the other"},
      {"alerts", "What needs a person"},
      {"webhooks", "Who is told of what happens, and what became of telling them"},
      {"knowledge", "What the judgement rests on"},
      {"shares", "Share links, for their owner"},
      {"links", "Share links, for their visitor"},
      {"verification", "Whether a document is genuine"},
      {"transparency", "The log of what was signed, for monitors and witnesses"},
  };
  bj::array out;
  for (const auto& [name, description] : kTags)
    out.push_back({{"name", name}, {"description", description}});
  return out;
}

bj::object info(const DocsContext& context) {
  return {{"title", "Carnet"},
          {"version", context.version},
          {"summary",
           "Quantum-readiness of real endpoints, handed to an outsider by an expiring link."},
          {"description",
           "Every path also answers under /v1, and every GET also as HEAD. Errors are "
           "application/problem+json. Times are "
           "RFC 3339 in UTC; ids are opaque."},
          {"contact",
           {{"name", "The operator of this server"},
            {"url", fmt::format("{}/docs", context.public_url)}}},
          {"license", {{"name", "Apache-2.0"}, {"identifier", "Apache-2.0"}}}};
}

}  // namespace

std::string make_openapi(const DocsContext& context) {
  auto components = json::parse(embedded::openapi_components_json());
  CARNET_CHECK(components && components->is_object());
  bj::object& parts = components->get_object();
  parts.emplace("securitySchemes", security_schemes());
  parts.emplace("responses", error_responses());
  bj::object paths;
  for (const Route& route : all_routes()) {
    bj::value& path = paths[route.path];
    if (!path.is_object()) path = bj::object{};
    path.get_object().emplace(to_lower_ascii(to_string(route.method)), operation(route));
  }
  bj::object document;
  document.emplace("openapi", "3.1.0");
  document.emplace("info", info(context));
  document.emplace("servers", bj::array{bj::object{{"url", context.public_url},
                                                   {"description", "This server (production)"},
                                                   {"x-internal", false}}});
  document.emplace("tags", tags());
  document.emplace("paths", std::move(paths));
  document.emplace("components", std::move(*components));
  return json::write(document);
}

std::vector<web::DocsRoute> docs_routes() {
  std::vector<web::DocsRoute> out;
  for (const Route& route : all_routes())
    out.push_back({.method = std::string(to_string(route.method)),
                   .path = std::string(route.path),
                   .operation_id = std::string(route.operation_id),
                   .role = std::string(route.access.word()),
                   .summary = std::string(route.summary)});
  return out;
}

std::vector<web::DocsProblem> docs_problems() {
  std::vector<web::DocsProblem> out;
  for (const ErrorCode code : all_error_codes()) {
    const ProblemKind kind = problem_kind(code);
    out.push_back({.code = std::string(kind.code),
                   .title = std::string(kind.title),
                   .meaning = std::string(kind.meaning),
                   .status = kind.status});
  }
  return out;
}

}  // namespace carnet::api
