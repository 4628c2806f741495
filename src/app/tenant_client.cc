#include "app/tenant_client.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/data_dir.h"
#include "base/text.h"

namespace carnet::app {
namespace {

std::optional<Secret> key_of(std::string_view command, const TenantConnection& connection) {
  if (!connection.key.empty()) return Secret(connection.key);
  if (connection.key_file.empty()) {
    usage_error(command, "needs an API key: --key-file FILE, or CARNET_API_KEY");
    return std::nullopt;
  }
  auto key = read_key_file(connection.key_file);
  if (key && !key->empty()) return std::move(*key);
  usage_error(command, key ? fmt::format("there is no key at {}", connection.key_file)
                           : key.error().public_detail);
  return std::nullopt;
}

}  // namespace

int usage_error(std::string_view command, std::string_view sentence) {
  fmt::print(stderr, "carnet {}: {}\n", command, sentence);
  return kExitBadUsage;
}

bool is_id(std::string_view text, std::string_view prefix) {
  return text.starts_with(prefix) && text.size() > prefix.size() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

int ask_as_tenant(std::string_view command, const TenantConnection& connection, ApiRequest request,
                  boost::json::object& answer) {
  const std::optional<Secret> key = key_of(command, connection);
  if (!key) return kExitBadUsage;
  request.url = connection.url;
  while (request.url.ends_with('/')) request.url.pop_back();
  return ask_service(command, request, *key, answer);
}

int save_as_tenant(std::string_view command, const TenantConnection& connection, ApiRequest request,
                   int fd) {
  const std::optional<Secret> key = key_of(command, connection);
  if (!key) return kExitBadUsage;
  request.url = connection.url;
  while (request.url.ends_with('/')) request.url.pop_back();
  return save_answer(command, request, *key, fd);
}

std::string query_value(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

void print_table(const std::vector<TableLine>& lines) {
  std::vector<std::size_t> widths;
  for (const TableLine& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i)
      widths[i] = std::max(widths[i], utf8_length(line[i]));
  }
  for (const TableLine& line : lines) {
    std::string text;
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += line[i];
      if (i + 1 < line.size()) text.append(widths[i] + 2 - utf8_length(line[i]), ' ');
    }
    while (text.ends_with(' ')) text.pop_back();
    fmt::print("{}\n", text);
  }
}

std::string member(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  if (value == nullptr) return "-";
  const std::string text = plain_text(*value);
  return text.empty() ? "-" : text;
}

}  // namespace carnet::app
