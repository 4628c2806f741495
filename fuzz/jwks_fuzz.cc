// Any JSON as a key set of a server.
#include <cstddef>
#include <cstdint>

#include "inventory/jwks.h"
#include "json_files_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = carnet::json::parse(carnet::fuzz::text_of(data, size));
  if (!value) return 0;
  std::size_t faults = 0;
  const auto fault = [&faults](std::size_t, std::string detail) {
    CARNET_CHECK(!detail.empty());
    ++faults;
  };
  const auto set = carnet::inventory::read_jwks(*value, fault);
  CARNET_CHECK(set.keys.size() <= carnet::inventory::kJwksKeysMax);
  for (const auto& key : set.keys) {
    for (const std::string& text : {key.kid, key.kty, key.alg, key.crv, key.use}) {
      carnet::fuzz::check_text(text);
    }
    CARNET_CHECK(key.bits >= 0);
    CARNET_CHECK(key.kty != "oct" || key.thumbprint.empty());
  }
  return 0;
}
