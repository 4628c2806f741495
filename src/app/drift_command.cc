#include "app/drift_command.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"

namespace carnet::app {
namespace {

namespace bj = boost::json;

constexpr std::string_view kCommand = "drift";

int ask(const TenantConnection& connection, std::string path, bj::object& answer) {
  return ask_as_tenant(kCommand, connection,
                       {.url = {}, .method = "GET", .path = std::move(path), .body = {}}, answer);
}

bool printed(const TenantConnection& connection, const bj::object& answer) {
  if (connection.json) fmt::print("{}", json::write_pretty(answer));
  return connection.json;
}

const bj::array& list_of(const bj::object& object, std::string_view name) {
  static const bj::array kNone;
  const bj::value* const list = object.if_contains(name);
  return list != nullptr && list->is_array() ? list->get_array() : kNone;
}

// "RSA 2048 at-risk"; "-" where there was nothing.
std::string state_text(const bj::object& row, std::string_view name) {
  const bj::value* const state = row.if_contains(name);
  if (state == nullptr || !state->is_object()) return "-";
  const bj::object& object = state->get_object();
  const std::string size = member(object, "keySize");
  return member(object, "algorithm") + (size == "0" || size == "-" ? "" : " " + size) + " " +
         member(object, "status");
}

TableLine day_line(const bj::object& day, std::string name) {
  const bj::value* const score = day.if_contains("score");
  const bool scored = score != nullptr && score->is_object();
  return {std::move(name),
          member(day, "scans"),
          scored ? member(score->get_object(), "last") : "-",
          member(day, "endpointsNew"),
          member(day, "added"),
          member(day, "removed"),
          member(day, "changed"),
          member(day, "improved"),
          member(day, "regressed"),
          member(day, "hybridGained"),
          member(day, "hybridLost")};
}

}  // namespace

int run_drift_summary(const TenantConnection& connection, int since_days) {
  bj::object answer;
  const int code =
      ask(connection, fmt::format("/tenant/drift/summary?since_days={}", since_days), answer);
  if (code != 0 || printed(connection, answer)) return code;
  const bj::array& days = list_of(answer, "days");
  if (days.empty()) {
    fmt::print("no scans from {} to {}\n", member(answer, "from"), member(answer, "to"));
    return 0;
  }
  std::vector<TableLine> lines{{"DAY", "SCANS", "SCORE", "NEW ENDPOINTS", "ADDED", "REMOVED",
                                "CHANGED", "BETTER", "WORSE", "HYBRID+", "HYBRID-"}};
  for (const bj::value& day : days)
    lines.push_back(day_line(day.as_object(), member(day.as_object(), "day")));
  lines.push_back(day_line(answer, "all"));
  print_table(lines);
  return 0;
}

int run_drift_changes(const TenantConnection& connection, const DriftFilter& filter) {
  std::string path =
      fmt::format("/tenant/drift-intel?since_days={}&limit={}", filter.since_days, filter.limit);
  const auto add = [&path](std::string_view name, std::string_view value) {
    if (!value.empty()) path += fmt::format("&{}={}", name, query_value(value));
  };
  add("host", filter.host);
  if (filter.port >= 0) add("port", std::to_string(filter.port));
  add("change", filter.change);
  add("direction", filter.direction);
  add("hybrid", filter.hybrid);
  bj::object answer;
  const int code = ask(connection, std::move(path), answer);
  if (code != 0 || printed(connection, answer)) return code;
  std::vector<TableLine> lines{
      {"AT", "HOST", "PORT", "CHANGE", "DIRECTION", "HYBRID", "WAS", "IS", "WHAT"}};
  for (const bj::value& entry : list_of(answer, "changes")) {
    const bj::object& row = entry.as_object();
    lines.push_back({member(row, "at"), member(row, "host"), member(row, "port"),
                     member(row, "change"), member(row, "direction"), member(row, "hybrid"),
                     state_text(row, "from"), state_text(row, "to"), member(row, "label")});
  }
  if (lines.size() == 1) {
    fmt::print("no changes\n");
    return 0;
  }
  print_table(lines);
  if (member(answer, "hasMore") == "true")
    fmt::print("… and older ones; --limit shows up to 100\n");
  return 0;
}

int run_drift_diff(const TenantConnection& connection, const std::string& scan_id,
                   const std::string& against) {
  if (!is_id(scan_id, "scan_") || (!against.empty() && !is_id(against, "scan_")))
    return usage_error(kCommand, "SCAN_ID looks like scan_01j…");
  std::string path = fmt::format("/tenant/scans/{}/diff", scan_id);
  if (!against.empty()) path += "?against=" + against;
  bj::object answer;
  const int code = ask(connection, std::move(path), answer);
  if (code != 0 || printed(connection, answer)) return code;
  std::vector<TableLine> lines{{"CHANGE", "DIRECTION", "WAS", "IS", "WHAT"}};
  const auto alone = [](const bj::object& asset) {
    const bj::value* const judged = asset.if_contains("vulnerability");
    return member(asset, "algorithm") +
           (judged != nullptr ? " " + member(judged->as_object(), "status") : std::string());
  };
  for (const bj::value& entry : list_of(answer, "added"))
    lines.push_back(
        {"added", "-", "-", alone(entry.as_object()), member(entry.as_object(), "label")});
  for (const bj::value& entry : list_of(answer, "removed")) {
    const bj::object& row = entry.as_object();
    lines.push_back({member(row, "reason"), "-", alone(row), "-", member(row, "label")});
  }
  for (const bj::value& entry : list_of(answer, "changed")) {
    const bj::object& row = entry.as_object();
    lines.push_back({member(row, "kind"), member(row, "direction"), state_text(row, "from"),
                     state_text(row, "to"), member(row, "label")});
  }
  if (lines.size() > 1)
    print_table(lines);
  else
    fmt::print("no difference\n");
  fmt::print(
      "against {}, as profile {}: {} better, {} worse; hybrid gained {}, lost {}; score {}\n",
      member(answer, "against"), member(answer, "comparedProfile"), member(answer, "improved"),
      member(answer, "regressed"), member(answer, "hybridGained"), member(answer, "hybridLost"),
      member(answer, "scoreDelta"));
  return 0;
}

}  // namespace carnet::app
