// The SSH packet reader on a capture of OpenSSH 9.2, and the probe against a real sshd.
#include "probe/ssh_parser.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "crypto/hash.h"
#include "probe/tests/harness.h"
#include "probe/tests/servers.h"
#include "probe/tests/vectors.h"

namespace carnet::probe {
namespace {

using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Not;

struct Transcript {
  std::optional<std::string> banner;
  std::vector<Bytes> packets;
  std::string failure;
};

Transcript read(std::span<const std::uint8_t> data, std::size_t chunk = SIZE_MAX) {
  SshReader reader;
  Transcript out;
  for (std::size_t at = 0; at < data.size() && !reader.failed();) {
    const std::size_t count = std::min(chunk, data.size() - at);
    reader.feed(data.subspan(at, count));
    at += count;
    while (auto packet = reader.next_packet()) out.packets.push_back(std::move(*packet));
  }
  out.banner = reader.banner();
  out.failure = reader.failure();
  return out;
}

TEST(SshParser, ReadsACapturedServer) {
  const auto seen = read(test::vector("ssh_curve25519_reply"));
  ASSERT_TRUE(seen.banner);
  EXPECT_TRUE(seen.banner->starts_with("SSH-2.0-OpenSSH_9.2p1 Debian"));
  ASSERT_EQ(seen.packets.size(), 2u);
  const auto init = parse_kex_init(seen.packets[0]);
  ASSERT_TRUE(init);
  EXPECT_EQ(init->kex.front(), "sntrup761x25519-sha512");
  EXPECT_THAT(init->kex, Contains("curve25519-sha256"));
  EXPECT_THAT(init->host_keys, ElementsAre("ssh-ed25519"));
  EXPECT_EQ(init->ciphers_to_client.front(), "chacha20-poly1305@openssh.com");
  EXPECT_FALSE(init->first_packet_follows);
  const auto blob = parse_kex_reply(seen.packets[1]);
  ASSERT_TRUE(blob);
  // What ssh-keygen -l printed for this key.
  EXPECT_EQ("SHA256:" + to_base64(crypto::sha256(*blob)),
            "SHA256:k6mEJugrekmnwMbWAwSqcaR7oTJFTplucSqfV4tCafY=");
  EXPECT_EQ(parse_host_key(*blob)->type, "ssh-ed25519");
}

TEST(SshParser, ByteAtATimeIsTheSameAsAtOnce) {
  const Bytes data = test::vector("ssh_curve25519_reply");
  const auto whole = read(data);
  for (const std::size_t chunk : {1u, 3u, 64u}) {
    const auto pieces = read(data, chunk);
    EXPECT_EQ(pieces.banner, whole.banner);
    EXPECT_EQ(pieces.packets, whole.packets);
    EXPECT_EQ(pieces.failure, whole.failure);
  }
}

TEST(SshParser, TruncatedMessagesAreRefused) {
  const auto seen = read(test::vector("ssh_curve25519_reply"));
  for (std::size_t length = 0; length < seen.packets[0].size(); ++length) {
    EXPECT_FALSE(parse_kex_init(std::span(seen.packets[0]).first(length))) << length;
  }
  for (std::size_t length = 0; length < seen.packets[1].size(); ++length) {
    EXPECT_FALSE(parse_kex_reply(std::span(seen.packets[1]).first(length))) << length;
  }
}

TEST(SshParser, HostileStreamsFail) {
  std::string lines;
  for (int i = 0; i < 64; ++i) lines += "hello\r\n";
  EXPECT_EQ(read(as_bytes(lines)).failure, "not SSH: no banner in 64 lines");
  EXPECT_EQ(read(Bytes(2000, 'x')).failure, "not SSH: a line over 1 KiB before the banner");
  const auto packet = [](std::string_view hex) {
    Bytes data(as_bytes("SSH-2.0-x\r\n").begin(), as_bytes("SSH-2.0-x\r\n").end());
    const Bytes body = *from_hex(hex);
    data.insert(data.end(), body.begin(), body.end());
    return read(data).failure;
  };
  EXPECT_EQ(packet("ffffffff"), "malformed SSH packet length");
  EXPECT_EQ(packet("00000003"), "malformed SSH packet length");
  EXPECT_EQ(packet("0000000d"), "malformed SSH packet length");
  EXPECT_EQ(packet("0000000c0c14000000000000000000000000"), "malformed SSH packet padding");
  EXPECT_EQ(read(as_bytes("SSH-2.0-a\x1b[31m\n")).banner, "SSH-2.0-a?[31m");
}

TEST(SshParser, PacketsRoundTrip) {
  for (std::size_t size = 1; size < 40; ++size) {
    const Bytes payload(size, 7);
    Bytes data(as_bytes("SSH-2.0-x\n").begin(), as_bytes("SSH-2.0-x\n").end());
    const Bytes packet = ssh_packet(payload);
    EXPECT_EQ(packet.size() % 8, 0u);
    data.insert(data.end(), packet.begin(), packet.end());
    EXPECT_THAT(read(data).packets, ElementsAre(payload));
  }
}

class Sshd : public testing::Test {
 protected:
  void SetUp() override {
    // sshd wants this folder when it starts as root, as its init script makes it.
    if (getuid() == 0) mkdir("/run/sshd", 0755);
    for (const auto& [type, bits] : std::vector<std::pair<std::string, std::string>>{
             {"rsa", "2048"}, {"ecdsa", "384"}, {"ed25519", "256"}}) {
      test::run_command(
          dir_, {"ssh-keygen", "-q", "-t", type, "-b", bits, "-N", "", "-f", dir_.file(type)});
    }
  }
  test::Server start(const std::string& extra) {
    const std::uint16_t port = test::free_port();
    std::string config = "Port " + std::to_string(port) +
                         "\nListenAddress 127.0.0.1\nPidFile none\nUsePAM no\nStrictModes no\n"
                         "MaxStartups 100\nHostKey " +
                         dir_.file("rsa") + "\nHostKey " + dir_.file("ecdsa") + "\nHostKey " +
                         dir_.file("ed25519") + "\n" + extra;
    dir_.write("sshd_config", config);
    return test::Server(dir_, {"/usr/sbin/sshd", "-D", "-e", "-f", dir_.file("sshd_config")}, port);
  }
  // "SHA256:…" as ssh-keygen prints it.
  std::string fingerprint(const std::string& type) {
    test::Process process({"ssh-keygen", "-lf", dir_.file(type + ".pub")}, dir_.file(type + ".fp"));
    EXPECT_EQ(process.wait(), 0);
    std::ifstream file(dir_.file(type + ".fp"));
    std::string bits, out;
    file >> bits >> out;
    return out;
  }
  test::TempDir dir_;
  test::Harness harness_;
};

TEST_F(Sshd, ListsAndHostKeys) {
  const auto server = start(
      "KexAlgorithms sntrup761x25519-sha512@openssh.com,curve25519-sha256,ecdh-sha2-nistp256\n"
      "Ciphers aes256-gcm@openssh.com,aes128-ctr\nMACs hmac-sha2-256\n");
  const auto endpoint = harness_.one(server.port(), "");
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_EQ(endpoint.protocol, "ssh");
  const auto& ssh = *endpoint.ssh;
  EXPECT_TRUE(ssh.banner.starts_with("SSH-2.0-OpenSSH_"));
  EXPECT_THAT(ssh.kex, ElementsAre("sntrup761x25519-sha512@openssh.com", "curve25519-sha256",
                                   "ecdh-sha2-nistp256"));
  EXPECT_EQ(ssh.negotiated_kex, "sntrup761x25519-sha512@openssh.com");
  EXPECT_THAT(ssh.ciphers, ElementsAre("aes256-gcm@openssh.com", "aes128-ctr"));
  EXPECT_THAT(ssh.macs, ElementsAre("hmac-sha2-256"));
  EXPECT_TRUE(ssh.strict_kex);  // Debian's 9.2 has the fix for CVE-2023-48795
  ASSERT_EQ(ssh.host_keys.size(), 3u);
  for (const auto& key : ssh.host_keys) {
    if (key.type == "ssh-rsa") {
      EXPECT_EQ(key.bits, 2048);
      EXPECT_EQ(key.fingerprint, fingerprint("rsa"));
    } else if (key.type == "ecdsa-sha2-nistp384") {
      EXPECT_EQ(key.bits, 384);
      EXPECT_EQ(key.fingerprint, fingerprint("ecdsa"));
    } else {
      EXPECT_EQ(key.type, "ssh-ed25519");
      EXPECT_EQ(key.fingerprint, fingerprint("ed25519"));
    }
  }
  // One for each host key, and the first was to find out too; a server that is slow to greet costs
  // one more.
  EXPECT_THAT(endpoint.connections, AnyOf(3, 4));
}

TEST_F(Sshd, HybridOnlyServerGivesItsHostKeysToo) {
  const auto server = start("KexAlgorithms sntrup761x25519-sha512@openssh.com\n");
  const auto endpoint = harness_.one(server.port(), "ssh");
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_EQ(endpoint.ssh->host_keys.size(), 3u)
      << (endpoint.ssh->findings.empty() ? "" : endpoint.ssh->findings.front().detail);
  EXPECT_EQ(endpoint.connections, 3);
}

TEST_F(Sshd, AskedForTlsItIsNotTls) {
  const auto server = start("");
  const auto endpoint = harness_.one(server.port(), "tls");
  EXPECT_FALSE(endpoint.reached);
  EXPECT_EQ(endpoint.unreached_reason, "not TLS: the server speaks SSH");
}

}  // namespace
}  // namespace carnet::probe
