#pragma once
// Ed25519 (RFC 8032, the pure form) from OpenSSL's EVP: the classical half of every signature
// Carnet makes. Raw encodings. Pure functions; thread-safe. Secrets wipe themselves.

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/encoding.h"
#include "base/error.h"
#include "base/random.h"
#include "base/secret.h"

namespace carnet::crypto {

inline constexpr std::size_t kEd25519SeedBytes = 32;

using Ed25519PublicKey = std::array<std::uint8_t, 32>;
using Ed25519Signature = std::array<std::uint8_t, 64>;

// A private key as OpenSSL keeps it: with its public half, which takes as long to compute as half a
// signature. Wiped when the last holder lets go.
class Ed25519Prepared;

struct Ed25519KeyPair {
  Ed25519PublicKey public_key{};
  Secret seed;  // kEd25519SeedBytes; the private key of RFC 8032 section 5.1.5
  // Of this seed; null in a pair that was put together by hand.
  std::shared_ptr<const Ed25519Prepared> prepared{};
};

[[nodiscard]] Ed25519KeyPair ed25519_generate(Random& random);
// kValidationFailed unless the seed has kEd25519SeedBytes.
[[nodiscard]] Result<Ed25519KeyPair> ed25519_from_seed(const Secret& seed);

// Deterministic. kValidationFailed unless the seed has kEd25519SeedBytes.
[[nodiscard]] Result<Ed25519Signature> ed25519_sign(const Secret& seed,
                                                    std::span<const std::uint8_t> message);
// The same for a pair that signs often: what can be prepared was prepared with the pair.
[[nodiscard]] Result<Ed25519Signature> ed25519_sign(const Ed25519KeyPair& pair,
                                                    std::span<const std::uint8_t> message);

struct Ed25519Claim {
  std::span<const std::uint8_t> public_key;
  std::span<const std::uint8_t> message;
  std::span<const std::uint8_t> signature;
};
// False for anything that is not a signature of this message by this key, wrong lengths included.
[[nodiscard]] bool ed25519_verify(const Ed25519Claim& claim);

}  // namespace carnet::crypto
