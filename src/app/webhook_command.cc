#include "app/webhook_command.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"

namespace carnet::app {
namespace {

namespace bj = boost::json;

constexpr std::string_view kCommand = "webhook";

int no_webhook() { return usage_error(kCommand, "WEBHOOK_ID looks like hook_01j…"); }

std::string path_of(const std::string& id, std::string_view rest = {}) {
  return fmt::format("/tenant/webhooks/{}{}", id, rest);
}

// Prints the answer as it is where that is wanted; then nothing is left to be said.
bool printed(const TenantConnection& connection, const bj::object& answer) {
  if (connection.json) fmt::print("{}", json::write_pretty(answer));
  return connection.json;
}

const bj::array& rows_of(const bj::object& answer, std::string_view name) {
  static const bj::array kNone;
  const bj::value* const rows = answer.if_contains(bj::string_view(name.data(), name.size()));
  return rows != nullptr && rows->is_array() ? rows->get_array() : kNone;
}

void print_more(const bj::object& answer) {
  const bj::value* const more = answer.if_contains("hasMore");
  if (more != nullptr && more->is_bool() && more->get_bool()) fmt::print("… and older ones\n");
}

std::string events_of(const bj::object& row) {
  std::string out;
  for (const bj::value& event : rows_of(row, "events"))
    if (event.is_string())
      out += fmt::format("{}{}", out.empty() ? "" : ",", std::string(event.get_string()));
  return out;
}

void print_secret(const bj::object& answer) {
  fmt::print("webhook  {}\nsecret   {}\n\nThe secret is shown this once.\n", member(answer, "id"),
             member(answer, "secret"));
}

}  // namespace

int run_webhook_list(const TenantConnection& connection) {
  bj::object answer;
  const int code = ask_as_tenant(
      kCommand, connection,
      {.url = {}, .method = "GET", .path = "/tenant/webhooks?limit=100", .body = {}}, answer);
  if (code != 0 || printed(connection, answer)) return code;
  std::vector<TableLine> lines{{"ID", "STATE", "FORMAT", "EVENTS", "LAST OUTCOME", "URL"}};
  for (const bj::value& item : rows_of(answer, "webhooks")) {
    const bj::object& row = item.as_object();
    const std::string reason = member(row, "pauseReason");
    lines.push_back({member(row, "id"),
                     reason == "-" ? member(row, "state")
                                   : fmt::format("{} ({})", member(row, "state"), reason),
                     member(row, "format"), events_of(row), member(row, "lastOutcome"),
                     member(row, "url")});
  }
  if (lines.size() == 1) {
    fmt::print("no webhooks\n");
    return 0;
  }
  print_table(lines);
  return 0;
}

int run_webhook_add(const TenantConnection& connection, const NewWebhook& wanted) {
  bj::object body{{"url", wanted.url}};
  bj::array events;
  for (const std::string& event : wanted.events) events.emplace_back(event);
  if (events.empty()) events.emplace_back("*");
  body["events"] = std::move(events);
  if (!wanted.format.empty()) body["format"] = wanted.format;
  if (!wanted.description.empty()) body["description"] = wanted.description;
  bj::object answer;
  const int code = ask_as_tenant(
      kCommand, connection,
      {.url = {}, .method = "POST", .path = "/tenant/webhooks", .body = json::write(body)}, answer);
  if (code == 0 && !printed(connection, answer)) print_secret(answer);
  return code;
}

int run_webhook_remove(const TenantConnection& connection, const std::string& id) {
  if (!is_id(id, "hook_")) return no_webhook();
  bj::object answer;
  const int code =
      ask_as_tenant(kCommand, connection,
                    {.url = {}, .method = "DELETE", .path = path_of(id), .body = {}}, answer);
  if (code == 0 && !printed(connection, answer)) fmt::print("deleted\n");
  return code;
}

int run_webhook_test(const TenantConnection& connection, const std::string& id) {
  if (!is_id(id, "hook_")) return no_webhook();
  bj::object answer;
  const int code = ask_as_tenant(
      kCommand, connection, {.url = {}, .method = "POST", .path = path_of(id, "/test"), .body = {}},
      answer);
  if (code != 0) return code;
  if (!printed(connection, answer))
    fmt::print("{} in {} ms\n", member(answer, "outcome"), member(answer, "durationMs"));
  const bj::value* const delivered = answer.if_contains("delivered");
  return delivered != nullptr && delivered->is_bool() && delivered->get_bool() ? 0 : 1;
}

int run_webhook_pause(const TenantConnection& connection, const std::string& id, bool paused) {
  if (!is_id(id, "hook_")) return no_webhook();
  const bj::object body{{"paused", paused}};
  bj::object answer;
  const int code = ask_as_tenant(
      kCommand, connection,
      {.url = {}, .method = "PATCH", .path = path_of(id), .body = json::write(body)}, answer);
  if (code == 0 && !printed(connection, answer)) fmt::print("{}\n", member(answer, "state"));
  return code;
}

int run_webhook_deliveries(const TenantConnection& connection, const std::string& id,
                           const std::string& state) {
  if (!is_id(id, "hook_")) return no_webhook();
  const bool dead = state == "dead";
  std::string path = path_of(id, dead ? "/dlq?limit=100" : "/deliveries?limit=100");
  if (!dead && !state.empty()) path += "&state=" + state;
  bj::object answer;
  const int code =
      ask_as_tenant(kCommand, connection,
                    {.url = {}, .method = "GET", .path = std::move(path), .body = {}}, answer);
  if (code != 0 || printed(connection, answer)) return code;
  std::vector<TableLine> lines{{"ID", "EVENT", "STATE", "ATTEMPTS", "LAST OUTCOME", "CREATED"}};
  for (const bj::value& item : rows_of(answer, dead ? "deadLetters" : "deliveries")) {
    const bj::object& row = item.as_object();
    lines.push_back({member(row, "id"), member(row, "event"), member(row, "state"),
                     member(row, "attempts"), member(row, "lastOutcome"),
                     member(row, "createdAt")});
  }
  if (lines.size() == 1) {
    fmt::print("{}\n", dead ? "no dead letters" : "no deliveries");
    return 0;
  }
  print_table(lines);
  print_more(answer);
  return 0;
}

int run_webhook_replay(const TenantConnection& connection, const std::string& id,
                       const std::optional<std::string>& letter) {
  if (!is_id(id, "hook_")) return no_webhook();
  bj::object body;
  if (letter) {
    body["deadLetterId"] = *letter;
  } else {
    body["all"] = true;
  }
  bj::object answer;
  const int code = ask_as_tenant(
      kCommand, connection,
      {.url = {}, .method = "POST", .path = path_of(id, "/replay"), .body = json::write(body)},
      answer);
  if (code == 0 && !printed(connection, answer))
    fmt::print("{} to be sent again\n", member(answer, "replayed"));
  return code;
}

int run_webhook_rotate(const TenantConnection& connection, const std::string& id,
                       int overlap_hours) {
  if (!is_id(id, "hook_")) return no_webhook();
  const bj::object body{{"overlapHours", overlap_hours}};
  bj::object answer;
  const int code = ask_as_tenant(kCommand, connection,
                                 {.url = {},
                                  .method = "POST",
                                  .path = path_of(id, "/rotate-secret"),
                                  .body = json::write(body)},
                                 answer);
  if (code == 0 && !printed(connection, answer)) print_secret(answer);
  return code;
}

}  // namespace carnet::app
