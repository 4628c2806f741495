// A verification as JSON, for programs.
#include <boost/json.hpp>

#include "evidence/verify.h"
#include "inventory/json_read.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;

bj::value text_or_null(const std::string& text) {
  return text.empty() ? bj::value(nullptr) : bj::value(text);
}

bj::object passport_json(const Verification& verification) {
  const PassportFacts& facts = *verification.passport;
  bj::array files;
  for (const Subject& subject : facts.subjects)
    files.push_back({{"name", subject.name}, {"sha256", subject.sha256}});
  bj::object json;
  json["sha256"] = verification.passport_sha256;
  json["keyids"] = inventory::to_json_array(verification.keyids);
  json["issuer"] = facts.issuer_url;
  json["tenant"] = facts.tenant_name;
  json["scanId"] = facts.scan_id;
  json["targets"] = inventory::to_json_array(facts.targets);
  json["issuedAt"] = to_rfc3339(facts.issued_at);
  json["notAfter"] = to_rfc3339(facts.not_after);
  json["readinessScore"] = facts.score ? bj::value(*facts.score) : bj::value(nullptr);
  json["readinessBand"] = text_or_null(facts.band);
  json["sample"] = facts.sample;
  json["previous"] = nullptr;
  if (facts.previous)
    json["previous"] = {{"sha256", facts.previous->sha256}, {"scanId", facts.previous->scan_id}};
  json["files"] = std::move(files);
  return json;
}

}  // namespace

bool signatures_hold(const Verification& verification) {
  constexpr std::size_t kBoth = 2;
  return verification.passport.has_value() && verification.keyids.size() == kBoth;
}

bj::object verification_json(const Verification& verification) {
  bj::array checks;
  for (const Check& check : verification.checks)
    checks.push_back({{"id", check.id}, {"state", to_string(check.state)}, {"words", check.words}});
  bj::object json;
  json["verdict"] = to_string(verification.verdict);
  json["valid"] = verification.verdict == Verdict::kValid;
  json["summary"] = verification.summary;
  json["checks"] = std::move(checks);
  json["passport"] = nullptr;
  if (signatures_hold(verification)) json["passport"] = passport_json(verification);
  return json;
}

}  // namespace carnet::evidence
