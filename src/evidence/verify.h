#pragma once
// Is this document what it says it is? Every check that Carnet knows, in one order, each answered
// by a line of words, with nothing taken on trust from the document itself: the keys come from
// whoever asks. The command, the API and the web page show what stands here. Pure functions,
// thread-safe; a large bundle takes a while, so call them on a work thread.
//
// The order: envelope → both signatures against trusted keys → validity of the keys when it was
// signed → files against the digests → place in the log → the log's checkpoint → sample → end of
// validity.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/clock.h"
#include "evidence/bundle.h"
#include "evidence/checkpoint.h"
#include "evidence/key_set.h"
#include "evidence/passport.h"

namespace carnet::evidence {

enum class CheckState { kOk, kFailed, kSkipped };
[[nodiscard]] std::string_view to_string(CheckState state);  // "ok", "failed", "skipped"

struct Check {
  std::string id;  // "envelope", "signature-ed25519", "signature-ml-dsa-65", "key-validity",
                   // "subjects", "log-inclusion", "log-checkpoint", "sample", "not-after"
  CheckState state = CheckState::kOk;
  std::string words;  // one or two sentences
};

enum class Verdict {
  kValid,       // every check holds; skipped ones say why
  kForged,      // altered, signed by nobody who is trusted, or not what it is passed off as
  kExpired,     // genuine, but past its notAfter
  kUnreadable,  // not a passport, report or bundle at all
};
[[nodiscard]] std::string_view to_string(Verdict verdict);  // "valid", "forged", …

struct Verification {
  Verdict verdict = Verdict::kUnreadable;
  std::string summary;  // one sentence
  std::vector<Check> checks;
  std::optional<PassportFacts> passport;  // what it claims; believe it only if kValid
  std::string passport_sha256;            // of the envelope, hex; "" if there is none
  std::vector<std::string> keyids;        // those whose signatures hold
};

// A head of the log that the asker has from elsewhere, with the proof that joins it to the
// document's checkpoint. `consistency` may be nullopt where the sizes are equal.
struct KnownLogHead {
  Checkpoint checkpoint;
  std::optional<ConsistencyProof> consistency;
};

struct VerifyInput {
  std::string_view document;   // passport.json, bundle.zip, report.json with its signature block, a
                               // {"proof": …}, or, with `passport`, any file that it names
  std::string_view passport;   // the envelope for a document that carries none; "" if it does
  std::string_view log_proof;  // a C2SP tlog-proof for a passport that is not in a bundle; or ""
  // Null: nobody is trusted, so no signature can hold.
  const KeySet* trusted = nullptr;
  std::optional<KnownLogHead> known_head;
  // The log that the passport names was asked for it, and does not have it.
  bool absent_from_log = false;
  BundleLimits bundle_limits;  // what a bundle may unpack to
  Timestamp now{};
};

[[nodiscard]] Verification verify(const VerifyInput& input);

// Whether what `passport` claims is at least signed by who is trusted.
[[nodiscard]] bool signatures_hold(const Verification& verification);

// {"verdict", "valid", "summary", "checks": [{"id", "state", "words"}], "passport":
// {"sha256", "keyids", "issuer", "tenant", "scanId", "targets", "issuedAt", "notAfter",
// "readinessScore", "readinessBand", "sample", "files": [{"name", "sha256"}]}}; passport is null
// unless its signatures hold.
[[nodiscard]] boost::json::object verification_json(const Verification& verification);

// What must be looked up before verify() can be given the rest: whose passport it is.
struct Glance {
  PassportFacts claims;
  std::string passport_sha256;
  std::vector<std::string> keyids;       // as the envelope names them
  std::optional<Checkpoint> checkpoint;  // of the log proof in a bundle, not verified
};
// nullopt if the document has no readable passport. Nothing of it is verified.
[[nodiscard]] std::optional<Glance> glance(const VerifyInput& input);

// report.json with its signature block: the report's bytes with the envelope as the member
// "signature". `report` must be an object as report_json() writes it; it is not copied if it has
// room.
[[nodiscard]] std::string with_signature_block(std::string report, std::string_view envelope);
// {"content_hash", "signature"}: the same as two short texts, for clients that keep a proof beside
// their own record. The signature is the envelope in base64url.
struct CompactProof {
  std::string content_hash;  // "sha256:" and hex, of report.json
  std::string signature;
};
[[nodiscard]] CompactProof compact_proof(std::string_view report_sha256, std::string_view envelope);

}  // namespace carnet::evidence
