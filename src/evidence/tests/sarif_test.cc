#include "evidence/sarif.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <set>

#include "base/json.h"
#include "evidence/tests/documents.h"
#include "evidence/tests/shell.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;
using inventory::ScanDocument;
using ::testing::HasSubstr;

bj::object run_of(const ScanDocument& document) {
  auto value = json::parse(sarif_json(document));
  EXPECT_TRUE(value);
  return value->at("runs").at(0).as_object();
}

// The published schema, from the locked npm packages.
const std::string kSchema =
    std::string(CARNET_SOURCE_DIR) +
    "/third_party/npm/node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json";

std::string validate(const ScanDocument& document) {
  const test::TempDir dir;
  test::write_file(dir.file("report.sarif"), sarif_json(document));
  return test::shell("/usr/bin/python3 " + std::string(CARNET_SOURCE_DIR) +
                     "/src/evidence/tests/validate_sarif.py " + dir.file("report.sarif") + " " +
                     kSchema);
}

std::set<std::string> fingerprints(const bj::object& run) {
  std::set<std::string> all;
  for (const bj::value& result : run.at("results").as_array())
    all.emplace(result.at("partialFingerprints").at("carnetFinding/v1").as_string());
  return all;
}

TEST(Sarif, KeepsToTheStandard) {
  ScanDocument document = test::large_document(12);
  document.endpoints[1].tls->findings = {{"something_new", "low", "A code without a rule."},
                                         {"something_new", "low", "The same code again."}};
  const bool schema = std::filesystem::exists(kSchema);
  const std::string good = schema ? "schema\ngood\n" : "good\n";
  EXPECT_EQ(validate(document), good);
  document.sample = true;
  document.endpoints[0].host = "a b<ü>\"\x7f";
  document.judgement.assets[0].host = document.endpoints[0].host;
  EXPECT_EQ(validate(document), good);
  ScanDocument empty;
  EXPECT_EQ(validate(empty), good);
  if (!schema) GTEST_SKIP() << "checked without the SARIF schema: run ./test once";
}

TEST(Sarif, AResultForEveryAssetThatIsNotSafeAndEveryFinding) {
  const ScanDocument document = test::large_document(12);
  std::size_t expected = 0;
  for (const auto& asset : document.judgement.assets)
    expected += asset.vulnerability.status != inventory::AssetStatus::kSafe ? 1 : 0;
  for (const auto& endpoint : document.endpoints)
    if (endpoint.tls) expected += endpoint.tls->findings.size();
  EXPECT_EQ(run_of(document).at("results").as_array().size(), expected);
}

TEST(Sarif, LevelsAndPlaces) {
  const ScanDocument document = test::large_document(2);
  const bj::object run = run_of(document);
  const auto& results = run.at("results").as_array();
  const auto& first = results.at(0).as_object();  // www1 is hybrid: only its certificate
  EXPECT_EQ(first.at("ruleId").as_string(), "authentication-at-risk");
  EXPECT_EQ(first.at("level").as_string(), "warning");
  const auto& where = first.at("locations").at(0);
  EXPECT_EQ(where.at("physicalLocation").at("artifactLocation").at("uri").as_string(),
            "tls://www1.example.org:443");
  EXPECT_EQ(where.at("logicalLocations").at(0).at("fullyQualifiedName").as_string(),
            "www1.example.org:443");
  const auto& second = results.at(1).as_object();
  EXPECT_EQ(second.at("ruleId").as_string(), "key-establishment-at-risk");
  EXPECT_EQ(second.at("level").as_string(), "error");
  EXPECT_EQ(second.at("properties").at("hndlExposed").as_bool(), true);
}

// SARIF 2.1.0 sections 3.11.5 and 3.11.6: what a certificate says must become no link and no
// argument.
TEST(Sarif, TextsFromOutsideAreNoLinksAndNoPlaceholders) {
  ScanDocument document = test::large_document(2);
  document.endpoints[0].tls->findings = {
      {"odd_name", "low", "CN=[click](https://evil.example) {0} at [2001:db8::1]:443"}};
  const bj::object run = run_of(document);
  int seen = 0;
  for (const bj::value& result : run.at("results").as_array()) {
    if (result.at("ruleId").as_string() != "odd_name") continue;
    EXPECT_EQ(result.at("message").at("text").as_string(),
              "CN=[click\\](https://evil.example) {{0}} at [2001:db8::1]:443");
    ++seen;
  }
  EXPECT_EQ(seen, 1);
  document.label.clear();
  EXPECT_FALSE(run_of(document).at("automationDetails").as_object().contains("description"));
}

TEST(Sarif, FingerprintsStayFromScanToScan) {
  const ScanDocument one = test::large_document(8);
  ScanDocument other = one;
  other.scan_id = "scan_2";
  other.finished_at += std::chrono::hours(24);
  other.judgement.assets[2].vulnerability.summary = "Said in other words.";
  EXPECT_EQ(fingerprints(run_of(one)), fingerprints(run_of(other)));
  EXPECT_EQ(sarif_json(one), sarif_json(one));
}

TEST(Sarif, SaysWhatWasNotLookedAt) {
  ScanDocument document = test::large_document(1);
  document.sample = true;
  const std::string text = sarif_json(document);
  EXPECT_THAT(text, HasSubstr("Not reached, so not judged: down.example.org:443"));
  EXPECT_THAT(text, HasSubstr("SAMPLE: these endpoints are invented."));
}

TEST(Sarif, AFileIsNamedByItsPathAndLine) {
  ScanDocument document;
  inventory::Endpoint file{.id = "ep_1", .host = "etc/ssl/key one.pem"};
  file.reached = true;
  file.protocol = "file";
  file.file = inventory::FileObservation{.name = file.host, .format = "PEM"};
  file.file->errors = {{.line = 7, .code = "bad_base64", .detail = "Line 7 is no base64."}};
  document.endpoints = {file};
  const bj::object run = run_of(document);
  const auto& where = run.at("results").at(0).at("locations").at(0).at("physicalLocation");
  EXPECT_EQ(where.at("artifactLocation").at("uri").as_string(), "etc/ssl/key%20one.pem");
  EXPECT_EQ(where.at("region").at("startLine").as_int64(), 7);
  EXPECT_THAT(validate(document), HasSubstr("good"));
}

}  // namespace
}  // namespace carnet::evidence
