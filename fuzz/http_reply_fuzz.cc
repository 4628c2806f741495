// Any bytes as an HTTP answer. The first byte bounds the body, the second is the size of the
// pieces.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/encoding.h"
#include "probe/http_reply.h"

namespace {

using carnet::probe::HttpReplyReader;
using State = HttpReplyReader::State;

struct Seen {
  State fed = State::kMore;
  State ended = State::kMore;
  int status = 0;
  std::string body, location;
  bool operator==(const Seen&) const = default;
};

Seen read(std::string_view bytes, std::size_t body_bytes_max, std::size_t chunk) {
  HttpReplyReader reader(body_bytes_max);
  Seen out;
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    out.fed = reader.feed(bytes.substr(at, chunk));
    CARNET_CHECK(reader.body().size() <= body_bytes_max);
  }
  out.ended = reader.finish();
  // What has ended stays ended.
  CARNET_CHECK(out.ended != State::kMore && reader.feed("more") == out.ended);
  CARNET_CHECK(reader.finish() == out.ended);
  CARNET_CHECK(out.fed == State::kMore || out.fed == out.ended);
  out.status = reader.status();
  out.location = reader.location();
  // Of an answer that failed nobody may use the body, and how much of it came first is open.
  if (out.ended == State::kDone) out.body = reader.body();
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t body_bytes_max = std::size_t{data[0]} * 16;
  const std::string_view bytes = carnet::as_text({data + 2, size - 2});
  const Seen whole = read(bytes, body_bytes_max, bytes.size() + 1);
  const Seen pieces = read(bytes, body_bytes_max, data[1] % 9 + 1);
  CARNET_CHECK(whole == pieces);
  CARNET_CHECK(whole.ended != State::kDone || (whole.status >= 200 && whole.status <= 999));
  CARNET_CHECK(whole.body.size() <= bytes.size() && whole.location.size() <= 2048);
  return 0;
}
