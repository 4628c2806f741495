#pragma once
// The keys that passports and the log's checkpoints are signed with, and their sealed file.
//
// A key file is JSON: the published key set in the clear, and the private seeds sealed with
// AES-256-GCM under a key that comes from a passphrase (Argon2id, RFC 9106) or from the contents of
// another file (HKDF). The clear part is authenticated by the seal, so nobody without the secret
// can change a key or its validity. These functions work on texts; app/ does the reading and
// writing of files. Private halves of retired keys are not kept.
//
// SigningKeys is what the running service holds: an immutable snapshot that is exchanged whole.
// Thread-safe.

#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "base/secret.h"
#include "crypto/ed25519.h"
#include "crypto/mldsa.h"
#include "evidence/key_set.h"
#include "evidence/note.h"

namespace carnet::service {

// What opens a key file. Move-only.
struct KeySeal {
  enum class Kind { kPassphrase, kKeyFile };
  Kind kind = Kind::kKeyFile;
  Secret secret;  // the passphrase, or what the other file holds
  [[nodiscard]] KeySeal clone() const { return {.kind = kind, .secret = secret.clone()}; }
};
inline constexpr std::size_t kPassphraseCharsMin = 12;
inline constexpr std::size_t kKeyFileSecretBytesMin = 32;

// A pair that signs together: both signatures or none.
struct SigningPair {
  crypto::Ed25519KeyPair ed25519;
  crypto::MlDsaKeyPair mldsa;  // ML-DSA-65
  Timestamp not_before{};
  [[nodiscard]] std::string ed25519_keyid() const;
  [[nodiscard]] std::string mldsa_keyid() const;
};

struct SigningKeySnapshot {
  SigningPair passport;
  // The log's own pair. It is not rotated with the other: a log is known to its monitors by it.
  SigningPair log;
  evidence::KeySet published;  // retired ones too
  std::string published_json;  // the bytes of /.well-known/carnet-keys.json
};
using SigningKeysNow = std::shared_ptr<const SigningKeySnapshot>;

class SigningKeys {
 public:
  explicit SigningKeys(SigningKeysNow start) : now_(std::move(start)) {}
  // Null: this service has no keys and makes no passports.
  [[nodiscard]] SigningKeysNow current() const;
  void replace(SigningKeysNow next);

 private:
  mutable std::mutex mutex_;
  SigningKeysNow now_;
};

// Signs the log's checkpoints with the log's pair. Both references must outlive it. Thread-safe.
class LogSigner final : public evidence::Signer {
 public:
  LogSigner(const SigningKeys& keys, Random& random) : keys_(keys), random_(random) {}
  // kPersistenceOff without keys.
  [[nodiscard]] Result<evidence::HybridSignature> sign(std::string_view message) const override;

 private:
  const SigningKeys& keys_;
  Random& random_;
};

// A new file with two new pairs, valid from `now`. kValidationFailed for a secret that is too
// short.
[[nodiscard]] Result<std::string> new_key_file(const KeySeal& seal, Timestamp now, Random& random);
// kValidationFailed: not a key file, or of a newer release. kForbidden: the secret is wrong or the
// file was changed.
[[nodiscard]] Result<SigningKeysNow> open_key_file(std::string_view file, const KeySeal& seal);
// Which secret the file wants.
[[nodiscard]] Result<KeySeal::Kind> seal_kind_of(std::string_view file);
// The clear part alone, not authenticated: for showing it.
[[nodiscard]] Result<evidence::KeySet> published_of(std::string_view file);

struct Rotation {
  Timestamp now{};
  // How long the old pair stays valid beside the new one, so that what a running service signs
  // before it re-reads its keys is good.
  std::chrono::hours overlap{24};
};
// The file with a new passport pair; the old public keys stay in it with their end.
[[nodiscard]] Result<std::string> rotate_key_file(std::string_view file, const KeySeal& seal,
                                                  const Rotation& rotation, Random& random);

}  // namespace carnet::service
