// Assets of files and key sets: every certificate and key stands for itself.
#include <fmt/format.h>

#include <set>

#include "assess/classify_internal.h"
#include "base/text.h"

namespace carnet::assess {
namespace {

using inventory::Algorithm;
using inventory::AlgorithmKind;
using inventory::AssetStatus;
using inventory::Certificate;
using inventory::Endpoint;
using inventory::Exposure;
using inventory::FileEntry;
using inventory::FileObservation;
using inventory::JwksKey;
using inventory::JwksObservation;

// What a key says of itself, wherever it was found.
struct KeyInPlace {
  std::string algorithm;  // registry name
  int bits = 0;
  std::string what;  // "The key", "The algorithm"
};

Exposure exposure_of(const Algorithm* row) {
  const bool establishes = row != nullptr && row->kind == AlgorithmKind::kKeyEstablishment;
  return establishes ? Exposure::kKeyEstablishment : Exposure::kAuthentication;
}

void judge_broken(ClassifiedAsset& result, std::string why, std::string_view cause) {
  auto& vulnerability = result.asset.vulnerability;
  vulnerability.status = AssetStatus::kBroken;
  vulnerability.severity = "critical";
  vulnerability.hndl_exposed = result.asset.exposure == Exposure::kKeyEstablishment;
  vulnerability.summary = why + " No quantum computer is needed to attack this.";
  result.causes.push_back({std::string(cause), "critical", std::move(why), false});
}

void judge_at_risk(ClassifiedAsset& result, const Algorithm& row, const std::string& what,
                   bool urgent) {
  auto& vulnerability = result.asset.vulnerability;
  vulnerability.status = AssetStatus::kAtRisk;
  const bool recorded = result.asset.exposure == Exposure::kKeyEstablishment;
  vulnerability.hndl_exposed = recorded;
  vulnerability.severity = recorded && urgent ? "high" : "medium";
  vulnerability.summary =
      recorded ? fmt::format(
                     "{} is for {}: what is encrypted to it and recorded today can be read "
                     "once a large quantum computer exists.",
                     what, row.name)
               : fmt::format(
                     "{} is for {}: it can be forged once a large quantum computer exists, "
                     "not before.",
                     what, row.name);
  result.causes.push_back({"key-classical", vulnerability.severity, ""});
}

void judge_safe(ClassifiedAsset& result, const Algorithm& row, const std::string& what) {
  auto& vulnerability = result.asset.vulnerability;
  vulnerability.status = AssetStatus::kSafe;
  vulnerability.severity = "info";
  const bool asymmetric =
      row.kind == AlgorithmKind::kKeyEstablishment || row.kind == AlgorithmKind::kSignature;
  vulnerability.summary =
      asymmetric ? fmt::format("{} is post-quantum ({}).", what, row.name)
                 : fmt::format("{} is symmetric ({}), which quantum computers do not break.", what,
                               row.name);
  if (result.asset.exposure == Exposure::kKeyEstablishment) result.asset.pq_credit = 1;
  if (row.standard) return;
  vulnerability.severity = "low";
  vulnerability.summary += " " + row.note;
  result.causes.push_back({"key-pre-standard", "low", row.note, false});
}

void judge_unknown(ClassifiedAsset& result, std::string why) {
  result.asset.vulnerability.status = AssetStatus::kUnknown;
  result.asset.vulnerability.severity = "low";
  result.asset.vulnerability.summary = std::move(why);
}

void judge_key(ClassifiedAsset& result, const KeyInPlace& key, bool urgent) {
  const Algorithm* row = inventory::find_by_name(key.algorithm);
  result.asset.algorithm = key.algorithm;
  result.asset.key_size = key.bits;
  if (row == nullptr) {
    return judge_unknown(
        result, key.algorithm.empty()
                    ? fmt::format("Not judged: {} does not say its algorithm.", key.what)
                    : fmt::format("Not judged: {} is not in the registry.", key.algorithm));
  }
  describe(result.asset.vulnerability, *row, key.bits);
  if (key.bits > 0 && key.bits < row->broken_below_bits) {
    return judge_broken(result,
                        fmt::format("{} ({}) has only {} bits.", key.what, row->name, key.bits),
                        "key-weak");
  }
  switch (row->status) {
    case AssetStatus::kBroken: {
      std::string why = fmt::format("{} is for {}.", key.what, row->name);
      if (!row->note.empty()) why += " " + row->note;
      return judge_broken(result, std::move(why), "key-weak");
    }
    case AssetStatus::kAtRisk:
      return judge_at_risk(result, *row, key.what, urgent);
    case AssetStatus::kSafe:
      return judge_safe(result, *row, key.what);
    case AssetStatus::kUnknown:
      return judge_unknown(result, fmt::format("Not judged: {}.", row->name));
  }
}

// Found again by its fingerprint where it has one, else by its place in the file.
std::string role_of(const FileEntry& entry) {
  if (!entry.fingerprint.empty()) return fmt::format("{} {}", entry.kind, entry.fingerprint);
  return fmt::format("{} {} {} {}", entry.kind, entry.label, entry.algorithm, entry.offset);
}

std::string lower_first(std::string_view noun) {
  std::string out(noun);
  out.front() = to_lower_ascii(out.substr(0, 1)).front();
  return out;
}

std::string_view noun_of(std::string_view kind) {
  if (kind == "certificate-request") return "Certificate request";
  if (kind == "revocation-list") return "Revocation list";
  if (kind == "public-key") return "Public key";
  if (kind == "private-key") return "Private key";
  if (kind == "encrypted-private-key") return "Encrypted private key";
  if (kind == "known-host") return "Host key";
  if (kind == "algorithm") return "Algorithm";
  if (kind == "certificate") return "Certificate";
  if (kind == "secret") return "Secret key";
  return "Entry";
}

std::string label_of(const FileEntry& entry, const Endpoint& endpoint) {
  const std::string name = entry.label.empty() ? std::string() : fmt::format(" {}", entry.label);
  return fmt::format("{}{} in {}", noun_of(entry.kind), name, place(endpoint));
}

// A cipher suite of a foreign inventory.
ClassifiedAsset classify_protocol(const Endpoint& endpoint, const FileEntry& entry, bool urgent) {
  ClassifiedAsset result = new_asset(endpoint, "tls", Exposure::kKeyEstablishment, role_of(entry));
  result.asset.label = fmt::format("{} in {}", entry.label, place(endpoint));
  const auto* suite = inventory::builtin_registry().find_tls_suite(entry.algorithm);
  result.asset.algorithm = entry.algorithm;
  if (suite == nullptr) {
    judge_unknown(result,
                  "Not judged: the inventory names no cipher suite that is in the registry.");
  } else if (suite->broken) {
    judge_broken(result, fmt::format("{}: {}.", suite->name, suite->weak_reason), "algorithm-weak");
    result.causes.back().detail = suite->name;
  } else if (suite->tls13) {
    judge_unknown(result,
                  fmt::format("Not judged: {} is of TLS 1.3, whose key establishment the inventory "
                              "does not tell.",
                              suite->name));
  } else {
    const std::string exchange =
        suite->key_exchange == "RSA" ? "RSA key transport" : suite->key_exchange;
    judge_key(result, {.algorithm = exchange, .bits = 0, .what = suite->name}, urgent);
    result.asset.algorithm = entry.algorithm;
  }
  return result;
}

ClassifiedAsset classify_entry(const Endpoint& endpoint, const FileEntry& entry, bool urgent) {
  const Algorithm* row = inventory::find_by_name(entry.algorithm);
  const bool certificate = entry.kind == "certificate" || entry.kind == "certificate-request" ||
                           entry.kind == "revocation-list";
  const std::string_view kind = certificate ? "certificate" : "key";
  ClassifiedAsset result = new_asset(endpoint, kind, exposure_of(row), role_of(entry));
  result.asset.label = label_of(entry, endpoint);
  const KeyInPlace key{.algorithm = entry.algorithm,
                       .bits = entry.bits,
                       .what = "The " + lower_first(noun_of(entry.kind))};
  judge_key(result, key, urgent);
  // A request or a foreign certificate is only as good as its signature's hash.
  const Algorithm* signature = inventory::find_by_name(entry.signature_algorithm);
  const bool weak = signature != nullptr && signature->status == AssetStatus::kBroken;
  if (weak && result.asset.vulnerability.status != AssetStatus::kBroken) {
    result.causes.clear();
    judge_broken(result, fmt::format("It is signed with {}, which can be forged.", signature->name),
                 "key-weak");
  }
  return result;
}

ClassifiedAsset classify_jwk(const Endpoint& endpoint, const JwksObservation& jwks,
                             const JwksKey& key, std::size_t index, bool urgent) {
  const std::string who =
      key.kid.empty() ? fmt::format("number {}", index + 1) : fmt::format("\"{}\"", key.kid);
  const Algorithm* row = inventory::find_by_name(key.algorithm);
  // What is marked for encryption protects what is recorded, whatever the key could sign.
  const bool encrypts = key.use == "enc";
  const Exposure exposure = encrypts ? Exposure::kKeyEstablishment : exposure_of(row);
  const std::string identity = !key.thumbprint.empty() ? key.thumbprint
                               : key.kid.empty()       ? fmt::format("{}", index)
                                                       : key.kid;
  ClassifiedAsset result = new_asset(endpoint, "jwks", exposure, "jwk " + identity);
  result.asset.label =
      fmt::format("Key {} of {}", who, jwks.url.empty() ? place(endpoint) : jwks.url);
  if (key.kty == "oct") {
    result.asset.algorithm = "oct";
    judge_broken(result,
                 fmt::format("The key {} is a symmetric secret in a public key set: whoever can "
                             "read the set can sign and decrypt with it.",
                             who),
                 "key-published");
    return result;
  }
  const std::string algorithm =
      key.algorithm.empty() ? fmt::format("{} {}", key.kty, key.alg) : key.algorithm;
  judge_key(result, {.algorithm = algorithm, .bits = key.bits, .what = "The key " + who}, urgent);
  if (row != nullptr && row->kind == AlgorithmKind::kSignature && encrypts) {
    const bool replaced = result.asset.vulnerability.pqc_replacement.starts_with("ML-DSA");
    if (replaced) result.asset.vulnerability.pqc_replacement = "MLKEM768";
  }
  return result;
}

// A private member beside a public key, told by the reader as a finding that names the key.
bool is_published(const JwksObservation& jwks, const JwksKey& key, std::size_t index) {
  const std::string who =
      key.kid.empty() ? fmt::format("Key {} ", index + 1) : fmt::format("The key \"{}\" ", key.kid);
  return std::any_of(
      jwks.findings.begin(), jwks.findings.end(), [&](const inventory::Finding& finding) {
        return finding.code == "private_key_published" && finding.detail.starts_with(who);
      });
}

// One key or certificate that stands in a file twice is one asset.
void add_once(std::vector<ClassifiedAsset>& assets, ClassifiedAsset asset,
              std::set<std::string>& seen) {
  if (seen.insert(asset.asset.id).second) assets.push_back(std::move(asset));
}

}  // namespace

std::vector<ClassifiedAsset> classify_file(const Endpoint& endpoint, const FileObservation& file,
                                           bool urgent) {
  std::vector<ClassifiedAsset> assets;
  std::set<std::string> seen;
  for (const FileEntry& entry : file.entries) {
    const auto index = static_cast<std::size_t>(entry.certificate);
    if (entry.certificate >= 0 && index < file.certificates.size()) {
      add_once(
          assets,
          classify_lone_certificate(endpoint, file.certificates[index], label_of(entry, endpoint)),
          seen);
    } else if (entry.kind == "protocol") {
      add_once(assets, classify_protocol(endpoint, entry, urgent), seen);
    } else {
      add_once(assets, classify_entry(endpoint, entry, urgent), seen);
    }
  }
  const bool nothing = file.entries.empty() && !endpoint.jwks && !file.errors.empty();
  if (nothing) {
    ClassifiedAsset unknown = new_asset(endpoint, "certificate", Exposure::kAuthentication, "file");
    unknown.asset.label = "Contents of " + place(endpoint);
    judge_unknown(unknown, "Not judged: " + file.errors.front().detail);
    assets.push_back(std::move(unknown));
  }
  return assets;
}

std::vector<ClassifiedAsset> classify_jwks(const Endpoint& endpoint, const JwksObservation& jwks,
                                           bool urgent) {
  std::vector<ClassifiedAsset> assets;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < jwks.keys.size(); ++i) {
    const JwksKey& key = jwks.keys[i];
    ClassifiedAsset result = classify_jwk(endpoint, jwks, key, i, urgent);
    if (key.kty != "oct" && is_published(jwks, key, i)) {
      result.causes.clear();
      judge_broken(result, "The key set publishes this key's private part.", "key-published");
    }
    add_once(assets, std::move(result), seen);
  }
  return assets;
}

}  // namespace carnet::assess
