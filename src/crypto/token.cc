#include "crypto/token.h"

#include "base/check.h"
#include "base/encoding.h"

namespace carnet::crypto {
namespace {

constexpr std::size_t kIdChars = 10;
constexpr std::size_t kSecretChars = 32;
constexpr std::size_t kCheckChars = 6;

// Uniform base62 digits by rejection: of 256 byte values the first 248 are four whole alphabets.
std::string random_base62(std::size_t count, Random& random) {
  std::string out;
  out.reserve(count);
  std::array<std::uint8_t, 64> pool{};
  while (out.size() < count) {
    random.fill(pool);
    for (const std::uint8_t byte : pool)
      if (byte < 248 && out.size() < count) out += to_base62(byte % 62, 1);
  }
  return out;
}

}  // namespace

Digest256 token_mac(const Secret& pepper, std::string_view secret) {
  return hmac_sha256(pepper, secret);
}

NewToken new_token(std::string_view prefix, const Secret& pepper, Random& random) {
  CARNET_CHECK(prefix.size() == 6);
  const std::string digits = random_base62(kIdChars + kSecretChars, random);
  std::string text = std::string(prefix) + digits;
  text += to_base62(crc32(text), kCheckChars);
  return NewToken{.text = Secret(text),
                  .public_id = digits.substr(0, kIdChars),
                  .secret_mac = token_mac(pepper, std::string_view(digits).substr(kIdChars)),
                  .hint = text.substr(text.size() - 4)};
}

std::optional<ParsedToken> parse_token(std::string_view prefix, std::string_view text) {
  if (text.size() != kTokenChars || !text.starts_with(prefix) ||
      !is_base62(text.substr(prefix.size())))
    return std::nullopt;
  const std::string_view checked = text.substr(0, kTokenChars - kCheckChars);
  if (to_base62(crc32(checked), kCheckChars) != text.substr(checked.size())) return std::nullopt;
  return ParsedToken{.public_id = text.substr(prefix.size(), kIdChars),
                     .secret = text.substr(prefix.size() + kIdChars, kSecretChars)};
}

}  // namespace carnet::crypto
