// The rules of remediation without a database: what proves an item done, what a table says.
#include "service/remediation_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  ScanDocument document(Timestamp at) {
    DocumentHead head;
    head.finished_at = at;
    return judge_scan(head, endpoints);
  }
  RemediationProof prove() {
    return prove_remediation(baseline, item,
                             document(baseline.finished_at + std::chrono::hours(1)));
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

TEST(RemediationRules, AnAcceptedRiskEndsAfterItsLastDay) {
  store::RemediationRow row{.status = "accepted_risk"};
  row.reason = "goes in spring";
  row.accepted_until = "2026-12-31";
  EXPECT_EQ(effective_status(row, "2026-12-31"), "accepted_risk");
  EXPECT_EQ(effective_status(row, "2027-01-01"), "open");
  const store::RemediationRow later =
      merged(row, {.item_id = "rem_1", .owner = "ops"}, "ast_1", "2027-01-01");
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
  EXPECT_FALSE(read_remediation_csv(""));
  EXPECT_FALSE(read_remediation_csv("id,status\n1,done\n"));
}

}  // namespace
}  // namespace carnet::service
