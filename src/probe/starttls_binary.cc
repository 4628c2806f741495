// Protocols whose upgrade is asked for in binary messages: LDAP, PostgreSQL, MySQL.
#include <array>
#include <optional>

#include "probe/byte_reader.h"
#include "probe/starttls_dialogues.h"

namespace carnet::probe {
namespace {

// One BER element with a definite length: its content and how many bytes it takes in all.
struct BerElement {
  std::uint8_t tag = 0;
  std::span<const std::uint8_t> content;
  std::size_t size = 0;
};

// The length of the element at the front with its header; nullopt if that needs more bytes, 0 if it
// is not well formed or longer than a unit may be.
std::optional<std::size_t> ber_size(std::span<const std::uint8_t> data) {
  if (data.size() < 2) return std::nullopt;
  const std::uint8_t first = data[1];
  if (first < 0x80) return std::size_t{2} + first;
  const std::size_t width = first & 0x7F;
  if (width == 0 || width > 4)
    return 0;  // indefinite (forbidden by RFC 4511 section 5.1) or absurd
  if (data.size() < 2 + width) return std::nullopt;
  std::size_t length = 0;
  for (std::size_t i = 0; i < width; ++i) length = (length << 8) | data[2 + i];
  if (length > kUnitBytesMax) return 0;
  return 2 + width + length;
}

std::optional<BerElement> take_ber(std::span<const std::uint8_t>& data) {
  const auto size = ber_size(data);
  if (!size || *size == 0 || *size > data.size()) return std::nullopt;
  const std::size_t header = data[1] < 0x80 ? 2 : 2 + (data[1] & 0x7FU);
  const BerElement out{data[0], data.subspan(header, *size - header), *size};
  data = data.subspan(*size);
  return out;
}

constexpr std::uint8_t kBerSequence = 0x30;
constexpr std::uint8_t kBerInteger = 0x02;
constexpr std::uint8_t kBerEnumerated = 0x0A;
constexpr std::uint8_t kBerOctetString = 0x04;
constexpr std::uint8_t kLdapExtendedResponse = 0x78;  // [APPLICATION 24], constructed

class LdapDialogue final : public StarttlsDialogue {
 public:
  LdapDialogue() {
    // LDAPMessage { 1, ExtendedRequest { requestName 1.3.6.1.4.1.1466.20037 } }
    constexpr std::string_view kName = "1.3.6.1.4.1.1466.20037";
    constexpr auto kNameBytes = static_cast<std::uint8_t>(kName.size());
    const std::array<std::uint8_t, 9> head{kBerSequence, kNameBytes + 7, kBerInteger, 1,         1,
                                           0x77,         kNameBytes + 2, 0x80,        kNameBytes};
    send(head);
    send(kName);
  }

 private:
  std::size_t consume(std::span<const std::uint8_t> buffer) override {
    if (buffer.empty()) return 0;
    if (buffer[0] != kBerSequence) {
      fail("the server's answer is not LDAP");
      return 0;
    }
    const auto size = ber_size(buffer);
    if (!size || *size > buffer.size()) return 0;
    if (*size == 0) {
      fail("the server's answer is not LDAP, or a message over 8 KiB");
      return 0;
    }
    take_message(buffer.first(*size));
    return *size;
  }

  void take_message(std::span<const std::uint8_t> message) {
    const auto whole = take_ber(message);
    std::span<const std::uint8_t> in = whole->content;
    const auto id = take_ber(in);
    const auto operation = take_ber(in);
    if (!id || id->tag != kBerInteger || id->content.size() != 1 || !operation ||
        operation->tag != kLdapExtendedResponse) {
      return fail("the server's answer is not LDAP's to an extended request");
    }
    in = operation->content;
    const auto code = take_ber(in);
    const auto name = take_ber(in);
    const auto text = take_ber(in);
    if (!code || code->tag != kBerEnumerated || code->content.size() != 1 || !name || !text ||
        text->tag != kBerOctetString) {
      return fail("the server's answer to the extended request is malformed");
    }
    recognise();
    const int result = code->content[0];
    const std::string said =
        "result " + std::to_string(result) + " " + std::string(as_text(text->content));
    if (id->content[0] == 0) {  // notice of disconnection, RFC 4511 section 4.4.1
      return fail("the server disconnects: " + printable_cut(said, 120));
    }
    constexpr std::string_view kUnbind("\x30\x05\x02\x01\x02\x42\x00", 7);
    constexpr int kSuccess = 0;
    constexpr int kProtocolError = 2;  // section 4.14.2: it does not support the operation
    if (result == kSuccess) return ready();
    if (result == kProtocolError) {
      return not_offered("it does not know the operation (" + printable_cut(said, 120) + ")",
                         kUnbind);
    }
    refused(said, kUnbind);
  }
};

class PostgresqlDialogue final : public StarttlsDialogue {
 public:
  PostgresqlDialogue() {
    constexpr std::array<std::uint8_t, 8> kSslRequest{0, 0, 0, 8, 0x04, 0xD2, 0x16, 0x2F};
    send(kSslRequest);
  }

