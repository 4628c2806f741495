#pragma once
// Public keys in SSH's own form (RFC 4253 section 6.6, RFC 5656, RFC 8709, OpenSSH's certificates
// and security-key types). Pure functions, thread-safe.

#include <optional>
#include <string>

#include "inventory/der.h"

namespace carnet::inventory {

struct SshKeyFacts {
  std::string type;         // the name inside: "ssh-ed25519"
  std::string algorithm;    // registry name, the type itself if it has none
  int bits = 0;             // RSA modulus, curve, 0 if not known
  std::string curve;        // "P-256"
  std::string fingerprint;  // "SHA256:…" as ssh-keygen -l prints it
};

// nullopt if it does not begin with a type's name.
[[nodiscard]] std::optional<SshKeyFacts> read_ssh_key(ByteView blob);

// The next length-prefixed string, cut off `rest`; nullopt if it passes the end.
[[nodiscard]] std::optional<ByteView> take_ssh_string(ByteView& rest);

}  // namespace carnet::inventory
