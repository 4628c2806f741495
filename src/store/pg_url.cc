// How the URL of a PostgreSQL database is checked and shown.
#include <algorithm>

#include <fmt/format.h>
#include <libpq-fe.h>

#include "store/database.h"

namespace carnet::store {
namespace {

struct FreeOptions {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Options = std::unique_ptr<PQconninfoOption, FreeOptions>;

// Null if libpq cannot read it; its own words hold the whole URL, so nobody gets to see them.
Options parse(std::string_view url) {
  char* why = nullptr;
  Options options(PQconninfoParse(std::string(url).c_str(), &why));
  PQfreemem(why);
  return options;
}

void append_encoded(std::string& out, std::string_view text) {
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
}

std::string_view item_of(std::string_view list, std::size_t index) {
  for (; index > 0; --index) {
    const std::size_t comma = list.find(',');
    if (comma == std::string_view::npos) return list;  // one port for all hosts
    list.remove_prefix(comma + 1);
  }
  return list.substr(0, list.find(','));
}

}  // namespace

bool is_postgres_url(std::string_view url) {
  return (url.starts_with("postgresql://") || url.starts_with("postgres://")) &&
         parse(url) != nullptr;
}

std::string postgres_url_without_secrets(std::string_view url) {
  const Options options = parse(url);
  if (!options) return "postgresql://…";
  std::string user, hosts, ports, name, rest;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val == nullptr) continue;
    const std::string_view keyword(option->keyword);
    if (keyword == "user") {
      user = option->val;
    } else if (keyword == "host") {
      hosts = option->val;
    } else if (keyword == "port") {
      ports = option->val;
    } else if (keyword == "dbname") {
      name = option->val;
    } else if (keyword.find("password") == std::string_view::npos) {
      rest += rest.empty() ? '?' : '&';
      rest += keyword;
      rest += '=';
      append_encoded(rest, option->val);
    }
  }
  std::string out = "postgresql://";
  append_encoded(out, user);
  if (!user.empty()) out += '@';
  const auto commas = static_cast<std::size_t>(std::count(hosts.begin(), hosts.end(), ','));
  for (std::size_t i = 0; i <= commas; ++i) {
    if (i > 0) out += ',';
    append_encoded(out, item_of(hosts, i));
    if (const std::string_view port = item_of(ports, i); !port.empty())
      out += fmt::format(":{}", port);
  }
  if (!name.empty()) {
    out += '/';
    append_encoded(out, name);
  } else if (!rest.empty()) {
    out += '/';
  }
  return out + rest;
}

}  // namespace carnet::store
