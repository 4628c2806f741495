#pragma once
// TLS signature schemes as the probe uses them: what it offers, what they are called, and which
// kind of certificate they ask for. Constant data from IANA's "TLS SignatureScheme" registry;
// thread-safe.

#include <cstdint>
#include <string>
#include <vector>

namespace carnet::probe {

// A server shows the certificate that the schemes of a hello fit; a kind is what one hello can
// exclude.
enum class CertificateKind { kRsa, kEcdsa, kEd25519, kEd448, kMlDsa, kSlhDsa, kOther };

// Post-quantum schemes first, so that servers with only such certificates answer.
[[nodiscard]] const std::vector<std::uint16_t>& all_signature_schemes();
// The same without those of some kinds.
[[nodiscard]] std::vector<std::uint16_t> signature_schemes_without(
    const std::vector<CertificateKind>& kinds);

[[nodiscard]] CertificateKind kind_of_scheme(std::uint16_t scheme);
// The kind by the registry's name of a certificate's key: "RSA", "ECDSA P-256", "ML-DSA-65".
[[nodiscard]] CertificateKind kind_of_key(const std::string& key_algorithm);
// "rsa_pss_rsae_sha256"; "0x1234" if IANA has no name for it.
[[nodiscard]] std::string scheme_name(std::uint16_t scheme);

}  // namespace carnet::probe
