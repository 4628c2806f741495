#include "app/alert_command.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/api_client.h"
#include "base/json.h"

namespace carnet::app {
namespace {

constexpr std::string_view kCommand = "alert";

bool is_word(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char letter) { return letter == '_' || (letter >= 'a' && letter <= 'z'); });
}

void print_alert(const TenantConnection& connection, const boost::json::object& row) {
  if (connection.json) {
    fmt::print("{}", json::write_pretty(row));
    return;
  }
  fmt::print("{}\n\n", member(row, "message"));
  const auto line = [&row](std::string_view title, std::string_view name) {
    const std::string value = member(row, name);
    if (value != "-" && !value.empty()) fmt::print("{:<16}{}\n", title, value);
  };
  line("id", "alertId");
  line("kind", "kind");
  line("severity", "severity");
  line("status", "status");
  line("first seen", "firstSeenAt");
  line("last seen", "lastSeenAt");
  line("seen", "count");
  line("raised by", "scanId");
  line("last scan", "lastScanId");
  line("acknowledged", "acknowledgedAt");
  line("by", "acknowledgedBy");
  line("note", "note");
  line("resolved", "resolvedAt");
  line("proven by", "resolvedByScanId");
  line("because", "resolvedReason");
}

}  // namespace

int run_alert_list(const TenantConnection& connection, const AlertFilter& filter) {
  for (const std::string& word : {filter.status, filter.kind, filter.severity})
    if (!is_word(word)) return usage_error(kCommand, fmt::format("\"{}\" is no such word", word));
  if (!filter.scan_id.empty() && !is_id(filter.scan_id, "scan_"))
    return usage_error(kCommand, "SCAN_ID looks like scan_01j…");
  std::string path = fmt::format("/tenant/alerts?limit={}", filter.limit);
  const auto add = [&path](std::string_view name, std::string_view value) {
    if (!value.empty()) path += fmt::format("&{}={}", name, value);
  };
  add("status", filter.status);
  add("kind", filter.kind);
  add("severity", filter.severity);
  add("scan_id", filter.scan_id);
  boost::json::object answer;
  const int code =
      ask_as_tenant(kCommand, connection,
                    {.url = {}, .method = "GET", .path = std::move(path), .body = {}}, answer);
  if (code != 0) return code;
  if (connection.json) {
    fmt::print("{}", json::write_pretty(answer));
    return 0;
  }
  std::vector<TableLine> lines{{"ID", "SEVERITY", "STATUS", "LAST SEEN", "TIMES", "WHAT"}};
  const boost::json::value* alerts = answer.if_contains("alerts");
  if (alerts != nullptr && alerts->is_array())
    for (const boost::json::value& item : alerts->as_array()) {
      const boost::json::object& row = item.as_object();
      lines.push_back({member(row, "alertId"), member(row, "severity"), member(row, "status"),
                       member(row, "lastSeenAt"), member(row, "count"), member(row, "message")});
    }
  if (lines.size() == 1) {
    fmt::print("no alerts\n");
    return 0;
  }
  print_table(lines);
  const boost::json::value* more = answer.if_contains("hasMore");
  if (more != nullptr && more->is_bool() && more->as_bool())
    fmt::print("… and older ones; --limit shows up to 100\n");
  return 0;
}

int run_alert_show(const TenantConnection& connection, const std::string& alert_id) {
  if (!is_id(alert_id, "alert_")) return usage_error(kCommand, "ALERT_ID looks like alert_01j…");
  boost::json::object answer;
  const int code = ask_as_tenant(
      kCommand, connection,
      {.url = {}, .method = "GET", .path = "/tenant/alerts/" + alert_id, .body = {}}, answer);
  if (code == 0) print_alert(connection, answer);
  return code;
}

int run_alert_mark(const TenantConnection& connection, const std::string& alert_id,
                   bool acknowledged, const std::optional<std::string>& note) {
  if (!is_id(alert_id, "alert_")) return usage_error(kCommand, "ALERT_ID looks like alert_01j…");
  boost::json::object body{{"status", acknowledged ? "acknowledged" : "open"}};
  if (note) body["note"] = *note;
  boost::json::object answer;
  const int code = ask_as_tenant(kCommand, connection,
                                 {.url = {},
                                  .method = "PATCH",
                                  .path = "/tenant/alerts/" + alert_id,
                                  .body = json::write(body)},
                                 answer);
  if (code == 0) print_alert(connection, answer);
  return code;
}

}  // namespace carnet::app
