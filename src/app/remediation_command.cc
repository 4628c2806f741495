#include "app/remediation_command.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/api_client.h"
#include "base/json.h"

namespace carnet::app {
namespace {

namespace bj = boost::json;

constexpr std::string_view kCommand = "remediation";
constexpr std::size_t kTableBytesMax = 1024 * 1024;  // limit: internal

int not_a_scan() { return usage_error(kCommand, "SCAN_ID looks like scan_01j…"); }
int not_an_item() { return usage_error(kCommand, "ITEM_ID looks like rem_0123456789abcdef"); }

// The path of a scan's backlog.
std::string path_of(const std::string& scan_id, std::string_view rest = {}) {
  return fmt::format("/tenant/scans/{}/remediation{}", scan_id, rest);
}

int ask(const TenantConnection& connection, std::string method, std::string path, std::string body,
        bj::object& answer, std::string content_type = "application/json") {
  return ask_as_tenant(kCommand, connection,
                       {.url = {},
                        .method = std::move(method),
                        .path = std::move(path),
                        .body = std::move(body),
                        .content_type = std::move(content_type)},
                       answer);
}

bool printed(const TenantConnection& connection, const bj::object& answer) {
  if (connection.json) fmt::print("{}", json::write_pretty(answer));
  return connection.json;
}

bool is_true(const bj::object& row, std::string_view name) { return member(row, name) == "true"; }

std::string status_of(const bj::object& row) {
  return member(row, "status") + (is_true(row, "reopened") ? " (reopened)" : "");
}

void print_item(const bj::object& row) {
  fmt::print("{}\n{}\n\n", member(row, "title"), member(row, "action"));
  const auto line = [](std::string_view title, std::string_view value) {
    if (!value.empty() && value != "-") fmt::print("{:<15}{}\n", title, value);
  };
  line("id", member(row, "id"));
  line("priority", member(row, "priority"));
  line("severity", member(row, "severity"));
  line("effort", member(row, "effortDays") + " days");
  line("deadline", member(row, "deadline"));
  line("status", status_of(row));
  line("owner", member(row, "owner"));
  line("target date", member(row, "targetDate"));
  line("overdue since", member(row, "overdueSince"));
  line("reason", member(row, "reason"));
  line("accepted until", member(row, "acceptedUntil"));
  line("proven by", member(row, "verifiedByScanId"));
  line("notes", member(row, "notes"));
}

void print_configurations(const bj::object& row) {
  const bj::value* const list = row.if_contains("configurations");
  if (list == nullptr || !list->is_array()) return;
  for (const bj::value& entry : list->get_array()) {
    const bj::object& one = entry.as_object();
    const std::string needs = member(one, "needs");
    fmt::print("\n# {} {} or newer{}: {}\n", member(one, "software"), member(one, "since"),
               needs == "-" ? "" : ", with " + needs, member(one, "where"));
    // Lines of our own data file, which are to be pasted as they are.
    if (const bj::value* const snippet = one.if_contains("snippet");
        snippet != nullptr && snippet->is_string())
      fmt::print("{}", std::string_view(snippet->get_string()));
    fmt::print("# check: {}\n", member(one, "check"));
  }
}

std::string score_text(const bj::object& answer, std::string_view name) {
  const bj::value* const score = answer.if_contains(name);
  if (score == nullptr || !score->is_object()) return "nothing to score";
  return fmt::format("{} ({})", member(score->get_object(), "readinessScore"),
                     member(score->get_object(), "readinessBand"));
}

}  // namespace

int run_remediation_list(const TenantConnection& connection, const RemediationList& wanted) {
  if (!is_id(wanted.scan_id, "scan_")) return not_a_scan();
  std::string path = path_of(wanted.scan_id, fmt::format("?limit={}", wanted.limit));
  if (!wanted.status.empty()) path += "&status=" + wanted.status;
  if (!wanted.owner.empty()) path += "&owner=" + query_value(wanted.owner);
  if (wanted.overdue) path += "&overdue=true";
  bj::object answer;
  const int code = ask(connection, "GET", std::move(path), {}, answer);
  if (code != 0 || printed(connection, answer)) return code;
  std::vector<TableLine> lines{{"ID", "PRIORITY", "DAYS", "DUE", "STATUS", "OWNER", "WHAT"}};
  if (const bj::value* const items = answer.if_contains("items"); items != nullptr)
    for (const bj::value& item : items->as_array()) {
      const bj::object& row = item.as_object();
      std::string due = member(row, "targetDate");
      if (due == "-") due = member(row, "deadline");
      if (member(row, "overdueSince") != "-") due += " (overdue)";
      lines.push_back({member(row, "id"), member(row, "priority"), member(row, "effortDays"), due,
                       status_of(row), member(row, "owner"), member(row, "title")});
    }
  if (lines.size() > 1)
    print_table(lines);
  else
    fmt::print("nothing to do\n");
  if (is_true(answer, "hasMore")) fmt::print("… and more; --limit shows up to 100\n");
  if (const bj::value* const counts = answer.if_contains("counts"); counts != nullptr) {
    const bj::object& count = counts->as_object();
    fmt::print("{} open, {} in progress, {} accepted, {} done; {} overdue\n", member(count, "open"),
               member(count, "inProgress"), member(count, "acceptedRisk"), member(count, "done"),
               member(count, "overdue"));
  }
  return 0;
}

int run_remediation_show(const TenantConnection& connection, const std::string& scan_id,
                         const std::string& item_id) {
  if (!is_id(scan_id, "scan_")) return not_a_scan();
  if (!is_id(item_id, "rem_")) return not_an_item();
  bj::object answer;
  const int code = ask(connection, "GET", path_of(scan_id, "/" + item_id), {}, answer);
  if (code != 0 || printed(connection, answer)) return code;
  print_item(answer);
  print_configurations(answer);
  return 0;
}

int run_remediation_set(const TenantConnection& connection, const RemediationChange& change) {
  if (!is_id(change.scan_id, "scan_")) return not_a_scan();
  if (!is_id(change.item_id, "rem_")) return not_an_item();
  bj::object body{{"remediationId", change.item_id}, {"status", change.status}};
  const auto add = [&body](std::string_view name, const std::optional<std::string>& value) {
    if (value) body[name] = *value;
  };
  add("owner", change.owner);
  add("notes", change.notes);
  add("targetDate", change.target_date);
  add("reason", change.reason);
  add("acceptedUntil", change.accepted_until);
  bj::object answer;
  const int code = ask(connection, "POST", path_of(change.scan_id), json::write(body), answer);
  if (code != 0 || printed(connection, answer)) return code;
  print_item(answer.at("item").as_object());
  return 0;
}

int run_remediation_verify(const TenantConnection& connection, const std::string& scan_id,
                           const std::string& item_id, const std::string& later) {
  if (!is_id(scan_id, "scan_") || !is_id(later, "scan_")) return not_a_scan();
  if (!is_id(item_id, "rem_")) return not_an_item();
  const bj::object body{{"remediationId", item_id}, {"verifyScanId", later}};
  bj::object answer;
  const int code = ask(connection, "POST", path_of(scan_id, "/verify"), json::write(body), answer);
  if (code != 0) return code;
  const bool verified = is_true(answer, "verified");
  if (!printed(connection, answer))
    fmt::print("{}: {}\n", verified ? "done" : "not proven", member(answer, "reason"));
  return verified ? 0 : kExitRefused;
}

int run_remediation_project(const TenantConnection& connection, const std::string& scan_id,
                            const std::vector<std::string>& items) {
  if (!is_id(scan_id, "scan_")) return not_a_scan();
  bj::array ids;
  for (const std::string& item : items) {
    if (!is_id(item, "rem_")) return not_an_item();
    ids.emplace_back(item);
  }
  const bj::object body{{"remediationIds", std::move(ids)}};
  bj::object answer;
  const int code =
      ask(connection, "POST", path_of(scan_id, "/projection"), json::write(body), answer);
  if (code != 0 || printed(connection, answer)) return code;
  fmt::print("now        {}\nprojected  {}\nchange     {}\n", score_text(answer, "now"),
             score_text(answer, "projected"), member(answer, "scoreDelta"));
  return 0;
}

int run_remediation_export(const TenantConnection& connection, const std::string& scan_id) {
  if (!is_id(scan_id, "scan_")) return not_a_scan();
  return save_as_tenant(
      kCommand, connection,
      {.url = {}, .method = "GET", .path = path_of(scan_id, "/export"), .body = {}}, STDOUT_FILENO);
}

int run_remediation_import(const TenantConnection& connection, const std::string& scan_id,
                           const std::string& file, bool dry_run) {
  if (!is_id(scan_id, "scan_")) return not_a_scan();
  std::ifstream in(file, std::ios::binary);
  if (!in) return usage_error(kCommand, fmt::format("cannot read {}", file));
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (text.empty()) return usage_error(kCommand, fmt::format("{} is empty", file));
  if (text.size() > kTableBytesMax)
    return usage_error(kCommand, fmt::format("{} is larger than 1 MiB", file));
  bj::object answer;
  const int code =
      ask(connection, "POST", path_of(scan_id, dry_run ? "/import?dry_run=true" : "/import"),
          std::move(text), answer, "text/csv");
  if (code != 0) return code;
  const bool faults = member(answer, "errorCount") != "0";
  if (printed(connection, answer)) return faults ? kExitRefused : 0;
  fmt::print("{} {}, {} unchanged, {} wrong\n", member(answer, "applied"),
             dry_run ? "would be applied" : "applied", member(answer, "unchanged"),
             member(answer, "errorCount"));
  if (const bj::value* const errors = answer.if_contains("errors"); errors != nullptr)
    for (const bj::value& entry : errors->as_array()) {
      const bj::object& error = entry.as_object();
      fmt::print("row {}: {} {}\n", member(error, "row"), member(error, "field"),
                 member(error, "detail"));
    }
  return faults ? kExitRefused : 0;
}

}  // namespace carnet::app
