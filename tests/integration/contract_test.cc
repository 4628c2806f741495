// The contract of docs/api.md, over real sockets: who may do what, and what every answer carries.

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "api/routes.h"
#include "assess/judge.h"
#include "base/json.h"
#include "tests/integration/stack.h"

namespace carnet::test {
namespace {

using api::Access;
using api::Route;

const crypto::Digest256 kLogged = crypto::sha256(std::string_view("an envelope"));

// An item of the sample's backlog; its id is the same in every scan of it.
const std::string& sample_item() {
  static const std::string id = [] {
    const Timestamp now{std::chrono::hours(24) * 20000};
    assess::JudgeInput input;
    input.endpoints = assess::find_scenario("bank-tls-inventory", now)->endpoints;
    input.now = now;
    return assess::judge(input).backlog.at(0).id;
  }();
  return id;
}

std::string path_for(const Route& route, const Tenant& tenant) {
  std::string path(route.path);
  const auto put = [&path](std::string_view name, const std::string& value) {
    if (const std::size_t at = path.find(name); at != std::string::npos)
      path.replace(at, name.size(), value);
  };
  const bool of_child = route.path.starts_with("/tenant/portfolio/");
  put("{tenant_id}", (of_child ? tenant.child : tenant.id).str());
  put("{link_id}", tenant.link_id);
  put("{scan_id}", tenant.scan_id);
  put("{share_id}", tenant.share_id);
  put("{token}", tenant.share_token);
  put("{webhook_id}", tenant.webhook_id);
  put("{alert_id}", tenant.alert_id);
  put("{schedule_id}", tenant.schedule_id);
  put("{name}", "carnet.css");
  put("{remediation_id}", sample_item());
  put("{key_id}", "key_00000000000000000000000000");
  put("{tile_path}", "0/000.p/1");
  if (route.operation_id == "scan.diff") path += "?against=" + tenant.scan_id;
  if (route.operation_id == "transparency.consistency") path += "?from_size=0";
  if (route.operation_id == "transparency.inclusion") path += "?hash=" + to_hex(kLogged);
  return path;
}

// A body that the route takes, so that refusals come from roles and not from decoding.
std::string body_for(const Route& route, const Tenant& tenant) {
  if (route.request == "PartnerCode") return R"({"code":")" + tenant.partner_code + R"("})";
  if (route.request == "NewTenant") return R"({"name":"Another"})";
  if (route.request == "NewKey") return R"({"label":"another"})";
  if (route.request == "NewScan") return R"({"scenarioId":"bank-tls-inventory","useFixture":true})";
  if (route.request == "HandshakeTarget") return R"({"target":"127.0.0.1:1"})";
  if (route.request == "NewWebhook") return R"({"url":"http://127.0.0.1:9/","events":["*"]})";
  if (route.request == "NewSchedule")
    return R"({"name":"Again","scan":{"scenarioId":"bank-tls-inventory","useFixture":true}})";
  if (route.request == "SchedulePatch") return R"({"paused":true})";
  if (route.request == "AlertPatch") return R"({"status":"acknowledged"})";
  if (route.request == "ReplayRequest") return R"({"all":true})";
  if (route.request == "SharePatch") return R"({"label":"renamed"})";
  if (route.request == "UploadBundle") return "host,port\nwww.bank.example,443\n";
  if (route.request == "RemediationTable") return "remediationId,owner\n";
  if (route.request == "RemediationUpdate")
    return R"({"remediationId":")" + sample_item() + R"(","status":"open"})";
  if (route.request == "RemediationVerify")
    return R"({"remediationId":")" + sample_item() +
           R"(","verifyScanId":"scan_00000000000000000000000000"})";
  if (route.request == "RemediationIds") return R"({"remediationIds":[]})";
  if (route.request == "PlanRequest") return R"({"capacityDaysPerWeek":5})";
  if (route.request == "TenantErasure" || route.request == "TenantOffboarding")
    return R"({"dryRun":true})";
  return route.request.empty() ? "" : "{}";
}

