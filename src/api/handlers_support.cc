#include <boost/json.hpp>

#include "api/handlers.h"

namespace carnet::api {

Result<ListRequest> list_request(const Site& site, const Call& call, std::string_view filter,
                                 int limit_max, int limit_default) {
  ListRequest list;
  CARNET_TRY(limit, query_integer(call.request, "limit", 1, limit_max, limit_default));
  list.limit = limit;
  list.scope = fmt::format("{}\n{}\n{}\n{}", call.actor.tenant.str(), call.route().operation_id,
                           call.match.params[0], filter);
  if (const auto cursor = call.request.query_value("cursor"); cursor && !cursor->empty()) {
    CARNET_TRY(place, site.cursors.decode(list.scope, *cursor));
    list.place = std::move(place);
  }
  return list;
}

store::Page page_of(const ListRequest& list) {
  return {.before = list.place, .limit = list.limit + 1};
}

namespace {

// The same query with another cursor.
std::string next_link(const Site& site, const Call& call, const std::string& cursor) {
  std::string query;
  std::string_view rest = call.request.query;
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view part = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    // A key in the query must not travel on in a link; a quote or bracket must not end the header's
    // URI early.
    const auto key = percent_decode(part.substr(0, part.find('=')), true);
    const bool drop = !key || key->empty() || *key == "cursor" || *key == "api_key" ||
                      part.find_first_of("<>\"\\") != std::string_view::npos;
    if (!drop) query.append(part).append("&");
  }
  return fmt::format("<{}{}?{}cursor={}>; rel=\"next\"", site.options.public_url, call.request.path,
                     query, cursor);
}

}  // namespace

Response list_response(const Site& site, const Call& call, const ListRequest& list,
                       std::string_view name, boost::json::array items,
                       const std::string& next_place, boost::json::object beside) {
  const bool more = !next_place.empty();
  const std::string cursor = more ? site.cursors.encode(list.scope, next_place) : std::string();
  boost::json::object body = std::move(beside);
  body["count"] = items.size();
  body[boost::json::string_view(name.data(), name.size())] = std::move(items);
  body["nextCursor"] = more ? boost::json::value(cursor) : boost::json::value(nullptr);
  body["hasMore"] = more;
  Response response = json_response(body);
  if (more) response.headers.emplace_back("Link", next_link(site, call, cursor));
  return response;
}

Result<void> check_if_match(const Call& call, const Response& current) {
  const std::string_view wanted = call.request.header("If-Match");
  if (wanted.empty() || etag_matches(wanted, etag_of(current.bytes()))) return {};
  return make_error(ErrorCode::kPreconditionFailed,
                    "This was changed since you read it; read it again and repeat your change.");
}

Result<service::ArtifactFormat> format_param(const Call& call) {
  const std::string text = call.request.query_value("format").value_or("json");
  const auto format = service::parse_format(text);
  if (format) return *format;
  return query_error("format", "not_one_of", "must be one of json, csv, pdf, cbom, sarif, bundle");
}

Result<void> check_accepts(const Call& call, const service::Artifact& artifact) {
  if (!negotiate(call.request.header("Accept"), artifact.content_type).empty()) return {};
  return make_error(ErrorCode::kNotAcceptable,
                    fmt::format("This format is {}.", artifact.content_type));
}

}  // namespace carnet::api
