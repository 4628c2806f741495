// What a server's first words are taken for, and the engine against servers that greet, lie, drip
// or stay silent.
#include "probe/recognise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probe/tests/fake_server.h"
#include "probe/tests/harness.h"
#include "probe/tests/servers.h"

namespace carnet::probe {
namespace {

using inventory::Profile;
using test::receive;
using test::ScriptedServer;
using test::send_text;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

std::string name_of(const Greeting& greeting) {
  switch (greeting.kind) {
    case Greeting::Kind::kSilent:
      return "silent";
    case Greeting::Kind::kClosed:
      return "closed";
    case Greeting::Kind::kSsh:
      return "ssh";
    case Greeting::Kind::kUnknown:
      return "unknown: " + greeting.text;
    case Greeting::Kind::kProtocols:
      break;
  }
  std::string out;
  for (const Protocol one : greeting.candidates) {
    out += (out.empty() ? "" : " ") + std::string(row_of(one).name);
  }
  return out;
}

TEST(Greeting, IsNamed) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "silent"},
      {"SSH-2.0-x\r\n", "ssh"},
      {"welcome\r\nSSH-2.0-x\r\n", "ssh"},
      {"220 mail ESMTP\r\n", "smtp lmtp ftp"},
      {"220-mail ESMTP\r\n", "smtp lmtp ftp"},
      {"220 LMTP here\r\n", "lmtp"},
      {"220 (vsFTPd 3.0.3)\r\n", "ftp smtp"},
      {"554 no\r\n", "smtp"},
      {"200 news\r\n", "nntp"},
      {"201\r\n", "nntp"},
      {"+OK pop\r\n", "pop3"},
      {"* OK imap\r\n", "imap"},
      {"* BYE\r\n", "imap"},
      {"\"IMPLEMENTATION\" \"x\"\r\n", "sieve"},
      {std::string("\x4a\0\0\0\x0a", 5) + "8.0.36", "mysql"},
      {std::string("\x10\0\0\x01\x0a", 5), "unknown: ????"},
      {"2200 x\r\n", "unknown: 2200 x?"},
      {"hello\r\n", "unknown: hello?"},
      {"\xff\xfd\x18", "unknown: ???"},
      {"220", "smtp lmtp ftp"},
  };
  for (const auto& [text, expected] : cases) {
    const auto greeting = classify_greeting(as_bytes(text), true);
    ASSERT_TRUE(greeting);
    EXPECT_EQ(name_of(*greeting), expected) << text;
    // Fewer bytes give the same or ask for more; they never give another protocol.
    for (std::size_t length = 0; length < text.size(); ++length) {
      const auto early = classify_greeting(as_bytes(text.substr(0, length)), false);
      if (early) EXPECT_EQ(name_of(*early), expected) << text.substr(0, length);
    }
  }
}

TEST(Greeting, AnswersToAClientHello) {
  const auto names = [](std::string_view text) {
    Greeting wrapped;
    wrapped.kind = Greeting::Kind::kProtocols;
    wrapped.candidates = protocols_of_answer(as_bytes(text));
    return name_of(wrapped);
  };
  EXPECT_EQ(names("<?xml version='1.0'?>"), "xmpp xmpp-server");
  EXPECT_EQ(names("0\x0c"), "ldap");
  EXPECT_EQ(names("* OK late\r\n"), "imap");
  EXPECT_EQ(names(""), "postgresql ldap xmpp xmpp-server");
  EXPECT_EQ(names("what?"), "postgresql ldap xmpp xmpp-server");
}

TEST(Greeting, EndlessTextIsUnknown) {
  const auto greeting = classify_greeting(Bytes(2048, 'x'), false);
  ASSERT_TRUE(greeting);
  EXPECT_EQ(name_of(*greeting), "unknown: " + std::string(60, 'x'));
}

EngineLimits patient() {
  EngineLimits limits;
  limits.connects_per_host_per_second = 1000;
  limits.connect_burst_per_host = 1000;
  limits.target = 30s;
  return limits;
}
// For servers that make the probe wait. Where an answer counts as well, it comes at once.
constexpr std::int64_t kSoonMs = 20'000;
EngineLimits hurried(std::chrono::milliseconds handshake = 250ms) {
  EngineLimits limits = patient();
  limits.handshake = handshake;
  limits.target = 6s;
  return limits;
}

// An SMTP server that says yes, and what it says with its go-ahead.
void smtp(int fd, std::string_view capabilities, std::string_view go_ahead) {
  send_text(fd, "220 scripted ESMTP\r\n");
  if (receive(fd).empty()) return;
  send_text(fd, capabilities);
  if (receive(fd).empty()) return;
  send_text(fd, go_ahead);
  test::wait_for_close(fd);
}

