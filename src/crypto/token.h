#pragma once
// The one form of every bearer token Carnet hands out (design: sharing.md):
//
//   prefix ("cnt_s_" share link, "cnt_k_" API key, "cnt_p_" invitation of a partner) + 10 base62
//   public id + 32 base62 secret + 6 base62 CRC-32
//
// 32 base62 digits carry 190 bits from the system's CSPRNG. The check digits, over everything
// before them, reject typing errors without a database read. The database keeps the public id and
// HMAC-SHA-256(pepper, secret), never the token. Regular expression for secret scanners:
// cnt_[skp]_[0-9A-Za-z]{48}. Pure functions; thread-safe.

#include <optional>
#include <string>
#include <string_view>

#include "base/random.h"
#include "base/secret.h"
#include "crypto/hash.h"

namespace carnet::crypto {

inline constexpr std::string_view kShareTokenPrefix = "cnt_s_";
inline constexpr std::string_view kKeyTokenPrefix = "cnt_k_";
inline constexpr std::string_view kPartnerTokenPrefix = "cnt_p_";
inline constexpr std::size_t kTokenChars = 6 + 10 + 32 + 6;

struct NewToken {
  Secret text;            // shown once
  std::string public_id;  // 10 base62 characters, stored and indexed
  Digest256 secret_mac;   // stored
  std::string hint;       // last four characters, shown in lists
};

struct ParsedToken {
  std::string_view public_id;  // views into the text that was parsed
  std::string_view secret;
};

[[nodiscard]] NewToken new_token(std::string_view prefix, const Secret& pepper, Random& random);
// nullopt for a wrong prefix, length, alphabet or check digits.
[[nodiscard]] std::optional<ParsedToken> parse_token(std::string_view prefix,
                                                     std::string_view text);
[[nodiscard]] Digest256 token_mac(const Secret& pepper, std::string_view secret);

}  // namespace carnet::crypto
