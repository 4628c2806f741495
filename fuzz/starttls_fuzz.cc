// Any bytes as the server's side of a STARTTLS dialogue, and as a greeting to recognise. The first
// byte picks the protocol, the second the size of the pieces.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "probe/recognise.h"
#include "probe/starttls.h"

namespace {

using carnet::probe::StarttlsDialogue;
using State = StarttlsDialogue::State;

struct Seen {
  State state = State::kTalking;
  carnet::Bytes sent;
  std::string detail, greeting;
  bool recognised = false;
  std::size_t early = 0;
  bool operator==(const Seen&) const = default;
};

Seen talk(carnet::probe::Protocol protocol, std::span<const std::uint8_t> bytes,
          std::size_t chunk) {
  const auto dialogue = carnet::probe::make_starttls_dialogue(protocol, "fuzz.example");
  Seen out;
  const auto take = [&] {
    const carnet::Bytes said = dialogue->take_output();
    out.sent.insert(out.sent.end(), said.begin(), said.end());
  };
  take();
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    dialogue->feed(bytes.subspan(at, std::min(chunk, bytes.size() - at)));
    take();
  }
  out.state = dialogue->state();
  out.detail = dialogue->detail();
  out.greeting = dialogue->greeting();
  out.recognised = dialogue->recognised();
  out.early = dialogue->early_bytes();
  return out;
}

bool printable(const std::string& text) {
  for (const char c : text) {
    if (c < 0x20 || c > 0x7E) return false;
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto& row = carnet::probe::protocol_rows()[data[0] % carnet::probe::protocol_rows().size()];
  const std::span<const std::uint8_t> bytes(data + 2, size - 2);
  const Seen whole = talk(row.protocol, bytes, bytes.size() + 1);
  const Seen pieces = talk(row.protocol, bytes, data[1] % 9 + 1);
  CARNET_CHECK(whole == pieces);
  CARNET_CHECK(printable(whole.detail) && printable(whole.greeting));
  CARNET_CHECK(whole.early == 0 || whole.state == State::kReady);
  // Every verdict but a failure comes from a server that was recognised, and has its reason.
  const bool verdict = whole.state == State::kNotOffered || whole.state == State::kRefused;
  CARNET_CHECK(!verdict || (whole.recognised && !whole.detail.empty()));
  CARNET_CHECK(whole.state != State::kReady || whole.recognised);

  const auto greeting = carnet::probe::classify_greeting(bytes, true);
  CARNET_CHECK(greeting && printable(greeting->text));
  using Kind = carnet::probe::Greeting::Kind;
  CARNET_CHECK((greeting->kind == Kind::kProtocols) == !greeting->candidates.empty());
  return 0;
}
