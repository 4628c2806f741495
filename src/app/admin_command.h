#pragma once
// `carnet admin`: the admin API from the shell, over HTTP to a running service. Exit codes: 0 done,
// 1 the service refused (its own words are printed), 2 usage, 3 the service could not be reached.

#include <optional>
#include <string>

namespace carnet::app {

struct AdminConnection {
  std::string url = "http://127.0.0.1:8080";
  std::string key_file;  // holds the platform's key
  bool json = false;     // print the service's answer as it is
};

struct AdminRequest {
  std::string method;  // GET, POST, DELETE
  std::string path;    // "/admin/tenants"
  std::string body;    // JSON text, "" = none
};

[[nodiscard]] int run_admin_request(const AdminConnection& connection, const AdminRequest& request);

}  // namespace carnet::app
