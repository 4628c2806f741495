#pragma once
// What the files of verify share: a document taken apart, and the groups of checks. Internal to
// src/evidence.

#include <string>
#include <variant>
#include <vector>

#include "evidence/bundle.h"
#include "evidence/dsse.h"
#include "evidence/verify.h"

namespace carnet::evidence {

enum class DocumentKind { kPassport, kBundle, kReport, kProof, kFile };

struct Taken {
  DocumentKind kind = DocumentKind::kPassport;
  Envelope envelope;
  std::string log_proof;             // "" if there is none
  std::vector<BundleEntry> entries;  // kBundle
  std::string report;                // kReport: its bytes without the signature block
  std::string content_hash;          // kProof: hex
  [[nodiscard]] const BundleEntry* entry(std::string_view name) const;
};

// Why a document could not be taken apart.
struct Refusal {
  Verdict verdict = Verdict::kUnreadable;
  Check check;
};

// verify_read.cc
[[nodiscard]] std::variant<Taken, Refusal> take_apart(const VerifyInput& input);

// verify_files.cc: the document's files against the subjects.
[[nodiscard]] Check check_subjects(const Taken& taken, std::string_view document,
                                   const PassportFacts& facts);
// Whether what is passed off as real is a sample.
[[nodiscard]] Check check_sample(const Taken& taken, std::string_view document,
                                 const PassportFacts& facts);

// verify_log.cc: its place in the log, then the log's checkpoint.
struct LogQuestion {
  const Taken& taken;
  const PassportFacts& facts;
  const VerifyInput& input;
  bool key_retired = false;  // since: then only the log shows that nothing was back-dated
};
[[nodiscard]] std::vector<Check> check_log(const LogQuestion& question);

[[nodiscard]] inline Check passed(std::string_view id, std::string words) {
  return {.id = std::string(id), .state = CheckState::kOk, .words = std::move(words)};
}
[[nodiscard]] inline Check failed(std::string_view id, std::string words) {
  return {.id = std::string(id), .state = CheckState::kFailed, .words = std::move(words)};
}
[[nodiscard]] inline Check skipped(std::string_view id, std::string words) {
  return {.id = std::string(id), .state = CheckState::kSkipped, .words = std::move(words)};
}

}  // namespace carnet::evidence
