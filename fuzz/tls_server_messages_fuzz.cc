// Any bytes as a TLS server's answer: the parser must stay within its bounds, and the chunking must
// not matter. Certificates that come out go through the X.509 reader too.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "inventory/x509.h"
#include "probe/tls_ask.h"
#include "probe/tls_parser.h"

namespace {

// Without the registry, whose parsing would only slow the fuzzer: the suite's low bits choose the
// form.
carnet::probe::KeyExchangeForm form_of(std::uint16_t suite) {
  return static_cast<carnet::probe::KeyExchangeForm>(suite % 3);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  carnet::probe::TlsServerParser whole(form_of), pieces(form_of);
  whole.feed(bytes);
  const std::size_t chunk = size == 0 ? 1 : data[size - 1] % 7 + 1;
  for (std::size_t at = 0; at < size; at += chunk) {
    pieces.feed(bytes.subspan(at, std::min(chunk, size - at)));
  }
  CARNET_CHECK(whole.state() == pieces.state());
  CARNET_CHECK(whole.failure() == pieces.failure());
  CARNET_CHECK(whole.certificates() == pieces.certificates());
  CARNET_CHECK(whole.server_hello().has_value() == pieces.server_hello().has_value());
  for (const auto& der : whole.certificates()) {
    [[maybe_unused]] const auto parsed = carnet::inventory::parse_certificate(der);
  }
  return 0;
}
