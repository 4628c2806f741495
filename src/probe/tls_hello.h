#pragma once
// ClientHello messages written by hand, because no library sends the ones that make a server show
// its whole hand: without key shares, with groups it does not know, with one suite only. Pure
// functions. RFC 8446 section 4.1.2, RFC 5246 section 7.4.1.2.

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "base/random.h"

namespace carnet::probe {

// Protocol versions as they stand on the wire.
inline constexpr std::uint16_t kTls13 = 0x0304;
inline constexpr std::uint16_t kTls12 = 0x0303;
inline constexpr std::uint16_t kTls11 = 0x0302;
inline constexpr std::uint16_t kTls10 = 0x0301;
inline constexpr std::uint16_t kSsl30 = 0x0300;

// One entry of the key_share extension.
struct ClientShare {
  std::uint16_t group = 0;
  Bytes share;
};

struct HelloSpec {
  std::uint16_t legacy_version = kTls12;
  std::vector<std::uint16_t>
      versions;  // supported_versions; empty: the extension is left out (TLS 1.2 and older)
  std::vector<std::uint16_t> suites;
  std::vector<std::uint16_t> groups;             // supported_groups; empty: left out
  std::vector<std::uint16_t> signature_schemes;  // empty: left out
  // TLS 1.3: the key_share extension. Empty and wanted, the server must answer with a
  // HelloRetryRequest.
  bool empty_key_share = false;
  std::vector<ClientShare> key_shares;
  Bytes cookie;             // of a HelloRetryRequest, sent back as it came; empty: left out
  std::string server_name;  // empty: no SNI
  std::vector<std::string> alpn;
  std::size_t pad_to_bytes =
      0;  // padding extension (RFC 7685) up to this length of the handshake message
  bool extensions = true;  // false: none at all, as SSL 3.0 wants
};

// The random parts of a hello; the second one of a connection repeats them (RFC 8446
// section 4.1.2).
struct HelloSeed {
  std::array<std::uint8_t, 32> random{}, session_id{};
};
[[nodiscard]] HelloSeed draw_hello_seed(Random& random);

// One TLS record holding the whole message; behind its kRecordHeaderBytes it is what a transcript
// hash takes.
[[nodiscard]] Bytes build_client_hello(const HelloSpec& spec, const HelloSeed& seed);
[[nodiscard]] Bytes build_client_hello(const HelloSpec& spec, Random& random);

inline constexpr std::size_t kRecordHeaderBytes = 5;

}  // namespace carnet::probe
