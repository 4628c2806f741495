// Host keys of every kind: from OpenSSH with a certificate of each, by every key exchange that can
// be begun, and blobs of kinds that OpenSSH 9.2 does not make.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <mutex>

#include "crypto/ecdh.h"
#include "crypto/mlkem.h"
#include "probe/ssh_findings.h"
#include "probe/ssh_kex.h"
#include "probe/ssh_parser.h"
#include "probe/tests/fake_server.h"
#include "probe/tests/harness.h"
#include "probe/tests/servers.h"

namespace carnet::probe {
namespace {

using inventory::Support;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAreArray;

EngineLimits patient() {
  EngineLimits limits;
  limits.connects_per_host_per_second = 1000;
  limits.connect_burst_per_host = 1000;
  return limits;
}

struct KeyPlan {
  const char* file;
  const char* type;  // for ssh-keygen
  const char* bits;
  const char* blob;
  int expected_bits;
};
constexpr KeyPlan kKeys[] = {
    {"rsa", "rsa", "3072", "ssh-rsa", 3072},
    {"ecdsa256", "ecdsa", "256", "ecdsa-sha2-nistp256", 256},
    {"ecdsa384", "ecdsa", "384", "ecdsa-sha2-nistp384", 384},
    {"ecdsa521", "ecdsa", "521", "ecdsa-sha2-nistp521", 521},
    {"ed25519", "ed25519", "256", "ssh-ed25519", 255},
};

class SshKeys : public testing::Test {
 protected:
  void SetUp() override {
    // sshd wants this folder when it starts as root, as its init script makes it.
    if (getuid() == 0) mkdir("/run/sshd", 0755);
  }
  void make_key(const KeyPlan& key) {
    test::run_command(dir_, {"ssh-keygen", "-q", "-t", key.type, "-b", key.bits, "-N", "", "-f",
                             dir_.file(key.file)});
  }
  test::Server start(const std::string& extra) {
    const std::uint16_t port = test::free_port();
    dir_.write("sshd_config", "Port " + std::to_string(port) +
                                  "\nListenAddress 127.0.0.1\nPidFile none\nUsePAM no\n"
                                  "StrictModes no\nMaxStartups 100\n" +
                                  extra);
    return test::Server(dir_, {"/usr/sbin/sshd", "-D", "-e", "-f", dir_.file("sshd_config")}, port);
  }
  std::string host_key(const std::string& name) { return "HostKey " + dir_.file(name) + "\n"; }
  // As ssh-keygen prints it.
  std::string fingerprint(const std::string& name) {
    test::Process process({"ssh-keygen", "-lf", dir_.file(name)}, dir_.file("fp-" + name));
    EXPECT_EQ(process.wait(), 0);
    std::ifstream file(dir_.file("fp-" + name));
    std::string bits, out;
    file >> bits >> out;
    return out;
  }
  test::TempDir dir_;
  test::Harness harness_{patient()};
};

TEST_F(SshKeys, EveryTypeWithItsCertificate) {
  make_key({"ca", "ed25519", "256", "", 0});
  // OpenSSH 10 knows no DSA any more.
  const bool has_dsa = std::system("ssh -Q key | grep -qx ssh-dss") == 0;  // NOLINT(cert-env33-c)
  std::string config = "HostKeyAlgorithms +" + std::string(has_dsa ? "ssh-dss," : "") +
                       "ssh-rsa,ssh-rsa-cert-v01@openssh.com\n";
  std::vector<std::string> expected;
  for (const KeyPlan& key : kKeys) {
    make_key(key);
    test::run_command(dir_, {"ssh-keygen", "-q", "-s", dir_.file("ca"), "-h", "-I", "test", "-n",
                             "localhost", "-V", "+1d", dir_.file(key.file) + ".pub"});
    config += host_key(key.file) + "HostCertificate " + dir_.file(key.file) + "-cert.pub\n";
    const std::string size = std::to_string(key.expected_bits);
    const std::string print = fingerprint(std::string(key.file) + ".pub");
    expected.push_back(std::string(key.blob) + " " + size + " " + print);
    // A certificate has the fingerprint of the key inside, and names who signed it.
    expected.push_back(std::string(key.blob) + "-cert-v01@openssh.com " + size + " " + print +
                       " by ssh-ed25519 255 " + fingerprint("ca.pub"));
  }
  if (has_dsa) {
    make_key({"dsa", "dsa", "1024", "ssh-dss", 1024});
    config += host_key("dsa");
    expected.push_back("ssh-dss 1024 " + fingerprint("dsa.pub"));
  }

  const auto server = start(config);
  const auto endpoint = harness_.one(server.port(), "ssh");
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  std::vector<std::string> seen;
  for (const auto& key : endpoint.ssh->host_keys) {
    std::string text = key.type + " " + std::to_string(key.bits) + " " + key.fingerprint;
    if (key.signed_by) {
      text += " by " + key.signed_by->type + " " + std::to_string(key.signed_by->bits) + " " +
              key.signed_by->fingerprint;
    }
    seen.push_back(text);
  }
  EXPECT_THAT(seen, UnorderedElementsAreArray(expected));
  EXPECT_EQ(endpoint.connections, has_dsa ? 11 : 10);
  const auto& findings = endpoint.ssh->findings;
  EXPECT_TRUE(test::has_finding(findings, "ssh_host_key_possession_not_proven"));
  EXPECT_TRUE(test::has_finding(findings, "ssh_sha1_signature"));
  EXPECT_FALSE(test::has_finding(findings, "ssh_host_key_not_read"));
  EXPECT_FALSE(test::has_finding(findings, "ssh_certificate_expired"));
}

TEST_F(SshKeys, ExpiredHostCertificateIsAFinding) {
  make_key({"ca", "ed25519", "256", "", 0});
  make_key(kKeys[4]);
  test::run_command(dir_, {"ssh-keygen", "-q", "-s", dir_.file("ca"), "-h", "-I", "old", "-V",
                           "20200101:20200201", dir_.file("ed25519.pub")});
  const auto server =
      start(host_key("ed25519") + "HostCertificate " + dir_.file("ed25519-cert.pub") + "\n");
  const auto endpoint = harness_.one(server.port(), "ssh");
  ASSERT_TRUE(endpoint.reached);
  EXPECT_TRUE(test::has_finding(endpoint.ssh->findings, "ssh_certificate_expired"));
}

// The server takes one key exchange and no other; its host key comes all the same.
TEST_F(SshKeys, ByEveryKeyExchangeThatOpensshHas) {
  make_key(kKeys[4]);
  const std::string print = fingerprint("ed25519.pub");
  for (const std::string kex :
       {"curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384", "ecdh-sha2-nistp521", "sntrup761x25519-sha512@openssh.com",
        "diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512",
        "diffie-hellman-group18-sha512", "diffie-hellman-group14-sha1",
        "diffie-hellman-group1-sha1", "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group-exchange-sha1"}) {
    const auto server = start(host_key("ed25519") + "KexAlgorithms " + kex + "\n");
    const auto endpoint = harness_.one(server.port(), "ssh");
    ASSERT_TRUE(endpoint.reached) << kex << endpoint.unreached_reason;
    EXPECT_EQ(endpoint.ssh->negotiated_kex, kex);
    ASSERT_EQ(endpoint.ssh->host_keys.size(), 1u)
        << kex << ": " << endpoint.ssh->findings.back().detail;
    EXPECT_EQ(endpoint.ssh->host_keys[0].fingerprint, print) << kex;
    EXPECT_EQ(endpoint.connections, 1) << kex;
    EXPECT_EQ(test::has_finding(endpoint.ssh->findings, "ssh_sha1_kex"), kex.ends_with("-sha1"));
  }
}

TEST_F(SshKeys, PostQuantumKexIsPreferredOnlyWhereItStandsFirst) {
  make_key(kKeys[4]);
  const std::string hybrid = "sntrup761x25519-sha512@openssh.com";
  const auto look = [&](const std::string& list) {
    const auto server = start(host_key("ed25519") + "KexAlgorithms " + list + "\n");
    return *harness_.one(server.port(), "ssh").ssh;
  };
  auto ssh = look(hybrid + ",curve25519-sha256");
  ASSERT_EQ(ssh.post_quantum_kex.size(), 1u);
  EXPECT_EQ(ssh.post_quantum_kex[0].name, hybrid);
  EXPECT_EQ(ssh.post_quantum_kex[0].kind, "experimental");
  EXPECT_EQ(ssh.post_quantum_kex[0].state, Support::kPreferred);
  ssh = look("curve25519-sha256," + hybrid);
  ASSERT_EQ(ssh.post_quantum_kex.size(), 1u);
  EXPECT_EQ(ssh.post_quantum_kex[0].state, Support::kSupported);
  EXPECT_TRUE(look("curve25519-sha256").post_quantum_kex.empty());
}

TEST_F(SshKeys, ListsOfBothDirectionsAndWeakAlgorithms) {
  make_key(kKeys[4]);
  const auto server = start(host_key("ed25519") +
                            "Ciphers aes128-cbc,aes256-ctr\nMACs hmac-sha1,hmac-md5,umac-64@"
                            "openssh.com,hmac-sha2-256\nCompression no\n");
  const auto endpoint = harness_.one(server.port(), "ssh");
  ASSERT_TRUE(endpoint.reached);
  EXPECT_THAT(endpoint.ssh->ciphers, ElementsAre("aes128-cbc", "aes256-ctr"));
  EXPECT_THAT(endpoint.ssh->compression, ElementsAre("none"));
  const auto& findings = endpoint.ssh->findings;
  for (const char* code : {"ssh_cbc_cipher", "ssh_sha1_mac", "ssh_weak_mac"}) {
    EXPECT_TRUE(test::has_finding(findings, code)) << code;
  }
  EXPECT_FALSE(test::has_finding(findings, "ssh_directions_differ"));
}

// An SSH server of the test's own that answers one key exchange with Carnet's ML-KEM: it stands for
// servers newer than Debian's and checks the client's share as they do (FIPS 203 section 7.2, a
// point on the curve). It is no SSH implementation of somebody else's.
class ScriptedSsh {
 public:
  explicit ScriptedSsh(std::string kex)
      : kex_(std::move(kex)), server_([this](int fd) { serve(fd); }) {}
  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  [[nodiscard]] std::string client_banner() {
    const std::lock_guard lock(mutex_);
    return client_banner_;
  }
  static Bytes host_key() {
    Bytes out;
    put_ssh_string(out, as_bytes("ssh-ed25519"));
    put_ssh_string(out, Bytes(32, 9));
    return out;
  }

