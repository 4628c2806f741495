// Certificates made by OpenSSL 3.0, and one with an ML-DSA-65 key made and signed by OpenSSL 3.5
// (through node), whose key the system's OpenSSL cannot load. Expected values are what `openssl
// x509` and node print for them.
#include "inventory/x509.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "base/encoding.h"
#include "crypto/hash.h"
#include "inventory/spki.h"

namespace carnet::inventory {
namespace {

using testing::ElementsAre;

Bytes load(const std::string& name) {
  std::ifstream file(std::string(CARNET_SOURCE_DIR) + "/src/inventory/tests/data/" + name,
                     std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  const std::string data = text.str();
  EXPECT_FALSE(data.empty()) << name;
  return {as_bytes(data).begin(), as_bytes(data).end()};
}

TEST(X509, RsaWithEveryKindOfName) {
  const auto parsed = parse_certificate(load("rsa3072.der"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->subject, "CN=example.org,O=BC3BCcher\\, GmbH,C=DE");
  EXPECT_EQ(parsed->issuer, parsed->subject);
  EXPECT_EQ(parsed->serial_number, "0123456789abcdef");
  EXPECT_EQ(to_rfc3339(parsed->not_before), "2026-11-24T06:29:38Z");
  EXPECT_EQ(to_rfc3339(parsed->not_after), "2126-10-31T06:29:38Z");
  EXPECT_THAT(parsed->sans,
              ElementsAre("dns:example.org", "dns:*.example.net", "ip:192.0.2.1", "ip:2001:db8::1",
                          "email:a@example.org", "uri:https://example.org/x"));
  EXPECT_EQ(parsed->key_algorithm, "RSA");
  EXPECT_EQ(parsed->key_bits, 3072);
  EXPECT_EQ(parsed->curve, "");
  EXPECT_EQ(parsed->signature_algorithm, "sha384WithRSAEncryption");
  EXPECT_EQ(parsed->sha256, "09e40ab661b195659c99c5c3ed3fa41a7166c89357c24441133d4ea9909d2d59");
}

TEST(X509, EllipticCurves) {
  const auto p384 = parse_certificate(load("p384.der"));
  ASSERT_TRUE(p384);
  EXPECT_EQ(p384->key_algorithm, "ECDSA P-384");
  EXPECT_EQ(p384->curve, "P-384");
  EXPECT_EQ(p384->key_bits, 384);
  EXPECT_EQ(p384->signature_algorithm, "ecdsa-with-SHA256");
  const auto ed25519 = parse_certificate(load("ed25519.der"));
  ASSERT_TRUE(ed25519);
  EXPECT_EQ(ed25519->key_algorithm, "Ed25519");
  EXPECT_EQ(ed25519->signature_algorithm, "Ed25519");
}

TEST(X509, RsaPssKeyIsAnRsaKey) {
  const auto parsed = parse_certificate(load("rsapss.der"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->key_algorithm, "RSA");
  EXPECT_EQ(parsed->key_bits, 2048);
  EXPECT_EQ(parsed->signature_algorithm, "RSASSA-PSS");
}

TEST(X509, MlDsaIsReadWithoutLoadingItsKey) {
  const auto parsed = parse_certificate(load("mldsa65.der"));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->key_algorithm, "ML-DSA-65");
  EXPECT_EQ(parsed->signature_algorithm, "ML-DSA-65");
  EXPECT_EQ(parsed->key_bits, 0);
  EXPECT_EQ(parsed->serial_number, "2a");
  EXPECT_EQ(to_rfc3339(parsed->not_after), "2126-01-01T00:00:00Z");
  EXPECT_EQ(parsed->sha256, "a84437b912d11a59482d159f4aafa9c49b444803ebe5813c59c08efd75bd0cfc");
  EXPECT_TRUE(certificate_matches_host(load("mldsa65.der"), "pq.example"));
}

TEST(X509, UnknownAlgorithmKeepsItsOid) {
  Bytes der = load("mldsa65.der");
  // 2.16.840.1.101.3.4.3.18 becomes …3.4.99.18 wherever it stands.
  const Bytes oid = *from_hex(
      "060960864801650304"
      "0312");
  for (auto at = der.begin();;) {
    at = std::search(at, der.end(), oid.begin(), oid.end());
    if (at == der.end()) break;
    *(at + 9) = 99;
  }
  const auto parsed = parse_certificate(der);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->key_algorithm, "unknown (OID 2.16.840.1.101.3.4.99.18)");
  EXPECT_EQ(parsed->signature_algorithm, "unknown (OID 2.16.840.1.101.3.4.99.18)");
}

TEST(X509, HostNames) {
  const Bytes der = load("rsa3072.der");
  for (const char* fits : {"example.org", "a.example.net", "192.0.2.1", "2001:db8::1"}) {
    EXPECT_TRUE(certificate_matches_host(der, fits)) << fits;
  }
  for (const char* other : {"www.example.org", "example.net", "a.b.example.net", "192.0.2.2", ""}) {
    EXPECT_FALSE(certificate_matches_host(der, other)) << other;
  }
}

TEST(X509, TheKeyIsCutOutAsItStands) {
  for (const char* name : {"rsa3072.der", "p384.der", "ed25519.der", "rsapss.der", "mldsa65.der"}) {
    const Bytes der = load(name);
    const auto key = public_key_info_of(der);
    EXPECT_TRUE(read_spki(key)) << name;
    EXPECT_EQ(crypto::sha256_hex(as_text(key)), parse_certificate(der)->spki_sha256) << name;
    EXPECT_TRUE(public_key_info_of(std::span(der).first(der.size() - 1)).empty()) << name;
  }
  EXPECT_TRUE(public_key_info_of({}).empty());
}

TEST(X509, WhatIsNoCertificateIsRefused) {
  const Bytes der = load("p384.der");
  for (std::size_t length = 0; length < der.size(); ++length) {
    EXPECT_FALSE(parse_certificate(std::span(der).first(length))) << length;
  }
  Bytes longer = der;
  longer.push_back(0);
  EXPECT_FALSE(parse_certificate(longer));
  EXPECT_FALSE(certificate_matches_host(longer, "p384.example"));
  EXPECT_FALSE(parse_certificate(Bytes(300 * 1024, 0x30)));
}

TEST(X509, AnyByteFlippedNeverBreaksTheReader) {
  for (const char* name : {"rsa3072.der", "p384.der", "ed25519.der"}) {
    Bytes der = load(name);
    int read = 0;
    for (auto& byte : der) {
      for (const std::uint8_t mask : {0x01, 0x80, 0xFF}) {
        byte ^= mask;
        if (parse_certificate(der)) ++read;
        byte ^= mask;
      }
    }
    EXPECT_GT(read, 0);  // a flipped signature is still a certificate
  }
}

}  // namespace
}  // namespace carnet::inventory
