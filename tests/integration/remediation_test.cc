// The backlog as work, plans and drift, as a client sees them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/json.h"
#include "tests/integration/stack.h"

namespace carnet::test {
namespace {

namespace bj = boost::json;
using testing::HasSubstr;

class RemediationTest : public testing::Test {
 protected:
  RemediationTest() : tenant_(stack_.make_tenant("Acme")) {}

  std::string path(std::string_view rest) const {
    return "/tenant/scans/" + tenant_.scan_id + std::string(rest);
  }
  bj::object get(std::string_view target, const std::string& key = {}) {
    const HttpAnswer answer =
        stack_.ask("GET", target, Stack::bearer(key.empty() ? tenant_.viewer : key));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return parsed(answer);
  }
  HttpAnswer post(std::string_view target, const bj::object& body) {
    HttpHeaders headers = Stack::bearer(tenant_.operator_key);
    headers.emplace_back("Content-Type", "application/json");
    return stack_.ask("POST", target, headers, json::write(body));
  }
  HttpAnswer post_csv(std::string_view target, std::string_view body) {
    HttpHeaders headers = Stack::bearer(tenant_.operator_key);
    headers.emplace_back("Content-Type", "text/csv");
    return stack_.ask("POST", target, headers, body);
  }
  std::vector<std::string> item_ids() {
    std::vector<std::string> ids;
    const bj::object list = get(path("/remediation?limit=100"));
    for (const bj::value& item : list.at("items").as_array())
      ids.emplace_back(item.at("id").as_string());
    return ids;
  }
  bj::object update(bj::object body, int status = 200) {
    const HttpAnswer answer = post(path("/remediation"), body);
    EXPECT_EQ(answer.status, status) << answer.body;
    return parsed(answer);
  }

