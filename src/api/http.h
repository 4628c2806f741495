#pragma once
// Requests and responses as plain structs: handlers and pages see these, never Beast. A Request's
// views point into the connection's buffer and live until the response has been sent. Not shared
// between threads.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/task.h"
#include "net/ip.h"

namespace carnet::api {

enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };
[[nodiscard]] std::string_view to_string(Method method);

struct Header {
  std::string_view name, value;
};

struct Request {
  Method method = Method::kGet;
  std::string_view target;  // as sent
  std::string_view
      path;  // without the query; percent-encoding is decoded per segment by the router
  std::string_view query;  // without '?'
  std::vector<Header> headers;
  std::string_view body;
  net::IpAddress peer;  // the visitor: X-Forwarded-For only from a trusted proxy
  bool https = false;
  bool forwarded = false;  // a proxy says that it passed this on (whether it is trusted or not)

  // The first header of that name (any case), or "".
  [[nodiscard]] std::string_view header(std::string_view name) const;
  // The number of headers of that name.
  [[nodiscard]] std::size_t header_count(std::string_view name) const;
  // The decoded value of the first such query parameter; nullopt if absent or badly encoded.
  [[nodiscard]] std::optional<std::string> query_value(std::string_view name) const;
};

// A body that is produced while it is sent (server-sent events). next() gives nullopt at the end.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  [[nodiscard]] virtual Task<std::optional<std::string>> next() = 0;
  // After the end: it is not whole, and the answer must not look so.
  [[nodiscard]] virtual bool broken() const { return false; }
};

// One path segment or query part with its %XX decoded once; nullopt for a bad escape.
// `plus_is_space` for queries.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text,
                                                        bool plus_is_space = false);

// The decoded value of the first parameter of that name in a query or a form
// (application/x-www-form-urlencoded); nullopt if absent or badly encoded.
[[nodiscard]] std::optional<std::string> form_value(std::string_view form, std::string_view name);

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  // Constant header lines besides those, each ending with CR LF; lives as long as the program.
  std::string_view fixed_headers;
  std::string body;
  std::shared_ptr<const std::string> shared_body;  // instead of body: many answers, one text
  std::unique_ptr<BodyStream> stream;              // instead of body
  [[nodiscard]] std::string_view bytes() const {
    return shared_body ? std::string_view(*shared_body) : body;
  }
};

}  // namespace carnet::api