 private:
  std::size_t consume(std::span<const std::uint8_t> buffer) override {
    if (buffer.empty()) return 0;
    switch (buffer[0]) {
      case 'S':
        recognise();
        ready();
        return 1;
      case 'N':
        not_offered("it answers SSLRequest with N");
        return 1;
      case 'E':
        return take_error(buffer);
      default:
        fail("the server does not answer as PostgreSQL does");
        return 1;
    }
  }

  // "E", a length, the fields; before version 7 a text that ends with zero. Other services may
  // begin an answer with this letter too, so the length has to fit.
  std::size_t take_error(std::span<const std::uint8_t> buffer) {
    ByteReader in(buffer.subspan(1));
    const auto length = in.number(4);
    if (!length) return 0;
    if (*length < 5 || *length > kUnitBytesMax) {
      fail("the server does not answer as PostgreSQL does");
      return 1;
    }
    const auto fields = in.take(*length - 4);
    if (!fields) return 0;
    if (fields->back() == 0) {
      not_offered("it answers SSLRequest with an error");
    } else {
      fail("the server does not answer as PostgreSQL does");
    }
    return 1 + *length;
  }
};

class MysqlDialogue final : public StarttlsDialogue {
  static constexpr std::size_t kHeaderBytes = 4;
  static constexpr std::uint32_t kClientProtocol41 = 0x0200;
  static constexpr std::uint32_t kClientSsl = 0x0800;
  static constexpr std::uint32_t kClientSecureConnection = 0x8000;

  std::size_t consume(std::span<const std::uint8_t> buffer) override {
    if (buffer.size() < kHeaderBytes) return 0;
    const std::size_t length = buffer[0] | (buffer[1] << 8U) | (buffer[2] << 16U);
    if (length == 0 || length > kUnitBytesMax - kHeaderBytes) {
      fail("the server does not greet as MySQL does");
      return kHeaderBytes;
    }
    if (buffer.size() < kHeaderBytes + length) return 0;
    take_packet(buffer[3], buffer.subspan(kHeaderBytes, length));
    return kHeaderBytes + length;
  }

  // Protocol::HandshakeV10, or ERR_Packet where this client is not wanted.
  void take_packet(std::uint8_t sequence, std::span<const std::uint8_t> payload) {
    constexpr std::uint8_t kError = 0xFF;
    constexpr std::uint8_t kVersion10 = 10;
    if (payload[0] == kError && payload.size() > 3) {
      recognise();
      return fail("the server refuses this client: \"" +
                  printable_cut(as_text(payload.subspan(3)), 120) + "\"");
    }
    const auto version_end = std::find(payload.begin(), payload.end(), std::uint8_t{0});
    if (sequence != 0 || payload[0] != kVersion10 || version_end == payload.end()) {
      return fail("the server does not greet as MySQL does");
    }
    const auto version_bytes = static_cast<std::size_t>(version_end - payload.begin());
    const std::string_view version = as_text(payload.subspan(1, version_bytes - 1));
    ByteReader in(payload.subspan(version_bytes + 1));
    // Thread id, eight bytes of salt, a filler; then the lower capabilities.
    const auto salt = in.take(4 + 8 + 1);
    const auto low = in.take(2);
    if (!salt || !low) return fail("the server's greeting as MySQL is malformed");
    recognise();
    greet(version);
    const std::uint32_t capabilities = (*low)[0] | ((*low)[1] << 8U);
    if ((capabilities & kClientSsl) == 0) {
      return not_offered("its greeting does not have the capability CLIENT_SSL");
    }
    // Protocol::SSLRequest: nothing answers it; the ClientHello follows at once.
    constexpr std::uint32_t kFlags = kClientProtocol41 | kClientSsl | kClientSecureConnection;
    std::array<std::uint8_t, kHeaderBytes + 32> request{};
    request[0] = 32;
    request[3] = 1;
    request[4] = kFlags & 0xFFU;
    request[5] = (kFlags >> 8U) & 0xFFU;
    request[kHeaderBytes + 7] = 1;   // packets of 16 MiB at most
    request[kHeaderBytes + 8] = 45;  // utf8mb4_general_ci
    send(request);
    ready();
  }
};

}  // namespace

std::unique_ptr<StarttlsDialogue> make_ldap_dialogue() { return std::make_unique<LdapDialogue>(); }
std::unique_ptr<StarttlsDialogue> make_postgresql_dialogue() {
  return std::make_unique<PostgresqlDialogue>();
}
std::unique_ptr<StarttlsDialogue> make_mysql_dialogue() {
  return std::make_unique<MysqlDialogue>();
}

}  // namespace carnet::probe
