#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "base/json.h"
#include "evidence/diff.h"
#include "evidence/report.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;
using inventory::Asset;
using inventory::AssetStatus;
using inventory::ScanDocument;
using ::testing::HasSubstr;

std::string any_text() {
  // Anything that a server, an operator or an attacker may put in a text.
  return *rc::gen::element<std::string>("", "plain", "=1+1", "quote \" and , comma", "line\nbreak",
                                        "tab\there", "ümlaut ✓ 漢字", "\\back/slash",
                                        "-cmd|' /C calc'!A0", "＝SUM(A1)", "'", "\x01");
}

Asset any_asset(int number) {
  Asset asset;
  asset.id = fmt::format("ast_{:016x}", number);
  asset.endpoint_id = "ep_1";
  asset.kind = *rc::gen::element<std::string>("tls", "ssh", "certificate");
  asset.exposure = *rc::gen::element(inventory::Exposure::kKeyEstablishment,
                                     inventory::Exposure::kAuthentication);
  asset.host = any_text();
  asset.port = *rc::gen::arbitrary<std::uint16_t>();
  asset.label = any_text();
  asset.algorithm = any_text();
  asset.key_size = *rc::gen::inRange(0, 16384);
  asset.mosca_priority = *rc::gen::inRange(0, 1000) / 10.0;
  asset.pq_credit = *rc::gen::element(0.0, 0.6, 1.0);
  asset.standards_refs = {any_text(), any_text()};
  auto& vulnerability = asset.vulnerability;
  vulnerability.status = *rc::gen::element(AssetStatus::kBroken, AssetStatus::kAtRisk,
                                           AssetStatus::kSafe, AssetStatus::kUnknown);
  vulnerability.hndl_exposed = *rc::gen::arbitrary<bool>();
  vulnerability.severity = "medium";
  vulnerability.summary = "why " + any_text();
  vulnerability.pqc_replacement = any_text();
  if (*rc::gen::arbitrary<bool>()) vulnerability.shor_logical_qubits = 2000;
  if (*rc::gen::arbitrary<bool>()) vulnerability.classical_security_bits = 128;
  vulnerability.nist_category = *rc::gen::inRange(0, 6);
  return asset;
}

inventory::Endpoint any_endpoint(int number) {
  inventory::Endpoint endpoint;
  endpoint.id = "ep_" + std::to_string(number);
  endpoint.host = "host" + std::to_string(number) + ".example";
  endpoint.port = 443;
  endpoint.reached = *rc::gen::arbitrary<bool>();
  if (!endpoint.reached) {
    endpoint.unreached_reason = "connection refused";
    return endpoint;
  }
  endpoint.address = "192.0.2.1";
  endpoint.duration_ms = *rc::gen::inRange(0, 100000);
  endpoint.connections = 3;
  if (*rc::gen::arbitrary<bool>()) {
    endpoint.protocol = "tls";
    inventory::TlsObservation tls;
    tls.versions = {{"TLS 1.3", inventory::Support::kPreferred},
                    {"TLS 1.2", inventory::Support::kNotProven}};
    tls.groups = {{0x11EC, "X25519MLKEM768", "hybrid", inventory::Support::kSupported}};
    if (*rc::gen::arbitrary<bool>()) tls.server_order = *rc::gen::arbitrary<bool>();
    tls.cipher_suites = {{"TLS 1.3", "TLS_AES_128_GCM_SHA256", 0x1301}};
    tls.legacy_key_exchanges = {"ECDHE", "RSA"};
    tls.dh_bits = 2048;
    tls.handshake_proof = {true,      "TLS 1.3", "X25519MLKEM768", "TLS_AES_128_GCM_SHA256",
                           "ed25519", 1736};
    inventory::Certificate certificate;
    certificate.subject = any_text();
    certificate.issuer = any_text();
    certificate.serial_number = "0a";
    certificate.not_before = from_millis(1'700'000'000'000);
    certificate.not_after = from_millis(1'800'000'000'123);
    certificate.sans = {"dns:host.example"};
    certificate.key_algorithm = "RSA";
    certificate.key_bits = 2048;
    certificate.signature_algorithm = "sha256WithRSAEncryption";
    certificate.sha256 = std::string(64, 'a');
    tls.certificates = {certificate};
    tls.findings = {{"certificate_expired", "high", any_text()}};
    tls.server_name = "host.example";
    tls.alpn = "h2";
    endpoint.tls = tls;
  } else {
    endpoint.protocol = "ssh";
    endpoint.ssh = inventory::SshObservation{.banner = any_text(),
                                             .kex = {"curve25519-sha256"},
                                             .host_key_algorithms = {"ssh-ed25519"},
                                             .ciphers = {"aes128-ctr"},
                                             .macs = {"hmac-sha2-256"},
                                             .negotiated_kex = "curve25519-sha256",
                                             .host_keys = {{"ssh-ed25519", 256, "SHA256:x"}},
                                             .strict_kex = true,
                                             .findings = {}};
  }
  return endpoint;
}

