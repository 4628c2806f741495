#include "assess/configuration.h"

#include <algorithm>

#include <boost/json.hpp>

#include "assess/backlog.h"
#include "assess/embedded.h"
#include "base/check.h"
#include "base/json.h"
#include "inventory/json_read.h"

namespace carnet::assess {
namespace {

namespace bj = boost::json;

constexpr std::size_t kRowsMax = 200;
// Where an item names no hybrid group, as for an old protocol.
constexpr std::string_view kUsualGroup = "X25519MLKEM768";

void fill_group(std::string& text, std::string_view group) {
  constexpr std::string_view kMark = "{group}";
  for (std::size_t at = text.find(kMark); at != std::string::npos;
       at = text.find(kMark, at + group.size()))
    text.replace(at, kMark.size(), group);
}

}  // namespace

Result<std::vector<Configuration>> parse_configurations(std::string_view text) {
  CARNET_TRY(value, json::parse(text));
  const bj::object* root = value.if_object();
  const bj::value* rows = root == nullptr ? nullptr : root->if_contains("configurations");
  if (rows == nullptr || !rows->is_array() || rows->get_array().size() > kRowsMax)
    return make_internal("configurations: not a list of at most 200 rows");
  std::vector<Configuration> out;
  for (const bj::value& row : rows->get_array()) {
    if (!row.is_object()) return make_internal("configurations: a row is no object");
    const bj::object& from = row.get_object();
    inventory::JsonReader reader(kRowsMax);
    Configuration one;
    one.software = reader.text(from, "software");
    one.since = reader.text(from, "since");
    one.needs = reader.text(from, "needs");
    one.where = reader.text(from, "where");
    std::string snippet;
    for (const std::string& line : reader.texts(from, "lines")) snippet += line + "\n";
    one.snippet = std::move(snippet);
    one.check = reader.text(from, "check");
    one.source = reader.text(from, "source");
    one.causes = reader.texts(from, "causes");
    const bool whole = !one.software.empty() && !one.since.empty() && !one.snippet.empty() &&
                       !one.check.empty() && !one.causes.empty() &&
                       one.source.starts_with("https://");
    if (!whole) return make_internal("configurations: a row lacks something: " + one.software);
    out.push_back(std::move(one));
  }
  return out;
}

const std::vector<Configuration>& builtin_configurations() {
  static const std::vector<Configuration> rows = [] {
    auto parsed = parse_configurations(embedded::configurations_json());
    CARNET_CHECK(parsed.has_value());  // compiled in and read by a test
    return std::move(*parsed);
  }();
  return rows;
}

std::vector<Configuration> configurations_of(const inventory::BacklogItem& item) {
  const std::string_view cause = cause_of(item);
  std::vector<Configuration> out;
  for (const Configuration& row : builtin_configurations()) {
    if (std::find(row.causes.begin(), row.causes.end(), cause) == row.causes.end()) continue;
    out.push_back(row);
    const bool hybrid = item.pqc_algorithm.find("MLKEM") != std::string::npos;
    fill_group(out.back().snippet, hybrid ? std::string_view(item.pqc_algorithm) : kUsualGroup);
  }
  return out;
}

}  // namespace carnet::assess
