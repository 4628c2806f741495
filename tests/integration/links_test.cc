// What a visitor with a link sees, and what nobody may learn (docs/sharing.md).

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/encoding.h"
#include "base/json.h"
#include "crypto/token.h"
#include "tests/integration/stack.h"

namespace carnet::test {
namespace {

constexpr std::string_view kBrowser =
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

StackOptions unlimited() {
  StackOptions options;
  options.api.public_rate_per_minute = 0;
  return options;
}

void expect_link_headers(const HttpAnswer& answer, const std::string& what) {
  EXPECT_EQ(answer.header("Cache-Control"), "no-store") << what;
  EXPECT_EQ(answer.header("Referrer-Policy"), "no-referrer") << what;
  EXPECT_EQ(answer.header("X-Robots-Tag"), "noindex, nofollow, noarchive") << what;
  EXPECT_TRUE(answer.header("Content-Security-Policy").starts_with("default-src 'none'; ")) << what;
  EXPECT_NE(answer.header("Content-Security-Policy").find("frame-ancestors 'none'"),
            std::string::npos)
      << what;
  EXPECT_EQ(answer.header("X-Content-Type-Options"), "nosniff") << what;
  EXPECT_EQ(answer.header("Cross-Origin-Opener-Policy"), "same-origin") << what;
  EXPECT_EQ(answer.header("Cross-Origin-Resource-Policy"), "same-origin") << what;
  EXPECT_FALSE(answer.header("X-Request-Id").empty()) << what;
  EXPECT_EQ(answer.count("Set-Cookie"), 0U) << what;
  for (const char* once :
       {"Cache-Control", "Content-Security-Policy", "X-Request-Id", "Content-Length", "Date"})
    EXPECT_EQ(answer.count(once), 1U) << what << " " << once;
}

class LinksTest : public ::testing::Test {
 protected:
  LinksTest() : stack(unlimited()), tenant(stack.make_tenant("Example Bank")) {}
  std::string link() const { return "/r/" + tenant.share_token; }
  // A token of the right form and check digits that is not there.
  std::string unknown_token() { return std::string(crypto_token()); }
  std::string crypto_token() {
    return std::string(
        crypto::new_token(crypto::kShareTokenPrefix, stack.pepper, stack.random).text.expose());
  }
  Stack stack;
  Tenant tenant;
};

TEST_F(LinksTest, JsonForProgramsAndAPageForBrowsers) {
  const HttpAnswer json_answer = stack.ask("GET", link());
  EXPECT_EQ(json_answer.status, 200);
  EXPECT_EQ(json_answer.header("Content-Type"), "application/json");
  const auto body = json::parse(json_answer.body)->as_object();
  EXPECT_EQ(body.at("status").as_string(), "success");
  EXPECT_EQ(body.at("scope").as_string(), "passport");
  EXPECT_EQ(body.at("issuer").at("name").as_string(), "Example Bank");
  EXPECT_EQ(body.at("scan").at("scanId").as_string(), tenant.scan_id);
  EXPECT_TRUE(body.at("scan").at("sample").as_bool());
  EXPECT_LE(body.at("scan").at("topRemediation").as_array().size(), 3U);
  // json, csv, pdf, cbom, bundle, passport; SARIF is for the owner alone.
  ASSERT_EQ(body.at("available").as_array().size(), 6U);
  for (const auto& download : body.at("available").as_array()) {
    const std::string format(download.at("format").as_string());
    const std::string place =
        link() + (format == "passport" ? "/passport" : "/report?format=" + format);
    const HttpAnswer file = stack.ask("GET", place);
    EXPECT_EQ(file.status, 200);
    EXPECT_EQ(static_cast<std::int64_t>(file.body.size()),
              download.at("bytes").to_number<std::int64_t>())
        << format;
    EXPECT_TRUE(std::string(download.at("href").as_string()).ends_with(place));
  }
  // Nothing inside about the tenant but its display name.
  EXPECT_EQ(json_answer.body.find(tenant.id.str()), std::string::npos);
  EXPECT_EQ(json_answer.body.find(tenant.share_id), std::string::npos);
  const HttpAnswer page = stack.ask("GET", link(), {{"Accept", std::string(kBrowser)}});
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_NE(page.body.find("Example Bank"), std::string::npos);
  EXPECT_EQ(stack.ask("GET", link(), {{"Accept", "image/png"}}).status, 406);
}

TEST_F(LinksTest, APdfSaysForWhomItWasPreparedAndKeepsToTheScope) {
  const auto share = [this](const std::string& body) {
    const HttpAnswer made = stack.ask("POST", "/tenant/scans/" + tenant.scan_id + "/share",
                                      Stack::bearer(tenant.operator_key), body);
    return "/r/" + std::string(json::parse(made.body)->at("token").as_string()) + "/report?format=";
  };
  const std::string plain = share(R"({"scope":"report"})");
  const std::string named = share(R"({"scope":"report","recipient":"Meridian Audit LLP"})");
  const HttpAnswer pdf = stack.ask("GET", plain + "pdf");
  EXPECT_EQ(pdf.status, 200);
  EXPECT_EQ(pdf.header("Content-Type"), "application/pdf");
  EXPECT_TRUE(pdf.body.starts_with("%PDF-"));
  const HttpAnswer for_them = stack.ask("GET", named + "pdf");
  EXPECT_EQ(for_them.status, 200);
  EXPECT_NE(pdf.body, for_them.body);
  EXPECT_EQ(stack.ask("GET", named + "pdf").body, for_them.body);
  EXPECT_EQ(
      stack
          .ask("GET", "/pqc/report/" + tenant.scan_id + "?format=pdf", Stack::bearer(tenant.viewer))
          .body,
      pdf.body);
  for (const char* format : {"cbom", "bundle", "sarif"})
    EXPECT_EQ(stack.ask("GET", plain + format).status, 403) << format;
  const std::string wide = share(R"({"scope":"bundle"})");
  EXPECT_EQ(stack.ask("GET", wide + "cbom").header("Content-Type"),
            "application/vnd.cyclonedx+json");
  EXPECT_EQ(stack.ask("GET", wide + "bundle").header("Content-Type"), "application/zip");
  EXPECT_EQ(stack.ask("GET", wide + "sarif").status, 403);
}

TEST_F(LinksTest, LookingNeverCountsAndDownloadsAreLogged) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(stack.ask("GET", link()).status, 200);
    EXPECT_EQ(stack.ask("HEAD", link() + "/report").status, 200);
  }
  const std::string views = "/tenant/shares/" + tenant.share_id + "/views";
  EXPECT_NE(
      stack.ask("GET", "/tenant/shares/" + tenant.share_id, Stack::bearer(tenant.operator_key))
          .body.find("\"viewCount\":0"),
      std::string::npos);
  EXPECT_NE(stack.ask("GET", views, Stack::bearer(tenant.operator_key)).body.find("\"count\":0"),
            std::string::npos);
  EXPECT_EQ(stack.ask("GET", link() + "/report?format=csv", {{"User-Agent", "auditor/1"}}).status,
            200);
  const HttpAnswer logged = stack.ask("GET", views, Stack::bearer(tenant.operator_key));
  EXPECT_NE(logged.body.find("\"count\":1"), std::string::npos) << logged.body;
  EXPECT_NE(logged.body.find("auditor/1"), std::string::npos);
  EXPECT_EQ(logged.body.find("127.0.0.1"), std::string::npos);
}

