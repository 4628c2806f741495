#include "evidence/checkpoint.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "base/text.h"
#include "crypto/mldsa.h"

namespace carnet::evidence {
namespace {

constexpr std::string_view kProofHeader = "c2sp.org/tlog-proof@v1\n";
constexpr std::size_t kTimeBytes = 8;
constexpr std::uint64_t kTimeMax = std::numeric_limits<std::int64_t>::max();  // limit: internal

tl::unexpected<Error> not_a_checkpoint(std::string_view why) {
  return make_error(ErrorCode::kMalformedRequest, fmt::format("This is no checkpoint: {}.", why));
}

tl::unexpected<Error> not_a_proof(std::string_view why) {
  return make_error(ErrorCode::kMalformedRequest, fmt::format("This is no log proof: {}.", why));
}

tl::unexpected<Error> refused(std::string sentence) {
  return make_error(ErrorCode::kValidationFailed, std::move(sentence));
}

// The text up to the next newline, which is taken away too; nullopt if there is none.
std::optional<std::string_view> take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

// ASCII decimal without leading zeros.
std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  const bool padded = text.size() > 1 && text.front() == '0';
  if (text.empty() || padded || read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return value;
}

std::optional<MerkleHash> parse_hash(std::string_view text) {
  const auto bytes = from_base64(text);
  if (!bytes || bytes->size() != kMerkleHashBytes) return std::nullopt;
  MerkleHash out{};
  std::copy(bytes->begin(), bytes->end(), out.begin());
  return out;
}

void append_big_endian(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8)
    out += static_cast<char>(value >> static_cast<unsigned>(shift) & 0xFFU);
}

void append_counted(std::string& out, std::string_view text) {
  out += static_cast<char>(text.size());
  out += text;
}

struct KeyPair {
  NoteKey ed25519, mldsa65;
};

KeyPair log_keys(const std::string& origin, const TrustedLogKey& key) {
  return {.ed25519 = {.name = origin,
                      .type = NoteKeyType::kEd25519,
                      .public_key = Bytes(key.ed25519.begin(), key.ed25519.end())},
          .mldsa65 = {.name = origin, .type = NoteKeyType::kMlDsa65, .public_key = key.mldsa65}};
}

bool ed25519_holds(const NoteKey& key, const NoteSignature& line, std::string_view text) {
  return crypto::ed25519_verify(
      {.public_key = key.public_key, .message = as_bytes(text), .signature = line.signature});
}

bool mldsa_holds(crypto::MlDsa set, const NoteKey& key, std::span<const std::uint8_t> signature,
                 std::string_view text) {
  const crypto::MlDsaMessage message{.message = as_bytes(text)};
  return crypto::mldsa_verify(set, key.public_key, message, signature);
}

}  // namespace

std::string to_string(const Checkpoint& checkpoint) {
  return fmt::format("{}\n{}\n{}\n", checkpoint.origin, checkpoint.size,
                     to_base64(checkpoint.root));
}

Result<Checkpoint> parse_checkpoint(std::string_view text) {
  if (text.size() > kNoteBytesMax) return not_a_checkpoint("it is too long");
  std::string_view rest = text;
  const auto origin = take_line(rest);
  const auto size_line = take_line(rest);
  const auto root_line = take_line(rest);
  if (!origin || !size_line || !root_line)
    return not_a_checkpoint("it must have three lines, origin, size and root");
  if (!rest.empty()) return not_a_checkpoint("it has more than three lines");
  const auto size = parse_decimal(*size_line);
  const auto root = parse_hash(*root_line);
  if (!is_key_name(*origin)) return not_a_checkpoint("its origin is no name of a log");
  if (!size || *size > kTreeSizeMax) return not_a_checkpoint("its size is no whole number");
  if (!root) return not_a_checkpoint("its root is not base64 of 32 bytes");
  return Checkpoint{.origin = std::string(*origin), .size = *size, .root = *root};
}

Result<SignedCheckpoint> sign_checkpoint(const Checkpoint& checkpoint, const Signer& signer) {
  Note note{.text = to_string(checkpoint), .signatures = {}};
  CARNET_TRY(signature, signer.sign(note.text));
  const TrustedLogKey key{.ed25519 = signature.ed25519_key, .mldsa65 = signature.mldsa65_key};
  KeyPair keys = log_keys(checkpoint.origin, key);
  note.signatures.push_back(
      {.name = checkpoint.origin,
       .key_id = keys.ed25519.id(),
       .signature = Bytes(signature.ed25519.begin(), signature.ed25519.end())});
  note.signatures.push_back({.name = checkpoint.origin,
                             .key_id = keys.mldsa65.id(),
                             .signature = std::move(signature.mldsa65)});
  return SignedCheckpoint{.note = to_string(note),
                          .ed25519 = std::move(keys.ed25519),
                          .mldsa65 = std::move(keys.mldsa65)};
}

