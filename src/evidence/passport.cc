#include "evidence/passport.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "base/json.h"
#include "crypto/hash.h"
#include "evidence/key_set.h"
#include "inventory/json_read.h"
#include "inventory/names.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;
using inventory::Asset;
using inventory::AssetStatus;
using inventory::JsonReader;
using inventory::Judgement;
using inventory::ScanDocument;

constexpr std::string_view kPredicateVersion = "1.0";
constexpr std::size_t kTopRemediation = 3;
constexpr std::string_view kReservedDomain = ".example";  // RFC 2606 section 2

bj::value text_or_null(const std::string& text) {
  return text.empty() ? bj::value(nullptr) : bj::value(text);
}

bj::object status_counts(const std::vector<Asset>& assets, inventory::Exposure exposure) {
  std::int64_t broken = 0, at_risk = 0, safe = 0, unknown = 0;
  for (const Asset& asset : assets) {
    if (asset.exposure != exposure) continue;
    switch (asset.vulnerability.status) {
      case AssetStatus::kBroken:
        ++broken;
        break;
      case AssetStatus::kAtRisk:
        ++at_risk;
        break;
      case AssetStatus::kSafe:
        ++safe;
        break;
      case AssetStatus::kUnknown:
        ++unknown;
        break;
    }
  }
  return {{"broken", broken}, {"atRisk", at_risk}, {"safe", safe}, {"unknown", unknown}};
}

bj::object counts_json(const Judgement& judgement) {
  const inventory::StatusCounts& counts = judgement.counts;
  bj::object json;
  json["assets"] = counts.assets;
  json["hndlExposed"] = counts.hndl_exposed;
  json["byStatus"] = {{"broken", counts.broken},
                      {"atRisk", counts.at_risk},
                      {"safe", counts.safe},
                      {"unknown", counts.unknown}};
  json["byExposure"] = {
      {"keyEstablishment", status_counts(judgement.assets, inventory::Exposure::kKeyEstablishment)},
      {"authentication", status_counts(judgement.assets, inventory::Exposure::kAuthentication)}};
  return json;
}

bj::object mosca_json(const inventory::MoscaJudgement& mosca) {
  bj::object json;
  json["dataShelfLifeYears"] = mosca.parameters.data_shelf_life_years;
  json["migrationTimeYears"] = mosca.parameters.migration_time_years;
  json["yearsToQDay"] = mosca.parameters.years_to_qday;
  json["inequalityHolds"] = mosca.inequality_holds;
  json["defaults"] = inventory::to_json_array(mosca.parameters.defaults);
  return json;
}

bj::array top_remediation(const Judgement& judgement) {
  bj::array top;
  for (const inventory::BacklogItem& item : judgement.backlog) {
    if (top.size() == kTopRemediation) break;
    if (item.status == "done") continue;
    top.push_back({{"id", item.id},
                   {"title", item.title},
                   {"severity", item.severity},
                   {"pqcAlgorithm", text_or_null(item.pqc_algorithm)},
                   {"deadline", text_or_null(item.deadline)}});
  }
  return top;
}

void write_judgement(const Judgement& judgement, bj::object& json) {
  json["methodVersion"] = judgement.method_version;
  json["readinessScore"] = judgement.score ? bj::value(*judgement.score) : bj::value(nullptr);
  json["readinessBand"] = text_or_null(judgement.band);
  json["scoreRange"] = nullptr;
  if (judgement.score_low && judgement.score_high)
    json["scoreRange"] = {{"low", *judgement.score_low}, {"high", *judgement.score_high}};
  json["coverage"] = {{"requested", judgement.coverage.requested},
                      {"reached", judgement.coverage.reached},
                      {"confidence", judgement.coverage.confidence}};
  json["counts"] = counts_json(judgement);
  json["mosca"] = mosca_json(judgement.mosca);
  json["topRemediation"] = top_remediation(judgement);
  bj::array frameworks;
  for (const inventory::FrameworkResult& framework : judgement.frameworks)
    frameworks.push_back(
        {{"id", framework.id}, {"name", framework.name}, {"result", framework.result}});
  json["frameworks"] = std::move(frameworks);
}

