#pragma once
// Reads AlgorithmIdentifier and SubjectPublicKeyInfo (RFC 5280 section 4.1) by their identifiers,
// whatever the system's OpenSSL can load: a key is named by what the bytes say. Names come from the
// registry, "unknown (OID 1.2.3)" if it has none. Pure functions, thread-safe.

#include <optional>
#include <string>
#include <vector>

#include "inventory/der.h"
#include "inventory/model.h"

namespace carnet::inventory {

struct KeyFacts {
  std::string algorithm;          // registry name of the key: "RSA", "ECDSA P-256", "ML-DSA-65"
  int bits = 0;                   // RSA modulus, DSA and DH prime, EC field; else 0
  std::string curve;              // "P-256"
  std::vector<Finding> findings;  // what is odd about the key
};

// The inside of an AlgorithmIdentifier.
struct AlgorithmId {
  std::string oid;  // dotted
  std::optional<DerValue> parameters;
};
[[nodiscard]] std::optional<AlgorithmId> read_algorithm_id(const DerValue& sequence);

// `der` is a SubjectPublicKeyInfo and nothing behind it; nullopt if it is not one.
[[nodiscard]] std::optional<KeyFacts> read_spki(ByteView der);
// An algorithm with the bits of a public key (which may be empty where a format does not hold
// them: then what depends on them stays open).
[[nodiscard]] KeyFacts name_key(const AlgorithmId& algorithm, ByteView public_key);

struct SignatureFacts {
  std::string algorithm;   // registry name: "sha256WithRSAEncryption"
  std::string parameters;  // RSASSA-PSS: "SHA-256, MGF1 with SHA-256, salt of 32 bytes"
  std::vector<Finding> findings;
};
[[nodiscard]] SignatureFacts name_signature(const AlgorithmId& algorithm);

// Registry name of an identifier, "unknown (OID 1.2.3)" if it has none.
[[nodiscard]] std::string registry_name(const std::string& oid);

}  // namespace carnet::inventory