HttpHeaders headers_for(const Route& route, const std::string& key) {
  HttpHeaders headers = Stack::bearer(key);
  if (route.request == "RemediationTable") headers.emplace_back("Content-Type", "text/csv");
  return headers;
}

// What would take away what the others need, would not end, or needs a later scan.
bool destroys(const Route& route) {
  return route.method == api::Method::kDelete || route.operation_id == "scan.events" ||
         route.operation_id == "remediation.verify";
}

class ContractTest : public ::testing::Test {
 protected:
  ContractTest() : own(stack.make_tenant("Own Bank")), other(stack.make_tenant("Other Bank")) {
    stack.add_child(own);
    EXPECT_TRUE(stack.db.write_blocking([this](store::Connection& connection) -> Result<void> {
      CARNET_TRY_VOID(stack.transparency->append(connection, kLogged));
      return {};
    }));
  }
  Stack stack;
  Tenant own, other;
};

TEST_F(ContractTest, EveryRoleOnEveryRouteOfOwnTenant) {
  struct Caller {
    std::string name, key;
    store::Role role;
  };
  const std::vector<Caller> callers = {{"viewer", own.viewer, store::Role::kViewer},
                                       {"operator", own.operator_key, store::Role::kOperator},
                                       {"admin", own.admin, store::Role::kAdmin}};
  for (const Route& route : api::all_routes()) {
    if (route.access.kind() != Access::Kind::kTenant) continue;
    const std::string path = path_for(route, own);
    const std::string method(api::to_string(route.method));
    EXPECT_EQ(stack.ask(method, path, {}, body_for(route, own)).status, 401)
        << method << " " << path;
    for (const Caller& caller : callers) {
      const bool allowed = caller.role >= route.access.role();
      if (allowed && destroys(route)) continue;
      const HttpAnswer answer =
          stack.ask(method, path, headers_for(route, caller.key), body_for(route, own));
      if (allowed) {
        EXPECT_TRUE(answer.status < 400 || answer.status == 409)
            << caller.name << " " << method << " " << path << ": " << answer.status << " "
            << answer.body;
      } else {
        EXPECT_EQ(answer.status, 403)
            << caller.name << " " << method << " " << path << ": " << answer.body;
        EXPECT_EQ(code_of(answer), "forbidden");
      }
      EXPECT_EQ(answer.header("RateLimit-Policy"), "\"key\";q=1000000;w=60") << path;
    }
    // The platform's key is no tenant's key. It was a wrong key; its allowance grows back by the
    // clock, which on PostgreSQL is the database's own.
    const int refused =
        stack.ask(method, path, Stack::bearer(std::string(Stack::kAdminKey)), body_for(route, own))
            .status;
    EXPECT_TRUE(refused == 401 || (on_postgresql() && refused == 429)) << refused;
    stack.clock.advance(std::chrono::seconds(10));
  }
}

TEST_F(ContractTest, AnotherTenantsObjectsAreNotThere) {
  for (const Route& route : api::all_routes()) {
    if (route.access.kind() != Access::Kind::kTenant ||
        route.path.find('{') == std::string_view::npos)
      continue;
    const std::string method(api::to_string(route.method));
    const HttpAnswer answer = stack.ask(method, path_for(route, own),
                                        headers_for(route, other.admin), body_for(route, own));
    EXPECT_EQ(answer.status, 404) << method << " " << route.path << ": " << answer.body;
  }
  // And nothing was changed by trying.
  EXPECT_EQ(stack.ask("GET", "/tenant/scans/" + own.scan_id, Stack::bearer(own.viewer)).status,
            200);
  EXPECT_EQ(stack.ask("GET", "/r/" + own.share_token).status, 200);
}

