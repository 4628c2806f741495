// Any bytes as a certificate, and as the parts of one that are read alone.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/text.h"
#include "inventory/spki.h"
#include "inventory/x509.h"
#include "inventory/x509_text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> bytes(data, size);
  using carnet::inventory::parse_certificate;
  const auto once = parse_certificate(bytes);
  const auto again = parse_certificate(bytes);
  CARNET_CHECK(once.has_value() == again.has_value());
  if (once) {
    CARNET_CHECK(once->sha256 == again->sha256 && once->key_algorithm == again->key_algorithm);
    CARNET_CHECK(!once->key_algorithm.empty() && !once->signature_algorithm.empty());
    CARNET_CHECK(once->key_bits >= 0 && once->sans.size() <= 500);
    CARNET_CHECK(!carnet::inventory::public_key_info_of(bytes).empty());
    for (const std::string& text : {once->subject, once->issuer}) {
      CARNET_CHECK(carnet::is_valid_utf8(text) && text.size() <= 1024);
    }
  }
  [[maybe_unused]] const auto key = carnet::inventory::read_spki(bytes);
  [[maybe_unused]] const auto name = carnet::inventory::name_text(bytes);
  [[maybe_unused]] const bool fits =
      carnet::inventory::certificate_matches_host(bytes, "example.org");
  return 0;
}