  Stack stack_;
  Tenant tenant_;
};

std::vector<std::string> bad_fields(const bj::object& problem) {
  std::vector<std::string> fields;
  for (const bj::value& error : problem.at("errors").as_array())
    fields.emplace_back(error.at("field").as_string());
  return fields;
}

TEST_F(RemediationTest, StateIsKeptAndCountsForTheNextScan) {
  const auto ids = item_ids();
  ASSERT_GE(ids.size(), 3U);
  const bj::object changed = update({{"remediationId", ids[0]},
                                     {"status", "in_progress"},
                                     {"owner", "ops"},
                                     {"notes", "change 4711"},
                                     {"targetDate", "2026-12-31"}});
  EXPECT_EQ(changed.at("item").at("owner"), "ops");
  const bj::object before = get("/pqc/scan/" + tenant_.scan_id);
  const std::string next = stack_.make_scan(tenant_.operator_key);
  const bj::object after = get("/pqc/scan/" + next);
  bool found = false;
  for (const bj::value& item : after.at("remediationBacklog").as_array()) {
    if (item.at("id").as_string() != ids[0]) continue;
    found = true;
    EXPECT_EQ(item.at("status"), "in_progress");
    EXPECT_EQ(item.at("owner"), "ops");
  }
  EXPECT_TRUE(found);
  EXPECT_GE(after.at("readinessScore").to_number<double>(),
            before.at("readinessScore").to_number<double>());
  const bj::object list = get(path("/remediation?status=in_progress"));
  EXPECT_EQ(list.at("count"), 1);
  EXPECT_EQ(list.at("counts").at("inProgress"), 1);
  // Who changed what, with before and after.
  const bj::object audit = get("/tenant/audit?action=remediation", tenant_.admin);
  ASSERT_EQ(audit.at("count"), 1);
  EXPECT_THAT(json::write(audit.at("entries").at(0)), HasSubstr("change 4711"));
}

TEST_F(RemediationTest, AnAcceptedRiskNeedsAReasonAndEndsByItself) {
  const std::string id = item_ids().at(0);
  EXPECT_THAT(bad_fields(update({{"remediationId", id}, {"status", "accepted_risk"}}, 422)),
              testing::UnorderedElementsAre("reason", "acceptedUntil"));
  EXPECT_THAT(
      bad_fields(update({{"remediationId", id}, {"status", "done"}, {"reason", "obsolete"}}, 422)),
      testing::ElementsAre("reason"));
  const std::string today = to_rfc3339(stack_.clock.now()).substr(0, 10);
  update({{"remediationId", id},
          {"status", "accepted_risk"},
          {"reason", "switched off in spring"},
          {"acceptedUntil", today}});
  EXPECT_EQ(get(path("/remediation/" + id)).at("status"), "accepted_risk");
  stack_.clock.advance(std::chrono::hours(24));
  const bj::object item = get(path("/remediation/" + id));
  EXPECT_EQ(item.at("status"), "open");
  EXPECT_EQ(item.at("reopened"), true);
  EXPECT_EQ(item.at("reason"), "switched off in spring");
}

TEST_F(RemediationTest, WhatIsLateIsOverdue) {
  const std::string id = item_ids().at(0);
  const std::string today = to_rfc3339(stack_.clock.now()).substr(0, 10);
  update({{"remediationId", id}, {"status", "open"}, {"targetDate", today}});
  EXPECT_EQ(get(path("/remediation?overdue=true")).at("count"), 0);
  stack_.clock.advance(std::chrono::hours(24));
  const bj::object late = get(path("/remediation?overdue=true"));
  ASSERT_EQ(late.at("count"), 1);
  EXPECT_EQ(late.at("items").at(0).at("overdueSince").as_string(), today);
  EXPECT_EQ(late.at("counts").at("overdue"), 1);
}

TEST_F(RemediationTest, ProofIsALaterScanWithoutTheCause) {
  const std::string id = item_ids().at(0);
  EXPECT_EQ(bad_fields(parsed(post(path("/remediation/verify"),
                                   {{"remediationId", id}, {"verifyScanId", tenant_.scan_id}}))),
            std::vector<std::string>{"verifyScanId"});
  stack_.clock.advance(std::chrono::hours(1));
  const std::string same = stack_.make_scan(tenant_.operator_key);
  const bj::object still =
      parsed(post(path("/remediation/verify"), {{"remediationId", id}, {"verifyScanId", same}}));
  EXPECT_EQ(still.at("verified"), false);
  EXPECT_EQ(still.at("code"), "still_there");
  EXPECT_EQ(get(path("/remediation/" + id)).at("status"), "open");
}

TEST_F(RemediationTest, ProjectionUsesTheScoreItself) {
  const auto ids = item_ids();
  bj::array all;
  for (const std::string& id : ids) all.emplace_back(id);
  const bj::object nothing =
      parsed(post(path("/remediation/projection"), {{"remediationIds", bj::array{}}}));
  EXPECT_EQ(nothing.at("scoreDelta").to_number<double>(), 0);
  EXPECT_EQ(nothing.at("now").at("readinessScore"),
            get("/pqc/scan/" + tenant_.scan_id).at("readinessScore"));
  const bj::object everything =
      parsed(post(path("/remediation/projection"), {{"remediationIds", all}}));
  EXPECT_GT(everything.at("scoreDelta").to_number<double>(), 0);
  EXPECT_FALSE(everything.at("fixedAssets").as_array().empty());
  const HttpAnswer unknown = post(path("/remediation/projection"),
                                  {{"remediationIds", bj::array{"rem_0000000000000000"}}});
  EXPECT_EQ(unknown.status, 422);
}

TEST_F(RemediationTest, ATableGoesOutAndComesBack) {
  const auto ids = item_ids();
  const HttpAnswer out =
      stack_.ask("GET", path("/remediation/export"), Stack::bearer(tenant_.viewer));
  ASSERT_EQ(out.status, 200);
  EXPECT_THAT(out.body, HasSubstr(ids[1]));
  // As it went out it changes nothing.
  const bj::object same = parsed(post_csv(path("/remediation/import"), out.body));
  EXPECT_EQ(same.at("applied"), 0);
  EXPECT_EQ(same.at("errorCount"), 0);
  const std::string table = "remediationId,status,owner,notes\r\n" + ids[0] +
                            ",in_progress,\"Ops, second line\",\"'=1+1\"\r\n" + ids[1] +
                            ",finished,,\r\n" + "rem_0000000000000000,done,,\r\n";
  const bj::object dry = parsed(post_csv(path("/remediation/import?dry_run=true"), table));
  EXPECT_EQ(dry.at("applied"), 1);
  EXPECT_EQ(get(path("/remediation/" + ids[0])).at("status"), "open");
  const bj::object report = parsed(post_csv(path("/remediation/import"), table));
  EXPECT_EQ(report.at("applied"), 1);
  ASSERT_EQ(report.at("errorCount"), 2);
  EXPECT_EQ(report.at("errors").at(0).at("row"), 3);
  EXPECT_EQ(report.at("errors").at(0).at("field"), "status");
  EXPECT_EQ(report.at("errors").at(1).at("row"), 4);
  const bj::object item = get(path("/remediation/" + ids[0]));
  EXPECT_EQ(item.at("owner"), "Ops, second line");
  EXPECT_EQ(item.at("notes"), "=1+1");
  EXPECT_EQ(post_csv(path("/remediation/import"), "a,b\r\n1,2\r\n").status, 422);
}

TEST_F(RemediationTest, AnItemComesWithConfigurationToPaste) {
  bool any = false;
  for (const std::string& id : item_ids()) {
    const bj::object item = get(path("/remediation/" + id));
    for (const bj::value& row : item.at("configurations").as_array()) {
      any = true;
      EXPECT_THAT(std::string(row.at("snippet").as_string()), testing::Not(HasSubstr("{group}")));
      EXPECT_THAT(std::string(row.at("source").as_string()), testing::StartsWith("https://"));
    }
  }
  EXPECT_TRUE(any);
}

TEST_F(RemediationTest, APlanKeepsWhatIsAskedOrSaysWhatCannotBe) {
  const auto ids = item_ids();
  const bj::object plan = parsed(
      post(path("/plan"),
           {{"capacityDaysPerWeek", 5},
            {"dependencies", bj::array{bj::object{{"before", ids[1]}, {"after", ids[0]}}}}}));
  EXPECT_EQ(plan.at("itemCount"), ids.size());
  EXPECT_EQ(plan.at("optimal"), true);
  std::map<std::string, std::int64_t> weeks;
  for (const bj::value& item : plan.at("items").as_array())
    weeks[std::string(item.at("remediationId").as_string())] = item.at("week").as_int64();
  EXPECT_LE(weeks.at(ids[1]), weeks.at(ids[0]));
  for (const bj::value& wave : plan.at("waves").as_array())
    EXPECT_LE(wave.at("plannedDays").to_number<double>(),
              wave.at("capacityDays").to_number<double>() + 1e-9);

  const HttpAnswer circle =
      post(path("/plan"),
           {{"capacityDaysPerWeek", 5},
            {"dependencies", bj::array{bj::object{{"before", ids[1]}, {"after", ids[0]}},
                                       bj::object{{"before", ids[2]}, {"after", ids[1]}},
                                       bj::object{{"before", ids[0]}, {"after", ids[1]}}}}});
  EXPECT_EQ(circle.status, 422);
  EXPECT_EQ(bad_fields(parsed(circle)),
            (std::vector<std::string>{"dependencies.0", "dependencies.2"}));

  const std::string today = to_rfc3339(stack_.clock.now()).substr(0, 10);
  const HttpAnswer late =
      post(path("/plan"),
           {{"capacityDaysPerWeek", 0.05},
            {"mustDoBy", bj::array{bj::object{{"remediationId", ids[0]}, {"date", "2031-01-01"}},
                                   bj::object{{"remediationId", ids[1]}, {"date", today}}}},
            {"weeksMax", 520}});
  EXPECT_EQ(late.status, 422);
  EXPECT_THAT(std::string(parsed(late).at("detail").as_string()), HasSubstr("capacityDaysPerWeek"));
}

TEST_F(RemediationTest, ADoneItemIsNotPlanned) {
  const auto ids = item_ids();
  update({{"remediationId", ids[0]}, {"status", "done"}});
  const bj::object plan = parsed(post(path("/plan"), {{"capacityDaysPerWeek", 5}}));
  EXPECT_EQ(plan.at("itemCount"), ids.size() - 1);
  const HttpAnswer named = post(
      path("/plan"), {{"capacityDaysPerWeek", 5}, {"remediationIds", bj::array{ids[0], ids[1]}}});
  EXPECT_EQ(named.status, 422);
  EXPECT_EQ(bad_fields(parsed(named)), std::vector<std::string>{"remediationIds.0"});
}

TEST_F(RemediationTest, APlanOfWhatIsDoneIsEmpty) {
  for (const std::string& id : item_ids()) update({{"remediationId", id}, {"status", "done"}});
  const HttpAnswer answer = post(path("/plan"), {{"capacityDaysPerWeek", 5}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  const bj::object plan = parsed(answer);
  EXPECT_EQ(plan.at("itemCount"), 0);
  EXPECT_TRUE(plan.at("waves").as_array().empty());
  EXPECT_EQ(plan.at("optimal"), true);
  for (const bj::object& wrong :
       {bj::object{{"capacityDaysPerWeek", 5}, {"remediationIds", bj::array()}},
        bj::object{{"capacityDaysPerWeek", 5}, {"startDate", "9999-12-01"}}})
    EXPECT_EQ(post(path("/plan"), wrong).status, 422);
}

TEST_F(RemediationTest, WhoeverReadAnOlderStateDoesNotOverwriteTheNewer) {
  const std::string id = item_ids().at(0);
  HttpHeaders headers = Stack::bearer(tenant_.operator_key);
  const HttpAnswer read = stack_.ask("GET", path("/remediation/" + id), headers);
  headers.emplace_back("Content-Type", "application/json");
  headers.emplace_back("If-Match", read.header("ETag"));
  const auto say = [&](std::string_view owner) {
    const bj::object body{{"remediationId", id}, {"status", "open"}, {"owner", owner}};
    return stack_.ask("POST", path("/remediation"), headers, json::write(body)).status;
  };
  stack_.clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(say("first"), 200);
  EXPECT_EQ(say("second"), 412);
  EXPECT_EQ(get(path("/remediation/" + id)).at("owner"), "first");
}

TEST_F(RemediationTest, OfAnotherTenantThereIsNothing) {
  const Tenant other = stack_.make_tenant("Other");
  for (const std::string& target : {path("/remediation"), path("/remediation/export")})
    EXPECT_EQ(stack_.ask("GET", target, Stack::bearer(other.admin)).status, 404);
  HttpHeaders headers = Stack::bearer(other.admin);
  headers.emplace_back("Content-Type", "application/json");
  EXPECT_EQ(stack_.ask("POST", path("/plan"), headers, R"({"capacityDaysPerWeek": 5})").status,
            404);
}

TEST_F(RemediationTest, SamplesAreNoDrift) {
  const bj::object summary = get("/tenant/drift/summary?since_days=7");
  EXPECT_EQ(summary.at("scans"), 0);
  EXPECT_TRUE(summary.at("score").is_null());
  EXPECT_EQ(get("/tenant/drift-intel").at("count"), 0);
}

}  // namespace
}  // namespace carnet::test
