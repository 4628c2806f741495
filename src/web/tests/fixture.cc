#include "web/tests/fixture.h"

#include <fmt/format.h>

#include "base/check.h"

namespace carnet::web::fixture {
namespace {

using inventory::Asset;
using inventory::AssetStatus;
using inventory::Exposure;

constexpr int kHttps = 443;

Asset key_exchange(std::string host, int port, std::string algorithm, AssetStatus status,
                   std::string summary) {
  const bool safe = status == AssetStatus::kSafe;
  Asset asset;
  asset.id = "ast_k" + host + std::to_string(port);
  asset.kind = port == 22 ? "ssh" : "tls";
  asset.exposure = Exposure::kKeyEstablishment;
  asset.label = "Key establishment of " + host + ":" + std::to_string(port);
  asset.host = std::move(host);
  asset.port = static_cast<std::uint16_t>(port);
  asset.algorithm = std::move(algorithm);
  asset.mosca_priority = safe ? 0 : 90;
  asset.vulnerability.status = status;
  asset.vulnerability.hndl_exposed = !safe;
  asset.vulnerability.summary = std::move(summary);
  asset.vulnerability.pqc_replacement = safe         ? ""
                                        : port == 22 ? "mlkem768x25519-sha256"
                                                     : "X25519MLKEM768";
  return asset;
}

Asset certificate(std::string host, int port, std::string algorithm, int bits, AssetStatus status,
                  std::string summary) {
  Asset asset;
  asset.id = "ast_c" + host + std::to_string(port);
  asset.kind = "certificate";
  asset.exposure = Exposure::kAuthentication;
  asset.label = "Certificate of " + host + ":" + std::to_string(port);
  asset.host = std::move(host);
  asset.port = static_cast<std::uint16_t>(port);
  asset.algorithm = std::move(algorithm);
  asset.key_size = bits;
  asset.mosca_priority = 40;
  asset.vulnerability.status = status;
  asset.vulnerability.summary = std::move(summary);
  asset.vulnerability.pqc_replacement = "ML-DSA-65";
  return asset;
}

std::vector<Asset> assets() {
  const std::string shor = "Falls to Shor’s algorithm; traffic recorded today can be read later.";
  const std::string forge = "A quantum computer could forge signatures of this key.";
  return {
      key_exchange("www.meridian-bank.example", kHttps, "X25519MLKEM768", AssetStatus::kSafe,
                   "Hybrid key exchange, chosen by default."),
      key_exchange("ebanking.meridian-bank.example", kHttps, "X25519", AssetStatus::kAtRisk, shor),
      key_exchange("api.meridian-bank.example", kHttps, "P-256", AssetStatus::kAtRisk, shor),
      key_exchange("mail.meridian-bank.example", 25, "P-384", AssetStatus::kAtRisk, shor),
      key_exchange("legacy-swift-gateway.payments.meridian-bank.example", 8443, "RSA key transport",
                   AssetStatus::kBroken,
                   "TLS 1.0 with RSA key transport: no forward secrecy, and forbidden by current "
                   "standards."),
      key_exchange("bastion.meridian-bank.example", 22, "curve25519-sha256", AssetStatus::kAtRisk,
                   shor),
      key_exchange("sftp.meridian-bank.example", 22, "sntrup761x25519-sha512", AssetStatus::kSafe,
                   "Hybrid key exchange of a scheme that is not standardised; "
                   "mlkem768x25519-sha256 is the standard one."),
      certificate("www.meridian-bank.example", kHttps, "ECDSA P-256", 256, AssetStatus::kAtRisk,
                  forge),
      certificate("ebanking.meridian-bank.example", kHttps, "RSA", 2048, AssetStatus::kAtRisk,
                  forge),
      certificate("api.meridian-bank.example", kHttps, "RSA", 4096, AssetStatus::kAtRisk, forge),
      certificate("legacy-swift-gateway.payments.meridian-bank.example", 8443, "RSA", 1024,
                  AssetStatus::kBroken,
                  "RSA below 2048 bits is forbidden by every current standard."),
      certificate("bastion.meridian-bank.example", 22, "ssh-ed25519", 256, AssetStatus::kAtRisk,
                  forge),
      certificate("hsm.meridian-bank.example", 9000, "", 0, AssetStatus::kUnknown,
                  "The certificate’s key has an identifier that is not known."),
  };
}

std::vector<inventory::BacklogItem> backlog() {
  inventory::BacklogItem first;
  first.id = "rem_1";
  first.asset_id = "ast_klegacy-swift-gateway.payments.meridian-bank.example8443";
  first.title = "Turn off TLS 1.0 and RSA key transport";
  first.action =
      "In nginx: ssl_protocols TLSv1.2 TLSv1.3; and ssl_ecdh_curve X25519MLKEM768:X25519; (nginx "
      "with OpenSSL 3.5 "
      "or newer). Old clients of this gateway have to be found first.";
  first.pqc_algorithm = "X25519MLKEM768";
  first.deadline = "2025-03-31";
  first.deadline_source = "PCI DSS 4.0.1, 4.2.1";
  first.effort_days = 5;
  inventory::BacklogItem second = first;
  second.id = "rem_2";
  second.asset_id = "ast_kebanking.meridian-bank.example443";
  second.title = "Enable hybrid key exchange for e-banking";
  second.action =
      "Put X25519MLKEM768 first in the list of groups. Browsers offer it already, so that nothing "
      "changes for "
      "customers.";
  second.deadline = "2030-12-31";
  second.deadline_source = "https://digital-strategy.ec.europa.eu/en/library/roadmap";
  second.effort_days = 1;
  second.owner = "Platform team";
  inventory::BacklogItem third = second;
  third.id = "rem_3";
  third.asset_id = "ast_kbastion.meridian-bank.example22";
  third.title = "Update OpenSSH on the bastion host to 9.9 or newer";
  third.action =
      "OpenSSH 10.0 uses mlkem768x25519-sha256 by default. Until then: KexAlgorithms "
      "^mlkem768x25519-sha256.";
  third.pqc_algorithm = "mlkem768x25519-sha256";
  third.deadline = "";
  third.effort_days = 2;
  third.owner = "";
  inventory::BacklogItem fourth = third;
  fourth.id = "rem_4";
  return {first, second, third, fourth};
}

std::vector<inventory::FrameworkResult> frameworks() {
  const auto requirement = [](std::string text, std::string result, std::string date,
                              std::string source, std::vector<std::string> ids) {
    return inventory::FrameworkRequirement{.id = "r",
                                           .text = std::move(text),
                                           .result = std::move(result),
                                           .source = std::move(source),
                                           .date = std::move(date),
                                           .asset_ids = std::move(ids)};
  };
  const std::string legacy = "ast_clegacy-swift-gateway.payments.meridian-bank.example8443";
  const std::string ebanking = "ast_kebanking.meridian-bank.example443";
  return {
      {"nist-ir-8547",
       "NIST IR 8547 (initial public draft)",
       "not-met",
       {requirement("RSA, ECC and DH of 112 bits of security are deprecated.", "not-met",
                    "2030-12-31", "https://csrc.nist.gov/pubs/ir/8547/ipd",
                    {"ast_cebanking.meridian-bank.example443"}),
        requirement("No quantum-vulnerable algorithm is in use.", "not-met", "2035-12-31",
                    "https://csrc.nist.gov/pubs/ir/8547/ipd",
                    {ebanking, legacy, "ast_kapi.meridian-bank.example443",
                     "ast_kmail.meridian-bank.example25"})}},
      {"bsi-tr-02102",
       "BSI TR-02102-1",
       "not-met",
       {requirement("Classical key agreement is not used alone.", "not-met", "2031-12-31",
                    "https://www.bsi.bund.de/dok/TR-02102-en", {ebanking})}},
      {"pci-dss",
       "PCI DSS 4.0.1",
       "cannot-tell",
       {requirement("An inventory of cipher suites and protocols is kept and reviewed yearly.",
                    "cannot-tell", "2025-03-31", "PCI DSS 4.0.1, 12.3.3", {})}},
      {"cnsa-2", "CNSA 2.0", "not-applicable", {}},
      {"eu-roadmap",
       "EU coordinated implementation roadmap",
       "met",
       {requirement("First steps are taken: an inventory exists.", "met", "2026-12-31",
                    "https://digital-strategy.ec.europa.eu/en/library/roadmap", {})}},
  };
}

}  // namespace

Timestamp at(std::string_view rfc3339) {
  const auto time = parse_rfc3339(rfc3339);
  CARNET_CHECK(time.has_value());
  return *time;
}

inventory::ScanDocument document() {
  inventory::ScanDocument document;
  document.scan_id = "scan_01jdf6w8m0q4r9s2t5v7x1y3z6";
  document.label = "Internet-facing systems, Q4 2026";
  document.profile = "standard";
  document.created_at = at("2026-11-24T08:58:10Z");
  document.finished_at = at("2026-11-24T09:03:41Z");
  for (const char* host : {"vpn.meridian-bank.example", "backup.meridian-bank.example"}) {
    inventory::Endpoint endpoint;
    endpoint.host = host;
    endpoint.port = kHttps;
    endpoint.unreached_reason = "timed out after 3 s";
    document.endpoints.push_back(endpoint);
  }
  inventory::Judgement& judgement = document.judgement;
  judgement.assets = assets();
  judgement.score = 41.5;
  judgement.band = "At Risk";
  judgement.score_low = 36.2;
  judgement.score_high = 41.5;
  judgement.coverage = {.requested = 10, .reached = 8, .confidence = 73.6};
  judgement.mosca.parameters = {.data_shelf_life_years = 10,
                                .migration_time_years = 5,
                                .years_to_qday = 8.1,
                                .defaults = {"migrationTimeYears", "yearsToQDay"}};
  judgement.mosca.inequality_holds = true;
  judgement.counts = {
      .assets = 13, .broken = 2, .at_risk = 8, .safe = 2, .unknown = 1, .hndl_exposed = 5};
  judgement.backlog = backlog();
  judgement.frameworks = frameworks();
  judgement.notes = {"Client certificates were not looked at.",
                     "Efforts are estimates per endpoint, not per organisation."};
  judgement.method_version = "1.0";
  return document;
}

service::OpenLink link() {
  service::OpenLink link;
  link.share.tenant_name = "Meridian Bank";
  link.share.recipient = "Audit Committee, Meridian Bank";
  link.share.label = "Auditor handoff (internal)";
  link.share.scope = "passport";
  link.share.created_at = at("2026-11-24T09:10:00Z");
  link.share.expires_at = at("2026-12-01T09:10:00Z");
  return link;
}

std::vector<DownloadLink> downloads() {
  const std::string base =
      "/r/cnt_s_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKL/report?format=";
  const std::string digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
  return {{service::ArtifactFormat::kJson, base + "json", 48'213, digest},
          {service::ArtifactFormat::kCsv, base + "csv", 6'120, digest}};
}

std::vector<store::shares::ScorePoint> history() {
  return {{at("2026-05-20T09:00:00Z"), 22.5, "Critical"},
          {at("2026-08-20T09:00:00Z"), 31, "Critical"},
          {at("2026-11-24T09:03:41Z"), 41.5, "At Risk"}};
}

std::vector<DocsRoute> routes() {
  return {
      {"GET", "/healthz", "getHealth", "public", "Liveness."},
      {"POST", "/admin/tenants", "createTenant", "platform admin", "Make a tenant."},
      {"POST", "/pqc/scan", "startScan", "operator",
       "Start a scan of targets, or of a sample scenario."},
      {"GET", "/pqc/scan/{scan_id}", "getScan", "viewer",
       "Read a scan: running with progress, or the whole result."},
      {"POST", "/tenant/scans/{scan_id}/share", "createShare", "operator",
       "Make an expiring link to one scan."},
      {"GET", "/r/{token}", "openShare", "public",
       "The overview behind a link, as a page or as JSON."},
  };
}

std::vector<DocsProblem> problems() {
  return {
      {"not_found", "Not found", "There is no such thing, or it belongs to another tenant.", 404},
      {"validation_failed", "Validation failed",
       "The request is well-formed, but a field is not; errors names each.", 422},
      {"rate_limited", "Too many requests", "Wait for as long as Retry-After says.", 429}};
}

inventory::ScanDocument document_with(const std::string& text) {
  inventory::ScanDocument document = fixture::document();
  document.label = document.scan_id = document.profile = text;
  for (inventory::Endpoint& endpoint : document.endpoints)
    endpoint.host = endpoint.unreached_reason = text;
  inventory::Judgement& judgement = document.judgement;
  judgement.band = judgement.method_version = judgement.mosca.summary = text;
  for (Asset& asset : judgement.assets) {
    asset.label = asset.host = asset.algorithm = asset.kind = text;
    asset.vulnerability.summary = asset.vulnerability.severity =
        asset.vulnerability.pqc_replacement = text;
  }
  for (inventory::BacklogItem& item : judgement.backlog) {
    item.title = item.action = item.pqc_algorithm = item.deadline = item.owner = item.severity =
        text;
    // One of the two forms in which a source comes, so that both are tried.
    item.deadline_source = item.id == "rem_1" ? text : "https://example.org/" + text;
  }
  for (inventory::FrameworkResult& framework : judgement.frameworks) {
    framework.id = framework.name = framework.result = text;
    for (inventory::FrameworkRequirement& row : framework.requirements) {
      row.text = row.result = row.date = text;
      row.source = "https://example.org/" + text;
    }
  }
  judgement.notes = {text, text};
  return document;
}

service::OpenLink link_with(const std::string& text) {
  service::OpenLink link = fixture::link();
  link.share.tenant_name = link.share.recipient = text;
  return link;
}

inventory::ScanDocument large_document(int count) {
  inventory::ScanDocument document = fixture::document();
  for (int i = 0; i < count; ++i) {
    const std::string host =
        fmt::format("host-{:05}.a-rather-long-zone-name.meridian-bank.example", i);
    document.judgement.assets.push_back(
        key_exchange(host, kHttps, "X25519", AssetStatus::kAtRisk,
                     "Falls to Shor’s algorithm; traffic recorded today can be read later."));
    document.judgement.assets.push_back(
        certificate(host, kHttps, "RSA", 2048, AssetStatus::kAtRisk,
                    "A quantum computer could forge signatures of this key."));
    inventory::Endpoint endpoint = document.endpoints.front();
    endpoint.host = host;
    document.endpoints.push_back(endpoint);
    document.judgement.backlog.push_back(document.judgement.backlog.front());
  }
  document.judgement.counts.assets += 2 * count;
  document.judgement.counts.at_risk += 2 * count;
  return document;
}

}  // namespace carnet::web::fixture
