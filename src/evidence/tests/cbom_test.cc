#include "evidence/cbom.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <set>

#include "base/json.h"
#include "evidence/cbom_knowledge.h"
#include "evidence/tests/documents.h"
#include "evidence/tests/shell.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;
using inventory::ScanDocument;
using ::testing::HasSubstr;

const std::string kTests = std::string(CARNET_SOURCE_DIR) + "/src/evidence/tests/";
// From the locked npm packages, else beside the repository.
const std::array<std::string, 2> kSchemas{
    std::string(CARNET_SOURCE_DIR) +
        "/third_party/npm/node_modules/@cyclonedx/cyclonedx-library/res/schema",
    std::string(CARNET_SOURCE_DIR) + "/../shared/vectors/cyclonedx"};

bj::object parsed(const std::string& text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value);
  return value->as_object();
}

const bj::object* component(const bj::object& bom, std::string_view ref) {
  for (const bj::value& one : bom.at("components").as_array())
    if (one.at("bom-ref").as_string() == ref) return &one.as_object();
  return nullptr;
}

std::set<std::string> depends_on(const bj::object& bom, std::string_view ref) {
  std::set<std::string> on;
  for (const bj::value& one : bom.at("dependencies").as_array())
    if (one.at("ref").as_string() == ref && one.as_object().contains("dependsOn"))
      for (const bj::value& other : one.at("dependsOn").as_array()) on.emplace(other.as_string());
  return on;
}

std::string validate(const std::string& bom) {
  const test::TempDir dir;
  test::write_file(dir.file("bom.json"), bom);
  return test::shell("/usr/bin/python3 -W ignore::DeprecationWarning " + kTests +
                     "validate_cbom.py " + dir.file("bom.json") + " " + kSchemas[0] + " " +
                     kSchemas[1]);
}

// Every kind of observation that a document can hold.
ScanDocument everything() {
  ScanDocument document = test::large_document(9);
  inventory::Endpoint jwks{.id = "ep_20", .host = "id.example.org", .port = 443};
  jwks.reached = true;
  jwks.protocol = "jwks";
  jwks.jwks = inventory::JwksObservation{
      .url = "https://id.example.org/jwks",
      .keys = {{.kid = "a", .kty = "RSA", .algorithm = "RSA", .bits = 2048, .thumbprint = "t1"},
               {.kid = "b", .kty = "AKP", .algorithm = "ML-DSA-65", .thumbprint = {}}}};
  inventory::Endpoint file{.id = "ep_21", .host = "etc/ssl/key one.pem"};
  file.reached = true;
  file.protocol = "file";
  file.file = inventory::FileObservation{.name = "etc/ssl/key one.pem", .format = "PEM"};
  file.file->certificates = {test::certificate_of("internal.example", 40, true)};
  file.file->certificates.front().alt_key_algorithm = "ML-DSA-87";
  file.file->entries = {
      {.kind = "private-key", .algorithm = "RSA", .bits = 4096, .fingerprint = "SHA256:q"},
      {.kind = "protocol", .algorithm = "unknown (OID 1.2.3)"},
      {.kind = "certificate", .algorithm = "ML-DSA-65", .certificate = 0}};
  document.endpoints.push_back(jwks);
  document.endpoints.push_back(file);
  document.endpoints[0].tls->dh_bits = 2048;
  document.endpoints[0].tls->cipher_suites.push_back(
      {"TLS 1.2", "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", 0x006B});
  document.endpoints[0].tls->cipher_suites.push_back({"TLS 1.2", "UNKNOWN", 0xFAFB});
  return document;
}

TEST(Cbom, ValidAgainstThePublishedSchemasAndEveryReferenceResolves) {
  const bool schemas = std::filesystem::exists(kSchemas[0]) || std::filesystem::exists(kSchemas[1]);
  for (const CbomVersion version : {CbomVersion::k1_6, CbomVersion::k1_7}) {
    const std::string bom = cbom_json(everything(), version);
    EXPECT_EQ(validate(bom), schemas ? "schema\n" : "no schema\n") << to_string(version);
    EXPECT_EQ(parsed(bom).at("specVersion").as_string(), to_string(version));
  }
  ScanDocument empty;
  empty.scan_id = "scan_1";
  EXPECT_EQ(validate(cbom_json(empty)), schemas ? "schema\n" : "no schema\n");
  if (!schemas)
    GTEST_SKIP() << "references checked; there are no CycloneDX schemas: run ./test once";
}

