// The TLS message parser: answers captured from OpenSSL 3.0 and RFC 8448, in every chunking and cut
// anywhere.
#include "probe/tls_parser.h"

#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "probe/tests/vectors.h"
#include "probe/tls_ask.h"
#include "probe/tls_hello.h"

namespace carnet::probe {
namespace {

using State = TlsServerParser::State;

// RFC 8448 section 3, the ServerHello record of the simple 1-RTT handshake.
constexpr std::string_view kRfc8448ServerHello =
    "160303005a020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e2692800130100"
    "002e00330024001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b000203"
    "04";

TlsServerParser parse(std::span<const std::uint8_t> data, std::size_t chunk = SIZE_MAX) {
  TlsServerParser parser(key_exchange_form);
  for (std::size_t at = 0; at < data.size();) {
    const std::size_t count = std::min(chunk, data.size() - at);
    parser.feed(data.subspan(at, count));
    at += count;
  }
  return parser;
}

void expect_same(const TlsServerParser& a, const TlsServerParser& b) {
  EXPECT_EQ(a.state(), b.state());
  EXPECT_EQ(a.failure(), b.failure());
  ASSERT_EQ(a.server_hello().has_value(), b.server_hello().has_value());
  if (a.server_hello()) {
    EXPECT_EQ(a.server_hello()->suite, b.server_hello()->suite);
    EXPECT_EQ(a.server_hello()->key_share_group, b.server_hello()->key_share_group);
  }
  EXPECT_EQ(a.certificates(), b.certificates());
  ASSERT_EQ(a.key_exchange().has_value(), b.key_exchange().has_value());
  if (a.key_exchange()) {
    EXPECT_EQ(a.key_exchange()->group, b.key_exchange()->group);
    EXPECT_EQ(a.key_exchange()->dh_bits, b.key_exchange()->dh_bits);
  }
}

TEST(TlsParser, HelloRetryRequest) {
  const auto parser = parse(test::vector("tls13_retry_request"));
  ASSERT_EQ(parser.state(), State::kDone);
  ASSERT_TRUE(parser.server_hello());
  EXPECT_TRUE(parser.server_hello()->retry_request);
  EXPECT_EQ(parser.server_hello()->version, kTls13);
  EXPECT_EQ(parser.server_hello()->key_share_group, 0x001D);
  EXPECT_EQ(parser.server_hello()->suite, 0x1302);
}

TEST(TlsParser, ServerHelloOfRfc8448) {
  const auto parser = parse(*from_hex(kRfc8448ServerHello));
  ASSERT_EQ(parser.state(), State::kDone) << parser.failure();
  EXPECT_FALSE(parser.server_hello()->retry_request);
  EXPECT_EQ(parser.server_hello()->version, kTls13);
  EXPECT_EQ(parser.server_hello()->suite, 0x1301);
  EXPECT_EQ(parser.server_hello()->key_share_group, 0x001D);
}

TEST(TlsParser, Tls12FlightWithEcdhe) {
  const auto parser = parse(test::vector("tls12_ecdhe_flight"));
  ASSERT_EQ(parser.state(), State::kDone) << parser.failure();
  EXPECT_EQ(parser.server_hello()->version, kTls12);
  EXPECT_EQ(parser.server_hello()->suite, 0xC02C);
  ASSERT_EQ(parser.certificates().size(), 1u);
  EXPECT_EQ(parser.key_exchange()->group, 0x0018);  // the server was started with -groups P-384
  EXPECT_EQ(parser.key_exchange()->signature_scheme, 0x0403);
}

TEST(TlsParser, Tls12FlightWithDhe) {
  const auto parser = parse(test::vector("tls12_dhe_flight"));
  ASSERT_EQ(parser.state(), State::kDone) << parser.failure();
  EXPECT_EQ(parser.key_exchange()->dh_bits, 1024);
  EXPECT_FALSE(parser.key_exchange()->group);
}

TEST(TlsParser, ByteAtATimeIsTheSameAsAtOnce) {
  for (const char* name : {"tls12_ecdhe_flight", "tls12_dhe_flight", "tls13_retry_request"}) {
    const Bytes data = test::vector(name);
    const auto whole = parse(data);
    for (const std::size_t chunk : {1u, 2u, 3u, 7u, 100u}) expect_same(whole, parse(data, chunk));
  }
}

TEST(TlsParser, TruncatedAnywhereWaitsForMore) {
  for (const char* name : {"tls12_ecdhe_flight", "tls12_dhe_flight", "tls13_retry_request"}) {
    const Bytes data = test::vector(name);
    for (std::size_t length = 0; length < data.size(); ++length) {
      const auto parser = parse(std::span(data).first(length));
      ASSERT_EQ(parser.state(), State::kNeedMore) << name << " cut at " << length;
    }
  }
}

TEST(TlsParser, AnyByteFlippedNeverBreaksTheParser) {
  for (const char* name : {"tls12_ecdhe_flight", "tls13_retry_request"}) {
    Bytes data = test::vector(name);
    for (std::size_t at = 0; at < data.size(); ++at) {
      for (const std::uint8_t mask : {0x01, 0x80, 0xFF}) {
        data[at] ^= mask;
        const auto whole = parse(data);
        expect_same(whole, parse(data, 5));
        data[at] ^= mask;
      }
    }
  }
}

TEST(TlsParser, Alerts) {
  const auto parser = parse(*from_hex("15030300020228"));
  ASSERT_EQ(parser.state(), State::kDone);
  EXPECT_EQ(parser.alert()->description, 40);
  EXPECT_EQ(alert_name(40), "handshake_failure");
  EXPECT_EQ(alert_name(70), "protocol_version");
  EXPECT_EQ(alert_name(120), "no_application_protocol");
  EXPECT_EQ(alert_name(200), "alert 200");
  // A warning about the name is not the end (RFC 6066 section 3).
  Bytes warned = *from_hex("15030300020170");
  EXPECT_EQ(parse(warned).state(), State::kNeedMore);
  const Bytes hello = test::vector("tls13_retry_request");
  warned.insert(warned.end(), hello.begin(), hello.end());
  EXPECT_TRUE(parse(warned).server_hello());
  EXPECT_EQ(parse(*from_hex("150303000102")).state(), State::kFailed);
}

struct Garbage {
  std::string_view hex;
  std::string_view failure;
};
TEST(TlsParser, WhatIsNotTlsIsNamed) {
  const auto fail = [](std::span<const std::uint8_t> data) { return parse(data).failure(); };
  EXPECT_EQ(fail(as_bytes("SSH-2.0-OpenSSH_9.2\r\n")), "not TLS: the server speaks SSH");
  EXPECT_TRUE(parse(as_bytes("SSH-2.0-x")).saw_ssh());
  EXPECT_EQ(fail(as_bytes("HTTP/1.1 400 Bad Request\r\n")),
            "not TLS: the server answers in plain HTTP");
  EXPECT_EQ(fail(as_bytes("220 mail.example ESMTP\r\n")),
            "not TLS: the server greets in plain text (SMTP or FTP)");
  EXPECT_EQ(fail(as_bytes("\x80\x2e\x01\x03\x01")), "not TLS: the answer is not a TLS record");
  for (const Garbage& one : std::initializer_list<Garbage>{
           {"1603030000", "malformed TLS record length"},
           {"16030360000000", "malformed TLS record length"},
           {"17030300010a", "application data before the handshake"},
           {"140303000101", "ChangeCipherSpec too early"},
           {"16030300040b000000", "handshake message before the ServerHello"},
           {"160303000402ffffff", "handshake message over 128 KiB"},
           {"160303000602000002ffff", "malformed ServerHello"}}) {
    EXPECT_EQ(parse(*from_hex(one.hex)).failure(), one.failure) << one.hex;
  }
}

TEST(TlsParser, BoundsHold) {
  // One warning about the name is a server's right; a flood is none.
  TlsServerParser warned(key_exchange_form);
  const Bytes warning = *from_hex("15030300020170");
  int fed = 0;
  while (warned.feed(warning) == State::kNeedMore) ++fed;
  EXPECT_EQ(warned.failure(), "too many warning alerts");
  EXPECT_EQ(fed, 4);
  TlsServerParser parser(key_exchange_form, 1024);
  const Bytes piece = *from_hex("160303000402000400");  // the beginning of a long ServerHello
  fed = 0;
  while (parser.feed(piece) == State::kNeedMore) ++fed;
  EXPECT_EQ(parser.failure(), "answer over 1 KiB");
  EXPECT_EQ(fed, 1024 / 9);
  // Endless empty HelloRequests end at the message bound.
  TlsServerParser requests(key_exchange_form);
  while (requests.feed(*from_hex("160303000400000000")) == State::kNeedMore) {
  }
  EXPECT_EQ(requests.failure(), "too many handshake messages");
}

TEST(TlsHello, IsWellFormedAndPadded) {
  SystemRandom random;
  HelloSpec spec;
  spec.versions = {kTls13};
  spec.suites = {0x1301};
  spec.groups = {0x11EC, 0x001D};
  spec.empty_key_share = true;
  spec.server_name = "example.org";
  spec.pad_to_bytes = 1700;
  const Bytes hello = build_client_hello(spec, random);
  EXPECT_EQ(hello.size(), 5u + 1700u);
  EXPECT_EQ(hello[0], 22);
  EXPECT_EQ(hello[3] << 8 | hello[4], 1700);
  EXPECT_EQ(hello[5], 1);
  EXPECT_EQ(hello[6] << 16 | hello[7] << 8 | hello[8], 1700 - 4);
  EXPECT_NE(as_text(hello).find("example.org"), std::string_view::npos);
  // Two hellos never share their random (RFC 8446 section 4.1.2).
  EXPECT_NE(hello, build_client_hello(spec, random));
  // SSL 3.0 knows no extensions.
  HelloSpec old;
  old.legacy_version = kSsl30;
  old.suites = {0x002F};
  old.extensions = false;
  EXPECT_EQ(build_client_hello(old, random).size(), 5u + 4 + 2 + 32 + 1 + 4 + 2);
}

}  // namespace
}  // namespace carnet::probe
