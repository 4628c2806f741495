#include "crypto/mlkem.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "crypto/hash.h"
#include "crypto/provider.h"
#include "crypto/wiped.h"

namespace carnet::crypto {
namespace {

constexpr unsigned kModulus = 3329;
constexpr std::size_t kRhoBytes = 32;
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kRejectionSecretBytes = 32;

std::span<std::uint8_t> bytes_of(std::string& text) {
  return {reinterpret_cast<std::uint8_t*>(text.data()), text.size()};
}

tl::unexpected<Error> wrong_length(MlKem set, std::string_view what, std::size_t got,
                                   std::size_t wanted) {
  return make_error(
      ErrorCode::kValidationFailed,
      fmt::format("An {} {} has {} bytes; this one has {}.", name_of(set), what, wanted, got));
}

// FIPS 203 section 7.2: every 12-bit coefficient must be what ByteEncode12 writes, that is below q.
// The last 32 bytes are the matrix seed, where every value is good.
bool is_reduced(std::span<const std::uint8_t> encapsulation_key) {
  const auto packed = encapsulation_key.first(encapsulation_key.size() - kRhoBytes);
  for (std::size_t i = 0; i + 2 < packed.size(); i += 3) {
    const unsigned first = packed[i] | (packed[i + 1] & 0x0FU) << 8;
    const unsigned second = packed[i + 1] >> 4 | static_cast<unsigned>(packed[i + 2]) << 4;
    if (first >= kModulus || second >= kModulus) return false;
  }
  return true;
}

// FIPS 203 section 7.3: a decapsulation key is dk_PKE || ek || H(ek) || z.
bool holds_its_own_hash(MlKem set, std::span<const std::uint8_t> decapsulation_key) {
  static const EVP_MD* const sha3_256 = EVP_MD_fetch(nullptr, "SHA3-256", nullptr);
  const std::size_t key_bytes = sizes_of(set).encapsulation_key;
  const auto tail = decapsulation_key.last(key_bytes + kHashBytes + kRejectionSecretBytes);
  std::array<std::uint8_t, kHashBytes> digest{};
  CARNET_CHECK(EVP_Digest(tail.data(), key_bytes, digest.data(), nullptr, sha3_256, nullptr) == 1);
  return equal_constant_time(digest, tail.subspan(key_bytes, kHashBytes));
}

MlKemKeyPair expand(MlKem set, std::span<const std::uint8_t, kMlKemSeedBytes> seed) {
  const MlKemSizes sizes = sizes_of(set);
  Bytes encapsulation_key(sizes.encapsulation_key);
  std::string decapsulation_key(sizes.decapsulation_key, '\0');
  provider::mlkem_keygen(set, seed, encapsulation_key, bytes_of(decapsulation_key));
  return {.encapsulation_key = std::move(encapsulation_key),
          .decapsulation_key = Secret(std::move(decapsulation_key))};
}

}  // namespace

std::string_view name_of(MlKem set) {
  switch (set) {
    case MlKem::k512:
      return "ML-KEM-512";
    case MlKem::k768:
      return "ML-KEM-768";
    case MlKem::k1024:
      return "ML-KEM-1024";
  }
}

MlKemKeyPair mlkem_generate(MlKem set, Random& random) {
  WipedArray<kMlKemSeedBytes> seed;
  random.fill(seed.span());
  return expand(set, seed.span());
}

Result<MlKemKeyPair> mlkem_from_seed(MlKem set, const Secret& seed) {
  const auto bytes = as_bytes(seed.expose());
  if (bytes.size() != kMlKemSeedBytes)
    return wrong_length(set, "seed", bytes.size(), kMlKemSeedBytes);
  return expand(set, bytes.first<kMlKemSeedBytes>());
}

Result<MlKemEncapsulation> mlkem_encapsulate(MlKem set,
                                             std::span<const std::uint8_t> encapsulation_key,
                                             Random& random) {
  const MlKemSizes sizes = sizes_of(set);
  if (encapsulation_key.size() != sizes.encapsulation_key)
    return wrong_length(set, "encapsulation key", encapsulation_key.size(),
                        sizes.encapsulation_key);
  const auto refused = make_error(
      ErrorCode::kValidationFailed,
      fmt::format(
          "This {} encapsulation key has a coefficient outside the modulus (FIPS 203, 7.2).",
          name_of(set)));
  if (!is_reduced(encapsulation_key)) return refused;
  WipedArray<kMlKemSharedSecretBytes> randomness, shared_secret;
  random.fill(randomness.span());
  Bytes ciphertext(sizes.ciphertext);
  if (!provider::mlkem_encapsulate(set, encapsulation_key, randomness.span(), ciphertext,
                                   shared_secret.span()))
    return refused;
  return MlKemEncapsulation{.ciphertext = std::move(ciphertext),
                            .shared_secret = Secret(std::string(as_text(shared_secret.span())))};
}

Result<Secret> mlkem_decapsulate(MlKem set, const Secret& decapsulation_key,
                                 std::span<const std::uint8_t> ciphertext) {
  const MlKemSizes sizes = sizes_of(set);
  const auto key = as_bytes(decapsulation_key.expose());
  if (key.size() != sizes.decapsulation_key)
    return wrong_length(set, "decapsulation key", key.size(), sizes.decapsulation_key);
  if (ciphertext.size() != sizes.ciphertext)
    return wrong_length(set, "ciphertext", ciphertext.size(), sizes.ciphertext);
  const auto refused =
      make_error(ErrorCode::kValidationFailed,
                 fmt::format("This {} decapsulation key is damaged: its inner hash does not fit.",
                             name_of(set)));
  if (!holds_its_own_hash(set, key)) return refused;
  WipedArray<kMlKemSharedSecretBytes> shared_secret;
  if (!provider::mlkem_decapsulate(set, key, ciphertext, shared_secret.span())) return refused;
  return Secret(std::string(as_text(shared_secret.span())));
}

}  // namespace carnet::crypto