TEST_F(ContractTest, PlatformRoutesTakeThePlatformsKeyOnly) {
  const std::string admin_key(Stack::kAdminKey);
  for (const Route& route : api::all_routes()) {
    if (route.access.kind() != Access::Kind::kPlatform) continue;
    const std::string method(api::to_string(route.method));
    const std::string path = path_for(route, own);
    EXPECT_EQ(stack.ask(method, path, {}, body_for(route, own)).status, 401) << path;
    const HttpAnswer wrong =
        stack.ask(method, path, Stack::bearer(own.admin), body_for(route, own));
    EXPECT_EQ(wrong.status, 403) << path;
    EXPECT_EQ(code_of(wrong), "admin_key_wrong");
    for (const HttpHeaders& headers :
         {Stack::bearer(admin_key), HttpHeaders{{"x-admin-key", admin_key}}}) {
      const HttpAnswer answer = stack.ask(method, path, headers, body_for(route, own));
      EXPECT_TRUE(answer.status < 300 || answer.status == 404 || answer.status == 409)
          << path << answer.body;
    }
  }
}

TEST(AdminTest, WithoutAPlatformKeyTheRoutesSaySo) {
  StackOptions options;
  options.admin_key = false;
  Stack stack(options);
  const HttpAnswer answer = stack.ask("GET", "/admin/tenants", Stack::bearer("anything"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(code_of(answer), "admin_not_configured");
  EXPECT_FALSE(answer.header("Retry-After").empty());
}

TEST_F(ContractTest, AKeyIsTakenInThreeWays) {
  EXPECT_EQ(stack.ask("GET", "/tenant/me", Stack::bearer(own.viewer)).status, 200);
  EXPECT_EQ(stack.ask("GET", "/tenant/me", {{"authorization", "bearer  " + own.viewer}}).status,
            200);
  EXPECT_EQ(stack.ask("GET", "/tenant/me", {{"X-Api-Key", own.viewer}}).status, 200);
  const HttpAnswer in_query = stack.ask("GET", "/tenant/me?api_key=" + own.viewer);
  EXPECT_EQ(in_query.status, 200);
  EXPECT_FALSE(in_query.header("Warning").empty());
  EXPECT_TRUE(stack.ask("GET", "/tenant/me", Stack::bearer(own.viewer)).header("Warning").empty());
  // The same key twice is one key; two keys are none.
  EXPECT_EQ(stack
                .ask("GET", "/tenant/me",
                     {{"Authorization", "Bearer " + own.viewer}, {"x-api-key", own.viewer}})
                .status,
            200);
  const HttpAnswer two = stack.ask(
      "GET", "/tenant/me", {{"Authorization", "Bearer " + own.viewer}, {"x-api-key", own.admin}});
  EXPECT_EQ(two.status, 401);
  EXPECT_EQ(code_of(two), "conflicting_keys");
  const HttpAnswer basic = stack.ask("GET", "/tenant/me", {{"Authorization", "Basic YTpi"}});
  EXPECT_EQ(basic.status, 401);
  EXPECT_EQ(basic.header("WWW-Authenticate"), "Bearer realm=\"carnet\"");
  EXPECT_EQ(stack.log_text().find(own.viewer), std::string::npos);
}

TEST_F(ContractTest, ARevokedKeyIsRefusedAtOnce) {
  const auto list = parsed(stack.ask("GET", "/admin/tenants/" + own.id.str() + "/keys",
                                     Stack::bearer(std::string(Stack::kAdminKey))));
  std::string viewer_id;
  for (const auto& key : list.at("keys").as_array())
    if (key.at("role").as_string() == "viewer")
      viewer_id = std::string(key.at("keyId").as_string());
  const HttpAnswer revoked =
      stack.ask("DELETE", "/admin/keys/" + viewer_id, Stack::bearer(std::string(Stack::kAdminKey)));
  EXPECT_EQ(revoked.status, 200) << revoked.body;
  const HttpAnswer answer = stack.ask("GET", "/tenant/me", Stack::bearer(own.viewer));
  EXPECT_EQ(answer.status, 401);
  EXPECT_EQ(code_of(answer), "unauthenticated");
}

TEST_F(ContractTest, WrongKeysAreCountedPerAddress) {
  // On PostgreSQL the database's own clock counts, which does not stand still: instances_test.py.
  if (on_postgresql()) GTEST_SKIP() << "needs the test's clock";
  std::string unknown = own.viewer;
  unknown.back() = unknown.back() == 'a' ? 'b' : 'a';
  for (int i = 0; i < 30; ++i)
    ASSERT_EQ(stack.ask("GET", "/tenant/me", Stack::bearer(unknown)).status, 401) << i;
  const HttpAnswer answer = stack.ask("GET", "/tenant/me", Stack::bearer(unknown));
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.header("Retry-After"), "2");
  // A right key is not locked out by others behind the same address.
  EXPECT_EQ(stack.ask("GET", "/tenant/me", Stack::bearer(own.viewer)).status, 200);
  stack.clock.advance(std::chrono::seconds(2));
  EXPECT_EQ(stack.ask("GET", "/tenant/me", Stack::bearer(unknown)).status, 401);
}

TEST_F(ContractTest, AKeysRateIsLimitedAndShown) {
  // On PostgreSQL the database's own clock counts, which does not stand still: instances_test.py.
  if (on_postgresql()) GTEST_SKIP() << "needs the test's clock";
  const std::string key = stack.make_key(own.id, store::Role::kViewer, 300);
  HttpClient client = stack.connect();
  for (int left = 59; left >= 0; --left) {
    const auto answer = client.ask("GET", "/tenant/me", Stack::bearer(key));
    ASSERT_TRUE(answer);
    ASSERT_EQ(answer->status, 200);
    EXPECT_EQ(answer->header("RateLimit-Policy"), "\"key\";q=300;w=60");
    EXPECT_EQ(answer->header("RateLimit"),
              fmt::format("\"key\";r={};t={}", left, (60 - left + 4) / 5));
  }
  const auto answer = client.ask("GET", "/tenant/me", Stack::bearer(key));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 429);
  EXPECT_EQ(code_of(*answer), "rate_limited");
  EXPECT_EQ(answer->header("Retry-After"), "1");
  stack.clock.advance(std::chrono::milliseconds(200));
  EXPECT_EQ(client.ask("GET", "/tenant/me", Stack::bearer(key))->status, 200);
}

