#pragma once
// DSSE envelopes (secure-systems-lab/dsse, v1.0): a payload, its type, and signatures over the
// pre-authentication encoding of both. Values and pure functions; thread-safe. An envelope from
// outside is bounded by kEnvelopeBytesMax and kEnvelopeSignaturesMax.

#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/encoding.h"
#include "base/error.h"
#include "crypto/hash.h"

namespace carnet::evidence {

inline constexpr std::size_t kEnvelopeBytesMax = std::size_t{8} * 1024 * 1024;
inline constexpr std::size_t kEnvelopeSignaturesMax = 16;

struct DsseSignature {
  std::string keyid;  // a hint that nothing vouches for
  Bytes sig;
  bool operator==(const DsseSignature&) const = default;
};

struct Envelope {
  std::string payload_type;
  std::string payload;  // decoded
  std::vector<DsseSignature> signatures;
  // What else the document brings along, such as a key or a certificate. It is never used, only
  // named.
  std::vector<std::string> foreign_members;
};

// "DSSEv1 29 http://example.com/HelloWorld 11 hello world": what is signed.
[[nodiscard]] std::string pre_authentication_encoding(std::string_view payload_type,
                                                      std::string_view payload);
// Canonical bytes (RFC 8785) of {payload, payloadType, signatures: [{keyid, sig}]}, without the
// foreign members.
[[nodiscard]] std::string envelope_json(const Envelope& envelope);
// SHA-256 of envelope_json(): how a passport is named by its successor and in the log. White space
// and the order of members in a copy do not change it.
[[nodiscard]] crypto::Digest256 envelope_digest(const Envelope& envelope);

// kValidationFailed with a sentence. Payload and signatures may be in either base64 alphabet (the
// specification allows both).
[[nodiscard]] Result<Envelope> read_envelope(const boost::json::value& value);
[[nodiscard]] Result<Envelope> read_envelope(std::string_view text);

}  // namespace carnet::evidence
