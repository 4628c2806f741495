// Whatever changes something or takes evidence away is written down: every route of the table that
// is no reading is called, and its row is looked for. And the platform's own trail.

#include <algorithm>
#include <map>
#include <set>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "api/routes.h"
#include "base/check.h"
#include "base/json.h"
#include "service/audit.h"
#include "store/repositories.h"
#include "tests/integration/stack.h"
#include "tests/support/run_task.h"

namespace carnet::test {
namespace {

using api::Route;
namespace bj = boost::json;

enum class Who { kAdmin, kPlatform, kVisitor, kOther };  // kOther: the admin of another tenant

struct Step {
  std::string operation, path;  // {…} stands for what is known when it is called
  std::string body;
  Who who = Who::kAdmin;
  bool changes = false;  // the row says what there was and what there is
};

// POST because of their body; they change nothing.
const std::set<std::string_view> kReadsByPost = {
    "verify.document", "verify.form", "remediation.projection", "plan.make", "partner.preview"};
// The row of this needs a witness: transparency_test.cc.
const std::set<std::string_view> kElsewhere = {"transparency.cosign"};

// In the order in which they can be called.
std::vector<Step> all_steps() {
  const std::string scan = "/tenant/scans/{scan}", hook = "/tenant/webhooks/{hook}";
  const std::string schedule = "/tenant/schedules/{schedule}", share = "/tenant/shares/{share}";
  const std::string sample = R"({"scenarioId":"bank-tls-inventory","useFixture":true})";
  return {
      {"tenant.create", "/admin/tenants", R"({"name":"Third"})", Who::kPlatform},
      {"key.create", "/admin/tenants/{tenant}/keys", R"({"label":"x"})", Who::kPlatform},
      {"key.revoke", "/admin/keys/{key}", "", Who::kPlatform},
      {"settings.update", "/tenant/settings", R"({"brandingName":"x"})", Who::kAdmin, true},
      {"authorized_targets.update", "/tenant/authorized-targets",
       R"({"domains":["example.org"],"attestation":"Ours."})", Who::kAdmin, true},
      {"upload.create", "/pqc/upload-bundle", "host,port\nwww.example.org,443\n"},
      {"scan.create", "/pqc/scan", sample},
      {"scan.cancel", "/pqc/scan/{running}/cancel", ""},
      {"scan.persist", "/pqc/scan/{scan}/persist", ""},
      {"handshake.prove", "/pqc/handshake/prove", R"({"target":"127.0.0.1:1"})"},
      {"remediation.update", scan + "/remediation",
       R"({"remediationId":"{item}","status":"in_progress"})"},
      {"remediation.import", scan + "/remediation/import", "remediationId,owner\n{item},Ann\n"},
      {"remediation.verify", scan + "/remediation/verify",
       R"({"remediationId":"{item}","verifyScanId":"{later}"})", Who::kAdmin, true},
      {"webhook.create", "/tenant/webhooks", R"({"url":"http://127.0.0.1:9/","events":["*"]})"},
      {"webhook.update", hook, R"({"description":"x"})", Who::kAdmin, true},
      {"webhook.test", hook + "/test", ""},
      {"webhook.rotate_secret", hook + "/rotate-secret", "{}"},
      {"webhook.replay", hook + "/replay", R"({"all":true})"},
      {"webhook.delete", hook, ""},
      {"mail.replay", "/tenant/mail/replay", R"({"all":true})"},
      {"alert.update", "/tenant/alerts/{alert}", R"({"status":"acknowledged"})", Who::kAdmin, true},
      {"schedule.create", "/tenant/schedules", R"({"name":"Again","scan":)" + sample + "}"},
      {"schedule.update", schedule, R"({"paused":true})", Who::kAdmin, true},
      {"schedule.run", schedule + "/run", ""},
      {"schedule.delete", schedule, ""},
      {"share.create", scan + "/share", R"({"maxViews":3})"},
      {"share.update", share, R"({"label":"y"})", Who::kAdmin, true},
      {"link.open", "/r/{token}/open", "", Who::kVisitor},
      {"share.revoke", share, "", Who::kAdmin, true},
      {"partner.invite", "/tenant/partner/children", R"({"label":"x"})"},
      {"partner.accept", "/tenant/partner/parents", R"({"code":"{code}"})", Who::kOther},
      {"partner.end_parent", "/tenant/partner/parents/{made}", "", Who::kOther},
      {"partner.end_child", "/tenant/partner/children/{link}", ""},
      {"scan.delete", scan, ""},
      {"tenant.offboard", "/tenant/offboard", R"({"confirm":"own-bank"})", Who::kAdmin, true},
      {"tenant.offboard_cancel", "/tenant/offboard", "", Who::kAdmin, true},
      {"tenant.erase", "/tenant/data", R"({"confirm":"own-bank"})", Who::kAdmin, true},
  };
}

std::string action_of(const Step& step) {
  return step.operation.starts_with("partner.end_") ? "partner.end" : step.operation;
}

class AuditHttpTest : public ::testing::Test {
 protected:
  AuditHttpTest() : own(stack.make_tenant("Own Bank")), other(stack.make_tenant("Other")) {}

  std::vector<store::AuditRow> trail(const TenantId& tenant, const std::string& action) {
    auto rows = run_task(service::list_audit(stack.db, tenant, {.action_prefix = action},
                                             {.before = "", .limit = 500}))
                    .value();
    std::erase_if(rows, [&](const store::AuditRow& row) { return row.action != action; });
    return rows;
  }
  HttpAnswer ask_platform(std::string_view path) {
    return stack.ask("GET", path, Stack::bearer(std::string(Stack::kAdminKey)));
  }
  // A scan that some other server works on.
  std::string running_scan() {
    store::ScanRow row;
    row.id = ScanId::generate(stack.clock.now(), stack.random);
    row.tenant_id = own.id;
    row.status = "running";
    row.request = "{}";
    row.created_at = stack.clock.now();
    const auto work = [row](store::Connection& connection) -> Result<bool> {
      CARNET_TRY_VOID(store::scans::insert(connection, row));
      return true;
    };
    EXPECT_TRUE(run_task(stack.db.write<bool>(work)).has_value());
    return row.id.str();
  }
  // A later scan of the same that has not found the cause of an item any more.
  std::string scan_without(const std::string& item) {
    const std::string id = stack.make_scan(own.operator_key);
    const auto work = [this, id, item](store::Connection& connection) -> Result<bool> {
      connection.as_tenant(own.id.str());
      CARNET_TRY(found, store::scans::find_result(connection, ScanId::trusted(id)));
      CARNET_CHECK(found.has_value());
      std::string& text = found->result;
      for (std::size_t at = text.find(item); at != std::string::npos; at = text.find(item))
        text.replace(at, item.size(), "rem_of_something_else");
      CARNET_TRY_VOID(
          store::scans::put_result(connection, ScanId::trusted(id), text, found->sha256));
      return true;
    };
    EXPECT_TRUE(run_task(stack.db.write<bool>(work)).has_value());
    return id;
  }
  std::map<std::string, std::string> known_things() {
    stack.add_child(own);
    stack.clock.advance(std::chrono::seconds(1));  // so that it is the newest
    EXPECT_FALSE(stack.make_key(own.id, store::Role::kViewer, 100).empty());
    const bj::object backlog = parsed(stack.ask(
        "GET", "/tenant/scans/" + own.scan_id + "/remediation", Stack::bearer(own.admin)));
    const std::string item(backlog.at("items").at(0).at("id").as_string());
    return {{"tenant", own.id.str()},
            {"later", scan_without(item)},
            {"key", trail(own.id, "key.create").at(0).subject},
            {"scan", own.scan_id},
            {"running", running_scan()},
            {"item", item},
            {"hook", own.webhook_id},
            {"alert", own.alert_id},
            {"schedule", own.schedule_id},
            {"share", own.share_id},
            {"token", own.share_token},
            {"code", own.partner_code},
            {"link", own.link_id}};
  }
  HttpAnswer call(const Step& step, const std::string& path, const std::string& body) {
    HttpHeaders headers;
    if (step.who == Who::kPlatform) headers = Stack::bearer(std::string(Stack::kAdminKey));
    if (step.who == Who::kAdmin) headers = Stack::bearer(own.admin);
    if (step.who == Who::kOther) headers = Stack::bearer(other.admin);
    if (!body.empty())
      headers.emplace_back("Content-Type", body.front() == '{' ? "application/json" : "text/csv");
    for (const Route& route : api::all_routes())
      if (route.operation_id == step.operation)
        return stack.ask(api::to_string(route.method), path, headers, body);
    ADD_FAILURE() << "there is no operation " << step.operation;
    return {};
  }
  void expect_row(const Step& step, const store::AuditRow& row, const HttpAnswer& answer) {
    EXPECT_EQ(row.request_id, answer.header("X-Request-Id"));
    const std::string by = step.who == Who::kPlatform  ? "platform"
                           : step.who == Who::kVisitor ? "link:" + own.share_id
                                                       : row.key_id;
    EXPECT_EQ(row.actor, by);
    EXPECT_EQ(row.role, step.who == Who::kPlatform  ? "platform"
                        : step.who == Who::kVisitor ? ""
                                                    : "admin");
    EXPECT_FALSE(row.subject.empty());
    if (!step.changes) return;
    EXPECT_TRUE(json::parse(row.before).has_value()) << row.before;
    EXPECT_TRUE(json::parse(row.after).has_value()) << row.after;
    EXPECT_NE(row.before, row.after);
  }

  Stack stack;
  Tenant own, other;
};

std::string filled(std::string text, const std::map<std::string, std::string>& things) {
  for (const auto& [name, value] : things) {
    const std::string hole = "{" + name + "}";
    for (std::size_t at = text.find(hole); at != std::string::npos; at = text.find(hole))
      text.replace(at, hole.size(), value);
  }
  return text;
}

TEST(AuditTableTest, EveryRouteThatChangesSomethingIsCalledBelow) {
  std::set<std::string> called;
  for (const Step& step : all_steps()) called.insert(step.operation);
  for (const Route& route : api::all_routes()) {
    const std::string_view id = route.operation_id;
    if (route.method == api::Method::kGet || kReadsByPost.contains(id) || kElsewhere.contains(id))
      continue;
    EXPECT_TRUE(called.contains(std::string(id)))
        << id << " changes something: call it here, so that its row of the audit trail is seen";
  }
}

TEST_F(AuditHttpTest, EveryChangeLeavesItsRow) {
  std::map<std::string, std::string> things = known_things();
  for (const Step& step : all_steps()) {
    SCOPED_TRACE(step.operation);
    const std::string action = action_of(step);
    stack.clock.advance(std::chrono::seconds(1));
    TenantId whose = step.who == Who::kOther ? other.id : own.id;
    const std::size_t before = trail(whose, action).size();
    const HttpAnswer answer = call(step, filled(step.path, things), filled(step.body, things));
    ASSERT_TRUE(answer.status >= 200 && answer.status < 300) << answer.status << answer.body;
    const bool fresh = step.operation == "tenant.create";  // a trail of its own
    if (fresh) whose = TenantId::trusted(std::string(parsed(answer).at("tenantId").as_string()));
    if (step.operation == "partner.accept")
      things["made"] = std::string(parsed(answer).at("linkId").as_string());
    const auto after = trail(whose, action);
    ASSERT_EQ(after.size(), fresh ? 1 : before + 1);
    expect_row(step, after[0], answer);
  }
}

TEST_F(AuditHttpTest, TheBacklogAsATableIsADownload) {
  const std::string path = "/tenant/scans/" + own.scan_id + "/remediation/export";
  const HttpAnswer answer = stack.ask("GET", path, Stack::bearer(own.viewer));
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(stack.ask("HEAD", path, Stack::bearer(own.viewer)).status, 200);
  EXPECT_EQ(stack.ask("GET", path, Stack::bearer(other.viewer)).status, 404);
  const auto rows = trail(own.id, "report.download");
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].subject, own.scan_id);
  EXPECT_EQ(rows[0].role, "viewer");
  EXPECT_EQ(rows[0].request_id, answer.header("X-Request-Id"));
  EXPECT_NE(rows[0].detail.find("remediation-csv"), std::string::npos);
}

// ---- The platform's own trail

TEST_F(AuditHttpTest, ThePlatformReadsExportsAndVerifiesItsOwnTrail) {
  EXPECT_EQ(parsed(ask_platform("/admin/audit")).at("count"), 0) << "nothing of the tenants'";
  ASSERT_EQ(stack
                .ask("POST", "/tenant/offboard", Stack::bearer(other.admin),
                     R"({"confirm":"other","graceDays":0})")
                .status,
            200);
  while (run_task(stack.governance.tick()).value() > 0) {
  }
  const bj::object closed = parsed(ask_platform("/admin/audit?action=tenant.closed"));
  ASSERT_EQ(closed.at("count"), 1);
  EXPECT_EQ(closed.at("entries").at(0).at("subject").as_string(), other.id.str());
  EXPECT_EQ(parsed(ask_platform("/admin/audit?subject=" + own.id.str())).at("count"), 0);
  EXPECT_EQ(ask_platform("/admin/audit?limit=501").status, 422);

  stack.clock.advance(std::chrono::seconds(1));
  const HttpAnswer lines = ask_platform("/admin/audit/export");
  ASSERT_EQ(lines.status, 200) << lines.body;
  EXPECT_NE(lines.body.find("tenant.closed"), std::string::npos);
  EXPECT_EQ(lines.body.find("share.create"), std::string::npos);
  EXPECT_TRUE(ask_platform("/admin/audit/export?format=csv").body.starts_with("\"seq\",\"id\""));
  const bj::object taken = parsed(ask_platform("/admin/audit?action=audit.export&actor=platform"));
  EXPECT_EQ(taken.at("count"), 2);
  EXPECT_EQ(taken.at("entries").at(0).at("subject").as_string(), "platform");
  EXPECT_EQ(taken.at("entries").at(0).at("role").as_string(), "platform");

  const bj::object good = parsed(ask_platform("/admin/audit/verify"));
  EXPECT_TRUE(good.at("intact").as_bool()) << json::write(good);
  EXPECT_EQ(good.at("rows"), 3);
  stack.database->run_beside("UPDATE audit SET subject = 'x' WHERE seq = 1 AND tenant_id = ''");
  EXPECT_FALSE(parsed(ask_platform("/admin/audit/verify")).at("intact").as_bool());
  // No tenant's key opens it, whatever its role.
  for (const std::string path : {"/admin/audit", "/admin/audit/verify", "/admin/audit/export"})
    EXPECT_EQ(stack.ask("GET", path, Stack::bearer(own.admin)).status, 403) << path;
}

}  // namespace
}  // namespace carnet::test
