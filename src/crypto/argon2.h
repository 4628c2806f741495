#pragma once
// Argon2id (RFC 9106) from libargon2: a key out of something that a person remembers. Slow and
// large on purpose; call it on a thread that may wait. Pure function; thread-safe.

#include <cstdint>
#include <span>

#include "base/error.h"
#include "base/secret.h"

namespace carnet::crypto {

// RFC 9106 section 4, the second recommended choice: 64 MiB, three passes (with one lane, since the
// work should not depend on how many threads there are).
struct Argon2Cost {
  std::uint32_t memory_kib = 64 * 1024;
  std::uint32_t passes = 3;
  std::uint32_t lanes = 1;
};

// `length` bytes (4 or more); the salt has at least 8. kUnavailable if there is not enough memory,
// kValidationFailed for costs that Argon2 does not allow.
[[nodiscard]] Result<Secret> argon2id(const Secret& passphrase, std::span<const std::uint8_t> salt,
                                      const Argon2Cost& cost, std::size_t length = 32);

}  // namespace carnet::crypto
