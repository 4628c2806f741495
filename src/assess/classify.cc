#include "assess/classify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "assess/classify_internal.h"
#include "base/encoding.h"
#include "crypto/hash.h"

namespace carnet::assess {

using inventory::Algorithm;
using inventory::AssetStatus;
using inventory::Endpoint;
using inventory::Exposure;

namespace {

// 6144 -> 6000: the estimates are good to their order of magnitude, and more digits would claim
// more.
int one_significant_digit(int value) {
  if (value <= 0) return 0;
  const double scale = std::pow(10.0, std::floor(std::log10(value)));
  return static_cast<int>(std::round(value / scale) * scale);
}

}  // namespace

std::string asset_id(std::string_view host, std::uint16_t port, Exposure exposure,
                     std::string_view role) {
  const std::string identity =
      fmt::format("asset\n{}\n{}\n{}\n{}", host, port,
                  exposure == Exposure::kKeyEstablishment ? "k" : "a", role);
  return "ast_" + crypto::sha256_hex(identity).substr(0, 16);
}

std::string join_words(const std::vector<std::string>& words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

void describe(inventory::Vulnerability& vulnerability, const Algorithm& algorithm, int key_bits) {
  vulnerability.pqc_replacement = algorithm.replacement;
  vulnerability.nist_category = algorithm.nist_category;
  vulnerability.shor_logical_qubits = algorithm.shor_logical_qubits;
  vulnerability.classical_security_bits = algorithm.classical_security_bits;
  if (algorithm.shor_qubits_per_key_bit > 0 && key_bits > 0) {
    vulnerability.shor_logical_qubits =
        one_significant_digit(algorithm.shor_qubits_per_key_bit * key_bits);
    vulnerability.classical_security_bits = inventory::classical_bits_of_modulus(key_bits);
  }
}

std::string place(const Endpoint& endpoint) {
  if (endpoint.protocol == "file") return endpoint.host;
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
              : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

ClassifiedAsset new_asset(const Endpoint& endpoint, std::string_view kind, Exposure exposure,
                          std::string_view role) {
  ClassifiedAsset result;
  result.asset.id = asset_id(endpoint.host, endpoint.port, exposure, role);
  result.asset.endpoint_id = endpoint.id;
  result.asset.kind = kind;
  result.asset.exposure = exposure;
  result.asset.host = endpoint.host;
  result.asset.port = endpoint.port;
  return result;
}

bool is_mail(const Endpoint& endpoint) {
  static constexpr std::string_view kMail[] = {"smtp", "lmtp", "imap", "pop3", "sieve"};
  return std::find(std::begin(kMail), std::end(kMail), endpoint.protocol) != std::end(kMail);
}

namespace {

// A server that would not begin TLS speaks in the clear, as far as it showed: worse than any
// algorithm. One that broke off in between has shown nothing.
ClassifiedAsset classify_plain(const Endpoint& endpoint,
                               const inventory::StarttlsObservation& starttls) {
  ClassifiedAsset result = new_asset(endpoint, is_mail(endpoint) ? "email" : "tls",
                                     Exposure::kKeyEstablishment, "key-establishment");
  auto& vulnerability = result.asset.vulnerability;
  result.asset.label = "Key establishment of " + place(endpoint);
  const std::string why =
      starttls.findings.empty() ? std::string() : starttls.findings.front().detail;
  if (starttls.state != "not-offered" && starttls.state != "refused") {
    vulnerability.severity = "low";
    vulnerability.summary =
        why.empty() ? "No handshake went far enough to show its key establishment." : why;
    return result;
  }
  result.asset.algorithm = "none";
  vulnerability.status = AssetStatus::kBroken;
  vulnerability.severity = "critical";
  vulnerability.hndl_exposed = true;
  vulnerability.summary = why + " Whoever listens reads it today; no quantum computer is needed.";
  result.causes.push_back({"starttls-missing", "critical", why, false});
  return result;
}

}  // namespace

std::vector<ClassifiedAsset> classify(const Endpoint& endpoint, bool urgent) {
  if (!endpoint.reached) return {};
  std::vector<ClassifiedAsset> assets;
  if (endpoint.tls) {
    for (auto& asset : classify_tls(endpoint, *endpoint.tls, urgent)) {
      assets.push_back(std::move(asset));
    }
    for (auto& asset : classify_certificates(endpoint, *endpoint.tls)) {
      assets.push_back(std::move(asset));
    }
  }
  if (endpoint.ssh) {
    for (auto& asset : classify_ssh(endpoint, *endpoint.ssh, urgent)) {
      assets.push_back(std::move(asset));
    }
  }
  if (endpoint.jwks) {
    for (auto& asset : classify_jwks(endpoint, *endpoint.jwks, urgent)) {
      assets.push_back(std::move(asset));
    }
  }
  if (endpoint.file) {
    for (auto& asset : classify_file(endpoint, *endpoint.file, urgent)) {
      assets.push_back(std::move(asset));
    }
    return assets;
  }
  if (endpoint.jwks) return assets;
  if (assets.empty() && endpoint.starttls) {
    assets.push_back(classify_plain(endpoint, *endpoint.starttls));
  }
  if (assets.empty()) {
    ClassifiedAsset unknown =
        new_asset(endpoint, "tls", Exposure::kKeyEstablishment, "key-establishment");
    unknown.asset.label = "Key establishment of " + place(endpoint);
    unknown.asset.vulnerability.severity = "low";
    unknown.asset.vulnerability.summary =
        "The port answers, but with nothing that Carnet recognises as TLS or SSH, so it could not "
        "be "
        "judged.";
    assets.push_back(std::move(unknown));
  }
  return assets;
}

}  // namespace carnet::assess