TEST_F(LinksTest, MissingLinksAnswerByteForByteTheSame) {
  std::string wrong_secret = tenant.share_token;
  // Another secret with the right public id and right check digits.
  const std::string stranger = unknown_token();
  wrong_secret = tenant.share_token.substr(0, 16) + stranger.substr(16, 32);
  wrong_secret += to_base62(crc32(wrong_secret), 6);
  for (const HttpHeaders& headers :
       {HttpHeaders{}, HttpHeaders{{"Accept", std::string(kBrowser)}}}) {
    const HttpAnswer malformed = stack.ask("GET", "/r/not-a-token", headers);
    EXPECT_EQ(malformed.status, 404);
    for (const std::string& token : {stranger, wrong_secret, std::string("%2f"),
                                     std::string("a%00b"), std::string(300, 'x')}) {
      const HttpAnswer answer = stack.ask("GET", "/r/" + token, headers);
      EXPECT_EQ(answer.status, 404) << token;
      EXPECT_EQ(answer.body, malformed.body) << token;
      EXPECT_EQ(answer.header("Content-Type"), malformed.header("Content-Type"));
      ASSERT_EQ(answer.headers.size(), malformed.headers.size());
      for (std::size_t i = 0; i < answer.headers.size(); ++i)
        EXPECT_EQ(answer.headers[i].first, malformed.headers[i].first);
    }
    EXPECT_EQ(stack.ask("GET", "/v1/r/not-a-token", headers).body, malformed.body);
    EXPECT_EQ(stack.ask("GET", "/r/" + stranger + "/report", headers).body, malformed.body);
    EXPECT_EQ(stack.ask("GET", "/r/", headers).body, malformed.body);
  }
}