bj::object predicate_json(const ScanDocument& document, const Issue& issue) {
  bj::object json;
  json["schemaVersion"] = kPredicateVersion;
  json["issuer"] = {{"url", issue.issuer_url}};
  json["tenant"] = {{"name", issue.tenant_name}};
  json["scanId"] = document.scan_id;
  json["sample"] = document.sample;
  json["targets"] = inventory::to_json_array(targets_of(document));
  json["targetSet"] = {{"sha256", target_set_of(document)}};
  json["scanWindow"] = {{"startedAt", to_rfc3339(document.created_at)},
                        {"finishedAt", to_rfc3339(document.finished_at)}};
  json["issuedAt"] = to_rfc3339(issue.issued_at);
  json["notAfter"] = to_rfc3339(issue.issued_at + kPassportLife);
  write_judgement(document.judgement, json);
  json["previous"] = nullptr;
  if (issue.previous)
    json["previous"] = {{"digest", {{"sha256", issue.previous->sha256}}},
                        {"scanId", issue.previous->scan_id}};
  json["log"] = nullptr;
  if (!issue.log_origin.empty())
    json["log"] = {{"origin", issue.log_origin}, {"url", issue.issuer_url + "/log/"}};
  return json;
}

Result<void> check_sample(const ScanDocument& document) {
  const bool reserved = names_only_reserved_hosts(targets_of(document));
  if (document.sample == reserved) return {};
  return make_error(ErrorCode::kConflict,
                    document.sample
                        ? "A sample of hosts outside .example is never signed: it could pass for "
                          "evidence about them."
                        : "A scan of nothing but hosts under .example, which are reserved for "
                          "samples, is never signed.");
}

tl::unexpected<Error> bad(std::string_view what) {
  return make_error(ErrorCode::kValidationFailed,
                    fmt::format("This is not a passport's statement: {}.", what));
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<std::vector<Subject>> read_subjects(JsonReader& reader, const bj::object& statement) {
  std::vector<Subject> subjects;
  std::set<std::string> names;
  bool good = true;
  const auto take = [&](const bj::object& json) {
    Subject subject{.name = reader.text(json, "name"), .sha256 = {}};
    const bj::object* digest = reader.object(json, "digest");
    if (digest != nullptr) subject.sha256 = reader.text(*digest, "sha256");
    good = good && !subject.name.empty() && is_sha256(subject.sha256) &&
           names.insert(subject.name).second;
    subjects.push_back(std::move(subject));
  };
  reader.objects(statement, "subject", take);
  if (!reader.ok() || subjects.empty())
    return bad("it has no subjects, or one that is not of their form");
  if (!good) return bad("a subject has no name, no SHA-256, or is there twice");
  return subjects;
}

Result<void> read_predicate(JsonReader& reader, const bj::object& predicate, PassportFacts& out) {
  const bj::value* sample = predicate.if_contains("sample");
  if (sample == nullptr || !sample->is_bool())
    return bad("it does not say whether it is of a sample");
  out.sample = sample->get_bool();
  const bj::object* issuer = reader.object(predicate, "issuer");
  const bj::object* tenant = reader.object(predicate, "tenant");
  if (issuer == nullptr || tenant == nullptr) return bad("issuer or tenant is missing");
  out.issuer_url = reader.text(*issuer, "url");
  out.tenant_name = reader.text(*tenant, "name");
  out.scan_id = reader.text(predicate, "scanId");
  out.method_version = reader.text(predicate, "methodVersion");
  out.targets = reader.texts(predicate, "targets");
  out.issued_at = reader.time(predicate, "issuedAt");
  out.not_after = reader.time(predicate, "notAfter");
  out.score = reader.optional_number(predicate, "readinessScore");
  out.band = reader.text(predicate, "readinessBand");
  if (const bj::object* log = reader.object(predicate, "log"))
    out.log_origin = reader.text(*log, "origin");
  if (const bj::object* previous = reader.object(predicate, "previous")) {
    const bj::object* digest = reader.object(*previous, "digest");
    out.previous = PreviousPassport{
        .sha256 = digest == nullptr ? std::string() : reader.text(*digest, "sha256"),
        .scan_id = reader.text(*previous, "scanId")};
    if (!is_sha256(out.previous->sha256)) return bad("the digest of the previous passport is none");
  }
  if (!reader.ok()) return bad("its member " + reader.fault() + " is not of its type");
  if (out.scan_id.empty() || out.targets.empty()) return bad("scanId or targets is missing");
  if (out.issued_at == Timestamp{} || out.not_after < out.issued_at)
    return bad("issuedAt and notAfter are no period of time");
  return {};
}

}  // namespace

