// Any bytes as a TLS server's answer, to both readers of it. The parser of what is in the clear and
// the client that goes on to the Finished must stay within their bounds, and the chunking must not
// matter; nothing that was not made with the client's keys may be proven. The same bytes are also
// taken for what a server sent under encryption. Certificates that come out go through the X.509
// reader too.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "inventory/x509.h"
#include "probe/http_banner.h"
#include "probe/tls_client.h"
#include "probe/tls_flight.h"
#include "probe/tls_parser.h"

namespace {

using namespace carnet::probe;
using carnet::Bytes;
using Input = std::span<const std::uint8_t>;

// Without the registry, whose parsing would only slow the fuzzer: the suite's low bits choose the
// form.
KeyExchangeForm form_of(std::uint16_t suite) { return static_cast<KeyExchangeForm>(suite % 3); }

// The same hello every time, so that an input can echo its session id (32 bytes of 42).
class FixedRandom final : public carnet::Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    std::fill(out.begin(), out.end(), std::uint8_t{0x42});
  }
};

void read_certificates(const std::vector<Bytes>& chain) {
  for (const Bytes& der : chain) {
    [[maybe_unused]] const auto parsed = carnet::inventory::parse_certificate(der);
  }
}

void parse_cleartext(Input bytes, std::size_t chunk) {
  TlsServerParser whole(form_of), pieces(form_of);
  whole.feed(bytes);
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    pieces.feed(bytes.subspan(at, std::min(chunk, bytes.size() - at)));
  }
  CARNET_CHECK(whole.state() == pieces.state());
  CARNET_CHECK(whole.failure() == pieces.failure());
  CARNET_CHECK(whole.certificates() == pieces.certificates());
  CARNET_CHECK(whole.server_hello().has_value() == pieces.server_hello().has_value());
  read_certificates(whole.certificates());
}

void drive_client(Input bytes, std::size_t chunk) {
  FixedRandom random;
  ClientOffer offer;
  offer.hello.versions = {kTls13, kTls12};
  offer.hello.suites = {0x1301, 0x1302, 0x1303};
  offer.hello.groups = {0x001D, 0x0017};
  offer.hello.signature_schemes = {0x0807, 0x0403};
  offer.shares = {0x001D};
  TlsClient client(std::move(offer), std::size_t{64} * 1024, random);
  std::size_t said = client.take_output().size();
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    client.feed(bytes.subspan(at, std::min(chunk, bytes.size() - at)));
    said += client.take_output().size();
  }
  CARNET_CHECK(client.state() != TlsClient::State::kProven);
  CARNET_CHECK(said < 4096);  // a hello, and after a retry request one more
  if (client.state() == TlsClient::State::kFailed) CARNET_CHECK(!client.facts().failure.empty());
}

void read_flight(Input bytes, std::size_t chunk) {
  MessageBuffer buffer;
  FlightReader reader;
  for (std::size_t at = 0; at < bytes.size(); at += chunk) {
    if (!buffer.add(bytes.subspan(at, std::min(chunk, bytes.size() - at)))) break;
    while (const auto message = buffer.next()) {
      if (reader.take(*message)) continue;
      CARNET_CHECK(!reader.failure().empty());
      return;
    }
  }
  CARNET_CHECK(reader.facts().chain.size() <= 32 && reader.facts().groups.size() <= 256);
  read_certificates(reader.facts().chain);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Input bytes(data, size);
  const std::size_t chunk = size == 0 ? 1 : data[size - 1] % 7 + 1;
  parse_cleartext(bytes, chunk);
  // Making a key takes most of the time, so only what begins like an answer gets that far.
  constexpr std::uint8_t kHandshakeRecord = 22;
  if (size > 40 && data[0] == kHandshakeRecord) drive_client(bytes, chunk * 16);
  read_flight(bytes, chunk * 16);
  CARNET_CHECK(server_header(carnet::as_text(bytes)).size() <= 120);
  return 0;
}
