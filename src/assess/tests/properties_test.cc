// Laws of the score (docs/methodology.md, "Laws"), tried on random inventories.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>

#include "assess/judge.h"
#include "assess/tests/samples.h"

namespace carnet::assess {
namespace {

using inventory::Endpoint;
using inventory::Judgement;

enum class Make {
  kReady,
  kHybrid,
  kNotPreferred,
  kClassical,
  kOldProtocol,
  kSsh,
  kSshOld,
  kUnreached
};

Endpoint make(Make kind, const std::string& host) {
  switch (kind) {
    case Make::kReady: {
      Endpoint endpoint = testing::tls13(host, {0x11EC});
      endpoint.tls->certificates = {testing::certificate("ML-DSA-65", 0, "ML-DSA-65")};
      return endpoint;
    }
    case Make::kHybrid:
      return testing::tls13(host, {0x11EC, 0x001D});
    case Make::kNotPreferred:
      return testing::tls13(host, {0x001D, 0x11EC});
    case Make::kClassical:
      return testing::tls13(host, {0x001D});
    case Make::kOldProtocol: {
      Endpoint endpoint = testing::tls13(host, {0x11EC});
      endpoint.tls->versions.push_back({"TLS 1.0", inventory::Support::kSupported});
      endpoint.tls->certificates = {testing::certificate("RSA", 1024, "sha1WithRSAEncryption")};
      return endpoint;
    }
    case Make::kSsh:
      return testing::ssh(host, {"mlkem768x25519-sha256"},
                          {{"ssh-ed25519", 256, ""}, {"ssh-rsa", 3072, ""}});
    case Make::kSshOld:
      return testing::ssh(host, {"diffie-hellman-group1-sha1"}, {{"ssh-rsa", 1024, ""}});
    case Make::kUnreached:
      return testing::unreached(host);
  }
  return testing::unreached(host);
}

using Kinds = std::vector<Make>;

rc::Gen<Make> any_kind() {
  return rc::gen::element(Make::kReady, Make::kHybrid, Make::kNotPreferred, Make::kClassical,
                          Make::kOldProtocol, Make::kSsh, Make::kSshOld, Make::kUnreached);
}
rc::Gen<Kinds> any_kinds() {
  return rc::gen::resize(12, rc::gen::nonEmpty(rc::gen::container<Kinds>(any_kind())));
}

std::vector<Endpoint> endpoints_of(const Kinds& kinds, const std::string& suffix = ".example") {
  std::vector<Endpoint> endpoints;
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    endpoints.push_back(make(kinds[i], "h" + std::to_string(i) + suffix));
  }
  return endpoints;
}

using Remediation = std::map<std::string, RemediationState>;

Judgement judged(std::vector<Endpoint> endpoints, bool urgent, Remediation remediation = {}) {
  return judge({.endpoints = std::move(endpoints),
                .mosca = {10, 5, urgent ? 5.0 : 50.0},
                .remediation = std::move(remediation),
                .now = testing::november_2026()});
}

// Random states for a random part of the backlog.
Remediation any_remediation(const std::vector<Endpoint>& endpoints, bool urgent) {
  Remediation remediation;
  for (const auto& item : judged(endpoints, urgent).backlog) {
    switch (*rc::gen::inRange(0, 4)) {
      case 0:
        remediation[item.id] = {"done", "", ""};
        break;
      case 1:
        remediation[item.id] = {"in_progress", "team", "2029-01-01"};
        break;
      case 2:
        remediation[item.id] = {"accepted_risk", "ciso", ""};
        break;
      default:
        break;
    }
  }
  return remediation;
}

TEST(Laws, TheScoreIsBoundedAndInsideItsRange) {
  ASSERT_TRUE(rc::check([] {
    const auto endpoints = endpoints_of(*any_kinds());
    const bool urgent = *rc::gen::arbitrary<bool>();
    const Judgement judgement = judged(endpoints, urgent, any_remediation(endpoints, urgent));
    RC_PRE(judgement.score.has_value());
    RC_ASSERT(*judgement.score >= 0 && *judgement.score <= 100);
    RC_ASSERT(*judgement.score_low >= 0 && *judgement.score_low <= *judgement.score);
    RC_ASSERT(judgement.score_high == judgement.score);
    RC_ASSERT(judgement.coverage.confidence >= 0 && judgement.coverage.confidence <= 95);
    const bool complete = judgement.coverage.reached == judgement.coverage.requested;
    if (complete && judgement.counts.unknown == 0)
      RC_ASSERT(judgement.score_low == judgement.score);
  }));
}

TEST(Laws, DoublingLeavesTheScoreUnchanged) {
  ASSERT_TRUE(rc::check([] {
    const Kinds kinds = *any_kinds();
    const bool urgent = *rc::gen::arbitrary<bool>();
    auto doubled = endpoints_of(kinds);
    for (Endpoint& endpoint : endpoints_of(kinds, ".again.example")) doubled.push_back(endpoint);
    const Judgement once = judged(endpoints_of(kinds), urgent);
    const Judgement twice = judged(doubled, urgent);
    RC_ASSERT(once.score == twice.score);
    RC_ASSERT(once.score_low == twice.score_low);
    RC_ASSERT(once.counts.assets * 2 == twice.counts.assets);
  }));
}

TEST(Laws, ReplacingAVulnerableEndpointByASafeOneNeverLowersTheScore) {
  ASSERT_TRUE(rc::check([] {
    Kinds kinds = *any_kinds();
    const bool urgent = *rc::gen::arbitrary<bool>();
    const std::size_t which = *rc::gen::inRange<std::size_t>(0, kinds.size());
    RC_PRE(kinds[which] != Make::kUnreached && kinds[which] != Make::kSsh &&
           kinds[which] != Make::kSshOld);
    const auto before = endpoints_of(kinds);
    const Remediation remediation = any_remediation(before, urgent);
    kinds[which] = Make::kReady;
    RC_ASSERT(*judged(endpoints_of(kinds), urgent, remediation).score >=
              *judged(before, urgent, remediation).score);
  }));
}

TEST(Laws, AddingABrokenAssetNeverRaisesTheScore) {
  ASSERT_TRUE(rc::check([] {
    Kinds kinds = *any_kinds();
    const bool urgent = *rc::gen::arbitrary<bool>();
    const auto before = endpoints_of(kinds);
    const Remediation remediation = any_remediation(before, urgent);
    const Judgement old = judged(before, urgent, remediation);
    RC_PRE(old.score.has_value());
    kinds.push_back(*rc::gen::element(Make::kOldProtocol, Make::kSshOld));
    RC_ASSERT(*judged(endpoints_of(kinds), urgent, remediation).score <= *old.score);
  }));
}

TEST(Laws, TheOrderOfEndpointsDoesNotMatter) {
  ASSERT_TRUE(rc::check([] {
    auto endpoints = endpoints_of(*any_kinds());
    const bool urgent = *rc::gen::arbitrary<bool>();
    const Judgement one = judged(endpoints, urgent);
    std::reverse(endpoints.begin(), endpoints.end());
    std::rotate(endpoints.begin(),
                endpoints.begin() + *rc::gen::inRange<long>(0, static_cast<long>(endpoints.size())),
                endpoints.end());
    const Judgement other = judged(endpoints, urgent);
    RC_ASSERT(one.score == other.score);
    RC_ASSERT(one.assets.size() == other.assets.size());
    for (std::size_t i = 0; i < one.assets.size(); ++i)
      RC_ASSERT(one.assets[i].id == other.assets[i].id);
    RC_ASSERT(one.backlog.size() == other.backlog.size());
    for (std::size_t i = 0; i < one.backlog.size(); ++i)
      RC_ASSERT(one.backlog[i].id == other.backlog[i].id);
  }));
}

TEST(Laws, DoneRemediationNeverLowersTheScore) {
  ASSERT_TRUE(rc::check([] {
    const auto endpoints = endpoints_of(*any_kinds());
    const bool urgent = *rc::gen::arbitrary<bool>();
    Remediation remediation = any_remediation(endpoints, urgent);
    const Judgement before = judged(endpoints, urgent, remediation);
    RC_PRE(!before.backlog.empty());
    const std::size_t which = *rc::gen::inRange<std::size_t>(0, before.backlog.size());
    remediation[before.backlog[which].id] = {"done", "", ""};
    RC_ASSERT(*judged(endpoints, urgent, remediation).score >= *before.score);
  }));
}

TEST(Laws, IdsAreUniqueWithinAScan) {
  ASSERT_TRUE(rc::check([] {
    const Judgement judgement = judged(endpoints_of(*any_kinds()), true);
    std::map<std::string, int> ids;
    for (const auto& asset : judgement.assets) RC_ASSERT(++ids[asset.id] == 1);
    for (const auto& item : judgement.backlog) RC_ASSERT(++ids[item.id] == 1);
  }));
}

}  // namespace
}  // namespace carnet::assess
