// Schedules, as a client sees them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/json.h"
#include "tests/integration/stack.h"
#include "tests/support/run_task.h"

namespace carnet::test {
namespace {

namespace bj = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kDaily =
    R"({"name":"Daily","cadenceHours":24,"jitterMinutes":0,)"
    R"("scan":{"scenarioId":"bank-tls-inventory","useFixture":true}})";

class ScheduleTest : public testing::Test {
 protected:
  ScheduleTest() : tenant_(stack_.make_tenant("Acme")) {
    stack_.clock.advance(std::chrono::seconds(1));  // what comes now is newer
  }

  HttpAnswer send(std::string_view method, const std::string& target, std::string_view body = {},
                  HttpHeaders headers = {}) {
    for (auto& header : Stack::bearer(tenant_.operator_key)) headers.push_back(header);
    if (!body.empty()) headers.emplace_back("Content-Type", "application/json");
    return stack_.ask(method, target, headers, body);
  }
  bj::object get(const std::string& target) {
    const HttpAnswer answer = stack_.ask("GET", target, Stack::bearer(tenant_.viewer));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return object_of(answer);
  }
  static bj::object object_of(const HttpAnswer& answer) {
    auto value = json::parse(answer.body);
    return value && value->is_object() ? value->get_object() : bj::object{};
  }
  std::string create(std::string_view body = kDaily) {
    const HttpAnswer answer = send("POST", "/tenant/schedules", body);
    EXPECT_EQ(answer.status, 201) << answer.body;
    const std::string id(object_of(answer).at("id").as_string());
    EXPECT_EQ(answer.header("Location"), "/tenant/schedules/" + id);
    return "/tenant/schedules/" + id;
  }
  // "pointer code" of each fault.
  std::vector<std::string> faults(std::string_view method, const std::string& target,
                                  std::string_view body) {
    const HttpAnswer answer = send(method, target, body);
    EXPECT_EQ(answer.status, 422) << answer.body;
    std::vector<std::string> out;
    const bj::object problem = object_of(answer);
    if (const bj::value* const errors = problem.if_contains("errors"))
      for (const bj::value& error : errors->as_array())
        out.push_back(std::string(error.at("pointer").as_string()) + " " +
                      std::string(error.at("code").as_string()));
    return out;
  }