 private:
  void serve(int fd) {
    Bytes init{kSshKexInit};
    init.insert(init.end(), 16, 1);
    for (const std::string_view list :
         {std::string_view(kex_), std::string_view("ssh-ed25519"), std::string_view("aes256-ctr"),
          std::string_view("aes256-ctr"), std::string_view("hmac-sha2-256"),
          std::string_view("hmac-sha2-256"), std::string_view("none"), std::string_view("none"),
          std::string_view(), std::string_view()}) {
      put_ssh_string(init, as_bytes(list));
    }
    init.insert(init.end(), 5, 0);
    test::send_text(fd, "SSH-2.0-Scripted\r\n");
    test::send_all(fd, ssh_packet(init));
    SshReader reader;  // the client's packets have the same form
    while (true) {
      const Bytes data = test::receive(fd);
      if (data.empty()) return;
      reader.feed(data);
      while (auto packet = reader.next_packet()) {
        {
          const std::lock_guard lock(mutex_);
          client_banner_ = *reader.banner();
        }
        if (packet->front() == kSshKexEcdhInit) answer(fd, *packet);
      }
    }
  }

  void answer(int fd, const Bytes& packet) {
    const std::span<const std::uint8_t> share(packet.data() + 5, packet.size() - 5);
    const auto reply = server_share(share);
    if (!reply) {
      Bytes disconnect{kSshDisconnect, 0, 0, 0, 3};
      put_ssh_string(disconnect, as_bytes("the share is not well formed"));
      put_ssh_string(disconnect, {});
      test::send_all(fd, ssh_packet(disconnect));
      return;
    }
    Bytes out{kSshKexEcdhReply};
    put_ssh_string(out, host_key());
    put_ssh_string(out, *reply);
    put_ssh_string(out, as_bytes("signature"));
    test::send_all(fd, ssh_packet(out));
  }

