#include "assess/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>

#include "assess/backlog.h"
#include "assess/frameworks.h"
#include "assess/knowledge.h"
#include "assess/method.h"
#include "assess/mosca.h"
#include "assess/policy.h"
#include "assess/score.h"
#include "assess/tests/samples.h"

namespace carnet::assess {
namespace {

using inventory::AssetStatus;
using inventory::Endpoint;
using inventory::Exposure;
using inventory::Judgement;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::november_2026;
using testing::tls13;
using testing::unreached;

Judgement judged(std::vector<Endpoint> endpoints, MoscaInput mosca = {},
                 std::map<std::string, RemediationState> remediation = {}) {
  return judge({.endpoints = std::move(endpoints),
                .mosca = mosca,
                .remediation = std::move(remediation),
                .now = november_2026()});
}

// ---- Mosca ----

TEST(Mosca, YearsToQDayAreCountedFromTheClock) {
  EXPECT_DOUBLE_EQ(years_to_qday(*parse_rfc3339("2025-01-01T00:00:00Z")), 10.0);
  EXPECT_DOUBLE_EQ(years_to_qday(november_2026()), 8.1);
  EXPECT_DOUBLE_EQ(years_to_qday(*parse_rfc3339("2040-01-01T00:00:00Z")), 0.0);
}

TEST(Mosca, TheInequalityIsStrict) {
  const auto holds = [](double x, double y, double z) {
    return judge_mosca({x, y, z}, november_2026()).inequality_holds;
  };
  EXPECT_TRUE(holds(10, 5, 14.9));
  EXPECT_FALSE(holds(10, 5, 15));
  EXPECT_FALSE(holds(10, 5, 15.1));
  EXPECT_FALSE(holds(0.1, 0.2, 0.3));  // 0.1 + 0.2 > 0.3 in doubles
  EXPECT_TRUE(holds(0.1, 0.2, 0.2));
}

TEST(Mosca, DefaultsAreNamed) {
  const auto judgement = judge_mosca({}, november_2026());
  EXPECT_THAT(judgement.parameters.defaults,
              ::testing::ElementsAre("dataShelfLifeYears", "migrationTimeYears", "yearsToQDay"));
  EXPECT_DOUBLE_EQ(judgement.parameters.data_shelf_life_years, 10);
  EXPECT_DOUBLE_EQ(judgement.parameters.migration_time_years, 5);
  EXPECT_TRUE(judgement.inequality_holds);
  EXPECT_THAT(judge_mosca({1, 2, 3}, november_2026()).parameters.defaults, ::testing::IsEmpty());
}

TEST(Mosca, RoundingIsHalfUpToOneDecimal) {
  EXPECT_DOUBLE_EQ(round1(41.25), 41.3);
  EXPECT_DOUBLE_EQ(round1(41.45), 41.5);
  EXPECT_DOUBLE_EQ(round1(41.24), 41.2);
  EXPECT_DOUBLE_EQ(round1(0), 0);
  EXPECT_DOUBLE_EQ(round1(100), 100);
}

// ---- Score: worked by hand from the formula ----

ScoredAsset key(AssetStatus status, double credit, bool exposed) {
  return {.status = status,
          .exposure = Exposure::kKeyEstablishment,
          .hndl_exposed = exposed,
          .pq_credit = credit};
}
ScoredAsset leaf(AssetStatus status, double remediation = 0) {
  return {
      .status = status, .exposure = Exposure::kAuthentication, .remediation_credit = remediation};
}

TEST(Score, NoClassifiedAssetHasNoScore) {
  EXPECT_EQ(readiness_score({}, true), std::nullopt);
  EXPECT_EQ(readiness_score({leaf(AssetStatus::kUnknown)}, true), std::nullopt);
}

TEST(Score, GoldenTable) {
  const auto safe = AssetStatus::kSafe;
  const auto risk = AssetStatus::kAtRisk;
  const auto broken = AssetStatus::kBroken;
  // All safe: 35 + 35 + 20 + 10.
  EXPECT_DOUBLE_EQ(*readiness_score({key(safe, 1, false), leaf(safe)}, true), 100);
  // Hybrid and a classical certificate: V 17.5 + H 35 + P 20 + R 0.
  EXPECT_DOUBLE_EQ(*readiness_score({key(safe, 1, false), leaf(risk)}, true), 72.5);
  // The same, and the certificate's item done: + R 10.
  EXPECT_DOUBLE_EQ(*readiness_score({key(safe, 1, false), leaf(risk, 1)}, true), 82.5);
  EXPECT_DOUBLE_EQ(*readiness_score({key(safe, 1, false), leaf(risk, 0.5)}, true), 77.5);
  // Two endpoints of which one is exposed: V 35/4, H 35 × (1 − 0.5 × 1.5) when urgent, P 10.
  const std::vector<ScoredAsset> half = {key(safe, 1, false), leaf(risk), key(risk, 0, true),
                                         leaf(risk)};
  EXPECT_DOUBLE_EQ(*readiness_score(half, true), 8.75 + 8.75 + 10);
  EXPECT_DOUBLE_EQ(*readiness_score(half, false), 8.75 + 17.5 + 10);
  // Supported but not preferred: P 0.6 × 20.
  EXPECT_DOUBLE_EQ(*readiness_score({key(risk, 0.6, true)}, false), 12);
  // Broken: −20 × share, no credit, and not below 0.
  EXPECT_DOUBLE_EQ(*readiness_score({key(safe, 1, false), leaf(broken)}, true),
                   17.5 + 35 + 20 - 10);
  EXPECT_DOUBLE_EQ(*readiness_score({key(broken, 1, true)}, true), 0);
  // No key establishment: its weights are spread over V and R.
  EXPECT_DOUBLE_EQ(*readiness_score({leaf(safe), leaf(safe)}, true), 100);
  EXPECT_NEAR(*readiness_score({leaf(safe), leaf(risk)}, true), 17.5 * 100 / 45, 1e-9);
}

TEST(Score, BandsBeginWhereTheMethodSays) {
  EXPECT_EQ(band_of(0), "Critical");
  EXPECT_EQ(band_of(39.9), "Critical");
  EXPECT_EQ(band_of(40), "At Risk");
  EXPECT_EQ(band_of(64.9), "At Risk");
  EXPECT_EQ(band_of(65), "Developing");
  EXPECT_EQ(band_of(84.9), "Developing");
  EXPECT_EQ(band_of(85), "Prepared");
  EXPECT_EQ(band_of(100), "Prepared");
}

TEST(Score, ConfidenceGrowsWithWhatWasSeen) {
  EXPECT_DOUBLE_EQ(coverage_confidence(0, 0, 0), 0);
  EXPECT_DOUBLE_EQ(coverage_confidence(12, 6, 6), 88);
  EXPECT_DOUBLE_EQ(coverage_confidence(100, 50, 50), 95);
  EXPECT_DOUBLE_EQ(coverage_confidence(12, 6, 12), 44);
}

// ---- The whole judgement ----

TEST(Judge, AScanThatReachedEverythingHasNoRange) {
  const Judgement judgement = judged({tls13("a.example", {0x11EC}), tls13("b.example", {0x001D})});
  EXPECT_EQ(judgement.score, judgement.score_low);
  EXPECT_EQ(judgement.score, judgement.score_high);
  // V 35/4 + H 35 × (1 − 0.75) + P 10 + R 0.
  EXPECT_DOUBLE_EQ(*judgement.score, 27.5);
  EXPECT_EQ(judgement.band, "Critical");
  EXPECT_EQ(judgement.counts.assets, 4);
  EXPECT_EQ(judgement.counts.safe, 1);
  EXPECT_EQ(judgement.counts.hndl_exposed, 1);
  EXPECT_EQ(judgement.method_version, kMethodVersion);
}

TEST(Judge, WhatWasNotReachedIsCoverageAndTheLowEnd) {
  const Judgement all = judged({tls13("a.example", {0x11EC})});
  const Judgement some = judged({tls13("a.example", {0x11EC}), unreached("b.example")});
  EXPECT_EQ(some.score, all.score);
  EXPECT_EQ(some.score_high, all.score);
  EXPECT_LT(*some.score_low, *all.score);
  EXPECT_EQ(some.counts.assets, all.counts.assets);
  EXPECT_EQ(some.coverage.requested, 2);
  EXPECT_EQ(some.coverage.reached, 1);
  EXPECT_DOUBLE_EQ(some.coverage.confidence, 24);  // (40 + 4 × 2) / 2
  EXPECT_THAT(some.notes, Contains(HasSubstr("1 of 2 endpoints could not be reached")));
}

TEST(Judge, NothingReachedHasNoScore) {
  const Judgement judgement = judged({unreached("a.example")});
  EXPECT_EQ(judgement.score, std::nullopt);
  EXPECT_EQ(judgement.score_low, std::nullopt);
  EXPECT_EQ(judgement.band, "");
  EXPECT_EQ(judgement.counts.assets, 0);
}

TEST(Judge, BacklogItemsAreStableFilledInAndDated) {
  const Judgement first = judged({tls13("a.example", {0x001D})});
  const Judgement second = judged({tls13("b.example", {0x0017}), tls13("a.example", {0x0018})});
  ASSERT_FALSE(first.backlog.empty());
  const auto& item = first.backlog.front();
  EXPECT_EQ(item.title, "Turn on hybrid key establishment at a.example:443");
  EXPECT_THAT(item.action, HasSubstr("X25519MLKEM768"));
  EXPECT_THAT(item.action, ::testing::Not(HasSubstr("{")));
  EXPECT_EQ(item.deadline, "2030-12-31");
  EXPECT_THAT(item.deadline_source, HasSubstr("https://"));
  EXPECT_EQ(item.status, "open");
  EXPECT_TRUE(std::any_of(second.backlog.begin(), second.backlog.end(),
                          [&](const auto& one) { return one.id == item.id; }));
  for (std::size_t i = 1; i < second.backlog.size(); ++i) {
    EXPECT_GE(second.backlog[i - 1].priority, second.backlog[i].priority);
  }
}

TEST(Judge, RemediationStateIsKeptAndEarnsCredit) {
  const auto endpoints = std::vector<Endpoint>{tls13("a.example", {0x11EC})};
  const Judgement open = judged(endpoints);
  ASSERT_EQ(open.backlog.size(), 1U);
  const std::string id = open.backlog[0].id;
  EXPECT_DOUBLE_EQ(*open.score, 72.5);
  EXPECT_DOUBLE_EQ(*judged(endpoints, {}, {{id, {"done", "", ""}}}).score, 82.5);
  const Judgement planned =
      judged(endpoints, {}, {{id, {"in_progress", "pki-team", "2030-06-30"}}});
  EXPECT_DOUBLE_EQ(*planned.score, 77.5);
  EXPECT_EQ(planned.backlog[0].owner, "pki-team");
  EXPECT_DOUBLE_EQ(*judged(endpoints, {}, {{id, {"in_progress", "pki-team", "2036-01-01"}}}).score,
                   72.5);
  EXPECT_DOUBLE_EQ(*judged(endpoints, {}, {{id, {"in_progress", "", "2030-06-30"}}}).score, 72.5);
  EXPECT_DOUBLE_EQ(*judged(endpoints, {}, {{id, {"accepted_risk", "ciso", "2030-06-30"}}}).score,
                   72.5);
}

TEST(Judge, TheSettingFitsTheServer) {
  Endpoint nginx = tls13("a.example", {0x001D});
  nginx.tls->findings = {{"server_software", "info", "nginx/1.26.0"}};
  EXPECT_THAT(judged({nginx}).backlog[0].action, HasSubstr("ssl_ecdh_curve X25519MLKEM768"));
  const auto ssh_action = [](const char* banner) {
    Endpoint endpoint =
        testing::ssh("s.example", {"curve25519-sha256"}, {{"ssh-ed25519", 256, ""}});
    endpoint.ssh->banner = banner;
    return judged({endpoint}).backlog[0].action;
  };
  EXPECT_THAT(ssh_action("SSH-2.0-OpenSSH_9.9"), HasSubstr("KexAlgorithms mlkem768x25519-sha256"));
  EXPECT_THAT(ssh_action("SSH-2.0-OpenSSH_9.2p1"), HasSubstr("sntrup761x25519-sha512@openssh.com"));
  EXPECT_THAT(ssh_action("SSH-2.0-OpenSSH_8.0"), HasSubstr("Upgrade to OpenSSH 10.0"));
  EXPECT_THAT(ssh_action("SSH-2.0-OpenSSH_10.0"), HasSubstr("This OpenSSH knows it"));
  EXPECT_THAT(ssh_action("SSH-2.0-Cisco-1.25"), HasSubstr("vendor"));
}

// ---- The traps ----

const inventory::FrameworkRequirement& requirement(const Judgement& judgement,
                                                   std::string_view id) {
  for (const auto& framework : judgement.frameworks) {
    for (const auto& one : framework.requirements) {
      if (one.id == id) return one;
    }
  }
  throw std::runtime_error("no requirement " + std::string(id));
}

TEST(Frameworks, A768LevelHybridPassesNistNcscAndBsiButNotCnsa2) {
  const Judgement judgement = judged({tls13("a.example", {0x11EC})});
  EXPECT_EQ(requirement(judgement, "nist-ir-8547.3").result, "met");
  EXPECT_EQ(requirement(judgement, "ncsc.2").result, "met");
  EXPECT_EQ(requirement(judgement, "bsi-tr-02102.1").result, "met");
  EXPECT_EQ(requirement(judgement, "cnsa-2.0.1").result, "not-met");
  EXPECT_EQ(requirement(judged({tls13("a.example", {0x11ED})}), "cnsa-2.0.1").result, "met");
}

TEST(Frameworks, PureMlKemIsNoHybrid) {
  const Judgement judgement = judged({tls13("a.example", {0x0202})});
  EXPECT_EQ(requirement(judgement, "bsi-tr-02102.1").result, "not-met");
  EXPECT_EQ(requirement(judgement, "cnsa-2.0.1").result, "met");
}

TEST(Frameworks, ADraftIsNoStandardUnderEo14412) {
  const Judgement judgement = judged({tls13("a.example", {0x6399})});
  EXPECT_EQ(requirement(judgement, "eo-14412.1").result, "not-met");
  EXPECT_EQ(requirement(judgement, "nist-ir-8547.3").result, "met");
}

TEST(Frameworks, Rsa3072AndP384HaveNo2030DateUnderIr8547) {
  Endpoint endpoint = tls13("a.example", {0x11EC});
  const auto with_key = [&endpoint](const char* name, int bits) {
    endpoint.tls->certificates = {testing::certificate(name, bits, "sha256WithRSAEncryption")};
    return judged({endpoint});
  };
  EXPECT_EQ(requirement(with_key("RSA", 2048), "nist-ir-8547.2").result, "not-met");
  EXPECT_EQ(requirement(with_key("RSA", 3072), "nist-ir-8547.2").result, "met");
  EXPECT_EQ(requirement(with_key("ECDSA P-384", 384), "nist-ir-8547.2").result, "met");
  EXPECT_EQ(with_key("RSA", 2048).backlog[0].deadline, "2030-12-31");
  EXPECT_EQ(with_key("RSA", 3072).backlog[0].deadline, "2035-12-31");
  // But they have one under EO 14412 and BSI.
  EXPECT_THAT(with_key("RSA", 3072).backlog[0].standards_refs, Contains("Executive Order 14412"));
  EXPECT_THAT(with_key("ECDSA P-384", 384).backlog[0].standards_refs, Contains("BSI TR-02102-1"));
}

TEST(Frameworks, Aes128IsAFindingOfCnsa2AndOfNothingElse) {
  Endpoint endpoint = tls13("a.example", {0x11ED});
  endpoint.tls->certificates = {testing::certificate("ML-DSA-87", 0, "ML-DSA-87")};
  EXPECT_EQ(requirement(judged({endpoint}), "cnsa-2.0.3").result, "met");
  endpoint.tls->cipher_suites.push_back({"TLS 1.3", "TLS_AES_128_GCM_SHA256", 0x1301});
  const Judgement judgement = judged({endpoint});
  EXPECT_EQ(requirement(judgement, "cnsa-2.0.3").result, "not-met");
  EXPECT_EQ(judgement.counts.safe, 2);
  EXPECT_DOUBLE_EQ(*judgement.score, 100);
}

TEST(Frameworks, WhatWasNotReachedMakesCannotTell) {
  Endpoint ready = tls13("a.example", {0x11EC});
  const Judgement judgement = judged({ready, unreached("b.example")});
  EXPECT_EQ(requirement(judgement, "ncsc.2").result, "cannot-tell");
  EXPECT_EQ(requirement(judgement, "ncsc.1").result, "cannot-tell");
  EXPECT_EQ(requirement(judged({ready}), "ncsc.1").result, "met");
  EXPECT_EQ(requirement(judged({}), "ncsc.2").result, "not-applicable");
  EXPECT_EQ(requirement(judged({ready}), "dora.rts.6").result, "cannot-tell");
}

TEST(Frameworks, TheDecidingAssetsAreNamed) {
  const Judgement judgement = judged({tls13("a.example", {0x11EC}), tls13("b.example", {0x001D})});
  const auto& decided = requirement(judgement, "ncsc.2");
  ASSERT_EQ(decided.asset_ids.size(), 1U);
  EXPECT_EQ(decided.asset_ids[0],
            asset_id("b.example", 443, Exposure::kKeyEstablishment, "key-establishment"));
}

TEST(Policy, AnOperatorsOwnFrameworkNeedsNoRebuild) {
  const auto own = parse_frameworks(
      R"({"frameworks": [{"id": "own", "name": "House rules", "source": "https://x.example",
    "requirements": [{"id": "own.1", "text": "Nothing broken.", "rule": {"kind": "no-broken"}}]}]})");
  ASSERT_TRUE(own.has_value());
  const auto assets = classify(tls13("a.example", {0x001D}), true);
  const auto results =
      evaluate_frameworks(*own, assets, {.requested = 1, .reached = 1, .confidence = 0});
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].result, "met");
}

