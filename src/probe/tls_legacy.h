#pragma once
// TLS 1.2 and older: which versions, which kinds of suites, which curves and DH sizes, and the
// certificates, all of it read from handshakes in the clear that stop at ServerHelloDone. RFC 5246,
// RFC 4346, RFC 2246, RFC 6101.

#include <string>
#include <vector>

#include "inventory/model.h"
#include "probe/tls_ask.h"

namespace carnet::probe {

struct LegacyResult {
  std::vector<inventory::TlsVersionSupport> versions;  // TLS 1.2, 1.1, 1.0, and SSL 3.0 where asked
  std::vector<inventory::TlsCipherSuite> suites;
  std::vector<std::string> key_exchanges;  // "ECDHE", "DHE", "RSA", …
  int dh_bits = 0;                         // the smallest DHE group seen
  std::vector<std::uint16_t> curves;       // seen in ServerKeyExchange, in the order seen
  std::vector<std::vector<Bytes>> chains;  // one per different leaf
  bool answered = false;                   // the server gave a ServerHello of these versions
};

// Standard asks each class of suites once; deep walks each class to its refusal, so that every
// suite shows.
[[nodiscard]] Task<LegacyResult> probe_legacy_tls(Wire& wire, inventory::Profile profile);

struct CurveResult {
  std::vector<std::uint16_t> curves;   // in the server's order
  std::vector<std::uint16_t> refused;  // offered and refused to the end
};
// Every curve of TLS 1.2's ECDHE, for servers without TLS 1.3.
[[nodiscard]] Task<CurveResult> enumerate_tls12_curves(Wire& wire);

// IANA's name, "0x1234" if it has none.
[[nodiscard]] std::string suite_name(std::uint16_t suite);

}  // namespace carnet::probe
