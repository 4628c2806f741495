#pragma once
// Reads what a TLS server sends in the clear after a ClientHello: alert, HelloRetryRequest,
// ServerHello, and up to TLS 1.2 Certificate and ServerKeyExchange. Pure: bytes go in, in any
// chunking, and facts come out; no I/O and no clock, so a fuzz target drives it directly. One
// parser per connection, one thread. Bounds: 256 KiB in all, 128 KiB a message, 32 certificates, 32
// messages, 4 warnings; records and lists are length-checked. RFC 8446 section 4, RFC 5246
// section 7.4.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/encoding.h"

namespace carnet::probe {

struct TlsAlert {
  std::uint8_t level = 0, description = 0;
};
// The name of IANA's "TLS Alerts": "handshake_failure"; "alert 200" if it has none.
[[nodiscard]] std::string alert_name(std::uint8_t description);

struct ServerHello {
  bool retry_request = false;
  std::uint16_t version = 0;  // selected_version if present, else legacy_version
  std::uint16_t suite = 0;
  std::optional<std::uint16_t> key_share_group;  // of a HelloRetryRequest or ServerHello
  std::string alpn;
  bool downgrade_marker =
      false;  // RFC 8446 section 4.1.3: the server could do TLS 1.3 (or 1.2) and chose not to
  Bytes session_id;  // legacy_session_id_echo in TLS 1.3
  std::uint8_t compression = 0;
  Bytes key_share;                    // of a ServerHello
  Bytes cookie;                       // of a HelloRetryRequest
  bool session_ticket = false;        // up to TLS 1.2: a ticket will follow (RFC 5077)
  bool secure_renegotiation = false;  // RFC 5746
};
// The body of a ServerHello or HelloRetryRequest message; nullopt if it is malformed.
[[nodiscard]] std::optional<ServerHello> parse_server_hello(std::span<const std::uint8_t> body);

struct ServerKeyExchange {
  std::optional<std::uint16_t> group;             // ECDHE with a named curve
  int dh_bits = 0;                                // DHE
  std::optional<std::uint16_t> signature_scheme;  // TLS 1.2 only
};

// How the key exchange message of a suite is to be read; the caller knows from the registry.
enum class KeyExchangeForm { kNone, kEcdhe, kDhe };

class TlsServerParser {
 public:
  enum class State {
    kNeedMore,
    kDone,    // all that this connection will show in the clear was read
    kFailed,  // see failure()
  };
  using FormOf = KeyExchangeForm (*)(std::uint16_t suite);

  // `form_of` says how to read ServerKeyExchange for the suite the server chose; an answer longer
  // than `answer_bytes_max` fails.
  explicit TlsServerParser(FormOf form_of, std::size_t answer_bytes_max = 256 * 1024)
      : form_of_(form_of), answer_bytes_max_(answer_bytes_max) {}

  // Takes any number of bytes. After kDone or kFailed further bytes are ignored.
  State feed(std::span<const std::uint8_t> data);
  [[nodiscard]] State state() const { return state_; }
  // One phrase: "not TLS: the server speaks SSH", "malformed ServerHello", "answer over the limit".
  [[nodiscard]] const std::string& failure() const { return failure_; }
  [[nodiscard]] bool saw_ssh() const { return saw_ssh_; }
  [[nodiscard]] std::size_t bytes_read() const { return bytes_read_; }

  [[nodiscard]] const std::optional<TlsAlert>& alert() const { return alert_; }
  [[nodiscard]] const std::optional<ServerHello>& server_hello() const { return server_hello_; }
  [[nodiscard]] const std::vector<Bytes>& certificates() const {
    return certificates_;
  }  // DER, as sent
  [[nodiscard]] const std::optional<ServerKeyExchange>& key_exchange() const {
    return key_exchange_;
  }
  [[nodiscard]] bool ocsp_stapled() const { return ocsp_stapled_; }

  // For a client that goes on with TLS 1.3: the ServerHello or HelloRetryRequest with its header,
  // what came behind the record that ended it, and whether that record held more than it.
  [[nodiscard]] const Bytes& hello_message() const { return hello_message_; }
  [[nodiscard]] const Bytes& rest() const { return records_; }
  [[nodiscard]] bool hello_record_held_more() const { return hello_record_held_more_; }
  // Behind a HelloRetryRequest the server may send a ChangeCipherSpec (RFC 8446 appendix D.4).
  void allow_change_cipher_spec() { change_cipher_spec_allowed_ = true; }

 private:
  State fail(std::string why);
  void take_records();
  void take_record(std::uint8_t type, std::span<const std::uint8_t> body);
  void take_alert(std::span<const std::uint8_t> body);
  void take_messages();
  void take_message(std::uint8_t type, std::span<const std::uint8_t> body);
  [[nodiscard]] bool take_certificate(std::span<const std::uint8_t> body);
  [[nodiscard]] bool take_key_exchange(std::span<const std::uint8_t> body);

  FormOf form_of_;
  std::size_t answer_bytes_max_;
  State state_ = State::kNeedMore;
  std::string failure_;
  bool saw_ssh_ = false;
  std::size_t bytes_read_ = 0;
  int messages_ = 0, warnings_ = 0;
  bool change_cipher_spec_allowed_ = false;
  bool hello_record_held_more_ = false;
  bool ocsp_stapled_ = false;
  Bytes hello_message_;
  Bytes records_;          // bytes of an unfinished record; after kDone what was not read
  Bytes messages_buffer_;  // bytes of an unfinished handshake message
  std::optional<TlsAlert> alert_;
  std::optional<ServerHello> server_hello_;
  std::vector<Bytes> certificates_;
  std::optional<ServerKeyExchange> key_exchange_;
};

}  // namespace carnet::probe