ScanDocument any_document() {
  ScanDocument document;
  document.scan_id = "scan_1";
  document.label = any_text();
  document.profile = "standard";
  document.sample = *rc::gen::arbitrary<bool>();
  document.created_at = from_millis(1'700'000'000'000);
  document.finished_at = from_millis(1'700'000'004'321);
  const int endpoints = *rc::gen::inRange(0, 4);
  for (int i = 0; i < endpoints; ++i) document.endpoints.push_back(any_endpoint(i));
  auto& judgement = document.judgement;
  judgement.method_version = "1.0";
  if (*rc::gen::arbitrary<bool>()) {
    judgement.score = judgement.score_high = *rc::gen::inRange(0, 1001) / 10.0;
    judgement.score_low = 0;
    judgement.band = "At Risk";
  }
  judgement.coverage = {.requested = endpoints, .reached = 1, .confidence = 44.5};
  judgement.mosca.parameters = {.data_shelf_life_years = 10,
                                .migration_time_years = 2.5,
                                .years_to_qday = 8.1,
                                .defaults = {"yearsToQDay"}};
  judgement.mosca.summary = any_text();
  judgement.counts = {
      .assets = 1, .broken = 0, .at_risk = 1, .safe = 0, .unknown = 0, .hndl_exposed = 1};
  const int assets = *rc::gen::inRange(0, 4);
  for (int i = 0; i < assets; ++i) judgement.assets.push_back(any_asset(i));
  for (const Asset& asset : judgement.assets) {
    inventory::BacklogItem item;
    item.id = "rem_" + asset.id.substr(4);
    item.asset_id = asset.id;
    item.priority = 70.5;
    item.title = "Do " + any_text();
    item.action = "As follows " + any_text();
    item.pqc_algorithm = any_text();
    item.deadline = *rc::gen::element<std::string>("", "2030-12-31");
    item.deadline_source = any_text();
    item.effort_days = 0.5;
    item.severity = "high";
    item.standards_refs = {"FIPS 203"};
    item.status = *rc::gen::element<std::string>("open", "in_progress", "accepted_risk", "done");
    item.owner = any_text();
    item.target_date = *rc::gen::element<std::string>("", "2029-06-30");
    judgement.backlog.push_back(item);
  }
  judgement.frameworks = {
      {"own", "House rules", "met", {{"own.1", any_text(), "met", "https://x", "", {"ast_1"}}}}};
  judgement.notes = {any_text()};
  document.timeline = {{.seq = 1,
                        .key = "queued",
                        .label = any_text(),
                        .at = from_millis(1),
                        .duration_ms = 2,
                        .status = "ok"}};
  return document;
}

TEST(ScanResult, WriteReadWriteIsIdentical) {
  ASSERT_TRUE(rc::check([] {
    const std::string once = json::write(scan_result(any_document()));
    const auto read = read_scan_result(once);
    RC_ASSERT(read.has_value());
    RC_ASSERT(json::write(scan_result(*read)) == once);
    // However the text is cut.
    const auto piece = *rc::gen::inRange<std::size_t>(1, 40);
    ScanResultReader reader;
    for (std::size_t i = 0; i < once.size(); i += piece)
      reader.add(std::string_view(once).substr(i, piece));
    const auto again = reader.finish();
    RC_ASSERT(again.has_value());
    RC_ASSERT(json::write(scan_result(*again)) == once);
    const auto half = *rc::gen::inRange<std::size_t>(0, once.size());
    RC_ASSERT(!read_scan_result(once.substr(0, half)).has_value());
  }));
}