std::vector<std::string> targets_of(const ScanDocument& document) {
  std::set<std::string> targets;
  for (const inventory::Endpoint& endpoint : document.endpoints) {
    const bool v6 = endpoint.host.find(':') != std::string::npos;
    targets.insert(v6 ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
                      : fmt::format("{}:{}", endpoint.host, endpoint.port));
  }
  return {targets.begin(), targets.end()};
}

std::string target_set_of(const ScanDocument& document) {
  std::string text = document.sample ? "sample\n" : "real\n";
  for (const std::string& target : targets_of(document)) text += target + "\n";
  return crypto::sha256_hex(text);
}

bool names_only_reserved_hosts(const std::vector<std::string>& targets) {
  const auto reserved = [](std::string_view target) {
    return target.substr(0, target.rfind(':')).ends_with(kReservedDomain);
  };
  return !targets.empty() && std::all_of(targets.begin(), targets.end(), reserved);
}

Result<std::string> passport_statement(const ScanDocument& document,
                                       const std::vector<Subject>& subjects, const Issue& issue) {
  CARNET_TRY_VOID(check_sample(document));
  bj::array list;
  for (const Subject& subject : subjects)
    list.push_back({{"name", subject.name}, {"digest", {{"sha256", subject.sha256}}}});
  bj::object json;
  json["_type"] = kStatementType;
  json["subject"] = std::move(list);
  json["predicateType"] = kPassportPredicateType;
  json["predicate"] = predicate_json(document, issue);
  return json::write_canonical(json);
}

Result<Envelope> sign_passport(std::string statement, const PassportSigner& signer,
                               Random& random) {
  Envelope envelope;
  envelope.payload_type = kPassportPayloadType;
  envelope.payload = std::move(statement);
  const std::string message = pre_authentication_encoding(envelope.payload_type, envelope.payload);
  CARNET_TRY(classical, crypto::ed25519_sign(signer.ed25519, as_bytes(message)));
  CARNET_TRY(post_quantum, crypto::mldsa_sign(crypto::MlDsa::k65, signer.mldsa.private_key,
                                              {.message = as_bytes(message)}, random));
  envelope.signatures.push_back({.keyid = keyid_of(signer.ed25519.public_key),
                                 .sig = Bytes(classical.begin(), classical.end())});
  envelope.signatures.push_back(
      {.keyid = keyid_of(signer.mldsa.public_key), .sig = std::move(post_quantum)});
  return envelope;
}

Result<PassportFacts> read_statement(std::string_view payload) {
  const auto value = json::parse(payload);
  if (!value)
    return bad("it is no JSON that has one reading (" + value.error().public_detail + ")");
  if (!value->is_object()) return bad("it is not a JSON object");
  const bj::object& statement = value->get_object();
  JsonReader reader(kTargetsMax);
  if (reader.text(statement, "_type") != kStatementType)
    return bad("it is not an in-toto Statement v1");
  if (reader.text(statement, "predicateType") != kPassportPredicateType)
    return bad(fmt::format("its predicate is not {}", kPassportPredicateType));
  PassportFacts out;
  CARNET_TRY(subjects, read_subjects(reader, statement));
  if (subjects.size() > kSubjectsMax) return bad("it has too many subjects");
  out.subjects = std::move(subjects);
  const bj::object* predicate = reader.object(statement, "predicate");
  if (predicate == nullptr) return bad("it has no predicate");
  CARNET_TRY_VOID(read_predicate(reader, *predicate, out));
  return out;
}

}  // namespace carnet::evidence
