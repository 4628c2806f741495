#pragma once
// Reads X.509 certificates (RFC 5280) into inventory::Certificate. The system's OpenSSL checks the
// structure, but it knows no post-quantum keys, so AlgorithmIdentifier and
// SubjectPublicKeyInfo are read by their OIDs and never through EVP_PKEY. Pure functions,
// thread-safe. Bounds: 256 KiB a certificate, 500 alternative names, 1 KiB a text.

#include <openssl/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "inventory/model.h"

namespace carnet::inventory {

// One DER certificate, nothing behind it. `chain` and `position` stay 0: the caller knows them.
// Names of algorithms come from the registry, "unknown (OID 1.2.3)" if it has none.
// kValidationFailed if it is not a certificate.
[[nodiscard]] Result<Certificate> parse_certificate(std::span<const std::uint8_t> der);

// RFC 6125 / RFC 9525: the host (an A-label name or an address literal) is among the certificate's
// alternative names. The common name counts only if there is no alternative name at all. False for
// what is not a certificate.
[[nodiscard]] bool certificate_matches_host(std::span<const std::uint8_t> der,
                                            const std::string& host);
// The same for who has it decoded already, which is what takes the time.
[[nodiscard]] bool certificate_matches_host(X509* certificate, const std::string& host);

// The SubjectPublicKeyInfo, as it stands in `der`; empty if that is not a certificate.
[[nodiscard]] std::span<const std::uint8_t> public_key_info_of(std::span<const std::uint8_t> der);

}  // namespace carnet::inventory
