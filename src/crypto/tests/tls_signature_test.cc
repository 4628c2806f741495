// Signatures of TLS servers: the one of RFC 8448's handshake as a known answer, and what must not
// pass.
#include "crypto/tls_signature.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>

#include "crypto/ed25519.h"
#include "crypto/mldsa.h"
#include "crypto/tests/rfc8448.h"
#include "crypto/tls13.h"

namespace carnet::crypto {
namespace {

using Verdict = SignatureVerdict;

Bytes join(std::span<const std::uint8_t> prefix, std::span<const std::uint8_t> rest) {
  Bytes out(prefix.begin(), prefix.end());
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

// RFC 8410 section 4 and RFC 9881 section 4: the key's bits behind a fixed head.
Bytes ed25519_info(std::span<const std::uint8_t> key) {
  return join(*from_hex("302a300506032b6570032100"), key);
}
Bytes mldsa65_info(std::span<const std::uint8_t> key) {
  return join(*from_hex("308207b2300b0609608648016503040312038207a100"), key);
}

TEST(TlsSignature, Ed25519AndMlDsa) {
  SystemRandom random;
  const Bytes message = server_certificate_verify_content(Bytes(32, 7));
  ASSERT_EQ(message.size(), 64u + 33 + 1 + 32);
  const auto edwards = ed25519_generate(random);
  const auto signature = *ed25519_sign(edwards.seed, message);
  const Bytes info = ed25519_info(edwards.public_key);
  TlsSignatureClaim claim{0x0807, info, message, signature};
  EXPECT_EQ(verify_tls_signature(claim), Verdict::kGood);
  claim.scheme = 0x0403;  // the key is of another kind
  EXPECT_EQ(verify_tls_signature(claim), Verdict::kBad);
  claim.scheme = 0x0911;  // SLH-DSA: nothing here can tell
  EXPECT_EQ(verify_tls_signature(claim), Verdict::kCannotTell);
  const Bytes other = server_certificate_verify_content(Bytes(32, 8));
  EXPECT_EQ(verify_tls_signature({0x0807, info, other, signature}), Verdict::kBad);
  EXPECT_EQ(verify_tls_signature({0x0807, Bytes{0x30, 0}, message, signature}), Verdict::kBad);

  const auto lattice = mldsa_generate(MlDsa::k65, random);
  const MlDsaMessage signed_message{.message = message, .context = {}};
  const Bytes lattice_signature =
      *mldsa_sign(MlDsa::k65, lattice.private_key, signed_message, random);
  const Bytes lattice_info = mldsa65_info(lattice.public_key);
  EXPECT_EQ(verify_tls_signature({0x0905, lattice_info, message, lattice_signature}),
            Verdict::kGood);
  EXPECT_EQ(verify_tls_signature({0x0904, lattice_info, message, lattice_signature}),
            Verdict::kBad);
  EXPECT_EQ(verify_tls_signature({0x0905, lattice_info, other, lattice_signature}), Verdict::kBad);
  // A context string is a signature for something else.
  const MlDsaMessage with_context{.message = message, .context = "x"};
  const Bytes elsewhere = *mldsa_sign(MlDsa::k65, lattice.private_key, with_context, random);
  EXPECT_EQ(verify_tls_signature({0x0905, lattice_info, message, elsewhere}), Verdict::kBad);
}

TEST(TlsSignature, CertificateVerifyOfRfc8448) {
  using namespace rfc8448;
  Tls13Transcript transcript(Tls13Hash::kSha256);
  for (const std::string_view message :
       {kClientHello, kServerHello, kEncryptedExtensions, kCertificate}) {
    transcript.add(*from_hex(message));
  }
  const Bytes content = server_certificate_verify_content(transcript.digest());
  // Certificate: header 4, context 1, list length 3, length 3, then the DER up to its extensions.
  const Bytes certificate = *from_hex(kCertificate);
  const unsigned char* at = certificate.data() + 11;
  const std::unique_ptr<X509, decltype(&X509_free)> leaf(
      d2i_X509(nullptr, &at, static_cast<long>(certificate.size() - 11)), X509_free);
  ASSERT_NE(leaf, nullptr);
  unsigned char* raw = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf.get()), &raw);
  const Bytes info(raw, raw + size);
  OPENSSL_free(raw);
  const Bytes verify = *from_hex(kCertificateVerify);
  const auto scheme = static_cast<std::uint16_t>(verify[4] << 8 | verify[5]);
  EXPECT_EQ(scheme, 0x0804);
  Bytes signature(verify.begin() + 8, verify.end());
  EXPECT_EQ(verify_tls_signature({scheme, info, content, signature}), Verdict::kGood);
  EXPECT_EQ(verify_tls_signature({0x0809, info, content, signature}), Verdict::kBad);
  EXPECT_EQ(verify_tls_signature({0x0401, info, content, signature}), Verdict::kBad);
  signature.back() ^= 1;
  EXPECT_EQ(verify_tls_signature({scheme, info, content, signature}), Verdict::kBad);
}

}  // namespace
}  // namespace carnet::crypto
