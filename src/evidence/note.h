#pragma once
// Signed notes (C2SP signed-note): a text, an empty line, and signature lines
//
//   — <key name> base64(key id, 4 bytes || signature)
//
// A key is known by its name and id; the id is SHA-256(name || 0x0A || type || public key)[:4].
// Values and pure functions; thread-safe. Notes from outside are bounded by kNoteBytesMax and
// kNoteSignaturesMax.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.h"
#include "base/error.h"
#include "crypto/ed25519.h"

namespace carnet::evidence {

// 16 signature lines of ML-DSA-87 and as much again.
inline constexpr std::size_t kNoteBytesMax = 256 * 1024;
inline constexpr std::size_t kNoteSignaturesMax = 64;
inline constexpr std::size_t kKeyNameBytesMax = 255;

// One signature under two keys, which is how Carnet signs everything: whoever accepts it checks
// both.
struct HybridSignature {
  crypto::Ed25519PublicKey ed25519_key{};
  crypto::Ed25519Signature ed25519{};
  Bytes mldsa65_key;
  Bytes mldsa65;  // FIPS 204, pure, empty context
};

// Signs with the keys of the day. Made by whoever keeps the keys; outlives those it is passed to.
class Signer {
 public:
  virtual ~Signer() = default;
  // Both signatures over `message`, with the public keys that they verify under, all of one moment
  // even while keys are rotated. Thread-safe. Takes up to some milliseconds, so never on an io
  // thread and never on the database's writer.
  [[nodiscard]] virtual Result<HybridSignature> sign(std::string_view message) const = 0;
};

// What a signature line says. kMlDsa65 has no byte of its own in signed-note: its type is 0xff
// followed by kMlDsa65TypeName.
enum class NoteKeyType {
  kEd25519,             // 0x01: over the text
  kCosignatureEd25519,  // 0x04: cosignature/v1 (C2SP tlog-cosignature)
  kCosignatureMlDsa44,  // 0x06: subtree/v1 (likewise)
  kMlDsa65,             // over the text, empty context
};
inline constexpr std::string_view kMlDsa65TypeName = "carnet/ML-DSA-65/v1";

// A public key under a name.
struct NoteKey {
  std::string name;
  NoteKeyType type = NoteKeyType::kEd25519;
  Bytes public_key;
  [[nodiscard]] std::uint32_t id() const;
  bool operator==(const NoteKey&) const = default;
};
// Not empty, at most kKeyNameBytesMax, valid UTF-8 without spaces, controls and '+'.
[[nodiscard]] bool is_key_name(std::string_view name);

// A verifier key as text: "<name>+<8 hex digits of the id>+<base64(type || public key)>".
// parse: kValidationFailed with a sentence on what is wrong (form, type, length of the key, an id
// that is not the key's).
[[nodiscard]] std::string to_vkey(const NoteKey& key);
[[nodiscard]] Result<NoteKey> parse_vkey(std::string_view text);

struct NoteSignature {
  std::string name;
  std::uint32_t key_id = 0;
  Bytes signature;  // what follows the key id
  bool operator==(const NoteSignature&) const = default;
};
struct Note {
  std::string text;  // with its last newline
  std::vector<NoteSignature> signatures;
  // The line of this key, if there is one.
  [[nodiscard]] const NoteSignature* find(const NoteKey& key) const;
};
// kMalformedRequest with a sentence for anything that is not a note within the bounds.
[[nodiscard]] Result<Note> parse_note(std::string_view bytes);
[[nodiscard]] std::string to_string(const Note& note);
// One line with its newline.
[[nodiscard]] std::string to_string(const NoteSignature& signature);

}  // namespace carnet::evidence
