// The page behind a link: what was not reached, and published rules. See overview.h.

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "web/overview.h"
#include "web/words.h"

namespace carnet::web {
namespace {

using inventory::Asset;

// Bounds that keep the first view under 100 KiB whatever the scan held; the downloads have
// everything.
constexpr std::size_t kUnreachedMax = 24;
constexpr std::size_t kFrameworksMax = 16;
constexpr std::size_t kRequirementsMax = 12;
constexpr std::size_t kDecidersMax = 3;

void fill_unreached(Filler page, const inventory::ScanDocument& document) {
  std::vector<const inventory::Endpoint*> missing;
  for (const inventory::Endpoint& endpoint : document.endpoints) {
    if (!endpoint.reached) missing.push_back(&endpoint);
  }
  if (missing.empty()) return;
  Filler section = page.section("UNREACHED");
  section.set("COUNT", counted(static_cast<long long>(missing.size()), "endpoint", "endpoints"));
  const std::size_t shown = std::min(missing.size(), kUnreachedMax);
  for (std::size_t i = 0; i < shown; ++i) {
    Filler one = section.section("ENDPOINT");
    one.set("WHERE", host_port(missing[i]->host, missing[i]->port));
    one.set("REASON", missing[i]->unreached_reason);
  }
  if (shown < missing.size()) {
    section.section("MORE").set(
        "TEXT", fmt::format("And {} more; the downloads have them all.", missing.size() - shown));
  }
}

using AssetIndex = std::unordered_map<std::string_view, const Asset*>;

// "a.example:443, b.example:22 and 4 more"
std::string deciders(const inventory::FrameworkRequirement& requirement, const AssetIndex& by_id) {
  std::vector<std::string> places;
  for (const std::string& id : requirement.asset_ids) {
    const auto found = by_id.find(id);
    if (found == by_id.end()) continue;
    std::string place = host_port(found->second->host, found->second->port);
    if (std::find(places.begin(), places.end(), place) == places.end())
      places.push_back(std::move(place));
  }
  std::string text;
  for (std::size_t i = 0; i < std::min(places.size(), kDecidersMax); ++i)
    text += (i == 0 ? "" : ", ") + places[i];
  if (places.size() > kDecidersMax)
    text += fmt::format(" and {} more", places.size() - kDecidersMax);
  return text;
}

void fill_requirement(Filler row, const inventory::FrameworkRequirement& requirement,
                      const AssetIndex& by_id) {
  const Label label = framework_label(requirement.result);
  row.set("TOKEN", label.token);
  row.set("RESULT", label.text);
  row.set("TEXT", requirement.text);
  if (!requirement.date.empty()) row.section("DATE").set("DAY", long_day(requirement.date));
  const std::string decided = deciders(requirement, by_id);
  if (!decided.empty()) row.section("DECIDED").set("TEXT", decided);
  const std::string host = url_host(requirement.source);
  if (!host.empty()) {
    Filler link = row.section("LINK");
    link.set("URL", requirement.source);
    link.set("HOST", host);
  } else if (!requirement.source.empty()) {
    row.section("SOURCE").set("TEXT", requirement.source);
  }
}

void fill_frameworks(Filler page, const inventory::Judgement& judgement) {
  if (judgement.frameworks.empty()) return;
  AssetIndex by_id;
  for (const Asset& asset : judgement.assets) by_id.emplace(asset.id, &asset);
  Filler section = page.section("FRAMEWORKS");
  const std::size_t shown = std::min(judgement.frameworks.size(), kFrameworksMax);
  for (std::size_t i = 0; i < shown; ++i) {
    const inventory::FrameworkResult& framework = judgement.frameworks[i];
    const Label label = framework_label(framework.result);
    const bool has_rules = !framework.requirements.empty();
    Filler one = section.section("FRAMEWORK").section(has_rules ? "RULES" : "NO_RULES");
    one.set("NAME", framework.name);
    one.set("TOKEN", label.token);
    one.set("RESULT", label.text);
    const std::size_t rows = std::min(framework.requirements.size(), kRequirementsMax);
    for (std::size_t r = 0; r < rows; ++r) {
      fill_requirement(one.section("REQUIREMENT"), framework.requirements[r], by_id);
    }
  }
}

}  // namespace

void fill_findings(Filler page, const inventory::ScanDocument& document) {
  fill_unreached(page, document);
  fill_frameworks(page, document.judgement);
}

}  // namespace carnet::web