Result<Checkpoint> open_checkpoint(std::string_view note_text,
                                   std::span<const TrustedLogKey> keys) {
  CARNET_TRY(note, parse_note(note_text));
  CARNET_TRY(checkpoint, parse_checkpoint(note.text));
  bool seen_ed25519 = false;
  bool seen_mldsa65 = false;
  for (const TrustedLogKey& key : keys) {
    const KeyPair pair = log_keys(checkpoint.origin, key);
    const NoteSignature* const ed25519 = note.find(pair.ed25519);
    const NoteSignature* const mldsa65 = note.find(pair.mldsa65);
    if (ed25519 != nullptr && !ed25519_holds(pair.ed25519, *ed25519, note.text))
      return refused("The Ed25519 signature of the log's checkpoint does not verify.");
    if (mldsa65 != nullptr &&
        !mldsa_holds(crypto::MlDsa::k65, pair.mldsa65, mldsa65->signature, note.text))
      return refused("The ML-DSA-65 signature of the log's checkpoint does not verify.");
    if (ed25519 != nullptr && mldsa65 != nullptr) return checkpoint;
    seen_ed25519 = seen_ed25519 || ed25519 != nullptr;
    seen_mldsa65 = seen_mldsa65 || mldsa65 != nullptr;
  }
  if (seen_ed25519 && !seen_mldsa65)
    return refused(
        "The log's checkpoint has an Ed25519 signature but none with ML-DSA-65; both are "
        "required.");
  if (seen_mldsa65 && !seen_ed25519)
    return refused(
        "The log's checkpoint has an ML-DSA-65 signature but none with Ed25519; both are "
        "required.");
  if (seen_ed25519)
    return refused(
        "The two signatures of the log's checkpoint are by keys that do not belong together.");
  return refused("The log's checkpoint is not signed by a trusted key.");
}

std::optional<Cosignature> parse_cosignature(const NoteKey& key,
                                             std::span<const std::uint8_t> bytes) {
  const std::size_t length = key.type == NoteKeyType::kCosignatureEd25519
                                 ? std::tuple_size_v<crypto::Ed25519Signature>
                                 : crypto::sizes_of(crypto::MlDsa::k44).signature;
  if (bytes.size() != kTimeBytes + length) return std::nullopt;
  Cosignature out;
  for (std::size_t i = 0; i < kTimeBytes; ++i) out.time_s = out.time_s << 8U | bytes[i];
  if (out.time_s > kTimeMax) return std::nullopt;
  out.signature.assign(bytes.begin() + kTimeBytes, bytes.end());
  return out;
}

std::string cosigned_message(const NoteKey& key, std::uint64_t time_s,
                             const Checkpoint& checkpoint) {
  if (key.type == NoteKeyType::kCosignatureEd25519)
    return fmt::format("cosignature/v1\ntime {}\n{}", time_s, to_string(checkpoint));
  std::string out("subtree/v1\n\0", 12);
  append_counted(out, key.name);
  append_big_endian(out, time_s);
  append_counted(out, checkpoint.origin);
  append_big_endian(out, 0);
  append_big_endian(out, checkpoint.size);
  out += as_text(checkpoint.root);
  return out;
}

bool verify_cosignature(const NoteKey& key, const Cosignature& cosignature,
                        const Checkpoint& checkpoint) {
  const std::string message = cosigned_message(key, cosignature.time_s, checkpoint);
  switch (key.type) {
    case NoteKeyType::kCosignatureEd25519:
      return crypto::ed25519_verify({.public_key = key.public_key,
                                     .message = as_bytes(message),
                                     .signature = cosignature.signature});
    case NoteKeyType::kCosignatureMlDsa44:
      return mldsa_holds(crypto::MlDsa::k44, key, cosignature.signature, message);
    case NoteKeyType::kEd25519:
    case NoteKeyType::kMlDsa65:
      return false;
  }
  return false;
}

std::string to_string(const LogProof& proof) {
  std::string out = fmt::format("{}index {}\n", kProofHeader, proof.inclusion.index);
  for (const MerkleHash& hash : proof.inclusion.path) out += to_base64(hash) + '\n';
  return out + '\n' + proof.checkpoint;
}

Result<LogProof> parse_log_proof(std::string_view text) {
  if (text.size() > 2 * kNoteBytesMax) return not_a_proof("it is too long");
  if (!text.starts_with(kProofHeader)) return not_a_proof("its first line is another");
  std::string_view rest = text.substr(kProofHeader.size());
  auto line = take_line(rest);
  if (line && line->starts_with("extra ")) line = take_line(rest);
  const auto index = line && line->starts_with("index ") ? parse_decimal(line->substr(6))
                                                         : std::optional<std::uint64_t>();
  if (!index || *index > kTreeSizeMax) return not_a_proof("it names no index");
  LogProof proof;
  proof.inclusion.index = *index;
  for (line = take_line(rest); line && !line->empty(); line = take_line(rest)) {
    const auto hash = parse_hash(*line);
    if (!hash || proof.inclusion.path.size() == kProofHashesMax)
      return not_a_proof("a line of its path is not base64 of 32 bytes, or there are too many");
    proof.inclusion.path.push_back(*hash);
  }
  if (!line) return not_a_proof("no empty line stands before the checkpoint");
  proof.checkpoint = std::string(rest);
  CARNET_TRY(note, parse_note(proof.checkpoint));
  CARNET_TRY(checkpoint, parse_checkpoint(note.text));
  proof.inclusion.size = checkpoint.size;
  return proof;
}

Result<Checkpoint> verify_log_proof(const LogProof& proof, std::span<const std::uint8_t> entry,
                                    std::span<const TrustedLogKey> keys) {
  CARNET_TRY(checkpoint, open_checkpoint(proof.checkpoint, keys));
  if (proof.inclusion.size != checkpoint.size)
    return refused("The log proof is for another size than its checkpoint.");
  if (!verify_inclusion(proof.inclusion, leaf_hash(entry), checkpoint.root))
    return refused(
        "The log proof does not lead from this passport to the root of its checkpoint: it is of "
        "another entry or another tree.");
  return checkpoint;
}

}  // namespace carnet::evidence
