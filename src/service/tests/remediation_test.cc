// The rules of remediation without a database: what proves an item done, what a table says.
#include "service/remediation_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "assess/backlog.h"
#include "assess/judge.h"
#include "service/scan_document.h"

namespace carnet::service {
namespace {

using inventory::ScanDocument;

class ProofTest : public testing::Test {
 protected:
  ProofTest() {
    const Timestamp now{std::chrono::hours(24) * 20000};
    endpoints = assess::find_scenario("bank-tls-inventory", now)->endpoints;
    baseline = document(now);
    // An item whose endpoint has no post-quantum group.
    for (const inventory::BacklogItem& one : baseline.judgement.backlog)
      if (one.title.starts_with("Turn on hybrid key establishment")) {
        item = one;
        break;
      }
    for (const inventory::Asset& asset : baseline.judgement.assets)
      if (asset.id == item.asset_id) host = asset.host;
  }
  ScanDocument document(Timestamp at, std::string profile = "standard") {
    DocumentHead head;
    head.finished_at = at;
    head.profile = std::move(profile);
    return judge_scan(head, endpoints);
  }
  RemediationProof prove(std::string profile = "standard") {
    return prove_remediation(
        baseline, item, document(baseline.finished_at + std::chrono::hours(1), std::move(profile)));
  }
  // The item is now one of this cause, at the endpoint of the first.
  void choose(std::string_view cause) {
    baseline = document(baseline.finished_at);
    for (const inventory::BacklogItem& one : baseline.judgement.backlog) {
      const auto& assets = baseline.judgement.assets;
      const bool here = std::any_of(assets.begin(), assets.end(), [&](const auto& asset) {
        return asset.id == one.asset_id && asset.host == host;
      });
      if (here && assess::cause_of(one) == cause) item = one;
    }
    if (assess::cause_of(item) != cause) throw std::logic_error("no item of this cause");
  }
  inventory::Endpoint& endpoint() {
    for (inventory::Endpoint& one : endpoints)
      if (one.host == host && one.tls) return one;
    throw std::logic_error("the endpoint of the item is not there");
  }

