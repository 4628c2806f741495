#pragma once
// Where ML-KEM and ML-DSA come from. One of two implementations is compiled, chosen by
// cmake/CarnetPqclean.cmake: provider_openssl.cc (OpenSSL 3.5 or newer) or provider_pqclean.cc
// (PQClean's C sources). Both pass the same vectors of others. crypto/mlkem.h and crypto/mldsa.h
// are the doors for everyone else; only provider_name() is meant for them too.
//
// The caller has checked every length against sizes_of(), draws all randomness and owns all memory;
// a wrong length here is a broken invariant. Randomness is an argument so that one vector file can
// hold both providers to every step; callers take it from the system's CSPRNG. Thread-safe.

#include <cstdint>
#include <span>
#include <string>

#include "crypto/mldsa.h"
#include "crypto/mlkem.h"

namespace carnet::crypto {

// "OpenSSL 3.5" or "PQClean", for `carnet version` and reports.
[[nodiscard]] std::string provider_name();

namespace provider {

// FIPS 203 algorithm 16; `seed` is d || z.
void mlkem_keygen(MlKem set, std::span<const std::uint8_t, kMlKemSeedBytes> seed,
                  std::span<std::uint8_t> encapsulation_key,
                  std::span<std::uint8_t> decapsulation_key);
// FIPS 203 algorithm 17; `randomness` is m. False if the provider will not take the key.
[[nodiscard]] bool mlkem_encapsulate(
    MlKem set, std::span<const std::uint8_t> encapsulation_key,
    std::span<const std::uint8_t, kMlKemSharedSecretBytes> randomness,
    std::span<std::uint8_t> ciphertext,
    std::span<std::uint8_t, kMlKemSharedSecretBytes> shared_secret);
// FIPS 203 algorithm 18, implicit rejection included. False if the provider will not take the key.
[[nodiscard]] bool mlkem_decapsulate(
    MlKem set, std::span<const std::uint8_t> decapsulation_key,
    std::span<const std::uint8_t> ciphertext,
    std::span<std::uint8_t, kMlKemSharedSecretBytes> shared_secret);

// FIPS 204 algorithm 6; `seed` is ξ.
void mldsa_keygen(MlDsa set, std::span<const std::uint8_t, kMlDsaSeedBytes> seed,
                  std::span<std::uint8_t> public_key, std::span<std::uint8_t> private_key);
// FIPS 204 algorithm 2; `randomness` is rnd. False if the provider will not take the key.
[[nodiscard]] bool mldsa_sign(MlDsa set, std::span<const std::uint8_t> private_key,
                              const MlDsaMessage& message,
                              std::span<const std::uint8_t, kMlDsaRandomBytes> randomness,
                              std::span<std::uint8_t> signature);
// FIPS 204 algorithm 3.
[[nodiscard]] bool mldsa_verify(MlDsa set, std::span<const std::uint8_t> public_key,
                                const MlDsaMessage& message,
                                std::span<const std::uint8_t> signature);

}  // namespace provider
}  // namespace carnet::crypto
