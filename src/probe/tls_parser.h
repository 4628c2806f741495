#pragma once
// Reads what a TLS server sends in the clear after a ClientHello: alert, HelloRetryRequest,
// ServerHello, and up to TLS 1.2 Certificate and ServerKeyExchange. Pure: bytes go in, in any
// chunking, and facts come out; no I/O and no clock, so a fuzz target drives it directly. One
// parser per connection, one thread. Bounds: 256 KiB in all, 128 KiB a message, 32 certificates, 32
// messages; records and lists are length-checked. RFC 8446 section 4, RFC 5246 section 7.4.

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
};

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

 private:
  State fail(std::string why);
  void take_records();
  void take_record(std::uint8_t type, std::span<const std::uint8_t> body);
  void take_alert(std::span<const std::uint8_t> body);
  void take_messages();
  void take_message(std::uint8_t type, std::span<const std::uint8_t> body);
  [[nodiscard]] bool take_server_hello(std::span<const std::uint8_t> body);
  [[nodiscard]] bool take_hello_extensions(std::span<const std::uint8_t> list, ServerHello& hello);
  [[nodiscard]] bool take_certificate(std::span<const std::uint8_t> body);
  [[nodiscard]] bool take_key_exchange(std::span<const std::uint8_t> body);

  FormOf form_of_;
  std::size_t answer_bytes_max_;
  State state_ = State::kNeedMore;
  std::string failure_;
  bool saw_ssh_ = false;
  std::size_t bytes_read_ = 0;
  int messages_ = 0;
  Bytes records_;          // bytes of an unfinished record
  Bytes messages_buffer_;  // bytes of an unfinished handshake message
  std::optional<TlsAlert> alert_;
  std::optional<ServerHello> server_hello_;
  std::vector<Bytes> certificates_;
  std::optional<ServerKeyExchange> key_exchange_;
};

}  // namespace carnet::probe
