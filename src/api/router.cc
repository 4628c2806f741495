#include "api/routes.h"
#include "base/check.h"

namespace carnet::api {

struct Router::Node {
  std::vector<std::pair<std::string_view, std::unique_ptr<Node>>> children;  // literal segments
  std::unique_ptr<Node> any;                                                 // {parameter}
  bool takes_rest = false;                                                   // {…_path}
  std::vector<const Route*> routes;

  Node& child(std::string_view segment) {
    if (segment.starts_with('{')) {
      if (!any) any = std::make_unique<Node>();
      any->takes_rest = segment.ends_with("_path}");
      return *any;
    }
    for (auto& [name, node] : children)
      if (name == segment) return *node;
    return *children.emplace_back(segment, std::make_unique<Node>()).second;
  }
};

std::string_view Access::word() const {
  switch (kind_) {
    case Kind::kPublic:
    case Kind::kVerify:
    case Kind::kLog:
      return "public";
    case Kind::kLink:
      return "link";
    case Kind::kTenant:
      return store::to_string(role_);
    case Kind::kPlatform:
      return "platform";
    case Kind::kPlatformOrLoopback:
      return "platform or loopback";
  }
  return "";
}

Router::Router(std::span<const Route> routes) : root_(std::make_unique<Node>()) {
  for (const Route& route : routes) {
    Node* node = root_.get();
    std::string_view rest = route.path;
    CARNET_CHECK(rest.starts_with('/'));
    while (!rest.empty()) {
      rest.remove_prefix(1);
      const std::size_t slash = std::min(rest.find('/'), rest.size());
      node = &node->child(rest.substr(0, slash));
      rest.remove_prefix(slash);
    }
    node->routes.push_back(&route);
  }
}

Router::~Router() = default;

Router::Match Router::find(Method method, std::string_view path) const {
  Match match;
  if (path.starts_with("/v1/")) path.remove_prefix(3);
  if (!path.starts_with('/')) return match;
  const Node* node = root_.get();
  std::size_t params = 0;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view raw = path.substr(0, slash);
    path.remove_prefix(slash);
    std::string decoded;
    std::string_view segment = raw;
    if (raw.find('%') != std::string_view::npos) {
      auto text = percent_decode(raw);
      if (!text || text->find('/') != std::string::npos || text->find('\0') != std::string::npos) {
        match.malformed = true;
        return match;
      }
      decoded = std::move(*text);
      segment = decoded;
    }
    const Node* next = nullptr;
    for (const auto& [name, child] : node->children)
      if (name == segment) next = child.get();
    if (next == nullptr && node->any && !segment.empty()) {
      next = node->any.get();
      CARNET_CHECK(params < kParamsMax);
      match.params[params] = segment;
      if (next->takes_rest) match.params[params] += std::exchange(path, {});
      ++params;
    }
    if (next == nullptr) return match;
    node = next;
  }
  if (node->routes.empty()) return match;
  match.path_routes = &node->routes;
  const Method wanted = method == Method::kHead ? Method::kGet : method;
  for (const Route* route : node->routes)
    if (route->method == wanted) match.route = route;
  return match;
}

std::string Router::allow(const std::vector<const Route*>& path_routes) {
  std::string out;
  for (const Route* route : path_routes) {
    if (!out.empty()) out += ", ";
    out += to_string(route->method);
    if (route->method == Method::kGet) out += ", HEAD";
  }
  return out;
}

bool is_link_path(std::string_view path) {
  if (path.starts_with("/v1/")) path.remove_prefix(3);
  return path == "/r" || path.starts_with("/r/");
}

}  // namespace carnet::api
