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
  std::vector<std::uint16_t> schemes;      // the server signed its key exchange with (TLS 1.2)
  bool answered = false;                   // the server gave a ServerHello of these versions
  bool ocsp_stapled = false, session_tickets = false;
  bool insecure_renegotiation = false;  // a ServerHello without the extension of RFC 5746
};

// `first` is the answer of a server that chose one of these versions although TLS 1.3 and
// ordinary_suites() were offered; null if there is none. Both profiles take suites away until the
// server refuses: standard a whole class at a time, deep one by one, so that every suite shows.
[[nodiscard]] Task<LegacyResult> probe_legacy_tls(Wire& wire, const HelloAnswer* first,
                                                  inventory::Profile profile);

struct CurveResult {
  std::vector<std::uint16_t> curves;   // in the server's order
  std::vector<std::uint16_t> refused;  // offered and refused to the end
};
// Every curve of TLS 1.2's ECDHE, for servers without TLS 1.3. `known` were seen already, the first
// of them when all were offered.
[[nodiscard]] Task<CurveResult> enumerate_tls12_curves(Wire& wire,
                                                       std::vector<std::uint16_t> known);

// The suites up to TLS 1.2 that a server may have today; those that nobody should are left out.
[[nodiscard]] std::vector<std::uint16_t> ordinary_suites();

// IANA's name, "0x1234" if it has none.
[[nodiscard]] std::string suite_name(std::uint16_t suite);
// "TLS 1.3" … "SSL 3.0"; "0x1234" for what is no version.
[[nodiscard]] std::string version_name(std::uint16_t version);

}  // namespace carnet::probe
