#include "web/docs.h"

#include <array>

namespace carnet::web {
namespace {

struct Group {
  std::string_view token, title, prefix;
};
// The first whose prefix fits; the last takes the rest.
constexpr std::array<Group, 5> kGroups = {{{"scanning", "Scanning", "/pqc/"},
                                           {"tenant", "Tenant and sharing", "/tenant"},
                                           {"links", "For visitors of a link", "/r/"},
                                           {"admin", "Platform administration", "/admin"},
                                           {"service", "Service", ""}}};

std::size_t group_of(std::string_view path) {
  std::size_t index = 0;
  while (!path.starts_with(kGroups[index].prefix)) ++index;
  return index;
}

}  // namespace

void fill_docs(Filler page, const std::vector<DocsRoute>& routes,
               const std::vector<DocsProblem>& problems) {
  std::array<std::vector<const DocsRoute*>, kGroups.size()> grouped;
  for (const DocsRoute& route : routes) grouped[group_of(route.path)].push_back(&route);
  for (std::size_t i = 0; i < kGroups.size(); ++i) {
    if (grouped[i].empty()) continue;
    Filler group = page.section("GROUP");
    group.set("TOKEN", kGroups[i].token);
    group.set("TITLE", kGroups[i].title);
    for (const DocsRoute* route : grouped[i]) {
      Filler row = group.section("ROUTE");
      row.set("OPERATION", route->operation_id);
      row.set("METHOD", route->method);
      row.set("PATH", route->path);
      row.set("SUMMARY", route->summary);
      row.set("ROLE", route->role);
    }
  }
  for (const DocsProblem& problem : problems) {
    Filler entry = page.section("PROBLEM");
    entry.set("CODE", problem.code);
    entry.set("STATUS", problem.status);
    entry.set("TITLE", problem.title);
    entry.set("MEANING", problem.meaning);
  }
}

}  // namespace carnet::web