TEST_F(ContractTest, IdempotencyKeyGivesTheFirstAnswerAgain) {
  const std::string path = "/tenant/scans/" + own.scan_id + "/share";
  HttpHeaders headers = Stack::bearer(own.operator_key);
  headers.emplace_back("Idempotency-Key", "handoff-1");
  const HttpAnswer first = stack.ask("POST", path, headers, R"({"label":"one"})");
  const HttpAnswer again = stack.ask("POST", path, headers, R"({"label":"one"})");
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(first.body, again.body);
  EXPECT_EQ(first.header("Location"), again.header("Location"));
  EXPECT_EQ(first.header("Idempotent-Replayed"), "");
  EXPECT_EQ(again.header("Idempotent-Replayed"), "true");
  const HttpAnswer other_body = stack.ask("POST", path, headers, R"({"label":"two"})");
  EXPECT_EQ(other_body.status, 422);
  EXPECT_EQ(code_of(other_body), "idempotency_key_reused");
  const auto list = parsed(stack.ask("GET", "/tenant/scans/" + own.scan_id + "/shares",
                                     Stack::bearer(own.operator_key)));
  EXPECT_EQ(list.at("count").as_int64(), 2);  // the tenant's first link and this one
  HttpHeaders bad = Stack::bearer(own.operator_key);
  bad.emplace_back("Idempotency-Key", "two words");
  EXPECT_EQ(stack.ask("POST", path, bad).status, 400);
}

