// The place of a passport in the transparency log, and whether that log is the one that everybody
// sees.
#include <fmt/format.h>

#include <algorithm>

#include "evidence/verify_parts.h"

namespace carnet::evidence {
namespace {

constexpr std::string_view kInclusion = "log-inclusion";
constexpr std::string_view kCheckpoint = "log-checkpoint";

// A pair is not named as such in a key set, and with more than one log key any two of them may
// belong together: both must hold, so trying all is safe.
std::vector<TrustedLogKey> log_keys(const KeySet& trusted) {
  std::vector<TrustedLogKey> pairs;
  for (const PublicKey& one : trusted.keys) {
    if (one.use != KeyUse::kLog || one.algorithm != KeyAlgorithm::kEd25519) continue;
    for (const PublicKey& two : trusted.keys) {
      if (two.use != KeyUse::kLog || two.algorithm != KeyAlgorithm::kMlDsa65) continue;
      TrustedLogKey pair{.mldsa65 = two.public_key};
      std::copy(one.public_key.begin(), one.public_key.end(), pair.ed25519.begin());
      pairs.push_back(std::move(pair));
    }
  }
  return pairs;
}

std::vector<Check> without_proof(const LogQuestion& question) {
  std::string why =
      question.facts.log_origin.empty()
          ? "The passport names no log."
          : "No proof came with it; ask the issuer's log for one, or verify the bundle.";
  std::vector<Check> checks;
  if (question.input.absent_from_log) {
    checks.push_back(failed(
        kInclusion, fmt::format("The log {} does not have it: it was altered, or signed and not "
                                "published, or signed by somebody who stole the keys.",
                                question.facts.log_origin)));
  } else if (question.key_retired) {
    checks.push_back(failed(kInclusion,
                            "Its keys have been retired since, so only the log can show that it is "
                            "not back-dated. " +
                                why));
  } else if (question.taken.kind == DocumentKind::kBundle && !question.facts.log_origin.empty()) {
    checks.push_back(
        failed(kInclusion, fmt::format("The file {} was taken out: the passport names the log {}.",
                                       kLogProofName, question.facts.log_origin)));
  } else {
    checks.push_back(skipped(kInclusion, std::move(why)));
  }
  checks.push_back(skipped(kCheckpoint, "There is no checkpoint to look at."));
  return checks;
}

Check check_inclusion(const LogQuestion& question, const LogProof& proof) {
  const auto note = parse_note(proof.checkpoint);
  const auto claimed =
      note ? parse_checkpoint(note->text) : Result<Checkpoint>(tl::unexpected(note.error()));
  if (!claimed) return failed(kInclusion, claimed.error().public_detail);
  const crypto::Digest256 digest = envelope_digest(question.taken.envelope);
  if (!verify_inclusion(proof.inclusion, leaf_hash(digest), claimed->root))
    return failed(kInclusion,
                  fmt::format("The proof is for another tree or another passport: from this "
                              "passport it does not lead to the root of the checkpoint of size {}.",
                              claimed->size));
  if (question.input.absent_from_log)
    return failed(kInclusion,
                  fmt::format("The log {} does not have it any more, and this proof says that it "
                              "had: the log was rewritten. Keep the proof, it convicts the log.",
                              claimed->origin));
  return passed(kInclusion,
                fmt::format("It is entry {} of the log {} of {} entr{}.", proof.inclusion.index,
                            claimed->origin, claimed->size, claimed->size == 1 ? "y" : "ies"));
}

Check forked(const Checkpoint& one, const Checkpoint& two) {
  return failed(
      kCheckpoint,
      fmt::format("The log was forked: its tree of size {} in this checkpoint is not part "
                  "of the history of its tree of size {}. Keep both: together they convict "
                  "the log.",
                  one.size, two.size));
}

Check compare_with_known(const Checkpoint& given, const KnownLogHead& known) {
  const Checkpoint& head = known.checkpoint;
  if (given.origin != head.origin)
    return failed(kCheckpoint, fmt::format("The checkpoint is of the log {} and not of {}.",
                                           given.origin, head.origin));
  if (given.size == head.size) {
    if (given.root != head.root) return forked(given, head);
    return passed(kCheckpoint, "The log's signatures hold, and it shows everybody this tree.");
  }
  const bool older = given.size < head.size;
  const Checkpoint& from = older ? given : head;
  const Checkpoint& to = older ? head : given;
  if (!known.consistency)
    return passed(kCheckpoint,
                  fmt::format("The log's signatures hold. It was not compared with its tree of "
                              "size {}, for want of a proof.",
                              head.size));
  const bool fits = known.consistency->from == from.size && known.consistency->to == to.size &&
                    verify_consistency(*known.consistency, {.from = from.root, .to = to.root});
  if (!fits) return forked(given, head);
  return passed(kCheckpoint,
                fmt::format("The log's signatures hold, and its tree of size {} continues it "
                            "without a change.",
                            to.size));
}

Check check_checkpoint(const LogQuestion& question, const LogProof& proof) {
  const KeySet* trusted = question.input.trusted;
  const std::vector<TrustedLogKey> keys =
      trusted == nullptr ? std::vector<TrustedLogKey>{} : log_keys(*trusted);
  if (keys.empty())
    return failed(kCheckpoint,
                  "No trusted key set has this log's keys, so its checkpoint counts "
                  "for nothing.");
  const auto opened = open_checkpoint(proof.checkpoint, keys);
  if (!opened) return failed(kCheckpoint, opened.error().public_detail);
  if (opened->origin != question.facts.log_origin)
    return failed(kCheckpoint,
                  question.facts.log_origin.empty()
                      ? fmt::format("The checkpoint is of the log {}, and the passport names none.",
                                    opened->origin)
                      : fmt::format("The checkpoint is of the log {}, and the passport names {}.",
                                    opened->origin, question.facts.log_origin));
  if (question.input.known_head) return compare_with_known(*opened, *question.input.known_head);
  return passed(kCheckpoint, "Both of the log's signatures on the checkpoint hold.");
}

}  // namespace

std::vector<Check> check_log(const LogQuestion& question) {
  if (question.taken.log_proof.empty()) return without_proof(question);
  const auto proof = parse_log_proof(question.taken.log_proof);
  if (!proof)
    return {failed(kInclusion, proof.error().public_detail),
            skipped(kCheckpoint, "There is no checkpoint to look at.")};
  return {check_inclusion(question, *proof), check_checkpoint(question, *proof)};
}

}  // namespace carnet::evidence
