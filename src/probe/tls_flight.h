#pragma once
// What a TLS 1.3 server sends under encryption: EncryptedExtensions to Finished, and tickets behind
// it. Pure: decrypted bytes go in, facts come out, so a fuzz target drives it without keys. The
// order of the messages is enforced; what they prove is the caller's to check. One connection, one
// thread. Bounds: 128 KiB a message, 32 certificates, 32 messages, 64 extensions a list.
// RFC 8446 section 4.3 to 4.6.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/encoding.h"

namespace carnet::probe {

// One handshake message with its 4-byte header, as the transcript hash takes it.
struct HandshakeMessage {
  std::uint8_t type = 0;
  Bytes whole;
  [[nodiscard]] std::span<const std::uint8_t> body() const {
    return std::span<const std::uint8_t>(whole).subspan(4);
  }
};

// Puts messages together out of the pieces that records hold.
class MessageBuffer {
 public:
  // False if a message or the number of messages passes its bound; the buffer is then of no use.
  [[nodiscard]] bool add(std::span<const std::uint8_t> piece);
  [[nodiscard]] std::optional<HandshakeMessage> next();
  [[nodiscard]] bool empty() const { return at_ == pending_.size(); }

 private:
  [[nodiscard]] std::optional<std::size_t> next_size() const;  // of the whole message
  Bytes pending_;
  std::size_t at_ = 0;
  int taken_ = 0;
};

struct FlightFacts {
  std::string alpn;
  // supported_groups of EncryptedExtensions: what the server itself says it supports, in its order
  // (RFC 8446 section 4.2.7). Empty if it did not say; most stacks do not.
  std::vector<std::uint16_t> groups;
  bool client_certificate_requested = false;
  Bytes certificate_request_context;
  std::vector<Bytes> chain;  // DER, as sent
  bool ocsp_stapled = false;
  std::optional<std::uint16_t> signature_scheme;
  Bytes signature;
  Bytes finished;  // verify_data
  int session_tickets = 0;
};

class FlightReader {
 public:
  enum class Step {
    kEncryptedExtensions,  // expected next
    kCertificate,          // or a CertificateRequest
    kCertificateVerify,
    kFinished,
    kDone,  // only post-handshake messages from here on
  };
  // Takes the next message; false if it is malformed or out of order, see failure().
  [[nodiscard]] bool take(const HandshakeMessage& message);
  [[nodiscard]] Step step() const { return step_; }
  [[nodiscard]] const FlightFacts& facts() const { return facts_; }
  [[nodiscard]] const std::string& failure() const { return failure_; }

 private:
  bool take_extensions(std::span<const std::uint8_t> body);
  bool take_request(std::span<const std::uint8_t> body);
  bool take_certificate(std::span<const std::uint8_t> body);
  bool take_entry_extensions(std::span<const std::uint8_t> list);
  bool take_verify(std::span<const std::uint8_t> body);
  bool take_post_handshake(const HandshakeMessage& message);
  bool fail(std::string why);

  Step step_ = Step::kEncryptedExtensions;
  FlightFacts facts_;
  std::string failure_;
};

}  // namespace carnet::probe