// A row for every algorithm of the registry, in words that CycloneDX knows.
TEST(Cbom, EveryAlgorithmIsValidInBothVersions) {
  ScanDocument document;
  document.scan_id = "scan_1";
  int number = 0;
  for (const auto& [name, row] : builtin_cbom_knowledge().rows()) {
    inventory::Asset asset;
    asset.id = fmt::format("ast_{:016x}", number++);
    asset.algorithm = name;
    document.judgement.assets.push_back(asset);
  }
  for (const auto& algorithm : inventory::builtin_registry().algorithms())
    EXPECT_NE(builtin_cbom_knowledge().find(algorithm.name), nullptr) << algorithm.name;
  for (const auto& suite : inventory::builtin_registry().tls_suites())
    EXPECT_NE(builtin_cbom_knowledge().find(suite.cipher), nullptr) << suite.cipher;
  const std::string bom = cbom_json(document, CbomVersion::k1_6);
  const std::string later = cbom_json(document, CbomVersion::k1_7);
  EXPECT_NE(validate(bom), "");
  EXPECT_NE(validate(later), "");
  // Two names never fold to one bom-ref.
  EXPECT_EQ(parsed(bom).at("components").as_array().size(), builtin_cbom_knowledge().rows().size());
}

TEST(Cbom, QuantumSecurityLevels) {
  // FIPS 203 table 2, FIPS 204 table 1, and what Shor breaks.
  const std::map<std::string, int> expected{
      {"MLKEM512", 1},  {"MLKEM768", 3},  {"MLKEM1024", 5},      {"ML-DSA-44", 2},
      {"ML-DSA-65", 3}, {"ML-DSA-87", 5}, {"X25519MLKEM768", 3}, {"RSA", 0},
      {"x25519", 0},    {"secp256r1", 0}, {"ECDSA P-384", 0},    {"Ed25519", 0},
      {"ffdhe3072", 0}, {"ECDHE", 0},     {"AES-128-GCM", 1},    {"AES-256-GCM", 5}};
  ScanDocument document;
  for (const auto& [name, level] : expected) {
    inventory::Asset asset;
    asset.algorithm = name;
    document.judgement.assets.push_back(asset);
  }
  const bj::object bom = parsed(cbom_json(document));
  int checked = 0;
  for (const bj::value& one : bom.at("components").as_array()) {
    const auto found = expected.find(std::string(one.at("name").as_string()));
    if (found == expected.end()) continue;
    const auto& properties = one.at("cryptoProperties").at("algorithmProperties").as_object();
    EXPECT_EQ(properties.at("nistQuantumSecurityLevel").as_int64(), found->second) << found->first;
    ++checked;
  }
  EXPECT_EQ(checked, static_cast<int>(expected.size()));
}

TEST(Cbom, AHybridIsACombinerOfItsParts) {
  const bj::object bom = parsed(cbom_json(test::large_document(1), CbomVersion::k1_7));
  const bj::object* hybrid = component(bom, "algorithm/X25519MLKEM768");
  ASSERT_NE(hybrid, nullptr);
  EXPECT_EQ(hybrid->at("cryptoProperties").at("algorithmProperties").at("primitive").as_string(),
            "combiner");
  EXPECT_EQ(depends_on(bom, "algorithm/X25519MLKEM768"),
            (std::set<std::string>{"algorithm/MLKEM768", "algorithm/x25519"}));
  const bj::object* kem = component(bom, "algorithm/MLKEM768");
  ASSERT_NE(kem, nullptr);
  const auto& properties = kem->at("cryptoProperties").at("algorithmProperties").as_object();
  EXPECT_EQ(properties.at("primitive").as_string(), "kem");
  EXPECT_EQ(properties.at("algorithmFamily").as_string(), "ML-KEM");
  EXPECT_EQ(properties.at("parameterSetIdentifier").as_string(), "768");
  EXPECT_EQ(kem->at("cryptoProperties").at("oid").as_string(), "2.16.840.1.101.3.4.4.2");
}