// What many endpoints say alike is read into one list.
TEST(ScanResult, EqualListsAreReadOnce) {
  inventory::Endpoint endpoint;
  endpoint.reached = true;
  endpoint.tls.emplace();
  endpoint.tls->groups = {{0x001D, "x25519", "classical", inventory::Support::kPreferred}};
  ScanDocument document;
  document.scan_id = "scan_1";
  document.endpoints = {endpoint, endpoint};
  const auto read = read_scan_result(json::write(scan_result(document)));
  ASSERT_TRUE(read);
  const auto& first = read->endpoints[0].tls->groups;
  EXPECT_EQ(first, endpoint.tls->groups);
  EXPECT_TRUE(first.shares_with(read->endpoints[1].tls->groups));
}

TEST(ScanResult, InPiecesIsTheSameText) {
  ASSERT_TRUE(rc::check([] {
    const ScanDocument document = any_document();
    std::string pieces;
    std::size_t count = 0;
    write_scan_result(document, [&](std::string_view piece) {
      pieces += piece;
      ++count;
    });
    RC_ASSERT(pieces == json::write(scan_result(document)));
    RC_ASSERT(count > document.endpoints.size());
    std::string report;
    write_report_json(document, [&](std::string_view piece) { report += piece; });
    // Canonical bytes, however they came about (RFC 8785).
    RC_ASSERT(report == json::write_canonical(*json::parse(report)));
    RC_ASSERT(report == report_json(document));
  }));
}