TEST(Policy, BadFilesAreRefused) {
  EXPECT_FALSE(parse_frameworks("{"));
  EXPECT_FALSE(
      parse_frameworks(R"({"frameworks": [{"id": "a", "source": "x", "requirements": []}]})"));
  EXPECT_FALSE(parse_frameworks(R"({"frameworks": [{"id": "a", "source": "x", "requirements": [
    {"id": "a.1", "text": "t", "rule": {"kind": "guess"}}]}]})"));
  EXPECT_FALSE(
      parse_deadlines(R"({"deadlines": [{"id": "a", "date": "2030-13-01", "source": "x"}]})"));
  EXPECT_FALSE(parse_deadlines(R"({"deadlines": [{"id": "a", "date": "2030-12-01"}]})"));
  EXPECT_FALSE(parse_remediation(R"({"causes": [{"id": "a", "actions": {"nginx": "x"}}]})"));
}

TEST(Policy, EveryDeadlineThatAnAlgorithmNamesExists) {
  const Policy& policy = builtin_policy();
  for (const auto& row : inventory::builtin_registry().algorithms()) {
    for (const auto& ref : row.deadline_refs) {
      EXPECT_NE(policy.find_deadline(ref), nullptr) << row.name << ": " << ref;
    }
  }
  for (const auto& deadline : policy.deadlines)
    EXPECT_TRUE(deadline.source.starts_with("https://"));
}

