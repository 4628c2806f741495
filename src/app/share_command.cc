#include "app/share_command.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iostream>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/api_client.h"
#include "app/tenant_client.h"
#include "base/json.h"
#include "base/text.h"

namespace carnet::app {
namespace {

constexpr std::string_view kCommand = "share";

int usage(std::string_view sentence) { return usage_error(kCommand, sentence); }

int ask(const ShareConnection& connection, std::string method, std::string path, std::string body,
        boost::json::object& answer) {
  return ask_as_tenant(
      kCommand, connection,
      {.url = {}, .method = std::move(method), .path = std::move(path), .body = std::move(body)},
      answer);
}

int print_rows(const ShareConnection& connection, const boost::json::object& answer,
               std::string_view name, const std::vector<TableLine>& lines) {
  if (connection.json) {
    fmt::print("{}", json::write_pretty(answer));
    return 0;
  }
  if (lines.size() == 1) {
    fmt::print("no {}\n", name);
    return 0;
  }
  print_table(lines);
  const boost::json::value* more = answer.if_contains("hasMore");
  if (more != nullptr && more->is_bool() && more->as_bool())
    fmt::print("… and older ones; --limit shows up to 100\n");
  return 0;
}

// 80 bits in four groups of letters and digits that are not mistaken for each other.
std::string new_passcode(Random& random) {
  constexpr std::string_view kDigits = "0123456789abcdefghjkmnpqrstvwxyz";
  std::array<std::uint8_t, 16> bytes{};
  random.fill(bytes);
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0 && i % 4 == 0) out += '-';
    out += kDigits[bytes[i] % kDigits.size()];
  }
  return out;
}

Result<std::string> read_passcode(const std::string& file) {
  std::string line;
  if (file == "-") {
    std::getline(std::cin, line);
  } else {
    std::ifstream in(file, std::ios::binary);
    if (!in) return make_error(ErrorCode::kUnavailable, fmt::format("cannot read {}", file));
    std::getline(in, line);
  }
  while (line.ends_with('\r')) line.pop_back();
  if (line.empty())
    return make_error(ErrorCode::kValidationFailed, fmt::format("{} holds no passcode", file));
  return line;
}

}  // namespace

int run_share_create(const ShareConnection& connection, const ShareCreate& wanted, Random& random) {
  if (!is_id(wanted.scan_id, "scan_")) return usage("SCAN_ID looks like scan_01j…");
  if (wanted.generate_passcode && !wanted.passcode_file.empty())
    return usage("--passcode-file and --generate-passcode exclude each other");
  boost::json::object body{{"expiresHours", wanted.expires_hours}, {"scope", wanted.scope}};
  if (!wanted.label.empty()) body["label"] = wanted.label;
  if (!wanted.recipient.empty()) body["recipient"] = wanted.recipient;
  if (wanted.max_views) body["maxViews"] = *wanted.max_views;
  std::string passcode;
  if (wanted.generate_passcode) passcode = new_passcode(random);
  if (!wanted.passcode_file.empty()) {
    auto read = read_passcode(wanted.passcode_file);
    if (!read) return usage(read.error().public_detail);
    passcode = std::move(*read);
  }
  if (!passcode.empty()) body["passcode"] = passcode;
  boost::json::object answer;
  const int code = ask(connection, "POST", "/tenant/scans/" + wanted.scan_id + "/share",
                       json::write(body), answer);
  if (code != 0) return code;
  if (connection.json) {
    if (wanted.generate_passcode) answer["passcode"] = passcode;
    fmt::print("{}", json::write_pretty(answer));
    return 0;
  }
  fmt::print("{}\n", member(answer, "url"));
  if (wanted.generate_passcode) fmt::print("passcode     {}\n", passcode);
  fmt::print("id           {}\nvalid until  {}\n", member(answer, "id"),
             member(answer, "expiresAt"));
  if (wanted.max_views) fmt::print("views        {}\n", member(answer, "maxViews"));
  fmt::print("The address is shown this once. Revoke it with: carnet share revoke {}\n",
             member(answer, "id"));
  return 0;
}

int run_share_list(const ShareConnection& connection, const std::string& scan_id, int limit) {
  if (!scan_id.empty() && !is_id(scan_id, "scan_")) return usage("SCAN_ID looks like scan_01j…");
  const std::string path =
      scan_id.empty() ? "/tenant/shares" : "/tenant/scans/" + scan_id + "/shares";
  boost::json::object answer;
  const int code = ask(connection, "GET", fmt::format("{}?limit={}", path, limit), "", answer);
  if (code != 0) return code;
  std::vector<TableLine> lines{
      {"ID", "STATE", "SCOPE", "VALID UNTIL", "VIEWS", "RECIPIENT", "LABEL"}};
  const boost::json::value* shares = answer.if_contains("shares");
  if (shares != nullptr && shares->is_array())
    for (const boost::json::value& item : shares->as_array()) {
      const boost::json::object& row = item.as_object();
      const std::string most = member(row, "maxViews");
      const std::string views = member(row, "viewCount") + (most == "-" ? "" : " of " + most);
      lines.push_back({member(row, "id"), member(row, "state"), member(row, "scope"),
                       member(row, "expiresAt"), views, member(row, "recipient"),
                       member(row, "label")});
    }
  return print_rows(connection, answer, "links", lines);
}

int run_share_revoke(const ShareConnection& connection, const std::string& share_id) {
  if (!is_id(share_id, "share_")) return usage("SHARE_ID looks like share_01j…");
  boost::json::object answer;
  const int code = ask(connection, "DELETE", "/tenant/shares/" + share_id, "", answer);
  if (code != 0) return code;
  if (connection.json) {
    fmt::print("{}", json::write_pretty(answer));
  } else {
    fmt::print("{} is revoked since {}\n", member(answer, "id"), member(answer, "revokedAt"));
  }
  return 0;
}

int run_share_views(const ShareConnection& connection, const std::string& share_id, int limit) {
  if (!is_id(share_id, "share_")) return usage("SHARE_ID looks like share_01j…");
  boost::json::object answer;
  const int code =
      ask(connection, "GET", fmt::format("/tenant/shares/{}/views?limit={}", share_id, limit), "",
          answer);
  if (code != 0) return code;
  std::vector<TableLine> lines{{"AT", "WHAT", "FORMAT", "TIMES", "VISITOR", "PROGRAM"}};
  const boost::json::value* views = answer.if_contains("views");
  if (views != nullptr && views->is_array())
    for (const boost::json::value& item : views->as_array()) {
      const boost::json::object& row = item.as_object();
      lines.push_back({member(row, "at"), member(row, "outcome"), member(row, "format"),
                       member(row, "count"), member(row, "visitor").substr(0, 20),
                       member(row, "userAgent")});
    }
  return print_rows(connection, answer, "visits", lines);
}

}  // namespace carnet::app