  Stack stack_;
  Tenant tenant_;
};

TEST_F(ScheduleTest, IsMadeReadAndListed) {
  const std::string path = create();
  const bj::object schedule = get(path);
  EXPECT_EQ(schedule.at("name").as_string(), "Daily");
  EXPECT_EQ(schedule.at("cadenceHours").as_int64(), 24);
  EXPECT_TRUE(schedule.at("cron").is_null());
  EXPECT_TRUE(schedule.at("lastRun").is_null());
  EXPECT_EQ(schedule.at("scan").at("scenarioId").as_string(), "bank-tls-inventory");
  EXPECT_EQ(schedule.at("nextRunAt").as_string(),
            to_rfc3339(stack_.clock.now() + std::chrono::hours(24)));
  const bj::object page = get("/tenant/schedules?limit=1");
  EXPECT_EQ(page.at("count").as_int64(), 1);
  EXPECT_TRUE(page.at("hasMore").as_bool());  // the tenant has one from the beginning
  EXPECT_EQ(page.at("schedules").at(0).at("name").as_string(), "Daily");
  const bj::object rest =
      get("/tenant/schedules?limit=1&cursor=" + std::string(page.at("nextCursor").as_string()));
  EXPECT_EQ(rest.at("schedules").at(0).at("name").as_string(), "Samples");
  EXPECT_FALSE(rest.at("hasMore").as_bool());
}

TEST_F(ScheduleTest, ARetryOfMakingOneMakesOne) {
  const HttpHeaders key{{"Idempotency-Key", "schedule-0001"}};
  const HttpAnswer first = send("POST", "/tenant/schedules", kDaily, key);
  const HttpAnswer again = send("POST", "/tenant/schedules", kDaily, key);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(get("/tenant/schedules").at("count").as_int64(), 2);
}

TEST_F(ScheduleTest, NamesWhatIsWrong) {
  const std::string all = "/tenant/schedules";
  EXPECT_THAT(faults("POST", all, "{}"), ElementsAre("/name required", "/scan required"));
  EXPECT_THAT(
      faults("POST", all,
             R"({"name":"x","cadenceHours":0,"jitterMinutes":721,"every":1,)"
             R"("scan":{"ports":[0],"targets":["a"],"colour":1},"notify":{"on":"never","x":1}})"),
      ElementsAre("/cadenceHours out_of_range", "/jitterMinutes out_of_range",
                  "/scan/ports/0 out_of_range", "/scan/colour unknown_field",
                  "/notify/on not_one_of", "/notify/x unknown_field", "/every unknown_field"));
  EXPECT_THAT(
      faults("POST", all, R"({"name":"x","cron":"0 25 * * *","scan":{"target":"127.0.0.1"}})"),
      ElementsAre("/cron bad_cron"));
  EXPECT_THAT(faults("POST", all, R"({"name":"x","scan":{"target":"no host"}})"),
              ElementsAre("/scan/target invalid_target"));
  EXPECT_THAT(faults("POST", all, R"({"name":"x","scan":{}})"),
              ElementsAre(HasSubstr("/scan/target")));
  const HttpAnswer refused =
      send("POST", all, R"({"name":"x","scan":{"target":"www.example.org"}})");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, HasSubstr("target_not_authorized"));
  EXPECT_THAT(faults("PATCH", create(), R"({"timeZone":"Europe/Berlin"})"),
              ElementsAre("/timeZone conflict"));
}

TEST_F(ScheduleTest, IsChangedOnlyAsItWasRead) {
  const std::string path = create();
  const HttpAnswer read = send("GET", path);
  const HttpHeaders as_read{{"If-Match", std::string(read.header("ETag"))}};
  const HttpAnswer paused = send("PATCH", path, R"({"paused":true})", as_read);
  ASSERT_EQ(paused.status, 200) << paused.body;
  EXPECT_TRUE(object_of(paused).at("nextRunAt").is_null());
  EXPECT_EQ(object_of(paused).at("revision").as_int64(), 2);
  EXPECT_EQ(send("PATCH", path, R"({"name":"New"})", as_read).status, 412);
  EXPECT_EQ(send("PATCH", path, R"({"name":"New"})").status, 200);
}

TEST_F(ScheduleTest, RunsNowAndWhenItIsDue) {
  const std::string path = create();
  const HttpAnswer started = send("POST", path + "/run");
  ASSERT_EQ(started.status, 202) << started.body;
  const std::string scan(object_of(started).at("scanId").as_string());
  EXPECT_EQ(started.header("Location"), "/pqc/scan/" + scan);
  const auto over = [&] {
    const auto batch = run_task(stack_.scans.wait_events(tenant_.id, ScanId::parse(scan).value(),
                                                         100, std::chrono::seconds(50)));
    return batch && batch->over;
  };
  ASSERT_TRUE(over());
  stack_.clock.advance(std::chrono::hours(24));
  static_cast<void>(run_task(stack_.scheduler.tick(stack_.clock.now())));
  const bj::object page = get(path + "/runs?limit=1");
  EXPECT_TRUE(page.at("hasMore").as_bool());
  EXPECT_EQ(page.at("runs").at(0).at("trigger").as_string(), "schedule");
  const bj::object first =
      get(path + "/runs?cursor=" + std::string(page.at("nextCursor").as_string()));
  ASSERT_EQ(first.at("runs").as_array().size(), 1U);
  const bj::object& run = first.at("runs").at(0).as_object();
  EXPECT_EQ(run.at("trigger").as_string(), "manual");
  EXPECT_EQ(run.at("scanId").as_string(), scan);
  EXPECT_EQ(run.at("status").as_string(), "success");
  EXPECT_TRUE(run.at("reason").is_null());
  EXPECT_EQ(get(path).at("runCount").as_int64(), 2);
}

TEST_F(ScheduleTest, IsDeleted) {
  const std::string path = create();
  const HttpAnswer answer = send("DELETE", path);
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(object_of(answer).at("deleted").as_bool());
  for (const auto& [method, rest] : {std::pair<std::string_view, std::string>{"GET", ""},
                                     {"GET", "/runs"},
                                     {"DELETE", ""},
                                     {"POST", "/run"}})
    EXPECT_EQ(send(method, path + rest).status, 404) << method << rest;
  EXPECT_EQ(send("PATCH", path, "{}").status, 404);
}

}  // namespace
}  // namespace carnet::test