TEST(ScanResult, OfAnotherShapeIsRefused) {
  EXPECT_FALSE(read_scan_result("{}"));
  EXPECT_FALSE(read_scan_result(R"({"scanId":5})"));
  EXPECT_FALSE(read_scan_result(R"({"scanId":"scan_1","assets":"no"})"));
  EXPECT_FALSE(read_scan_result(R"({"scanId":"scan_1","createdAt":"yesterday"})"));
  EXPECT_FALSE(read_scan_result(R"({"scanId":"scan_1","assets":["no"]})"));
  EXPECT_FALSE(read_scan_result(R"({"scanId":"scan_1","assets":[5]})"));
  EXPECT_FALSE(read_scan_result(R"({"scanId":"scan_1","assets":[[]]})"));
  EXPECT_FALSE(read_scan_result(R"({"scanId":"scan_1","assets":[{"id":5}]})"));
  EXPECT_FALSE(read_scan_result(R"({"scanId":"scan_1","assets":[{]})"));
  EXPECT_FALSE(read_scan_result(R"({"scanId":"scan_1"}})"));
  EXPECT_TRUE(read_scan_result(R"({"scanId":"scan_1"})"));
  // A name elsewhere, or one written with an escape, is no list of ours.
  EXPECT_TRUE(
      read_scan_result(R"({"scanId":"assets","label":"[{\\","assets":[],"x":[{"assets":[1]}]})"));
}

// A directory of its own for one test.
class ScratchDir {
 public:
  ScratchDir() {
    std::string name = (std::filesystem::temp_directory_path() / "carnet-evidence-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~ScratchDir() { std::filesystem::remove_all(path_); }
  ScratchDir(const ScratchDir&) = delete;
  ScratchDir& operator=(const ScratchDir&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The validator is somebody else's: Debian's python3-jsonschema. It is started once for all,
// because that takes long.
bool are_valid_reports(const std::vector<std::string>& reports) {
  const ScratchDir dir;
  const std::string source = CARNET_SOURCE_DIR;
  std::string command = "python3 " + source + "/src/evidence/tests/validate_report.py " + source +
                        "/data/report.schema.json";
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto file = dir.path() / (std::to_string(i) + ".json");
    std::ofstream(file, std::ios::binary) << reports[i];
    command += " " + file.string();
  }
  return std::system(command.c_str()) == 0;
}

TEST(Report, IsValidAgainstThePublishedSchema) {
  std::vector<std::string> reports;
  ASSERT_TRUE(rc::check([&reports] { reports.push_back(report_json(any_document())); }));
  ASSERT_GE(reports.size(), 100U);
  EXPECT_TRUE(are_valid_reports(reports));
}

TEST(Report, TheSchemaRefusesWhatIsNotAReport) {
  ScanDocument document;
  document.scan_id = "scan_1";
  document.judgement.method_version = "1.0";
  auto changed = json::parse(report_json(document))->get_object();
  changed["surprise"] = 1;
  EXPECT_FALSE(are_valid_reports({json::write(changed)}));
  changed.erase("surprise");
  EXPECT_TRUE(are_valid_reports({json::write(changed)}));
}

TEST(Report, IsCanonicalAndTheSameEachTime) {
  ScanDocument document;
  document.scan_id = "scan_1";
  document.judgement.score = 100;
  const std::string text = report_json(document);
  EXPECT_EQ(text, report_json(document));
  EXPECT_THAT(text, HasSubstr("\"readinessScore\":100,"));  // RFC 8785: not 1E2, not 100.0
  EXPECT_EQ(text.find(": "), std::string::npos);
  EXPECT_TRUE(text.starts_with("{\"assets\":["));  // members sorted
  EXPECT_EQ(text, json::write_canonical(*json::parse(text)));
}

TEST(Report, ASampleSaysSo) {
  ScanDocument document;
  document.scan_id = "scan_1";
  EXPECT_THAT(report_json(document), ::testing::Not(HasSubstr("SAMPLE")));
  document.sample = true;
  EXPECT_THAT(report_json(document), HasSubstr("SAMPLE"));
  EXPECT_THAT(report_json(document), HasSubstr("\"sample\":true"));
}

TEST(Report, NamesTheFirstThreeThingsToDo) {
  ScanDocument document;
  document.scan_id = "scan_1";
  for (const char* id : {"a", "b", "c", "d"}) {
    inventory::BacklogItem item;
    item.id = id;
    item.title = std::string("Do ") + id;
    item.status = id[0] == 'a' ? "done" : "open";
    document.judgement.backlog.push_back(item);
  }
  const auto report = json::parse(report_json(document))->get_object();
  const auto& top = report.at("summary").at("topRemediation").as_array();
  ASSERT_EQ(top.size(), 3U);
  EXPECT_EQ(top[0].at("title"), "Do b");
  EXPECT_EQ(top[2].at("title"), "Do d");
}

// ---- CSV ----

ScanDocument with_label(std::string label) {
  ScanDocument document;
  document.scan_id = "scan_1";
  Asset asset;
  asset.id = "ast_1";
  asset.label = std::move(label);
  document.judgement.assets = {asset};
  return document;
}

TEST(Csv, EveryFieldIsQuotedAndLinesEndInCrLf) {
  const std::string csv = assets_csv(with_label("say \"hi\", twice"));
  EXPECT_TRUE(csv.starts_with("\"scanId\",\"sample\",\"assetId\""));
  EXPECT_TRUE(csv.ends_with("\r\n"));
  EXPECT_THAT(csv, HasSubstr(",\"say \"\"hi\"\", twice\","));
  std::size_t lines = 0;
  for (std::size_t at = csv.find("\r\n"); at != std::string::npos; at = csv.find("\r\n", at + 2))
    ++lines;
  EXPECT_EQ(lines, 2U);
}

class Formulas : public ::testing::TestWithParam<const char*> {};

TEST_P(Formulas, ArePrefixed) {
  const std::string cell = GetParam();
  EXPECT_THAT(assets_csv(with_label(cell)), HasSubstr(",\"'" + cell + "\","));
  ScanDocument document = with_label("x");
  inventory::BacklogItem item;
  item.owner = cell;
  document.judgement.backlog = {item};
  EXPECT_THAT(remediation_csv(document), HasSubstr(",\"'" + cell + "\","));
}

INSTANTIATE_TEST_SUITE_P(Csv, Formulas,
                         ::testing::Values("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx",
                                           "\uFF1D1", "\uFF0B1", "\uFF0D1", "\uFF201"));

TEST(Csv, HarmlessTextStaysAsItIs) {
  EXPECT_THAT(assets_csv(with_label("a=b")), HasSubstr(",\"a=b\","));
  EXPECT_THAT(assets_csv(with_label("ＡＢ")), HasSubstr(",\"ＡＢ\","));
}

// ---- Diff ----

Asset asset_of(std::string id, std::string algorithm, AssetStatus status, int bits = 0) {
  Asset asset;
  asset.id = std::move(id);
  asset.host = "a.example";
  asset.port = 443;
  asset.label = "Key establishment of a.example:443";
  asset.algorithm = std::move(algorithm);
  asset.key_size = bits;
  asset.vulnerability.status = status;
  return asset;
}

TEST(Diff, TellsAddedRemovedAndChanged) {
  ScanDocument before, now;
  before.scan_id = "scan_old";
  before.judgement.score = 41.5;
  now.judgement.score = 72.4;
  before.judgement.assets = {asset_of("ast_1", "x25519", AssetStatus::kAtRisk),
                             asset_of("ast_2", "RSA", AssetStatus::kAtRisk, 2048),
                             asset_of("ast_3", "RSA", AssetStatus::kAtRisk, 2048),
                             asset_of("ast_5", "RSA", AssetStatus::kAtRisk)};
  now.judgement.assets = {asset_of("ast_1", "X25519MLKEM768", AssetStatus::kSafe),
                          asset_of("ast_2", "RSA", AssetStatus::kAtRisk, 3072),
                          asset_of("ast_4", "Ed25519", AssetStatus::kAtRisk),
                          asset_of("ast_5", "RSA", AssetStatus::kAtRisk)};
  const ScanDiff found = diff(before, now);
  ASSERT_EQ(found.added.size(), 1U);
  EXPECT_EQ(found.added[0]->id, "ast_4");
  ASSERT_EQ(found.removed.size(), 1U);
  EXPECT_EQ(found.removed[0]->id, "ast_3");
  ASSERT_EQ(found.changed.size(), 2U);
  const bj::object json = diff_json(found);
  EXPECT_EQ(json.at("against"), "scan_old");
  const auto& changed = json.at("changed").as_array();
  EXPECT_EQ(changed[0].at("assetId"), "ast_1");
  EXPECT_EQ(changed[0].at("from").at("algorithm"), "x25519");
  EXPECT_EQ(changed[0].at("to").at("status"), "safe");
  EXPECT_EQ(changed[1].at("from").at("keySize"), 2048);
  EXPECT_DOUBLE_EQ(json.at("scoreDelta").as_double(), 30.9);
}

inventory::Endpoint endpoint_of(int port, bool reached, std::string leaf = {}) {
  inventory::Endpoint endpoint;
  endpoint.host = "a.example";
  endpoint.port = static_cast<std::uint16_t>(port);
  endpoint.reached = reached;
  if (!leaf.empty()) {
    endpoint.tls.emplace();
    inventory::Certificate certificate;
    certificate.sha256 = std::move(leaf);
    endpoint.tls->certificates.push_back(certificate);
  }
  return endpoint;
}

TEST(Diff, ARotatedHostKeyIsOneChange) {
  Asset key = asset_of("ast_1", "Ed25519", AssetStatus::kAtRisk, 256);
  key.kind = "ssh";
  key.label = "SSH host key ssh-ed25519 of a.example:22";
  key.port = 22;
  ScanDocument before, now;
  before.judgement.assets = now.judgement.assets = {key};
  before.endpoints = now.endpoints = {endpoint_of(22, true)};
  before.endpoints[0].ssh.emplace();
  before.endpoints[0].ssh->host_keys = {{"ssh-rsa", 3072, "SHA256:r"},
                                        {"ssh-ed25519", 256, "SHA256:a"}};
  now.endpoints[0].ssh = before.endpoints[0].ssh;
  EXPECT_TRUE(diff(before, now).changed.empty());
  now.endpoints[0].ssh->host_keys[1].fingerprint = "SHA256:b";
  const ScanDiff found = diff(before, now);
  ASSERT_EQ(found.changed.size(), 1U);
  EXPECT_EQ(found.changed[0].kind, "renewed");
}

TEST(Diff, ARenewedCertificateIsOneChange) {
  Asset certificate = asset_of("ast_1", "RSA", AssetStatus::kAtRisk, 2048);
  certificate.kind = "certificate";
  certificate.label = "Certificate of a.example:443";
  ScanDocument before, now;
  before.judgement.assets = now.judgement.assets = {certificate};
  before.endpoints = {endpoint_of(443, true, "aa")};
  now.endpoints = {endpoint_of(443, true, "bb")};
  const ScanDiff found = diff(before, now);
  EXPECT_TRUE(found.added.empty() && found.removed.empty());
  ASSERT_EQ(found.changed.size(), 1U);
  EXPECT_EQ(found.changed[0].kind, "renewed");
  EXPECT_EQ(found.changed[0].direction, Direction::kSame);
  // One whose id goes by its fingerprint, as in a file.
  now.judgement.assets[0].id = "ast_2";
  now.judgement.assets[0].key_size = 3072;
  const ScanDiff replaced = diff(before, now);
  EXPECT_TRUE(replaced.added.empty() && replaced.removed.empty());
  ASSERT_EQ(replaced.changed.size(), 1U);
  EXPECT_EQ(replaced.changed[0].kind, "renewed");
  EXPECT_EQ(replaced.changed[0].direction, Direction::kBetter);
}

TEST(Diff, AServiceOnAnotherPortHasMoved) {
  Asset old = asset_of("ast_1", "X25519MLKEM768", AssetStatus::kSafe);
  old.pq_credit = 1;
  Asset fresh = asset_of("ast_2", "x25519", AssetStatus::kAtRisk);
  fresh.port = 8443;
  fresh.label = "Key establishment of a.example:8443";
  ScanDocument before, now;
  before.judgement.assets = {old};
  now.judgement.assets = {fresh};
  before.endpoints = {endpoint_of(443, true), endpoint_of(8443, false)};
  now.endpoints = {endpoint_of(443, false), endpoint_of(8443, true)};
  const ScanDiff found = diff(before, now);
  ASSERT_EQ(found.changed.size(), 1U);
  EXPECT_EQ(found.changed[0].kind, "moved");
  EXPECT_EQ(found.changed[0].direction, Direction::kWorse);
  EXPECT_EQ(found.worse, 1);
  EXPECT_EQ(found.hybrid_lost, 1);
  // A port that is open still has not moved.
  now.endpoints[0].reached = true;
  const ScanDiff both = diff(before, now);
  EXPECT_TRUE(both.changed.empty());
  ASSERT_EQ(both.removed.size(), 1U);
  EXPECT_EQ(both.removed_why[0], "gone");
  // Nothing is said of a port that nobody looked at.
  now.endpoints.erase(now.endpoints.begin());
  before.endpoints[1].reached = true;
  const ScanDiff unseen = diff(before, now);
  ASSERT_EQ(unseen.removed.size(), 1U);
  EXPECT_EQ(unseen.removed_why[0], "not-scanned");
  EXPECT_EQ(unseen.hybrid_lost, 0);
}

TEST(Diff, OfAScanWithItselfIsEmpty) {
  ASSERT_TRUE(rc::check([] {
    const ScanDocument document = any_document();
    const ScanDiff found = diff(document, document);
    RC_ASSERT(found.added.empty() && found.removed.empty() && found.changed.empty());
    RC_ASSERT(found.score_delta.value_or(0) == 0);
    RC_ASSERT(diff_json(found).at("scoreDelta").is_null() == !document.judgement.score.has_value());
  }));
}

}  // namespace
}  // namespace carnet::evidence