TEST_F(ContractTest, ReadsCarryAnETagAndHonourIt) {
  for (const Route& route : api::all_routes()) {
    if (!route.etag) continue;
    HttpHeaders headers;
    if (route.access.kind() == Access::Kind::kTenant) headers = Stack::bearer(own.admin);
    if (route.access.kind() == Access::Kind::kPlatform)
      headers = Stack::bearer(std::string(Stack::kAdminKey));
    const std::string path = path_for(route, own);
    const HttpAnswer answer = stack.ask("GET", path, headers);
    ASSERT_EQ(answer.status, 200) << path << answer.body;
    const std::string etag = answer.header("ETag");
    ASSERT_TRUE(etag.size() > 10 && etag.front() == '"' && etag.back() == '"')
        << path << " " << etag;
    headers.emplace_back("If-None-Match", "\"other\", W/" + etag);
    const HttpAnswer known = stack.ask("GET", path, headers);
    EXPECT_EQ(known.status, 304) << path;
    EXPECT_EQ(known.header("ETag"), etag);
    EXPECT_EQ(known.count("Content-Length"), 0U);
  }
}

TEST_F(ContractTest, HeadIsGetWithoutTheBody) {
  for (const Route& route : api::all_routes()) {
    if (route.method != api::Method::kGet || route.operation_id == "scan.events" ||
        route.operation_id == "service.metrics")
      continue;
    HttpHeaders headers;
    if (route.access.kind() == Access::Kind::kTenant) headers = Stack::bearer(own.admin);
    if (route.access.kind() == Access::Kind::kPlatform)
      headers = Stack::bearer(std::string(Stack::kAdminKey));
    headers.emplace_back("X-Request-Id", "same-id-for-both");
    const std::string path = path_for(route, own);
    HttpClient client = stack.connect();
    const auto get = client.ask("GET", path, headers);
    const auto head = client.ask("HEAD", path, headers);
    ASSERT_TRUE(get && head) << path;
    EXPECT_EQ(get->status, head->status) << path;
    if (get->header("Transfer-Encoding").empty())  // made while it is sent
      EXPECT_EQ(head->header("Content-Length"), std::to_string(get->body.size())) << path;
    for (const auto& [name, value] : get->headers)
      if (name != "RateLimit" && name != "Date")
        EXPECT_EQ(head->header(name), value) << path << " " << name;
  }
}

TEST_F(ContractTest, PathsAndMethods) {
  EXPECT_EQ(stack.ask("GET", "/v1/tenant/me", Stack::bearer(own.viewer)).status, 200);
  EXPECT_EQ(stack.ask("GET", "/tenant/me/", Stack::bearer(own.viewer)).status, 404);
  EXPECT_EQ(stack.ask("GET", "/tenant/%6De", Stack::bearer(own.viewer)).status, 200);
  EXPECT_EQ(stack.ask("GET", "/tenant/%256De", Stack::bearer(own.viewer)).status, 404);
  EXPECT_EQ(stack.ask("GET", "/tenant%2Fme", Stack::bearer(own.viewer)).status, 400);
  EXPECT_EQ(stack.ask("GET", "/tenant/me%00", Stack::bearer(own.viewer)).status, 400);
  EXPECT_EQ(stack.ask("GET", "/tenant/%zz", Stack::bearer(own.viewer)).status, 400);
  EXPECT_EQ(stack.ask("GET", "/nothing/here").status, 404);
  const HttpAnswer wrong =
      stack.ask("PUT", "/tenant/shares/" + own.share_id, Stack::bearer(own.admin), "{}");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.header("Allow"), "GET, HEAD, PATCH, DELETE");
  EXPECT_EQ(code_of(wrong), "method_not_allowed");
  EXPECT_EQ(stack.ask("BREW", "/tenant/me", Stack::bearer(own.viewer)).status, 405);
  EXPECT_EQ(stack.ask("OPTIONS", "/tenant/me").status, 405);
}

