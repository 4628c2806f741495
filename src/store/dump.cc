#include "store/dump.h"

#include <algorithm>
#include <set>

namespace carnet::store {

std::vector<DumpTable> in_order_of_reference(std::vector<DumpReferences> tables) {
  std::sort(tables.begin(), tables.end(),
            [](const auto& a, const auto& b) { return a.table.name < b.table.name; });
  std::vector<DumpTable> out;
  std::set<std::string> done;
  const auto ready = [&](const DumpReferences& entry) {
    return std::all_of(entry.parents.begin(), entry.parents.end(), [&](const std::string& name) {
      return name == entry.table.name || done.contains(name);
    });
  };
  while (!tables.empty()) {
    auto next = std::find_if(tables.begin(), tables.end(), ready);
    if (next == tables.end()) next = tables.begin();  // a circle; the database will say so
    done.insert(next->table.name);
    out.push_back(std::move(next->table));
    tables.erase(next);
  }
  return out;
}

}  // namespace carnet::store
