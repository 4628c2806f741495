#include "crypto/argon2.h"

#include <argon2.h>
#include <fmt/format.h>

namespace carnet::crypto {

Result<Secret> argon2id(const Secret& passphrase, std::span<const std::uint8_t> salt,
                        const Argon2Cost& cost, std::size_t length) {
  std::string out(length, '\0');
  const std::string_view secret = passphrase.expose();
  const int code = argon2id_hash_raw(cost.passes, cost.memory_kib, cost.lanes, secret.data(),
                                     secret.size(), salt.data(), salt.size(), out.data(), length);
  if (code == ARGON2_OK) return Secret(std::move(out));
  if (code == ARGON2_MEMORY_ALLOCATION_ERROR)
    return make_error(
        ErrorCode::kUnavailable,
        fmt::format("Argon2id needs {} KiB of memory and could not get them.", cost.memory_kib));
  return make_error(ErrorCode::kValidationFailed,
                    fmt::format("Argon2id refused: {}.", argon2_error_message(code)));
}

}  // namespace carnet::crypto
