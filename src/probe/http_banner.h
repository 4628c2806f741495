#pragma once
// What an HTTP server calls itself: one HEAD request inside a proven handshake, sent only where a
// scan asks for it. The request says who asks. Used by one endpoint's coroutines.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/task.h"
#include "probe/wire.h"

namespace carnet::probe {

// The value of the Server header; "" if there is none or no answer came. `group` is a key exchange
// that the server is known to take.
[[nodiscard]] Task<std::string> ask_http_server(Wire& wire, std::uint16_t group);

// The value of the Server header in an HTTP/1.x answer's head: printable ASCII, at most 120
// characters; "" if there is none or the text is no HTTP answer.
[[nodiscard]] std::string server_header(std::string_view answer);

}  // namespace carnet::probe