TEST_F(ContractTest, MediaTypes) {
  HttpHeaders text = Stack::bearer(own.operator_key);
  text.emplace_back("Content-Type", "application/x-www-form-urlencoded");
  const std::string path = "/tenant/scans/" + own.scan_id + "/share";
  const HttpAnswer wrong = stack.ask("POST", path, text, "label=x");
  EXPECT_EQ(wrong.status, 415);
  EXPECT_EQ(code_of(wrong), "unsupported_media_type");
  HttpHeaders utf16 = Stack::bearer(own.operator_key);
  utf16.emplace_back("Content-Type", "application/json; charset=utf-16");
  EXPECT_EQ(stack.ask("POST", path, utf16, "{}").status, 415);
  HttpHeaders utf8 = Stack::bearer(own.operator_key);
  utf8.emplace_back("Content-Type", "application/json; charset=UTF-8");
  EXPECT_EQ(stack.ask("POST", path, utf8, "{}").status, 201);
  HttpHeaders picky = Stack::bearer(own.viewer);
  picky.emplace_back("Accept", "image/png, application/json;q=0");
  const HttpAnswer excluded = stack.ask("GET", "/tenant/me", picky);
  EXPECT_EQ(excluded.status, 406);
  EXPECT_EQ(code_of(excluded), "not_acceptable");
  EXPECT_EQ(stack
                .ask("GET", "/tenant/me",
                     {{"x-api-key", own.viewer}, {"Accept", "text/html;q=0.1, */*;q=0.01"}})
                .status,
            200);
}

TEST_F(ContractTest, EveryBadFieldIsNamed) {
  const std::string path = "/tenant/scans/" + own.scan_id + "/share";
  const HttpAnswer answer = stack.ask(
      "POST", path, Stack::bearer(own.operator_key),
      R"({"expiresHours":721,"label":5,"scope":"all","recipient":"a\u0000b","passcode":"1234567","maxViews":0,)"
      R"("colour":"red"})");
  EXPECT_EQ(answer.status, 422);
  const auto body = parsed(answer);
  std::map<std::string, std::string> codes;
  for (const auto& error : body.at("errors").as_array()) {
    const std::string field(error.at("field").as_string());
    codes[field] = std::string(error.at("code").as_string());
    EXPECT_EQ(error.at("pointer").as_string(), "/" + field);
    EXPECT_NE(body.at("detail").as_string().find(field), boost::json::string::npos);
  }
  const std::map<std::string, std::string> expected = {
      {"expiresHours", "out_of_range"},   {"label", "wrong_type"},   {"scope", "not_one_of"},
      {"recipient", "control_character"}, {"passcode", "too_short"}, {"maxViews", "out_of_range"},
      {"colour", "unknown_field"}};
  EXPECT_EQ(codes, expected);
  // Length counts characters, not bytes.
  std::string long_label;
  for (int i = 0; i < 255; ++i) long_label += "é";
  EXPECT_EQ(
      stack.ask("POST", path, Stack::bearer(own.operator_key), "{\"label\":\"" + long_label + "\"}")
          .status,
      201);
  EXPECT_EQ(
      stack
          .ask("POST", path, Stack::bearer(own.operator_key), "{\"label\":\"" + long_label + "é\"}")
          .status,
      422);
  EXPECT_EQ(stack.ask("POST", path, Stack::bearer(own.operator_key), "[]").status, 422);
  EXPECT_EQ(stack.ask("POST", path, Stack::bearer(own.operator_key), "{\"label\":").status, 400);
  EXPECT_EQ(stack.ask("POST", path, Stack::bearer(own.operator_key), R"({"label":"a","label":"b"})")
                .status,
            400);
  EXPECT_EQ(stack.ask("POST", path, Stack::bearer(own.operator_key), "{\"label\":\"\xff\"}").status,
            400);
}

