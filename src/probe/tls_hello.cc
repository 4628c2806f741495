#include "probe/tls_hello.h"

#include "base/check.h"

namespace carnet::probe {
namespace {

// Extension numbers of IANA's "TLS ExtensionType Values".
enum Extension : std::uint16_t {
  kServerName = 0,
  kStatusRequest = 5,
  kSupportedGroups = 10,
  kEcPointFormats = 11,
  kSignatureAlgorithms = 13,
  kAlpn = 16,
  kPadding = 21,
  kExtendedMasterSecret = 23,
  kSessionTicket = 35,
  kSupportedVersions = 43,
  kCookie = 44,
  kPskKeyExchangeModes = 45,
  kKeyShare = 51,
  kRenegotiationInfo = 0xFF01,
};

void put(Bytes& out, std::size_t width, std::size_t value) {
  for (std::size_t i = width; i-- > 0;) out.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}

void append(Bytes& out, std::span<const std::uint8_t> data) {
  out.insert(out.end(), data.begin(), data.end());
}

void put_vector(Bytes& out, std::size_t width, std::span<const std::uint8_t> data) {
  CARNET_CHECK(data.size() < (std::size_t{1} << (8 * width)));
  put(out, width, data.size());
  append(out, data);
}

Bytes code_points(const std::vector<std::uint16_t>& values) {
  Bytes out;
  for (const std::uint16_t value : values) put(out, 2, value);
  return out;
}

void put_extension(Bytes& out, std::uint16_t type, std::span<const std::uint8_t> body) {
  put(out, 2, type);
  put_vector(out, 2, body);
}

void put_list_extension(Bytes& out, std::uint16_t type, std::size_t width, const Bytes& list) {
  Bytes body;
  put_vector(body, width, list);
  put_extension(out, type, body);
}

void put_names(Bytes& out, const HelloSpec& spec) {
  if (!spec.server_name.empty()) {
    Bytes entry{0};  // host_name
    put_vector(entry, 2, as_bytes(spec.server_name));
    put_list_extension(out, kServerName, 2, entry);
  }
  if (!spec.alpn.empty()) {
    Bytes list;
    for (const std::string& protocol : spec.alpn) put_vector(list, 1, as_bytes(protocol));
    put_list_extension(out, kAlpn, 2, list);
  }
}

Bytes build_extensions(const HelloSpec& spec) {
  Bytes out;
  put_names(out, spec);
  put_extension(out, kRenegotiationInfo, Bytes{0});
  put_extension(out, kExtendedMasterSecret, {});
  put_extension(out, kSessionTicket, {});
  put_extension(out, kStatusRequest, Bytes{1, 0, 0, 0, 0});
  if (!spec.groups.empty()) {
    put_list_extension(out, kSupportedGroups, 2, code_points(spec.groups));
    put_extension(out, kEcPointFormats, Bytes{1, 0});
  }
  if (!spec.signature_schemes.empty()) {
    put_list_extension(out, kSignatureAlgorithms, 2, code_points(spec.signature_schemes));
  }
  if (!spec.versions.empty()) {
    put_list_extension(out, kSupportedVersions, 1, code_points(spec.versions));
  }
  if (!spec.cookie.empty()) put_list_extension(out, kCookie, 2, spec.cookie);
  if (spec.empty_key_share || !spec.key_shares.empty()) {
    Bytes shares;
    for (const ClientShare& entry : spec.key_shares) {
      put(shares, 2, entry.group);
      put_vector(shares, 2, entry.share);
    }
    put_list_extension(out, kKeyShare, 2, shares);
    put_extension(out, kPskKeyExchangeModes, Bytes{1, 1});
  }
  return out;
}

}  // namespace

HelloSeed draw_hello_seed(Random& random) {
  HelloSeed seed;
  random.fill(seed.random);
  random.fill(seed.session_id);
  return seed;
}

Bytes build_client_hello(const HelloSpec& spec, Random& random) {
  return build_client_hello(spec, draw_hello_seed(random));
}

Bytes build_client_hello(const HelloSpec& spec, const HelloSeed& seed) {
  Bytes body;
  put(body, 2, spec.legacy_version);
  append(body, seed.random);
  // A session id makes TLS 1.3 look like a resumption to middleboxes (RFC 8446, appendix D.4).
  if (spec.versions.empty()) {
    put(body, 1, 0);
  } else {
    put_vector(body, 1, seed.session_id);
  }
  put_vector(body, 2, code_points(spec.suites));
  put_vector(body, 1, Bytes{0});  // no compression
  if (spec.extensions) {
    Bytes extensions = build_extensions(spec);
    const std::size_t now = 4 + body.size() + 2 + extensions.size();
    if (now + 4 <= spec.pad_to_bytes) {
      put_extension(extensions, kPadding, Bytes(spec.pad_to_bytes - now - 4, 0));
    }
    put_vector(body, 2, extensions);
  }
  Bytes message{1};  // client_hello
  put_vector(message, 3, body);
  Bytes record{22};  // handshake
  // RFC 8446 section 5.1: 0x0301 on the first flight, for servers that mind; SSL 3.0 only in its
  // own.
  put(record, 2, spec.legacy_version == kSsl30 ? kSsl30 : kTls10);
  put_vector(record, 2, message);
  return record;
}

}  // namespace carnet::probe
