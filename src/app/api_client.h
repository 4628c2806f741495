#pragma once
// Requests to a running service over HTTP with libcurl, for shell commands. Blocking; no redirects
// are followed; every function may be called by one thread at a time.

#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/error.h"
#include "base/secret.h"

namespace carnet::app {

// Exit codes of commands that ask a service.
inline constexpr int kExitRefused = 1;
inline constexpr int kExitBadUsage = 2;
inline constexpr int kExitUnreached = 3;

struct ApiRequest {
  std::string url = "http://127.0.0.1:8080";      // of the service, without a slash at the end
  std::string method;                             // GET, POST, DELETE
  std::string path;                               // "/admin/tenants"
  std::string body;                               // "" = none
  std::string content_type = "application/json";  // of the body
};

// Sends it with the key as Bearer. 0 and the answer's object in `answer`; else kExitRefused or
// kExitUnreached, with a sentence that begins "carnet COMMAND: " on standard error: the service's
// own words if it refused.
[[nodiscard]] int ask_service(std::string_view command, const ApiRequest& request,
                              const Secret& key, boost::json::object& answer);

// The same for an answer of any length, which is written to `fd` as it comes; no time limit as long
// as something comes. One that breaks off is kExitUnreached.
[[nodiscard]] int save_answer(std::string_view command, const ApiRequest& request,
                              const Secret& key, int fd);

// A value as a line for people: a text with nothing that a terminal acts on, null as "-".
[[nodiscard]] std::string plain_text(const boost::json::value& value);

}  // namespace carnet::app
