// Alerts and their settings, as a client sees them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/json.h"
#include "store/alerts.h"
#include "tests/integration/stack.h"
#include "tests/support/run_task.h"

namespace carnet::test {
namespace {

namespace bj = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;

class AlertTest : public testing::Test {
 protected:
  AlertTest() : tenant_(stack_.make_tenant("Acme")) {}

  bj::object get(const std::string& target, const std::string& key = {}) {
    const HttpAnswer answer =
        stack_.ask("GET", target, Stack::bearer(key.empty() ? tenant_.viewer : key));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return parsed(answer);
  }
  HttpAnswer send(std::string_view method, const std::string& target, std::string_view body,
                  const std::string& key = {}) {
    HttpHeaders headers = Stack::bearer(key.empty() ? tenant_.operator_key : key);
    headers.emplace_back("Content-Type", "application/json");
    return stack_.ask(method, target, headers, body);
  }
  HttpAnswer patch(const std::string& id, std::string_view body) {
    return send("PATCH", "/tenant/alerts/" + id, body);
  }
  std::vector<std::string> ids(const std::string& query) {
    std::vector<std::string> out;
    const bj::object list = get("/tenant/alerts" + query);
    for (const bj::value& alert : list.at("alerts").as_array())
      out.emplace_back(alert.at("alertId").as_string());
    return out;
  }
  void resolve(const std::string& subject) {
    const auto work = [&](store::Connection& connection) -> Result<bool> {
      CARNET_TRY(row,
                 store::alerts::resolve(
                     connection, tenant_.id, "hybrid_lost", subject,
                     {.scan = tenant_.scan_id, .reason = "It is back.", .at = stack_.clock.now()}));
      return row.has_value();
    };
    ASSERT_TRUE(run_task(stack_.db.write<bool>(work)).value_or(false));
  }
  static std::vector<std::string> bad_fields(const HttpAnswer& answer) {
    std::vector<std::string> fields;
    const bj::object problem = parsed(answer);
    if (!problem.contains("errors")) return fields;
    for (const bj::value& error : problem.at("errors").as_array())
      fields.emplace_back(error.at("field").as_string());
    return fields;
  }

