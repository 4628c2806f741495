#include "web/verify.h"

#include <fmt/format.h>

#include <algorithm>

#include "web/words.h"

namespace carnet::web {
namespace {

constexpr std::size_t kTargetsShownMax = 10;  // limit: internal

std::string_view heading_of(const evidence::Verification& verification) {
  switch (verification.verdict) {
    case evidence::Verdict::kValid:
      return verification.passport->sample ? "A genuine sample" : "Genuine";
    case evidence::Verdict::kForged:
      return "Not genuine";
    case evidence::Verdict::kExpired:
      return "Expired";
    case evidence::Verdict::kUnreadable:
      return "This cannot be read";
  }
}

// The class that colours the verdict.
std::string_view tone_of(const evidence::Verification& verification) {
  switch (verification.verdict) {
    case evidence::Verdict::kValid:
      return "tone-good";
    case evidence::Verdict::kForged:
      return "tone-bad";
    case evidence::Verdict::kExpired:
    case evidence::Verdict::kUnreadable:
      return "tone-unsure";
  }
}

// The same words as where the visitor's browser checks (assets/verify.js).
Label check_label(evidence::CheckState state) {
  switch (state) {
    case evidence::CheckState::kOk:
      return {"safe", "Holds"};
    case evidence::CheckState::kFailed:
      return {"broken", "Does not hold"};
    case evidence::CheckState::kSkipped:
      return {"unknown", "Not checked"};
  }
}

std::string targets_text(const std::vector<std::string>& targets) {
  std::string text;
  for (std::size_t i = 0; i < std::min(targets.size(), kTargetsShownMax); ++i)
    text += (i == 0 ? "" : ", ") + targets[i];
  if (targets.size() > kTargetsShownMax)
    text += fmt::format(" and {} more", targets.size() - kTargetsShownMax);
  return text;
}

void fill_passport(Filler part, const evidence::PassportFacts& facts) {
  part.set("TENANT", facts.tenant_name);
  part.set("ISSUER", facts.issuer_url);
  part.set("SCAN", facts.scan_id);
  part.set("TARGETS", targets_text(facts.targets));
  part.set("READINESS", facts.score
                            ? fmt::format("{} of 100, {}", decimal(*facts.score), facts.band)
                            : std::string("no score: nothing could be judged"));
  part.set("ISSUED", long_date(facts.issued_at));
  part.set("ISSUED_ISO", to_rfc3339(facts.issued_at));
  part.set("NOT_AFTER", long_date(facts.not_after));
  part.set("NOT_AFTER_ISO", to_rfc3339(facts.not_after));
}

}  // namespace

void fill_verify(Filler page, const evidence::Verification* verification) {
  if (verification == nullptr) {
    page.set("HEADING", "Verify a document");
    page.section("FORM");
    return;
  }
  page.set("HEADING", heading_of(*verification));
  Filler result = page.section("RESULT");
  result.set("TONE", tone_of(*verification));
  result.set("SUMMARY", verification->summary);
  if (verification->passport && verification->passport->sample) result.section("SAMPLE");
  std::optional<Filler> checks;
  for (const evidence::Check& check : verification->checks) {
    if (!checks) checks = result.section("CHECKS");
    Filler line = checks->section("CHECK");
    const Label label = check_label(check.state);
    line.set("CLASS", label.token);
    line.set("STATE", label.text);
    line.set("ID", check.id);
    line.set("WORDS", check.words);
  }
  // What it claims is shown only once it is known who claims it.
  if (evidence::signatures_hold(*verification))
    fill_passport(result.section("PASSPORT"), *verification->passport);
}

}  // namespace carnet::web
