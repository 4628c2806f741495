#include "inventory/endpoint_json.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/json.h"

namespace carnet::inventory {
namespace {

namespace bj = boost::json;

// As in docs/api.md, "Reading one".
constexpr std::string_view kTls =
    R"({"id":"ep_1","host":"a.example","port":443,"address":"192.0.2.1","protocol":"tls",
  "reached":true,"durationMs":12,"connections":3,"tls":{"versions":[{"version":"TLS 1.3","state":"supported"}],
  "groups":[{"name":"X25519MLKEM768","codepoint":"11EC","kind":"hybrid","state":"preferred"}],"serverOrder":true,
  "cipherSuites":[{"version":"TLS 1.3","name":"TLS_AES_128_GCM_SHA256","codepoint":"1301"}],
  "handshakeProof":{"proven":true,"group":"X25519MLKEM768","cipherSuite":"x","signatureScheme":"y","clientHelloBytes":1736},
  "certificates":[{"chain":0,"position":0,"subject":"CN=a","issuer":"CN=b","serialNumber":"01",
  "notBefore":"2026-01-01T00:00:00Z","notAfter":"2026-03-01T00:00:00Z","sans":["dns:a.example"],"keyAlgorithm":"RSA",
  "keyBits":2048,"curve":"","signatureAlgorithm":"sha256WithRSAEncryption","sha256":""}],
  "findings":[{"code":"certificate_expired","severity":"high","detail":"x"}]}})";

Result<Endpoint> read(std::string_view text) {
  auto value = json::parse(text);
  if (!value) return tl::unexpected(value.error());
  return endpoint_from_json(value->get_object());
}

std::string replaced(std::string_view from, std::string_view to) {
  std::string text(kTls);
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(EndpointJson, ReadsTheShapeOfTheInterface) {
  const auto endpoint = read(kTls);
  ASSERT_TRUE(endpoint.has_value());
  EXPECT_EQ(endpoint->port, 443);
  ASSERT_TRUE(endpoint->tls.has_value());
  EXPECT_EQ(endpoint->tls->groups[0].codepoint, 0x11EC);
  EXPECT_EQ(endpoint->tls->groups[0].state, Support::kPreferred);
  EXPECT_EQ(endpoint->tls->server_order, true);
  EXPECT_EQ(endpoint->tls->certificates[0].key_bits, 2048);
  EXPECT_EQ(to_rfc3339(endpoint->tls->certificates[0].not_after), "2026-03-01T00:00:00Z");
  EXPECT_FALSE(endpoint->ssh.has_value());
}

TEST(EndpointJson, WritesWhatItReads) {
  const std::string once = json::write(endpoint_to_json(*read(kTls)));
  EXPECT_EQ(json::write(endpoint_to_json(*read(once))), once);
}

TEST(EndpointJson, AnUnreachedOneSaysWhy) {
  Endpoint endpoint;
  endpoint.host = "a.example";
  endpoint.unreached_reason = "connection refused";
  const bj::object json = endpoint_to_json(endpoint);
  EXPECT_EQ(json.at("reason"), "connection refused");
  EXPECT_FALSE(json.contains("tls"));
  EXPECT_EQ(endpoint_from_json(json)->unreached_reason, "connection refused");
}

TEST(EndpointJson, WrongTypesAndValuesAreRefused) {
  EXPECT_FALSE(read(replaced("\"port\":443", "\"port\":\"443\"")));
  EXPECT_FALSE(read(replaced("\"port\":443", "\"port\":65536")));
  EXPECT_FALSE(read(replaced("\"port\":443", "\"port\":-1")));
  EXPECT_FALSE(read(replaced("11EC", "11EG")));
  EXPECT_FALSE(read(replaced("11EC", "1")));
  EXPECT_FALSE(read(replaced("\"preferred\"", "\"perhaps\"")));
  EXPECT_FALSE(read(replaced("2026-03-01T00:00:00Z", "2026-13-01T00:00:00Z")));
  EXPECT_FALSE(read(replaced("[\"dns:a.example\"]", "[5]")));
  EXPECT_FALSE(read(replaced("\"reached\":true", "\"reached\":1")));
  EXPECT_FALSE(read(replaced("\"serverOrder\":true", "\"serverOrder\":\"yes\"")));
}

TEST(EndpointJson, ALongListIsRefused) {
  Endpoint endpoint;
  endpoint.ssh = SshObservation{};
  endpoint.ssh->kex.assign(kEndpointListMax, "curve25519-sha256");
  EXPECT_TRUE(endpoint_from_json(endpoint_to_json(endpoint)));
  endpoint.ssh->kex.emplace_back("one more");
  EXPECT_FALSE(endpoint_from_json(endpoint_to_json(endpoint)));
}

TEST(EndpointJson, SshCertificatesAndUpgradesGoBothWays) {
  Endpoint endpoint;
  endpoint.protocol = "smtp";
  endpoint.recognised_by = "greeting";
  endpoint.starttls = StarttlsObservation{
      .state = "refused", .greeting = "220 x", .findings = {{"starttls_refused", "high", "No."}}};
  endpoint.ssh = SshObservation{};
  endpoint.ssh->host_keys = {
      {"ssh-rsa", 3072, "SHA256:a", SshSigner{"ssh-ed25519", 255, "SHA256:b"}},
      {"ssh-ed25519", 255, "SHA256:c"}};
  endpoint.ssh->post_quantum_kex = {{"mlkem768x25519-sha256", "hybrid", Support::kPreferred}};
  endpoint.ssh->compression = {"none"};
  const bj::object json = endpoint_to_json(endpoint);
  EXPECT_EQ(json.at("recognisedBy"), "greeting");
  EXPECT_EQ(json.at("starttls").at("state"), "refused");
  const auto keys = json.at("ssh").at("hostKeys").as_array();
  EXPECT_EQ(keys.at(0).at("signedBy").at("fingerprint"), "SHA256:b");
  EXPECT_FALSE(keys.at(1).as_object().contains("signedBy"));
  const auto back = endpoint_from_json(json);
  ASSERT_TRUE(back);
  EXPECT_EQ(endpoint_to_json(*back), json);
  EXPECT_FALSE(endpoint_to_json(Endpoint{}).contains("starttls"));
}

TEST(EndpointJson, AliasesAndOtherAddressesGoBothWays) {
  Endpoint endpoint;
  endpoint.aliases = {"a.cdn.example", "b.cdn.example"};
  endpoint.other_addresses = {{"2001:db8::1", "same", ""},
                              {"192.0.2.2", "differs", "no group X25519MLKEM768"}};
  const bj::object json = endpoint_to_json(endpoint);
  EXPECT_FALSE(json.at("otherAddresses").at(0).as_object().contains("detail"));
  EXPECT_EQ(json.at("otherAddresses").at(1).at("detail"), "no group X25519MLKEM768");
  const auto back = endpoint_from_json(json);
  ASSERT_TRUE(back);
  EXPECT_EQ(endpoint_to_json(*back), json);
  EXPECT_EQ(back->aliases, endpoint.aliases);
  const bj::object none = endpoint_to_json(Endpoint{});
  EXPECT_FALSE(none.contains("aliases") || none.contains("otherAddresses"));
}

TEST(EndpointJson, AMemberOfANewerWriterIsIgnored) {
  EXPECT_TRUE(read(replaced("\"port\":443", "\"port\":443,\"quic\":{}")));
}

}  // namespace
}  // namespace carnet::inventory
