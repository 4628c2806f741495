#include "inventory/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/objects.h>
#include <openssl/ssl.h>

#include <memory>
#include <set>

#include "base/text.h"

namespace carnet::inventory {
namespace {

using ::testing::HasSubstr;

struct SslDeleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

TEST(Registry, TheBuiltInFilesAreWellFormed) {
  const Registry& registry = builtin_registry();
  EXPECT_GT(registry.algorithms().size(), 200U);
  EXPECT_GT(registry.tls_suites().size(), 300U);
}

TEST(Registry, EveryRowSaysWhereItComesFrom) {
  for (const Algorithm& row : builtin_registry().algorithms()) {
    EXPECT_TRUE(row.source.starts_with("https://")) << row.name;
    EXPECT_EQ(trim_ascii(row.name), row.name);
  }
}

TEST(Registry, EveryVulnerableRowNamesAReplacementThatIsInTheRegistryAndSafe) {
  for (const Algorithm& row : builtin_registry().algorithms()) {
    const bool asymmetric =
        row.kind == AlgorithmKind::kKeyEstablishment || row.kind == AlgorithmKind::kSignature;
    if (asymmetric && (row.status != AssetStatus::kSafe || !row.standard)) {
      const Algorithm* replacement = find_by_name(row.replacement);
      ASSERT_NE(replacement, nullptr) << row.name << " -> " << row.replacement;
      EXPECT_EQ(replacement->status, AssetStatus::kSafe) << row.name;
      EXPECT_TRUE(replacement->standard) << row.name;
      EXPECT_EQ(replacement->kind, row.kind) << row.name;
    }
  }
}

TEST(Registry, ShorEstimatesComeWithTheirPaperAndOnlyForWhatShorBreaks) {
  for (const Algorithm& row : builtin_registry().algorithms()) {
    const bool has_estimate =
        row.shor_logical_qubits.has_value() || row.shor_qubits_per_key_bit > 0;
    EXPECT_EQ(has_estimate, !row.shor_source.empty()) << row.name;
    if (row.status == AssetStatus::kAtRisk) {
      EXPECT_TRUE(has_estimate) << row.name;
      EXPECT_EQ(row.nist_category, 0) << row.name;
    }
    if (row.family == AlgorithmClass::kHybrid || row.family == AlgorithmClass::kPostQuantum) {
      EXPECT_FALSE(has_estimate) << row.name;
      EXPECT_GE(row.nist_category, 1) << row.name;
    }
  }
}

// The second source for the classical groups is the system's OpenSSL, which takes a code point as
// TLSEXT_nid_unknown plus it.
TEST(Registry, ClassicalGroupsBearTheNamesOpenSslKnows) {
  const std::unique_ptr<SSL_CTX, SslDeleter> context(SSL_CTX_new(TLS_method()));
  const std::unique_ptr<SSL, SslDeleter> ssl(SSL_new(context.get()));
  int compared = 0;
  for (const Algorithm& row : builtin_registry().algorithms()) {
    for (const std::uint16_t code : row.tls_groups) {
      const char* known = SSL_group_to_name(ssl.get(), TLSEXT_nid_unknown | code);
      if (known == nullptr) continue;
      const Algorithm* found = find_by_name(known);
      ASSERT_NE(found, nullptr) << known;
      EXPECT_EQ(found, &row) << known << " is " << row.name << " here";
      ++compared;
    }
  }
  EXPECT_GE(compared, 10);
}

TEST(Registry, SuitesBearTheNamesOpenSslKnows) {
  const std::unique_ptr<SSL_CTX, SslDeleter> context(SSL_CTX_new(TLS_method()));
  SSL_CTX_set_security_level(context.get(), 0);
  ASSERT_EQ(SSL_CTX_set_cipher_list(context.get(), "ALL:COMPLEMENTOFALL:eNULL"), 1);
  const STACK_OF(SSL_CIPHER)* ciphers = SSL_CTX_get_ciphers(context.get());
  ASSERT_GT(sk_SSL_CIPHER_num(ciphers), 50);
  for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); ++i) {
    const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(ciphers, i);
    const std::string name = SSL_CIPHER_standard_name(cipher);
    const TlsSuite* suite = find_tls_suite(SSL_CIPHER_get_protocol_id(cipher));
    ASSERT_NE(suite, nullptr) << name;
    EXPECT_EQ(suite->name, name);
    if (SSL_CIPHER_get_auth_nid(cipher) == NID_auth_null) {
      EXPECT_TRUE(suite->broken) << name;
    }
    const int exchange = SSL_CIPHER_get_kx_nid(cipher);
    if (exchange == NID_kx_rsa) {
      EXPECT_EQ(suite->key_exchange, "RSA") << name;
    }
    if (exchange == NID_kx_ecdhe) {
      EXPECT_EQ(suite->key_exchange, "ECDHE") << name;
    }
    if (exchange == NID_kx_dhe) {
      EXPECT_EQ(suite->key_exchange, "DHE") << name;
    }
  }
}

