// Whatever bytes are handed in to be verified get a verdict, and never "valid": the keys that are
// trusted here have signed nothing that anybody could know.

#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "crypto/ed25519.h"
#include "crypto/mldsa.h"
#include "evidence/verify.h"

namespace {

constexpr std::string_view kCut("\xff\xfe\xff", 3);

carnet::evidence::KeySet trusted() {
  using carnet::evidence::KeyAlgorithm;
  using carnet::evidence::KeyUse;
  carnet::SystemRandom random;
  carnet::evidence::KeySet set;
  const auto add = [&](KeyAlgorithm algorithm, KeyUse use, carnet::Bytes raw) {
    set.keys.push_back(carnet::evidence::public_key(algorithm, use, std::move(raw), {}));
  };
  for (const KeyUse use : {KeyUse::kPassport, KeyUse::kLog}) {
    const auto classical = carnet::crypto::ed25519_generate(random);
    add(KeyAlgorithm::kEd25519, use,
        carnet::Bytes(classical.public_key.begin(), classical.public_key.end()));
    add(KeyAlgorithm::kMlDsa65, use,
        carnet::crypto::mldsa_generate(carnet::crypto::MlDsa::k65, random).public_key);
  }
  return set;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const carnet::evidence::KeySet kTrusted = trusted();
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  // Two parts, so that a passport beside a file, and a proof beside a passport, are reached too.
  const std::size_t cut = bytes.find(kCut);
  const std::string_view first = bytes.substr(0, cut);
  const std::string_view second =
      cut == std::string_view::npos ? std::string_view{} : bytes.substr(cut + kCut.size());
  const carnet::Timestamp now = carnet::from_millis(1'795'500'400'000);
  carnet::evidence::VerifyInput input{
      .document = first, .passport = second, .trusted = &kTrusted, .now = now};
  const auto check = [&] {
    static_cast<void>(carnet::evidence::glance(input));
    const auto result = carnet::evidence::verify(input);
    CARNET_CHECK(result.verdict != carnet::evidence::Verdict::kValid);
    CARNET_CHECK(!carnet::evidence::signatures_hold(result));
  };
  check();
  input.passport = {};
  input.log_proof = second;
  check();
  static_cast<void>(carnet::evidence::read_key_set(first));
  return 0;
}
