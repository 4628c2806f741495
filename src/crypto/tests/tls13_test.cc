#include "crypto/tls13.h"

#include <gtest/gtest.h>

#include "crypto/ecdh.h"
#include "crypto/tests/rfc8448.h"
#include "crypto/tests/support.h"

namespace carnet::crypto {
namespace {

constexpr std::uint8_t kAlert = 21, kHandshake = 22, kApplicationData = 23;

Bytes zero_to_49() {
  Bytes bytes(50);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return bytes;
}

// The whole trace as a client lives it.
TEST(Tls13, Rfc8448SimpleHandshake) {
  const auto key =
      EcdhKey::from_private(EcdhGroup::kX25519, secret_of(unhex(rfc8448::kClientPrivate)));
  const auto server_key =
      EcdhKey::from_private(EcdhGroup::kX25519, secret_of(unhex(rfc8448::kServerPrivate)));
  ASSERT_TRUE(key && server_key);
  const auto shared = key->agree(server_key->share());
  ASSERT_TRUE(shared);
  EXPECT_EQ(hex_of(*shared), rfc8448::kSharedSecret);

  Tls13Transcript transcript(Tls13Hash::kSha256);
  transcript.add(unhex(rfc8448::kClientHello));
  transcript.add(unhex(rfc8448::kServerHello));
  Tls13KeySchedule schedule(Tls13Hash::kSha256);
  const auto handshake = schedule.handshake(*shared, transcript.digest());
  EXPECT_EQ(hex_of(handshake.client), rfc8448::kClientHandshakeTraffic);
  EXPECT_EQ(hex_of(handshake.server), rfc8448::kServerHandshakeTraffic);

  Tls13RecordKeys server_handshake(Tls13Suite::kAes128GcmSha256, handshake.server);
  const auto flight = server_handshake.open(unhex(rfc8448::kServerFlightRecord));
  ASSERT_TRUE(flight);
  EXPECT_EQ(flight->content_type, kHandshake);
  const std::string until_verify = std::string(rfc8448::kEncryptedExtensions) +
                                   std::string(rfc8448::kCertificate) +
                                   std::string(rfc8448::kCertificateVerify);
  EXPECT_EQ(to_hex(flight->content), until_verify + std::string(rfc8448::kServerFinished));

  transcript.add(unhex(until_verify));
  EXPECT_EQ(to_hex(tls13_finished(Tls13Hash::kSha256, handshake.server, transcript.digest())),
            rfc8448::kServerFinished.substr(8));
  transcript.add(unhex(rfc8448::kServerFinished));
  EXPECT_EQ(to_hex(tls13_finished(Tls13Hash::kSha256, handshake.client, transcript.digest())),
            rfc8448::kClientFinished.substr(8));
  Tls13RecordKeys client_handshake(Tls13Suite::kAes128GcmSha256, handshake.client);
  const auto finished = client_handshake.seal(kHandshake, unhex(rfc8448::kClientFinished));
  ASSERT_TRUE(finished);
  EXPECT_EQ(to_hex(*finished), rfc8448::kClientFinishedRecord);

  const auto application = schedule.application(transcript.digest());
  EXPECT_EQ(hex_of(application.client), rfc8448::kClientApplicationTraffic);
  EXPECT_EQ(hex_of(application.server), rfc8448::kServerApplicationTraffic);
  Tls13RecordKeys client(Tls13Suite::kAes128GcmSha256, application.client);
  const auto data = client.seal(kApplicationData, zero_to_49());
  const auto alert = client.seal(kAlert, Bytes{1, 0});
  ASSERT_TRUE(data && alert);
  EXPECT_EQ(to_hex(*data), rfc8448::kClientDataRecord);
  EXPECT_EQ(to_hex(*alert), rfc8448::kClientAlertRecord);
  // The server's data follow a session ticket: the second record under that key, not the first.
  Tls13RecordKeys too_early(Tls13Suite::kAes128GcmSha256, application.server);
  EXPECT_FALSE(too_early.open(unhex(rfc8448::kServerDataRecord)));
  Tls13RecordKeys server(Tls13Suite::kAes128GcmSha256, application.server);
  ASSERT_TRUE(server.seal(kHandshake, Bytes{0}));
  const auto answer = server.open(unhex(rfc8448::kServerDataRecord));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->content, zero_to_49());
}

TEST(Tls13, ExpandLabel) {
  const Secret traffic = secret_of(unhex(rfc8448::kServerHandshakeTraffic));
  EXPECT_EQ(hex_of(hkdf_expand_label(Tls13Hash::kSha256, traffic,
                                     {.label = "key", .context = {}, .length_bytes = 16})),
            rfc8448::kServerHandshakeKey);
  EXPECT_EQ(hex_of(hkdf_expand_label(Tls13Hash::kSha256, traffic,
                                     {.label = "iv", .context = {}, .length_bytes = 12})),
            rfc8448::kServerHandshakeIv);
  // RFC 9001 appendix A.5, the ChaCha20-Poly1305 key of a QUIC packet.
  const Secret quic =
      secret_of(unhex("9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b"));
  EXPECT_EQ(hex_of(hkdf_expand_label(Tls13Hash::kSha256, quic,
                                     {.label = "quic key", .context = {}, .length_bytes = 32})),
            "c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8");
}

TEST(Tls13, RetryReplacesTheFirstHelloByItsHash) {
  const Bytes hello = {1, 0, 0, 1, 9}, retry = {2, 0, 0, 1, 8};
  for (const Tls13Hash hash : {Tls13Hash::kSha256, Tls13Hash::kSha384}) {
    Tls13Transcript first(hash), transcript(hash), expected(hash);
    first.add(hello);
    transcript.add(hello);
    transcript.restart_for_retry();
    transcript.add(retry);
    // RFC 8446 section 4.4.1: handshake type 254, length, Hash(ClientHello1), then the retry.
    expected.add(Bytes{254, 0, 0, static_cast<std::uint8_t>(hash_bytes_of(hash))});
    expected.add(first.digest());
    expected.add(retry);
    EXPECT_EQ(transcript.digest(), expected.digest());
  }
}

TEST(Tls13, RecordsOfEverySuiteAndNothingElse) {
  for (const std::uint16_t code_point : {0x1301, 0x1302, 0x1303}) {
    const auto suite = tls13_suite_of(code_point);
    ASSERT_TRUE(suite);
    const Secret traffic(std::string(hash_bytes_of(hash_of(*suite)), 't'));
    Tls13RecordKeys writer(*suite, traffic), reader(*suite, traffic);
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, kTls13ContentBytesMax}) {
      const Bytes content(size, 7);
      const auto record = writer.seal(kHandshake, content);
      ASSERT_TRUE(record);
      for (const std::size_t at : {std::size_t{0}, std::size_t{4}, record->size() - 1}) {
        Bytes changed = *record;
        changed[at] ^= 1;
        EXPECT_FALSE(reader.open(changed)) << at;
      }
      EXPECT_FALSE(reader.open(std::span(*record).first(record->size() - 1)));
      const auto opened = reader.open(*record);
      ASSERT_TRUE(opened);
      EXPECT_EQ(opened->content_type, kHandshake);
      EXPECT_EQ(opened->content, content);
      EXPECT_FALSE(reader.open(*record)) << "a record counts once";
    }
    EXPECT_FALSE(writer.seal(kHandshake, Bytes(kTls13ContentBytesMax + 1)));
    EXPECT_FALSE(reader.open({}));
    // Type 0 reads as padding, so this record holds nothing else.
    const auto nothing = writer.seal(0, Bytes(3));
    ASSERT_TRUE(nothing);
    EXPECT_FALSE(reader.open(*nothing));
  }
  EXPECT_FALSE(tls13_suite_of(0x1300));
  EXPECT_FALSE(tls13_suite_of(0x1304));
}

TEST(Tls13, PaddingIsTakenOff) {
  const Secret traffic(std::string(32, 't'));
  Tls13RecordKeys writer(Tls13Suite::kChacha20Poly1305Sha256, traffic);
  Tls13RecordKeys reader(Tls13Suite::kChacha20Poly1305Sha256, traffic);
  // The inner text is "hi", type 22, three zeros, and the type that seal() appends: a zero, one
  // more byte of padding.
  const auto record = writer.seal(0, Bytes{'h', 'i', kHandshake, 0, 0, 0});
  ASSERT_TRUE(record);
  const auto opened = reader.open(*record);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->content_type, kHandshake);
  EXPECT_EQ(opened->content, (Bytes{'h', 'i'}));
}

}  // namespace
}  // namespace carnet::crypto