TEST(Cbom, FromEndpointToProtocolToAlgorithmToKey) {
  const ScanDocument document = test::large_document(1);
  const bj::object bom = parsed(cbom_json(document));
  ASSERT_EQ(bom.at("services").as_array().size(), 1U);  // the unreached one is not inventory
  const std::string service(bom.at("services").at(0).at("bom-ref").as_string());
  EXPECT_EQ(depends_on(bom, "scan"), std::set<std::string>{service});
  EXPECT_EQ(depends_on(bom, service),
            (std::set<std::string>{service + "/TLS-1.3", service + "/TLS-1.2"}));
  const std::string certificate = "certificate/" + std::string(63, '0') + "1";
  const auto protocol = depends_on(bom, service + "/TLS-1.3");
  EXPECT_TRUE(protocol.contains("algorithm/X25519MLKEM768"));
  EXPECT_TRUE(protocol.contains("algorithm/AES-128-GCM"));
  EXPECT_TRUE(protocol.contains("algorithm/SHA-256"));
  EXPECT_TRUE(protocol.contains(certificate));
  const auto links = depends_on(bom, certificate);
  EXPECT_TRUE(links.contains("algorithm/sha256WithRSAEncryption"));
  ASSERT_EQ(links.size(), 2U);
  for (const std::string& link : links)
    if (link.starts_with("key/")) {
      EXPECT_EQ(depends_on(bom, link), std::set<std::string>{"algorithm/RSA-2048"});
      const auto& key = component(bom, link)->at("cryptoProperties");
      EXPECT_EQ(key.at("relatedCryptoMaterialProperties").at("size").as_int64(), 2048);
    }
  const auto& rsa = component(bom, "algorithm/RSA-2048")->at("cryptoProperties");
  EXPECT_EQ(rsa.at("algorithmProperties").at("classicalSecurityLevel").as_int64(), 112);
}

TEST(Cbom, OlderVersionsOfTlsHaveNoPostQuantumGroups) {
  const bj::object bom = parsed(cbom_json(test::large_document(1)));
  const std::string service(bom.at("services").at(0).at("bom-ref").as_string());
  const auto now = depends_on(bom, service + "/TLS-1.3");
  const auto before = depends_on(bom, service + "/TLS-1.2");
  EXPECT_TRUE(now.contains("algorithm/X25519MLKEM768"));
  EXPECT_FALSE(before.contains("algorithm/X25519MLKEM768"));
  EXPECT_TRUE(before.contains("algorithm/secp256r1"));
}

TEST(Cbom, KeysAreWhatTheyAre) {
  ScanDocument document = everything();
  document.endpoints.back().file->entries.push_back(
      {.kind = "public-key", .algorithm = "RSA", .bits = 4096, .fingerprint = "SHA256:q"});
  for (auto& endpoint : document.endpoints)
    if (endpoint.jwks) endpoint.jwks->keys.push_back({.kid = "s", .kty = "oct", .thumbprint = {}});
  const bj::object bom = parsed(cbom_json(document));
  std::map<std::string, std::string> types;
  for (const bj::value& one : bom.at("components").as_array()) {
    EXPECT_NE(one.at("name").as_string(), "");
    const auto& crypto = one.at("cryptoProperties").as_object();
    if (const auto* key = crypto.if_contains("relatedCryptoMaterialProperties"))
      types[std::string(one.at("name").as_string())] = key->at("type").as_string();
  }
  EXPECT_EQ(types["Private key"], "private-key");
  EXPECT_EQ(types["Public key"], "public-key");
  EXPECT_EQ(types["Key s"], "secret-key");
  EXPECT_EQ(types["Key a"], "public-key");
}

