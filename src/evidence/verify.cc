#include "evidence/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/ed25519.h"
#include "crypto/mldsa.h"
#include "evidence/verify_parts.h"

namespace carnet::evidence {
namespace {

constexpr std::string_view kEnvelope = "envelope";
constexpr std::string_view kKeyValidity = "key-validity";
constexpr std::string_view kNotAfter = "not-after";
// How far an issuer's clock may be ahead of the verifier's.
constexpr std::chrono::minutes kClockSkew{5};

std::string_view signature_id(KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::kEd25519:
      return "signature-ed25519";
    case KeyAlgorithm::kMlDsa65:
      return "signature-ml-dsa-65";
  }
}

std::size_t signature_bytes(KeyAlgorithm algorithm) {
  switch (algorithm) {
    case KeyAlgorithm::kEd25519:
      return crypto::Ed25519Signature{}.size();
    case KeyAlgorithm::kMlDsa65:
      return crypto::sizes_of(crypto::MlDsa::k65).signature;
  }
}

bool holds(const PublicKey& key, std::string_view message, const Bytes& signature) {
  switch (key.algorithm) {
    case KeyAlgorithm::kEd25519:
      return crypto::ed25519_verify(
          {.public_key = key.public_key, .message = as_bytes(message), .signature = signature});
    case KeyAlgorithm::kMlDsa65:
      return crypto::mldsa_verify(crypto::MlDsa::k65, key.public_key,
                                  {.message = as_bytes(message)}, signature);
  }
}

std::string short_id(std::string_view keyid) {
  return std::string(keyid.substr(0, 16)) + (keyid.size() > 16 ? "…" : "");
}

// One run of verify(): what is known so far.
class Verifier {
 public:
  Verifier(const VerifyInput& input, const Taken& taken) : input_(input), taken_(taken) {}

  Verification run() {
    out_.passport_sha256 = to_hex(envelope_digest(taken_.envelope));
    const bool typed = check_envelope();
    check_signature(KeyAlgorithm::kEd25519);
    check_signature(KeyAlgorithm::kMlDsa65);
    if (typed) check_statement();
    decide();
    return std::move(out_);
  }

 private:
  void add(Check check) { out_.checks.push_back(std::move(check)); }

  bool check_envelope() {
    const Envelope& envelope = taken_.envelope;
    if (envelope.payload_type != kPassportPayloadType) {
      add(failed(kEnvelope, fmt::format("The payload is said to be {} and not {}.",
                                        envelope.payload_type, kPassportPayloadType)));
      return false;
    }
    auto facts = read_statement(envelope.payload);
    if (!facts) {
      add(failed(kEnvelope, facts.error().public_detail));
      return false;
    }
    out_.passport = std::move(*facts);
    add(passed(kEnvelope, fmt::format("A passport of scan {} with {} signature{}.",
                                      out_.passport->scan_id, envelope.signatures.size(),
                                      envelope.signatures.size() == 1 ? "" : "s")));
    return true;
  }

  // Whether the document brings along the key that it names.
  [[nodiscard]] bool brings_key(std::string_view keyid) const {
    if (!taken_.envelope.foreign_members.empty()) return true;
    const BundleEntry* keys = taken_.entry(kKeysName);
    return keys != nullptr && keys->bytes.find(keyid) != std::string::npos;
  }

  // Why no signature of this algorithm counts, when none is by a trusted key.
  [[nodiscard]] std::string untrusted(KeyAlgorithm algorithm) const {
    for (const DsseSignature& signature : taken_.envelope.signatures) {
      const PublicKey* key =
          input_.trusted == nullptr ? nullptr : input_.trusted->find(signature.keyid);
      if (key != nullptr && key->algorithm == algorithm)
        return fmt::format("The key {} is trusted for the log and not for passports.",
                           short_id(key->keyid));
      if (key != nullptr || signature.sig.size() != signature_bytes(algorithm)) continue;
      if (input_.trusted == nullptr)
        return "No trusted key set was given, so nobody vouches for the signature.";
      std::string words =
          fmt::format("It is signed with the {} key {}, which is not among the trusted keys.",
                      to_string(algorithm), short_id(signature.keyid));
      if (brings_key(signature.keyid))
        words +=
            " The document brings a key along; a key found only inside the document proves "
            "nothing.";
      return words;
    }
    return fmt::format(
        "There is no {} signature. A passport counts only with both an Ed25519 and "
        "an ML-DSA-65 signature.",
        to_string(algorithm));
  }

  void check_signature(KeyAlgorithm algorithm) {
    const std::string_view id = signature_id(algorithm);
    const std::string message =
        pre_authentication_encoding(taken_.envelope.payload_type, taken_.envelope.payload);
    const PublicKey* wrong = nullptr;
    for (const DsseSignature& signature : taken_.envelope.signatures) {
      const PublicKey* key =
          input_.trusted == nullptr ? nullptr : input_.trusted->find(signature.keyid);
      if (key == nullptr || key->algorithm != algorithm || key->use != KeyUse::kPassport) continue;
      if (!holds(*key, message, signature.sig)) {
        wrong = key;
        continue;
      }
      used_.push_back(key);
      out_.keyids.push_back(key->keyid);
      return add(passed(id, fmt::format("The {} signature by the trusted key {} holds.",
                                        to_string(algorithm), short_id(key->keyid))));
    }
    if (wrong != nullptr)
      return add(failed(id, fmt::format("The {} signature of the key {} does not fit what it is "
                                        "on: one of the two was altered.",
                                        to_string(algorithm), short_id(wrong->keyid))));
    add(failed(id, untrusted(algorithm)));
  }

