#pragma once
// A whole issuer in memory for the tests of passports: keys, a log, and the bundle that it hands
// out, with every step open to be done wrongly.

#include <boost/json.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include "base/json.h"
#include "evidence/artifact_set.h"
#include "evidence/report.h"
#include "evidence/tests/documents.h"
#include "evidence/tests/log_samples.h"
#include "evidence/verify.h"

namespace carnet::evidence::testing {

inline constexpr std::string_view kOrigin = "carnet.example.org/log";

struct Keys {
  crypto::Ed25519KeyPair ed25519;
  crypto::MlDsaKeyPair mldsa;
};

inline Keys new_keys() {
  SystemRandom random;
  return {.ed25519 = crypto::ed25519_generate(random),
          .mldsa = crypto::mldsa_generate(crypto::MlDsa::k65, random)};
}

inline void trust(KeySet& set, const Keys& keys, KeyUse use, Timestamp from) {
  const auto& raw = keys.ed25519.public_key;
  set.keys.push_back(public_key(KeyAlgorithm::kEd25519, use, Bytes(raw.begin(), raw.end()), from));
  set.keys.push_back(public_key(KeyAlgorithm::kMlDsa65, use, keys.mldsa.public_key, from));
}

class Issuer {
 public:
  Issuer() {
    trust(set, passport_keys, KeyUse::kPassport, issued_at - std::chrono::hours(24));
    const auto& raw = log_signer.ed25519.public_key;
    set.keys.push_back(
        public_key(KeyAlgorithm::kEd25519, KeyUse::kLog, Bytes(raw.begin(), raw.end()), issued_at));
    set.keys.push_back(
        public_key(KeyAlgorithm::kMlDsa65, KeyUse::kLog, log_signer.mldsa.public_key, issued_at));
    for (int i = 0; i < 5; ++i) tiles.append(leaf_hash(fmt::format("an older passport {}", i)));
  }

  // What is signed: small files besides the report, so that a test can alter each of them.
  [[nodiscard]] std::vector<BundleEntry> files(const inventory::ScanDocument& document) const {
    return {{.name = "README.md", .bytes = "# Evidence\n"},
            {.name = "assets.csv", .bytes = assets_csv(document)},
            {.name = std::string(kKeysName), .bytes = key_set_json(set)},
            {.name = std::string(kReportJsonName), .bytes = report_json(document)}};
  }
  [[nodiscard]] static std::vector<Subject> subjects(const std::vector<BundleEntry>& files) {
    std::vector<Subject> out;
    for (const BundleEntry& file : files)
      out.push_back({.name = file.name, .sha256 = crypto::sha256_hex(file.bytes)});
    return out;
  }
  [[nodiscard]] Issue issue() const {
    return {.issuer_url = "https://carnet.example.org",
            .tenant_name = "Example Bank",
            .log_origin = std::string(kOrigin),
            .issued_at = issued_at,
            .previous = {}};
  }
  [[nodiscard]] std::string statement(const inventory::ScanDocument& document) const {
    return passport_statement(document, subjects(files(document)), issue()).value();
  }
  [[nodiscard]] static Envelope sign(std::string statement, const Keys& keys) {
    SystemRandom random;
    return sign_passport(std::move(statement), {.ed25519 = keys.ed25519, .mldsa = keys.mldsa},
                         random)
        .value();
  }
  [[nodiscard]] Envelope passport(const inventory::ScanDocument& document) const {
    return sign(statement(document), passport_keys);
  }
  // Appends it and proves it.
  LogProof log(const Envelope& envelope) {
    const std::uint64_t index = tiles.frontier().size();
    tiles.append(leaf_hash(envelope_digest(envelope)));
    return {.inclusion = prove_inclusion(tiles.reader(), index, index + 1).value(),
            .checkpoint = sign_checkpoint(head(), log_signer)->note};
  }
  [[nodiscard]] Checkpoint head() const {
    return {.origin = std::string(kOrigin),
            .size = tiles.frontier().size(),
            .root = tiles.frontier().root()};
  }
  [[nodiscard]] static std::vector<BundleEntry> entries(std::vector<BundleEntry> files,
                                                        const Envelope& envelope,
                                                        const LogProof& proof) {
    files.push_back({.name = std::string(kPassportName), .bytes = envelope_json(envelope)});
    files.push_back({.name = std::string(kLogProofName), .bytes = to_string(proof)});
    return files;
  }
  // Everything right.
  std::vector<BundleEntry> issued(const inventory::ScanDocument& document) {
    const Envelope envelope = passport(document);
    return entries(files(document), envelope, log(envelope));
  }
  [[nodiscard]] Verification check(std::string_view document,
                                   std::string_view passport = {}) const {
    return verify({.document = document,
                   .passport = passport,
                   .log_proof = {},
                   .trusted = &set,
                   .known_head = {},
                   .now = now});
  }

  Timestamp issued_at = from_millis(1'795'500'400'000);
  Timestamp now = issued_at + std::chrono::hours(1);
  Keys passport_keys = new_keys();
  TestSigner log_signer;
  KeySet set;
  MemoryTiles tiles;
};

inline const Check* find_check(const Verification& verification, std::string_view id) {
  const auto found = std::find_if(verification.checks.begin(), verification.checks.end(),
                                  [&](const Check& check) { return check.id == id; });
  return found == verification.checks.end() ? nullptr : &*found;
}

// The words of the check that failed; "" if it did not.
inline std::string failure_of(const Verification& verification, std::string_view id) {
  const Check* check = find_check(verification, id);
  return check != nullptr && check->state == CheckState::kFailed ? check->words : std::string();
}

inline std::string all_words(const Verification& verification) {
  std::string out;
  for (const Check& check : verification.checks)
    out += fmt::format("{} {}: {}\n", to_string(check.state), check.id, check.words);
  return out;
}

}  // namespace carnet::evidence::testing
