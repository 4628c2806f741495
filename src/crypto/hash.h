#pragma once
// SHA-256, HMAC-SHA-256, HKDF-SHA-256, sealing and constant-time comparison, all from OpenSSL's EVP
// with the algorithms fetched once. Thread-safe. Sources: FIPS 180-4, RFC 2104, RFC 5869, NIST SP
// 800-38D.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/encoding.h"
#include "base/random.h"
#include "base/secret.h"

namespace carnet::crypto {

using Digest256 = std::array<std::uint8_t, 32>;

[[nodiscard]] Digest256 sha256(std::span<const std::uint8_t> data);
[[nodiscard]] inline Digest256 sha256(std::string_view text) { return sha256(as_bytes(text)); }
[[nodiscard]] std::string sha256_hex(std::string_view text);
[[nodiscard]] Digest256 hmac_sha256(const Secret& key, std::string_view data);
// HKDF with an empty salt: one purpose's 32-byte key out of a master secret. `info` names the
// purpose.
[[nodiscard]] Secret derive_key(const Secret& master, std::string_view info);

// True if equal; the time depends on the lengths only.
[[nodiscard]] bool equal_constant_time(std::span<const std::uint8_t> a,
                                       std::span<const std::uint8_t> b);
[[nodiscard]] inline bool equal_constant_time(std::string_view a, std::string_view b) {
  return equal_constant_time(as_bytes(a), as_bytes(b));
}

// AES-256-GCM: 12 bytes nonce, ciphertext, 16 bytes tag. `key` is 32 bytes; `context` is
// authenticated, not stored.
[[nodiscard]] std::string seal(const Secret& key, std::string_view plain, std::string_view context,
                               Random& random);
// nullopt if the key, the context or one bit of the text is not what it was.
[[nodiscard]] std::optional<std::string> unseal(const Secret& key, std::string_view sealed,
                                                std::string_view context);

}  // namespace carnet::crypto