TEST_F(LinksTest, DeadLinksSaySoAndNameNobody) {
  const std::string path = "/tenant/shares/" + tenant.share_id;
  const auto check = [this](std::string_view code) {
    const HttpAnswer answer = stack.ask("GET", link());
    EXPECT_EQ(answer.status, 404);
    EXPECT_NE(answer.body.find(fmt::format("\"code\":\"{}\"", code)), std::string::npos)
        << answer.body;
    const HttpAnswer page = stack.ask("GET", link(), {{"Accept", std::string(kBrowser)}});
    EXPECT_EQ(page.status, 404);
    EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
    for (const HttpAnswer& each : {answer, page}) {
      expect_link_headers(each, std::string(code));
      EXPECT_EQ(each.body.find("Example Bank"), std::string::npos);
    }
    EXPECT_EQ(stack.ask("GET", link() + "/report").status, 404);
  };
  ASSERT_EQ(
      stack.ask("PATCH", path, Stack::bearer(tenant.operator_key), R"({"paused":true})").status,
      200);
  check("share_link_paused");
  ASSERT_EQ(stack
                .ask("PATCH", path, Stack::bearer(tenant.operator_key),
                     R"({"paused":false,"expiresHours":1})")
                .status,
            200);
  stack.clock.advance(std::chrono::hours(1) - std::chrono::milliseconds(1));
  EXPECT_EQ(stack.ask("GET", link()).status, 200);
  stack.clock.advance(std::chrono::milliseconds(1));
  check("share_link_expired");
  ASSERT_EQ(stack.ask("DELETE", path, Stack::bearer(tenant.operator_key)).status, 200);
  ASSERT_EQ(stack.ask("DELETE", path, Stack::bearer(tenant.operator_key)).status, 200);
  check("share_link_revoked");
}

TEST_F(LinksTest, ScopesAreHeldTo) {
  const HttpAnswer made = stack.ask("POST", "/tenant/scans/" + tenant.scan_id + "/share",
                                    Stack::bearer(tenant.operator_key), R"({"scope":"report"})");
  const std::string token(json::parse(made.body)->at("token").as_string());
  for (const char* format : {"bundle", "cbom"}) {
    const HttpAnswer answer = stack.ask("GET", "/r/" + token + "/report?format=" + format);
    EXPECT_EQ(answer.status, 403) << format << answer.body;
    EXPECT_NE(answer.body.find("share_scope"), std::string::npos);
    EXPECT_NE(answer.body.find("report"), std::string::npos);
  }
  EXPECT_EQ(stack.ask("GET", "/r/" + token + "/report?format=csv").status, 200);
  EXPECT_EQ(stack.ask("GET", "/r/" + token + "/report?format=docx").status, 422);
}