TEST(Recognition, ServerThatDoesNotOfferTlsIsSaidToBePlain) {
  ScriptedServer server([](int fd) { smtp(fd, "250-x\r\n250 HELP\r\n", "221 bye\r\n"); });
  test::Harness harness(patient());
  const auto endpoint = harness.one(server.port(), "");
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_EQ(endpoint.protocol, "smtp");
  EXPECT_EQ(endpoint.recognised_by, "greeting");
  EXPECT_FALSE(endpoint.tls);
  ASSERT_TRUE(endpoint.starttls);
  EXPECT_EQ(endpoint.starttls->state, "not-offered");
  EXPECT_EQ(endpoint.starttls->greeting, "220 scripted ESMTP");
  EXPECT_TRUE(test::has_finding(endpoint.starttls->findings, "starttls_not_offered"));
  EXPECT_EQ(endpoint.connections, 1);  // the greeting was not asked for twice
}

TEST(Recognition, RefusalIsNotTheSameAsNoOffer) {
  ScriptedServer server([](int fd) { smtp(fd, "250-x\r\n250 STARTTLS\r\n", "454 not now\r\n"); });
  test::Harness harness(patient());
  const auto endpoint = harness.one(server.port(), "smtp");
  ASSERT_TRUE(endpoint.reached);
  EXPECT_EQ(endpoint.recognised_by, "request");
  EXPECT_EQ(endpoint.starttls->state, "refused");
  EXPECT_TRUE(test::has_finding(endpoint.starttls->findings, "starttls_refused"));
  EXPECT_THAT(endpoint.starttls->findings.front().detail, HasSubstr("454 not now"));
}

TEST(Recognition, GoAheadWithoutTlsBehindItIsSaid) {
  ScriptedServer server([](int fd) { smtp(fd, "250-x\r\n250 STARTTLS\r\n", "220 go\r\n"); });
  test::Harness harness(hurried(2s));
  const auto endpoint = harness.one(server.port(), "smtp", Profile::kQuick);
  ASSERT_TRUE(endpoint.reached);
  EXPECT_EQ(endpoint.starttls->state, "offered");
  EXPECT_FALSE(endpoint.tls);
  EXPECT_TRUE(test::has_finding(endpoint.starttls->findings, "starttls_without_tls"));
}

// In front of a real TLS server: the dialogue, and words behind the go-ahead.
class Injector {
 public:
  explicit Injector(std::string_view behind)
      : real_(test::openssl_server(
            (test::make_ecdsa(dir_), dir_),
            {"-tls1_3", "-cert", dir_.file("ecdsa.crt"), "-key", dir_.file("ecdsa.key")})),
        server_([this, behind](int fd) { serve(fd, behind); }) {}
  [[nodiscard]] std::uint16_t port() const { return server_.port(); }

