#pragma once
// ML-DSA-44, -65 and -87 (FIPS 204), the pure form with a context string: signatures on passports,
// log checkpoints and whatever else must outlive classical cryptography. Carnet signs with -65; the
// other two are for verifying what others signed. All encodings are the standard's raw bytes. The
// arithmetic is the provider's (crypto/provider.h). Pure functions; thread-safe. Secrets wipe
// themselves.

#include <cstdint>
#include <span>
#include <string_view>

#include "base/encoding.h"
#include "base/error.h"
#include "base/random.h"
#include "base/secret.h"

namespace carnet::crypto {

enum class MlDsa { k44, k65, k87 };

struct MlDsaSizes {
  std::size_t public_key;
  std::size_t private_key;
  std::size_t signature;
};

inline constexpr std::size_t kMlDsaSeedBytes = 32;         // ξ
inline constexpr std::size_t kMlDsaRandomBytes = 32;       // rnd of hedged signing
inline constexpr std::size_t kMlDsaContextBytesMax = 255;  // limit: internal

// Bytes; FIPS 204 table 2.
[[nodiscard]] constexpr MlDsaSizes sizes_of(MlDsa set) {
  switch (set) {
    case MlDsa::k44:
      return {.public_key = 1312, .private_key = 2560, .signature = 2420};
    case MlDsa::k65:
      return {.public_key = 1952, .private_key = 4032, .signature = 3309};
    case MlDsa::k87:
      return {.public_key = 2592, .private_key = 4896, .signature = 4627};
  }
}

// "ML-DSA-65".
[[nodiscard]] std::string_view name_of(MlDsa set);

struct MlDsaKeyPair {
  Bytes public_key;
  Secret seed;         // what to store: kMlDsaSeedBytes give the whole pair again
  Secret private_key;  // the expanded form of FIPS 204, what mldsa_sign takes
};

// What is signed. `context` separates uses of one key and must be the same on both sides.
struct MlDsaMessage {
  std::span<const std::uint8_t> message;
  std::string_view context = {};  // at most kMlDsaContextBytesMax
};

[[nodiscard]] MlDsaKeyPair mldsa_generate(MlDsa set, Random& random);
// The key pair of a stored seed. kValidationFailed unless the seed has kMlDsaSeedBytes.
[[nodiscard]] Result<MlDsaKeyPair> mldsa_from_seed(MlDsa set, const Secret& seed);

// Hedged signing (FIPS 204 section 3.4): fresh randomness in every signature, so two of one message
// differ. kValidationFailed for a private key of a wrong length or a context that is too long.
[[nodiscard]] Result<Bytes> mldsa_sign(MlDsa set, const Secret& private_key,
                                       const MlDsaMessage& message, Random& random);

// False for anything that is not a signature of this message and context by this key, wrong lengths
// included.
[[nodiscard]] bool mldsa_verify(MlDsa set, std::span<const std::uint8_t> public_key,
                                const MlDsaMessage& message,
                                std::span<const std::uint8_t> signature);

}  // namespace carnet::crypto
