// Authentication of a TLS endpoint: one asset per chain, judged by its weakest link.
#include <fmt/format.h>

#include <map>

#include "assess/classify_internal.h"

namespace carnet::assess {
namespace {

using inventory::Algorithm;
using inventory::AssetStatus;
using inventory::Certificate;
using inventory::Endpoint;
using inventory::Exposure;
using inventory::TlsObservation;

struct Link {
  AssetStatus status = AssetStatus::kUnknown;
  std::string what;  // "the RSA key of 1024 bits of the certificate"
};

// How bad, for choosing the weakest; an unknown link is worse than a safe one and better than a
// known weakness.
int badness(AssetStatus status) {
  switch (status) {
    case AssetStatus::kBroken:
      return 3;
    case AssetStatus::kAtRisk:
      return 2;
    case AssetStatus::kUnknown:
      return 1;
    case AssetStatus::kSafe:
      return 0;
  }
  return 1;
}

Link judge_key(const Certificate& certificate, const std::string& owner) {
  const Algorithm* row = inventory::find_by_name(certificate.key_algorithm);
  // Where the name tells the size ("ECDSA P-256") it is not said twice.
  const bool say_bits = certificate.key_bits > 0 && (row == nullptr || row->key_bits == 0);
  const std::string size = say_bits ? fmt::format(" of {} bits", certificate.key_bits) : "";
  const std::string what = fmt::format("the {} key{} {}", certificate.key_algorithm, size, owner);
  if (row == nullptr) return {AssetStatus::kUnknown, what};
  const bool short_key = certificate.key_bits > 0 && certificate.key_bits < row->broken_below_bits;
  return {short_key ? AssetStatus::kBroken : row->status, what};
}

// A replaced generator, an exponent of one, a hash that is broken: what the reader found critical
// about a certificate makes it forgeable, whatever its algorithm.
std::optional<Link> judge_findings(const Certificate& certificate, const std::string& owner) {
  for (const inventory::Finding& finding : certificate.findings) {
    if (finding.severity != "critical") continue;
    const bool hash = finding.code == "weak_signature_hash";
    const std::string what =
        hash ? fmt::format("the {} signature ({}) {}", certificate.signature_algorithm,
                           certificate.signature_parameters, owner)
             : fmt::format("the {} key {}", certificate.key_algorithm, owner);
    return Link{AssetStatus::kBroken, what};
  }
  return std::nullopt;
}

Link judge_signature(const Certificate& certificate, const std::string& owner) {
  const Algorithm* row = inventory::find_by_name(certificate.signature_algorithm);
  const std::string what =
      fmt::format("the {} signature {}", certificate.signature_algorithm, owner);
  return {row == nullptr ? AssetStatus::kUnknown : row->status, what};
}

// `lone`: a certificate of a file, which may be a root itself.
Link weakest_link(const std::vector<const Certificate*>& chain, bool lone) {
  Link weakest = judge_key(*chain.front(), "of the certificate");
  const auto take = [&weakest](Link link) {
    if (badness(link.status) > badness(weakest.status)) weakest = std::move(link);
  };
  for (const Certificate* certificate : chain) {
    const std::string owner =
        certificate->position == 0
            ? std::string("of the certificate")
            : fmt::format("of certificate {} in the chain", certificate->position + 1);
    if (certificate->position > 0) take(judge_key(*certificate, owner));
    // Nobody relies on the signature that a root makes over itself.
    const bool root =
        (lone || certificate->position > 0) && certificate->subject == certificate->issuer;
    if (!root) take(judge_signature(*certificate, owner));
    if (auto link = judge_findings(*certificate, owner)) take(std::move(*link));
  }
  return weakest;
}

// Says what a second, post-quantum signature is worth (X.509 2019 clause 9.8).
void tell_alternative(ClassifiedAsset& result, const Certificate& leaf) {
  if (leaf.alt_signature_algorithm.empty() && leaf.alt_key_algorithm.empty()) return;
  const std::string& name =
      leaf.alt_signature_algorithm.empty() ? leaf.alt_key_algorithm : leaf.alt_signature_algorithm;
  result.asset.vulnerability.summary += fmt::format(
      " It also carries an alternative signature or key ({}), which protects only those who check "
      "it.",
      name);
}

void judge_chain(ClassifiedAsset& result, const std::vector<const Certificate*>& chain,
                 bool lone = false) {
  const Certificate& leaf = *chain.front();
  const Algorithm* row = inventory::find_by_name(leaf.key_algorithm);
  const Link weakest = weakest_link(chain, lone);
  auto& vulnerability = result.asset.vulnerability;
  vulnerability.status = weakest.status;
  switch (weakest.status) {
    case AssetStatus::kBroken:
      vulnerability.severity = "critical";
      vulnerability.summary =
          fmt::format("The chain is only as good as {}, which can be forged today.", weakest.what);
      if (vulnerability.pqc_replacement.empty()) {
        vulnerability.pqc_replacement = inventory::find_by_name("RSA")->replacement;
      }
      result.causes.push_back({"certificate-weak", "critical",
                               fmt::format("The weak link is {}.", weakest.what), false});
      return;
    case AssetStatus::kAtRisk:
      vulnerability.severity = "medium";
      vulnerability.summary = fmt::format(
          "Rests on {}: it can be forged once a large quantum computer exists, not before, and "
          "recorded traffic is not affected.",
          weakest.what);
      if (vulnerability.pqc_replacement.empty()) {
        // A post-quantum leaf under a classical authority: the authority has to move, to what the
        // leaf uses already.
        vulnerability.pqc_replacement = leaf.key_algorithm;
      }
      tell_alternative(result, leaf);
      result.causes.push_back({"certificate-classical", "medium", ""});
      return;
    case AssetStatus::kUnknown:
      vulnerability.severity = "low";
      vulnerability.summary = fmt::format("Not judged: {} is not in the registry.", weakest.what);
      return;
    case AssetStatus::kSafe:
      vulnerability.severity = "info";
      vulnerability.summary = "Every key and signature of the chain is post-quantum.";
      break;
  }
  if (row != nullptr && !row->standard) {
    vulnerability.severity = "low";
    vulnerability.summary += " " + row->note;
    result.causes.push_back({"certificate-pre-standard", "low", row->note, false});
  }
}

}  // namespace

ClassifiedAsset classify_lone_certificate(const Endpoint& endpoint, const Certificate& certificate,
                                          std::string label) {
  ClassifiedAsset result = new_asset(endpoint, "certificate", Exposure::kAuthentication,
                                     "certificate " + certificate.sha256);
  result.asset.label = std::move(label);
  result.asset.algorithm = certificate.key_algorithm;
  result.asset.key_size = certificate.key_bits;
  if (const Algorithm* row = inventory::find_by_name(certificate.key_algorithm)) {
    describe(result.asset.vulnerability, *row, certificate.key_bits);
  }
  judge_chain(result, {&certificate}, true);
  return result;
}

std::vector<ClassifiedAsset> classify_certificates(const Endpoint& endpoint,
                                                   const TlsObservation& tls) {
  std::map<int, std::map<int, const Certificate*>> chains;
  for (const Certificate& certificate : tls.certificates) {
    chains[certificate.chain].emplace(certificate.position, &certificate);
  }
  std::vector<ClassifiedAsset> assets;
  for (const auto& [number, by_position] : chains) {
    if (!by_position.contains(0)) continue;
    std::vector<const Certificate*> chain;
    for (const auto& [position, certificate] : by_position) chain.push_back(certificate);
    ClassifiedAsset result = new_asset(endpoint, "certificate", Exposure::kAuthentication,
                                       fmt::format("certificate {}", number));
    result.asset.label = number == 0
                             ? "Certificate of " + place(endpoint)
                             : fmt::format("Certificate {} of {}", number + 1, place(endpoint));
    result.asset.algorithm = chain.front()->key_algorithm;
    result.asset.key_size = chain.front()->key_bits;
    if (const Algorithm* row = inventory::find_by_name(chain.front()->key_algorithm)) {
      describe(result.asset.vulnerability, *row, chain.front()->key_bits);
    }
    judge_chain(result, chain);
    assets.push_back(std::move(result));
  }
  if (assets.empty()) {
    ClassifiedAsset unknown =
        new_asset(endpoint, "certificate", Exposure::kAuthentication, "certificate 0");
    unknown.asset.label = "Certificate of " + place(endpoint);
    unknown.asset.vulnerability.severity = "low";
    unknown.asset.vulnerability.summary =
        "The server spoke TLS, but no handshake went far enough to show its certificate.";
    assets.push_back(std::move(unknown));
  }
  return assets;
}

}  // namespace carnet::assess
