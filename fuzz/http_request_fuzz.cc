// Any bytes as what a client of the listener sends. The first byte is the size of the pieces.
#include <cstddef>
#include <cstdint>

#include "api/tests/request_walk.h"
#include "base/check.h"
#include "base/encoding.h"

namespace {

using carnet::api::test::RequestWalk;

void read(RequestWalk& walk, std::string_view bytes, std::size_t piece) {
  for (std::size_t at = 0; at < bytes.size(); at += piece) walk.feed(bytes.substr(at, piece));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes = carnet::as_text({data + 1, size - 1});
  RequestWalk whole;
  read(whole, bytes, bytes.size() + 1);
  RequestWalk pieces;
  read(pieces, bytes, data[0] % 9 + std::size_t{1});
  CARNET_CHECK(whole == pieces);
  // What has been refused stays refused, and what was whole before it is not taken back.
  const std::size_t before = whole.requests().size();
  whole.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CARNET_CHECK(whole.requests().size() >= before);
  CARNET_CHECK(pieces.refused().empty() || whole == pieces);
  return 0;
}
