// The TLS 1.3 client against a server that keeps or breaks the rules as a script says.
#include "probe/tls_client.h"

#include <gtest/gtest.h>

#include "probe/tests/tls13_server.h"
#include "probe/tls_schemes.h"

namespace carnet::probe {
namespace {

using State = TlsClient::State;
using test::Script;
using test::Tls13Server;
using testing::HasSubstr;

constexpr std::size_t kAnswerMax = 256 * 1024;

ClientOffer offer_of(std::vector<std::uint16_t> shares = {0x001D}) {
  ClientOffer offer;
  offer.hello.versions = {kTls13, kTls12};
  offer.hello.suites = {0x1301, 0x1302, 0x1303};
  offer.hello.groups = {0x11EC, 0x001D, 0x0017};
  offer.hello.signature_schemes = all_signature_schemes();
  offer.shares = std::move(shares);
  return offer;
}

struct Conversation {
  explicit Conversation(Script script, ClientOffer offer = offer_of())
      : server(std::move(script)), client(std::move(offer), kAnswerMax, random) {}

  // To the end, or until the client has nothing to say; `chunk` bytes at a time.
  State run(std::size_t chunk = std::numeric_limits<std::size_t>::max()) {
    while (client.state() == State::kNeedMore) {
      const Bytes said = client.take_output();
      if (said.empty()) break;
      const Bytes heard = server.answer(said);
      for (std::size_t at = 0; at < heard.size();) {
        const std::size_t size = std::min(chunk, heard.size() - at);
        client.feed(std::span<const std::uint8_t>(heard).subspan(at, size));
        at += size;
      }
    }
    return client.state();
  }

