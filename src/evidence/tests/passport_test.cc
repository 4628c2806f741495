// Key sets, envelopes and statements by themselves.

#include "evidence/passport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "evidence/tests/issued.h"

namespace carnet::evidence::testing {
namespace {

using test::large_document;
using ::testing::HasSubstr;

// secure-systems-lab/dsse, protocol.md: the example of the specification.
TEST(Dsse, PreAuthenticationEncodingIsTheSpecifications) {
  EXPECT_EQ(pre_authentication_encoding("http://example.com/HelloWorld", "hello world"),
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  EXPECT_EQ(pre_authentication_encoding("", ""), "DSSEv1 0  0 ");
}

TEST(Dsse, TheSpecificationsEnvelopeIsRead) {
  constexpr std::string_view kText =
      R"({"payload": "aGVsbG8gd29ybGQ=", "payloadType": "http://example.com/HelloWorld",)"
      R"( "signatures": [{"keyid": "66301bbf", "sig": "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="}]})";
  const auto envelope = read_envelope(kText);
  ASSERT_TRUE(envelope.has_value());
  EXPECT_EQ(envelope->payload, "hello world");
  EXPECT_EQ(envelope->signatures.front().keyid, "66301bbf");
  EXPECT_TRUE(envelope->foreign_members.empty());
}

TEST(Dsse, TheDigestIsOfWhatIsSaidAndNotOfHowItIsWritten) {
  const std::string one = R"({"payload":"_-8=","payloadType":"t","signatures":[]})";
  const std::string two =
      R"({ "signatures": [], "cert": "x", "payloadType": "t", "payload": "/+8=" })";
  EXPECT_EQ(envelope_digest(read_envelope(one).value()),
            envelope_digest(read_envelope(two).value()));
  EXPECT_THAT(read_envelope(two)->foreign_members, ::testing::ElementsAre("cert"));
}

TEST(KeySet, IsReadAsItWasWritten) {
  Issuer issuer;
  issuer.set.keys[0].not_after = issuer.issued_at;
  const auto again = read_key_set(key_set_json(issuer.set));
  ASSERT_TRUE(again.has_value()) << again.error().public_detail;
  ASSERT_EQ(again->keys.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(again->keys[i].keyid, issuer.set.keys[i].keyid);
    EXPECT_EQ(again->keys[i].public_key, issuer.set.keys[i].public_key);
    EXPECT_EQ(again->keys[i].not_after, issuer.set.keys[i].not_after);
    EXPECT_EQ(again->keys[i].use, issuer.set.keys[i].use);
  }
}

TEST(KeySet, AnythingThatDoesNotAgreeWithItselfIsRefused) {
  Issuer issuer;
  const std::string good = key_set_json(issuer.set);
  const auto changed = [&](const std::function<void(boost::json::object&)>& change) {
    auto value = json::parse(good).value();
    change(value.as_object()["keys"].as_array()[0].as_object());
    return read_key_set(json::write(value));
  };
  const auto words = [&](const std::function<void(boost::json::object&)>& change) {
    const auto result = changed(change);
    return result ? std::string() : result.error().public_detail;
  };
  EXPECT_THAT(words([](auto& key) { key["keyid"] = std::string(64, 'a'); }),
              HasSubstr("not the SHA-256"));
  EXPECT_THAT(words([](auto& key) { key["publicKey"] = "AAAA"; }), HasSubstr("32 bytes"));
  EXPECT_THAT(words([](auto& key) { key["spki"] = "AAAA"; }), HasSubstr("two different keys"));
  EXPECT_THAT(words([](auto& key) { key["notAfter"] = "2001-01-01T00:00:00Z"; }),
              HasSubstr("ends before it begins"));
  EXPECT_THAT(words([](auto& key) { key["notBefore"] = 7; }), HasSubstr("notBefore"));
  EXPECT_EQ(changed([](auto& key) { key["use"] = "something new"; })->keys.size(), 3U);
  auto twice = json::parse(good).value();
  auto& keys = twice.as_object()["keys"].as_array();
  keys.push_back(keys[0]);
  EXPECT_THAT(read_key_set(json::write(twice)).error().public_detail, HasSubstr("twice"));
  EXPECT_FALSE(read_key_set("{}").has_value());
  EXPECT_FALSE(read_key_set("nonsense").has_value());
}

TEST(Passport, SaysWhatTheScanFound) {
  Issuer issuer;
  Issue issue = issuer.issue();
  issue.previous = PreviousPassport{.sha256 = std::string(64, 'b'), .scan_id = "scan_before"};
  inventory::ScanDocument document = large_document(4);
  const std::string text =
      passport_statement(document, {{.name = "a", .sha256 = std::string(64, 'a')}}, issue).value();
  const auto facts = read_statement(text);
  ASSERT_TRUE(facts.has_value()) << facts.error().public_detail;
  EXPECT_EQ(facts->scan_id, document.scan_id);
  EXPECT_EQ(facts->issuer_url, "https://carnet.example.org");
  EXPECT_EQ(facts->score, document.judgement.score);
  EXPECT_EQ(facts->not_after - facts->issued_at, kPassportLife);
  EXPECT_EQ(facts->previous, issue.previous);
  EXPECT_EQ(facts->targets, targets_of(document));
  const boost::json::value whole = json::parse(text).value();
  const boost::json::value& predicate = whole.at("predicate");
  EXPECT_EQ(predicate.at("counts").at("assets").as_int64(), document.judgement.counts.assets);
  std::int64_t at_risk = 0;
  for (const char* exposure : {"keyEstablishment", "authentication"})
    at_risk += predicate.at("counts").at("byExposure").at(exposure).at("atRisk").as_int64();
  EXPECT_EQ(at_risk, document.judgement.counts.at_risk);
}

TEST(Passport, TheTargetSetDependsOnNothingButTheTargets) {
  inventory::ScanDocument one = large_document(3);
  inventory::ScanDocument two = large_document(3);
  two.scan_id = "scan_another";
  two.judgement.score = 1.0;
  std::reverse(two.endpoints.begin(), two.endpoints.end());
  EXPECT_EQ(target_set_of(one), target_set_of(two));
  two.sample = true;
  EXPECT_NE(target_set_of(one), target_set_of(two));
  EXPECT_NE(target_set_of(one), target_set_of(large_document(4)));
}

TEST(Passport, AStatementWithoutItsMembersIsRefused) {
  Issuer issuer;
  const std::string good = issuer.statement(large_document(1));
  for (const char* member :
       {"sample", "issuer", "tenant", "scanId", "targets", "issuedAt", "notAfter"}) {
    auto value = json::parse(good).value();
    value.as_object()["predicate"].as_object().erase(member);
    EXPECT_FALSE(read_statement(json::write(value)).has_value()) << member;
  }
  for (const char* member : {"_type", "predicateType", "subject", "predicate"}) {
    auto value = json::parse(good).value();
    value.as_object().erase(member);
    EXPECT_FALSE(read_statement(json::write(value)).has_value()) << member;
  }
  auto twice = json::parse(good).value();
  auto& subjects = twice.as_object()["subject"].as_array();
  subjects.push_back(subjects[0]);
  EXPECT_THAT(read_statement(json::write(twice)).error().public_detail, HasSubstr("twice"));
}

}  // namespace
}  // namespace carnet::evidence::testing
