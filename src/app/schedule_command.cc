#include "app/schedule_command.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/api_client.h"
#include "base/json.h"

namespace carnet::app {
namespace {

namespace bj = boost::json;

constexpr std::string_view kCommand = "schedule";

bool is_schedule(const std::string& id) { return is_id(id, "sched_"); }

int not_an_id() { return usage_error(kCommand, "SCHEDULE_ID looks like sched_01j…"); }

int ask(const TenantConnection& connection, std::string method, std::string path, std::string body,
        bj::object& answer) {
  return ask_as_tenant(
      kCommand, connection,
      {.url = {}, .method = std::move(method), .path = std::move(path), .body = std::move(body)},
      answer);
}

// True if the answer was printed as it is.
bool printed(const TenantConnection& connection, const bj::object& answer) {
  if (connection.json) fmt::print("{}", json::write_pretty(answer));
  return connection.json;
}

const bj::object* inner(const bj::object& object, std::string_view name) {
  const bj::value* const value = object.if_contains(name);
  return value != nullptr ? value->if_object() : nullptr;
}

std::string timing(const bj::object& row) {
  const std::string cron = member(row, "cron");
  if (cron != "-") return fmt::format("{} {}", cron, member(row, "timeZone"));
  return fmt::format("every {} h", member(row, "cadenceHours"));
}

std::string joined(const bj::object& object, std::string_view name) {
  const bj::value* const list = object.if_contains(name);
  if (list == nullptr || !list->is_array()) return {};
  std::string out;
  for (const bj::value& item : list->get_array()) {
    if (!out.empty()) out += ", ";
    out += item.is_string() ? std::string(item.get_string()) : json::write(item);
  }
  return out;
}

std::string what_it_scans(const bj::object& scan) {
  if (const std::string scenario = member(scan, "scenarioId"); scenario != "-")
    return "sample " + scenario;
  const std::string target = member(scan, "target");
  return target != "-" ? target : joined(scan, "targets");
}

bool is_paused(const bj::object& row) { return member(row, "paused") == "true"; }

void print_schedule(const TenantConnection& connection, const bj::object& row) {
  if (printed(connection, row)) return;
  const auto line = [](std::string_view title, std::string_view value) {
    if (!value.empty() && value != "-") fmt::print("{:<10}{}\n", title, value);
  };
  line("id", member(row, "id"));
  line("name", member(row, "name"));
  line("runs", timing(row));
  line("jitter", member(row, "jitterMinutes") + " min");
  line("next", is_paused(row) ? "paused" : member(row, "nextRunAt"));
  if (const bj::object* const scan = inner(row, "scan")) {
    line("scans", what_it_scans(*scan));
    line("profile", member(*scan, "profile"));
  }
  if (const bj::object* const notify = inner(row, "notify"))
    if (const std::string emails = joined(*notify, "emails"); !emails.empty())
      line("mails", fmt::format("{} on {}", emails, member(*notify, "on")));
  if (const bj::object* const last = inner(row, "lastRun"))
    line("last", fmt::format("{} {} {}", member(*last, "at"), member(*last, "status"),
                             member(*last, "scanId")));
}

bj::array texts(const std::vector<std::string>& items) {
  bj::array out;
  for (const std::string& item : items) out.emplace_back(item);
  return out;
}

// Only what was given. The scan is one member: `scan` is what it was before.
bj::object body_of(const ScheduleChange& change, bj::object scan) {
  bj::object body;
  if (change.name) body["name"] = *change.name;
  if (change.cadence_hours) body["cadenceHours"] = *change.cadence_hours;
  if (change.cron) body["cron"] = *change.cron;
  if (change.time_zone) body["timeZone"] = *change.time_zone;
  if (change.jitter_minutes) body["jitterMinutes"] = *change.jitter_minutes;
  if (change.paused) body["paused"] = true;
  const bj::object before = scan;
  if (!change.targets.empty()) {
    for (const std::string_view name : {"target", "scenarioId", "useFixture"}) scan.erase(name);
    scan["targets"] = texts(change.targets);
  }
  if (!change.kinds.empty()) scan["kinds"] = texts(change.kinds);
  if (!change.ports.empty()) scan["ports"] = bj::array(change.ports.begin(), change.ports.end());
  if (change.profile) scan["profile"] = *change.profile;
  if (change.label) scan["label"] = *change.label;
  if (scan != before) body["scan"] = std::move(scan);
  return body;
}

}  // namespace

int run_schedule_list(const TenantConnection& connection, int limit) {
  bj::object answer;
  const int code =
      ask(connection, "GET", fmt::format("/tenant/schedules?limit={}", limit), {}, answer);
  if (code != 0 || printed(connection, answer)) return code;
  std::vector<TableLine> lines{{"ID", "NAME", "RUNS", "NEXT", "LAST"}};
  const bj::value* const rows = answer.if_contains("schedules");
  if (rows != nullptr && rows->is_array())
    for (const bj::value& item : rows->get_array()) {
      const bj::object& row = item.as_object();
      const bj::object* const last = inner(row, "lastRun");
      lines.push_back({member(row, "id"), member(row, "name"), timing(row),
                       is_paused(row) ? "paused" : member(row, "nextRunAt"),
                       last != nullptr ? member(*last, "status") : "-"});
    }
  if (lines.size() == 1) {
    fmt::print("no schedules\n");
    return 0;
  }
  print_table(lines);
  if (member(answer, "hasMore") == "true")
    fmt::print("… and older ones; --limit shows up to 100\n");
  return 0;
}

// Mails that will never come deserve a word.
void warn_without_mail_server(const TenantConnection& connection,
                              const std::vector<std::string>& emails) {
  bj::object mail;
  if (emails.empty() || ask(connection, "GET", "/tenant/mail?limit=1", {}, mail) != 0) return;
  const bj::value* const has = mail.if_contains("mailServer");
  if (has != nullptr && has->is_bool() && !has->get_bool())
    fmt::print(stderr, "{}: this server has no mail server (--smtp-url), so nobody is mailed\n",
               kCommand);
}

int run_schedule_add(const TenantConnection& connection, const ScheduleChange& wanted) {
  bj::object body = body_of(wanted, {});
  if (!wanted.emails.empty())
    body["notify"] = {{"emails", texts(wanted.emails)},
                      {"on", wanted.notify_on.value_or("change")}};
  else if (wanted.notify_on)
    return usage_error(kCommand, "--on goes with --email");
  bj::object answer;
  const int code = ask(connection, "POST", "/tenant/schedules", json::write(body), answer);
  if (code != 0) return code;
  print_schedule(connection, answer);
  warn_without_mail_server(connection, wanted.emails);
  return code;
}

int run_schedule_show(const TenantConnection& connection, const std::string& id) {
  if (!is_schedule(id)) return not_an_id();
  bj::object answer;
  const int code = ask(connection, "GET", "/tenant/schedules/" + id, {}, answer);
  if (code == 0) print_schedule(connection, answer);
  return code;
}

int run_schedule_edit(const TenantConnection& connection, const std::string& id,
                      const ScheduleChange& change) {
  if (!is_schedule(id)) return not_an_id();
  if (change.no_emails && !change.emails.empty())
    return usage_error(kCommand, "--no-email does not go with --email");
  // Scan and mails are changed as a whole, so what was not given is taken from what is there.
  bj::object current;
  if (const int code = ask(connection, "GET", "/tenant/schedules/" + id, {}, current); code != 0)
    return code;
  const bj::object* const scan = inner(current, "scan");
  bj::object body = body_of(change, scan != nullptr ? *scan : bj::object{});
  if (!change.emails.empty() || change.no_emails || change.notify_on) {
    const bj::object* const now = inner(current, "notify");
    bj::object notify = now != nullptr ? *now : bj::object{};
    if (!change.emails.empty() || change.no_emails) notify["emails"] = texts(change.emails);
    if (change.notify_on) notify["on"] = *change.notify_on;
    body["notify"] = std::move(notify);
  }
  if (body.empty())
    return usage_error(kCommand, "nothing to change; see carnet schedule edit --help");
  bj::object answer;
  const int code = ask(connection, "PATCH", "/tenant/schedules/" + id, json::write(body), answer);
  if (code != 0) return code;
  print_schedule(connection, answer);
  warn_without_mail_server(connection, change.emails);
  return code;
}

int run_schedule_pause(const TenantConnection& connection, const std::string& id, bool paused) {
  if (!is_schedule(id)) return not_an_id();
  bj::object answer;
  const int code = ask(connection, "PATCH", "/tenant/schedules/" + id,
                       json::write(bj::object{{"paused", paused}}), answer);
  if (code != 0 || printed(connection, answer)) return code;
  if (paused)
    fmt::print("paused\n");
  else
    fmt::print("resumed, next run at {}\n", member(answer, "nextRunAt"));
  return 0;
}

int run_schedule_now(const TenantConnection& connection, const std::string& id) {
  if (!is_schedule(id)) return not_an_id();
  bj::object answer;
  const int code = ask(connection, "POST", fmt::format("/tenant/schedules/{}/run", id), {}, answer);
  if (code != 0 || printed(connection, answer)) return code;
  fmt::print("{}\n{}\n", member(answer, "scanId"), member(answer, "summary"));
  return 0;
}

int run_schedule_runs(const TenantConnection& connection, const std::string& id, int limit) {
  if (!is_schedule(id)) return not_an_id();
  bj::object answer;
  const int code = ask(connection, "GET",
                       fmt::format("/tenant/schedules/{}/runs?limit={}", id, limit), {}, answer);
  if (code != 0 || printed(connection, answer)) return code;
  std::vector<TableLine> lines{{"RUN", "TRIGGER", "DUE", "AT", "STATUS", "SCAN", "DETAIL"}};
  const bj::value* const rows = answer.if_contains("runs");
  if (rows != nullptr && rows->is_array())
    for (const bj::value& item : rows->get_array()) {
      const bj::object& row = item.as_object();
      lines.push_back({member(row, "number"), member(row, "trigger"), member(row, "dueAt"),
                       member(row, "at"), member(row, "status"), member(row, "scanId"),
                       member(row, "detail")});
    }
  if (lines.size() == 1)
    fmt::print("no runs yet\n");
  else
    print_table(lines);
  return 0;
}

int run_schedule_remove(const TenantConnection& connection, const std::string& id) {
  if (!is_schedule(id)) return not_an_id();
  bj::object answer;
  const int code = ask(connection, "DELETE", "/tenant/schedules/" + id, {}, answer);
  if (code == 0 && !printed(connection, answer)) fmt::print("deleted\n");
  return code;
}

}  // namespace carnet::app
