#include "probe/tls_parser.h"

#include "probe/byte_reader.h"
#include "probe/tls_hello.h"

namespace carnet::probe {
namespace {

constexpr std::size_t kMessageBytesMax = 128 * 1024;
constexpr std::size_t kRecordBytesMax = 16384 + 2048;  // RFC 5246 section 6.2.3
constexpr std::size_t kCertificatesMax = 32;
constexpr std::size_t kExtensionsMax = 64;
constexpr int kMessagesMax = 32;
constexpr int kWarningsMax = 4;

enum ContentType : std::uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kData = 23
};
enum MessageType : std::uint8_t {
  kHelloRequest = 0,
  kServerHello = 2,
  kCertificate = 11,
  kServerKeyExchange = 12,
  kCertificateRequest = 13,
  kServerHelloDone = 14,
  kCertificateStatus = 22,
};

// RFC 8446 section 4.1.3: a ServerHello with this random is a HelloRetryRequest.
constexpr std::array<std::uint8_t, 32> kRetryRandom{
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
    0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C};

int bit_length(std::span<const std::uint8_t> number) {
  std::size_t skip = 0;
  while (skip < number.size() && number[skip] == 0) ++skip;
  if (skip == number.size()) return 0;
  int top = 0;
  while ((number[skip] >> top) > 1) ++top;
  return static_cast<int>((number.size() - skip - 1) * 8) + top + 1;
}

// What else a server may be, from the first bytes it sent. Empty: it may be TLS.
std::string other_protocol(std::span<const std::uint8_t> data) {
  const std::string_view text = as_text(data);
  if (text.starts_with("SSH-")) return "not TLS: the server speaks SSH";
  if (text.starts_with("HTTP/")) return "not TLS: the server answers in plain HTTP";
  if (text.starts_with("220 ") || text.starts_with("220-")) {
    return "not TLS: the server greets in plain text (SMTP or FTP)";
  }
  if (text.starts_with("* OK")) return "not TLS: the server greets in plain text (IMAP)";
  if (text.starts_with("+OK")) return "not TLS: the server greets in plain text (POP3)";
  return {};
}

// The registry "TLS Alerts" of IANA.
constexpr std::pair<std::uint8_t, std::string_view> kAlertNames[] = {
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {21, "decryption_failed"},
    {22, "record_overflow"},
    {30, "decompression_failure"},
    {40, "handshake_failure"},
    {41, "no_certificate"},
    {42, "bad_certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca"},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {52, "too_many_cids_requested"},
    {60, "export_restriction"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {100, "no_renegotiation"},
    {109, "missing_extension"},
    {110, "unsupported_extension"},
    {111, "certificate_unobtainable"},
    {112, "unrecognized_name"},
    {113, "bad_certificate_status_response"},
    {114, "bad_certificate_hash_value"},
    {115, "unknown_psk_identity"},
    {116, "certificate_required"},
    {117, "general_error"},
    {120, "no_application_protocol"},
    {121, "ech_required"},
};

bool take_hello_extension(std::uint16_t type, ByteReader value, ServerHello& hello) {
  constexpr std::uint16_t kAlpn = 16, kSessionTicket = 35, kSupportedVersions = 43, kCookie = 44,
                          kKeyShare = 51, kRenegotiationInfo = 0xFF01;
  switch (type) {
    case kSupportedVersions: {
      const auto version = value.u16();
      if (!version || !value.empty() || *version < kTls13 || (*version >> 8) != 3) return false;
      hello.version = *version;
      return true;
    }
    case kKeyShare: {
      hello.key_share_group = value.u16();
      if (!hello.key_share_group) return false;
      if (hello.retry_request) return value.empty();
      const auto share = value.vector(2);
      if (!share || !value.empty()) return false;
      hello.key_share.assign(share->begin(), share->end());
      return true;
    }
    case kCookie: {
      const auto cookie = value.vector(2);
      if (!cookie || cookie->empty() || !value.empty()) return false;
      hello.cookie.assign(cookie->begin(), cookie->end());
      return true;
    }
    case kAlpn: {
      const auto names = value.vector(2);
      if (!names) return false;
      const auto name = ByteReader(*names).vector(1);
      if (!name) return false;
      hello.alpn = std::string(as_text(*name));
      return true;
    }
    case kSessionTicket:
      hello.session_ticket = true;
      return true;
    case kRenegotiationInfo:
      hello.secure_renegotiation = true;
      return true;
    default:
      return true;
  }
}

bool take_hello_extensions(std::span<const std::uint8_t> list, ServerHello& hello) {
  ByteReader in(list);
  std::vector<std::uint16_t> seen;
  while (!in.empty()) {
    const auto type = in.u16();
    const auto body = in.vector(2);
    if (!type || !body || seen.size() == kExtensionsMax) return false;
    if (std::find(seen.begin(), seen.end(), *type) != seen.end()) return false;  // RFC 8446, 4.2
    seen.push_back(*type);
    if (!take_hello_extension(*type, ByteReader(*body), hello)) return false;
  }
  return true;
}

}  // namespace

std::optional<ServerHello> parse_server_hello(std::span<const std::uint8_t> body) {
  ByteReader in(body);
  ServerHello hello;
  const auto version = in.u16();
  const auto nonce = in.take(32);
  const auto session = in.vector(1);
  const auto suite = in.u16();
  const auto compression = in.u8();
  if (!version || !nonce || !session || session->size() > 32 || !suite || !compression) {
    return std::nullopt;
  }
  hello.version = *version;
  hello.suite = *suite;
  hello.session_id.assign(session->begin(), session->end());
  hello.compression = *compression;
  hello.retry_request = std::equal(nonce->begin(), nonce->end(), kRetryRandom.begin());
  constexpr std::array<std::uint8_t, 7> kDowngrade{'D', 'O', 'W', 'N', 'G', 'R', 'D'};
  hello.downgrade_marker =
      std::equal(kDowngrade.begin(), kDowngrade.end(), nonce->begin() + 24) && (*nonce)[31] <= 1;
  if (!in.empty()) {
    const auto extensions = in.vector(2);
    if (!extensions || !in.empty() || !take_hello_extensions(*extensions, hello)) {
      return std::nullopt;
    }
  }
  // legacy_version stops at TLS 1.2; a retry request exists only in TLS 1.3.
  if (*version < kSsl30 || *version > kTls12) return std::nullopt;
  if (hello.retry_request && hello.version < kTls13) return std::nullopt;
  return hello;
}

std::string alert_name(std::uint8_t description) {
  for (const auto& [number, name] : kAlertNames) {
    if (number == description) return std::string(name);
  }
  return "alert " + std::to_string(description);
}

TlsServerParser::State TlsServerParser::fail(std::string why) {
  state_ = State::kFailed;
  failure_ = std::move(why);
  records_.clear();
  messages_buffer_.clear();
  return state_;
}

TlsServerParser::State TlsServerParser::feed(std::span<const std::uint8_t> data) {
  if (state_ != State::kNeedMore || data.empty()) return state_;
  if (data.size() > answer_bytes_max_ - bytes_read_) {
    return fail("answer over " + std::to_string(answer_bytes_max_ / 1024) + " KiB");
  }
  bytes_read_ += data.size();
  records_.insert(records_.end(), data.begin(), data.end());
  take_records();
  return state_;
}

void TlsServerParser::take_records() {
  std::size_t at = 0;
  while (state_ == State::kNeedMore) {
    const std::span<const std::uint8_t> rest(records_.data() + at, records_.size() - at);
    if (rest.size() < 5) break;
    const std::uint8_t type = rest[0];
    if (type < kChangeCipherSpec || type > kData || rest[1] != 3 || rest[2] > 4) {
      std::string other = server_hello_ ? std::string() : other_protocol(rest);
      saw_ssh_ = other.find("SSH") != std::string::npos;
      fail(other.empty() ? "not TLS: the answer is not a TLS record" : std::move(other));
      return;
    }
    const std::size_t length = static_cast<std::size_t>(rest[3]) << 8 | rest[4];
    if (length > kRecordBytesMax || (length == 0 && type != kData)) {
      fail("malformed TLS record length");
      return;
    }
    if (rest.size() < 5 + length) break;
    // The body is copied: a message handler may end the parse and clear the buffers.
    const Bytes body(rest.begin() + 5, rest.begin() + 5 + static_cast<std::ptrdiff_t>(length));
    at += 5 + length;
    take_record(type, body);
  }
  if (state_ == State::kFailed) {
    records_.clear();
  } else {
    records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

void TlsServerParser::take_record(std::uint8_t type, std::span<const std::uint8_t> body) {
  if (type == kAlert) return take_alert(body);
  if (type == kHandshake) {
    if (messages_buffer_.size() + body.size() > kMessageBytesMax + 4) {
      fail("handshake message over 128 KiB");
      return;
    }
    messages_buffer_.insert(messages_buffer_.end(), body.begin(), body.end());
    return take_messages();
  }
  if (type == kChangeCipherSpec && change_cipher_spec_allowed_ && body.size() == 1 &&
      body[0] == 1) {
    change_cipher_spec_allowed_ = false;
    return;
  }
  fail(type == kData ? "application data before the handshake" : "ChangeCipherSpec too early");
}

void TlsServerParser::take_alert(std::span<const std::uint8_t> body) {
  if (body.size() != 2) {
    fail("malformed alert");
    return;
  }
  alert_ = TlsAlert{body[0], body[1]};
  constexpr std::uint8_t kUnrecognizedName = 112;
  // RFC 6066 section 3 lets a server warn and go on.
  if (body[0] == 1 && body[1] == kUnrecognizedName) {
    if (++warnings_ > kWarningsMax) fail("too many warning alerts");
    return;
  }
  state_ = State::kDone;
}

void TlsServerParser::take_messages() {
  std::size_t at = 0;
  while (state_ == State::kNeedMore && messages_buffer_.size() - at >= 4) {
    const std::uint8_t* head = messages_buffer_.data() + at;
    const std::size_t length =
        static_cast<std::size_t>(head[1]) << 16 | static_cast<std::size_t>(head[2]) << 8 | head[3];
    if (length > kMessageBytesMax) {
      fail("handshake message over 128 KiB");
      return;
    }
    if (messages_buffer_.size() - at < 4 + length) break;
    if (++messages_ > kMessagesMax) {
      fail("too many handshake messages");
      return;
    }
    const std::uint8_t type = head[0];
    const Bytes body(head + 4, head + 4 + length);
    at += 4 + length;
    take_message(type, body);
  }
  if (state_ == State::kNeedMore) {
    messages_buffer_.erase(messages_buffer_.begin(),
                           messages_buffer_.begin() + static_cast<std::ptrdiff_t>(at));
  } else {
    hello_record_held_more_ = messages_buffer_.size() > at;
    messages_buffer_.clear();
  }
}

void TlsServerParser::take_message(std::uint8_t type, std::span<const std::uint8_t> body) {
  if (type == kHelloRequest) return;  // RFC 5246 section 7.4.1.1: ignored during a handshake
  if (type == kServerHello && !server_hello_) {
    server_hello_ = parse_server_hello(body);
    if (!server_hello_) {
      fail("malformed ServerHello");
    } else if (server_hello_->version >= kTls13) {
      const auto size = body.size();
      hello_message_ = {type, static_cast<std::uint8_t>(size >> 16),
                        static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
      hello_message_.insert(hello_message_.end(), body.begin(), body.end());
      state_ = State::kDone;  // what follows is encrypted, or a second hello of ours is awaited
    }
    return;
  }
  if (!server_hello_) {
    fail("handshake message before the ServerHello");
    return;
  }
  switch (type) {
    case kCertificate:
      if (!certificates_.empty() || !take_certificate(body)) fail("malformed Certificate");
      return;
    case kServerKeyExchange:
      if (key_exchange_ || !take_key_exchange(body)) fail("malformed ServerKeyExchange");
      return;
    case kServerHelloDone:
      if (body.empty()) {
        state_ = State::kDone;
      } else {
        fail("malformed ServerHelloDone");
      }
      return;
    case kCertificateStatus:
      ocsp_stapled_ = true;
      return;
    case kCertificateRequest:
      return;
    default:
      fail("unexpected handshake message " + std::to_string(type));
  }
}

bool TlsServerParser::take_certificate(std::span<const std::uint8_t> body) {
  ByteReader in(body);
  const auto list = in.vector(3);
  if (!list || !in.empty()) return false;
  ByteReader entries(*list);
  while (!entries.empty()) {
    const auto der = entries.vector(3);
    if (!der || der->empty() || certificates_.size() == kCertificatesMax) return false;
    certificates_.emplace_back(der->begin(), der->end());
  }
  return true;
}

bool TlsServerParser::take_key_exchange(std::span<const std::uint8_t> body) {
  ServerKeyExchange out;
  ByteReader in(body);
  const KeyExchangeForm form = form_of_(server_hello_->suite);
  if (form == KeyExchangeForm::kEcdhe) {
    const auto curve_type = in.u8();
    if (!curve_type) return false;
    constexpr std::uint8_t kNamedCurve = 3;  // RFC 8422 section 5.4; explicit curves stay unread
    if (*curve_type == kNamedCurve) {
      out.group = in.u16();
      const auto point = in.vector(1);
      if (!out.group || !point) return false;
    }
  } else if (form == KeyExchangeForm::kDhe) {
    const auto p = in.vector(2);
    const auto g = in.vector(2);
    const auto y = in.vector(2);
    if (!p || !g || !y) return false;
    out.dh_bits = bit_length(*p);
  }
  if (form != KeyExchangeForm::kNone && server_hello_->version == kTls12 && !in.empty() &&
      (out.group || out.dh_bits > 0)) {
    out.signature_scheme = in.u16();
    if (!out.signature_scheme || !in.vector(2) || !in.empty()) return false;
  }
  key_exchange_ = out;
  return true;
}

}  // namespace carnet::probe
