// Every endpoint ends within its time whatever its server does, says why, and takes nothing from
// the others.
#include <gtest/gtest.h>

#include <list>
#include <map>
#include <set>

#include "net/tests/dns_server.h"
#include "probe/tests/harness.h"
#include "probe/tests/raw_server.h"

namespace carnet::probe {
namespace {

using inventory::Endpoint;
using inventory::Profile;
using net::test::address_record;
using net::test::DnsQuestion;
using net::test::DnsReply;
using net::test::DnsServer;
using net::test::of_type;
using test::RawServer;
using Kind = test::RawServer::Kind;
using namespace std::chrono_literals;

// A record that announces 16 KiB of ServerHello; and the one-byte records a TLS 1.3 server may send
// for compatibility, of which an endless number is never an answer.
const std::string kEndlessHello{"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03zzzzzzzzzzzzzzzz", 27};
const std::string kChangeCipherSpec{"\x14\x03\x03\x00\x01\x01", 6};

// Long enough for a server that answers at once, on a machine that others flood.
EngineLimits tight_limits() {
  EngineLimits limits;
  limits.connect = 1500ms;
  limits.handshake = 1500ms;
  limits.target = 4000ms;
  return limits;
}

// A moment for the machine; the deadline itself is exact. One after the other they would take far
// longer.
constexpr auto kMoment = 20s;

struct Row {
  const char* what;
  Kind kind;
  std::string words;
  const char* as;      // the kind of endpoint asked for
  const char* reason;  // a regular expression
};

const std::vector<Row>& rows() {
  static const std::vector<Row> kRows{
      {"silent", Kind::kSilent, "", "tls", "connected, but no TLS answer .*timed out after.*"},
      {"silent", Kind::kSilent, "", "ssh", ".*timed out after.*"},
      {"silent", Kind::kSilent, "", "", ".+"},
      {"drip", Kind::kDrip, kEndlessHello, "tls", ".*timed out after.*"},
      {"drip", Kind::kDrip, "SSH-2.0-aaaaaaaa", "ssh", ".*timed out after.*"},
      {"drip", Kind::kDrip, "x", "", ".+"},
      {"flood", Kind::kFlood, kChangeCipherSpec, "tls", ".+"},
      {"flood", Kind::kFlood, std::string(4096, 'A'), "tls", ".*not TLS.*"},
      {"flood", Kind::kFlood, "hello\r\n", "ssh", ".+"},
      {"flood", Kind::kFlood, std::string(4096, 'A'), "ssh", ".+"},
      {"flood", Kind::kFlood, "220 hello\r\n", "", ".+"},
      {"reset", Kind::kReset, "", "tls", ".*connection reset.*"},
      {"reset", Kind::kReset, "", "ssh", ".*connection reset.*"},
      {"close", Kind::kClose, "", "tls", ".*(closed the connection|connection reset).*"},
      {"close", Kind::kClose, "", "ssh", ".*(closed|reset).*"},
      {"half-close", Kind::kHalfClose, "", "tls", ".*closed the connection.*"},
      {"half-close", Kind::kHalfClose, "", "", ".+"},
      {"blackhole", Kind::kBlackhole, "", "tls", "timed out after [0-9.]+ m?s"},
      {"blackhole", Kind::kBlackhole, "", "ssh", "timed out after [0-9.]+ m?s"}};
  return kRows;
}

TEST(Deadline, EveryKindOfServerEndsInTimeAndDisturbsNobody) {
  std::list<RawServer> servers;
  std::vector<PlannedEndpoint> planned;
  for (const Row& row : rows()) {
    const std::string address = "127.77.0." + std::to_string(planned.size() + 1);
    planned.push_back({address, servers.emplace_back(row.kind, address, row.words).port(), row.as});
  }
  // Between them, servers that behave: they are reached, and soon.
  const std::size_t bad = planned.size();
  for (int i = 1; i <= 10; ++i) {
    const std::string address = "127.77.1." + std::to_string(i);
    auto& server = servers.emplace_back(Kind::kAnswer, address, test::protocol_version_alert());
    planned.insert(planned.begin() + i, {address, server.port(), "tls"});
  }
  const EngineLimits limits = tight_limits();
  test::Harness harness(limits);
  const auto began = std::chrono::steady_clock::now();
  const auto all = harness.run(planned, Profile::kStandard);
  const auto took = std::chrono::steady_clock::now() - began;
  ASSERT_EQ(all.size(), planned.size());
  EXPECT_LT(took, limits.target + kMoment) << "they run at once";
  std::map<std::string, const Endpoint*> by_host;
  for (const Endpoint& one : all) {
    by_host[one.host] = &one;
    EXPECT_LT(one.duration_ms, (limits.target + kMoment).count()) << one.host;
  }
  for (std::size_t i = 0; i < bad; ++i) {
    const Row& row = rows()[i];
    const std::string label = std::string(row.what) + " as \"" + row.as + "\"";
    const auto found = by_host.find("127.77.0." + std::to_string(i + 1));
    ASSERT_NE(found, by_host.end()) << label;
    EXPECT_FALSE(found->second->reached) << label;
    EXPECT_THAT(found->second->unreached_reason, testing::MatchesRegex(row.reason)) << label;
  }
  for (int i = 1; i <= 10; ++i) {
    const Endpoint& good = *by_host.at("127.77.1." + std::to_string(i));
    EXPECT_TRUE(good.reached) << good.unreached_reason;
  }
}

TEST(Deadline, AFloodIsCutOffAtTheBound) {
  EngineLimits limits = tight_limits();
  limits.answer_bytes_max = 64 * 1024;
  RawServer server(Kind::kFlood, "127.77.2.1", kChangeCipherSpec);
  test::Harness harness(limits);
  const auto endpoint = harness.one(server.port(), "tls", Profile::kQuick, "127.77.2.1");
  EXPECT_FALSE(endpoint.reached);
  // What the sockets hold on both sides comes on top of what was read.
  EXPECT_LT(server.most_sent(), 12U * 1024 * 1024);
  EXPECT_GT(server.accepted(), 0);
}

TEST(Deadline, NamesOnOneAddressDoNotUseUpEachOthersTime) {
  RawServer server(Kind::kAnswer, "127.77.3.1", test::protocol_version_alert());
  DnsServer dns([](const DnsQuestion& question) {
    return of_type(question, {address_record(question.name, "127.77.3.1")});
  });
  EngineLimits limits = tight_limits();
  limits.connect = 4000ms;
  limits.handshake = 4000ms;
  limits.connects_per_host_per_second = 40;
  test::Harness harness(limits, net::make_resolver({dns.address()}));
  std::vector<PlannedEndpoint> planned;
  for (int i = 0; i < 60; ++i) {
    planned.push_back({"n" + std::to_string(i) + ".example", server.port(), "tls"});
  }
  const auto began = std::chrono::steady_clock::now();
  const auto all = harness.run(planned, Profile::kStandard);
  const auto took = std::chrono::steady_clock::now() - began;
  ASSERT_EQ(all.size(), 60u);
  std::set<std::string> names;
  for (const Endpoint& one : all) {
    EXPECT_TRUE(one.reached) << one.host << ": " << one.unreached_reason;
    EXPECT_EQ(one.address, "127.77.3.1");
    EXPECT_LE(one.duration_ms, (limits.target + kMoment).count());
    if (one.tls) names.insert(one.tls->server_name);
  }
  EXPECT_EQ(names.size(), 60u);  // each asked for by its own name
  // The rate held all the same.
  const auto seconds = std::chrono::duration<double>(took).count();
  EXPECT_LE(server.accepted(), limits.connect_burst_per_host + 40 * (seconds + 0.2));
  EXPECT_GT(took, limits.target) << "else nobody's time was at stake";
}

TEST(Deadline, ARunMayBeTornDownWhileItsWorkersWait) {
  RawServer server(Kind::kSilent, "127.77.6.1");
  EngineLimits limits = tight_limits();
  limits.handshake = 60s;
  limits.target = 60s;
  test::Harness harness(limits);
  // Two of the address are looked at, the other workers wait for room.
  std::vector<PlannedEndpoint> planned;
  for (int i = 0; i < 12; ++i)
    planned.push_back({"127.77.6.1", server.port(), i < 6 ? "tls" : "ssh"});
  harness.abandon(planned, [&server] { return server.accepted() >= 2; });
  // The limits are free again for whoever comes next.
  RawServer other(Kind::kAnswer, "127.77.6.1", test::protocol_version_alert());
  EXPECT_TRUE(harness.one(other.port(), "tls", Profile::kQuick, "127.77.6.1").reached);
}

TEST(Deadline, ANameIsResolvedOnceAndARebindReachesNothing) {
  RawServer first(Kind::kAnswer, "127.77.4.1", test::protocol_version_alert());
  std::atomic<int> turn{0};
  DnsServer dns([&turn](const DnsQuestion& question) {
    if (question.type != net::test::kA) return DnsReply{};
    return of_type(question,
                   {address_record("rebind.example", turn++ == 0 ? "127.77.4.1" : "10.0.0.1")});
  });
  test::Harness harness(tight_limits(), net::make_resolver({dns.address()}));
  const auto all = harness.run({{"rebind.example", first.port(), "tls"}}, Profile::kStandard);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_TRUE(all[0].reached) << all[0].unreached_reason;
  EXPECT_GT(all[0].connections, 1);
  EXPECT_EQ(all[0].address, "127.77.4.1");
  EXPECT_EQ(dns.count("rebind.example", net::test::kA), 1);
  const auto again = harness.run({{"rebind.example", first.port(), "tls"}}, Profile::kStandard);
  EXPECT_FALSE(again.at(0).reached);
  EXPECT_THAT(again.at(0).unreached_reason,
              testing::HasSubstr("rebind.example has the address 10.0.0.1"));
  EXPECT_EQ(again.at(0).connections, 0);
}

TEST(Deadline, TheNextAddressIsTriedAndSaidSo) {
  RawServer alive(Kind::kAnswer, "127.77.5.2", test::protocol_version_alert());
  RawServer dead(Kind::kBlackhole, "127.77.5.3");
  DnsServer dns([](const DnsQuestion& question) {
    if (question.name == "dead.example") {
      return of_type(question, {address_record(question.name, "127.77.5.7"),
                                address_record(question.name, "127.77.5.8")});
    }
    return of_type(question, {address_record(question.name, "127.77.5.2"),
                              address_record(question.name, "127.77.5.1")});
  });
  test::Harness harness(tight_limits(), net::make_resolver({dns.address()}));
  const auto all = harness.run({{"two.example", alive.port(), "tls"}}, Profile::kQuick);
  ASSERT_TRUE(all.at(0).reached) << all.at(0).unreached_reason;
  EXPECT_EQ(all[0].address, "127.77.5.2");
  EXPECT_TRUE(test::has_finding(all[0].tls->findings, "address_unreachable"));
  const auto none = harness.run({{"dead.example", alive.port(), "tls"}}, Profile::kQuick);
  EXPECT_EQ(none.at(0).unreached_reason,
            "none of its addresses answered: 127.77.5.7 (connection refused), 127.77.5.8 "
            "(connection refused)");
}

}  // namespace
}  // namespace carnet::probe
