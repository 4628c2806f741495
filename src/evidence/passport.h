#pragma once
// The passport: an in-toto Statement v1 in a DSSE envelope that lists every artifact of a scan with
// its SHA-256 and says in a few members what the scan found. Signed with Ed25519 and ML-DSA-65;
// whoever accepts one without the other accepts nothing. Values and pure functions; thread-safe.
// Signing takes some milliseconds: call it on a work thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "crypto/ed25519.h"
#include "crypto/mldsa.h"
#include "evidence/artifact_set.h"
#include "evidence/dsse.h"
#include "inventory/model.h"

namespace carnet::evidence {

inline constexpr std::string_view kPassportPayloadType = "application/vnd.in-toto+json";
inline constexpr std::string_view kStatementType = "https://in-toto.io/Statement/v1";
// Published as data/passport.schema.json. A change that old readers would misread gets a new
// number.
inline constexpr std::string_view kPassportPredicateType = "urn:carnet:predicate:passport:1";
inline constexpr std::string_view kPassportName = "passport.json";
inline constexpr std::string_view kKeysName = "carnet-keys.json";
inline constexpr std::string_view kLogProofName = "passport.tlog-proof";
// How long a passport counts: an inventory ages with every deployment.
inline constexpr std::chrono::hours kPassportLife{24 * 90};
inline constexpr std::size_t kSubjectsMax = 256;
inline constexpr std::size_t kTargetsMax = 100'000;

struct Subject {
  std::string name;
  std::string sha256;  // lower-case hex
  bool operator==(const Subject&) const = default;
};

// The passport before this one for the same targets.
struct PreviousPassport {
  std::string sha256;  // of its envelope
  std::string scan_id;
  bool operator==(const PreviousPassport&) const = default;
};

// What the document itself does not say.
struct Issue {
  std::string issuer_url;   // public URL of the service: where the keys are published
  std::string tenant_name;  // as visitors are shown it
  std::string log_origin;   // "" if there is no log
  Timestamp issued_at{};
  std::optional<PreviousPassport> previous;
};

// "host:port" of every endpoint that was asked for, sorted, each once.
[[nodiscard]] std::vector<std::string> targets_of(const inventory::ScanDocument& document);
// Hex SHA-256 that is equal for scans of the same targets; samples and real scans never share one.
[[nodiscard]] std::string target_set_of(const inventory::ScanDocument& document);

// The statement's canonical bytes. kInternal for a sample scan of names outside .example, and for a
// real scan of nothing but such names: the one must never pass for the other.
[[nodiscard]] Result<std::string> passport_statement(const inventory::ScanDocument& document,
                                                     const std::vector<Subject>& subjects,
                                                     const Issue& issue);

struct PassportSigner {
  const crypto::Ed25519KeyPair& ed25519;
  const crypto::MlDsaKeyPair& mldsa;  // ML-DSA-65
};
// Both signatures over the payload.
[[nodiscard]] Result<Envelope> sign_passport(std::string statement, const PassportSigner& signer,
                                             Random& random);

// What a statement says, for whoever checks it.
struct PassportFacts {
  std::vector<Subject> subjects;
  std::string issuer_url, tenant_name, scan_id, log_origin, method_version;
  std::vector<std::string> targets;
  Timestamp issued_at{}, not_after{};
  std::optional<double> score;
  std::string band;
  bool sample = false;
  std::optional<PreviousPassport> previous;
};
// kValidationFailed with a sentence: another type, a member missing or of another type, a subject
// twice, a digest that is none.
[[nodiscard]] Result<PassportFacts> read_statement(std::string_view payload);
// Why the sample flag cannot be believed, if it cannot: a real passport that names nothing but
// .example hosts.
[[nodiscard]] bool names_only_reserved_hosts(const std::vector<std::string>& targets);

}  // namespace carnet::evidence