TEST(Cbom, SaysWhereEachThingWasFound) {
  const ScanDocument document = everything();
  const bj::object bom = parsed(cbom_json(document));
  const auto places = [&](const bj::object& json) {
    std::set<std::string> found;
    for (const bj::value& one : json.at("evidence").at("occurrences").as_array())
      found.emplace(one.at("location").as_string());
    return found;
  };
  for (const bj::value& one : bom.at("components").as_array())
    if (one.at("cryptoProperties").at("assetType").as_string() != "algorithm")
      EXPECT_FALSE(places(one.as_object()).empty()) << one.at("bom-ref").as_string();
  EXPECT_EQ(places(*component(bom, "algorithm/RSA-4096")),
            std::set<std::string>{"etc/ssl/key one.pem"});
  EXPECT_TRUE(places(*component(bom, "algorithm/MLKEM768"))
                  .contains(fmt::format("{}:443", document.endpoints[0].host)));
  // Of what is everywhere, as many as are read.
  const bj::object large = parsed(cbom_json(test::large_document(300)));
  EXPECT_EQ(places(*component(large, "algorithm/SHA-256")).size(), 100U);
}

TEST(Cbom, ASignatureDependsOnItsHash) {
  const bj::object bom = parsed(cbom_json(test::large_document(1)));
  EXPECT_EQ(depends_on(bom, "algorithm/sha256WithRSAEncryption"),
            std::set<std::string>{"algorithm/SHA-256"});
}

TEST(Cbom, SameRefsFromScanToScanAndSameBytesForTheSameScan) {
  const ScanDocument one = everything();
  EXPECT_EQ(cbom_json(one), cbom_json(one));
  ScanDocument other = one;
  other.scan_id = "scan_2";
  other.finished_at += std::chrono::hours(24);
  std::reverse(other.endpoints.begin(), other.endpoints.end());
  std::map<const char*, int> parts;
  const bj::object a = parsed(cbom_json(one)), b = parsed(cbom_json(other));
  for (const char* part : {"components", "services", "dependencies"})
    EXPECT_EQ(json::write_canonical(a.at(part)), json::write_canonical(b.at(part))) << part;
  EXPECT_NE(a.at("serialNumber"), b.at("serialNumber"));
  EXPECT_NE(parsed(cbom_json(one, CbomVersion::k1_7)).at("serialNumber"), a.at("serialNumber"));
}

TEST(Cbom, NumbersAreThoseOfTheReport) {
  const ScanDocument document = test::large_document(25);
  const bj::object bom = parsed(cbom_json(document));
  std::map<std::string, std::string> facts;
  for (const bj::value& one : bom.at("metadata").at("properties").as_array())
    facts[std::string(one.at("name").as_string())] = one.at("value").as_string();
  EXPECT_EQ(facts["carnet:readinessScore"], "41.5");
  EXPECT_EQ(facts["carnet:assets"], "50");
  std::map<std::string, int> seen;
  for (const bj::value& service : bom.at("services").as_array())
    for (const bj::value& one : service.at("properties").as_array()) {
      const std::string value(one.at("value").as_string());
      const std::size_t at = value.find("; ") + 2;
      ++seen[value.substr(at, value.find("; ", at) - at)];
    }
  EXPECT_EQ(facts["carnet:assets:at-risk"], std::to_string(seen["at-risk"]));
  EXPECT_EQ(facts["carnet:assets:broken"], std::to_string(seen["broken"]));
  EXPECT_EQ(facts["carnet:assets:safe"], std::to_string(seen["safe"]));
}

TEST(Cbom, SamplesSaySo) {
  ScanDocument document = test::large_document(1);
  document.sample = true;
  EXPECT_THAT(cbom_json(document), HasSubstr("SAMPLE: Quarterly inventory"));
}

TEST(Cbom, BadKnowledgeIsRefused) {
  const auto& registry = inventory::builtin_registry();
  for (
      const char* text :
      {"[]", R"({"algorithms":[{"name":"RSA"}]})",
       R"({"algorithms":[{"name":"mine","primitive":"kem","functions":["keygen"]}]})",
       R"({"algorithms":[{"name":"RSA","primitive":"combiner","functions":["sign"],"parts":["x"]}]})",
       R"({"algorithms":[{"name":"RSA","primitive":"pke","functions":["sign"]},
                          {"name":"RSA","primitive":"pke","functions":["sign"]}]})"})
    EXPECT_FALSE(CbomKnowledge::parse(text, registry)) << text;
}

}  // namespace
}  // namespace carnet::evidence