TEST_F(ContractTest, CursorsWalkAListOnceAndAreBound) {
  for (int i = 0; i < 6; ++i)
    ASSERT_EQ(
        stack
            .ask("POST", "/tenant/scans/" + own.scan_id + "/share", Stack::bearer(own.operator_key))
            .status,
        201);
  std::vector<std::string> seen;
  std::string cursor;
  std::string first_cursor;
  for (int page = 0; page < 10; ++page) {
    const std::string query = "?limit=3" + (cursor.empty() ? "" : "&cursor=" + cursor);
    const HttpAnswer answer =
        stack.ask("GET", "/tenant/shares" + query, Stack::bearer(own.operator_key));
    ASSERT_EQ(answer.status, 200) << answer.body;
    const auto body = parsed(answer);
    for (const auto& share : body.at("shares").as_array())
      seen.emplace_back(share.at("id").as_string());
    // A row added while walking does not shift the pages. Ids order by millisecond, and this clock
    // stands still.
    stack.clock.advance(std::chrono::milliseconds(1));
    if (page == 0)
      ASSERT_EQ(stack
                    .ask("POST", "/tenant/scans/" + own.scan_id + "/share",
                         Stack::bearer(own.operator_key))
                    .status,
                201);
    if (!body.at("hasMore").as_bool()) {
      EXPECT_TRUE(body.at("nextCursor").is_null());
      EXPECT_EQ(answer.header("Link"), "");
      break;
    }
    cursor = std::string(body.at("nextCursor").as_string());
    if (first_cursor.empty()) first_cursor = cursor;
    EXPECT_NE(answer.header("Link").find("cursor=" + cursor + ">; rel=\"next\""),
              std::string::npos);
  }
  EXPECT_EQ(seen.size(), 7U);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 7U);
  EXPECT_TRUE(std::is_sorted(seen.rbegin(), seen.rend()));
  // Another tenant, another list, a changed letter: refused.
  for (const auto& [path, key] : std::vector<std::pair<std::string, std::string>>{
           {"/tenant/shares?cursor=" + first_cursor, other.operator_key},
           {"/tenant/scans?cursor=" + first_cursor, own.operator_key},
           {"/tenant/shares?cursor=A" + first_cursor.substr(1) + "x", own.operator_key},
           {"/tenant/shares?limit=0", own.operator_key},
           {"/tenant/shares?limit=101", own.operator_key}}) {
    const HttpAnswer answer = stack.ask("GET", path, Stack::bearer(key));
    EXPECT_EQ(answer.status, 422) << path << answer.body;
  }
}

TEST_F(ContractTest, ConditionalWrites) {
  const HttpAnswer before = stack.ask("GET", "/tenant/settings", Stack::bearer(own.admin));
  HttpHeaders match = Stack::bearer(own.admin);
  match.emplace_back("If-Match", before.header("ETag"));
  EXPECT_EQ(stack.ask("PUT", "/tenant/settings", match, R"({"retentionDays":90})").status, 200);
  const HttpAnswer late = stack.ask("PUT", "/tenant/settings", match, R"({"retentionDays":30})");
  EXPECT_EQ(late.status, 412);
  EXPECT_EQ(code_of(late), "precondition_failed");
  const auto now = parsed(stack.ask("GET", "/tenant/settings", Stack::bearer(own.admin)));
  EXPECT_EQ(now.at("retentionDays").as_int64(), 90);
}

TEST_F(ContractTest, AnAttestedListIsNotReplacedUnseen) {
  const std::string path = "/tenant/authorized-targets";
  const auto list = [](std::string_view domain) {
    return R"({"domains":[")" + std::string(domain) + R"("],"cidrs":[],"attestation":"Ours."})";
  };
  const HttpHeaders admin = Stack::bearer(own.admin);
  EXPECT_EQ(stack.ask("PUT", path, admin, list("a.example")).status, 200);
  const HttpAnswer blind = stack.ask("PUT", path, admin, list("b.example"));
  EXPECT_EQ(blind.status, 428);
  EXPECT_EQ(code_of(blind), "precondition_required");
  HttpHeaders match = admin;
  match.emplace_back("If-Match", stack.ask("GET", path, admin).header("ETag"));
  EXPECT_EQ(stack.ask("PUT", path, match, list("b.example")).status, 200);
  EXPECT_EQ(stack.ask("PUT", path, match, list("c.example")).status, 412);
}

