#pragma once
// One GET over HTTP or HTTPS with libcurl, for shell commands. Blocks. No redirects are followed:
// what vouches for a document must come from where it was asked for.

#include <string>

#include "base/error.h"

namespace carnet::app {

struct Fetched {
  long status = 0;
  std::string body;
};
// kUnavailable with the reason if there is no answer within the time, or more than `bytes_max`.
[[nodiscard]] Result<Fetched> fetch(const std::string& url, std::size_t bytes_max);

}  // namespace carnet::app
