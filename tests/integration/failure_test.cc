// What happens when something breaks: the answer, the log, and that service returns by itself.

#include <filesystem>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "crypto/token.h"
#include "tests/integration/stack.h"

namespace carnet::test {
namespace {

TEST(FailureTest, AnInternalFailureIs500WithTheRequestIdAndNothingElse) {
  StackOptions options;
  options.faulty = true;
  Stack stack(options);
  const Tenant tenant = stack.make_tenant("Example Bank");
  for (const auto mode : {FaultyDatabase::Mode::kThrow, FaultyDatabase::Mode::kInternal}) {
    stack.faulty_db->mode = mode;
    for (const std::string& path : {std::string("/tenant/me"), "/r/" + tenant.share_token}) {
      HttpHeaders headers = Stack::bearer(tenant.viewer);
      headers.emplace_back("X-Request-Id", "find-me-in-the-log");
      const HttpAnswer answer = stack.ask("GET", path, headers);
      EXPECT_EQ(answer.status, 500) << path;
      EXPECT_NE(answer.body.find("\"requestId\":\"find-me-in-the-log\""), std::string::npos);
      EXPECT_EQ(answer.body.find(kInjectedText), std::string::npos);
    }
    stack.faulty_db->mode = FaultyDatabase::Mode::kPass;
    EXPECT_EQ(stack.ask("GET", "/tenant/me", Stack::bearer(tenant.viewer)).status, 200);
  }
  const std::string log = stack.log_text();
  EXPECT_NE(log.find(kInjectedText), std::string::npos);
  EXPECT_NE(log.find("find-me-in-the-log"), std::string::npos);
}

TEST(FailureTest, AFailedRequestFreesItsIdempotencyKey) {
  StackOptions options;
  options.faulty = true;
  Stack stack(options);
  const Tenant tenant = stack.make_tenant("Example Bank");
  HttpHeaders headers = Stack::bearer(tenant.operator_key);
  headers.emplace_back("Idempotency-Key", "once");
  const std::string path = "/tenant/scans/" + tenant.scan_id + "/share";
  stack.faulty_db->mode = FaultyDatabase::Mode::kInternal;
  EXPECT_EQ(stack.ask("POST", path, headers, "{}").status, 500);
  stack.faulty_db->mode = FaultyDatabase::Mode::kPass;
  const HttpAnswer answer = stack.ask("POST", path, headers, "{}");
  EXPECT_EQ(answer.status, 201);
  EXPECT_EQ(answer.header("Idempotent-Replayed"), "");
}

TEST(FailureTest, WithoutPersistenceEverythingThatNeedsItSaysSo) {
  StackOptions options;
  options.database = false;
  Stack stack(options);
  for (const auto& [method, path] : std::vector<std::pair<std::string, std::string>>{
           {"GET", "/tenant/me"},
           {"GET", "/tenant/shares"},
           {"POST", "/tenant/scans/scan_00000000000000000000000000/share"}}) {
    const std::string key = std::string(
        crypto::new_token(crypto::kKeyTokenPrefix, stack.pepper, stack.random).text.expose());
    const HttpAnswer answer = stack.ask(method, path, Stack::bearer(key));
    EXPECT_EQ(answer.status, 503) << path << answer.body;
    EXPECT_NE(answer.body.find("persistence_off"), std::string::npos) << answer.body;
    EXPECT_FALSE(answer.header("Retry-After").empty());
  }
  EXPECT_EQ(stack.ask("GET", "/readyz").status, 503);
  EXPECT_EQ(stack.ask("GET", "/health").status, 200);
  EXPECT_EQ(stack.ask("GET", "/docs").status, 200);
}

TEST(FailureTest, ADatabaseThatIsTakenAwayIs503AndComesBack) {
  if (on_postgresql()) GTEST_SKIP() << "about a file";
  Stack stack;
  const Tenant tenant = stack.make_tenant("Example Bank");
  const std::string away = stack.dir.file("elsewhere.db");
  std::filesystem::rename(stack.database->sqlite_path(), away);
  const std::string share = "/tenant/scans/" + tenant.scan_id + "/share";
  const HttpAnswer write = stack.ask("POST", share, Stack::bearer(tenant.operator_key), "{}");
  EXPECT_EQ(write.status, 503) << write.body;
  EXPECT_FALSE(write.header("Retry-After").empty());
  EXPECT_EQ(stack.ask("GET", "/tenant/me", Stack::bearer(tenant.viewer)).status, 503);
  EXPECT_EQ(stack.ask("GET", "/r/" + tenant.share_token).status, 503);
  EXPECT_EQ(stack.ask("GET", "/readyz").status, 503);
  EXPECT_EQ(stack.ask("GET", "/health").status, 200);
  std::filesystem::rename(away, stack.database->sqlite_path());
  // The store looks at its file a few times a second, not at every request.
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (stack.ask("GET", "/readyz").status != 200 && std::chrono::steady_clock::now() < patience) {
  }
  EXPECT_EQ(stack.ask("POST", share, Stack::bearer(tenant.operator_key), "{}").status, 201);
  EXPECT_EQ(stack.ask("GET", "/r/" + tenant.share_token).status, 200);
  EXPECT_EQ(stack.ask("GET", "/readyz").status, 200);
}

}  // namespace
}  // namespace carnet::test