  Stack stack_;
  Tenant tenant_;
};

TEST_F(AlertTest, AreListedFilteredAndWalkedByCursor) {
  const std::string first = tenant_.alert_id;
  stack_.clock.advance(std::chrono::seconds(1));
  const std::string since = to_rfc3339(stack_.clock.now());
  const std::string second = stack_.raise_alert(tenant_.id, "b.example:443", "critical");
  stack_.clock.advance(std::chrono::seconds(1));
  const std::string third = stack_.raise_alert(tenant_.id, "c.example:443");
  EXPECT_THAT(ids(""), ElementsAre(third, second, first));
  EXPECT_THAT(ids("?severity=critical"), ElementsAre(second));
  EXPECT_THAT(ids("?since=" + since), ElementsAre(third, second));
  EXPECT_THAT(ids("?kind=score_drop"), ElementsAre());
  EXPECT_THAT(ids("?scan_id=" + tenant_.scan_id), ElementsAre());
  resolve("b.example:443");
  EXPECT_THAT(ids("?status=open"), ElementsAre(third, first));
  EXPECT_THAT(ids("?status=resolved"), ElementsAre(second));
  const bj::object page = get("/tenant/alerts?limit=2");
  EXPECT_EQ(page.at("hasMore"), true);
  EXPECT_THAT(ids("?limit=2&cursor=" + std::string(page.at("nextCursor").as_string())),
              ElementsAre(first));
  const bj::object resolved = get("/tenant/alerts/" + second);
  EXPECT_EQ(resolved.at("status"), "resolved");
  EXPECT_EQ(resolved.at("resolvedByScanId").as_string(), tenant_.scan_id);
  EXPECT_EQ(resolved.at("resolvedReason"), "It is back.");
}

TEST_F(AlertTest, AreAcknowledgedAndOpenedAgainAndThatIsAudited) {
  const HttpAnswer done = patch(tenant_.alert_id, R"({"status":"acknowledged","note":"Wanted."})");
  ASSERT_EQ(done.status, 200) << done.body;
  const bj::object alert = parsed(done);
  EXPECT_EQ(alert.at("status"), "acknowledged");
  EXPECT_EQ(alert.at("note"), "Wanted.");
  EXPECT_EQ(alert.at("acknowledgedAt").as_string(), to_rfc3339(stack_.clock.now()));
  EXPECT_THAT(ids("?status=acknowledged"), ElementsAre(tenant_.alert_id));
  EXPECT_EQ(parsed(patch(tenant_.alert_id, R"({"note":""})")).at("status"), "acknowledged");
  const bj::object open = parsed(patch(tenant_.alert_id, R"({"status":"open"})"));
  EXPECT_EQ(open.at("status"), "open");
  EXPECT_EQ(open.at("note"), "");
  EXPECT_EQ(open.at("acknowledgedBy"), nullptr);
  const bj::object audit = get("/tenant/audit?action=alert", tenant_.admin);
  EXPECT_EQ(audit.at("count"), 3);
  EXPECT_EQ(audit.at("entries").at(0).at("subject").as_string(), tenant_.alert_id);
}

TEST_F(AlertTest, EveryFaultIsNamed) {
  const auto query = [&](const std::string& text) {
    const HttpAnswer answer =
        stack_.ask("GET", "/tenant/alerts?" + text, Stack::bearer(tenant_.viewer));
    EXPECT_EQ(answer.status, 422) << text;
    return bad_fields(answer);
  };
  EXPECT_THAT(query("status=gone"), ElementsAre("status"));
  EXPECT_THAT(query("kind=everything"), ElementsAre("kind"));
  EXPECT_THAT(query("severity=bad"), ElementsAre("severity"));
  EXPECT_THAT(query("since=yesterday"), ElementsAre("since"));
  EXPECT_THAT(query("scan_id=7"), ElementsAre("scan_id"));
  EXPECT_THAT(query("limit=101"), ElementsAre("limit"));
  EXPECT_THAT(bad_fields(patch(tenant_.alert_id, "{}")), ElementsAre("status"));
  EXPECT_THAT(bad_fields(patch(tenant_.alert_id, R"({"status":"resolved"})")),
              ElementsAre("status"));
  EXPECT_THAT(bad_fields(patch(tenant_.alert_id, R"({"mute":true,"note":7})")),
              ElementsAre("note", "mute"));
  EXPECT_THAT(
      bad_fields(patch(tenant_.alert_id, R"({"note":")" + std::string(2001, 'x') + R"("})")),
      ElementsAre("note"));
  EXPECT_EQ(patch(tenant_.alert_id, "[]").status, 422);
  EXPECT_EQ(patch("alert_0", "{}").status, 404);
  EXPECT_EQ(patch("alert_00000000000000000000000000", R"({"status":"open"})").status, 404);
  EXPECT_EQ(send("PATCH", "/tenant/alerts/" + tenant_.alert_id, "{}", tenant_.viewer).status, 403);
  EXPECT_EQ(send("DELETE", "/tenant/alerts/" + tenant_.alert_id, "").status, 405);
  resolve("www.example.org:443");
  const HttpAnswer over = patch(tenant_.alert_id, R"({"status":"open"})");
  EXPECT_EQ(over.status, 409);
  EXPECT_EQ(code_of(over), "conflict");
}

TEST_F(AlertTest, ThresholdsAreSettingsOfTheTenant) {
  const auto put = [&](std::string_view body) {
    return send("PUT", "/tenant/settings", body, tenant_.admin);
  };
  const bj::object none = get("/tenant/settings");
  EXPECT_EQ(none.at("certificateExpiryDays"), nullptr);
  EXPECT_EQ(none.at("alertsOff"), bj::array{});
  const HttpAnswer done = put(
      R"({"alertScoreDrop":3.5,"certificateExpiryDays":14,"deadlineDays":90,"sectorDeadlines":true,)"
      R"("deadLinkTries":3,"endpointGoneScans":4,"alertsOff":["deadline_near","scan_failed"]})");
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(get("/tenant/settings"), parsed(done));
  EXPECT_EQ(parsed(done).at("certificateExpiryDays"), 14);
  EXPECT_EQ(parsed(done).at("endpointGoneScans"), 4);
  EXPECT_EQ(parsed(done).at("alertsOff").at(1), "scan_failed");
  EXPECT_THAT(
      bad_fields(put(R"({"certificateExpiryDays":399,"deadlineDays":0,"deadLinkTries":0,)"
                     R"("endpointGoneScans":11,"sectorDeadlines":1})")),
      testing::UnorderedElementsAre("certificateExpiryDays", "deadlineDays", "deadLinkTries",
                                    "endpointGoneScans", "sectorDeadlines"));
  const HttpAnswer unknown = put(R"({"alertsOff":["all"]})");
  EXPECT_THAT(bad_fields(unknown), ElementsAre("alertsOff"));
  EXPECT_THAT(unknown.body, HasSubstr("certificate_near_expiry"));
}

// A scan that reaches nothing, twice.
TEST_F(AlertTest, AnEndOfAScanRaisesOverTheWholeStack) {
  const auto scan = [&] {
    const HttpAnswer begun =
        send("POST", "/pqc/scan", R"({"targets":["127.0.0.1"],"ports":[1],"kinds":["tls"]})");
    EXPECT_EQ(begun.status, 202) << begun.body;
    const std::string id(parsed(begun).at("scanId").as_string());
    // The event stream ends when the scan has.
    static_cast<void>(
        stack_.ask("GET", "/pqc/scan/" + id + "/events", Stack::bearer(tenant_.viewer)));
    return get("/pqc/scan/" + id);
  };
  EXPECT_EQ(scan().at("status"), "success");
  EXPECT_EQ(scan().at("status"), "success");
  // Nothing that was never reached is gone.
  EXPECT_THAT(ids("?status=open"), ElementsAre(tenant_.alert_id));
}

TEST(AlertsWithoutADatabase, AreNotThere) {
  Stack stack({.database = false});
  const HttpAnswer answer = stack.ask("GET", "/tenant/alerts", Stack::bearer("cnt_k_x"));
  EXPECT_TRUE(answer.status == 401 || answer.status == 503) << answer.status;
}

}  // namespace
}  // namespace carnet::test
