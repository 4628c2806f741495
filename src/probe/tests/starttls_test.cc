// The STARTTLS dialogues on written transcripts, in every chunking, and on hostile ones.
#include "probe/starttls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carnet::probe {
namespace {

using State = StarttlsDialogue::State;
using testing::HasSubstr;

std::string bytes(std::string_view hex) {
  const Bytes data = *from_hex(hex);
  return std::string(as_text(data));
}

struct Outcome {
  State state = State::kTalking;
  std::string sent, detail, greeting;
  bool recognised = false;
  std::size_t early = 0;
  bool operator==(const Outcome&) const = default;
};

Outcome talk(Protocol protocol, std::string_view server, std::size_t chunk) {
  const auto dialogue = make_starttls_dialogue(protocol, "example.org");
  Outcome out;
  const auto take = [&] {
    const Bytes said = dialogue->take_output();
    out.sent += as_text(said);
  };
  take();
  for (std::size_t at = 0; at < server.size(); at += chunk) {
    dialogue->feed(as_bytes(server.substr(at, chunk)));
    take();
  }
  out.state = dialogue->state();
  out.detail = dialogue->detail();
  out.greeting = dialogue->greeting();
  out.recognised = dialogue->recognised();
  out.early = dialogue->early_bytes();
  return out;
}

// The same in every chunking, which is a law of the interface.
Outcome talk(Protocol protocol, std::string_view server) {
  const Outcome whole = talk(protocol, server, server.size() + 1);
  for (const std::size_t chunk : {1, 2, 3, 7, 64}) {
    EXPECT_TRUE(talk(protocol, server, chunk) == whole) << "in pieces of " << chunk;
  }
  return whole;
}

struct Case {
  const char* name;
  Protocol protocol;
  std::string server;
  State state;
  std::string sent;
  std::string detail = {};  // a part of it
};

const std::string kLdapRequest = bytes("301d02010177188016") + "1.3.6.1.4.1.1466.20037";
const std::string kLdapUnbind = bytes("30050201024200");
const std::string kPostgresRequest = bytes("0000000804d2162f");
// As MariaDB 10.11 greets; of the capabilities fffe or f7fe, 0800 is CLIENT_SSL.
std::string mysql_greeting(bool with_tls) {
  std::string payload = "\x0a" + std::string("5.5.5-10.11.6-MariaDB") + '\0';
  payload += bytes("07000000") + "AAAAAAAA" + '\0';
  payload += bytes(with_tls ? "feff" : "fef7") + bytes("2d0200ff8115");
  payload += std::string(6, '\0') + bytes("1d000000") + "BBBBBBBBBBBB" + '\0';
  payload += std::string("mysql_native_password") + '\0';
  return std::string(1, static_cast<char>(payload.size())) + bytes("000000") + payload;
}
std::string mysql_request() { return bytes("20000001008a0000000000012d") + std::string(23, '\0'); }

const std::string kXmppOpen =
    "<?xml version='1.0'?><stream:stream xmlns='jabber:client' "
    "xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0'>";
const std::string kXmppFeatures =
    "<?xml version='1.0'?><stream:stream from='example.org' id='x>y' version='1.0' "
    "xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'><stream:features>";
const std::string kXmppStarttls = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";

std::vector<Case> cases() {
  using P = Protocol;
  return {
      {"SmtpOffered", P::kSmtp,
       "220-mail.example.org\r\n220 ESMTP ready\r\n250-mail.example.org\r\n250-SIZE 1\r\n"
       "250-starttls \r\n250 HELP\r\n220 go ahead\r\n",
       State::kReady, "EHLO carnet.invalid\r\nSTARTTLS\r\n"},
      {"SmtpNotOffered", P::kSmtp, "220 a ESMTP\r\n250-a\r\n250-XSTARTTLS\r\n250 HELP\r\n",
       State::kNotOffered, "EHLO carnet.invalid\r\nQUIT\r\n", "does not list STARTTLS"},
      {"SmtpRefused", P::kSmtp,
       "220 a ESMTP\r\n250-a\r\n250 STARTTLS\r\n454 4.7.0 TLS not available\r\n", State::kRefused,
       "EHLO carnet.invalid\r\nSTARTTLS\r\nQUIT\r\n", "454 4.7.0 TLS not available"},
      {"SmtpOld", P::kSmtp, "220 a Sendmail\r\n500 what?\r\n250 hello\r\n", State::kNotOffered,
       "EHLO carnet.invalid\r\nHELO carnet.invalid\r\nQUIT\r\n", "no extensions"},
      {"SmtpBusy", P::kSmtp, "421 a too many connections\r\n", State::kFailed, "", "421"},
      {"SmtpBareLineFeeds", P::kSmtp, "220 a\n250 STARTTLS\n220 go\n", State::kReady,
       "EHLO carnet.invalid\r\nSTARTTLS\r\n"},
      {"LmtpOffered", P::kLmtp, "220 a LMTP\r\n250-a\r\n250 STARTTLS\r\n220 go\r\n", State::kReady,
       "LHLO carnet.invalid\r\nSTARTTLS\r\n"},
      {"FtpOffered", P::kFtp,
       "220-hello\r\nany text 220 of theirs\r\n220 FTP ready\r\n211-Features:\r\n AUTH TLS\r\n"
       " PBSZ\r\n211 End\r\n234 go\r\n",
       State::kReady, "FEAT\r\nAUTH TLS\r\n"},
      {"FtpRefused", P::kFtp,
       "220 FTP\r\n211-Features:\r\n AUTH SSL;TLS\r\n211 End\r\n534 policy\r\n", State::kRefused,
       "FEAT\r\nAUTH TLS\r\nQUIT\r\n", "534 policy"},
      {"FtpNotOffered", P::kFtp, "220 (vsFTPd 3.0.3)\r\n530 login first\r\n530 login first\r\n",
       State::kNotOffered, "FEAT\r\nAUTH TLS\r\nQUIT\r\n", "530 login first"},
      {"FtpUnlistedButThere", P::kFtp, "220 hello\r\n500 FEAT?\r\n234 go\r\n", State::kReady,
       "FEAT\r\nAUTH TLS\r\n"},
      {"ImapOffered", P::kImap,
       "* OK ready\r\n* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK done\r\na2 OK begin\r\n",
       State::kReady, "a1 CAPABILITY\r\na2 STARTTLS\r\n"},
      {"ImapOfferedInGreeting", P::kImap,
       "* OK [CAPABILITY IMAP4rev1 STARTTLS] ready\r\na2 OK begin\r\n", State::kReady,
       "a2 STARTTLS\r\n"},
      {"ImapNotOffered", P::kImap, "* OK hi\r\n* CAPABILITY IMAP4rev1\r\na1 OK\r\n",
       State::kNotOffered, "a1 CAPABILITY\r\na2 LOGOUT\r\n", "does not list"},
      {"ImapRefused", P::kImap,
       "* OK hi\r\n* CAPABILITY IMAP4rev1 STARTTLS\r\na1 OK x\r\na2 BAD no key\r\n",
       State::kRefused, "a1 CAPABILITY\r\na2 STARTTLS\r\na3 LOGOUT\r\n", "a2 BAD no key"},
      {"ImapPreauth", P::kImap, "* PREAUTH hi\r\n", State::kNotOffered, "a1 LOGOUT\r\n",
       "authenticated from the start"},
      {"ImapBye", P::kImap, "* BYE busy\r\n", State::kFailed, "", "* BYE busy"},
      {"Pop3Offered", P::kPop3, "+OK hi\r\n+OK list\r\nUIDL\r\nSTLS\r\n.\r\n+OK go\r\n",
       State::kReady, "CAPA\r\nSTLS\r\n"},
      {"Pop3NotOffered", P::kPop3, "+OK hi\r\n+OK list\r\nUIDL\r\n.\r\n", State::kNotOffered,
       "CAPA\r\nQUIT\r\n", "does not list STLS"},
      {"Pop3OldNotOffered", P::kPop3, "+OK hi\r\n-ERR CAPA?\r\n-ERR STLS?\r\n", State::kNotOffered,
       "CAPA\r\nSTLS\r\nQUIT\r\n", "-ERR STLS?"},
      {"Pop3Refused", P::kPop3, "+OK hi\r\n+OK\r\nSTLS\r\n.\r\n-ERR no key\r\n", State::kRefused,
       "CAPA\r\nSTLS\r\nQUIT\r\n", "-ERR no key"},
      {"SieveOffered", P::kSieve,
       "\"IMPLEMENTATION\" \"x\"\r\n\"SASL\" {4}\r\nOK \x01\r\n\"STARTTLS\"\r\nOK \"hi\"\r\n"
       "OK \"go\"\r\n",
       State::kReady, "STARTTLS\r\n"},
      {"SieveNotOffered", P::kSieve, "\"IMPLEMENTATION\" \"x\"\r\n\"SIEVE\" \"y\"\r\nOK\r\n",
       State::kNotOffered, "LOGOUT\r\n", "does not list"},
      {"SieveRefused", P::kSieve, "\"IMPLEMENTATION\" \"x\"\r\n\"STARTTLS\"\r\nOK\r\nNO \"no\"\r\n",
       State::kRefused, "STARTTLS\r\nLOGOUT\r\n", "NO"},
      {"NntpOffered", P::kNntp, "200 news\r\n101 list\r\nVERSION 2\r\nSTARTTLS\r\n.\r\n382 go\r\n",
       State::kReady, "CAPABILITIES\r\nSTARTTLS\r\n"},
      {"NntpNotOffered", P::kNntp, "201 hi\r\n101 list\r\nREADER\r\n.\r\n", State::kNotOffered,
       "CAPABILITIES\r\nQUIT\r\n", "does not list"},
      {"NntpOldNotOffered", P::kNntp, "200 NNTP\r\n500 what\r\n500 what\r\n", State::kNotOffered,
       "CAPABILITIES\r\nSTARTTLS\r\nQUIT\r\n", "500 what"},
      {"NntpRefused", P::kNntp, "200 hi\r\n101 l\r\nSTARTTLS\r\n.\r\n580 no\r\n", State::kRefused,
       "CAPABILITIES\r\nSTARTTLS\r\nQUIT\r\n", "580 no"},
      {"XmppOffered", P::kXmppClient,
       kXmppFeatures + "<starttls xmlns=\"urn:ietf:params:xml:ns:xmpp-tls\"><required/></starttls>"
                       "</stream:features><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
       State::kReady, kXmppOpen + kXmppStarttls},
      {"XmppGoAheadInTwoTags", P::kXmppClient,
       kXmppFeatures + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"
                       "<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'></proceed>",
       State::kReady, kXmppOpen + kXmppStarttls},
      {"XmppNotOffered", P::kXmppClient, kXmppFeatures + "<mechanisms/></stream:features>",
       State::kNotOffered, kXmppOpen + "</stream:stream>", "do not list"},
      {"XmppRefused", P::kXmppClient,
       kXmppFeatures + "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>"
                       "<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
       State::kRefused, kXmppOpen + kXmppStarttls + "</stream:stream>", "failure"},
      {"XmppWrongDomain", P::kXmppClient,
       kXmppFeatures.substr(0, kXmppFeatures.find("<stream:features>")) +
           "<stream:error><host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>",
       State::kFailed, kXmppOpen, "does not serve the domain"},
      {"LdapOffered", P::kLdap, bytes("300c02010178070a010004000400"), State::kReady, kLdapRequest},
      {"LdapOfferedLongForm", P::kLdap, bytes("3084000000120201017884000000090a0100040004008a00"),
       State::kReady, kLdapRequest},
      {"LdapNotOffered", P::kLdap, bytes("300f020101780a0a010204000403") + "bad",
       State::kNotOffered, kLdapRequest + kLdapUnbind, "result 2 bad"},
      {"LdapRefused", P::kLdap, bytes("300c02010178070a013404000400"), State::kRefused,
       kLdapRequest + kLdapUnbind, "result 52"},
      {"LdapDisconnects", P::kLdap, bytes("300c02010078070a013404000400"), State::kFailed,
       kLdapRequest, "disconnects"},
      {"PostgresqlOffered", P::kPostgresql, "S", State::kReady, kPostgresRequest},
      {"PostgresqlNotOffered", P::kPostgresql, "N", State::kNotOffered, kPostgresRequest, "with N"},
      {"PostgresqlError", P::kPostgresql, "E" + bytes("0000000c") + "SFATAL" + bytes("0000"),
       State::kNotOffered, kPostgresRequest, "with an error"},
      {"MysqlOffered", P::kMysql, mysql_greeting(true), State::kReady, mysql_request()},
      {"MysqlNotOffered", P::kMysql, mysql_greeting(false), State::kNotOffered, "", "CLIENT_SSL"},
      {"MysqlBlocked", P::kMysql, bytes("0b000000ff6904") + "Host bad", State::kFailed, "",
       "Host bad"},
  };
}

class Transcript : public testing::TestWithParam<Case> {};

TEST_P(Transcript, EndsAsItShould) {
  const Case& one = GetParam();
  const Outcome seen = talk(one.protocol, one.server);
  EXPECT_EQ(seen.state, one.state) << seen.detail;
  EXPECT_EQ(seen.sent, one.sent);
  EXPECT_THAT(seen.detail, HasSubstr(one.detail));
  EXPECT_EQ(seen.early, 0u);
  if (one.state != State::kFailed) EXPECT_TRUE(seen.recognised);
}

// What follows the go-ahead before TLS is dropped and counted, never kept.
TEST_P(Transcript, BytesBehindTheGoAheadAreDropped) {
  const Case& one = GetParam();
  const Outcome seen = talk(one.protocol, one.server + "250 injected\r\n");
  EXPECT_EQ(seen.state, one.state);
  EXPECT_EQ(seen.sent, one.sent);
  EXPECT_EQ(seen.early, one.state == State::kReady ? 14u : 0u);
}

// A dialogue that is cut off anywhere has claimed nothing.
TEST_P(Transcript, EveryPrefixIsUndecided) {
  const Case& one = GetParam();
  for (std::size_t length = 0; length < one.server.size(); ++length) {
    const Outcome seen = talk(one.protocol, one.server.substr(0, length), length + 1);
    EXPECT_NE(seen.state, State::kReady) << length;
    EXPECT_TRUE(seen.state == State::kTalking || one.state != State::kReady) << length;
  }
}

INSTANTIATE_TEST_SUITE_P(Starttls, Transcript, testing::ValuesIn(cases()),
                         [](const auto& info) { return std::string(info.param.name); });

class Anything : public testing::TestWithParam<Protocol> {};

TEST_P(Anything, HostileServersFailWithinBounds) {
  for (const std::string& text :
       {std::string(100000, 'x'), std::string(100000, '\n'), std::string(100000, '\0'),
        std::string(100000, '<'), std::string(100000, '\xff'), std::string("\r\n"),
        bytes("30847fffffff"), bytes("3080"), bytes("ffffff000a"), bytes("45ffffffff")}) {
    const Outcome seen = talk(GetParam(), text);
    EXPECT_NE(seen.state, State::kReady);
    if (text.size() == 100000) EXPECT_NE(seen.state, State::kTalking);
  }
}

TEST_P(Anything, EndlessButWellFormedListsEnd) {
  std::string many;
  for (int i = 0; i < 10000; ++i) many += "250-x\r\n";
  const std::string heads[] = {"220 SMTP\r\n" + many,
                               "* OK x\r\n" + many,
                               "+OK x\r\n+OK\r\n" + many,
                               "200 x\r\n101 x\r\n" + many,
                               "\"IMPLEMENTATION\" \"x\"\r\n" + many,
                               kXmppFeatures + std::string(20000, '<') + "/>"};
  for (const std::string& text : heads) {
    EXPECT_NE(talk(GetParam(), text, 100).state, State::kReady);
    EXPECT_NE(talk(GetParam(), text, 100).state, State::kTalking);
  }
}

TEST_P(Anything, WhatAServerSaysIsMadePrintable) {
  const Outcome seen = talk(GetParam(), "220 SMTP\x1b[31m\r\n454 \x1b[31m\r\n454 \x07\r\n");
  for (const std::string& text : {seen.detail, seen.greeting}) {
    for (const char c : text) EXPECT_GE(c, 0x20);
  }
}

INSTANTIATE_TEST_SUITE_P(Starttls, Anything, testing::ValuesIn([] {
                           std::vector<Protocol> all;
                           for (const auto& row : protocol_rows()) all.push_back(row.protocol);
                           return all;
                         }()));

TEST(Protocols, TableIsInTheOrderOfTheEnum) {
  for (std::size_t i = 0; i < protocol_rows().size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(protocol_rows()[i].protocol), i);
    EXPECT_EQ(find_protocol(protocol_rows()[i].name), &protocol_rows()[i]);
    EXPECT_TRUE(is_known_kind(protocol_rows()[i].name));
  }
  EXPECT_EQ(find_protocol("gopher"), nullptr);
  EXPECT_FALSE(is_known_kind(""));
}

TEST(Protocols, PortsOfTheDesign) {
  const std::pair<int, const char*> upgrades[] = {
      {25, "smtp"},         {587, "smtp"},   {143, "imap"},         {110, "pop3"}, {389, "ldap"},
      {21, "ftp"},          {5222, "xmpp"},  {5269, "xmpp-server"}, {119, "nntp"}, {4190, "sieve"},
      {5432, "postgresql"}, {3306, "mysql"}, {24, "lmtp"}};
  for (const auto& [port, name] : upgrades) {
    const ProtocolRow* row = protocol_on_port(static_cast<std::uint16_t>(port));
    ASSERT_NE(row, nullptr) << port;
    EXPECT_EQ(row->name, name);
    EXPECT_FALSE(is_implicit_tls_port(static_cast<std::uint16_t>(port)));
  }
  for (const int port : {443, 465, 636, 853, 989, 990, 992, 993, 994, 995, 5223, 8443}) {
    EXPECT_TRUE(is_implicit_tls_port(static_cast<std::uint16_t>(port))) << port;
    EXPECT_EQ(protocol_on_port(static_cast<std::uint16_t>(port)), nullptr);
  }
}

}  // namespace
}  // namespace carnet::probe
