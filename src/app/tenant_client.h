#pragma once
// What the shell commands that speak to a running service with a tenant's key share: the
// connection, the request, tables on the terminal. Blocking; one thread at a time.

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "app/api_client.h"

namespace carnet::app {

struct TenantConnection {
  std::string url = "http://127.0.0.1:8080";
  std::string key;       // an API key, "" = from key_file
  std::string key_file;  // holds one
  bool json = false;     // print the service's answer as it is
};

// Prints "carnet COMMAND: SENTENCE" and gives kExitBadUsage.
int usage_error(std::string_view command, std::string_view sentence);

// The request with the connection's URL and key; exit codes as ask_service().
[[nodiscard]] int ask_as_tenant(std::string_view command, const TenantConnection& connection,
                                ApiRequest request, boost::json::object& answer);

// The same for an answer that is written to a file (save_answer()).
[[nodiscard]] int save_as_tenant(std::string_view command, const TenantConnection& connection,
                                 ApiRequest request, int fd);

// An id that goes into a URL path is checked, so that a typing error cannot name another route.
[[nodiscard]] bool is_id(std::string_view text, std::string_view prefix);

// Percent-encoded, for the query of a path.
[[nodiscard]] std::string query_value(std::string_view text);

using TableLine = std::vector<std::string>;
void print_table(const std::vector<TableLine>& lines);

// "count", "3"; "-" for what is not there.
[[nodiscard]] std::string member(const boost::json::object& object, std::string_view name);

}  // namespace carnet::app
