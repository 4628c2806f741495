#include "crypto/tls_signature.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string_view>

#include "crypto/evp.h"
#include "crypto/mldsa.h"

namespace carnet::crypto {
namespace {

enum class Form { kRsaPkcs1, kRsaPss, kEcdsa, kEdwards };

struct Scheme {
  std::uint16_t code_point;
  Form form;
  const char* key_type;  // of EVP_PKEY
  const char* hash;      // null: none of its own
  const char* curve;     // ECDSA: OpenSSL's name of the one curve that goes with the scheme
};

// RFC 8446 section 4.2.3, RFC 8734.
constexpr std::array<Scheme, 17> kSchemes{{
    {0x0401, Form::kRsaPkcs1, "RSA", "SHA256", nullptr},
    {0x0501, Form::kRsaPkcs1, "RSA", "SHA384", nullptr},
    {0x0601, Form::kRsaPkcs1, "RSA", "SHA512", nullptr},
    {0x0403, Form::kEcdsa, "EC", "SHA256", "prime256v1"},
    {0x0503, Form::kEcdsa, "EC", "SHA384", "secp384r1"},
    {0x0603, Form::kEcdsa, "EC", "SHA512", "secp521r1"},
    {0x0804, Form::kRsaPss, "RSA", "SHA256", nullptr},
    {0x0805, Form::kRsaPss, "RSA", "SHA384", nullptr},
    {0x0806, Form::kRsaPss, "RSA", "SHA512", nullptr},
    {0x0807, Form::kEdwards, "ED25519", nullptr, nullptr},
    {0x0808, Form::kEdwards, "ED448", nullptr, nullptr},
    {0x0809, Form::kRsaPss, "RSA-PSS", "SHA256", nullptr},
    {0x080A, Form::kRsaPss, "RSA-PSS", "SHA384", nullptr},
    {0x080B, Form::kRsaPss, "RSA-PSS", "SHA512", nullptr},
    {0x081A, Form::kEcdsa, "EC", "SHA256", "brainpoolP256r1"},
    {0x081B, Form::kEcdsa, "EC", "SHA384", "brainpoolP384r1"},
    {0x081C, Form::kEcdsa, "EC", "SHA512", "brainpoolP512r1"},
}};

struct MlDsaScheme {
  std::uint16_t code_point;
  MlDsa set;
  std::string_view oid;
};
// draft-ietf-tls-mldsa for the code points, RFC 9881 for the object identifiers.
constexpr std::array<MlDsaScheme, 3> kMlDsaSchemes{{
    {0x0904, MlDsa::k44, "2.16.840.1.101.3.4.3.17"},
    {0x0905, MlDsa::k65, "2.16.840.1.101.3.4.3.18"},
    {0x0906, MlDsa::k87, "2.16.840.1.101.3.4.3.19"},
}};

struct FreeKeyInfo {
  void operator()(X509_PUBKEY* info) const { X509_PUBKEY_free(info); }
};
using KeyInfo = std::unique_ptr<X509_PUBKEY, FreeKeyInfo>;

KeyInfo decode(std::span<const std::uint8_t> der) {
  const unsigned char* at = der.data();
  KeyInfo info(d2i_X509_PUBKEY(nullptr, &at, static_cast<long>(der.size())));
  if (info && at != der.data() + der.size()) info.reset();
  return info;
}

SignatureVerdict verify_mldsa(const MlDsaScheme& scheme, const TlsSignatureClaim& claim) {
  const KeyInfo info = decode(claim.public_key_info);
  if (!info) return SignatureVerdict::kBad;
  ASN1_OBJECT* oid = nullptr;
  const unsigned char* key = nullptr;
  int key_bytes = 0;
  X509_PUBKEY_get0_param(&oid, &key, &key_bytes, nullptr, info.get());
  std::array<char, 64> dotted{};
  OBJ_obj2txt(dotted.data(), dotted.size(), oid, 1);
  if (scheme.oid != dotted.data()) return SignatureVerdict::kBad;
  // The context string is empty in TLS.
  const bool good = mldsa_verify(scheme.set, {key, static_cast<std::size_t>(key_bytes)},
                                 {.message = claim.message, .context = {}}, claim.signature);
  return good ? SignatureVerdict::kGood : SignatureVerdict::kBad;
}

bool curve_fits(const Scheme& scheme, const EVP_PKEY* key) {
  if (scheme.curve == nullptr) return true;
  std::array<char, 64> name{};
  std::size_t length = 0;
  return EVP_PKEY_get_group_name(key, name.data(), name.size(), &length) == 1 &&
         std::string_view(name.data()) == scheme.curve;
}

SignatureVerdict verify_classical(const Scheme& scheme, const TlsSignatureClaim& claim) {
  const KeyInfo info = decode(claim.public_key_info);
  if (!info) return SignatureVerdict::kBad;
  EVP_PKEY* const key = X509_PUBKEY_get0(info.get());
  if (key == nullptr) return SignatureVerdict::kCannotTell;
  if (EVP_PKEY_is_a(key, scheme.key_type) != 1 || !curve_fits(scheme, key)) {
    return SignatureVerdict::kBad;
  }
  const EvpDigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* options = nullptr;
  if (EVP_DigestVerifyInit_ex(context.get(), &options, scheme.hash, nullptr, nullptr, key,
                              nullptr) != 1) {
    return SignatureVerdict::kCannotTell;
  }
  if (scheme.form == Form::kRsaPss &&
      (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return SignatureVerdict::kBad;  // the key's own parameters forbid it
  }
  const int good = EVP_DigestVerify(context.get(), claim.signature.data(), claim.signature.size(),
                                    claim.message.data(), claim.message.size());
  return good == 1 ? SignatureVerdict::kGood : SignatureVerdict::kBad;
}

}  // namespace

SignatureVerdict verify_tls_signature(const TlsSignatureClaim& claim) {
  for (const MlDsaScheme& scheme : kMlDsaSchemes) {
    if (scheme.code_point == claim.scheme) return verify_mldsa(scheme, claim);
  }
  for (const Scheme& scheme : kSchemes) {
    if (scheme.code_point != claim.scheme) continue;
    const SignatureVerdict verdict = verify_classical(scheme, claim);
    ERR_clear_error();
    return verdict;
  }
  return SignatureVerdict::kCannotTell;
}

Bytes server_certificate_verify_content(std::span<const std::uint8_t> transcript_hash) {
  constexpr std::string_view kContext = "TLS 1.3, server CertificateVerify";
  Bytes out(64, 0x20);
  out.insert(out.end(), kContext.begin(), kContext.end());
  out.push_back(0);
  out.insert(out.end(), transcript_hash.begin(), transcript_hash.end());
  return out;
}

}  // namespace carnet::crypto
