// The life of a scan over real sockets: its events, reading, comparing and deleting it, and what is
// refused before it has ended.

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "tests/integration/stack.h"
#include "tests/support/run_task.h"

namespace carnet::test {
namespace {

class ScanTest : public ::testing::Test {
 protected:
  ScanTest() : own(stack.make_tenant("Own Bank")) {}
  Stack stack;
  Tenant own;
};

TEST_F(ScanTest, EventsResumeBehindTheLastOneSeen) {
  const std::string path = "/pqc/scan/" + own.scan_id + "/events";
  const HttpAnswer all = stack.ask("GET", path, Stack::bearer(own.viewer));
  EXPECT_EQ(all.header("Content-Type"), "text/event-stream");
  EXPECT_NE(all.body.find("id: 1\n"), std::string::npos);
  HttpHeaders resumed = Stack::bearer(own.viewer);
  resumed.emplace_back("Last-Event-ID", "1");
  const HttpAnswer rest = stack.ask("GET", path, resumed);
  EXPECT_EQ(rest.body.find("id: 1\n"), std::string::npos);
  EXPECT_NE(rest.body.find("id: 2\n"), std::string::npos);
  EXPECT_TRUE(all.body.ends_with(rest.body));
  resumed.back().second = "none";
  EXPECT_EQ(stack.ask("GET", path, resumed).status, 400);
}

TEST_F(ScanTest, AScanIsReadListedComparedAndDeleted) {
  const auto whole =
      parsed(stack.ask("GET", "/pqc/scan/" + own.scan_id, Stack::bearer(own.viewer)));
  EXPECT_EQ(whole.at("status").as_string(), "success");
  EXPECT_TRUE(whole.at("sample").as_bool());
  EXPECT_FALSE(whole.at("assets").as_array().empty());
  const auto list = parsed(stack.ask("GET", "/tenant/scans", Stack::bearer(own.viewer)));
  EXPECT_EQ(list.at("scans").as_array().front().at("scanId").as_string(), own.scan_id);
  const std::string second = stack.make_scan(own.operator_key);
  const auto diff =
      parsed(stack.ask("GET", "/tenant/scans/" + second + "/diff?against=" + own.scan_id,
                       Stack::bearer(own.viewer)));
  EXPECT_TRUE(diff.at("added").as_array().empty());
  EXPECT_TRUE(diff.at("removed").as_array().empty());
  const HttpAnswer csv =
      stack.ask("GET", "/pqc/report/" + own.scan_id + "?format=csv", Stack::bearer(own.viewer));
  EXPECT_EQ(csv.status, 200);
  EXPECT_TRUE(csv.header("Content-Type").starts_with("text/csv"));
  EXPECT_NE(csv.header("Content-Disposition").find(".csv\""), std::string::npos);
  EXPECT_EQ(
      stack.ask("GET", "/pqc/report/" + own.scan_id + "?format=docx", Stack::bearer(own.viewer))
          .status,
      422);
  const auto report = [&](const std::string& query) {
    return stack.ask("GET", "/pqc/report/" + own.scan_id + "?format=" + query,
                     Stack::bearer(own.viewer));
  };
  EXPECT_TRUE(report("pdf").body.starts_with("%PDF-"));
  EXPECT_EQ(parsed(report("cbom")).at("specVersion").as_string(), "1.6");
  EXPECT_EQ(parsed(report("cbom&version=1.7")).at("specVersion").as_string(), "1.7");
  EXPECT_EQ(report("cbom&version=1.8").status, 422);
  EXPECT_EQ(report("pdf&version=1.7").status, 422);
  EXPECT_EQ(parsed(report("sarif")).at("version").as_string(), "2.1.0");
  EXPECT_TRUE(report("bundle").body.starts_with("PK"));
  const auto ready = parsed(
      stack.ask("GET", "/pqc/report/" + own.scan_id + "/availability", Stack::bearer(own.viewer)));
  std::string formats;
  for (const auto& one : ready.at("formats").as_array()) {
    EXPECT_TRUE(one.at("available").as_bool());
    formats += std::string(one.at("format").as_string()) + " ";
  }
  EXPECT_TRUE(formats.starts_with("json csv pdf cbom sarif bundle ")) << formats;
  const HttpAnswer over =
      stack.ask("POST", "/pqc/scan/" + own.scan_id + "/cancel", Stack::bearer(own.operator_key));
  EXPECT_EQ(over.status, 409);
  EXPECT_EQ(stack.ask("DELETE", "/tenant/scans/" + own.scan_id, Stack::bearer(own.admin)).status,
            200);
  EXPECT_EQ(stack.ask("GET", "/pqc/scan/" + own.scan_id, Stack::bearer(own.viewer)).status, 404);
  EXPECT_EQ(stack.ask("GET", "/r/" + own.share_token).status, 404);
}

TEST_F(ScanTest, ATargetThatNobodyAttestedToIsRefused) {
  const HttpAnswer answer = stack.ask("POST", "/pqc/scan", Stack::bearer(own.operator_key),
                                      R"({"target":"192.0.2.10:443"})");
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(code_of(answer), "target_not_authorized");
  EXPECT_EQ(stack
                .ask("POST", "/pqc/scan", Stack::bearer(own.operator_key),
                     R"({"scenarioId":"no-such","useFixture":true})")
                .status,
            422);
}

TEST(UnfinishedScanTest, AScanThatHasNotEndedAndARequestThatStillRuns) {
  StackOptions options;
  options.worker = false;
  Stack stack(options);
  service::Actor platform;
  platform.platform = true;
  service::NewTenant wanted;
  wanted.name = "Example Bank";
  const auto row = run_task(stack.tenancy.create_tenant(platform, wanted));
  ASSERT_TRUE(row);
  const std::string key = stack.make_key(row->id, store::Role::kOperator, 300);
  const auto started =
      parsed(stack.ask("POST", "/pqc/scan", Stack::bearer(key),
                       R"({"scenarioId":"bank-tls-inventory","useFixture":true})"));
  const std::string scan(started.at("scanId").as_string());
  EXPECT_EQ(
      parsed(stack.ask("GET", "/pqc/scan/" + scan, Stack::bearer(key))).at("status").as_string(),
      "running");
  const std::string share = "/tenant/scans/" + scan + "/share";
  const HttpAnswer early = stack.ask("POST", share, Stack::bearer(key));
  EXPECT_EQ(early.status, 409);
  EXPECT_EQ(code_of(early), "scan_not_finished");
  EXPECT_EQ(stack.ask("GET", "/pqc/report/" + scan, Stack::bearer(key)).status, 409);
  // Another process is in the middle of the same request.
  const auto begun =
      run_task(stack.idempotency.begin(row->id, "share.create", "same-key", scan + "\n{}"));
  ASSERT_TRUE(begun);
  HttpHeaders headers = Stack::bearer(key);
  headers.emplace_back("Idempotency-Key", "same-key");
  const HttpAnswer running = stack.ask("POST", share, headers, "{}");
  EXPECT_EQ(running.status, 409);
  EXPECT_EQ(code_of(running), "idempotency_in_progress");
  // A stream over a scan that goes on stays open until the scan ends.
  HttpClient client = stack.connect();
  client.send(request_text("GET", "/pqc/scan/" + scan + "/events", Stack::bearer(key)));
  EXPECT_FALSE(client.read_until("data: ").empty());
  EXPECT_EQ(stack.ask("POST", "/pqc/scan/" + scan + "/cancel", Stack::bearer(key)).status, 200);
  EXPECT_NE(
      client.read_until("event: end\ndata: {\"scanId\":\"" + scan + "\",\"status\":\"cancelled\"}")
          .size(),
      0U);
}
}  // namespace
}  // namespace carnet::test
