#pragma once
// The public keys that somebody trusts: what a service publishes at /.well-known/carnet-keys.json,
// what a bundle carries a copy of, what `carnet verify --keys` is given. Values; pure functions.
// Where a set comes from decides what it is worth: one that arrives inside the document it is to
// vouch for proves nothing, and nothing here mixes the two.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/error.h"

namespace carnet::evidence {

enum class KeyAlgorithm { kEd25519, kMlDsa65 };
[[nodiscard]] std::string_view to_string(KeyAlgorithm algorithm);  // "Ed25519", "ML-DSA-65"

// A key signs either passports or the log's checkpoints, never both.
enum class KeyUse { kPassport, kLog };
[[nodiscard]] std::string_view to_string(KeyUse use);  // "passport", "log"

struct PublicKey {
  std::string keyid;  // lower-case hex of SHA-256 over public_key
  KeyAlgorithm algorithm = KeyAlgorithm::kEd25519;
  KeyUse use = KeyUse::kPassport;
  Bytes public_key;  // raw: RFC 8032 section 5.1.5, FIPS 204 section 7.2
  Timestamp not_before{};
  std::optional<Timestamp> not_after;  // set once the key is retired
};

[[nodiscard]] std::string keyid_of(std::span<const std::uint8_t> public_key);
[[nodiscard]] PublicKey public_key(KeyAlgorithm algorithm, KeyUse use, Bytes raw,
                                   Timestamp not_before);
// SubjectPublicKeyInfo in DER: what OpenSSL, Node.js and Python read (RFC 8410, RFC 9881).
[[nodiscard]] Bytes spki_of(const PublicKey& key);

struct KeySet {
  std::vector<PublicKey> keys;
  [[nodiscard]] const PublicKey* find(std::string_view keyid) const;
};

inline constexpr std::size_t kKeySetKeysMax = 256;
inline constexpr std::size_t kKeySetBytesMax = std::size_t{4} * 1024 * 1024;

// The document, indented for people and the same for the same set:
// {"schema", "keys": [{"keyid", "use", "algorithm", "publicKey", "spki", "notBefore", "notAfter"}]}
// with publicKey and spki in base64 and notAfter null while the key is in use.
[[nodiscard]] std::string key_set_json(const KeySet& set);
// kValidationFailed with a sentence: not this schema, a key id that is not its key's, a key twice,
// publicKey and spki of two keys, a wrong length, an end before its beginning. Members that it does
// not know are ignored, keys of an algorithm or use that it does not know are left out, so that a
// later release can add some.
[[nodiscard]] Result<KeySet> read_key_set(std::string_view text);

}  // namespace carnet::evidence
