#pragma once
// Documents that look like real scans, for the tests of artifacts. Same arguments, same document.

#include <fmt/format.h>

#include <string>
#include <vector>

#include "inventory/model.h"

namespace carnet::evidence::test {

using inventory::Asset;
using inventory::AssetStatus;
using inventory::Endpoint;
using inventory::Exposure;
using inventory::ScanDocument;
using inventory::Support;

inline inventory::Certificate certificate_of(const std::string& host, int i, bool post_quantum) {
  inventory::Certificate certificate;
  certificate.subject = "CN=" + host;
  certificate.issuer = "CN=Example Issuing CA G2,O=Example Trust,C=DE";
  certificate.serial_number = fmt::format("{:016x}", 0x1000 + i);
  certificate.not_before = from_millis(1'780'000'000'000);
  certificate.not_after = from_millis(1'800'000'000'000);
  certificate.sans = {"dns:" + host};
  certificate.key_algorithm = post_quantum ? "ML-DSA-65" : (i % 2 == 0 ? "RSA" : "ECDSA P-256");
  certificate.key_bits = post_quantum ? 0 : (i % 2 == 0 ? 2048 : 256);
  if (!post_quantum && i % 2 != 0) certificate.curve = "P-256";
  certificate.signature_algorithm = post_quantum ? "ML-DSA-65" : "sha256WithRSAEncryption";
  certificate.sha256 = fmt::format("{:064x}", i + 1);
  return certificate;
}

inline Endpoint tls_endpoint(const std::string& host, int i, bool hybrid) {
  Endpoint endpoint{.id = fmt::format("ep_{}", i + 1), .host = host, .port = 443};
  endpoint.address = fmt::format("192.0.2.{}", i % 250 + 1);
  endpoint.protocol = "tls";
  endpoint.reached = true;
  endpoint.duration_ms = 180;
  endpoint.connections = 9;
  inventory::TlsObservation tls;
  tls.versions = {{"TLS 1.3", Support::kPreferred}, {"TLS 1.2", Support::kSupported}};
  tls.groups = {
      {0x11EC, "X25519MLKEM768", "hybrid", hybrid ? Support::kPreferred : Support::kUnsupported},
      {0x001D, "X25519", "classical", Support::kSupported},
      {0x0017, "secp256r1", "classical", Support::kSupported}};
  tls.cipher_suites = {{"TLS 1.3", "TLS_AES_128_GCM_SHA256", 0x1301},
                       {"TLS 1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xC02F}};
  tls.legacy_key_exchanges = {"ECDHE"};
  tls.handshake_proof = {true,
                         "TLS 1.3",
                         hybrid ? "X25519MLKEM768" : "X25519",
                         "TLS_AES_128_GCM_SHA256",
                         "rsa_pss_rsae_sha256",
                         1736};
  tls.certificates = {certificate_of(host, i, false)};
  if (i % 7 == 0) tls.findings = {{"certificate_expired", "high", "The certificate has expired."}};
  tls.server_name = host;
  endpoint.tls = tls;
  return endpoint;
}

inline Endpoint ssh_endpoint(const std::string& host, int i, bool hybrid) {
  Endpoint endpoint{.id = fmt::format("ep_{}", i + 1), .host = host, .port = 22};
  endpoint.address = fmt::format("198.51.100.{}", i % 250 + 1);
  endpoint.protocol = "ssh";
  endpoint.reached = true;
  inventory::SshObservation ssh;
  ssh.banner = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3";
  if (hybrid) ssh.kex.push_back("mlkem768x25519-sha256");
  ssh.kex.push_back("sntrup761x25519-sha512@openssh.com");
  ssh.kex.push_back("curve25519-sha256");
  ssh.host_key_algorithms = {"ssh-ed25519", "rsa-sha2-512"};
  ssh.ciphers = {"aes256-gcm@openssh.com", "aes128-ctr"};
  ssh.macs = {"hmac-sha2-256"};
  ssh.negotiated_kex = ssh.kex.front();
  ssh.host_keys = {{"ssh-ed25519", 256, "SHA256:" + std::string(43, 'k')}};
  endpoint.ssh = ssh;
  return endpoint;
}

inline Asset asset_of(const Endpoint& endpoint, int number, Exposure exposure, AssetStatus status,
                      const std::string& algorithm, int key_size) {
  const bool key_establishment = exposure == Exposure::kKeyEstablishment;
  Asset asset;
  asset.id = fmt::format("ast_{:016x}", number);
  asset.endpoint_id = endpoint.id;
  asset.kind = key_establishment ? endpoint.protocol : "certificate";
  asset.exposure = exposure;
  asset.host = endpoint.host;
  asset.port = endpoint.port;
  asset.label = fmt::format("{} of {}:{}", key_establishment ? "Key establishment" : "Certificate",
                            endpoint.host, endpoint.port);
  asset.algorithm = algorithm;
  asset.key_size = key_size;
  const bool vulnerable = status == AssetStatus::kAtRisk || status == AssetStatus::kBroken;
  asset.mosca_priority = vulnerable ? (key_establishment ? 90 : 45) : 0;
  asset.standards_refs = {"NIST IR 8547"};
  asset.pq_credit = status == AssetStatus::kSafe ? 1 : 0;
  auto& v = asset.vulnerability;
  v.status = status;
  v.hndl_exposed = key_establishment && vulnerable;
  v.severity = vulnerable ? (key_establishment ? "high" : "medium") : "info";
  v.summary = vulnerable ? "A quantum computer breaks " + algorithm + "."
                         : algorithm + " has no known quantum attack of concern.";
  if (vulnerable) v.pqc_replacement = key_establishment ? "X25519MLKEM768" : "ML-DSA-65";
  if (vulnerable) v.shor_logical_qubits = 2330;
  v.classical_security_bits = 128;
  v.nist_category = vulnerable ? 0 : 3;
  return asset;
}

inline inventory::BacklogItem item_of(const Asset& asset) {
  inventory::BacklogItem item;
  item.id = "rem_" + asset.id.substr(4);
  item.asset_id = asset.id;
  item.priority = asset.mosca_priority;
  const bool key_establishment = asset.exposure == Exposure::kKeyEstablishment;
  item.title = key_establishment ? "Offer a hybrid group on " + asset.host
                                 : "Plan a post-quantum certificate for " + asset.host;
  item.action = key_establishment
                    ? "In nginx with OpenSSL 3.5: ssl_ecdh_curve X25519MLKEM768:X25519:prime256v1;"
                    : "Shorten the lifetime, automate renewal, and order ML-DSA as soon as your "
                      "certificate authority issues it.";
  item.pqc_algorithm = asset.vulnerability.pqc_replacement;
  item.deadline = key_establishment ? "2030-12-31" : "2035-12-31";
  item.deadline_source = "https://doi.org/10.6028/NIST.IR.8547.ipd";
  item.effort_days = key_establishment ? 2 : 5;
  item.severity = asset.vulnerability.severity;
  item.standards_refs = asset.standards_refs;
  return item;
}

inline void count(ScanDocument& document) {
  auto& judgement = document.judgement;
  auto& counts = judgement.counts;
  counts = {};
  counts.assets = static_cast<int>(judgement.assets.size());
  for (const Asset& asset : judgement.assets) {
    const auto status = asset.vulnerability.status;
    if (status == AssetStatus::kBroken) ++counts.broken;
    if (status == AssetStatus::kAtRisk) ++counts.at_risk;
    if (status == AssetStatus::kSafe) ++counts.safe;
    if (status == AssetStatus::kUnknown) ++counts.unknown;
    if (asset.vulnerability.hndl_exposed) ++counts.hndl_exposed;
  }
}

inline std::vector<inventory::FrameworkResult> frameworks_of(const ScanDocument& document) {
  std::vector<std::string> deciding;
  for (const Asset& asset : document.judgement.assets)
    if (asset.vulnerability.hndl_exposed) deciding.push_back(asset.id);
  return {{.id = "nist-ir-8547",
           .name = "NIST IR 8547 (initial public draft)",
           .result = "not-met",
           .requirements = {{.id = "nist-ir-8547.3",
                             .text = "Key establishment is post-quantum by 2035.",
                             .result = "not-met",
                             .source = "https://doi.org/10.6028/NIST.IR.8547.ipd",
                             .date = "2035-12-31",
                             .asset_ids = deciding},
                            {.id = "nist-ir-8547.1",
                             .text = "Nothing is in use that NIST already disallows.",
                             .result = "met",
                             .source = "https://doi.org/10.6028/NIST.IR.8547.ipd",
                             .date = "2024-11-12",
                             .asset_ids = {}}}},
          {.id = "dora",
           .name = "DORA",
           .result = "cannot-tell",
           .requirements = {{.id = "dora.1",
                             .text = "A policy on encryption and cryptographic controls exists.",
                             .result = "cannot-tell",
                             .source = "https://eur-lex.europa.eu/eli/reg/2022/2554/oj",
                             .date = "",
                             .asset_ids = {}}}}};
}

// `endpoints` reached endpoints with two assets each, and one that was not reached.
inline ScanDocument large_document(int endpoints) {
  ScanDocument document;
  document.scan_id = "scan_01k5zv8m3qf7rtn2x4hy6w9bcd";
  document.label = "Quarterly inventory";
  document.profile = "standard";
  document.created_at = from_millis(1'795'500'000'000);
  document.finished_at = from_millis(1'795'500'342'000);
  auto& judgement = document.judgement;
  for (int i = 0; i < endpoints; ++i) {
    const bool ssh = i % 5 == 4;
    const bool hybrid = i % 3 == 0;
    const std::string host = fmt::format("{}{}.example.org", ssh ? "bastion" : "www", i + 1);
    document.endpoints.push_back(ssh ? ssh_endpoint(host, i, hybrid)
                                     : tls_endpoint(host, i, hybrid));
    const Endpoint& endpoint = document.endpoints.back();
    const std::string classical = ssh ? "curve25519-sha256" : "X25519";
    const std::string group = ssh ? "mlkem768x25519-sha256" : "X25519MLKEM768";
    judgement.assets.push_back(asset_of(endpoint, 2 * i, Exposure::kKeyEstablishment,
                                        hybrid ? AssetStatus::kSafe : AssetStatus::kAtRisk,
                                        hybrid ? group : classical, 0));
    judgement.assets.push_back(asset_of(endpoint, 2 * i + 1, Exposure::kAuthentication,
                                        i % 11 == 10 ? AssetStatus::kBroken : AssetStatus::kAtRisk,
                                        i % 11 == 10 ? "sha1WithRSAEncryption" : "RSA", 2048));
  }
  document.endpoints.push_back({.id = fmt::format("ep_{}", endpoints + 1),
                                .host = "down.example.org",
                                .port = 443,
                                .unreached_reason = "connection refused"});
  for (const Asset& asset : judgement.assets)
    if (asset.vulnerability.status != AssetStatus::kSafe)
      judgement.backlog.push_back(item_of(asset));
  count(document);
  judgement.score = 41.5;
  judgement.band = "At Risk";
  judgement.score_low = 37.2;
  judgement.score_high = 41.5;
  judgement.coverage = {.requested = endpoints + 1, .reached = endpoints, .confidence = 88.4};
  judgement.mosca = {.parameters = {.data_shelf_life_years = 10,
                                    .migration_time_years = 5,
                                    .years_to_qday = 8.1,
                                    .defaults = {"dataShelfLifeYears", "migrationTimeYears"}},
                     .inequality_holds = true,
                     .summary =
                         "10 + 5 years are more than the 8.1 years until a quantum computer "
                         "is assumed, so traffic recorded today can be read in time."};
  judgement.frameworks = frameworks_of(document);
  judgement.notes = {"Only the named ports were looked at.",
                     "The year of a quantum computer is an assumption, not a forecast."};
  judgement.method_version = "1.0";
  return document;
}

}  // namespace carnet::evidence::test