TEST(Registry, ClassicalOidsAreTheOnesOpenSslKnows) {
  const std::pair<const char*, int> kCases[] = {
      {"RSA", NID_rsaEncryption},
      {"RSASSA-PSS", NID_rsassaPss},
      {"EC", NID_X9_62_id_ecPublicKey},
      {"ECDSA P-256", NID_X9_62_prime256v1},
      {"ECDSA P-384", NID_secp384r1},
      {"ECDSA P-521", NID_secp521r1},
      {"ECDSA secp256k1", NID_secp256k1},
      {"ECDSA brainpoolP256r1", NID_brainpoolP256r1},
      {"ECDSA brainpoolP384r1", NID_brainpoolP384r1},
      {"ECDSA brainpoolP512r1", NID_brainpoolP512r1},
      {"Ed25519", NID_ED25519},
      {"Ed448", NID_ED448},
      {"x25519", NID_X25519},
      {"DSA", NID_dsa},
      {"md5WithRSAEncryption", NID_md5WithRSAEncryption},
      {"sha1WithRSAEncryption", NID_sha1WithRSAEncryption},
      {"sha256WithRSAEncryption", NID_sha256WithRSAEncryption},
      {"sha384WithRSAEncryption", NID_sha384WithRSAEncryption},
      {"sha512WithRSAEncryption", NID_sha512WithRSAEncryption},
      {"ecdsa-with-SHA256", NID_ecdsa_with_SHA256},
      {"ecdsa-with-SHA384", NID_ecdsa_with_SHA384},
      {"ecdsa-with-SHA512", NID_ecdsa_with_SHA512},
      {"SHA-256", NID_sha256},
      {"SHA3-512", NID_sha3_512},
      {"3DES", NID_des_ede3_cbc},
  };
  for (const auto& [name, nid] : kCases) {
    std::array<char, 80> dotted{};
    OBJ_obj2txt(dotted.data(), static_cast<int>(dotted.size()), OBJ_nid2obj(nid), 1);
    const Algorithm* row = find_by_oid(dotted.data());
    ASSERT_NE(row, nullptr) << name;
    EXPECT_EQ(row->name, name) << dotted.data();
  }
}

TEST(Registry, PostQuantumSizesAreThoseOfFips203And204) {
  struct Case {
    std::uint16_t group;
    int client_bytes, server_bytes;
  };
  // draft-ietf-tls-ecdhe-mlkem section 3 and FIPS 203 table 3.
  for (const Case& expected : {Case{0x11EC, 1216, 1120}, Case{0x11EB, 65 + 1184, 65 + 1088},
                               Case{0x11ED, 97 + 1568, 97 + 1568}, Case{0x0200, 800, 768},
                               Case{0x0201, 1184, 1088}, Case{0x0202, 1568, 1568}}) {
    const Algorithm* row = find_by_tls_group(expected.group);
    ASSERT_NE(row, nullptr);
    EXPECT_EQ(row->client_share_bytes, expected.client_bytes) << row->name;
    EXPECT_EQ(row->server_share_bytes, expected.server_bytes) << row->name;
  }
  EXPECT_EQ(find_by_oid("2.16.840.1.101.3.4.3.18")->public_key_bytes, 1952);
  EXPECT_EQ(find_by_oid("2.16.840.1.101.3.4.3.18")->signature_bytes, 3309);
}

// IANA prints 4588 in decimal; 0x4588 would be another group.
TEST(Registry, X25519Mlkem768IsDecimal4588) {
  EXPECT_EQ(find_by_tls_group(4588)->name, "X25519MLKEM768");
  EXPECT_EQ(find_by_tls_group(0x4588), nullptr);
}

TEST(Registry, SshRsaIsAnAlgorithmAndAKeyType) {
  EXPECT_EQ(find_by_ssh_name("ssh-rsa")->status, AssetStatus::kBroken);
  EXPECT_EQ(find_by_ssh_key_type("ssh-rsa")->name, "RSA");
  EXPECT_EQ(find_by_ssh_key_type("ssh-rsa")->status, AssetStatus::kAtRisk);
  EXPECT_EQ(find_by_ssh_name("ext-info-s"), nullptr);
  EXPECT_EQ(find_by_ssh_name("kex-strict-s-v00@openssh.com"), nullptr);
}

