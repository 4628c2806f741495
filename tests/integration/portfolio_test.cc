// Agreements between tenants, what a parent sees by them, and which scans are too old, over HTTP.

#include <gmock/gmock.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "tests/integration/stack.h"
#include "tests/support/run_task.h"

namespace carnet::test {
namespace {

namespace bj = boost::json;
using std::chrono::days;
using testing::HasSubstr;
using testing::Not;

class PortfolioApi : public ::testing::Test {
 protected:
  PortfolioApi() : parent(stack.make_tenant("Holding")), child(stack.make_tenant("Bakery")) {}

  HttpAnswer ask(const std::string& key, std::string_view method, const std::string& path,
                 const std::string& body = {}, const std::string& accept = {}) {
    HttpHeaders headers = Stack::bearer(key);
    if (!accept.empty()) headers.emplace_back("Accept", accept);
    return stack.ask(method, path, headers, body);
  }
  bj::object get(const std::string& key, const std::string& path) {
    const HttpAnswer answer = ask(key, "GET", path);
    EXPECT_EQ(answer.status, 200) << path << ": " << answer.body;
    return object_of(answer);
  }
  static bj::object object_of(const HttpAnswer& answer) {
    auto value = json::parse(answer.body);
    return value && value->is_object() ? value->get_object() : bj::object{};
  }
  static std::string text(const bj::object& object, std::string_view name) {
    const auto* found = object.if_contains({name.data(), name.size()});
    return found != nullptr && found->is_string() ? std::string(found->get_string()) : "";
  }
  void expect_problem(const HttpAnswer& answer, int status, const std::string& code,
                      const std::string& words = {}) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(text(object_of(answer), "code"), code) << answer.body;
    EXPECT_THAT(answer.body, HasSubstr(words));
  }
  bj::object invite(const std::string& body = R"({"label":"Client 17","scope":"scans"})") {
    const HttpAnswer answer = ask(parent.admin, "POST", "/tenant/partner/children", body);
    EXPECT_EQ(answer.status, 201) << answer.body;
    return object_of(answer);
  }
  std::string code_body(const bj::object& invitation) {
    return json::write(bj::object{{"code", text(invitation, "code")}});
  }
  std::string agree(const std::string& body = R"({"scope":"scans"})") {
    const HttpAnswer answer =
        ask(child.admin, "POST", "/tenant/partner/parents", code_body(invite(body)));
    EXPECT_EQ(answer.status, 201) << answer.body;
    return text(object_of(answer), "linkId");
  }

