// The resolver and the guarded dialer behind a name server that does what it likes.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "net/dialer.h"
#include "net/tests/dns_server.h"

namespace carnet::net {
namespace {

using namespace std::chrono_literals;
using test::address_record;
using test::cname_record;
using test::DnsQuestion;
using test::DnsReply;
using test::DnsServer;
using test::of_type;

IpAddress ip(std::string_view text) { return *IpAddress::parse(text); }

using Answer = Result<ResolvedName>;

class Guarded {
 public:
  explicit Guarded(const DnsServer& server, std::vector<std::string> allowed = {})
      : resolver_(make_resolver({server.address()})), policy_(ranges(), blocks(allowed)) {}

  Answer ask(const std::string& host, std::chrono::milliseconds patience = 5000ms) {
    boost::asio::io_context context;
    std::optional<Answer> out;
    boost::asio::co_spawn(context, dialer_->resolve_checked(host, clock_.steady_now() + patience),
                          [&out](const std::exception_ptr& error, Answer value) {
                            if (error) std::rethrow_exception(error);
                            out = std::move(value);
                          });
    context.run();
    return std::move(*out);
  }
  std::string words(const std::string& host, std::chrono::milliseconds patience = 5000ms) {
    const Answer answer = ask(host, patience);
    if (!answer) return answer.error().public_detail;
    std::string out;
    for (const IpAddress& address : answer->addresses)
      out += (out.empty() ? "" : " ") + address.to_string();
    return out;
  }

 private:
  static std::vector<Cidr> ranges() { return AddressPolicy::special_purpose_ranges(); }
  static std::vector<Cidr> blocks(const std::vector<std::string>& texts) {
    std::vector<Cidr> out;
    for (const std::string& text : texts) out.push_back(*Cidr::parse(text));
    return out;
  }
  SystemClock clock_;
  std::unique_ptr<Resolver> resolver_;
  AddressPolicy policy_;
  std::unique_ptr<Dialer> dialer_ = make_guarded_dialer(*resolver_, policy_, clock_);
};

TEST(Dns, BothFamiliesInOneOrderWhateverTheAnswersOrder) {
  std::atomic<int> turn{0};
  DnsServer server([&](const DnsQuestion& question) {
    std::vector<std::string> all{"198.35.26.96", "198.35.26.97", "2620:0:861::1", "2620:0:861::2"};
    if (turn++ % 2 == 1) std::reverse(all.begin(), all.end());
    std::vector<test::DnsRecord> records;
    for (const std::string& one : all) records.push_back(address_record("two.example", one));
    return of_type(question, std::move(records));
  });
  Guarded guarded(server);
  const std::string first = guarded.words("two.example");
  EXPECT_TRUE(first == "198.35.26.96 2620:0:861::1 198.35.26.97 2620:0:861::2" ||
              first == "2620:0:861::1 198.35.26.96 2620:0:861::2 198.35.26.97")
      << first;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(guarded.words("two.example"), first);
}

TEST(Dns, OneSpecialAddressAmongPublicOnesSpoilsTheName) {
  const std::vector<std::string> bad{
      "10.0.0.1",        "127.0.0.1",     "169.254.169.254", "::1",
      "::ffff:10.0.0.1", "fd00:ec2::254", "64:ff9b::7f00:1", "2002:a00:1::",
      "fe80::1",         "0.0.0.0",       "100.100.100.200", "2001:0:808:808::80ff:fffe"};
  for (const std::string& one : bad) {
    DnsServer server([&](const DnsQuestion& question) {
      return of_type(question, {address_record("mixed.example", "8.8.8.8"),
                                address_record("mixed.example", "2620:0:861::1"),
                                address_record("mixed.example", one)});
    });
    const Answer answer = Guarded(server).ask("mixed.example");
    ASSERT_FALSE(answer) << one;
    EXPECT_EQ(answer.error().code, ErrorCode::kTargetNotAuthorized) << one;
    EXPECT_TRUE(answer.error().public_detail.starts_with("mixed.example has the address ")) << one;
  }
}

TEST(Dns, RebindingIsSeenBecauseNothingIsCached) {
  std::atomic<int> answers{0};
  DnsServer server([&](const DnsQuestion& question) {
    if (question.type != test::kA) return DnsReply{};
    const bool first = answers++ == 0;
    return of_type(question, {address_record("rebind.example", first ? "8.8.8.8" : "127.0.0.1",
                                             first ? 86400 : 0)});
  });
  Guarded guarded(server);
  EXPECT_EQ(guarded.words("rebind.example"), "8.8.8.8");
  const Answer second = guarded.ask("rebind.example");
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kTargetNotAuthorized);
  EXPECT_EQ(answers, 2);
}

TEST(Dns, CnameChainsLeadToWhatIsJudged) {
  DnsServer server([](const DnsQuestion& question) {
    const std::string end = question.name == "good.example" ? "8.8.4.4" : "192.168.1.1";
    return of_type(
        question, {cname_record(question.name, "a.example"), cname_record("a.example", "b.example"),
                   address_record("b.example", end)});
  });
  Guarded guarded(server);
  EXPECT_EQ(guarded.words("good.example"), "8.8.4.4");
  // Both families' answers tell the chain; it is told once.
  EXPECT_EQ(guarded.ask("good.example")->aliases,
            (std::vector<std::string>{"a.example", "b.example"}));
  const Answer bad = guarded.ask("bad.example");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::kTargetNotAuthorized);
}

