#include "api/pipeline.h"

#include <gtest/gtest.h>

#include "api/problem.h"

namespace carnet::api {
namespace {

TEST(NegotiateTest, MostSpecificRangeAndBestQualityWin) {
  constexpr std::string_view kBoth = "application/json, text/html";
  EXPECT_EQ(negotiate("", kBoth), "application/json");
  EXPECT_EQ(negotiate("*/*", kBoth), "application/json");
  EXPECT_EQ(negotiate("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", kBoth),
            "text/html");
  EXPECT_EQ(negotiate("text/*;q=0.3, application/json;q=0.2", kBoth), "text/html");
  EXPECT_EQ(negotiate("text/html;q=0.5, application/json", kBoth), "application/json");
  EXPECT_EQ(negotiate("application/json;q=0, */*", kBoth), "text/html");
  EXPECT_EQ(negotiate("image/png", kBoth), "");
  EXPECT_EQ(negotiate("TEXT/HTML", kBoth), "text/html");
  EXPECT_EQ(negotiate("text/html;q=2", kBoth),
            "application/json");  // not well formed: as if absent
  EXPECT_EQ(negotiate("nonsense", kBoth), "application/json");
  EXPECT_EQ(negotiate("text/csv", "text/csv; charset=utf-8"), "text/csv; charset=utf-8");
}

TEST(EtagTest, Lists) {
  const std::string etag = etag_of("body");
  EXPECT_TRUE(etag_matches(etag, etag));
  EXPECT_TRUE(etag_matches("\"a\", W/" + etag, etag));
  EXPECT_TRUE(etag_matches("*", etag));
  EXPECT_FALSE(etag_matches("\"a\"", etag));
  EXPECT_NE(etag, etag_of("other"));
}

TEST(RouterTest, LiteralsBeforeParametersAndDecodingOnce) {
  const Router router(all_routes());
  EXPECT_EQ(router.find(Method::kGet, "/v1/pqc/scan/scan_x").params[0], "scan_x");
  EXPECT_EQ(router.find(Method::kGet, "/pqc/scan/a%20b").params[0], "a b");
  EXPECT_EQ(router.find(Method::kHead, "/health").route->operation_id, "service.health");
  EXPECT_EQ(router.find(Method::kGet, "/pqc/scan/").route, nullptr);
  EXPECT_EQ(router.find(Method::kGet, "/pqc/scan").route, nullptr);
  EXPECT_NE(router.find(Method::kGet, "/pqc/scan").path_routes, nullptr);
  EXPECT_TRUE(router.find(Method::kGet, "/pqc/scan/a%2fb").malformed);
  EXPECT_EQ(router.find(Method::kGet, "/v1").path_routes, nullptr);
  EXPECT_EQ(router.find(Method::kGet, "//health").path_routes, nullptr);
}

TEST(RouteTableTest, RowsAreWhole) {
  std::vector<std::string_view> ids;
  for (const Route& route : all_routes()) {
    EXPECT_NE(route.handle.ready() == nullptr, route.handle.waiting() == nullptr) << route.path;
    EXPECT_FALSE(route.summary.empty());
    EXPECT_FALSE(route.produces.empty());
    ids.push_back(route.operation_id);
    // What creates takes Idempotency-Key.
    if (route.success == 201 || route.success == 202) EXPECT_TRUE(route.idempotent) << route.path;
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::adjacent_find(ids.begin(), ids.end()), ids.end());
}

TEST(ProblemTest, SaysNothingInternal) {
  const Error error{.code = ErrorCode::kInternal,
                    .public_detail = "Something failed.",
                    .internal = "SELECT secret",
                    .fields = {},
                    .retry_after_s = {}};
  EXPECT_EQ(
      problem_body(error, {.public_url = "https://c.example", .request_id = "req_1"}),
      R"({"type":"https://c.example/docs#problem-internal","title":"Internal failure","status":500,)"
      R"("code":"internal","detail":"Something failed.","requestId":"req_1"})");
}

TEST(ProblemTest, CodesAreUnique) {
  std::vector<std::string_view> codes;
  for (const ErrorCode code : all_error_codes()) codes.push_back(problem_kind(code).code);
  std::sort(codes.begin(), codes.end());
  EXPECT_EQ(std::adjacent_find(codes.begin(), codes.end()), codes.end());
}

}  // namespace
}  // namespace carnet::api
