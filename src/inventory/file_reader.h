#pragma once
// Reads a file of whatever kind: certificates, requests, revocation lists, keys, key stores,
// containers, JSON Web Key Sets, lists of endpoints, CycloneDX inventories of others. What it holds
// is told by its bytes; the name only stands in the result. One bad entry does not spoil the rest:
// it becomes an error with its line or offset.
//
// A private key is told by its type, its size and the fingerprint of its public part. Its bytes get
// into no result, and what was decoded of them is wiped; the file's own buffer is the caller's.
//
// Pure functions of their input, thread-safe. Bounds: kFileBytesMax, 4,096 entries and 1,000 errors
// a file, 10,000 listed endpoints, and the work that a passphrase may cost.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/secret.h"
#include "inventory/model.h"

namespace carnet::inventory {

inline constexpr std::size_t kFileBytesMax = 32 * 1024 * 1024;
inline constexpr std::size_t kFileEntriesMax = 4096;
inline constexpr std::size_t kFileErrorsMax = 1000;
inline constexpr std::size_t kListedEndpointsMax = 10000;

struct FileInput {
  std::string name;  // for the result
  std::span<const std::uint8_t> bytes;
  const Secret* passphrase = nullptr;  // of PKCS #12, JKS and encrypted PKCS #8; null: none
};

// One row of an endpoint list, not yet checked: what a target may be is net/target.h's to say.
struct ListedEndpoint {
  std::string target;  // "example.org", "example.org:8443", "[2001:db8::1]:443"
  std::string kind;    // lower case; "" if not given
  std::string label;
  int line = 0;
};

struct FileReading {
  FileObservation file;
  std::optional<JwksObservation> jwks;  // format "JWKS"
  std::vector<ListedEndpoint> listed;   // format "CSV"
};

// kValidationFailed with the reason if nothing in it is recognised, kPayloadTooLarge if it is
// larger than kFileBytesMax.
[[nodiscard]] Result<FileReading> read_file(const FileInput& input);

// The file as an observed endpoint (protocol "file", id left to the caller); nullopt for a list of
// endpoints without a fault, which is no thing to judge.
[[nodiscard]] std::optional<Endpoint> file_endpoint(const FileReading& reading);

}  // namespace carnet::inventory
