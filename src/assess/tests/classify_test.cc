#include "assess/classify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "assess/tests/samples.h"

namespace carnet::assess {
namespace {

using inventory::Asset;
using inventory::AssetStatus;
using inventory::Endpoint;
using inventory::Exposure;
using inventory::Support;
using testing::certificate;
using testing::group;
using ::testing::HasSubstr;
using testing::ssh;
using testing::tls13;

ClassifiedAsset of(const Endpoint& endpoint, Exposure exposure, bool urgent = true) {
  for (ClassifiedAsset& one : classify(endpoint, urgent)) {
    if (one.asset.exposure == exposure) return one;
  }
  ADD_FAILURE() << "no such asset";
  return {};
}

ClassifiedAsset key_of(const Endpoint& endpoint) {
  return of(endpoint, Exposure::kKeyEstablishment);
}
ClassifiedAsset auth_of(const Endpoint& endpoint) {
  return of(endpoint, Exposure::kAuthentication);
}

std::vector<std::string> causes_of(const ClassifiedAsset& asset) {
  std::vector<std::string> ids;
  for (const Cause& cause : asset.causes) ids.push_back(cause.id);
  return ids;
}

struct GroupCase {
  const char* what;
  std::vector<std::uint16_t> groups;  // first is preferred
  AssetStatus status;
  bool hndl;
  double credit;
};

class TlsGroups : public ::testing::TestWithParam<GroupCase> {};

TEST_P(TlsGroups, DecideKeyEstablishment) {
  const GroupCase& expected = GetParam();
  const ClassifiedAsset found = key_of(tls13("a.example", expected.groups));
  EXPECT_EQ(found.asset.vulnerability.status, expected.status);
  EXPECT_EQ(found.asset.vulnerability.hndl_exposed, expected.hndl);
  EXPECT_DOUBLE_EQ(found.asset.pq_credit, expected.credit);
}

// The table "Status of an asset" of docs/methodology.md.
INSTANTIATE_TEST_SUITE_P(
    Methodology, TlsGroups,
    ::testing::Values(
        GroupCase{"hybrid preferred", {0x11EC, 0x001D}, AssetStatus::kSafe, false, 1},
        GroupCase{"hybrid with P-384", {0x11ED, 0x0018}, AssetStatus::kSafe, false, 1},
        GroupCase{"pure ML-KEM", {0x0201, 0x001D}, AssetStatus::kSafe, false, 1},
        GroupCase{"Kyber draft", {0x6399, 0x001D}, AssetStatus::kSafe, false, 1},
        GroupCase{"hybrid known, not preferred", {0x001D, 0x11EC}, AssetStatus::kAtRisk, true, 0.6},
        GroupCase{"X25519", {0x001D}, AssetStatus::kAtRisk, true, 0},
        GroupCase{"P-384", {0x0018}, AssetStatus::kAtRisk, true, 0},
        GroupCase{"FFDHE", {0x0100}, AssetStatus::kAtRisk, true, 0},
        GroupCase{"curve below 112 bits", {0x001D, 0x0010}, AssetStatus::kBroken, true, 0}));

TEST(Classify, ADraftGroupIsSafeAndNamesTheStandard) {
  const ClassifiedAsset found = key_of(tls13("a.example", {0x6399}));
  EXPECT_THAT(causes_of(found), ::testing::ElementsAre("tls-pre-standard"));
  EXPECT_EQ(found.asset.vulnerability.pqc_replacement, "X25519MLKEM768");
}

TEST(Classify, AServerThatFollowsItsClientGivesAModernOneTheHybrid) {
  Endpoint endpoint = tls13("a.example", {0x001D, 0x11EC});
  for (auto& one : endpoint.tls->groups) one.state = Support::kSupported;
  endpoint.tls->server_order = false;
  EXPECT_EQ(key_of(endpoint).asset.vulnerability.status, AssetStatus::kSafe);
  EXPECT_DOUBLE_EQ(key_of(endpoint).asset.pq_credit, 1);
  endpoint.tls->server_order = std::nullopt;
  EXPECT_EQ(key_of(endpoint).asset.vulnerability.status, AssetStatus::kAtRisk);
  EXPECT_DOUBLE_EQ(key_of(endpoint).asset.pq_credit, 0.6);
}

TEST(Classify, WhatWasNotProvenIsNotSupported) {
  Endpoint endpoint = tls13("a.example", {0x001D});
  endpoint.tls->groups.push_back(group(0x11EC, Support::kNotProven));
  const ClassifiedAsset found = key_of(endpoint);
  EXPECT_EQ(found.asset.vulnerability.status, AssetStatus::kAtRisk);
  EXPECT_DOUBLE_EQ(found.asset.pq_credit, 0);
  EXPECT_THAT(found.asset.vulnerability.summary, HasSubstr("not settled"));
}

TEST(Classify, AProvenHandshakeCountsAsSupport) {
  Endpoint endpoint = tls13("a.example", {0x001D});
  endpoint.tls->handshake_proof = {.proven = true,
                                   .version = "TLS 1.3",
                                   .group = "X25519MLKEM768",
                                   .cipher_suite = "",
                                   .signature_scheme = "",
                                   .client_hello_bytes = 0};
  EXPECT_DOUBLE_EQ(key_of(endpoint).asset.pq_credit, 0.6);
}

TEST(Classify, GreaseIsIgnored) {
  Endpoint endpoint = tls13("a.example", {0x001D});
  endpoint.tls->groups.insert(endpoint.tls->groups.begin(), group(0x2A2A, Support::kPreferred));
  EXPECT_EQ(key_of(endpoint).asset.algorithm, "x25519");
}

TEST(Classify, AnUnknownPreferredGroupIsUnknownWithTheReason) {
  Endpoint endpoint = tls13("a.example", {});
  endpoint.tls->groups = {group(0x7777, Support::kPreferred)};
  endpoint.tls->groups[0].name = "0x7777";
  const ClassifiedAsset found = key_of(endpoint);
  EXPECT_EQ(found.asset.vulnerability.status, AssetStatus::kUnknown);
  EXPECT_THAT(found.asset.vulnerability.summary, HasSubstr("0x7777"));
}

TEST(Classify, OldVersionsAreBrokenWhateverTheBestClientGets) {
  for (const char* version : {"SSL 3.0", "TLS 1.0", "TLS 1.1"}) {
    Endpoint endpoint = tls13("a.example", {0x11EC});
    endpoint.tls->versions.push_back({version, Support::kSupported});
    const ClassifiedAsset found = key_of(endpoint);
    EXPECT_EQ(found.asset.vulnerability.status, AssetStatus::kBroken) << version;
    EXPECT_EQ(found.asset.vulnerability.severity, "critical");
    EXPECT_TRUE(found.asset.vulnerability.hndl_exposed);
    EXPECT_THAT(found.asset.vulnerability.summary, HasSubstr(version));
  }
  Endpoint endpoint = tls13("a.example", {0x11EC});
  endpoint.tls->versions.push_back({"TLS 1.0", Support::kUnsupported});
  EXPECT_EQ(key_of(endpoint).asset.vulnerability.status, AssetStatus::kSafe);
}

Endpoint tls12(std::vector<std::string> exchanges, std::uint16_t suite) {
  Endpoint endpoint = tls13("a.example", {});
  endpoint.tls->versions = {{"TLS 1.3", Support::kUnsupported}, {"TLS 1.2", Support::kPreferred}};
  endpoint.tls->legacy_key_exchanges = std::move(exchanges);
  endpoint.tls->cipher_suites = {{"TLS 1.2", "", suite}};
  endpoint.tls->certificates = {certificate("RSA", 2048, "sha256WithRSAEncryption")};
  return endpoint;
}

TEST(Classify, Tls12IsNeverPostQuantum) {
  const ClassifiedAsset found = key_of(tls12({"ECDHE"}, 0xC02F));
  EXPECT_EQ(found.asset.vulnerability.status, AssetStatus::kAtRisk);
  EXPECT_EQ(found.asset.algorithm, "ECDHE");
  EXPECT_THAT(causes_of(found), ::testing::ElementsAre("tls-no-tls13"));
}

TEST(Classify, BrokenSuitesAndShortGroupsAreBroken) {
  EXPECT_EQ(key_of(tls12({"RSA"}, 0x0005)).asset.vulnerability.status,
            AssetStatus::kBroken);  // RC4
  EXPECT_EQ(key_of(tls12({"RSA"}, 0x000A)).asset.vulnerability.status,
            AssetStatus::kBroken);  // 3DES
  EXPECT_EQ(key_of(tls12({"RSA"}, 0x0003)).asset.vulnerability.status,
            AssetStatus::kBroken);  // export
  EXPECT_EQ(key_of(tls12({"ECDHE"}, 0xC018)).asset.vulnerability.status,
            AssetStatus::kBroken);  // anon
  Endpoint dhe = tls12({"DHE"}, 0x009E);
  dhe.tls->dh_bits = 1024;
  EXPECT_EQ(key_of(dhe).asset.vulnerability.status, AssetStatus::kBroken);
  EXPECT_THAT(key_of(dhe).asset.vulnerability.summary, HasSubstr("1024 bits"));
  dhe.tls->dh_bits = 2048;
  EXPECT_EQ(key_of(dhe).asset.vulnerability.status, AssetStatus::kAtRisk);
  EXPECT_EQ(key_of(dhe).asset.key_size, 2048);
}

TEST(Classify, RsaKeyTransportIsAtRiskAndBrokenWithAShortKey) {
  Endpoint endpoint = tls12({"RSA"}, 0x009C);
  EXPECT_EQ(key_of(endpoint).asset.vulnerability.status, AssetStatus::kAtRisk);
  EXPECT_EQ(key_of(endpoint).asset.algorithm, "RSA key transport");
  EXPECT_EQ(key_of(endpoint).asset.key_size, 2048);
  EXPECT_THAT(causes_of(key_of(endpoint)), ::testing::Contains("tls-rsa-transport"));
  endpoint.tls->certificates[0].key_bits = 1024;
  EXPECT_EQ(key_of(endpoint).asset.vulnerability.status, AssetStatus::kBroken);
}

struct CertificateCase {
  const char* key;
  int bits;
  const char* signature;
  AssetStatus status;
};

class Certificates : public ::testing::TestWithParam<CertificateCase> {};

TEST_P(Certificates, DecideAuthentication) {
  const CertificateCase& expected = GetParam();
  Endpoint endpoint = tls13("a.example", {0x11EC});
  endpoint.tls->certificates = {certificate(expected.key, expected.bits, expected.signature)};
  const ClassifiedAsset found = auth_of(endpoint);
  EXPECT_EQ(found.asset.vulnerability.status, expected.status);
  // Signatures are no harvest-now risk, whatever they are.
  EXPECT_FALSE(found.asset.vulnerability.hndl_exposed);
}

INSTANTIATE_TEST_SUITE_P(
    Methodology, Certificates,
    ::testing::Values(
        CertificateCase{"RSA", 1024, "sha256WithRSAEncryption", AssetStatus::kBroken},
        CertificateCase{"RSA", 2047, "sha256WithRSAEncryption", AssetStatus::kBroken},
        CertificateCase{"RSA", 2048, "sha256WithRSAEncryption", AssetStatus::kAtRisk},
        CertificateCase{"RSA", 4096, "sha1WithRSAEncryption", AssetStatus::kBroken},
        CertificateCase{"RSA", 4096, "md5WithRSAEncryption", AssetStatus::kBroken},
        CertificateCase{"ECDSA P-256", 256, "ecdsa-with-SHA256", AssetStatus::kAtRisk},
        CertificateCase{"ECDSA P-192", 192, "ecdsa-with-SHA256", AssetStatus::kBroken},
        CertificateCase{"Ed25519", 0, "Ed25519", AssetStatus::kAtRisk},
        CertificateCase{"DSA", 2048, "dsa-with-sha256", AssetStatus::kBroken},
        CertificateCase{"ML-DSA-65", 0, "ML-DSA-65", AssetStatus::kSafe},
        CertificateCase{"ML-DSA-65", 0, "SLH-DSA-SHA2-128s", AssetStatus::kSafe},
        CertificateCase{"ML-DSA-65", 0, "sha256WithRSAEncryption", AssetStatus::kAtRisk},
        CertificateCase{"1.2.3.4", 0, "ML-DSA-65", AssetStatus::kUnknown}));

TEST(Classify, TheWeakestLinkOfTheChainDecidesAndIsNamed) {
  Endpoint endpoint = tls13("a.example", {0x11EC});
  endpoint.tls->certificates.push_back(certificate("RSA", 2048, "sha1WithRSAEncryption", 1));
  const ClassifiedAsset found = auth_of(endpoint);
  EXPECT_EQ(found.asset.vulnerability.status, AssetStatus::kBroken);
  EXPECT_EQ(found.asset.algorithm, "ECDSA P-256");
  EXPECT_THAT(found.asset.vulnerability.summary, HasSubstr("sha1WithRSAEncryption"));
  EXPECT_THAT(found.asset.vulnerability.summary, HasSubstr("certificate 2"));
}

TEST(Classify, ARootsSignatureOverItselfDoesNotMatter) {
  Endpoint endpoint = tls13("a.example", {0x11EC});
  auto root = certificate("RSA", 4096, "sha1WithRSAEncryption", 1);
  root.issuer = root.subject;
  endpoint.tls->certificates.push_back(root);
  EXPECT_EQ(auth_of(endpoint).asset.vulnerability.status, AssetStatus::kAtRisk);
}

TEST(Classify, TwoChainsAreTwoAssetsWithTheirOwnIds) {
  Endpoint endpoint = tls13("a.example", {0x11EC});
  endpoint.tls->certificates.push_back(certificate("ML-DSA-65", 0, "ML-DSA-65", 0, 1));
  std::vector<Asset> leaves;
  for (const auto& one : classify(endpoint, true)) {
    if (one.asset.exposure == Exposure::kAuthentication) leaves.push_back(one.asset);
  }
  ASSERT_EQ(leaves.size(), 2U);
  EXPECT_NE(leaves[0].id, leaves[1].id);
  EXPECT_EQ(leaves[0].kind, "certificate");
}

TEST(Classify, AnUnreachedEndpointGivesNoAsset) {
  EXPECT_TRUE(classify(testing::unreached("a.example"), true).empty());
}

TEST(Classify, SomethingElseOnThePortIsUnknown) {
  const auto assets = classify(testing::reached("a.example", 80, ""), true);
  ASSERT_EQ(assets.size(), 1U);
  EXPECT_EQ(assets[0].asset.vulnerability.status, AssetStatus::kUnknown);
  EXPECT_FALSE(assets[0].asset.vulnerability.summary.empty());
}

TEST(Classify, SshKexIsJudgedByWhatIsNegotiated) {
  const auto status = [](std::vector<std::string> kex) {
    return key_of(ssh("s.example", std::move(kex), {{"ssh-ed25519", 256, ""}}))
        .asset.vulnerability.status;
  };
  EXPECT_EQ(status({"mlkem768x25519-sha256", "curve25519-sha256"}), AssetStatus::kSafe);
  EXPECT_EQ(status({"sntrup761x25519-sha512@openssh.com"}), AssetStatus::kSafe);
  EXPECT_EQ(status({"ext-info-s", "kex-strict-s-v00@openssh.com", "curve25519-sha256"}),
            AssetStatus::kAtRisk);
  EXPECT_EQ(status({"curve25519-sha256", "diffie-hellman-group1-sha1"}), AssetStatus::kBroken);
  EXPECT_EQ(status({"kex-strict-s-v00@openssh.com"}), AssetStatus::kUnknown);
}

TEST(Classify, SshBrokenCiphersMakeItBroken) {
  Endpoint endpoint = ssh("s.example", {"mlkem768x25519-sha256"}, {{"ssh-ed25519", 256, ""}});
  endpoint.ssh->ciphers.push_back("3des-cbc");
  EXPECT_EQ(key_of(endpoint).asset.vulnerability.status, AssetStatus::kBroken);
  EXPECT_THAT(key_of(endpoint).asset.vulnerability.summary, HasSubstr("3des-cbc"));
}

TEST(Classify, SshRsaKeyIsBrokenOnlyIfItIsShortOrSignsWithSha1Only) {
  Endpoint endpoint = ssh("s.example", {"curve25519-sha256"}, {{"ssh-rsa", 3072, ""}});
  EXPECT_EQ(auth_of(endpoint).asset.vulnerability.status, AssetStatus::kAtRisk);
  endpoint.ssh->host_key_algorithms = {"rsa-sha2-512", "ssh-rsa"};
  EXPECT_EQ(auth_of(endpoint).asset.vulnerability.status, AssetStatus::kAtRisk);
  EXPECT_THAT(causes_of(auth_of(endpoint)), ::testing::Contains("ssh-sha1-signature"));
  endpoint.ssh->host_key_algorithms = {"ssh-rsa"};
  EXPECT_EQ(auth_of(endpoint).asset.vulnerability.status, AssetStatus::kBroken);
  endpoint.ssh->host_key_algorithms = {"rsa-sha2-512"};
  endpoint.ssh->host_keys[0].bits = 1024;
  EXPECT_EQ(auth_of(endpoint).asset.vulnerability.status, AssetStatus::kBroken);
}

TEST(Classify, SshHostKeysOneAssetEach) {
  const Endpoint endpoint = ssh("s.example", {"mlkem768x25519-sha256"},
                                {{"ssh-ed25519", 256, ""},
                                 {"ssh-mldsa44-ed25519", 0, ""},
                                 {"ssh-dss", 1024, ""},
                                 {"x-new", 0, ""}});
  std::map<std::string, AssetStatus> found;
  for (const auto& one : classify(endpoint, true)) {
    if (one.asset.exposure == Exposure::kAuthentication) {
      found[one.asset.label] = one.asset.vulnerability.status;
    }
  }
  EXPECT_EQ(found["SSH host key ssh-ed25519 of s.example:22"], AssetStatus::kAtRisk);
  EXPECT_EQ(found["SSH host key ssh-mldsa44-ed25519 of s.example:22"], AssetStatus::kSafe);
  EXPECT_EQ(found["SSH host key ssh-dss of s.example:22"], AssetStatus::kBroken);
  EXPECT_EQ(found["SSH host key x-new of s.example:22"], AssetStatus::kUnknown);
}

TEST(Classify, IdsDependOnPlaceAndRoleAlone) {
  const std::string before = key_of(tls13("a.example", {0x001D})).asset.id;
  EXPECT_EQ(before, key_of(tls13("a.example", {0x11EC})).asset.id);
  EXPECT_NE(before, key_of(tls13("b.example", {0x001D})).asset.id);
  EXPECT_NE(before, auth_of(tls13("a.example", {0x001D})).asset.id);
  EXPECT_THAT(before, ::testing::MatchesRegex("ast_[0-9a-f]{16}"));
}

TEST(Classify, EstimatesAreOrdersOfMagnitude) {
  Endpoint endpoint = tls13("a.example", {0x001D});
  endpoint.tls->certificates = {certificate("RSA", 2048, "sha256WithRSAEncryption")};
  const auto& vulnerability = auth_of(endpoint).asset.vulnerability;
  EXPECT_EQ(vulnerability.shor_logical_qubits, 6000);
  EXPECT_EQ(vulnerability.classical_security_bits, 112);
  EXPECT_EQ(vulnerability.nist_category, 0);
  EXPECT_EQ(key_of(tls13("a.example", {0x11EC})).asset.vulnerability.shor_logical_qubits,
            std::nullopt);
}

TEST(Classify, TheOrderOfGroupsAndSuitesDoesNotMatterWhereNothingIsPreferred) {
  Endpoint endpoint = tls13("a.example", {0x001D, 0x0017, 0x0018});
  for (auto& one : endpoint.tls->groups) one.state = Support::kSupported;
  endpoint.tls->server_order = std::nullopt;
  const std::string algorithm = key_of(endpoint).asset.algorithm;
  std::reverse(endpoint.tls->groups.begin(), endpoint.tls->groups.end());
  EXPECT_EQ(key_of(endpoint).asset.algorithm, algorithm);
}

// A port that upgrades to TLS and did not: by what it said.
Endpoint plain(std::string protocol, std::string state) {
  Endpoint endpoint = testing::reached("mail.example", 25, std::move(protocol));
  endpoint.starttls = inventory::StarttlsObservation{
      .state = std::move(state),
      .greeting = "220 mail.example ESMTP Postfix",
      .findings = {{"starttls_x", "high", "It offers no encryption."}}};
  return endpoint;
}

TEST(Plain, WithoutTlsIsBrokenToday) {
  for (const char* state : {"not-offered", "refused"}) {
    const auto found = classify(plain("smtp", state), true);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].asset.kind, "email");
    EXPECT_EQ(found[0].asset.algorithm, "none");
    EXPECT_EQ(found[0].asset.vulnerability.status, AssetStatus::kBroken);
    EXPECT_TRUE(found[0].asset.vulnerability.hndl_exposed);
    EXPECT_THAT(found[0].asset.vulnerability.summary, HasSubstr("It offers no encryption."));
    EXPECT_THAT(causes_of(found[0]), ::testing::ElementsAre("starttls-missing"));
  }
  EXPECT_EQ(classify(plain("ldap", "refused"), true).front().asset.kind, "tls");
}

TEST(Plain, WhatWasNotSettledIsUnknown) {
  const auto found = classify(plain("imap", "not-proven"), true);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].asset.vulnerability.status, AssetStatus::kUnknown);
  EXPECT_TRUE(found[0].causes.empty());
}

TEST(Plain, AnUpgradeToTlsIsJudgedAsTls) {
  Endpoint endpoint = tls13("mail.example", {0x001D});
  endpoint.protocol = "sieve";
  endpoint.starttls = inventory::StarttlsObservation{.state = "offered"};
  EXPECT_EQ(key_of(endpoint).asset.kind, "email");
  EXPECT_EQ(key_of(endpoint).asset.vulnerability.status, AssetStatus::kAtRisk);
}

}  // namespace
}  // namespace carnet::assess
