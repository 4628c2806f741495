#include "app/portfolio_command.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/api_client.h"
#include "base/json.h"

namespace carnet::app {
namespace {

namespace bj = boost::json;

constexpr std::string_view kCommand = "portfolio";

int ask(const TenantConnection& connection, std::string_view method, std::string path,
        bj::object& answer, std::string body = {}) {
  return ask_as_tenant(
      kCommand, connection,
      {.url = {}, .method = std::string(method), .path = std::move(path), .body = std::move(body)},
      answer);
}

const bj::array& array_of(const bj::object& object, std::string_view name) {
  static const bj::array kNone;
  const bj::value* const found = object.if_contains(name);
  return found != nullptr && found->is_array() ? found->get_array() : kNone;
}

// The object of that name; an empty one if there is none.
const bj::object& object_of(const bj::object& object, std::string_view name) {
  static const bj::object kNone;
  const bj::value* const found = object.if_contains(name);
  return found != nullptr && found->is_object() ? found->get_object() : kNone;
}

void say_if_more(const bj::object& answer) {
  const bj::value* const more = answer.if_contains("hasMore");
  if (more != nullptr && more->is_bool() && more->get_bool())
    fmt::print("… and more; --limit shows up to 100\n");
}

TableLine child_line(const bj::object& child) {
  const bj::object& alerts = object_of(child, "alerts");
  return {member(child, "tenantId"),
          member(child, "tenantName"),
          member(child, "readinessScore"),
          member(child, "readinessBand"),
          member(child, "scoreChange"),
          member(child, "criticals"),
          fmt::format("{}/{}", member(alerts, "critical"), member(alerts, "high")),
          member(child, "lastScanAt")};
}

const TableLine kChildHead{"TENANT",           "NAME",     "SCORE", "BAND", "30 DAYS", "CRITICAL",
                           "ALERTS CRIT/HIGH", "LAST SCAN"};

void print_totals(const bj::object& total) {
  const bj::object& alerts = object_of(total, "alerts");
  fmt::print("{} children, {} with a score, mean {}; {} critical assets, {} critical alerts open\n",
             member(total, "children"), member(total, "scored"), member(total, "meanScore"),
             member(total, "criticals"), member(alerts, "critical"));
}

void print_grants(const bj::object& answer) {
  for (const bj::value& grant : array_of(answer, "grants"))
    if (grant.is_string()) fmt::print("  - {}\n", std::string_view(grant.get_string()));
}

std::string code_body(const std::string& code) { return json::write(bj::object{{"code", code}}); }

}  // namespace

int run_portfolio_show(const TenantConnection& connection, const std::string& tenant_id,
                       const std::string& sort, int limit) {
  if (!tenant_id.empty() && !is_id(tenant_id, "ten_"))
    return usage_error(kCommand, "TENANT_ID looks like ten_01j…");
  bj::object answer;
  std::string path = tenant_id.empty()
                         ? fmt::format("/tenant/portfolio?sort={}&limit={}", sort, limit)
                         : "/tenant/portfolio/" + tenant_id;
  if (const int code = ask(connection, "GET", std::move(path), answer); code != 0) return code;
  if (connection.json) {
    fmt::print("{}", json::write_pretty(answer));
    return 0;
  }
  std::vector<TableLine> lines{kChildHead};
  if (!tenant_id.empty()) {
    lines.push_back(child_line(answer));
    print_table(lines);
    return 0;
  }
  print_totals(object_of(answer, "total"));
  for (const bj::value& child : array_of(answer, "children"))
    if (child.is_object()) lines.push_back(child_line(child.get_object()));
  if (lines.size() > 1) print_table(lines);
  say_if_more(answer);
  return 0;
}

int run_portfolio_invite(const TenantConnection& connection, const PartnerWish& wish) {
  const bj::object body{
      {"label", wish.label}, {"scope", wish.scope}, {"expiresDays", wish.expires_days}};
  bj::object answer;
  const int code = ask(connection, "POST", "/tenant/partner/children", answer, json::write(body));
  if (code != 0) return code;
  if (connection.json) {
    fmt::print("{}", json::write_pretty(answer));
    return 0;
  }
  fmt::print(
      "{}\n\nShown this once. Give it to an admin of the other tenant before {}, who then "
      "runs\ncarnet portfolio accept CODE. You will see\n",
      member(answer, "code"), member(answer, "expiresAt"));
  print_grants(answer);
  return 0;
}

int run_portfolio_accept(const TenantConnection& connection, const std::string& code, bool yes) {
  bj::object offer;
  const int seen =
      ask(connection, "POST", "/tenant/partner/parents/preview", offer, code_body(code));
  if (seen != 0) return seen;
  if (!yes) {
    if (connection.json) {
      fmt::print("{}", json::write_pretty(offer));
      return 0;
    }
    fmt::print("{} ({}) would see of this tenant, until either side ends it,\n",
               member(offer, "tenantName"), member(offer, "tenantId"));
    print_grants(offer);
    fmt::print("Nothing is granted yet: repeat this with --yes to accept.\n");
    return 0;
  }
  bj::object answer;
  const int made = ask(connection, "POST", "/tenant/partner/parents", answer, code_body(code));
  if (made != 0) return made;
  if (connection.json)
    fmt::print("{}", json::write_pretty(answer));
  else
    fmt::print("{} sees this tenant now. To end it: carnet portfolio end {}\n",
               member(answer, "tenantName"), member(answer, "linkId"));
  return 0;
}

int run_portfolio_partners(const TenantConnection& connection, std::string_view side, int limit) {
  bj::object answer;
  const int code =
      ask(connection, "GET", fmt::format("/tenant/partner/{}?limit={}", side, limit), answer);
  if (code != 0) return code;
  if (connection.json) {
    fmt::print("{}", json::write_pretty(answer));
    return 0;
  }
  std::vector<TableLine> lines{{"LINK", "STATE", "SCOPE", "TENANT", "NAME", "LABEL", "SINCE"}};
  for (const bj::value& item : array_of(answer, "partners")) {
    if (!item.is_object()) continue;
    const bj::object& row = item.get_object();
    lines.push_back({member(row, "linkId"), member(row, "state"), member(row, "scope"),
                     member(row, "tenantId"), member(row, "tenantName"), member(row, "label"),
                     member(row, "acceptedAt")});
  }
  if (lines.size() == 1)
    fmt::print("no {}\n", side);
  else
    print_table(lines);
  say_if_more(answer);
  return 0;
}

int run_portfolio_end(const TenantConnection& connection, const std::string& link_id,
                      bool as_parent) {
  if (!is_id(link_id, "link_")) return usage_error(kCommand, "LINK_ID looks like link_01j…");
  bj::object answer;
  const int code = ask(
      connection, "DELETE",
      fmt::format("/tenant/partner/{}/{}", as_parent ? "children" : "parents", link_id), answer);
  if (code != 0) return code;
  if (connection.json)
    fmt::print("{}", json::write_pretty(answer));
  else
    fmt::print("{} is {}\n", member(answer, "linkId"), member(answer, "state"));
  return 0;
}

}  // namespace carnet::app