  Stack stack;
  Tenant parent, child;
};

TEST_F(PortfolioApi, FromTheInvitationToItsEnd) {
  const bj::object invitation = invite();
  EXPECT_THAT(text(invitation, "code"), testing::MatchesRegex("cnt_p_[0-9A-Za-z]{48}"));
  EXPECT_EQ(invitation.at("grants").as_array().size(), 5U);
  const auto waiting = get(parent.viewer, "/tenant/partner/children");
  EXPECT_EQ(text(waiting.at("partners").at(0).as_object(), "state"), "invited");
  EXPECT_THAT(json::write(waiting), Not(HasSubstr(text(invitation, "code"))));

  const HttpAnswer offer =
      ask(child.admin, "POST", "/tenant/partner/parents/preview", code_body(invitation));
  ASSERT_EQ(offer.status, 200) << offer.body;
  EXPECT_EQ(text(object_of(offer), "tenantName"), "Holding");
  EXPECT_EQ(text(object_of(offer), "label"), "Client 17");
  EXPECT_EQ(text(object_of(offer), "scope"), "scans");
  EXPECT_EQ(get(parent.viewer, "/tenant/portfolio").at("total").at("children").as_int64(), 0);

  const HttpAnswer accepted =
      ask(child.admin, "POST", "/tenant/partner/parents", code_body(invitation));
  ASSERT_EQ(accepted.status, 201) << accepted.body;
  EXPECT_EQ(text(object_of(accepted), "linkId"), text(invitation, "linkId"));
  const std::string one = "/tenant/portfolio/" + child.id.str();
  const bj::object seen = get(parent.viewer, one);
  EXPECT_EQ(text(seen, "tenantName"), "Bakery");
  EXPECT_EQ(seen.at("alerts").at("medium").as_int64(), 1);
  const bj::object scans = get(parent.viewer, one + "/scans");
  EXPECT_EQ(text(scans.at("scans").at(0).as_object(), "scanId"), child.scan_id);
  // The row is all: nothing behind it opens with the parent's key.
  for (const std::string& path :
       {"/pqc/scan/" + child.scan_id, "/pqc/report/" + child.scan_id,
        "/tenant/scans/" + child.scan_id, "/tenant/shares/" + child.share_id})
    expect_problem(ask(parent.admin, "GET", path), 404, "not_found");

  const std::string link = text(invitation, "linkId");
  const HttpAnswer ended = ask(child.admin, "DELETE", "/tenant/partner/parents/" + link);
  ASSERT_EQ(ended.status, 200) << ended.body;
  EXPECT_EQ(text(object_of(ended), "state"), "ended");
  expect_problem(ask(parent.viewer, "GET", one), 404, "not_found", "has agreed to be seen");
  expect_problem(ask(parent.viewer, "GET", one + "/scans"), 404, "not_found");
  EXPECT_EQ(get(parent.viewer, "/tenant/portfolio").at("total").at("children").as_int64(), 0);
  expect_problem(ask(child.admin, "DELETE", "/tenant/partner/parents/" + link), 404, "not_found");
  for (const std::string& admin : {parent.admin, child.admin})
    EXPECT_EQ(get(admin, "/tenant/audit?action=partner.end").at("count").as_int64(), 1);
}

TEST_F(PortfolioApi, AChildThatClosesIsMarkedAndOneThatIsErasedIsGone) {
  agree();
  const std::string one = "/tenant/portfolio/" + child.id.str();
  EXPECT_EQ(text(get(parent.viewer, one), "state"), "active");
  const std::string confirm = R"({"confirm":"bakery"})";
  ASSERT_EQ(ask(child.admin, "POST", "/tenant/offboard", confirm).status, 200);
  EXPECT_EQ(text(get(parent.viewer, one), "state"), "closing");
  EXPECT_THAT(ask(parent.viewer, "GET", "/tenant/portfolio", "", "text/csv").body,
              HasSubstr("\"closing\""));
  ASSERT_EQ(ask(child.admin, "DELETE", "/tenant/offboard").status, 200);
  ASSERT_EQ(ask(child.admin, "DELETE", "/tenant/data", confirm).status, 200);
  expect_problem(ask(parent.viewer, "GET", one), 404, "not_found", "has agreed to be seen");
  expect_problem(ask(parent.viewer, "GET", one + "/scans"), 404, "not_found");
  const bj::object all = get(parent.viewer, "/tenant/portfolio");
  EXPECT_EQ(all.at("total").at("children").as_int64(), 0);
  EXPECT_EQ(all.at("children").as_array().size(), 0U);
  const bj::object list = get(parent.viewer, "/tenant/partner/children");
  EXPECT_EQ(list.at("partners").at(0).at("tenantName"), nullptr);
  while (run_task(stack.governance.tick()).value() > 0) {
  }
  EXPECT_EQ(text(get(parent.viewer, one), "state"), "active");
}

TEST_F(PortfolioApi, NoAnswerHoldsAnythingOfAKey) {
  agree();
  const auto keys = run_task(stack.tenancy.list_keys(child.id, {})).value();
  ASSERT_EQ(keys.size(), 3U);
  const std::string one = "/tenant/portfolio/" + child.id.str();
  for (const std::string& path :
       {std::string("/tenant/portfolio"), one, one + "/scans",
        std::string("/tenant/partner/children"), std::string("/tenant/audit?action=partner")}) {
    const HttpAnswer answer = ask(parent.admin, "GET", path);
    ASSERT_EQ(answer.status, 200) << answer.body;
    for (const auto& key : keys)
      for (const std::string& word : {key.id.str(), key.public_id, key.label + "\",\"role"})
        EXPECT_THAT(answer.body, Not(HasSubstr(word))) << path;
    EXPECT_THAT(answer.body, Not(HasSubstr("cnt_"))) << path;
  }
}

TEST_F(PortfolioApi, ASummaryAgreementDoesNotOpenTheScans) {
  agree("");
  expect_problem(ask(parent.viewer, "GET", "/tenant/portfolio/" + child.id.str() + "/scans"), 403,
                 "forbidden", "covers a summary alone");
}

TEST_F(PortfolioApi, TotalsPagesAndTheTable) {
  agree();
  const Tenant second = stack.make_tenant("Anvil");
  ASSERT_EQ(ask(second.admin, "POST", "/tenant/partner/parents", code_body(invite(""))).status,
            201);
  const bj::object first = get(parent.viewer, "/tenant/portfolio?sort=name&limit=1");
  EXPECT_EQ(first.at("total").at("children").as_int64(), 2);
  EXPECT_EQ(first.at("total").at("bands").as_array().size(), 5U);
  EXPECT_EQ(text(first.at("children").at(0).as_object(), "tenantName"), "Anvil");
  const std::string cursor = text(first, "nextCursor");
  const bj::object rest =
      get(parent.viewer, "/tenant/portfolio?sort=name&limit=1&cursor=" + cursor);
  EXPECT_EQ(text(rest.at("children").at(0).as_object(), "tenantName"), "Bakery");
  EXPECT_FALSE(rest.at("hasMore").as_bool());
  // A cursor is good for its own order and tenant alone.
  for (const auto& [key, query] :
       {std::pair{parent.viewer, "sort=score"}, std::pair{child.viewer, "sort=name"}})
    expect_problem(ask(key, "GET", std::string("/tenant/portfolio?") + query + "&cursor=" + cursor),
                   422, "validation_failed", "cursor");
  expect_problem(ask(parent.viewer, "GET", "/tenant/portfolio?sort=size"), 422, "validation_failed",
                 "score, name, criticals");
  const HttpAnswer table =
      ask(parent.viewer, "GET", "/tenant/portfolio?sort=name&limit=1", "", "text/csv");
  EXPECT_EQ(table.status, 200);
  EXPECT_THAT(table.header("Content-Type"), HasSubstr("text/csv"));
  EXPECT_EQ(std::count(table.body.begin(), table.body.end(), '\n'), 3) << table.body;
}

TEST_F(PortfolioApi, WhatIsRefusedAndWhy) {
  const auto refused = [&](const std::string& path, const std::string& body,
                           const std::string& words) {
    expect_problem(ask(parent.admin, "POST", path, body), 422, "validation_failed", words);
  };
  refused("/tenant/partner/children", R"({"scope":"all"})", "scope");
  refused("/tenant/partner/children", R"({"expiresDays":31})", "expiresDays");
  refused("/tenant/partner/children", R"({"colour":"red"})", "colour");
  refused("/tenant/partner/children", "[]", "must be a JSON object");
  refused("/tenant/partner/parents", "{}", "code");
  refused("/tenant/partner/parents/preview", R"({"code":7})", "code");
  const bj::object invitation = invite();
  for (const char* path : {"/tenant/partner/parents", "/tenant/partner/parents/preview"}) {
    expect_problem(ask(parent.admin, "POST", path, code_body(invitation)), 409, "conflict",
                   "is your own");
    expect_problem(ask(child.admin, "POST", path, R"({"code":"cnt_p_no"})"), 404, "not_found",
                   "no such invitation");
    expect_problem(ask(child.operator_key, "POST", path, code_body(invitation)), 403, "forbidden");
  }
  agree();
  expect_problem(ask(child.admin, "POST", "/tenant/partner/parents", code_body(invitation)), 409,
                 "conflict", "end it first");
  const std::string link = text(invitation, "linkId");
  expect_problem(ask(child.admin, "DELETE", "/tenant/partner/children/" + link), 404, "not_found");
  expect_problem(ask(parent.admin, "DELETE", "/tenant/partner/children/nonsense"), 404,
                 "not_found");
  const HttpAnswer withdrawn = ask(parent.admin, "DELETE", "/tenant/partner/children/" + link);
  EXPECT_EQ(text(object_of(withdrawn), "state"), "withdrawn") << withdrawn.body;
  stack.clock.advance(days(8));
  expect_problem(ask(child.admin, "POST", "/tenant/partner/parents", code_body(invitation)), 404,
                 "not_found");
}

TEST_F(PortfolioApi, RetentionSaysWhatGoesAndWhatIsKept) {
  const bj::object unset = get(child.viewer, "/tenant/retention");
  EXPECT_TRUE(unset.at("retentionDays").is_null());
  EXPECT_EQ(text(unset, "source"), "none");
  const HttpAnswer set = ask(child.admin, "PUT", "/tenant/settings", R"({"retentionDays":30})");
  ASSERT_EQ(set.status, 200) << set.body;
  stack.clock.advance(days(31));
  const std::string newer = stack.make_scan(child.operator_key);
  const bj::object seen = get(child.viewer, "/tenant/retention");
  EXPECT_EQ(seen.at("retentionDays").as_int64(), 30);
  EXPECT_EQ(text(seen, "source"), "tenant");
  ASSERT_EQ(seen.at("scans").as_array().size(), 1U) << json::write(seen);
  EXPECT_EQ(text(seen.at("scans").at(0).as_object(), "scanId"), child.scan_id);
  const bj::object would = get(child.viewer, "/tenant/retention?retention_days=60");
  EXPECT_EQ(text(would, "source"), "request");
  EXPECT_EQ(would.at("scans").as_array().size(), 0U);
  expect_problem(ask(child.viewer, "GET", "/tenant/retention?retention_days=0"), 422,
                 "validation_failed", "retention_days");
  const std::int64_t free = seen.at("erasable").as_int64();
  const auto round = run_task(stack.retention.tick(stack.clock.now()));
  ASSERT_TRUE(round) << round.error().internal;
  EXPECT_EQ(round->scans, free);
  EXPECT_EQ(free, 1) << json::write(seen);
  expect_problem(ask(child.viewer, "GET", "/pqc/scan/" + child.scan_id), 404, "not_found");
  expect_problem(stack.ask("GET", "/r/" + child.share_token), 404, "not_found");
  EXPECT_EQ(get(child.admin, "/tenant/audit?action=retention").at("count").as_int64(), 1);
  get(child.viewer, "/pqc/scan/" + newer);
}

}  // namespace
}  // namespace carnet::test
