#pragma once
// The rules for a request's head that Beast's parser leaves open, and the text of an answer's head.
// Pure functions over bytes; no I/O. Sources: RFC 9110, RFC 9112.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "api/http.h"
#include "base/error.h"
#include "net/ip.h"

namespace carnet::api {

// Finds the blank line that ends a head, looking at each byte once however the bytes arrive.
// Refuses what two parsers might read differently: a line feed without carriage return, a folded
// line (RFC 9112 section 5.2), a first byte that cannot begin a method (a TLS hello on a plain
// port).
class HeadScanner {
 public:
  enum class State { kIncomplete, kComplete, kMalformed };
  // `data` is everything received of this request so far.
  [[nodiscard]] State scan(std::string_view data);
  [[nodiscard]] std::size_t end() const {
    return end_;
  }  // bytes of the head, the blank line included
  void reset() { *this = HeadScanner{}; }

 private:
  std::size_t scanned_ = 0;
  std::size_t line_start_ = 0;
  std::size_t end_ = 0;
};

// How the body is framed.
struct Framing {
  bool chunked = false;
  std::uint64_t content_length = 0;
  bool expects_continue = false;
};

// Of a method or a field's name (RFC 9110 section 5.6.2).
[[nodiscard]] bool is_token_char(char c);

// Checks what smuggling lives on: Host (exactly one for HTTP/1.1, and no other than an absolute
// target's), Content-Length together with Transfer-Encoding, more than one Content-Length, one that
// is not plain digits or begins with a zero that does not count, codings other than "chunked".
// Fills path and query from the target (origin or absolute form, RFC 9112 section 3.2).
// kMalformedRequest with a sentence that names the header.
[[nodiscard]] Result<Framing> check_head(Request& request, bool http11);

// Who is asking: the socket's peer, or what a trusted proxy says of it (the right-most
// X-Forwarded-For address that is not a trusted proxy itself). Sets peer, https and forwarded.
// `tls`: the socket's peer came by TLS; X-Forwarded-Proto of a trusted proxy overrules it.
void apply_forwarding(Request& request, const net::IpAddress& socket_peer, bool tls,
                      const std::vector<net::Cidr>& trusted);

struct HeadText {
  bool http11 = true;
  bool keep_alive = true;
  std::string_view date;  // IMF-fixdate
};
// Appends status line and headers. Content-Length is the body's, also for HEAD; none for 204, 304
// and streams.
void append_head(std::string& out, const Response& response, const HeadText& how);
// "Sun, 06 Nov 1994 08:49:37 GMT"
[[nodiscard]] std::string imf_fixdate(std::int64_t unix_seconds);

}  // namespace carnet::api
