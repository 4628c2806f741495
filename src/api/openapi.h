#pragma once
// The interface described by itself: OpenAPI 3.1 from the route table and the problem table, with
// the schemas and parameters of openapi_components.json. Made once at the start.

#include <string>
#include <string_view>
#include <vector>

#include "web/pages.h"

namespace carnet::api {

struct DocsContext {
  std::string_view version, public_url;
};

[[nodiscard]] std::string make_openapi(const DocsContext& context);
[[nodiscard]] std::vector<web::DocsRoute> docs_routes();
[[nodiscard]] std::vector<web::DocsProblem> docs_problems();

}  // namespace carnet::api
