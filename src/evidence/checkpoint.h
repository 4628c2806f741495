#pragma once
// Checkpoints (C2SP tlog-checkpoint): the signed head of a log as a note of three lines, origin,
// size and root; the log's two signatures on it (Ed25519 for monitors and witnesses of today,
// ML-DSA-65 for the day when that no longer counts); the cosignatures of witnesses (C2SP
// tlog-cosignature); and the text that proves an entry offline (C2SP tlog-proof). Pure functions;
// thread-safe.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "evidence/merkle.h"
#include "evidence/note.h"

namespace carnet::evidence {

struct Checkpoint {
  std::string origin;  // the log's name, and the name of its keys: is_key_name()
  std::uint64_t size = 0;
  MerkleHash root{};
  bool operator==(const Checkpoint&) const = default;
};
// The note's text: what is signed.
[[nodiscard]] std::string to_string(const Checkpoint& checkpoint);
// Reads a note's text. kMalformedRequest with a sentence. Extension lines are refused: our logs
// write none.
[[nodiscard]] Result<Checkpoint> parse_checkpoint(std::string_view text);

// The note, text and both signature lines, and the keys that verify them, ML-DSA-65 last.
struct SignedCheckpoint {
  std::string note;
  NoteKey ed25519, mldsa65;
};
[[nodiscard]] Result<SignedCheckpoint> sign_checkpoint(const Checkpoint& checkpoint,
                                                       const Signer& signer);

// A key pair that the verifier trusts, from the published set or --keys, never from the document.
struct TrustedLogKey {
  crypto::Ed25519PublicKey ed25519{};
  Bytes mldsa65;
};
// The checkpoint in a note, believed only if both signatures of one of the pairs verify; lines of
// other keys are ignored. kMalformedRequest: not a checkpoint. kValidationFailed: not signed, or
// not rightly, with a sentence that says which signature is missing or wrong.
[[nodiscard]] Result<Checkpoint> open_checkpoint(std::string_view note,
                                                 std::span<const TrustedLogKey> keys);

// A witness's cosignature: what it signed, and when.
struct Cosignature {
  std::uint64_t time_s = 0;  // POSIX time; below 2^63
  Bytes signature;           // 64 bytes for Ed25519, 2420 for ML-DSA-44
};
// From the part of a signature line after the key id. nullopt if the length is not the type's.
[[nodiscard]] std::optional<Cosignature> parse_cosignature(const NoteKey& key,
                                                           std::span<const std::uint8_t> bytes);
// True if the witness with this key (kCosignatureEd25519 or kCosignatureMlDsa44) signed exactly
// this checkpoint.
[[nodiscard]] bool verify_cosignature(const NoteKey& key, const Cosignature& cosignature,
                                      const Checkpoint& checkpoint);
// The bytes that a cosignature signs: cosignature/v1 for Ed25519, subtree/v1 for ML-DSA-44.
[[nodiscard]] std::string cosigned_message(const NoteKey& key, std::uint64_t time_s,
                                           const Checkpoint& checkpoint);

// An entry's proof with the checkpoint that it leads to, as a file (C2SP tlog-proof,
// ".tlog-proof"). Nothing in it is to be believed before open_checkpoint() and verify_inclusion().
struct LogProof {
  InclusionProof inclusion;
  std::string checkpoint;  // the signed note, byte for byte
};
[[nodiscard]] std::string to_string(const LogProof& proof);
// kMalformedRequest with a sentence. inclusion.size is taken from the checkpoint's text.
[[nodiscard]] Result<LogProof> parse_log_proof(std::string_view text);

// All of it at once: the proof's checkpoint is opened with `keys`, and `entry` (the 32 bytes of the
// envelope's SHA-256) must be included under its root. kValidationFailed with a sentence otherwise.
[[nodiscard]] Result<Checkpoint> verify_log_proof(const LogProof& proof,
                                                  std::span<const std::uint8_t> entry,
                                                  std::span<const TrustedLogKey> keys);

}  // namespace carnet::evidence