  std::vector<inventory::Endpoint> endpoints;
  ScanDocument baseline;
  inventory::BacklogItem item;
  std::string host;
};

TEST_F(ProofTest, TheSameAgainProvesNothing) {
  ASSERT_FALSE(item.id.empty());
  const RemediationProof proof = prove();
  EXPECT_FALSE(proof.verified);
  EXPECT_STREQ(proof.code, "still_there");
}

TEST_F(ProofTest, AHybridGroupByDefaultProvesIt) {
  inventory::TlsObservation& tls = *endpoint().tls;
  for (auto& group : tls.groups)
    if (group.state == inventory::Support::kPreferred) group.state = inventory::Support::kSupported;
  tls.groups.insert(tls.groups.begin(), {.codepoint = 0x11EC,
                                         .name = "X25519MLKEM768",
                                         .kind = "hybrid",
                                         .state = inventory::Support::kPreferred});
  tls.handshake_proof.group = "X25519MLKEM768";
  const RemediationProof proof = prove();
  EXPECT_TRUE(proof.verified) << proof.reason;
  EXPECT_STREQ(proof.code, "fixed");
  EXPECT_THAT(proof.reason, testing::HasSubstr("X25519MLKEM768"));
  EXPECT_THAT(proof.reason, testing::HasSubstr(host));
}

TEST_F(ProofTest, WhatWasNotSeenProvesNothing) {
  endpoint().reached = false;
  endpoint().unreached_reason = "connection refused";
  const RemediationProof refused = prove();
  EXPECT_FALSE(refused.verified);
  EXPECT_STREQ(refused.code, "not_reached");
  EXPECT_THAT(refused.reason, testing::HasSubstr("connection refused"));
  std::erase_if(endpoints, [this](const auto& one) { return one.host == host; });
  const RemediationProof absent = prove();
  EXPECT_FALSE(absent.verified);
  EXPECT_STREQ(absent.code, "not_scanned");
}

TEST_F(ProofTest, WhatAQuickScanDoesNotAskForItDoesNotProve) {
  using inventory::Support;
  inventory::TlsObservation& tls = *endpoint().tls;
  tls.versions = {{"TLS 1.3", Support::kSupported},
                  {"TLS 1.2", Support::kSupported},
                  {"TLS 1.1", Support::kSupported},
                  {"TLS 1.0", Support::kSupported}};
  choose("tls-old-protocol");
  EXPECT_STREQ(prove().code, "still_there");
  tls.versions = {{"TLS 1.3", Support::kSupported},
                  {"TLS 1.2", Support::kNotTested},
                  {"TLS 1.1", Support::kNotTested},
                  {"TLS 1.0", Support::kNotTested}};
  const RemediationProof quick = prove("quick");
  EXPECT_FALSE(quick.verified);
  EXPECT_STREQ(quick.code, "not_looked_for");
  EXPECT_THAT(quick.reason, testing::HasSubstr("profile standard"));
  // A deeper one to which the server gave no clear answer proves as little.
  tls.versions = {{"TLS 1.3", Support::kSupported},
                  {"TLS 1.2", Support::kSupported},
                  {"TLS 1.1", Support::kUnsupported},
                  {"TLS 1.0", Support::kNotProven}};
  EXPECT_THAT(prove().reason, testing::HasSubstr("TLS 1.0"));
  EXPECT_FALSE(prove().verified);
  tls.versions = {{"TLS 1.3", Support::kSupported},
                  {"TLS 1.2", Support::kSupported},
                  {"TLS 1.1", Support::kUnsupported},
                  {"TLS 1.0", Support::kUnsupported}};
  EXPECT_STREQ(prove().code, "fixed");
  tls.findings.push_back({"probe_incomplete", "info", "The time ran out."});
  EXPECT_STREQ(prove().code, "not_looked_for");
}

TEST_F(ProofTest, AnotherKindOfLookProvesNothing) {
  // The port was looked at as a key set: its TLS was not seen.
  endpoint().jwks.emplace();
  endpoint().tls.reset();
  const RemediationProof proof = prove();
  EXPECT_FALSE(proof.verified);
  EXPECT_STREQ(proof.code, "not_looked_for");
}

TEST(RemediationRules, WhatWasProvenDoneAndIsSeenLaterIsOpenAgain) {
  store::RemediationRow row{.status = "done"};
  row.verified_by = "scan_2";
  EXPECT_EQ(effective_status(row, "2026-12-31", "scan_1"), "done");
  EXPECT_EQ(effective_status(row, "2026-12-31", "scan_2"), "done");
  EXPECT_EQ(effective_status(row, "2026-12-31", "scan_3"), "open");
  // Whoever speaks of it then speaks of an open item, and saying done again needs a new proof.
  const auto again =
      merged(row, {.item_id = "rem_1", .owner = "ops"}, "ast_1", "2026-12-31", "scan_3");
  EXPECT_EQ(again.status, "open");
  EXPECT_EQ(again.verified_by, "");
  const auto claimed =
      merged(row, {.item_id = "rem_1", .status = "done"}, "ast_1", "2026-12-31", "scan_3");
  EXPECT_EQ(claimed.status, "done");
  EXPECT_EQ(claimed.verified_by, "");
  // What was only said is not contradicted by itself: the passport shows it as not proven.
  row.verified_by.clear();
  EXPECT_EQ(effective_status(row, "2026-12-31", "scan_3"), "done");
}

TEST(RemediationRules, ATableAsItWasExportedRepeatsWhatIsKnown) {
  store::RemediationRow row{.status = "accepted_risk"};
  row.reason = "goes in spring";
  row.accepted_until = "2026-12-31";
  RemediationUpdate same{.item_id = "rem_1", .status = "open", .owner = "", .notes = ""};
  same.reason = row.reason;
  same.accepted_until = row.accepted_until;
  EXPECT_TRUE(repeats(row, same, "2027-01-01", "scan_1"));
  EXPECT_FALSE(repeats(row, same, "2026-12-31", "scan_1"));
  same.owner = "ops";
  EXPECT_FALSE(repeats(row, same, "2027-01-01", "scan_1"));
  EXPECT_TRUE(
      repeats(std::nullopt, {.item_id = "rem_1", .status = "open"}, "2027-01-01", "scan_1"));
}

TEST(RemediationRules, AnAcceptedRiskEndsAfterItsLastDay) {
  store::RemediationRow row{.status = "accepted_risk"};
  row.reason = "goes in spring";
  row.accepted_until = "2026-12-31";
  EXPECT_EQ(effective_status(row, "2026-12-31", "scan_1"), "accepted_risk");
  EXPECT_EQ(effective_status(row, "2027-01-01", "scan_1"), "open");
  const store::RemediationRow later =
      merged(row, {.item_id = "rem_1", .owner = "ops"}, "ast_1", "2027-01-01", "scan_1");
  EXPECT_EQ(later.status, "open");
  EXPECT_EQ(later.reason, "");
  EXPECT_TRUE(check_remediation(row, "2026-12-31"));
  EXPECT_FALSE(check_remediation(row, "2027-01-01"));
}

TEST(RemediationRules, OverdueIsTheEarlierDateOfWhatIsStillToDo) {
  inventory::BacklogItem item;
  item.status = "open";
  item.deadline = "2030-12-31";
  item.target_date = "2026-10-01";
  EXPECT_EQ(overdue_since(item, "2026-10-01"), "");
  EXPECT_EQ(overdue_since(item, "2026-10-02"), "2026-10-01");
  EXPECT_EQ(overdue_since(item, "2031-01-01"), "2026-10-01");
  item.status = "accepted_risk";
  EXPECT_EQ(overdue_since(item, "2031-01-01"), "");
}

TEST(RemediationRules, ATableIsReadByItsHeader) {
  const auto rows = read_remediation_csv(
      "\xEF\xBB\xBFstatus;RemediationId;notes\r\n;rem_1;\"two\nlines\"\r\n\r\ndone;rem_2\r\n");
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 2U);
  EXPECT_EQ((*rows)[0].update.item_id, "rem_1");
  EXPECT_FALSE((*rows)[0].update.status);
  EXPECT_EQ((*rows)[0].update.notes, "two\nlines");
  EXPECT_FALSE((*rows)[0].update.owner);
  EXPECT_EQ((*rows)[1].update.status, "done");
  EXPECT_FALSE((*rows)[1].update.notes);
  EXPECT_EQ((*rows)[1].number, 4U);
  const auto broken = read_remediation_csv("remediationId\n\"rem_1\n");
  ASSERT_TRUE(broken);
  EXPECT_EQ(broken->at(0).faults.at(0).code, "malformed");
  const auto twice = read_remediation_csv("remediationId,owner\nrem_1,a\nrem_2,b\nrem_1,c\n");
  ASSERT_TRUE(twice);
  EXPECT_TRUE(twice->at(0).faults.empty());
  EXPECT_EQ(twice->at(2).faults.at(0).code, "duplicate");
  EXPECT_FALSE(read_remediation_csv("remediationId,owner,Owner\nrem_1,a,b\n"));
  EXPECT_TRUE(read_remediation_csv("remediationId,owner,,\nrem_1,a,,\n"));
  EXPECT_FALSE(read_remediation_csv(""));
  EXPECT_FALSE(read_remediation_csv("id,status\n1,done\n"));
}

}  // namespace
}  // namespace carnet::service
