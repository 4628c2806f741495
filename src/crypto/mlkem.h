#pragma once
// ML-KEM-512, -768 and -1024 (FIPS 203): key encapsulation, as the hybrid key exchanges of TLS and
// SSH use it. All encodings are the standard's raw bytes. The arithmetic is the provider's
// (crypto/provider.h); the input checks that FIPS 203 section 7 asks for are made here, for both
// providers alike. Pure functions; thread-safe. Secrets wipe themselves.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/encoding.h"
#include "base/error.h"
#include "base/random.h"
#include "base/secret.h"

namespace carnet::crypto {

enum class MlKem { k512, k768, k1024 };

struct MlKemSizes {
  std::size_t encapsulation_key;
  std::size_t decapsulation_key;
  std::size_t ciphertext;
};

inline constexpr std::size_t kMlKemSeedBytes = 64;  // d || z
inline constexpr std::size_t kMlKemSharedSecretBytes = 32;

// Bytes; FIPS 203 table 3.
[[nodiscard]] constexpr MlKemSizes sizes_of(MlKem set) {
  switch (set) {
    case MlKem::k512:
      return {.encapsulation_key = 800, .decapsulation_key = 1632, .ciphertext = 768};
    case MlKem::k768:
      return {.encapsulation_key = 1184, .decapsulation_key = 2400, .ciphertext = 1088};
    case MlKem::k1024:
      return {.encapsulation_key = 1568, .decapsulation_key = 3168, .ciphertext = 1568};
  }
}

// "ML-KEM-768".
[[nodiscard]] std::string_view name_of(MlKem set);

struct MlKemKeyPair {
  Bytes encapsulation_key;   // public
  Secret decapsulation_key;  // the expanded form of FIPS 203, not the seed
};

struct MlKemEncapsulation {
  Bytes ciphertext;
  Secret shared_secret;  // kMlKemSharedSecretBytes
};

[[nodiscard]] MlKemKeyPair mlkem_generate(MlKem set, Random& random);
// The key pair of a stored seed. kValidationFailed unless the seed has kMlKemSeedBytes.
[[nodiscard]] Result<MlKemKeyPair> mlkem_from_seed(MlKem set, const Secret& seed);

// kValidationFailed for a key of a wrong length or with a coefficient that is not reduced modulo q
// (FIPS 203 section 7.2).
[[nodiscard]] Result<MlKemEncapsulation> mlkem_encapsulate(
    MlKem set, std::span<const std::uint8_t> encapsulation_key, Random& random);

// kValidationFailed for a wrong length or a decapsulation key whose inner hash does not fit (FIPS
// 203 section 7.3). A ciphertext that was not made for this key is no error: it gives a secret
// nobody else has (implicit rejection).
[[nodiscard]] Result<Secret> mlkem_decapsulate(MlKem set, const Secret& decapsulation_key,
                                               std::span<const std::uint8_t> ciphertext);

}  // namespace carnet::crypto
