// Assets of files and key sets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "assess/classify.h"
#include "assess/judge.h"

namespace carnet::assess {
namespace {

using inventory::AssetStatus;
using inventory::Certificate;
using inventory::Endpoint;
using inventory::Exposure;
using inventory::FileEntry;
using inventory::JwksKey;

Endpoint file_of(std::vector<FileEntry> entries) {
  Endpoint endpoint;
  endpoint.id = "ep_1";
  endpoint.host = "keys.pem";
  endpoint.protocol = "file";
  endpoint.reached = true;
  endpoint.file.emplace();
  endpoint.file->name = "keys.pem";
  endpoint.file->entries = std::move(entries);
  return endpoint;
}

FileEntry key(const std::string& algorithm, int bits = 0, const std::string& kind = "private-key") {
  FileEntry entry;
  entry.kind = kind;
  entry.algorithm = algorithm;
  entry.bits = bits;
  entry.fingerprint = "SHA256:" + algorithm + std::to_string(bits);
  return entry;
}

ClassifiedAsset one(const Endpoint& endpoint) {
  auto all = classify(endpoint, true);
  EXPECT_EQ(all.size(), 1U);
  return all.empty() ? ClassifiedAsset{} : std::move(all.front());
}

TEST(ClassifyFiles, KeysAreJudgedByAlgorithmAndSize) {
  struct Case {
    const char* algorithm;
    int bits;
    AssetStatus status;
    Exposure exposure;
    const char* cause;
  };
  for (const Case& expected :
       {Case{"RSA", 2048, AssetStatus::kAtRisk, Exposure::kAuthentication, "key-classical"},
        Case{"RSA", 1024, AssetStatus::kBroken, Exposure::kAuthentication, "key-weak"},
        Case{"ECDSA P-256", 256, AssetStatus::kAtRisk, Exposure::kAuthentication, "key-classical"},
        Case{"x25519", 0, AssetStatus::kAtRisk, Exposure::kKeyEstablishment, "key-classical"},
        Case{"DSA", 2048, AssetStatus::kBroken, Exposure::kAuthentication, "key-weak"},
        Case{"ML-DSA-65", 0, AssetStatus::kSafe, Exposure::kAuthentication, ""},
        Case{"MLKEM768", 0, AssetStatus::kSafe, Exposure::kKeyEstablishment, ""},
        Case{"Dilithium3", 0, AssetStatus::kSafe, Exposure::kAuthentication, "key-pre-standard"},
        Case{"unknown (OID 1.2.3)", 0, AssetStatus::kUnknown, Exposure::kAuthentication, ""},
        Case{"", 0, AssetStatus::kUnknown, Exposure::kAuthentication, ""}}) {
    const ClassifiedAsset asset = one(file_of({key(expected.algorithm, expected.bits)}));
    EXPECT_EQ(asset.asset.vulnerability.status, expected.status) << expected.algorithm;
    EXPECT_EQ(asset.asset.exposure, expected.exposure) << expected.algorithm;
    EXPECT_EQ(asset.causes.empty() ? "" : asset.causes.front().id, expected.cause);
    EXPECT_EQ(asset.asset.port, 0);
    EXPECT_EQ(asset.asset.kind, "key");
    const bool recorded =
        expected.exposure == Exposure::kKeyEstablishment && expected.status == AssetStatus::kAtRisk;
    EXPECT_EQ(asset.asset.vulnerability.hndl_exposed, recorded) << expected.algorithm;
  }
}

Certificate certificate(const std::string& algorithm, const std::string& signature) {
  Certificate out;
  out.subject = "CN=a";
  out.issuer = "CN=b";
  out.key_algorithm = algorithm;
  out.signature_algorithm = signature;
  out.sha256 = "00";
  return out;
}

Endpoint file_of(Certificate one) {
  FileEntry entry = key(one.key_algorithm, one.key_bits, "certificate");
  entry.certificate = 0;
  Endpoint endpoint = file_of(std::vector<FileEntry>{entry});
  endpoint.file->certificates.push_back(std::move(one));
  return endpoint;
}

TEST(ClassifyFiles, ARootsOwnSignatureDoesNotCount) {
  Certificate root = certificate("RSA", "sha1WithRSAEncryption");
  root.key_bits = 4096;
  EXPECT_EQ(one(file_of(root)).asset.vulnerability.status, AssetStatus::kBroken);
  root.issuer = root.subject;
  EXPECT_EQ(one(file_of(root)).asset.vulnerability.status, AssetStatus::kAtRisk);
}

TEST(ClassifyFiles, WhatTheReaderFindsCriticalIsBroken) {
  Certificate replaced = certificate("ECDSA with explicit curve parameters", "ecdsa-with-SHA256");
  replaced.findings.push_back({"curve_generator_replaced", "critical", "x"});
  EXPECT_EQ(one(file_of(replaced)).asset.vulnerability.status, AssetStatus::kBroken);
  Certificate pss = certificate("RSA", "RSASSA-PSS");
  pss.key_bits = 3072;
  EXPECT_EQ(one(file_of(pss)).asset.vulnerability.status, AssetStatus::kAtRisk);
  pss.signature_parameters = "SHA-1, MGF1 with SHA-1, salt of 20 bytes";
  pss.findings.push_back({"weak_signature_hash", "critical", "x"});
  const ClassifiedAsset broken = one(file_of(pss));
  EXPECT_EQ(broken.asset.vulnerability.status, AssetStatus::kBroken);
  EXPECT_NE(broken.asset.vulnerability.summary.find("SHA-1"), std::string::npos);
}

TEST(ClassifyFiles, ASecondPostQuantumSignatureIsTold) {
  Certificate both = certificate("ECDSA P-256", "ecdsa-with-SHA256");
  both.alt_signature_algorithm = "ML-DSA-65";
  const ClassifiedAsset asset = one(file_of(both));
  EXPECT_EQ(asset.asset.vulnerability.status, AssetStatus::kAtRisk);
  EXPECT_NE(asset.asset.vulnerability.summary.find("ML-DSA-65"), std::string::npos);
}

TEST(ClassifyFiles, OneKeyTwiceIsOneAsset) {
  EXPECT_EQ(classify(file_of({key("RSA", 2048), key("RSA", 2048)}), true).size(), 1U);
}

TEST(ClassifyFiles, CipherSuitesOfAnInventory) {
  FileEntry suite = key("TLS_RSA_WITH_3DES_EDE_CBC_SHA", 0, "protocol");
  suite.fingerprint.clear();
  EXPECT_EQ(one(file_of({suite})).asset.vulnerability.status, AssetStatus::kBroken);
  suite.algorithm = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
  const ClassifiedAsset asset = one(file_of({suite}));
  EXPECT_EQ(asset.asset.vulnerability.status, AssetStatus::kAtRisk);
  EXPECT_TRUE(asset.asset.vulnerability.hndl_exposed);
  suite.algorithm = "TLS_AES_128_GCM_SHA256";
  EXPECT_EQ(one(file_of({suite})).asset.vulnerability.status, AssetStatus::kUnknown);
}

TEST(ClassifyFiles, AFileOfErrorsIsUnknownAndNotSafe) {
  Endpoint endpoint = file_of(std::vector<FileEntry>{});
  endpoint.file->errors.push_back({1, 0, "bad_base64", "It is not base64."});
  EXPECT_EQ(one(endpoint).asset.vulnerability.status, AssetStatus::kUnknown);
}

Endpoint set_of(std::vector<JwksKey> keys) {
  Endpoint endpoint;
  endpoint.id = "ep_1";
  endpoint.host = "id.example";
  endpoint.port = 443;
  endpoint.protocol = "jwks";
  endpoint.reached = true;
  endpoint.jwks.emplace();
  endpoint.jwks->url = "https://id.example/keys";
  endpoint.jwks->keys = std::move(keys);
  return endpoint;
}

TEST(ClassifyJwks, KeysByUse) {
  JwksKey rsa;
  rsa.kid = "a";
  rsa.kty = "RSA";
  rsa.algorithm = "RSA";
  rsa.bits = 2048;
  ClassifiedAsset sign = one(set_of({rsa}));
  EXPECT_EQ(sign.asset.kind, "jwks");
  EXPECT_EQ(sign.asset.exposure, Exposure::kAuthentication);
  EXPECT_EQ(sign.asset.vulnerability.status, AssetStatus::kAtRisk);
  rsa.use = "enc";
  const ClassifiedAsset encrypt = one(set_of({rsa}));
  EXPECT_EQ(encrypt.asset.exposure, Exposure::kKeyEstablishment);
  EXPECT_TRUE(encrypt.asset.vulnerability.hndl_exposed);
  EXPECT_EQ(encrypt.asset.vulnerability.pqc_replacement, "MLKEM768");
}

TEST(ClassifyJwks, PublishedSecretsAreBroken) {
  JwksKey shared;
  shared.kid = "s";
  shared.kty = "oct";
  shared.algorithm = "oct";
  EXPECT_EQ(one(set_of({shared})).causes.front().id, "key-published");
  JwksKey pair;
  pair.kid = "p";
  pair.kty = "EC";
  pair.algorithm = "ECDSA P-256";
  Endpoint endpoint = set_of({pair});
  EXPECT_EQ(one(endpoint).asset.vulnerability.status, AssetStatus::kAtRisk);
  endpoint.jwks->findings.push_back(
      {"private_key_published", "critical", "The key \"p\" comes with its private part."});
  EXPECT_EQ(one(endpoint).asset.vulnerability.status, AssetStatus::kBroken);
}

TEST(ClassifyFiles, TheBacklogNamesTheFileWithoutAPort) {
  JudgeInput input;
  input.endpoints.push_back(file_of({key("RSA", 1024)}));
  const auto judgement = judge(input);
  ASSERT_EQ(judgement.backlog.size(), 1U);
  EXPECT_EQ(judgement.backlog[0].title, "Replace the broken key in keys.pem");
}

}  // namespace
}  // namespace carnet::assess