TEST(Dns, AliasesAreReadInOrderWhateverTheRecordsOrder) {
  DnsServer server([](const DnsQuestion& question) {
    if (question.name == "plain.example") {
      return of_type(question, {address_record("plain.example", "8.8.4.4")});
    }
    if (question.name == "odd.example") {
      return of_type(question, {cname_record("odd.example", "\x1B[31m.example"),
                                address_record("\x1B[31m.example", "8.8.4.4")});
    }
    std::vector<test::DnsRecord> records;
    for (int i = 0; i < 30; ++i) {
      records.push_back(cname_record(i == 0 ? question.name : "n" + std::to_string(i) + ".example",
                                     "N" + std::to_string(i + 1) + ".example"));
    }
    records.push_back(address_record("n30.example", "8.8.4.4"));
    return of_type(question, std::move(records));
  });
  Guarded guarded(server);
  EXPECT_TRUE(guarded.ask("plain.example")->aliases.empty());
  if (const Answer answer = guarded.ask("long.example")) {
    ASSERT_EQ(answer->aliases.size(), 16u);
    EXPECT_EQ(answer->aliases.front(), "n1.example");
    EXPECT_EQ(answer->aliases.back(), "n16.example");
  }
  // What a name server writes reaches no terminal as it is.
  if (const Answer answer = guarded.ask("odd.example")) {
    for (const std::string& alias : answer->aliases)
      EXPECT_EQ(alias.find('\x1B'), std::string::npos);
  }
}

TEST(Dns, CnameLoopsAndDanglingOnesAreNoAddress) {
  DnsServer server([](const DnsQuestion& question) {
    DnsReply out;
    if (question.name == "loop.example") {
      for (int i = 0; i < 40; ++i) {
        out.answers.push_back(cname_record("loop.example", "back.example"));
        out.answers.push_back(cname_record("back.example", "loop.example"));
      }
    } else {
      out.answers = {cname_record(question.name, "nowhere.example")};
    }
    return out;
  });
  Guarded guarded(server);
  EXPECT_EQ(guarded.words("loop.example"), "the name has no address");
  EXPECT_EQ(guarded.words("dangling.example"), "the name has no address");
}

TEST(Dns, TruncatedAndHugeAnswersComeOverTcpAndAreBounded) {
  DnsServer server([](const DnsQuestion& question) -> std::optional<DnsReply> {
    DnsReply out;
    out.truncated = !question.tcp;
    if (out.truncated || question.type != test::kA) return out;
    for (int i = 0; i < 500; ++i) {
      out.answers.push_back(address_record(
          "huge.example", "8.8." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1)));
    }
    return out;
  });
  const Answer answer = Guarded(server).ask("huge.example");
  ASSERT_TRUE(answer) << answer.error().public_detail;
  EXPECT_EQ(answer->addresses.size(), 64u);
  const auto asked = server.asked();
  EXPECT_TRUE(std::any_of(asked.begin(), asked.end(), [](const auto& one) { return one.tcp; }));
}

