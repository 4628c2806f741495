// SSH servers that misbehave: whatever they do, the probe ends in its time and claims nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "probe/ssh_parser.h"
#include "probe/tests/fake_server.h"
#include "probe/tests/harness.h"

namespace carnet::probe {
namespace {

using test::ScriptedServer;
using test::send_all;
using test::send_text;
using testing::HasSubstr;
using namespace std::chrono_literals;

EngineLimits patient() {
  EngineLimits limits;
  limits.connects_per_host_per_second = 1000;
  limits.connect_burst_per_host = 1000;
  limits.target = 30s;
  return limits;
}
// For servers that make the probe wait. What they say at once must arrive all the same.
EngineLimits hurried() {
  EngineLimits limits = patient();
  limits.handshake = 1500ms;
  limits.target = 5s;
  return limits;
}

Bytes kex_init(std::string_view kex = "curve25519-sha256",
               std::string_view host_keys = "ssh-ed25519") {
  Bytes out{kSshKexInit};
  out.insert(out.end(), 16, 1);
  for (const std::string_view list : {kex, host_keys}) put_ssh_string(out, as_bytes(list));
  for (int i = 0; i < 2; ++i) put_ssh_string(out, as_bytes("aes256-ctr"));
  for (int i = 0; i < 2; ++i) put_ssh_string(out, as_bytes("hmac-sha2-256"));
  for (int i = 0; i < 2; ++i) put_ssh_string(out, as_bytes("none"));
  for (int i = 0; i < 2; ++i) put_ssh_string(out, {});
  out.insert(out.end(), 5, 0);
  return out;
}

inventory::Endpoint look_at(std::function<void(int)> serve,
                            const EngineLimits& limits = patient()) {
  ScriptedServer server(std::move(serve));
  test::Harness harness(limits);
  auto endpoint = harness.one(server.port(), "ssh");
  EXPECT_LT(endpoint.duration_ms, 45'000);
  if (endpoint.ssh) EXPECT_TRUE(endpoint.ssh->host_keys.empty());
  return endpoint;
}

std::string only_detail(const inventory::Endpoint& endpoint, std::string_view code) {
  for (const auto& finding : endpoint.ssh->findings) {
    if (finding.code == code) return finding.detail;
  }
  return "no such finding";
}

TEST(HostileSsh, SilenceAndDripAreNotReached) {
  auto endpoint = look_at(test::wait_for_close, hurried());
  EXPECT_FALSE(endpoint.reached);
  EXPECT_THAT(endpoint.unreached_reason, HasSubstr("timed out"));
  const auto drip = [](int fd) {
    while (send_text(fd, "S")) std::this_thread::sleep_for(20ms);  // its slowness is what is tested
  };
  endpoint = look_at(drip, hurried());
  EXPECT_FALSE(endpoint.reached);
}

TEST(HostileSsh, EndlessLinesBeforeTheBanner) {
  const auto endpoint = look_at([](int fd) {
    while (send_text(fd, "please wait\r\n")) {
    }
  });
  EXPECT_FALSE(endpoint.reached);
  EXPECT_EQ(endpoint.unreached_reason, "not SSH: no banner in 64 lines");
}

TEST(HostileSsh, BannerAloneIsStillABanner) {
  const auto alone = [](int fd) {
    send_text(fd, "SSH-2.0-alone\r\n");
    test::wait_for_close(fd);
  };
  const auto endpoint = look_at(alone, hurried());
  ASSERT_TRUE(endpoint.reached);
  EXPECT_EQ(endpoint.ssh->banner, "SSH-2.0-alone");
  EXPECT_THAT(only_detail(endpoint, "ssh_algorithms_not_read"), HasSubstr("timed out"));
}

TEST(HostileSsh, Version1IsSaid) {
  const auto endpoint = look_at([](int fd) { send_text(fd, "SSH-1.5-old\r\n"); });
  ASSERT_TRUE(endpoint.reached);
  EXPECT_TRUE(test::has_finding(endpoint.ssh->findings, "ssh_protocol_1"));
}

// What follows the banner, and what is said about it.
TEST(HostileSsh, MalformedPackets) {
  Bytes long_list{kSshKexInit};
  long_list.insert(long_list.end(), 16, 1);
  long_list.insert(long_list.end(), {0x80, 0, 0, 0, 'a'});  // a name-list of 2^31 bytes
  Bytes many{kSshKexInit};
  many.insert(many.end(), 16, 1);
  std::string names = "a";
  for (int i = 0; i < 5000; ++i) names += ",a";
  put_ssh_string(many, as_bytes(names));
  Bytes empty_name = kex_init("curve25519-sha256,,x");
  Bytes trailing = kex_init();
  trailing.push_back(0);
  Bytes cut = kex_init();
  cut.pop_back();
  const std::vector<std::pair<Bytes, std::string>> cases{
      {*from_hex("ffffffff"), "malformed SSH packet length"},
      {*from_hex("00000000"), "malformed SSH packet length"},
      {*from_hex("0000000c00140000000000000000000000"), "malformed SSH packet padding"},
      {ssh_packet(long_list), "malformed SSH KEXINIT"},
      {ssh_packet(many), "malformed SSH KEXINIT"},
      {ssh_packet(empty_name), "malformed SSH KEXINIT"},
      {ssh_packet(trailing), "malformed SSH KEXINIT"},
      {ssh_packet(cut), "malformed SSH KEXINIT"},
      {ssh_packet(Bytes{kSshNewKeys}), "unexpected SSH message 21"},
  };
  for (const auto& [data, why] : cases) {
    const auto endpoint = look_at([&sent = data](int fd) {
      send_text(fd, "SSH-2.0-x\r\n");
      send_all(fd, sent);
      test::wait_for_close(fd);
    });
    ASSERT_TRUE(endpoint.reached) << why;
    EXPECT_THAT(only_detail(endpoint, "ssh_algorithms_not_read"), HasSubstr(why));
    EXPECT_TRUE(endpoint.ssh->kex.empty());
  }
}

TEST(HostileSsh, FloodOfIgnoreMessagesEnds) {
  const auto endpoint = look_at([](int fd) {
    send_text(fd, "SSH-2.0-x\r\n");
    const Bytes ignore = ssh_packet(Bytes(20000, kSshIgnore));
    while (send_all(fd, ignore)) {
    }
  });
  ASSERT_TRUE(endpoint.reached);
  EXPECT_THAT(only_detail(endpoint, "ssh_algorithms_not_read"), HasSubstr("256 KiB"));
}

TEST(HostileSsh, DisconnectIsQuotedInPrint) {
  const auto endpoint = look_at([](int fd) {
    send_text(fd, "SSH-2.0-x\r\n");
    Bytes message{kSshDisconnect, 0, 0, 0, 2};
    put_ssh_string(message, as_bytes("go\x1b[31m away"));
    put_ssh_string(message, {});
    send_all(fd, ssh_packet(message));
    test::wait_for_close(fd);
  });
  EXPECT_THAT(only_detail(endpoint, "ssh_algorithms_not_read"),
              HasSubstr("the server disconnected: go?[31m away"));
}

// Answers the client's KEXINIT with something else than its host key.
inventory::Endpoint answer_with(const std::vector<Bytes>& packets,
                                std::string_view kex = "curve25519-sha256") {
  return look_at([&packets, kex](int fd) {
    send_text(fd, "SSH-2.0-x\r\n");
    send_all(fd, ssh_packet(kex_init(kex)));
    SshReader reader;
    while (true) {
      const Bytes data = test::receive(fd);
      if (data.empty()) return;
      reader.feed(data);
      while (auto packet = reader.next_packet()) {
        if (packet->front() != kSshKexEcdhInit && packet->front() != kSshKexGexRequest) continue;
        for (const Bytes& answer : packets) send_all(fd, ssh_packet(answer));
      }
    }
  });
}

Bytes reply_with(std::string_view type, std::size_t key_bytes) {
  Bytes blob;
  put_ssh_string(blob, as_bytes(type));
  put_ssh_string(blob, Bytes(key_bytes, 1));
  Bytes out{kSshKexEcdhReply};
  put_ssh_string(out, blob);
  put_ssh_string(out, Bytes(32, 1));
  put_ssh_string(out, as_bytes("signature"));
  return out;
}

TEST(HostileSsh, RepliesThatProveNothing) {
  const std::vector<std::pair<Bytes, std::string>> cases{
      {kex_init(), "unexpected SSH message 20"},  // begins again instead of answering
      {reply_with("ssh-ed448", 57), "the server sent one of type ssh-ed448"},
      {reply_with("ssh-ed25519", 31), "it is malformed"},
      {Bytes{kSshKexEcdhReply, 0x80, 0, 0, 0}, "malformed SSH key exchange reply"},
  };
  for (const auto& [packet, why] : cases) {
    const auto endpoint = answer_with({packet});
    ASSERT_TRUE(endpoint.reached);
    EXPECT_THAT(only_detail(endpoint, "ssh_host_key_not_read"), HasSubstr(why));
    EXPECT_FALSE(test::has_finding(endpoint.ssh->findings, "ssh_host_key_possession_not_proven"));
  }
}

TEST(HostileSsh, AbsurdGroups) {
  for (const std::size_t bytes : {0U, 1U, 4000U}) {
    Bytes group{kSshKexEcdhReply};
    put_ssh_string(group, Bytes(bytes, 0x7F));
    put_ssh_string(group, Bytes{2});
    const auto endpoint = answer_with({group}, "diffie-hellman-group-exchange-sha256");
    ASSERT_TRUE(endpoint.reached);
    EXPECT_THAT(only_detail(endpoint, "ssh_host_key_not_read"), HasSubstr("malformed SSH group"));
  }
}

TEST(HostileSsh, HostKeyListWithoutEndIsCut) {
  std::string types = "a0";
  for (int i = 1; i < 200; ++i) types += ",a" + std::to_string(i);
  const auto endpoint = look_at([&types](int fd) {
    send_text(fd, "SSH-2.0-x\r\n");
    send_all(fd, ssh_packet(kex_init("curve25519-sha256", types)));
    test::receive(fd);
  });
  ASSERT_TRUE(endpoint.reached);
  EXPECT_EQ(endpoint.ssh->host_key_algorithms.size(), 200u);
  EXPECT_LE(endpoint.connections, 12);
  EXPECT_THAT(only_detail(endpoint, "ssh_host_keys_left_out"), HasSubstr("188"));
}

}  // namespace
}  // namespace carnet::probe
