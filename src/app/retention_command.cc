#include "app/retention_command.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"

namespace carnet::app {
namespace {

namespace bj = boost::json;

bool is_true(const bj::object& object, std::string_view name) {
  const bj::value* const found = object.if_contains(name);
  return found != nullptr && found->is_bool() && found->get_bool();
}

// "3 kept: 2 shared, 1 newest"
std::string kept_text(const bj::object& answer) {
  const bj::value* const kept = answer.if_contains("kept");
  std::string reasons;
  std::int64_t total = 0;
  if (kept != nullptr && kept->is_object())
    for (const auto& reason : kept->get_object()) {
      const auto* const count = reason.value().if_int64();
      if (count == nullptr || *count == 0) continue;
      total += *count;
      reasons += fmt::format("{} {} {}", reasons.empty() ? ":" : ",", *count,
                             std::string_view(reason.key()));
    }
  return fmt::format("{} kept{}", total, reasons);
}

void print_answer(const bj::object& answer) {
  if (const bj::value* const days = answer.if_contains("retentionDays");
      days == nullptr || days->is_null()) {
    fmt::print("scans are kept for ever; retentionDays in the settings ends that\n");
    return;
  }
  fmt::print("kept for {} days ({}): what ended before {} is too old\n",
             member(answer, "retentionDays"), member(answer, "source"),
             member(answer, "endedBefore"));
  fmt::print("{} to delete, {}{}\n", member(answer, "erasable"), kept_text(answer),
             is_true(answer, "complete") ? "" : "; of the oldest that were looked at only");
  const bj::value* const scans = answer.if_contains("scans");
  if (scans == nullptr || !scans->is_array() || scans->get_array().empty()) return;
  std::vector<TableLine> lines{{"ENDED", "SCAN", "STATUS", "ASSETS", "KEPT BECAUSE", "LABEL"}};
  for (const bj::value& item : scans->get_array()) {
    const bj::object& row = item.as_object();
    lines.push_back({member(row, "finishedAt"), member(row, "scanId"), member(row, "scanStatus"),
                     member(row, "assetCount"), member(row, "keptBecause"), member(row, "label")});
  }
  print_table(lines);
  if (is_true(answer, "hasMore")) fmt::print("… and more; --limit shows up to 100\n");
}

}  // namespace

int run_tenant_retention(const TenantConnection& connection, const RetentionCommand& command) {
  std::string path = fmt::format("/tenant/retention?limit={}", command.limit);
  if (command.days > 0) path += fmt::format("&retention_days={}", command.days);
  bj::object answer;
  const int code =
      ask_as_tenant("tenant", connection,
                    {.url = {}, .method = "GET", .path = std::move(path), .body = {}}, answer);
  if (code != 0) return code;
  if (connection.json)
    fmt::print("{}", json::write_pretty(answer));
  else
    print_answer(answer);
  return 0;
}

}  // namespace carnet::app