 private:
  void serve(int fd, std::string_view behind) {
    send_text(fd, "220 scripted ESMTP\r\n");
    if (receive(fd).empty()) return;
    send_text(fd, "250-x\r\n250 STARTTLS\r\n");
    if (receive(fd).empty()) return;
    send_text(fd, "220 go\r\n" + std::string(behind));
    const int onward = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(real_.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(onward, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
      std::thread back([onward, fd] {
        for (Bytes data = receive(onward); !data.empty(); data = receive(onward)) {
          if (!test::send_all(fd, data)) break;
        }
        shutdown(fd, SHUT_RDWR);
      });
      for (Bytes data = receive(fd); !data.empty(); data = receive(fd)) {
        if (!test::send_all(onward, data)) break;
      }
      shutdown(onward, SHUT_RDWR);
      back.join();
    }
    close(onward);
  }

  test::TempDir dir_;
  test::Server real_;
  ScriptedServer server_;
};

TEST(Recognition, InjectedWordsAreDroppedAndReported) {
  const Injector server("250 injected\r\n");
  test::Harness harness(patient());
  const auto endpoint = harness.one(server.port(), "", Profile::kQuick);
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_EQ(endpoint.starttls->state, "offered");
  EXPECT_TRUE(test::has_finding(endpoint.starttls->findings, "starttls_early_data"));
  // TLS went on as if nothing had been said.
  ASSERT_TRUE(endpoint.tls);
  EXPECT_TRUE(endpoint.tls->handshake_proof.proven);
}

TEST(Recognition, HonestServerHasNoSuchFinding) {
  const Injector server("");
  test::Harness harness(patient());
  const auto endpoint = harness.one(server.port(), "", Profile::kQuick);
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_TRUE(endpoint.starttls->findings.empty());
  ASSERT_TRUE(endpoint.tls);
  EXPECT_TRUE(endpoint.tls->handshake_proof.proven);
}

TEST(Recognition, TlsFromTheFirstByteIsFoundBehindSilence) {
  test::TempDir dir;
  test::make_ecdsa(dir);
  const auto server =
      test::openssl_server(dir, {"-cert", dir.file("ecdsa.crt"), "-key", dir.file("ecdsa.key")});
  test::Harness harness(patient());
  auto endpoint = harness.one(server.port(), "", Profile::kQuick);
  EXPECT_EQ(endpoint.protocol, "tls");
  EXPECT_EQ(endpoint.recognised_by, "answer");
  EXPECT_FALSE(endpoint.starttls);
  // A mail server may be moved to any port too.
  EngineLimits limits = patient();
  limits.handshake = 3000ms;  // of which the wait for a greeting that does not come is one
  endpoint = test::Harness(limits).one(server.port(), "imap", Profile::kQuick);
  EXPECT_EQ(endpoint.protocol, "imap") << endpoint.unreached_reason;
  EXPECT_EQ(endpoint.recognised_by, "request");
  EXPECT_TRUE(endpoint.tls && !endpoint.starttls);
}

TEST(Recognition, UnknownGreetingIsQuotedAndNotGuessedAt) {
  ScriptedServer server([](int fd) {
    send_text(fd, "HELO \x1b[31mfriend\r\n");
    test::wait_for_close(fd);
  });
  test::Harness harness(patient());
  const auto endpoint = harness.one(server.port(), "");
  EXPECT_FALSE(endpoint.reached);
  EXPECT_EQ(endpoint.protocol, "");
  EXPECT_EQ(endpoint.unreached_reason,
            "connected, but the service was not recognised by its greeting \"HELO ?[31mfriend?\"");
  EXPECT_EQ(endpoint.connections, 1);
}

TEST(Recognition, SilentServiceEndsWithAReasonWithinItsTime) {
  ScriptedServer server(test::wait_for_close);
  test::Harness harness(hurried());
  const auto endpoint = harness.one(server.port(), "");
  EXPECT_FALSE(endpoint.reached);
  EXPECT_THAT(endpoint.unreached_reason,
              StartsWith("connected, but the service was not recognised: it does not greet"));
  EXPECT_LT(endpoint.duration_ms, kSoonMs);
}

TEST(Recognition, LateGreetingIsHeard) {
  ScriptedServer late([](int fd) {
    std::this_thread::sleep_for(500ms);  // its lateness is what is tested
    send_text(fd, "* OK late\r\n");
    if (receive(fd).empty()) return;
    send_text(fd, "* CAPABILITY IMAP4rev1\r\na1 OK done\r\n");
    test::wait_for_close(fd);
  });
  test::Harness harness(patient());
  const auto endpoint = harness.one(late.port(), "");
  EXPECT_EQ(endpoint.protocol, "imap") << endpoint.unreached_reason;
  EXPECT_EQ(endpoint.recognised_by, "greeting");
  EXPECT_EQ(endpoint.starttls->state, "not-offered");
}

TEST(Recognition, PlainHttpIsNamed) {
  ScriptedServer server([](int fd) {
    receive(fd);
    send_text(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  test::Harness harness(patient());
  const auto endpoint = harness.one(server.port(), "");
  EXPECT_FALSE(endpoint.reached);
  EXPECT_THAT(endpoint.unreached_reason, HasSubstr("plain HTTP"));
}

TEST(Recognition, WrongKindIsNotMadeToFit) {
  ScriptedServer server([](int fd) {
    send_text(fd, "+OK pop\r\n");
    test::wait_for_close(fd);
  });
  test::Harness harness(hurried());
  const auto endpoint = harness.one(server.port(), "smtp");
  EXPECT_FALSE(endpoint.reached);
  EXPECT_THAT(endpoint.unreached_reason, StartsWith("connected, but no SMTP answer ("));
}

TEST(HostileUpgrade, DripFloodAndSilenceAreCutOff) {
  const auto drip = [](int fd) {
    while (send_text(fd, "2")) std::this_thread::sleep_for(20ms);  // its slowness is what is tested
  };
  const auto flood = [](int fd) {
    const std::string lines = "220-" + std::string(4000, 'x') + "\r\n";
    while (send_text(fd, lines)) {
    }
  };
  const auto silence_after_greeting = [](int fd) {
    send_text(fd, "220 ESMTP\r\n");
    test::wait_for_close(fd);
  };
  for (const std::function<void(int)>& serve :
       std::vector<std::function<void(int)>>{drip, flood, silence_after_greeting}) {
    ScriptedServer server(serve);
    test::Harness harness(hurried());
    for (const char* kind : {"smtp", "imap", "postgresql", "mysql", "xmpp", "ldap", ""}) {
      const auto endpoint = harness.one(server.port(), kind, Profile::kQuick);
      EXPECT_LT(endpoint.duration_ms, kSoonMs) << kind;
      EXPECT_FALSE(endpoint.tls) << kind;
      if (endpoint.starttls) EXPECT_EQ(endpoint.starttls->state, "not-proven") << kind;
    }
  }
}

}  // namespace
}  // namespace carnet::probe
