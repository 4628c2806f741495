// A name of several addresses: which are looked at, what counts as a difference, and what is said.
#include "probe/other_addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/tests/dns_server.h"
#include "probe/tests/harness.h"
#include "probe/tests/raw_server.h"

namespace carnet::probe {
namespace {

using inventory::Endpoint;
using inventory::OtherAddress;
using inventory::Profile;
using inventory::Support;
using net::test::address_record;
using net::test::cname_record;
using net::test::DnsQuestion;
using net::test::DnsServer;
using net::test::of_type;
using test::RawServer;
using testing::ElementsAre;
using testing::IsEmpty;
using Kind = test::RawServer::Kind;

std::vector<net::IpAddress> addresses(std::initializer_list<const char*> texts) {
  std::vector<net::IpAddress> out;
  for (const char* text : texts) out.push_back(*net::IpAddress::parse(text));
  return out;
}

std::vector<std::string> texts(const std::vector<net::IpAddress>& list) {
  std::vector<std::string> out;
  out.reserve(list.size());
  for (const auto& address : list) out.push_back(address.to_string());
  return out;
}

Endpoint tls_at(std::string address, Support hybrid) {
  Endpoint out;
  out.address = std::move(address);
  out.protocol = "tls";
  out.reached = true;
  out.tls.emplace();
  out.tls->versions = {{"TLS 1.3", Support::kSupported}, {"TLS 1.2", Support::kSupported}};
  out.tls->groups = {{0x001D, "X25519", "classical", Support::kPreferred},
                     {0x11EC, "X25519MLKEM768", "hybrid", hybrid}};
  inventory::Certificate leaf;
  leaf.key_algorithm = "RSA";
  leaf.key_bits = 2048;
  out.tls->certificates = {leaf};
  return out;
}

TEST(OtherAddresses, WhichAreLookedAtDependsOnTheProfile) {
  const auto all = addresses({"2001:db8::1", "192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"});
  Endpoint reported;
  reported.address = "2001:db8::1";
  EXPECT_THAT(addresses_to_compare(all, reported, Profile::kQuick), IsEmpty());
  EXPECT_THAT(texts(addresses_to_compare(all, reported, Profile::kStandard)),
              ElementsAre("192.0.2.1"));
  EXPECT_THAT(texts(addresses_to_compare(all, reported, Profile::kDeep)),
              ElementsAre("192.0.2.1", "2001:db8::2", "192.0.2.2", "192.0.2.3"));
  // One that was tried in vain is known already.
  reported.address = "192.0.2.1";
  reported.other_addresses = {{"2001:db8::1", "unreachable", "connection refused"}};
  EXPECT_THAT(texts(addresses_to_compare(all, reported, Profile::kStandard)),
              ElementsAre("2001:db8::2"));
  std::vector<net::IpAddress> many;
  for (int i = 1; i < 40; ++i)
    many.push_back(*net::IpAddress::parse("192.0.2." + std::to_string(i)));
  EXPECT_EQ(addresses_to_compare(many, reported, Profile::kDeep).size(), kAddressesLookedAtMax - 1);
}

TEST(OtherAddresses, OnlyWhatIsProvenOnBothSidesDiffers) {
  const Endpoint hybrid = tls_at("192.0.2.1", Support::kSupported);
  EXPECT_THAT(differences(hybrid, tls_at("192.0.2.2", Support::kSupported)), IsEmpty());
  EXPECT_THAT(differences(hybrid, tls_at("192.0.2.2", Support::kNotProven)), IsEmpty());
  EXPECT_THAT(differences(hybrid, tls_at("192.0.2.2", Support::kNotTested)), IsEmpty());
  const Endpoint classical = tls_at("192.0.2.2", Support::kUnsupported);
  EXPECT_THAT(differences(hybrid, classical), ElementsAre("no group X25519MLKEM768"));
  EXPECT_THAT(differences(classical, hybrid), ElementsAre("group X25519MLKEM768 as well"));
}

TEST(OtherAddresses, EveryRespectIsNamed) {
  const Endpoint reported = tls_at("192.0.2.1", Support::kUnsupported);
  Endpoint other = tls_at("192.0.2.2", Support::kPreferred);
  other.tls->versions = {{"TLS 1.3", Support::kUnsupported}, {"TLS 1.2", Support::kSupported}};
  other.tls->groups[0].state = Support::kSupported;
  other.tls->certificates[0].key_algorithm = "ECDSA P-256";
  other.tls->certificates[0].key_bits = 256;
  EXPECT_THAT(
      differences(reported, other),
      ElementsAre("no TLS 1.3", "group X25519MLKEM768 as well", "prefers X25519MLKEM768 to X25519",
                  "a certificate with a key of ECDSA P-256 of 256 bits instead of RSA of "
                  "2048 bits"));
  other.protocol = "ssh";
  EXPECT_THAT(differences(reported, other), ElementsAre("speaks ssh, not tls"));

  Endpoint shell, second;
  shell.protocol = second.protocol = "ssh";
  shell.ssh.emplace();
  shell.ssh->kex = {"mlkem768x25519-sha256", "curve25519-sha256"};
  shell.ssh->host_keys = {{"ssh-ed25519", 255, "SHA256:a", {}}, {"ssh-rsa", 3072, "SHA256:r", {}}};
  second.ssh.emplace();
  second.ssh->kex = {"curve25519-sha256"};
  second.ssh->host_keys = {{"ssh-ed25519", 255, "SHA256:b", {}}};
  EXPECT_THAT(differences(shell, second), ElementsAre("no key exchange mlkem768x25519-sha256",
                                                      "another host key of type ssh-ed25519"));
  second.ssh->kex.clear();  // not read
  second.ssh->host_keys.clear();
  EXPECT_THAT(differences(shell, second), IsEmpty());
}

TEST(OtherAddresses, RowsAndFindingsSayWhatWasFound) {
  Endpoint reported = tls_at("192.0.2.1", Support::kSupported);
  Endpoint dead, far;
  dead.unreached_reason = "timed out after 3 s";
  far.unreached_reason = "network unreachable";
  const std::vector<std::pair<std::string, Endpoint>> looks{
      {"192.0.2.3", tls_at("192.0.2.3", Support::kUnsupported)},
      {"192.0.2.2", tls_at("192.0.2.2", Support::kSupported)},
      {"192.0.2.4", dead},
      {"2001:db8::1", far}};
  for (const auto& [text, other] : looks) {
    reported.other_addresses.push_back(
        compare_address(reported, *net::IpAddress::parse(text), other));
  }
  note_other_addresses(
      addresses({"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5", "2001:db8::1"}),
      reported);
  std::string rows;
  for (const OtherAddress& row : reported.other_addresses) {
    rows += row.address + " " + row.state + " " + row.detail + "|";
  }
  EXPECT_EQ(rows,
            "192.0.2.2 same |192.0.2.3 differs no group X25519MLKEM768|"
            "192.0.2.4 unreachable timed out after 3 s|192.0.2.5 not-looked-at |"
            "2001:db8::1 not-looked-at this machine has no way to it|");
  std::string findings;
  for (const auto& finding : std::as_const(reported.tls->findings)) {
    findings += finding.code + ": " + finding.detail + "\n";
  }
  EXPECT_EQ(findings,
            "address_unreachable: The name also leads to 192.0.2.4 (timed out after 3 s); what is "
            "reported is the answer of 192.0.2.1.\n"
            "addresses_differ: Other addresses of the name answer otherwise: 192.0.2.3 (no group "
            "X25519MLKEM768); what is reported is the answer of 192.0.2.1.\n");
}

TEST(OtherAddresses, TheEngineLooksAtThemAndKeepsTheAliases) {
  RawServer first(Kind::kAnswer, "127.77.9.1", test::protocol_version_alert());
  DnsServer dns([](const DnsQuestion& question) {
    return of_type(question, {cname_record("www.example", "edge.example"),
                              address_record("edge.example", "127.77.9.1"),
                              address_record("edge.example", "127.77.9.2")});
  });
  test::Harness harness({}, net::make_resolver({dns.address()}));
  const auto deep = harness.run({{"www.example", first.port(), "tls"}}, Profile::kDeep);
  ASSERT_TRUE(deep.at(0).reached) << deep.at(0).unreached_reason;
  EXPECT_THAT(deep[0].aliases, ElementsAre("edge.example"));
  ASSERT_EQ(deep[0].other_addresses.size(), 1u);
  EXPECT_EQ(deep[0].other_addresses[0].address, "127.77.9.2");
  EXPECT_EQ(deep[0].other_addresses[0].state, "unreachable");
  EXPECT_EQ(deep[0].other_addresses[0].detail, "connection refused");
  EXPECT_TRUE(test::has_finding(deep[0].tls->findings, "address_unreachable"));
  const auto quick = harness.run({{"www.example", first.port(), "tls"}}, Profile::kQuick);
  ASSERT_EQ(quick.at(0).other_addresses.size(), 1u);
  EXPECT_EQ(quick[0].other_addresses[0].state, "not-looked-at");
  EXPECT_FALSE(test::has_finding(quick[0].tls->findings, "address_unreachable"));
  EXPECT_EQ(dns.count("www.example", net::test::kA), 2);  // once a run
}

}  // namespace
}  // namespace carnet::probe
