#include "app/admin_command.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/api_client.h"
#include "app/data_dir.h"
#include "base/json.h"

namespace carnet::app {
namespace {

void print_object(const boost::json::object& object, std::string_view indent) {
  for (const auto& member : object) {
    const std::string_view name(member.key().data(), member.key().size());
    if (name == "status" || name == "nextCursor" || name == "hasMore" || name == "count") continue;
    if (const auto* list = member.value().if_array()) {
      if (list->empty()) fmt::print("{}none\n", indent);
      bool first = true;
      for (const auto& item : *list) {
        if (!first) fmt::print("\n");
        first = false;
        if (const auto* inner = item.if_object()) {
          print_object(*inner, indent);
        } else {
          fmt::print("{}{}\n", indent, plain_text(item));
        }
      }
    } else {
      fmt::print("{}{:<15} {}\n", indent, name, plain_text(member.value()));
    }
  }
}

}  // namespace

int run_admin_request(const AdminConnection& connection, const AdminRequest& request) {
  auto key = read_key_file(connection.key_file);
  if (!key || key->empty()) {
    fmt::print(stderr, "carnet admin: {}\n",
               key ? fmt::format("there is no admin key at {}; name the file with --admin-key-file "
                                 "or its directory with --data",
                                 connection.key_file)
                   : key.error().public_detail);
    return kExitBadUsage;
  }
  boost::json::object answer;
  const int code = ask_service(
      "admin",
      {.url = connection.url, .method = request.method, .path = request.path, .body = request.body},
      *key, answer);
  if (code != 0) return code;
  if (connection.json) {
    fmt::print("{}", json::write_pretty(answer));
  } else {
    print_object(answer, "");
  }
  return 0;
}

}  // namespace carnet::app
