// What an administrator does with a tenant as a whole, over real sockets.

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "service/audit.h"
#include "tests/integration/stack.h"
#include "tests/support/run_task.h"

namespace carnet::test {
namespace {

namespace bj = boost::json;

class GovernanceHttpTest : public ::testing::Test {
 protected:
  GovernanceHttpTest() : own(stack.make_tenant("Own Bank")), other(stack.make_tenant("Other")) {}

  HttpAnswer ask(std::string_view method, std::string_view path, const bj::object& body = {}) {
    return stack.ask(method, path, Stack::bearer(own.admin),
                     body.empty() ? std::string() : json::write(body));
  }
  std::vector<store::AuditRow> trail(const TenantId& tenant, const std::string& action) {
    return run_task(service::list_audit(stack.db, tenant, {.action_prefix = action},
                                        {.before = "", .limit = 500}))
        .value();
  }
  std::size_t rows(const std::string& action) { return trail(own.id, action).size(); }
  void finish_removals() {
    while (run_task(stack.governance.tick()).value() > 0) {
    }
  }

  Stack stack;
  Tenant own, other;
};

// ---- The trail
// ------------------------------------------------------------------------------------------------------

TEST_F(GovernanceHttpTest, TheTrailIsFilteredAndPaged) {
  for (int i = 0; i < 5; ++i) {
    stack.clock.advance(std::chrono::seconds(1));
    EXPECT_EQ(ask("PUT", "/tenant/settings", {{"brandingName", std::to_string(i)}}).status, 200);
  }
  const bj::object page = parsed(ask("GET", "/tenant/audit?action=settings.&limit=2"));
  EXPECT_EQ(page.at("count").as_int64(), 2);
  const bj::object& newest = page.at("entries").as_array()[0].as_object();
  EXPECT_NE(json::write(newest.at("before")).find("\"3\""), std::string::npos);
  EXPECT_NE(json::write(newest.at("after")).find("\"4\""), std::string::npos);
  EXPECT_EQ(newest.at("role").as_string(), "admin");
  EXPECT_EQ(newest.at("actor"), newest.at("keyId"));
  const std::string cursor(page.at("nextCursor").as_string());
  EXPECT_EQ(parsed(ask("GET", "/tenant/audit?action=settings.&limit=2&cursor=" + cursor))
                .at("count")
                .as_int64(),
            2);
  const std::string at(newest.at("at").as_string());
  EXPECT_EQ(parsed(ask("GET", "/tenant/audit?action=settings.&until=" + at)).at("count"), 4);
  EXPECT_EQ(parsed(ask("GET", "/tenant/audit?action=settings.&since=" + at)).at("count"), 1);
  EXPECT_EQ(parsed(ask("GET", "/tenant/audit?actor=platform&action=tenant.")).at("count"), 1);
  EXPECT_EQ(parsed(ask("GET", "/tenant/audit?subject=" + own.share_id)).at("count"), 1);
  EXPECT_EQ(ask("GET", "/tenant/audit?until=yesterday").status, 422);
  EXPECT_EQ(ask("GET", "/tenant/audit?limit=501").status, 422);
}

TEST_F(GovernanceHttpTest, TheTrailIsVerifiedAndExported) {
  const bj::object good = parsed(ask("GET", "/tenant/audit/verify"));
  EXPECT_TRUE(good.at("intact").as_bool()) << json::write(good);
  EXPECT_EQ(good.at("rows"), good.at("head").at("seq"));
  EXPECT_EQ(good.at("signedHead").at("signatures").as_array().size(), 2U);
  const HttpAnswer lines = ask("GET", "/tenant/audit/export");
  EXPECT_EQ(lines.status, 200);
  EXPECT_EQ(lines.header("Content-Type"), "application/x-ndjson");
  EXPECT_EQ(std::count(lines.body.begin(), lines.body.end(), '\n'), good.at("rows").as_int64() + 1);
  const HttpAnswer table = ask("GET", "/tenant/audit/export?format=csv");
  EXPECT_TRUE(table.header("Content-Type").starts_with("text/csv"));
  EXPECT_TRUE(table.body.starts_with("\"seq\",\"id\""));
  EXPECT_EQ(rows("audit.export"), 2U);
  EXPECT_EQ(ask("HEAD", "/tenant/audit/export").status, 200);
  EXPECT_EQ(rows("audit.export"), 2U);
  EXPECT_EQ(ask("GET", "/tenant/audit/export?format=pdf").status, 422);
  HttpHeaders headers = Stack::bearer(own.admin);
  headers.emplace_back("Accept", "text/csv");
  EXPECT_EQ(stack.ask("GET", "/tenant/audit/export?format=ndjson", headers).status, 406);
  stack.database->run_beside("UPDATE audit SET subject = 'other' WHERE seq = 2 AND tenant_id = '" +
                             own.id.str() + "'");
  const bj::object bad = parsed(ask("GET", "/tenant/audit/verify"));
  EXPECT_FALSE(bad.at("intact").as_bool());
  EXPECT_EQ(bad.at("fault").at("seq"), 2);
}

TEST_F(GovernanceHttpTest, EveryEvidenceDownloadIsWrittenDown) {
  const std::string path = "/pqc/report/" + own.scan_id;
  std::size_t expected = 0;
  for (const std::string format : {"json", "csv", "pdf", "cbom", "sarif", "bundle", "passport"}) {
    stack.clock.advance(std::chrono::seconds(1));  // ids of one moment have no order
    const HttpAnswer answer = ask("GET", path + "?format=" + format);
    ASSERT_EQ(answer.status, 200) << format << answer.body;
    EXPECT_EQ(rows("report.download"), ++expected) << format;
    EXPECT_NE(trail(own.id, "report.download")[0].detail.find(format), std::string::npos);
    EXPECT_EQ(trail(own.id, "report.download")[0].request_id, answer.header("X-Request-Id"));
    // What takes nothing away is no download.
    EXPECT_EQ(ask("HEAD", path + "?format=" + format).status, 200);
    HttpHeaders known = Stack::bearer(own.admin);
    known.emplace_back("If-None-Match", std::string(answer.header("ETag")));
    EXPECT_EQ(stack.ask("GET", path + "?format=" + format, known).status, 304);
    EXPECT_EQ(rows("report.download"), expected) << format;
  }
  EXPECT_EQ(ask("GET", path + "?format=json&signed=true").status, 200);
  EXPECT_EQ(rows("report.download"), ++expected);
  EXPECT_EQ(trail(own.id, "report.download")[0].subject, own.scan_id);
  // By visitors of a link, who have no key.
  EXPECT_EQ(stack.ask("GET", "/r/" + own.share_token + "/report?format=pdf").status, 200);
  EXPECT_EQ(stack.ask("GET", "/r/" + own.share_token + "/passport").status, 200);
  const auto visits = trail(own.id, "link.download");
  ASSERT_EQ(visits.size(), 2U);
  EXPECT_EQ(visits[0].actor, "link:" + own.share_id);
  EXPECT_EQ(visits[0].subject, own.scan_id);
  EXPECT_EQ(visits[0].key_id, "");
}

// ---- Erasing and closing
// --------------------------------------------------------------------------------------------

TEST_F(GovernanceHttpTest, ErasingShowsNothingOfWhatIsErased) {
  const bj::object plan = parsed(ask("DELETE", "/tenant/data", {{"dryRun", true}}));
  EXPECT_EQ(plan.at("deletedScans"), 1);
  EXPECT_EQ(plan.at("deletedLinks"), 1);
  EXPECT_EQ(plan.at("deletedAudit"), 0);
  EXPECT_EQ(plan.at("state").as_string(), "active");
  const std::string slug(plan.at("confirm").as_string());
  EXPECT_EQ(ask("DELETE", "/tenant/data").status, 422);
  EXPECT_EQ(ask("DELETE", "/tenant/data", {{"confirm", "nearly"}}).status, 422);
  EXPECT_EQ(ask("DELETE", "/tenant/data", {{"confirm", slug}, {"extra", 1}}).status, 422);
  EXPECT_EQ(ask("GET", "/tenant/scans/" + own.scan_id).status, 200);
  ASSERT_EQ(ask("DELETE", "/tenant/data", {{"confirm", slug}}).status, 200);
  // Before the first row is gone.
  for (const std::string path :
       {"/tenant/scans", "/pqc/inventory", "/tenant/export", "/tenant/shares"}) {
    const HttpAnswer answer = ask("GET", path);
    EXPECT_EQ(answer.status, 409) << path;
    EXPECT_EQ(code_of(answer), "tenant_closing");
  }
  EXPECT_EQ(code_of(stack.ask("GET", "/r/" + own.share_token)), "share_link_revoked");
  EXPECT_EQ(parsed(ask("GET", "/tenant/me")).at("state").as_string(), "erasing");
  EXPECT_EQ(parsed(ask("GET", "/tenant/offboard")).at("kind").as_string(), "erase");
  EXPECT_EQ(ask("GET", "/tenant/audit").status, 200);
  finish_removals();
  EXPECT_EQ(parsed(ask("GET", "/tenant/scans")).at("count"), 0);
  EXPECT_EQ(parsed(ask("GET", "/tenant/offboard")).at("state").as_string(), "active");
  EXPECT_EQ(stack.ask("GET", "/r/" + own.share_token).status, 404);
  EXPECT_EQ(stack.ask("GET", "/tenant/scans/" + other.scan_id, Stack::bearer(other.admin)).status,
            200);
  EXPECT_TRUE(parsed(ask("GET", "/tenant/audit/verify")).at("intact").as_bool());
}

TEST_F(GovernanceHttpTest, AClosingTenantIsReadOnlyUntilItsEnd) {
  EXPECT_EQ(ask("POST", "/tenant/offboard", {{"dryRun", true}, {"graceDays", 91}}).status, 422);
  const bj::object plan = parsed(ask("POST", "/tenant/offboard", {{"dryRun", true}}));
  EXPECT_EQ(plan.at("deletedKeys"), 3);
  EXPECT_GT(plan.at("deletedAudit").as_int64(), 3);
  EXPECT_EQ(ask("DELETE", "/tenant/offboard").status, 409);
  const bj::object begun =
      parsed(ask("POST", "/tenant/offboard", {{"confirm", "own-bank"}, {"graceDays", 7}}));
  EXPECT_EQ(begun.at("state").as_string(), "closing");
  EXPECT_EQ(code_of(ask("POST", "/tenant/offboard", {{"confirm", "own-bank"}})), "tenant_closing");
  // Reading goes on, writing does not, links wait.
  EXPECT_EQ(ask("GET", "/tenant/scans/" + own.scan_id).status, 200);
  EXPECT_EQ(ask("GET", "/tenant/export").body.substr(0, 2), "PK");
  EXPECT_EQ(code_of(ask("PUT", "/tenant/settings", {{"brandingName", "x"}})), "tenant_closing");
  EXPECT_EQ(code_of(ask("DELETE", "/tenant/data", {{"confirm", "own-bank"}})), "tenant_closing");
  EXPECT_EQ(code_of(stack.ask("GET", "/r/" + own.share_token)), "share_link_paused");
  EXPECT_EQ(ask("DELETE", "/tenant/offboard").status, 200);
  EXPECT_EQ(stack.ask("GET", "/r/" + own.share_token).status, 200);
  ASSERT_EQ(ask("POST", "/tenant/offboard", {{"confirm", "own-bank"}, {"graceDays", 0}}).status,
            200);
  finish_removals();
  EXPECT_EQ(ask("GET", "/tenant/me").status, 401);
  EXPECT_EQ(stack.ask("GET", "/r/" + own.share_token).status, 404);
  EXPECT_EQ(stack.ask("GET", "/tenant/me", Stack::bearer(other.admin)).status, 200);
}

TEST_F(GovernanceHttpTest, WithoutADatabaseThereIsNothingToAdminister) {
  StackOptions options;
  options.database = false;
  Stack off(std::move(options));
  EXPECT_EQ(off.ask("GET", "/tenant/export", Stack::bearer(own.admin)).status, 503);
}

}  // namespace
}  // namespace carnet::test