TEST_F(LinksTest, TheHeadersAreOnEveryAnswer) {
  expect_link_headers(stack.ask("GET", link()), "overview");
  expect_link_headers(stack.ask("GET", link(), {{"Accept", std::string(kBrowser)}}), "page");
  expect_link_headers(stack.ask("GET", link() + "/report"), "report");
  expect_link_headers(stack.ask("GET", "/r/nothing"), "404");
  expect_link_headers(stack.ask("GET", "/r"), "404 of the folder");
  expect_link_headers(stack.ask("POST", link(), {}, "{}"), "405");
  expect_link_headers(stack.ask("GET", link(), {{"Accept", "image/png"}}), "406");
  expect_link_headers(stack.ask("GET", link() + "/report?format=x"), "422");
  HttpClient client = stack.connect();
  client.send("GET " + link() + " HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n");
  const auto malformed = client.read();
  ASSERT_TRUE(malformed);
  EXPECT_EQ(malformed->status, 400);
  expect_link_headers(*malformed, "400");
}

TEST(LinkLimitTest, SixtyAMinutePerAddressWhateverIsAsked) {
  Stack stack;
  const Tenant tenant = stack.make_tenant("Example Bank");
  HttpClient client = stack.connect();
  for (int i = 0; i < 60; ++i) {
    const auto answer =
        client.ask("GET", i % 2 == 0 ? "/r/" + tenant.share_token : "/r/guess/deeper");
    ASSERT_TRUE(answer);
    ASSERT_NE(answer->status, 429) << i;
  }
  // PostgreSQL counts by its own clock, which goes on meanwhile and gives one a second.
  const auto one_more = [&](const HttpHeaders& headers) {
    auto answer = client.ask("GET", "/r/" + tenant.share_token, headers);
    for (int more = 0; on_postgresql() && answer && answer->status != 429 && more < 60; ++more)
      answer = client.ask("GET", "/r/" + tenant.share_token, headers);
    return answer;
  };
  const auto answer = one_more({});
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 429);
  EXPECT_EQ(answer->header("Retry-After"), "1");
  expect_link_headers(*answer, "429");
  const auto page = one_more({{"Accept", std::string(kBrowser)}});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->status, 429);
  EXPECT_EQ(page->header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_EQ(stack.ask("GET", "/tenant/me", Stack::bearer(tenant.viewer)).status, 200);
}

TEST(SecretsTest, NoTokenOrKeyReachesTheLog) {
  StackOptions options;
  options.faulty = true;
  Stack stack(options);
  const Tenant tenant = stack.make_tenant("Example Bank");
  const std::string link = "/r/" + tenant.share_token;
  const auto poke = [&stack](std::string_view method, const std::string& path,
                             const HttpHeaders& headers = {}) {
    EXPECT_GE(stack.ask(method, path, headers).status, 200) << path;
  };
  HttpClient raw = stack.connect();
  raw.send("GET " + link +
           " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n");
  ASSERT_TRUE(raw.read());                                   // 400
  poke("GET", link + "/nothing");                            // 404
  poke("GET", link + "/report?format=x");                    // 422
  poke("GET", "/tenant/me?api_key=" + tenant.admin);         // 200
  poke("GET", "/nothing?api_key=" + tenant.admin);           // 404
  poke("DELETE", link, Stack::bearer(tenant.operator_key));  // 405
  stack.faulty_db->mode = FaultyDatabase::Mode::kThrow;
  EXPECT_EQ(stack.ask("GET", link).status, 500);
  EXPECT_EQ(stack.ask("GET", "/tenant/me", Stack::bearer(tenant.viewer)).status, 500);
  stack.faulty_db->mode = FaultyDatabase::Mode::kPass;
  for (int i = 0; i < 70; ++i) poke("GET", link);  // 429 in the end
  EXPECT_EQ(stack.ask("GET", link).status, 429);
  const std::string log = stack.log_text();
  EXPECT_NE(log.find("\"route\":\"/r/{token}\""), std::string::npos);
  EXPECT_NE(log.find("\"status\":429"), std::string::npos);
  EXPECT_NE(log.find("\"status\":500"), std::string::npos);
  for (const std::string& secret : {tenant.share_token, tenant.viewer, tenant.operator_key,
                                    tenant.admin, std::string(Stack::kAdminKey)}) {
    EXPECT_EQ(log.find(secret), std::string::npos);
    if (secret.starts_with("cnt_")) EXPECT_EQ(log.find(secret.substr(16, 32)), std::string::npos);
  }
}

}  // namespace
}  // namespace carnet::test