// ---- Samples and the knowledge base ----

TEST(Scenarios, AreRealisticAndStayFresh) {
  for (const char* date : {"2026-11-24T12:00:00Z", "2033-03-01T00:00:00Z"}) {
    const Timestamp now = *parse_rfc3339(date);
    const auto scenarios = all_scenarios(now);
    ASSERT_EQ(scenarios.size(), 3U);
    for (const Scenario& scenario : scenarios) {
      EXPECT_GE(scenario.endpoints.size(), 12U);
      EXPECT_LE(scenario.endpoints.size(), 25U);
      for (const Endpoint& endpoint : scenario.endpoints) {
        EXPECT_TRUE(endpoint.host.ends_with(".example")) << endpoint.host;
        if (!endpoint.tls) continue;
        for (const auto& one : endpoint.tls->certificates) {
          EXPECT_LT(one.not_before, now);
          EXPECT_GT(one.not_after, now);
        }
      }
      const Judgement judgement = judge({.endpoints = scenario.endpoints,
                                         .mosca = scenario.mosca,
                                         .remediation = {},
                                         .now = now});
      EXPECT_EQ(judgement.counts.unknown, 0) << scenario.id;
      EXPECT_GT(judgement.counts.broken, 0) << scenario.id;
      for (const auto& item : judgement.backlog) {
        EXPECT_EQ(item.action.find('{'), std::string::npos) << item.action;
        EXPECT_EQ(item.title.find('{'), std::string::npos) << item.title;
      }
    }
  }
  EXPECT_TRUE(find_scenario("bank-tls-inventory", november_2026()).has_value());
  EXPECT_FALSE(find_scenario("nope", november_2026()).has_value());
}

TEST(Knowledge, RendersEverything) {
  EXPECT_EQ(algorithms_json().at("algorithms").as_array().size(),
            inventory::builtin_registry().algorithms().size());
  EXPECT_EQ(standards_json().at("frameworks").as_array().size(),
            builtin_policy().frameworks.size());
  EXPECT_EQ(standards_json().at("deadlines").as_array().size(), builtin_policy().deadlines.size());
  EXPECT_EQ(scenarios_json(november_2026()).at("count").to_number<int>(), 3);
}

}  // namespace
}  // namespace carnet::assess