  SystemRandom random;
  Tls13Server server;
  TlsClient client;
};

TEST(TlsClient, EverySuiteToBothFinished) {
  for (const std::uint16_t suite : {0x1301, 0x1302, 0x1303}) {
    for (const std::uint16_t group : {0x001D, 0x11EC}) {
      Conversation talk({.suite = suite, .group = group, .alpn = "h2"}, offer_of({0x11EC, 0x001D}));
      ASSERT_EQ(talk.run(), State::kProven) << talk.client.facts().failure;
      EXPECT_EQ(talk.client.facts().suite, suite);
      EXPECT_EQ(talk.client.facts().group, group);
      EXPECT_EQ(talk.client.facts().signature, crypto::SignatureVerdict::kGood);
      EXPECT_EQ(talk.client.facts().transcript_hash, talk.server.transcript_hash());
      EXPECT_EQ(talk.client.flight().chain, talk.server.chain());
      EXPECT_EQ(talk.client.flight().signature_scheme, 0x0807);
      EXPECT_EQ(talk.client.flight().alpn, "h2");
      talk.client.send_data(as_bytes("ping"));
      talk.client.send_close();
      const auto end = talk.server.read_client_end(talk.client.take_output());
      EXPECT_TRUE(end.finished_fits);
      ASSERT_EQ(end.messages.size(), 1u);
      ASSERT_EQ(end.behind.size(), 2u);
      EXPECT_EQ(as_text(end.behind[0].content), "ping");
      EXPECT_EQ(end.behind[1].content_type, 21);
      EXPECT_EQ(end.behind[1].content, (Bytes{1, 0}));
    }
  }
}

TEST(TlsClient, AnyChunkingAndOneByteRecords) {
  for (const std::size_t chunk : {1U, 3U, 17U, 1000U}) {
    for (const std::size_t record_bytes : {1U, 50U, 16384U}) {
      Conversation talk({.record_bytes = record_bytes});
      EXPECT_EQ(talk.run(chunk), State::kProven) << chunk << " " << record_bytes;
    }
  }
}

TEST(TlsClient, RetryWithCookieAndWithoutChangeCipherSpec) {
  for (const bool compatible : {true, false}) {
    const Bytes cookie{'c', 'o', 'o', 'k', 'i', 'e'};
    Conversation talk({.retries = 1, .cookie = cookie, .change_cipher_spec = compatible},
                      offer_of({}));
    ASSERT_EQ(talk.run(1), State::kProven) << talk.client.facts().failure;
    EXPECT_EQ(talk.server.cookie_of_client(), cookie);
    EXPECT_EQ(talk.client.facts().retry->key_share_group, 0x001D);
    EXPECT_TRUE(talk.server.read_client_end(talk.client.take_output()).finished_fits);
  }
  // A retry for the cookie alone keeps the shares.
  Conversation talk({.retries = 1, .retry_group = 0, .cookie = {1}});
  EXPECT_EQ(talk.run(), State::kProven) << talk.client.facts().failure;
}

TEST(TlsClient, RetryIsOnlyFollowedWhereTheOfferSaysSo) {
  ClientOffer stop = offer_of({});
  stop.on_retry = ClientOffer::OnRetry::kStop;
  Conversation stopped({.retries = 1}, stop);
  EXPECT_EQ(stopped.run(), State::kRetry);
  ClientOffer cheap = offer_of({});
  cheap.on_retry = ClientOffer::OnRetry::kFinishIfCheap;
  cheap.hello.groups = {0x0104};
  Conversation dear({.retries = 1, .retry_group = 0x0104}, cheap);
  EXPECT_EQ(dear.run(), State::kRetry);
  cheap.hello.groups = {0x6399};  // an old draft that nothing here can finish
  Conversation unknown({.retries = 1, .retry_group = 0x6399}, cheap);
  EXPECT_EQ(unknown.run(), State::kRetry);
}

TEST(TlsClient, AnswersACertificateRequestWithNone) {
  Conversation talk({.request_certificate = true});
  ASSERT_EQ(talk.run(), State::kProven) << talk.client.facts().failure;
  EXPECT_TRUE(talk.client.flight().client_certificate_requested);
  const auto end = talk.server.read_client_end(talk.client.take_output());
  EXPECT_TRUE(end.finished_fits);
  ASSERT_EQ(end.messages.size(), 2u);
  EXPECT_EQ(end.messages[0], (Bytes{11, 0, 0, 6, 2, 'c', 'x', 0, 0, 0}));
}

TEST(TlsClient, WhatComesBehindTheFinishedChangesNoProof) {
  const Bytes ticket = test::handshake_message(4, Bytes(20, 1));
  Conversation fine({.behind_finished = ticket});
  EXPECT_EQ(fine.run(), State::kProven);
  EXPECT_EQ(fine.client.flight().session_tickets, 1);
  Conversation data({.behind_finished = {'h', 'i'}, .behind_finished_type = 23});
  EXPECT_EQ(data.run(), State::kProven);
  EXPECT_EQ(as_text(data.client.application_data()), "hi");
  Conversation odd({.behind_finished = {9, 0, 0, 0}});
  EXPECT_EQ(odd.run(), State::kProven);
  EXPECT_TRUE(odd.client.tail_ended());
  odd.client.feed(as_bytes("bytes after the end"));
  EXPECT_EQ(odd.client.state(), State::kProven);
}

TEST(TlsClient, StatedGroupsAreReadAndBounded) {
  Conversation talk({.stated_groups = {0x11EC, 0x0017, 0x001D}});
  ASSERT_EQ(talk.run(), State::kProven);
  EXPECT_EQ(talk.client.flight().groups, (std::vector<std::uint16_t>{0x11EC, 0x0017, 0x001D}));
  Conversation many({.stated_groups = std::vector<std::uint16_t>(257, 0x0017)});
  EXPECT_EQ(many.run(), State::kFailed);
  EXPECT_EQ(many.client.facts().failure, "malformed EncryptedExtensions");
}

TEST(TlsClient, BigCertificates) {
  Conversation names({.sans = 8000});
  EXPECT_EQ(names.run(), State::kProven) << names.client.facts().failure;
  // Not a certificate at all: the exchange is proven, the signature is not.
  Conversation noise({.chain = {Bytes(65000, 0x30)}, .record_bytes = 16384});
  EXPECT_EQ(noise.run(), State::kProven) << noise.client.facts().failure;
  EXPECT_EQ(noise.client.facts().signature, crypto::SignatureVerdict::kCannotTell);
  Conversation much({.chain = {Bytes(140000, 0x30)}, .record_bytes = 16384});
  EXPECT_EQ(much.run(), State::kFailed);
  EXPECT_THAT(much.client.facts().failure, HasSubstr("over 128 KiB"));
  Conversation many({.chain = std::vector<Bytes>(33, Bytes(10, 0x30))});
  EXPECT_EQ(many.run(), State::kFailed);
  EXPECT_EQ(many.client.facts().failure, "malformed Certificate");
}

struct Breach {
  Script script;
  std::string failure;
};

void flip(Bytes& message) { message.back() ^= 1; }
void truncate(Bytes& message) {
  message.pop_back();
  const std::size_t size = message.size() - 4;
  message[2] = static_cast<std::uint8_t>(size >> 8);
  message[3] = static_cast<std::uint8_t>(size);
}

std::vector<Breach> breaches() {
  const auto set_suite = [](Bytes& hello) { hello[4 + 2 + 32 + 1 + 32 + 1] = 0x04; };
  const auto set_session = [](Bytes& hello) { hello[4 + 2 + 32 + 1] ^= 1; };
  const auto compress = [](Bytes& hello) { hello[4 + 2 + 32 + 1 + 32 + 2] = 1; };
  const auto other_group = [](Bytes& hello) {
    // The share's group, 2 + 2 + 32 bytes from the end.
    hello[hello.size() - 35] = 0x17;
  };
  const auto twice = [](std::vector<Bytes>& all) { all.insert(all.begin() + 1, all[1]); };
  const auto no_extensions = [](std::vector<Bytes>& all) { all.erase(all.begin()); };
  const auto swapped = [](std::vector<Bytes>& all) { std::swap(all[1], all[2]); };
  const auto no_verify = [](std::vector<Bytes>& all) { all.erase(all.begin() + 2); };
  const auto more = [](std::vector<Bytes>& all) {
    all.push_back(test::handshake_message(4, Bytes(20, 1)));
  };
  const auto no_certificate = [](Bytes& message) { message = {11, 0, 0, 4, 0, 0, 0, 0}; };
  const auto longer = [](Bytes& message) { message[3] += 1; };
  const auto spoil = [](Bytes& records) { records.back() ^= 1; };
  const auto shorten = [](Bytes& records) { records[4] -= 1; };
  const auto in_the_clear = [](Bytes& records) { records[0] = 22; };
  const auto long_record = [](Bytes& records) { records[3] = 0x50; };
  return {
      {{.finished = flip}, "the server's Finished does not fit the handshake"},
      {{.finished = truncate}, "the server's Finished does not fit the handshake"},
      {{.verify = flip}, "the server's signature does not fit its certificate"},
      {{.scheme = 0x0403}, "the server's signature does not fit its certificate"},
      {{.verify = truncate}, "malformed CertificateVerify"},
      {{.certificate = truncate}, "malformed Certificate"},
      {{.certificate = no_certificate}, "malformed Certificate"},
      {{.extensions = truncate}, "malformed EncryptedExtensions"},
      {{.extensions = longer}, "malformed EncryptedExtensions"},
      {{.flight = twice}, "unexpected handshake message 11"},
      {{.flight = no_extensions}, "unexpected handshake message 11"},
      {{.flight = swapped}, "unexpected handshake message 15"},
      {{.flight = no_verify}, "unexpected handshake message 20"},
      {{.flight = more}, "data behind the Finished in its record"},
      {{.server_hello = set_suite}, "a cipher suite that was not offered"},
      {{.server_hello = set_session}, "did not echo the session id"},
      {{.server_hello = compress}, "chose a compression"},
      {{.server_hello = other_group}, "a key share that was not offered"},
      {{.server_hello = truncate}, "malformed ServerHello"},
      {{.group = 0x11EC}, "a key share that was not offered"},
      {{.retries = 1, .retry_group = 0x001D}, "was not offered or already had a share"},
      {{.retries = 1, .retry_group = 0x0019}, "was not offered or already had a share"},
      {{.retries = 1, .retry_group = 0}, "the HelloRetryRequest changes nothing"},
      {{.retries = 2, .retry_group = 0, .cookie = {1}}, "a second HelloRetryRequest"},
      {{.records = spoil}, "a record of the server does not decrypt"},
      {{.records = shorten}, "does not decrypt"},
      {{.records = in_the_clear}, "an unprotected record where a protected one was due"},
      {{.records = long_record}, "malformed TLS record length"},
      {{.behind_server_hello = {22, 3, 3, 0, 1, 9}}, "an unprotected record"},
      {{.behind_server_hello = {20, 3, 3, 0, 1, 9}}, "a ChangeCipherSpec where none is due"},
      {{.behind_server_hello = {'G', 'E', 'T', ' ', '/'}}, "not a TLS record"},
  };
}

TEST(TlsClient, NoBreachOfTheRulesIsProven) {
  for (Breach& breach : breaches()) {
    const std::string wanted = breach.failure;
    Conversation talk(std::move(breach.script));
    EXPECT_EQ(talk.run(), State::kFailed) << wanted;
    EXPECT_THAT(talk.client.facts().failure, HasSubstr(wanted));
    EXPECT_TRUE(talk.client.facts().transcript_hash.empty() ||
                wanted == "data behind the Finished in its record");
  }
}

TEST(TlsClient, FloodsEnd) {
  // ChangeCipherSpec records
  Bytes flood;
  for (int i = 0; i < 100; ++i) test::append(flood, Bytes{20, 3, 3, 0, 1, 1});
  Conversation specs({.behind_server_hello = flood});
  EXPECT_EQ(specs.run(), State::kFailed);
  EXPECT_EQ(specs.client.facts().failure, "a ChangeCipherSpec where none is due");
  // A warning is an end in TLS 1.3.
  Conversation warned({.behind_server_hello = {21, 3, 3, 0, 2, 1, 90}});
  EXPECT_EQ(warned.run(), State::kAlert);
  EXPECT_EQ(warned.client.facts().alert->description, 90);
  // Bytes without end
  SystemRandom random;
  TlsClient client(offer_of(), 4096, random);
  const Bytes start{22, 3, 3, 0x40, 0, 2, 0, 0x40, 0};
  while (client.feed(start) == State::kNeedMore) {
  }
  EXPECT_EQ(client.facts().failure, "answer over 4 KiB");
}

TEST(TlsClient, AnyByteOfAFlightFlippedIsNeverProven) {
  std::size_t at = 0;
  for (bool flipped = true; flipped; at += 3) {
    flipped = false;
    const auto spoil = [at, &flipped](Bytes& records) {
      flipped = at < records.size();
      if (flipped) records[at] ^= 0x20;
    };
    Conversation talk({.records = spoil});
    EXPECT_EQ(talk.run() == State::kProven, !flipped) << at;
  }
  EXPECT_GT(at, 300u);
}

TEST(TlsClient, OlderVersionsAreReadInTheClear) {
  SystemRandom random;
  TlsClient client(offer_of(), kAnswerMax, random);
  Bytes body{3, 3};
  test::append(body, Bytes(32, 9));
  test::append(body, Bytes{0, 0, 0x2F, 0});
  Bytes records = test::plain_record(22, test::handshake_message(2, body));
  Bytes list = test::with_length(3, test::with_length(3, Bytes{0x30, 0}));
  test::append(records, test::plain_record(22, test::handshake_message(11, list)));
  test::append(records, test::plain_record(22, test::handshake_message(14, {})));
  for (const std::uint8_t byte : records) client.feed(Bytes{byte});
  EXPECT_EQ(client.state(), State::kCleartext);
  EXPECT_EQ(client.cleartext().server_hello()->version, kTls12);
  EXPECT_EQ(client.cleartext().certificates().size(), 1u);
}

TEST(MessageBuffer, KeepsItsBounds) {
  MessageBuffer buffer;
  EXPECT_TRUE(buffer.add(Bytes{4, 0}));
  EXPECT_FALSE(buffer.next());
  EXPECT_TRUE(buffer.add(Bytes{0, 1, 7, 4, 0, 0, 0}));
  EXPECT_EQ(buffer.next()->whole, (Bytes{4, 0, 0, 1, 7}));
  EXPECT_FALSE(buffer.empty());
  EXPECT_EQ(buffer.next()->whole, (Bytes{4, 0, 0, 0}));
  EXPECT_TRUE(buffer.empty());
  EXPECT_FALSE(buffer.add(Bytes{11, 0x10, 0, 0}));
  MessageBuffer flood;
  int taken = 0;
  while (flood.add(Bytes{4, 0, 0, 0})) {
    if (flood.next()) ++taken;
  }
  EXPECT_LE(taken, 40);
}

TEST(KeyShare, EveryGroupAgreesWithItselfOrRefuses) {
  SystemRandom random;
  for (const std::uint16_t group : completable_groups()) {
    auto share = KeyShare::generate(group, random);
    ASSERT_TRUE(share.has_value());
    EXPECT_FALSE(share->agree({}).has_value());
    EXPECT_FALSE(share->agree(Bytes(5, 1)).has_value());
    const bool kem = group >= 0x0200;
    if (kem) continue;  // a client's share is not a server's
    auto other = KeyShare::generate(group, random);
    EXPECT_EQ(share->agree(other->share())->expose(), other->agree(share->share())->expose());
  }
  EXPECT_FALSE(KeyShare::generate(0x6399, random).has_value());
}

}  // namespace
}  // namespace carnet::probe
