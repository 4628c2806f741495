// The engine against servers that misbehave, its limits, its plan.
#include "probe/engine.h"

#include <gtest/gtest.h>

#include "probe/limiter.h"
#include "probe/tests/fake_server.h"
#include "probe/tests/harness.h"
#include "probe/tests/servers.h"
#include "probe/tests/vectors.h"

namespace carnet::probe {
namespace {

using inventory::Profile;
using inventory::Support;
using test::receive;
using test::ScriptedServer;
using test::send_all;
using test::wait_for_close;
using namespace std::chrono_literals;

void reset(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

// For servers that answer at once: nothing waits so long, however busy the machine is.
EngineLimits patient_limits() {
  EngineLimits limits;
  limits.connect = 5000ms;
  limits.handshake = 5000ms;
  limits.target = 30000ms;
  limits.connects_per_host_per_second = 200;
  limits.connect_burst_per_host = 200;
  return limits;
}

// What has no end by itself, or one after 20 s and more, has ended by then on any machine.
constexpr std::int64_t kSoonMs = 15'000;

// For servers that make the probe wait.
EngineLimits short_limits() {
  EngineLimits limits = patient_limits();
  limits.handshake = 250ms;
  limits.target = 3000ms;
  return limits;
}

TEST(Hostile, SilentServerIsNotReachedAndNothingIsClaimed) {
  ScriptedServer server(wait_for_close);
  test::Harness harness(short_limits());
  const auto endpoint = harness.one(server.port());
  EXPECT_FALSE(endpoint.reached);
  EXPECT_THAT(endpoint.unreached_reason,
              testing::MatchesRegex("connected, but no TLS answer .timed out after [0-9]+ ms."));
  EXPECT_FALSE(endpoint.tls);
  EXPECT_LT(endpoint.duration_ms, kSoonMs);
}

TEST(Hostile, DripIsCutOffByTheDeadline) {
  const Bytes answer = test::vector("tls12_ecdhe_flight");
  ScriptedServer server([&answer](int fd) {
    for (const std::uint8_t byte : answer) {
      if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1) return;
      std::this_thread::sleep_for(20ms);  // the server's slowness is what is tested
    }
  });
  test::Harness harness(short_limits());
  const auto endpoint = harness.one(server.port());
  EXPECT_FALSE(endpoint.reached);
  EXPECT_LT(endpoint.duration_ms, kSoonMs);
}

TEST(Hostile, GarbageIsNamed) {
  ScriptedServer server([](int fd) {
    receive(fd);
    send_all(fd, as_bytes("HTTP/1.1 400 Bad Request\r\n\r\n"));
  });
  test::Harness harness(patient_limits());
  EXPECT_EQ(harness.one(server.port()).unreached_reason,
            "not TLS: the server answers in plain HTTP");
}

TEST(Hostile, ResetIsNotAVerdict) {
  ScriptedServer server([](int fd) {
    receive(fd);
    reset(fd);
  });
  test::Harness harness(patient_limits());
  const auto endpoint = harness.one(server.port());
  EXPECT_FALSE(endpoint.reached);
  EXPECT_EQ(endpoint.unreached_reason, "connected, but no TLS answer (connection reset)");
}

TEST(Hostile, EndlessRetryRequestForOneGroupProvesThatGroupAlone) {
  const Bytes retry = test::vector("tls13_retry_request");  // always x25519
  ScriptedServer server([&retry](int fd) {
    receive(fd);
    send_all(fd, retry);
  });
  test::Harness harness(patient_limits());
  const auto endpoint = harness.one(server.port(), "tls", Profile::kQuick);
  ASSERT_TRUE(endpoint.reached);
  const auto& tls = *endpoint.tls;
  EXPECT_THAT(test::supported_groups(tls), testing::ElementsAre("x25519"));
  EXPECT_TRUE(test::has_finding(tls.findings, "group_not_offered"));
  EXPECT_FALSE(tls.server_order);
  for (const auto& group : tls.groups) {
    if (group.name != "x25519") EXPECT_EQ(group.state, Support::kNotProven) << group.name;
  }
  EXPECT_LE(endpoint.connections, 6);
}

TEST(Hostile, GroupThatWasNotOfferedProvesNothing) {
  Bytes retry = test::vector("tls13_retry_request");
  retry[retry.size() - 2] = 0xFA;  // GREASE
  retry[retry.size() - 1] = 0xFA;
  ScriptedServer server([&retry](int fd) {
    receive(fd);
    send_all(fd, retry);
  });
  test::Harness harness(patient_limits());
  const auto endpoint = harness.one(server.port(), "tls", Profile::kQuick);
  ASSERT_TRUE(endpoint.reached);
  EXPECT_TRUE(test::supported_groups(*endpoint.tls).empty());
  EXPECT_EQ(test::groups_in(*endpoint.tls, {Support::kNotProven}).size(),
            endpoint.tls->groups.size());
}

TEST(Hostile, ServerHelloInsteadOfRetryRequestProvesNoGroup) {
  // RFC 8448's ServerHello names x25519, for which no share was sent.
  const Bytes hello = *from_hex(
      "160303005a020000560303a6af06a4121860dc5e6e60249cd34c95930c8ac5cb1434dac155772ed3e26928001301"
      "00002e00330024001d0020c9828876112095fe66762bdbf7c672e156d6cc253b833df1dd69b1b04e751f0f002b00"
      "020304");
  ScriptedServer server([&hello](int fd) {
    receive(fd);
    send_all(fd, hello);
  });
  test::Harness harness(patient_limits());
  const auto endpoint = harness.one(server.port(), "tls", Profile::kQuick);
  ASSERT_TRUE(endpoint.reached);
  EXPECT_TRUE(test::supported_groups(*endpoint.tls).empty());
  EXPECT_TRUE(test::has_finding(endpoint.tls->findings, "key_share_not_offered"));
}

TEST(Hostile, LargeHelloIntolerance) {
  // Resets hellos over 1,500 bytes and otherwise hands on to a real server.
  test::TempDir dir;
  test::make_ecdsa(dir);
  const auto real = test::openssl_server(
      dir, {"-tls1_3", "-cert", dir.file("ecdsa.crt"), "-key", dir.file("ecdsa.key")});
  ScriptedServer server([&real](int fd) {
    const Bytes hello = receive(fd);
    if (hello.size() > 1500) return reset(fd);
    const int onward = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(real.port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(onward, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
      send_all(onward, hello);
      send_all(fd, receive(onward));
    }
    close(onward);
  });
  test::Harness harness(patient_limits());
  const auto endpoint = harness.one(server.port(), "tls", Profile::kQuick);
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_TRUE(test::has_finding(endpoint.tls->findings, "large_client_hello_intolerant"));
  EXPECT_FALSE(test::supported_groups(*endpoint.tls).empty());
}

TEST(Engine, RefusedPortIsSaidInPlainWords) {
  test::Harness harness(patient_limits());
  const auto endpoint = harness.one(test::free_port());
  EXPECT_FALSE(endpoint.reached);
  EXPECT_EQ(endpoint.unreached_reason, "connection refused");
  EXPECT_EQ(endpoint.protocol, "");
  EXPECT_EQ(endpoint.connections, 0);
}

TEST(Engine, DeniedAddressTellsTheOperatorWhatToDo) {
  test::Harness harness(patient_limits());
  const auto all = harness.run({{"10.0.0.1", 443, "tls"}}, Profile::kQuick);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].unreached_reason,
            "The address 10.0.0.1 is in the special-purpose block 10.0.0.0/8; the operator of this "
            "server can allow it with --allow-targets 10.0.0.1/32.");
}

TEST(Engine, UnknownKindFindsSshBehindASlowGreeting) {
  ScriptedServer server([](int fd) {
    receive(fd);  // says nothing until it hears something
    send_all(fd, as_bytes("SSH-2.0-late\r\n"));
  });
  test::Harness harness(patient_limits());
  const auto endpoint = harness.one(server.port(), "");
  EXPECT_EQ(endpoint.protocol, "ssh");
  EXPECT_EQ(endpoint.ssh->banner, "SSH-2.0-late");
}

TEST(Engine, ManyEndpointsStayWithinTheLimits) {
  std::atomic<int> now{0}, most{0};
  ScriptedServer server([&](int fd) {
    const int seen = ++now;
    for (int had = most; seen > had && !most.compare_exchange_weak(had, seen);) {
    }
    receive(fd);
    --now;  // before the answer: whoever has it may come again at once
    send_all(fd, *from_hex("15030300020246"));  // protocol_version
  });
  EngineLimits limits = patient_limits();
  limits.probes_per_host = 3;
  limits.connects_per_host_per_second = 10000;
  limits.connect_burst_per_host = 10000;
  test::Harness harness(limits);
  std::vector<PlannedEndpoint> endpoints(60, {"127.0.0.1", server.port(), "tls"});
  const auto all = harness.run(endpoints, Profile::kQuick);
  ASSERT_EQ(all.size(), 60u);
  std::set<std::string> ids;
  for (const auto& endpoint : all) {
    ids.insert(endpoint.id);
    EXPECT_TRUE(endpoint.reached);
    EXPECT_EQ(test::state_of(*endpoint.tls, "TLS 1.3"), Support::kUnsupported);
  }
  EXPECT_EQ(ids.size(), 60u);
  EXPECT_TRUE(ids.contains("ep_1") && ids.contains("ep_60"));
  EXPECT_LE(most, 3);
}

TEST(Engine, CancelEndsSoonAndHandsOverNothingMore) {
  ScriptedServer server(wait_for_close);
  EngineLimits limits;
  limits.handshake = 60s;
  limits.target = 120s;
  test::Harness harness(limits);
  std::vector<PlannedEndpoint> endpoints(20, {"127.0.0.1", server.port(), "tls"});
  const auto began = std::chrono::steady_clock::now();
  std::thread canceller([&] {
    while (server.accepted() == 0) std::this_thread::yield();
    harness.cancelled = true;
  });
  const auto all = harness.run(endpoints, Profile::kStandard);
  canceller.join();
  EXPECT_TRUE(all.empty());
  EXPECT_LT(std::chrono::steady_clock::now() - began, 30s);
}

TEST(Engine, ScansOnSeveralExecutorsShareTheLimits) {
  ScriptedServer server([](int fd) {
    receive(fd);
    send_all(fd, *from_hex("15030300020246"));
  });
  EngineLimits limits = patient_limits();
  limits.connects_per_host_per_second = 10000;
  limits.connect_burst_per_host = 10000;
  test::Harness harness(limits);
  std::vector<std::thread> threads;
  std::atomic<int> done{0};
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      std::vector<PlannedEndpoint> endpoints(20, {"127.0.0.1", server.port(), "tls"});
      done += static_cast<int>(harness.run(endpoints, Profile::kQuick).size());
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(done, 60);
}

TEST(RateLimit, BurstThenEvenPace) {
  RateLimit rate(10, 10);
  const SteadyTime now = SteadyTime{} + 1h;
  for (int i = 0; i < 10; ++i) EXPECT_EQ(rate.reserve("a", now), now) << i;
  EXPECT_EQ(rate.reserve("a", now), now + 100ms);
  EXPECT_EQ(rate.reserve("a", now), now + 200ms);
  EXPECT_EQ(rate.reserve("b", now), now);
  EXPECT_EQ(rate.reserve("a", now + 10s), now + 10s);
}

net::Target target(std::string_view text) { return *net::parse_target(text); }

TEST(Plan, ExpandsInOrderWithoutDuplicates) {
  PlanRequest request;
  request.targets = {target("example.org"), target("192.0.2.0/30"), target("example.org:443"),
                     target("[2001:db8::1]:22")};
  const auto planned = plan(request);
  ASSERT_TRUE(planned);
  std::vector<std::string> seen;
  for (const auto& one : *planned) seen.push_back(one.host + " " + std::to_string(one.port));
  EXPECT_THAT(seen, testing::ElementsAre("example.org 443", "192.0.2.1 443", "192.0.2.2 443",
                                         "2001:db8::1 22"));
}

TEST(RateLimit, AWholeProfilePassesAtOnceThenTheRateHolds) {
  const EngineLimits limits;
  RateLimit rate(limits.connects_per_host_per_second, limits.connect_burst_per_host);
  const SteadyTime now = SteadyTime{} + 1h;
  for (int i = 0; i < 12; ++i) EXPECT_EQ(rate.reserve("a", now), now) << i;
  SteadyTime last = now;
  for (int i = 0; i < 100; ++i) last = rate.reserve("a", now);
  EXPECT_EQ(last, now + 50ms * (112 - limits.connect_burst_per_host));
}

TEST(Plan, ARefusalSaysHowManyAndWhose) {
  PlanRequest request;
  request.targets = {target("example.org"), target("10.0.0.0/8")};
  EXPECT_EQ(plan(request).error().fields.at(0).detail,
            "must come to at most 10,000 endpoints (hosts times ports), not 16,777,215; 10.0.0.0/8 "
            "alone brings 16,777,214");
  request.targets = {target("2001:db8::/64")};
  EXPECT_EQ(plan(request).error().fields.at(0).detail,
            "must come to at most 10,000 endpoints (hosts times ports), not more than 10^19");
  request.targets = {target("192.0.2.0/24")};
  request.ports = std::vector<std::uint16_t>(50);
  for (std::size_t i = 0; i < 50; ++i) request.ports[i] = static_cast<std::uint16_t>(1000 + i);
  EXPECT_EQ(plan(request).error().fields.at(0).detail,
            "must come to at most 10,000 endpoints (hosts times ports), not 12,700");
  request.ports = {};
  request.endpoints_max = 254;
  EXPECT_EQ(plan(request)->size(), 254u);
  request.endpoints_max = 253;
  EXPECT_FALSE(plan(request));
}

TEST(Plan, SmallBlocksOfBothFamilies) {
  const auto hosts = [](std::string_view text) {
    PlanRequest request;
    request.targets = {target(text)};
    std::string out;
    const auto planned = plan(request);
    for (const auto& one : *planned) out += one.host + " ";
    return out;
  };
  EXPECT_EQ(hosts("192.0.2.0/31"), "192.0.2.0 192.0.2.1 ");
  EXPECT_EQ(hosts("192.0.2.9/32"), "192.0.2.9 ");
  EXPECT_EQ(hosts("192.0.2.8/30"), "192.0.2.9 192.0.2.10 ");
  EXPECT_EQ(hosts("2001:db8::2/127"), "2001:db8::2 2001:db8::3 ");
  EXPECT_EQ(hosts("2001:db8::2/128"), "2001:db8::2 ");
  EXPECT_EQ(hosts("255.255.255.254/31"), "255.255.255.254 255.255.255.255 ");
}

TEST(Plan, PortsKindsAndBounds) {
  PlanRequest request;
  request.targets = {target("a.example"), target("b.example:8443")};
  request.ports = {443, 22};
  request.kinds = {"tls", "ssh"};
  EXPECT_EQ(plan(request)->size(), 6u);
  request.kinds = {"gopher"};
  EXPECT_EQ(plan(request).error().fields.at(0).field, "kinds");
  request.kinds = {};
  request.targets = {target("10.0.0.0/8")};
  const auto refused = plan(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kValidationFailed);
  EXPECT_EQ(refused.error().fields.at(0).field, "targets");
  request.targets = {target("192.0.2.7/32"), target("255.255.255.255/32"),
                     target("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"), target("0.0.0.0/31")};
  request.ports = {};
  EXPECT_EQ(plan(request)->size(), 5u);
}

}  // namespace
}  // namespace carnet::probe