TEST_F(ContractTest, RequestIdsAreGivenAndTaken) {
  EXPECT_EQ(stack.ask("GET", "/health", {{"X-Request-Id", "caller-0001"}}).header("X-Request-Id"),
            "caller-0001");
  for (const char* bad : {"short", "has spaces in it", "semi;colon;semi"})
    EXPECT_TRUE(stack.ask("GET", "/health", {{"X-Request-Id", bad}})
                    .header("X-Request-Id")
                    .starts_with("req_"))
        << bad;
  const HttpAnswer answer = stack.ask("GET", "/nothing", {{"X-Request-Id", "caller-0002"}});
  EXPECT_EQ(parsed(answer).at("requestId").as_string(), "caller-0002");
  ASSERT_EQ(stack
                .ask("PUT", "/tenant/settings",
                     {{"x-api-key", own.admin}, {"X-Request-Id", "caller-0003"}}, "{}")
                .status,
            200);
  EXPECT_NE(stack.ask("GET", "/tenant/audit", Stack::bearer(own.admin)).body.find("caller-0003"),
            std::string::npos);
  EXPECT_NE(stack.log_text().find("caller-0003"), std::string::npos);
}

TEST(CorsTest, OpenForListedOriginsOnly) {
  StackOptions options;
  options.api.cors_origins = {"https://app.example.org"};
  Stack stack(options);
  const HttpHeaders preflight = {{"Origin", "https://app.example.org"},
                                 {"Access-Control-Request-Method", "GET"}};
  const HttpAnswer allowed = stack.ask("OPTIONS", "/tenant/me", preflight);
  EXPECT_EQ(allowed.status, 204);
  EXPECT_EQ(allowed.header("Access-Control-Allow-Origin"), "https://app.example.org");
  EXPECT_EQ(allowed.header("Access-Control-Allow-Methods"), "GET, HEAD");
  const HttpAnswer foreign =
      stack.ask("OPTIONS", "/tenant/me",
                {{"Origin", "https://evil.example"}, {"Access-Control-Request-Method", "GET"}});
  EXPECT_EQ(foreign.status, 405);
  EXPECT_EQ(foreign.header("Access-Control-Allow-Origin"), "");
  const HttpAnswer simple = stack.ask("GET", "/health", {{"Origin", "https://app.example.org"}});
  EXPECT_EQ(simple.header("Access-Control-Allow-Origin"), "https://app.example.org");
  EXPECT_EQ(simple.header("Vary"), "Origin");
  const HttpAnswer link = stack.ask("GET", "/r/anything", {{"Origin", "https://app.example.org"}});
  EXPECT_EQ(link.header("Access-Control-Allow-Origin"), "");
}

TEST(MetricsTest, PlatformKeyOrLoopbackAndNothingForwarded) {
  Stack stack;
  EXPECT_EQ(stack.ask("GET", "/health").status, 200);
  const HttpAnswer local = stack.ask("GET", "/metrics");
  EXPECT_EQ(local.status, 200);
  EXPECT_NE(local.body.find(
                "carnet_http_requests_total{method=\"GET\",route=\"/health\",status=\"2xx\"} 1\n"),
            std::string::npos)
      << local.body;
  EXPECT_EQ(stack.ask("GET", "/metrics", {{"X-Forwarded-For", "203.0.113.9"}}).status, 401);
  EXPECT_EQ(stack.ask("GET", "/metrics", Stack::bearer("wrong")).status, 403);
  EXPECT_EQ(
      stack
          .ask("GET", "/metrics",
               {{"X-Forwarded-For", "203.0.113.9"}, {"x-admin-key", std::string(Stack::kAdminKey)}})
          .status,
      200);
}

TEST(ReadinessTest, SaysWhenTheServerStops) {
  Stack stack;
  EXPECT_EQ(stack.ask("GET", "/readyz").status, 200);
  stack.api->set_draining();
  const HttpAnswer answer = stack.ask("GET", "/readyz");
  EXPECT_EQ(answer.status, 503);
  EXPECT_FALSE(answer.header("Retry-After").empty());
  EXPECT_EQ(stack.ask("GET", "/healthz").status, 200);
}

}  // namespace
}  // namespace carnet::test
