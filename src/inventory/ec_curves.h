#pragma once
// Recognises elliptic curves that a key spells out instead of naming them (SpecifiedECDomain, RFC
// 3279 section 2.3.5). The curves to compare with are the system's OpenSSL's; their table is made
// on first use and constant from then on. Thread-safe.

#include <optional>
#include <string>

#include "inventory/der.h"

namespace carnet::inventory {

struct ExplicitCurve {
  int field_bits = 0;
  std::string oid;  // of the curve with the same field and coefficients; "" if there is none
  // Field and coefficients are those of `oid`, but the generator or the order is another: whoever
  // chose it may know the private key (CVE-2020-0601).
  bool other_generator = false;
};

// `parameters` is the content of the SEQUENCE; nullopt if it is not such a structure.
[[nodiscard]] std::optional<ExplicitCurve> read_explicit_curve(ByteView parameters);

}  // namespace carnet::inventory