TEST(Registry, Aes128AndSha256AreNotAtRisk) {
  EXPECT_EQ(find_by_name("AES-128-GCM")->status, AssetStatus::kSafe);
  EXPECT_EQ(find_by_name("SHA-256")->status, AssetStatus::kSafe);
  EXPECT_FALSE(find_by_name("AES-128-GCM")->cnsa2);
  EXPECT_TRUE(find_by_name("AES-256-GCM")->cnsa2);
}

TEST(Registry, Only1024LevelHybridsMeetCnsa2) {
  EXPECT_FALSE(find_by_tls_group(0x11EC)->cnsa2);
  EXPECT_FALSE(find_by_tls_group(0x11EB)->cnsa2);
  EXPECT_TRUE(find_by_tls_group(0x11ED)->cnsa2);
}

TEST(Registry, WeakSuitesSayWhy) {
  int broken = 0;
  for (const TlsSuite& suite : builtin_registry().tls_suites()) {
    EXPECT_EQ(suite.weak, !suite.weak_reason.empty()) << suite.name;
    if (suite.broken) {
      EXPECT_TRUE(suite.weak) << suite.name;
      ++broken;
    }
    for (const char* sign : {"_RC4_", "_3DES_", "_NULL_", "_anon_", "EXPORT", "_DES_"}) {
      if (suite.name.find(sign) != std::string::npos) EXPECT_TRUE(suite.broken) << suite.name;
    }
  }
  EXPECT_GT(broken, 60);
  EXPECT_FALSE(find_tls_suite(0x1301)->weak);
  EXPECT_FALSE(find_tls_suite(0xC02F)->weak);
  EXPECT_TRUE(find_tls_suite(0x009C)->weak);  // TLS_RSA_WITH_AES_128_GCM_SHA256
  EXPECT_FALSE(find_tls_suite(0x009C)->broken);
}

TEST(Registry, GreaseIsRecognised) {
  std::set<int> found;
  for (int code = 0; code <= 0xFFFF; ++code) {
    if (is_grease(static_cast<std::uint16_t>(code))) found.insert(code);
  }
  EXPECT_EQ(found.size(), 16U);  // RFC 8701 section 2
  EXPECT_TRUE(found.contains(0x0A0A));
  EXPECT_TRUE(found.contains(0xFAFA));
}

TEST(Registry, ModulusStrengthFollowsSp80057) {
  EXPECT_EQ(classical_bits_of_modulus(1023), 0);
  EXPECT_EQ(classical_bits_of_modulus(1024), 80);
  EXPECT_EQ(classical_bits_of_modulus(2048), 112);
  EXPECT_EQ(classical_bits_of_modulus(3071), 112);
  EXPECT_EQ(classical_bits_of_modulus(3072), 128);
  EXPECT_EQ(classical_bits_of_modulus(7680), 192);
  EXPECT_EQ(classical_bits_of_modulus(15360), 256);
}

TEST(Registry, ABadFileIsRefusedWithTheRowAtFault) {
  constexpr std::string_view kNoSuites = R"({"suites":[]})";
  const auto parse = [&](std::string_view rows) {
    return Registry::parse(R"({"algorithms":[)" + std::string(rows) + "]}", kNoSuites);
  };
  const std::string good =
      R"({"name":"A","kind":"hash","class":"symmetric","status":"safe","oids":["1.2"],"source":"https://a"})";
  ASSERT_TRUE(parse(good).has_value());
  const auto twice = parse(good + "," + good);
  ASSERT_FALSE(twice.has_value());
  EXPECT_THAT(twice.error().internal, HasSubstr("\"A\""));
  EXPECT_FALSE(parse(R"({"name":"B","kind":"hash","class":"symmetric","status":"safe"})"));
  EXPECT_FALSE(
      parse(R"({"name":"B","kind":"?","class":"symmetric","status":"safe","source":"x"})"));
  EXPECT_FALSE(parse(
      R"({"name":"B","kind":"hash","class":"symmetric","status":"safe","tlsGroups":["1"],"source":"x"})"));
  EXPECT_FALSE(Registry::parse("[]", kNoSuites));
  EXPECT_FALSE(Registry::parse("{", kNoSuites));
}

}  // namespace
}  // namespace carnet::inventory
