#pragma once
// Verifies the signature with which a TLS server proves that it holds the key of its certificate
// (RFC 8446 section 4.4.3, draft-ietf-tls-mldsa). RSA, ECDSA and EdDSA come from OpenSSL's EVP,
// ML-DSA from crypto/mldsa.h, so that it does not depend on OpenSSL's version. Pure functions;
// thread-safe.

#include <cstdint>
#include <span>

#include "base/encoding.h"

namespace carnet::crypto {

enum class SignatureVerdict {
  kGood,
  kBad,         // wrong, or made by a key that this scheme does not go with
  kCannotTell,  // a scheme or a key that nothing here can verify
};

struct TlsSignatureClaim {
  std::uint16_t scheme = 0;                       // code point of a SignatureScheme
  std::span<const std::uint8_t> public_key_info;  // SubjectPublicKeyInfo, DER
  std::span<const std::uint8_t> message;          // what was signed, before any hash
  std::span<const std::uint8_t> signature;
};
[[nodiscard]] SignatureVerdict verify_tls_signature(const TlsSignatureClaim& claim);

// What a TLS 1.3 server signs, given the transcript hash up to its Certificate message.
[[nodiscard]] Bytes server_certificate_verify_content(
    std::span<const std::uint8_t> transcript_hash);

}  // namespace carnet::crypto