TEST(Dns, EachFailureHasItsWords) {
  DnsServer server([](const DnsQuestion& question) -> std::optional<DnsReply> {
    DnsReply out;
    if (question.name == "nx.example") out.rcode = 3;
    if (question.name == "broken.example") out.rcode = 2;
    if (question.name == "refused.example") out.rcode = 5;
    if (question.name == "silent.example") return std::nullopt;
    if (question.name == "forged.example") {
      out = of_type(question, {address_record("forged.example", "8.8.8.8")});
      out.wrong_id = true;
    }
    return out;
  });
  Guarded guarded(server);
  EXPECT_EQ(guarded.words("nx.example"), "no such name");
  EXPECT_EQ(guarded.words("empty.example"), "the name has no address");
  EXPECT_THAT(guarded.words("broken.example"), testing::EndsWith("failed on this name"));
  EXPECT_THAT(guarded.words("refused.example"), testing::EndsWith("failed on this name"));
  EXPECT_EQ(guarded.words("silent.example", 300ms), "the name server did not answer in time");
  EXPECT_EQ(guarded.words("forged.example", 300ms), "the name server did not answer in time");
}

TEST(Dns, SilenceOnOneFamilyDoesNotLoseTheOther) {
  DnsServer server([](const DnsQuestion& question) -> std::optional<DnsReply> {
    if (question.type == test::kAaaa) return std::nullopt;
    return of_type(question, {address_record("half.example", "8.8.8.8")});
  });
  EXPECT_EQ(Guarded(server).words("half.example", 8000ms), "8.8.8.8");
}

TEST(Dns, NamesAreAbsolute) {
  DnsServer server([](const DnsQuestion&) {
    DnsReply out;
    out.rcode = 3;
    return out;
  });
  Guarded guarded(server);
  EXPECT_EQ(guarded.words("www.example"), "no such name");
  EXPECT_EQ(guarded.words("short"), "no such name");
  for (const DnsQuestion& one : server.asked())
    EXPECT_TRUE(one.name == "www.example" || one.name == "short") << one.name;
}

TEST(Dns, MetadataNamesNeedTheirAddressAllowed) {
  DnsServer server([](const DnsQuestion& question) {
    const bool real = question.name == "metadata.google.internal";
    return of_type(question, {address_record(question.name, real ? "169.254.169.254" : "8.8.8.8")});
  });
  // A name server that gives a public address in place of the real one opens nothing.
  const Answer moved = Guarded(server).ask("metadata.goog");
  ASSERT_FALSE(moved);
  EXPECT_EQ(moved.error().code, ErrorCode::kTargetNotAuthorized);
  // Opening the block is not meant to open the credentials in it.
  EXPECT_FALSE(Guarded(server, {"169.254.0.0/16"}).ask("metadata.google.internal"));
  EXPECT_TRUE(Guarded(server, {"169.254.169.254/32"}).ask("metadata.google.internal"));
}

TEST(Dns, NameServersAreReadFromText) {
  struct Good {
    std::string_view text, address;
    std::uint16_t port;
  };
  for (const Good& one :
       std::initializer_list<Good>{{"192.0.2.53", "192.0.2.53", 53},
                                   {"192.0.2.53:5353", "192.0.2.53", 5353},
                                   {"2001:db8::53", "2001:db8::53", 53},
                                   {"[2001:db8::53]:65535", "2001:db8::53", 65535},
                                   {"[2001:db8::53]", "2001:db8::53", 53}}) {
    const auto server = parse_name_server(one.text);
    ASSERT_TRUE(server) << one.text;
    EXPECT_EQ(server->address.to_string(), one.address);
    EXPECT_EQ(server->port, one.port);
  }
  for (const char* bad : {"", "dns.example", "192.0.2.53:", "192.0.2.53:0", "192.0.2.53:65536",
                          "192.0.2.53:5x", "[192.0.2.53]:53", "[::1", "[::1]53", "[::1]:"}) {
    EXPECT_FALSE(parse_name_server(bad)) << bad;
  }
}

TEST(DialOrder, FamiliesTakeTurnsAndNumbersDecide) {
  const auto order = [](std::vector<std::string> texts) {
    std::vector<IpAddress> in;
    for (const auto& text : texts) in.push_back(ip(text));
    std::string out;
    for (const IpAddress& address : dial_order(std::move(in))) out += address.to_string() + " ";
    return out;
  };
  EXPECT_EQ(order({}), "");
  EXPECT_EQ(order({"8.8.8.8"}), "8.8.8.8 ");
  EXPECT_EQ(order({"2001:db8::2", "8.8.8.9", "2001:db8::1", "8.8.8.8"}),
            "2001:db8::1 8.8.8.8 2001:db8::2 8.8.8.9 ");
  EXPECT_EQ(order({"8.8.8.9", "2001:db8::2", "8.8.8.8", "8.8.4.4"}),
            "8.8.4.4 2001:db8::2 8.8.8.8 8.8.8.9 ");
}

}  // namespace
}  // namespace carnet::net
