#include "app/governance_command.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <sstream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/api_client.h"
#include "app/private_files.h"
#include "base/json.h"
#include "base/terminal.h"
#include "evidence/key_set.h"
#include "service/tenant_export.h"

namespace carnet::app {
namespace {

namespace bj = boost::json;
constexpr std::string_view kTenant = "tenant";
constexpr std::string_view kAudit = "audit";
constexpr int kExitAltered = 2;
constexpr int kExitUnreadable = 3;

// A path's query; values are encoded, empty ones left out.
std::string query_of(std::initializer_list<std::pair<std::string_view, std::string>> values) {
  std::string out;
  for (const auto& [name, value] : values) {
    if (value.empty()) continue;
    out += fmt::format("{}{}={}", out.empty() ? "?" : "&", name, query_value(value));
  }
  return out;
}

int download(std::string_view command, const TenantConnection& connection, std::string path,
             const std::string& file) {
  const bool to_output = file == "-";
  Descriptor out;
  if (!to_output) {
    out = Descriptor(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (out.get() < 0) return usage_error(command, cannot("write", file).value().public_detail);
  }
  const int fd = to_output ? STDOUT_FILENO : out.get();
  const int code = save_as_tenant(
      command, connection, {.url = {}, .method = "GET", .path = std::move(path), .body = {}}, fd);
  if (code != 0 && !to_output) ::unlink(file.c_str());
  if (code == 0 && !to_output) fmt::print("{}\n", file);
  return code;
}

void print_members(const bj::object& answer,
                   std::initializer_list<std::pair<std::string_view, std::string_view>> lines) {
  for (const auto& [name, words] : lines)
    if (answer.if_contains(name) != nullptr) fmt::print("{:<16}{}\n", words, member(answer, name));
}

int ask_removal(const TenantConnection& connection, std::string method, std::string path,
                const bj::object& body) {
  bj::object answer;
  const int code = ask_as_tenant(kTenant, connection,
                                 {.url = {},
                                  .method = std::move(method),
                                  .path = std::move(path),
                                  .body = body.empty() ? std::string() : json::write(body)},
                                 answer);
  if (code != 0) return code;
  if (connection.json) {
    fmt::print("{}", json::write_pretty(answer));
    return 0;
  }
  print_members(answer, {{"state", "state"},
                         {"kind", "kind"},
                         {"dueAt", "deleted from"},
                         {"cancelledAt", "cancelled"},
                         {"deletedScans", "scans"},
                         {"deletedAssets", "assets"},
                         {"deletedLinks", "links"},
                         {"deletedKeys", "keys"},
                         {"deletedAudit", "audit entries"},
                         {"deletedRows", "other rows"},
                         {"confirm", "confirm with"}});
  return 0;
}

bj::object removal_body(const TenantRemovalCommand& command) {
  bj::object body;
  if (command.dry_run) body["dryRun"] = true;
  if (!command.confirm.empty()) body["confirm"] = command.confirm;
  if (command.grace_days) body["graceDays"] = *command.grace_days;
  return body;
}

int verify_here(const AuditCommand& command) {
  const auto unreadable = [](std::string_view sentence) {
    fmt::print(stderr, "carnet audit verify: {}\n", terminal_text(sentence));
    return kExitUnreadable;
  };
  if (command.keys.empty())
    return unreadable(
        "a file is checked with --keys, the keys that the service publishes at "
        "/.well-known/carnet-keys.json");
  std::ifstream keys_file(command.keys, std::ios::binary);
  std::ostringstream keys_text;
  if (!keys_file || !(keys_text << keys_file.rdbuf()))
    return unreadable(fmt::format("cannot read {}", command.keys));
  const auto keys = evidence::read_key_set(std::move(keys_text).str());
  if (!keys) return unreadable(keys.error().public_detail);
  std::ifstream file;
  if (command.file != "-") {
    file.open(command.file, std::ios::binary);
    if (!file) return unreadable(fmt::format("cannot read {}", command.file));
  }
  auto verdict = service::check_audit_lines(command.file == "-" ? std::cin : file, *keys);
  if (!verdict) return unreadable(verdict.error().public_detail);
  if (verdict->fault) {
    fmt::print("ALTERED at row {}: {}\n", verdict->fault->seq,
               terminal_text(verdict->fault->reason));
    return kExitAltered;
  }
  fmt::print("INTACT: {} rows{}\nhead  {}  signed {}\n", verdict->rows,
             verdict->tenant.empty() ? std::string() : " of " + terminal_text(verdict->tenant),
             terminal_text(verdict->head.hash), to_rfc3339(verdict->head.at));
  return 0;
}

}  // namespace

int run_tenant_export(const TenantConnection& connection, const std::string& file) {
  return download(kTenant, connection, "/tenant/export", file);
}

int run_tenant_erase(const TenantConnection& connection, const TenantRemovalCommand& command) {
  if (command.status) return ask_removal(connection, "GET", "/tenant/offboard", {});
  if (!command.dry_run && command.confirm.empty())
    return usage_error(kTenant, "erase needs --confirm SLUG; --dry-run says what would be deleted");
  return ask_removal(connection, "DELETE", "/tenant/data", removal_body(command));
}

int run_tenant_offboard(const TenantConnection& connection, const TenantRemovalCommand& command) {
  if (command.status) return ask_removal(connection, "GET", "/tenant/offboard", {});
  if (command.cancel) return ask_removal(connection, "DELETE", "/tenant/offboard", {});
  if (!command.dry_run && command.confirm.empty())
    return usage_error(kTenant,
                       "offboard needs --confirm SLUG; --dry-run says what would be deleted");
  return ask_removal(connection, "POST", "/tenant/offboard", removal_body(command));
}

int run_audit_list(const TenantConnection& connection, const AuditCommand& command) {
  const std::string query = query_of({{"limit", std::to_string(command.limit)},
                                      {"action", command.action},
                                      {"since", command.since},
                                      {"until", command.until},
                                      {"actor", command.actor},
                                      {"subject", command.subject}});
  bj::object answer;
  const int code = ask_as_tenant(
      kAudit, connection, {.url = {}, .method = "GET", .path = command.trail + query, .body = {}},
      answer);
  if (code != 0) return code;
  if (connection.json) {
    fmt::print("{}", json::write_pretty(answer));
    return 0;
  }
  std::vector<TableLine> lines{{"AT", "SEQ", "ACTION", "SUBJECT", "ACTOR", "ROLE"}};
  const bj::value* entries = answer.if_contains("entries");
  if (entries != nullptr && entries->is_array())
    for (const bj::value& item : entries->get_array()) {
      const bj::object& row = item.as_object();
      lines.push_back({member(row, "at"), member(row, "seq"), member(row, "action"),
                       member(row, "subject"), member(row, "actor"), member(row, "role")});
    }
  print_table(lines);
  return 0;
}

int run_audit_export(const TenantConnection& connection, const AuditCommand& command) {
  return download(kAudit, connection, command.trail + "/export?format=" + command.format,
                  command.file);
}

int run_audit_verify(const TenantConnection& connection, const AuditCommand& command) {
  if (!command.file.empty()) return verify_here(command);
  bj::object answer;
  const int code = ask_as_tenant(
      kAudit, connection,
      {.url = {}, .method = "GET", .path = command.trail + "/verify", .body = {}}, answer);
  if (code != 0) return code;
  const bj::value* intact = answer.if_contains("intact");
  const bool good = intact != nullptr && intact->is_bool() && intact->get_bool();
  const bj::value* fault = answer.if_contains("fault");
  if (connection.json)
    fmt::print("{}", json::write_pretty(answer));
  else if (good)
    fmt::print("INTACT: {} rows\n", member(answer, "rows"));
  else if (fault != nullptr && fault->is_object())
    fmt::print("ALTERED at row {}: {}\n", member(fault->get_object(), "seq"),
               member(fault->get_object(), "reason"));
  return good ? 0 : kExitAltered;
}

}  // namespace carnet::app