  std::optional<Bytes> server_share(std::span<const std::uint8_t> share) const {
    const crypto::MlKem set = kex_.starts_with("mlkem1024")  ? crypto::MlKem::k1024
                              : kex_.starts_with("mlkem512") ? crypto::MlKem::k512
                                                             : crypto::MlKem::k768;
    const std::size_t key_bytes = crypto::sizes_of(set).encapsulation_key;
    if (share.size() < key_bytes) return std::nullopt;
    SystemRandom random;
    const auto kem = crypto::mlkem_encapsulate(set, share.first(key_bytes), random);
    if (!kem) return std::nullopt;
    Bytes out = kem->ciphertext;
    const auto classical = share.subspan(key_bytes);
    std::optional<crypto::EcdhGroup> group;
    if (kex_.find("25519") != std::string::npos) group = crypto::EcdhGroup::kX25519;
    if (kex_.find("nistp256") != std::string::npos) group = crypto::EcdhGroup::kP256;
    if (kex_.find("nistp384") != std::string::npos) group = crypto::EcdhGroup::kP384;
    if (!group) return classical.empty() ? std::optional(out) : std::nullopt;
    const auto ours = crypto::EcdhKey::generate(*group);
    if (classical.size() != crypto::share_bytes_of(*group) || !ours.agree(classical)) {
      return std::nullopt;
    }
    const Bytes point = ours.share();
    out.insert(out.end(), point.begin(), point.end());
    return out;
  }

