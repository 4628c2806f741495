// The whole TLS probe against servers that lie, stall or flood. Deadlines hold, and nothing is
// claimed that was not proven.
#include <gtest/gtest.h>

#include "probe/tests/fake_server.h"
#include "probe/tests/harness.h"
#include "probe/tests/tls13_server.h"

namespace carnet::probe {
namespace {

using inventory::Profile;
using inventory::Support;
using test::has_finding;
using test::Script;
using test::ScriptedServer;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

Bytes receive_record(int fd) {
  Bytes data(5);
  if (recv(fd, data.data(), 5, MSG_WAITALL) != 5) return {};
  const std::size_t length = static_cast<std::size_t>(data[3]) << 8 | data[4];
  data.resize(5 + length);
  if (recv(fd, data.data() + 5, length, MSG_WAITALL) != static_cast<ssize_t>(length)) return {};
  return data;
}
bool send_bytes(int fd, std::span<const std::uint8_t> data) {
  while (!data.empty()) {
    const ssize_t sent = send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data = data.subspan(static_cast<std::size_t>(sent));
  }
  return true;
}
void drain(int fd) {
  std::array<std::uint8_t, 4096> sink{};
  while (recv(fd, sink.data(), sink.size(), 0) > 0) {
  }
}

// A scripted server on a socket. Hellos without TLS 1.3 or without a share of its group get an
// alert, so that only the handshake itself is at stake.
std::function<void(int)> serve(const std::function<Script()>& make) {
  return [make](int fd) {
    test::Tls13Server server(make());
    const Bytes hello = receive_record(fd);
    const bool share =
        as_text(hello).find(std::string_view("\x00\x1d\x00\x20", 4)) != std::string_view::npos;
    if (!share) {
      send_bytes(fd, Bytes{21, 3, 3, 0, 2, 2, 40});
      return;
    }
    send_bytes(fd, server.answer(hello));
    drain(fd);
  };
}

// For servers that answer at once: nothing waits so long, however busy the machine is.
EngineLimits patient_limits() {
  EngineLimits limits;
  limits.target = 30s;
  limits.connects_per_host_per_second = 500;
  limits.connect_burst_per_host = 500;
  return limits;
}
// For servers that make the probe wait. What they say at once must arrive all the same.
EngineLimits short_limits() {
  EngineLimits limits = patient_limits();
  limits.handshake = 1000ms;
  limits.target = 5s;
  return limits;
}

std::string finding_detail(const inventory::TlsObservation& tls, std::string_view code) {
  for (const auto& finding : tls.findings) {
    if (finding.code == code) return finding.detail;
  }
  return {};
}

TEST(TlsHostile, HonestScriptIsProven) {
  ScriptedServer server(serve([] { return Script{}; }));
  test::Harness harness(patient_limits());
  const auto endpoint = harness.one(server.port());
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_TRUE(endpoint.tls->handshake_proof.proven);
  EXPECT_EQ(endpoint.tls->certificates.size(), 1u);
  EXPECT_EQ(test::state_of(*endpoint.tls, "TLS 1.3"), Support::kSupported);
}

TEST(TlsHostile, WhatDoesNotFitIsAFindingAndNoProof) {
  const auto flip = [](Bytes& message) { message.back() ^= 1; };
  const auto spoil = [](Bytes& records) { records[20] ^= 1; };
  struct Lie {
    Script script;
    std::string says;
  };
  for (const Lie& lie : std::initializer_list<Lie>{
           {{.finished = flip}, "the server's Finished does not fit"},
           {{.verify = flip}, "the server's signature does not fit its certificate"},
           {{.records = spoil}, "does not decrypt"}}) {
    ScriptedServer server(serve([&] { return lie.script; }));
    test::Harness harness(patient_limits());
    const auto endpoint = harness.one(server.port());
    ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
    EXPECT_FALSE(endpoint.tls->handshake_proof.proven);
    EXPECT_THAT(finding_detail(*endpoint.tls, "handshake_failed"), HasSubstr(lie.says));
    EXPECT_THAT(test::supported_groups(*endpoint.tls), IsEmpty());
  }
}

TEST(TlsHostile, HelloRetryLoopEndsAtTheSecond) {
  std::atomic<int> hellos{0};
  ScriptedServer server([&](int fd) {
    test::Tls13Server script({.retries = 1000, .retry_group = 0, .cookie = Bytes(4000, 7)});
    while (true) {
      Bytes hello = receive_record(fd);
      if (hello.empty()) return;
      if (hello[0] != 22) continue;
      ++hellos;
      if (!send_bytes(fd, script.answer(hello))) return;
    }
  });
  test::Harness harness(patient_limits());
  const auto endpoint = harness.one(server.port());
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_FALSE(endpoint.tls->handshake_proof.proven);
  EXPECT_TRUE(has_finding(endpoint.tls->findings, "handshake_failed"));
  EXPECT_THAT(test::supported_groups(*endpoint.tls), IsEmpty());
  EXPECT_LT(hellos, 40);
}

// The deadline of one handshake is for the whole of it, not for each byte.
TEST(TlsHostile, DrippingFlightEndsByTheDeadline) {
  ScriptedServer server([](int fd) {
    test::Tls13Server script({});
    const Bytes flight = script.answer(receive_record(fd));
    for (const std::uint8_t byte : flight) {
      std::this_thread::sleep_for(10ms);  // the server's own slowness, not a synchronisation
      if (!send_bytes(fd, Bytes{byte})) return;
    }
  });
  test::Harness harness(short_limits());
  const auto began = std::chrono::steady_clock::now();
  const auto endpoint = harness.one(server.port());
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_LT(took, 25s);
  if (endpoint.reached) {
    EXPECT_FALSE(endpoint.tls->handshake_proof.proven);
    EXPECT_THAT(test::supported_groups(*endpoint.tls), IsEmpty());
    EXPECT_TRUE(has_finding(endpoint.tls->findings, "handshake_failed") ||
                has_finding(endpoint.tls->findings, "handshake_refused"));
  }
}

TEST(TlsHostile, SilenceBehindTheServerHello) {
  ScriptedServer server([](int fd) {
    test::Tls13Server script({});
    const Bytes flight = script.answer(receive_record(fd));
    send_bytes(fd, std::span<const std::uint8_t>(flight).first(127));
    drain(fd);
  });
  test::Harness harness(short_limits());
  const auto endpoint = harness.one(server.port(), "tls", Profile::kQuick);
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_FALSE(endpoint.tls->handshake_proof.proven);
  EXPECT_THAT(finding_detail(*endpoint.tls, "handshake_failed"), HasSubstr("timed out"));
}

TEST(TlsHostile, TenThousandNamesAndOneByteRecords) {
  Script script;
  script.sans = 9000;  // about 90 KB
  ScriptedServer names(serve([&] { return script; }));
  test::Harness harness(patient_limits());
  auto endpoint = harness.one(names.port(), "tls", Profile::kQuick);
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_TRUE(endpoint.tls->handshake_proof.proven);
  ASSERT_EQ(endpoint.tls->certificates.size(), 1u);
  EXPECT_LE(endpoint.tls->certificates[0].sans.size(), 500u);

  script = {};
  script.record_bytes = 1;
  ScriptedServer pieces(serve([&] { return script; }));
  endpoint = harness.one(pieces.port(), "tls", Profile::kQuick);
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_TRUE(endpoint.tls->handshake_proof.proven);
}

TEST(TlsHostile, HugeCertificateIsRefusedWithTheReason) {
  Script script;
  script.chain = {Bytes(200'000, 0x30)};
  script.record_bytes = 16384;
  ScriptedServer server(serve([&] { return script; }));
  test::Harness harness(patient_limits());
  const auto endpoint = harness.one(server.port(), "tls", Profile::kQuick);
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_THAT(finding_detail(*endpoint.tls, "handshake_failed"), HasSubstr("over 128 KiB"));
}

TEST(TlsHostile, AlertFloodAndRecordsBehindTheClose) {
  ScriptedServer flood([](int fd) {
    receive_record(fd);
    while (send_bytes(fd, Bytes{21, 3, 3, 0, 2, 1, 112})) {
    }
  });
  test::Harness harness(patient_limits());
  auto endpoint = harness.one(flood.port(), "tls", Profile::kQuick);
  EXPECT_FALSE(endpoint.reached);
  EXPECT_EQ(endpoint.unreached_reason, "too many warning alerts");

  ScriptedServer behind([](int fd) {
    test::Tls13Server script({});
    Bytes flight = script.answer(receive_record(fd));
    const Bytes noise(100'000, 0x17);
    if (!send_bytes(fd, flight)) return;
    while (send_bytes(fd, noise)) {
    }
  });
  endpoint = harness.one(behind.port(), "tls", Profile::kStandard);
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_TRUE(endpoint.tls->handshake_proof.proven);
}

TEST(TlsHostile, StatedGroupsCountOnlyFromAProvenHandshake) {
  const auto flip = [](Bytes& message) { message.back() ^= 1; };
  Script script;
  script.stated_groups = {0x11EC, 0x0017};
  script.finished = flip;
  ScriptedServer liar(serve([&] { return script; }));
  test::Harness harness(patient_limits());
  const auto endpoint = harness.one(liar.port());
  ASSERT_TRUE(endpoint.reached);
  EXPECT_THAT(test::supported_groups(*endpoint.tls), IsEmpty());
}

}  // namespace
}  // namespace carnet::probe