  void check_key_validity() {
    const Timestamp issued = out_.passport->issued_at;
    if (used_.size() < 2) return add(skipped(kKeyValidity, "It takes two signatures that hold."));
    if (issued > input_.now + kClockSkew)
      return add(failed(kKeyValidity,
                        fmt::format("It says that it will be issued at {}, which is in the future.",
                                    to_rfc3339(issued))));
    for (const PublicKey* key : used_) {
      if (issued < key->not_before)
        return add(failed(
            kKeyValidity,
            fmt::format("The {} key {} was not yet valid: it begins at {}, and the passport says "
                        "that it was issued at {}.",
                        to_string(key->algorithm), short_id(key->keyid),
                        to_rfc3339(key->not_before), to_rfc3339(issued))));
      if (key->not_after && issued > *key->not_after)
        return add(failed(
            kKeyValidity,
            fmt::format("The {} key {} was retired at {}, before the passport says that it was "
                        "issued at {}.",
                        to_string(key->algorithm), short_id(key->keyid),
                        to_rfc3339(*key->not_after), to_rfc3339(issued))));
      retired_ = retired_ || (key->not_after && input_.now > *key->not_after);
    }
    add(passed(kKeyValidity,
               fmt::format("Both keys were valid when it was issued, at {}.", to_rfc3339(issued))));
  }

  void check_statement() {
    check_key_validity();
    const PassportFacts& facts = *out_.passport;
    add(check_subjects(taken_, input_.document, facts));
    for (Check& check :
         check_log({.taken = taken_, .facts = facts, .input = input_, .key_retired = retired_}))
      add(std::move(check));
    add(check_sample(taken_, input_.document, facts));
    if (input_.now > facts.not_after) {
      add(failed(kNotAfter, fmt::format("It counted until {} and has expired; ask for a newer one.",
                                        to_rfc3339(facts.not_after))));
    } else {
      add(passed(kNotAfter, fmt::format("It counts until {}.", to_rfc3339(facts.not_after))));
    }
  }

  void decide() {
    const auto is_failed = [](const Check& check) { return check.state == CheckState::kFailed; };
    const auto first = std::find_if(out_.checks.begin(), out_.checks.end(), is_failed);
    if (first == out_.checks.end()) {
      out_.verdict = Verdict::kValid;
      out_.summary =
          out_.passport->sample
              ? "A genuine SAMPLE: its signatures hold, and its endpoints are invented."
              : fmt::format("Genuine: signed for {} and unchanged.", out_.passport->tenant_name);
      return;
    }
    out_.verdict = first->id == kNotAfter ? Verdict::kExpired : Verdict::kForged;
    out_.summary = first->words;
  }

  const VerifyInput& input_;
  const Taken& taken_;
  Verification out_;
  std::vector<const PublicKey*> used_;
  bool retired_ = false;
};

}  // namespace

std::string_view to_string(CheckState state) {
  switch (state) {
    case CheckState::kOk:
      return "ok";
    case CheckState::kFailed:
      return "failed";
    case CheckState::kSkipped:
      return "skipped";
  }
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kValid:
      return "valid";
    case Verdict::kForged:
      return "forged";
    case Verdict::kExpired:
      return "expired";
    case Verdict::kUnreadable:
      return "unreadable";
  }
}

Verification verify(const VerifyInput& input) {
  const auto apart = take_apart(input);
  if (const auto* refusal = std::get_if<Refusal>(&apart)) {
    Verification out;
    out.verdict = refusal->verdict;
    out.summary = refusal->check.words;
    out.checks.push_back(refusal->check);
    return out;
  }
  return Verifier(input, std::get<Taken>(apart)).run();
}

std::optional<Glance> glance(const VerifyInput& input) {
  const auto apart = take_apart(input);
  const auto* taken = std::get_if<Taken>(&apart);
  if (taken == nullptr) return std::nullopt;
  auto facts = read_statement(taken->envelope.payload);
  if (!facts) return std::nullopt;
  Glance out{.claims = std::move(*facts),
             .passport_sha256 = to_hex(envelope_digest(taken->envelope)),
             .keyids = {},
             .checkpoint = {}};
  for (const DsseSignature& signature : taken->envelope.signatures)
    out.keyids.push_back(signature.keyid);
  const auto proof = parse_log_proof(taken->log_proof);
  if (!proof) return out;
  const auto note = parse_note(proof->checkpoint);
  if (!note) return out;
  if (auto checkpoint = parse_checkpoint(note->text)) out.checkpoint = std::move(*checkpoint);
  return out;
}

}  // namespace carnet::evidence