  const std::string kex_;
  std::mutex mutex_;
  std::string client_banner_;  // guarded by mutex_
  test::ScriptedServer server_;
};

TEST(SshMlKem, SharesAreWellFormed) {
  for (const auto& [kex, kind] :
       std::vector<std::pair<std::string, std::string>>{{"mlkem768x25519-sha256", "hybrid"},
                                                        {"mlkem768nistp256-sha256", "hybrid"},
                                                        {"mlkem1024nistp384-sha384", "hybrid"},
                                                        {"mlkem512-sha256", "pq"},
                                                        {"mlkem768-sha256", "pq"},
                                                        {"mlkem1024-sha384", "pq"}}) {
    ScriptedSsh server(kex);
    test::Harness harness(patient());
    const auto endpoint = harness.one(server.port(), "ssh");
    ASSERT_TRUE(endpoint.reached) << kex;
    const auto& ssh = *endpoint.ssh;
    ASSERT_EQ(ssh.host_keys.size(), 1u) << kex << ": " << ssh.findings.back().detail;
    EXPECT_EQ(ssh.host_keys[0].fingerprint, ssh_fingerprint(ScriptedSsh::host_key()));
    ASSERT_EQ(ssh.post_quantum_kex.size(), 1u) << kex;
    EXPECT_EQ(ssh.post_quantum_kex[0].kind, kind) << kex;
    EXPECT_EQ(ssh.post_quantum_kex[0].state, Support::kPreferred);
    EXPECT_EQ(ssh.negotiated_kex, kex);
    EXPECT_THAT(server.client_banner(), testing::MatchesRegex("SSH-2.0-Carnet_[0-9.]+"));
  }
}

Bytes blob(std::string_view type, const std::vector<Bytes>& fields) {
  Bytes out;
  put_ssh_string(out, as_bytes(type));
  for (const Bytes& field : fields) put_ssh_string(out, field);
  return out;
}

TEST(SshBlob, PostQuantumKeysByTheirSize) {
  const std::tuple<const char*, std::size_t> types[] = {{"ssh-mldsa44-ed25519", 1344},
                                                        {"ssh-mldsa-44", 1312},
                                                        {"ssh-mldsa-65", 1952},
                                                        {"ssh-mldsa-87", 2592},
                                                        {"ssh-mldsa44", 1312},
                                                        {"ssh-mldsa65", 1952},
                                                        {"ssh-mldsa87", 2592},
                                                        {"mldsa-44", 1312},
                                                        {"mldsa-65", 1952},
                                                        {"mldsa-87", 2592}};
  for (const auto& [type, bytes] : types) {
    const auto key = parse_host_key(blob(type, {Bytes(bytes, 7)}));
    ASSERT_TRUE(key) << type;
    EXPECT_TRUE(key->known);
    EXPECT_EQ(key->type, type);
    EXPECT_EQ(key->bits, static_cast<int>(bytes) * 8);
    EXPECT_FALSE(parse_host_key(blob(type, {Bytes(bytes - 1, 7)}))) << type;
    EXPECT_FALSE(parse_host_key(blob(type, {Bytes(bytes, 7), Bytes(1, 1)}))) << type;
  }
}

TEST(SshBlob, SecurityKeysAndUnknownTypes) {
  Bytes point(65, 1);
  point[0] = 4;
  const auto curve = as_bytes("nistp256");
  const Bytes curve_bytes(curve.begin(), curve.end());
  auto key = parse_host_key(
      blob("sk-ecdsa-sha2-nistp256@openssh.com", {curve_bytes, point, Bytes(4, 's')}));
  ASSERT_TRUE(key && key->known);
  EXPECT_EQ(key->bits, 256);
  key = parse_host_key(blob("sk-ssh-ed25519@openssh.com", {Bytes(32, 1), Bytes(4, 's')}));
  ASSERT_TRUE(key && key->known);
  EXPECT_EQ(key->bits, 255);
  EXPECT_FALSE(parse_host_key(blob("sk-ssh-ed25519@openssh.com", {Bytes(32, 1)})));
  // Wrong curve for the name, a compressed point.
  EXPECT_FALSE(parse_host_key(blob("ecdsa-sha2-nistp384", {curve_bytes, point})));
  point[0] = 2;
  EXPECT_FALSE(parse_host_key(blob("ecdsa-sha2-nistp256", {curve_bytes, point})));
  key = parse_host_key(blob("ssh-something-new", {Bytes(5, 1)}));
  ASSERT_TRUE(key);
  EXPECT_FALSE(key->known);
  EXPECT_EQ(key->bits, 0);
}

Bytes certificate(std::string_view type, const Bytes& key, std::uint8_t kind, const Bytes& signer) {
  Bytes out = blob(type, {Bytes(32, 3), key});
  const Bytes serial{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, kind};
  out.insert(out.end(), serial.begin(), serial.end());
  put_ssh_string(out, as_bytes("id"));
  put_ssh_string(out, {});
  out.insert(out.end(), 8, 0);
  out.insert(out.end(), 8, 0xFF);
  for (int i = 0; i < 3; ++i) put_ssh_string(out, {});
  put_ssh_string(out, signer);
  put_ssh_string(out, as_bytes("signature"));
  return out;
}

TEST(SshBlob, CertificateOfAHybridKey) {
  const Bytes key(1344, 5);
  const Bytes signer = blob("ssh-ed25519", {Bytes(32, 6)});
  const auto parsed =
      parse_host_key(certificate("ssh-mldsa44-ed25519-cert-v01@openssh.com", key, 2, signer));
  ASSERT_TRUE(parsed && parsed->certificate);
  EXPECT_TRUE(parsed->certificate->for_host);
  EXPECT_EQ(parsed->certificate->signer, signer);
  EXPECT_EQ(parsed->plain, blob("ssh-mldsa44-ed25519", {key}));
  const auto for_user =
      parse_host_key(certificate("ssh-ed25519-cert-v01@openssh.com", Bytes(32, 1), 1, signer));
  ASSERT_TRUE(for_user && for_user->certificate);
  EXPECT_FALSE(for_user->certificate->for_host);
  inventory::SshObservation ssh;
  judge_ssh_certificate(*for_user, Timestamp{}, ssh);
  EXPECT_TRUE(test::has_finding(ssh.findings, "ssh_certificate_not_for_host"));
  const Bytes whole = certificate("ssh-ed25519-cert-v01@openssh.com", Bytes(32, 1), 2, signer);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(parse_host_key(std::span(whole).first(length))) << length;
  }
}

TEST(SshBlob, GroupExchangeMessages) {
  Bytes group{kSshKexEcdhReply};
  put_ssh_string(group, *from_hex("00ffee"));
  put_ssh_string(group, Bytes{2});
  EXPECT_EQ(parse_gex_group(group), 16);
  for (std::size_t length = 0; length < group.size(); ++length) {
    EXPECT_FALSE(parse_gex_group(std::span(group).first(length)));
  }
}

}  // namespace
}  // namespace carnet::probe
