#pragma once
// The URL of a receiver, read once by the rules of net/target.h. Pure functions.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace carnet::net {

struct HttpUrl {
  bool tls = true;
  std::string host;  // lower-case A-label name, or an address without brackets
  std::uint16_t port = 443;
  std::string path = "/";  // with its query

  // "https://example.org/hook?a=1", "http://[::1]:8080/"
  [[nodiscard]] std::string text() const;
};

inline constexpr std::size_t kHttpUrlBytesMax = 2048;

// http and https; neither user nor fragment. kValidationFailed with no field name (the caller adds
// it) and a phrase that says what would be right.
[[nodiscard]] Result<HttpUrl> parse_http_url(std::string_view text);

}  // namespace carnet::net
