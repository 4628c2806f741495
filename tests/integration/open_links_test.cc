// Protected links over real sockets: opening, sessions, forms, downloads in parts, and what must
// hold of all of them (docs/sharing.md).

#include <set>
#include <thread>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/encoding.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "crypto/token.h"
#include "tests/integration/stack.h"
#include "tests/support/run_task.h"

namespace carnet::test {
namespace {

constexpr std::string_view kBrowser =
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
constexpr std::string_view kForm = "application/x-www-form-urlencoded";

StackOptions unlimited() {
  StackOptions options;
  options.api.public_rate_per_minute = 0;
  options.threads = 2;
  return options;
}

struct Link {
  std::string id, token;
  std::string path() const { return "/r/" + token; }
};

class OpenLinksTest : public ::testing::Test {
 protected:
  OpenLinksTest() : stack(unlimited()), tenant(stack.make_tenant("Example Bank")) {}

  Link make(const std::string& body) {
    const HttpAnswer answer = stack.ask("POST", "/tenant/scans/" + tenant.scan_id + "/share",
                                        Stack::bearer(tenant.operator_key), body);
    EXPECT_EQ(answer.status, 201) << answer.body;
    const boost::json::object made = parsed(answer);
    return {.id = std::string(made.at("id").as_string()),
            .token = std::string(made.at("token").as_string())};
  }
  HttpAnswer open(const Link& link, const std::string& body = {}, HttpHeaders headers = {}) const {
    if (!body.empty()) headers.emplace_back("Content-Type", "application/json");
    return stack.ask("POST", link.path() + "/open", headers, body);
  }
  std::string session_of(const HttpAnswer& answer) const {
    EXPECT_EQ(answer.status, 200) << answer.body;
    return std::string(parsed(answer).at("session").as_string());
  }
  boost::json::object row(const Link& link) const {
    return parsed(
        stack.ask("GET", "/tenant/shares/" + link.id, Stack::bearer(tenant.operator_key)));
  }
  boost::json::array views(const Link& link) const {
    const HttpAnswer answer = stack.ask("GET", "/tenant/shares/" + link.id + "/views?limit=100",
                                        Stack::bearer(tenant.operator_key));
    return parsed(answer).at("views").as_array();
  }
  int with_outcome(const Link& link, std::string_view outcome) const {
    int count = 0;
    for (const auto& view : views(link))
      if (view.at("outcome").as_string() == outcome) ++count;
    return count;
  }
  static HttpHeaders session(const std::string& text) { return {{"x-share-session", text}}; }
  static HttpHeaders browser() { return {{"Accept", std::string(kBrowser)}}; }

  Stack stack;
  Tenant tenant;
};

TEST_F(OpenLinksTest, FiftyAtOnceAreGrantedExactlyFive) {
  const Link link = make(R"({"maxViews":5})");
  std::atomic<int> granted{0}, exhausted{0};
  std::vector<std::thread> visitors;
  for (int i = 0; i < 50; ++i)
    visitors.emplace_back([&] {
      const HttpAnswer answer = open(link);
      if (answer.status == 200) ++granted;
      if (answer.status == 404 && code_of(answer) == "share_link_exhausted") ++exhausted;
    });
  for (std::thread& visitor : visitors) visitor.join();
  EXPECT_EQ(granted, 5);
  EXPECT_EQ(exhausted, 45);
  EXPECT_EQ(row(link).at("viewCount").as_int64(), 5);
  EXPECT_EQ(row(link).at("state").as_string(), "exhausted");
  EXPECT_EQ(views(link).size(), 5U);
  // Those that came too late are counted for the owner.
  ASSERT_TRUE(run_task(stack.sharing.flush_visits()));
  EXPECT_EQ(row(link).at("deadTries").as_int64(), 45);
  EXPECT_EQ(with_outcome(link, "exhausted"), 1);
  EXPECT_EQ(with_outcome(link, "opened"), 5);
}

TEST_F(OpenLinksTest, LookingShowsAClosedDoorAndCountsNothing) {
  const Link link = make(R"({"maxViews":1,"recipient":"Audit Ltd","label":"secret label"})");
  for (int i = 0; i < 20; ++i) {
    const HttpAnswer closed = stack.ask("GET", link.path());
    EXPECT_EQ(closed.status, 200);
    EXPECT_EQ(closed.count("Set-Cookie"), 0U);
    const boost::json::object body = parsed(closed);
    std::set<std::string> members;
    for (const auto& member : body) members.emplace(member.key());
    EXPECT_EQ(members, (std::set<std::string>{"status", "scope", "protected", "expiresAt"}));
    EXPECT_TRUE(body.at("protected").as_bool());
    const HttpAnswer page = stack.ask("GET", link.path(), browser());
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(page.count("Set-Cookie"), 0U);
    for (const char* secret : {"Example Bank", "Audit Ltd", "secret label"})
      EXPECT_EQ(page.body.find(secret), std::string::npos) << secret;
    EXPECT_NE(page.body.find("method=\"post\""), std::string::npos);
    EXPECT_EQ(stack.ask("HEAD", link.path(), browser()).status, 200);
  }
  EXPECT_EQ(row(link).at("viewCount").as_int64(), 0);
  EXPECT_EQ(views(link).size(), 0U);
  for (const char* below : {"/report", "/report?format=csv"}) {
    const HttpAnswer answer = stack.ask("GET", link.path() + below);
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(code_of(answer), "share_session_needed");
    EXPECT_NE(answer.body.find("/open"), std::string::npos) << "names the step that is missing";
    EXPECT_EQ(answer.count("WWW-Authenticate"), 0U);
  }
  const HttpAnswer page = stack.ask("GET", link.path() + "/report", browser());
  EXPECT_EQ(page.status, 401);
  EXPECT_NE(page.body.find("href=\"" + link.path() + "\""), std::string::npos) << "leads back";
  ASSERT_TRUE(run_task(stack.sharing.flush_visits()));
  ASSERT_EQ(with_outcome(link, "preview"), 1);
  EXPECT_EQ(views(link).front().at("count").as_int64(), 60);
  EXPECT_EQ(row(link).at("viewCount").as_int64(), 0);
}

TEST_F(OpenLinksTest, AProgramOpensWithThePasscodeAndSendsItsSession) {
  const Link link = make(R"({"passcode":"correct horse"})");
  EXPECT_TRUE(row(link).at("passcodeProtected").as_bool());
  EXPECT_EQ(open(link).status, 422);
  EXPECT_EQ(open(link, "{}").status, 422);
  EXPECT_EQ(open(link, R"({"passcode":7})").status, 422);
  EXPECT_EQ(open(link, R"({"password":"x"})").status, 422);
  const HttpAnswer wrong = open(link, R"({"passcode":"wrong"})");
  EXPECT_EQ(wrong.status, 403);
  EXPECT_EQ(code_of(wrong), "share_passcode_wrong");
  EXPECT_EQ(wrong.count("Set-Cookie"), 0U);
  const HttpAnswer opened = open(link, R"({"passcode":"correct horse"})");
  const std::string text = session_of(opened);
  EXPECT_EQ(parsed(opened).at("viewsLeft"), nullptr);
  const std::string cookie = opened.header("Set-Cookie");
  EXPECT_EQ(cookie, "carnet_room=" + text + "; Path=/r/; Max-Age=900; HttpOnly; SameSite=Strict");
  const HttpAnswer overview = stack.ask("GET", link.path(), session(text));
  EXPECT_EQ(overview.status, 200);
  EXPECT_EQ(parsed(overview).at("issuer").at("name").as_string(), "Example Bank");
  EXPECT_EQ(
      stack.ask("GET", link.path() + "/report", {{"Cookie", "a=b; carnet_room=" + text}}).status,
      200);
  EXPECT_EQ(stack.ask("GET", link.path() + "/report", session(text + "x")).status, 401);
  EXPECT_EQ(row(link).at("viewCount").as_int64(), 1);
  EXPECT_EQ(with_outcome(link, "opened"), 1);
  EXPECT_EQ(with_outcome(link, "passcode_failed"), 1);
  EXPECT_EQ(with_outcome(link, "downloaded"), 1);
}

TEST_F(OpenLinksTest, ABrowserOpensWithAFormAndNoScript) {
  const Link link = make(R"({"passcode":"pässwort & + 1","maxViews":3})");
  const auto post = [&](const std::string& form, HttpHeaders headers = browser()) {
    headers.emplace_back("Content-Type", std::string(kForm));
    return stack.ask("POST", link.path() + "/open", headers, form);
  };
  const HttpAnswer wrong = post("passcode=nope");
  EXPECT_EQ(wrong.status, 403);
  EXPECT_EQ(wrong.header("Content-Type"), "text/html; charset=utf-8");
  EXPECT_NE(wrong.body.find("is not right"), std::string::npos);
  EXPECT_EQ(wrong.body.find("nope"), std::string::npos);
  EXPECT_EQ(wrong.body.find("haracters"), std::string::npos) << "says nothing about the length";
  EXPECT_EQ(post("").status, 422);
  EXPECT_NE(post("passcode=").body.find("that you were given"), std::string::npos);
  const HttpAnswer right = post("passcode=p%C3%A4sswort+%26+%2B+1");
  EXPECT_EQ(right.status, 303);
  EXPECT_EQ(right.header("Location"), link.path());
  EXPECT_EQ(right.body, "");
  const std::string cookie = right.header("Set-Cookie");
  HttpHeaders with_cookie = browser();
  with_cookie.emplace_back("Cookie", cookie.substr(0, cookie.find(';')));
  const HttpAnswer page = stack.ask("GET", link.path(), with_cookie);
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.body.find("Example Bank"), std::string::npos);
  EXPECT_EQ(page.count("Set-Cookie"), 0U);
  // A second link opened by the same browser keeps the first open.
  const Link second = make(R"({"maxViews":3})");
  with_cookie.emplace_back("Content-Type", std::string(kForm));
  const HttpAnswer both = stack.ask("POST", second.path() + "/open", with_cookie, "");
  EXPECT_EQ(both.status, 303);
  const std::string joined = both.header("Set-Cookie");
  for (const Link* each : {&link, &second}) {
    const HttpAnswer again = stack.ask(
        "GET", each->path(),
        {{"Accept", std::string(kBrowser)}, {"Cookie", joined.substr(0, joined.find(';'))}});
    EXPECT_NE(again.body.find("Example Bank"), std::string::npos);
  }
}

TEST_F(OpenLinksTest, BehindHttpsTheCookieIsSecure) {
  StackOptions options = unlimited();
  options.api.public_url = "https://carnet.example.org";
  Stack secure(options);
  const Tenant other = secure.make_tenant("Example Bank");
  const HttpAnswer opened = secure.ask("POST", "/r/" + other.share_token + "/open");
  EXPECT_EQ(opened.status, 200) << "an unprotected link may be opened too: it counts a view";
  EXPECT_TRUE(opened.header("Set-Cookie").ends_with("; Secure"));
}

TEST_F(OpenLinksTest, OneSecondBeforeAtAndAfterTheExpiry) {
  const Link link = make(R"({"maxViews":100,"expiresHours":1})");
  const Link plain = make(R"({"expiresHours":1})");
  stack.clock.advance(std::chrono::hours(1) - std::chrono::seconds(1));
  const std::string text = session_of(open(link));
  EXPECT_EQ(stack.ask("GET", plain.path()).status, 200);
  for (int i = 0; i < 2; ++i) {
    stack.clock.advance(std::chrono::seconds(1));
    EXPECT_EQ(code_of(open(link)), "share_link_expired");
    EXPECT_EQ(code_of(stack.ask("GET", plain.path())), "share_link_expired");
    EXPECT_EQ(code_of(stack.ask("GET", link.path(), session(text))), "share_link_expired");
  }
  EXPECT_EQ(row(link).at("state").as_string(), "expired");
  EXPECT_EQ(row(link).at("viewCount").as_int64(), 1);
}

TEST_F(OpenLinksTest, RevokedPausedOrChangedWhileOpen) {
  for (const char* change : {R"({"paused":true})", R"({"label":"x"})", ""}) {
    const Link link = make(R"({"maxViews":5})");
    const std::string text = session_of(open(link));
    EXPECT_EQ(stack.ask("GET", link.path() + "/report", session(text)).status, 200);
    const std::string path = "/tenant/shares/" + link.id;
    const bool revoke = std::string_view(change).empty();
    EXPECT_EQ(
        stack.ask(revoke ? "DELETE" : "PATCH", path, Stack::bearer(tenant.operator_key), change)
            .status,
        200);
    EXPECT_NE(stack.ask("GET", link.path() + "/report", session(text)).status, 200) << change;
    const HttpAnswer overview = stack.ask("GET", link.path(), session(text));
    EXPECT_EQ(overview.body.find("Example Bank"), std::string::npos) << change;
  }
}

TEST_F(OpenLinksTest, ASessionEndsAfterFifteenMinutes) {
  const Link link = make(R"({"maxViews":5})");
  const std::string text = session_of(open(link));
  stack.clock.advance(std::chrono::minutes(15) - std::chrono::milliseconds(1));
  EXPECT_EQ(stack.ask("GET", link.path() + "/report", session(text)).status, 200);
  stack.clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(stack.ask("GET", link.path() + "/report", session(text)).status, 401);
}

TEST_F(OpenLinksTest, PasscodeTriesAreFewPerVisitorAndPerLink) {
  const Link link = make(R"({"passcode":"correct horse"})");
  const std::string wrong = R"({"passcode":"wrong"})";
  const auto tries_until_refused = [&] {
    int tries = 0;
    while (tries < 100 && open(link, wrong).status == 403) ++tries;
    return tries;
  };
  EXPECT_EQ(tries_until_refused(), 5);
  const HttpAnswer refused = open(link, R"({"passcode":"correct horse"})");
  EXPECT_EQ(refused.status, 429) << "the right one too: the limit stands before the hash";
  EXPECT_EQ(refused.header("Retry-After"), "60");
  EXPECT_EQ(stack
                .ask("POST", link.path() + "/open",
                     {{"Accept", std::string(kBrowser)}, {"Content-Type", std::string(kForm)}},
                     "passcode=wrong")
                .header("Content-Type"),
            "text/html; charset=utf-8");
  stack.clock.advance(std::chrono::seconds(60));
  EXPECT_EQ(tries_until_refused(), 5);
  stack.clock.advance(std::chrono::minutes(5));
  EXPECT_EQ(tries_until_refused(), 0) << "ten in the hour are used up";
  stack.clock.advance(std::chrono::minutes(55));
  EXPECT_EQ(open(link, R"({"passcode":"correct horse"})").status, 200);
  EXPECT_EQ(with_outcome(link, "passcode_failed"), 10);
}

TEST_F(OpenLinksTest, DeadLinksAreLoggedForTheirOwner) {
  const Link link = make("{}");
  EXPECT_EQ(stack
                .ask("PATCH", "/tenant/shares/" + link.id, Stack::bearer(tenant.operator_key),
                     R"({"paused":true})")
                .status,
            200);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(stack.ask("GET", link.path()).status, 404);
  EXPECT_EQ(open(link).status, 404);
  ASSERT_TRUE(run_task(stack.sharing.flush_visits()));
  EXPECT_EQ(row(link).at("deadTries").as_int64(), 4);
  EXPECT_NE(row(link).at("lastDeadTryAt"), nullptr);
  ASSERT_EQ(views(link).size(), 1U);
  EXPECT_EQ(views(link).front().at("outcome").as_string(), "paused");
  const HttpAnswer audit =
      stack.ask("GET", "/tenant/audit?action=share.dead_try", Stack::bearer(tenant.admin));
  EXPECT_NE(audit.body.find(link.id), std::string::npos);
}

TEST_F(OpenLinksTest, TheViewsArePagedByCursor) {
  const Link link = make("{}");
  for (int i = 0; i < 5; ++i) {
    stack.clock.advance(std::chrono::milliseconds(1));
    EXPECT_EQ(stack.ask("GET", link.path() + "/report").status, 200);
  }
  std::set<std::string> seen;
  std::string next = "/tenant/shares/" + link.id + "/views?limit=2";
  for (int page = 0; page < 3; ++page) {
    const boost::json::object body =
        parsed(stack.ask("GET", next, Stack::bearer(tenant.operator_key)));
    for (const auto& view : body.at("views").as_array()) seen.emplace(view.at("id").as_string());
    EXPECT_EQ(body.at("hasMore").as_bool(), page < 2);
    if (page < 2)
      next = "/tenant/shares/" + link.id +
             "/views?limit=2&cursor=" + std::string(body.at("nextCursor").as_string());
  }
  EXPECT_EQ(seen.size(), 5U);
}

TEST_F(OpenLinksTest, DownloadsCarryDigestsAndCanBeResumed) {
  const Link link = make(R"({"scope":"report"})");
  const std::string file = link.path() + "/report?format=csv";
  const HttpAnswer whole = stack.ask("GET", file);
  ASSERT_EQ(whole.status, 200);
  const std::string size = std::to_string(whole.body.size());
  const std::string digest = to_base64(crypto::sha256(whole.body));
  EXPECT_EQ(whole.header("Repr-Digest"), "sha-256=:" + digest + ":");
  EXPECT_EQ(whole.header("Digest"), "SHA-256=" + digest);
  EXPECT_EQ(whole.header("Accept-Ranges"), "bytes");
  EXPECT_EQ(whole.header("Content-Disposition"),
            "attachment; filename=\"carnet-report-" + tenant.scan_id + ".csv\"");
  EXPECT_EQ(whole.header("ETag"), '"' + crypto::sha256_hex(whole.body) + '"');
  const auto part = [&](const std::string& range, HttpHeaders more = {}) {
    more.emplace_back("Range", range);
    return stack.ask("GET", file, more);
  };
  struct Case {
    std::string range;
    std::size_t first, count;
  };
  const std::size_t n = whole.body.size();
  for (const Case& c : {Case{"bytes=0-0", 0, 1}, Case{"bytes=10-19", 10, 10},
                        Case{"bytes=100-", 100, n - 100}, Case{"bytes=-5", n - 5, 5},
                        Case{"BYTES=5-99999999", 5, n - 5}, Case{"bytes=-99999999", 0, n}}) {
    const HttpAnswer answer = part(c.range);
    EXPECT_EQ(answer.status, 206) << c.range;
    EXPECT_EQ(answer.body, whole.body.substr(c.first, c.count)) << c.range;
    EXPECT_EQ(answer.header("Content-Range"),
              fmt::format("bytes {}-{}/{}", c.first, c.first + c.count - 1, n));
    EXPECT_EQ(answer.header("Repr-Digest"), whole.header("Repr-Digest"));
    EXPECT_EQ(answer.header("ETag"), whole.header("ETag"));
  }
  for (const std::string& range : {"bytes=" + size + "-", std::string("bytes=-0")}) {
    const HttpAnswer answer = part(range);
    EXPECT_EQ(answer.status, 416) << range;
    EXPECT_EQ(answer.header("Content-Range"), "bytes */" + size);
    EXPECT_EQ(code_of(answer), "range_not_satisfiable");
  }
  for (const char* range : {"bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=", "bytes=x-",
                            "bytes=99999999999999999999999-"})
    EXPECT_EQ(part(range).status, 200) << range;
  EXPECT_EQ(part("bytes=0-9", {{"If-Range", whole.header("ETag")}}).status, 206);
  EXPECT_EQ(part("bytes=0-9", {{"If-Range", "\"another\""}}).status, 200);
  EXPECT_EQ(part("bytes=0-9", {{"If-Range", "Tue, 24 Nov 2026 09:00:00 GMT"}}).status, 200);
  EXPECT_EQ(part("bytes=0-9", {{"If-None-Match", whole.header("ETag")}}).status, 304);
  // The owner's own download is of the same kind.
  HttpHeaders owner = Stack::bearer(tenant.viewer);
  owner.emplace_back("Range", "bytes=0-9");
  const HttpAnswer own = stack.ask("GET", "/pqc/report/" + tenant.scan_id + "?format=csv", owner);
  EXPECT_EQ(own.status, 206);
  EXPECT_EQ(own.body, whole.body.substr(0, 10));
}

TEST_F(OpenLinksTest, HeadEqualsGetWithoutTheBody) {
  const Link open_link = make("{}");
  const Link closed = make(R"({"maxViews":5})");
  const std::string text = session_of(open(closed));
  const auto compare = [&](const std::string& path, const HttpHeaders& headers) {
    const HttpAnswer get = stack.ask("GET", path, headers);
    HttpClient client = stack.connect();
    std::string request = "HEAD " + path + " HTTP/1.1\r\nHost: a\r\n";
    for (const auto& [name, value] : headers) request += name + ": " + value + "\r\n";
    client.send(request + "\r\n");
    const auto head = client.read(true);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->status, get.status) << path;
    ASSERT_EQ(head->headers.size(), get.headers.size()) << path;
    for (std::size_t i = 0; i < get.headers.size(); ++i) {
      EXPECT_EQ(head->headers[i].first, get.headers[i].first);
      if (get.headers[i].first == "X-Request-Id" || get.headers[i].first == "Date") continue;
      EXPECT_EQ(head->headers[i].second, get.headers[i].second) << path << get.headers[i].first;
    }
  };
  for (const HttpHeaders& headers : {HttpHeaders{}, browser()}) {
    compare(open_link.path(), headers);
    compare(closed.path(), headers);
    compare(closed.path() + "/report", headers);
    compare("/r/nothing", headers);
  }
  compare(open_link.path() + "/report?format=csv", {});
  compare(closed.path(), session(text));
  compare(closed.path() + "/report", session(text));
}

TEST_F(OpenLinksTest, AReportLinkOpensNothingBeyondItsScope) {
  const Link link = make(R"({"scope":"report","maxViews":5})");
  const HttpHeaders headers = session(session_of(open(link)));
  for (const char* format : {"bundle", "cbom"}) {
    const HttpAnswer answer = stack.ask("GET", link.path() + "/report?format=" + format, headers);
    EXPECT_EQ(answer.status, 403) << format;
    EXPECT_EQ(code_of(answer), "share_scope");
    EXPECT_NE(answer.body.find("\\\"report\\\""), std::string::npos) << answer.body;
  }
  EXPECT_NE(stack.ask("GET", link.path() + "/passport", headers).status, 200);
  EXPECT_EQ(stack.ask("GET", link.path() + "/report?format=json", headers).status, 200);
}

TEST_F(OpenLinksTest, TheHeadersAreOnEveryAnswerOfOpening) {
  const Link link = make(R"({"passcode":"correct horse","maxViews":5})");
  const auto expect_headers = [](const HttpAnswer& answer, int status) {
    EXPECT_EQ(answer.status, status) << answer.body;
    for (const auto& [name, value] : HttpHeaders{{"Cache-Control", "no-store"},
                                                 {"Referrer-Policy", "no-referrer"},
                                                 {"X-Robots-Tag", "noindex, nofollow, noarchive"},
                                                 {"X-Content-Type-Options", "nosniff"},
                                                 {"Cross-Origin-Opener-Policy", "same-origin"},
                                                 {"Cross-Origin-Resource-Policy", "same-origin"}}) {
      EXPECT_EQ(answer.header(name), value) << status;
      EXPECT_EQ(answer.count(name), 1U) << status;
    }
    EXPECT_TRUE(answer.header("Content-Security-Policy").starts_with("default-src 'none'; "));
  };
  expect_headers(open(link, R"({"passcode":"wrong"})"), 403);
  expect_headers(open(link), 422);
  expect_headers(open(link, "{"), 400);
  expect_headers(open(link, R"({"passcode":"correct horse"})"), 200);
  expect_headers(stack.ask("POST", link.path() + "/open", {{"Content-Type", "text/plain"}}, "x"),
                 415);
  expect_headers(stack.ask("GET", link.path() + "/open"), 405);
  expect_headers(stack.ask("GET", link.path() + "/report"), 401);
  expect_headers(open(link, R"({"passcode":")" + std::string(20000, 'x') + "\"}"), 413);
}

TEST_F(OpenLinksTest, AnotherTenantsOperatorFindsNone) {
  const Tenant other = stack.make_tenant("Other Bank");
  const Link link = make(R"({"passcode":"correct horse"})");
  const std::string path = "/tenant/shares/" + link.id;
  const HttpHeaders key = Stack::bearer(other.operator_key);
  EXPECT_EQ(stack.ask("GET", path, key).status, 404);
  EXPECT_EQ(stack.ask("PATCH", path, key, R"({"paused":true})").status, 404);
  EXPECT_EQ(stack.ask("DELETE", path, key).status, 404);
  EXPECT_EQ(stack.ask("GET", path + "/views", key).status, 404);
  EXPECT_EQ(stack.ask("GET", "/tenant/scans/" + tenant.scan_id + "/shares", key).status, 404);
  EXPECT_EQ(stack.ask("POST", "/tenant/scans/" + tenant.scan_id + "/share", key, "{}").status, 404);
  EXPECT_EQ(stack.ask("GET", "/tenant/shares", key).body.find(link.id), std::string::npos);
  EXPECT_EQ(open(link, R"({"passcode":"correct horse"})").status, 200);
}

TEST_F(OpenLinksTest, WhatAPersonTypedIsInertWherever) {
  const std::vector<std::string> naughty = {"<script>alert(1)</script>",
                                            "\"><img src=x onerror=alert(1)>",
                                            "javascript:alert(1)",
                                            "\xE2\x80\xAE"
                                            "gnp.exe",
                                            "=cmd|' /C calc'!A0",
                                            "'; DROP TABLE shares; --",
                                            "{{SECTION}}",
                                            "a\nSet-Cookie: b=c",
                                            "%0d%0aX-Evil: 1",
                                            "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x92\xBB"};
  for (const std::string& text : naughty) {
    const boost::json::object body{{"label", text}, {"recipient", text}};
    const Link link = make(json::write(body));
    EXPECT_EQ(std::string(row(link).at("recipient").as_string()), text) << "kept as it came";
    const HttpAnswer overview = stack.ask("GET", link.path());
    EXPECT_EQ(std::string(parsed(overview).at("recipient").as_string()), text);
    const HttpAnswer page = stack.ask("GET", link.path(), browser());
    EXPECT_EQ(page.status, 200);
    for (const char* live : {"<script>alert", "<img src=x", "\xE2\x80\xAE"})
      EXPECT_EQ(page.body.find(live), std::string::npos) << live;
    EXPECT_EQ(page.count("X-Evil"), 0U);
    EXPECT_EQ(page.count("Set-Cookie"), 0U);
    for (const char* file : {"/report?format=json", "/report?format=csv"})
      EXPECT_EQ(stack.ask("GET", link.path() + file).status, 200);
  }
  EXPECT_EQ(stack.log_text().find("onerror"), std::string::npos);
}

TEST_F(OpenLinksTest, ThirdVisitorOfAFullTenantIsToldWhy) {
  StackOptions options = unlimited();
  options.sharing.open_per_scan_max = 2;
  Stack small(options);
  const Tenant other = small.make_tenant("Small Bank");  // has one link already
  const auto again = [&] {
    return small.ask("POST", "/tenant/scans/" + other.scan_id + "/share",
                     Stack::bearer(other.operator_key), "{}");
  };
  EXPECT_EQ(again().status, 201);
  const HttpAnswer full = again();
  EXPECT_EQ(full.status, 409);
  EXPECT_EQ(code_of(full), "share_limit_reached");
}

TEST(OpenSecretsTest, NoSecretReachesLogOrDisk) {
  StackOptions options;
  options.faulty = true;
  options.log_level = LogLevel::kDebug;
  options.api.public_rate_per_minute = 100;
  Stack stack(options);
  const Tenant tenant = stack.make_tenant("Example Bank");
  const HttpAnswer made = stack.ask("POST", "/tenant/scans/" + tenant.scan_id + "/share",
                                    Stack::bearer(tenant.operator_key),
                                    R"({"passcode":"correct-horse-battery","maxViews":9})");
  ASSERT_EQ(made.status, 201);
  const std::string token(parsed(made).at("token").as_string());
  const std::string path = "/r/" + token + "/open";
  const HttpHeaders json_type{{"Content-Type", "application/json"}};
  const std::string right = R"({"passcode":"correct-horse-battery"})";
  std::set<int> statuses;
  const auto poke = [&](std::string_view method, const std::string& target,
                        const HttpHeaders& headers, const std::string& body) {
    const HttpAnswer answer = stack.ask(method, target, headers, body);
    statuses.insert(answer.status);
    return answer;
  };
  const HttpAnswer opened = poke("POST", path, json_type, right);
  const std::string session(parsed(opened).at("session").as_string());
  poke("POST", path, json_type, R"({"passcode":"wrong-horse-battery"})");               // 403
  poke("POST", path, json_type, R"({"passcode":"correct-horse-battery",)");             // 400
  poke("POST", path, json_type, R"({"passcode":"correct-horse-battery","more":1})");    // 422
  poke("GET", "/r/" + token + "/nothing", {{"x-share-session", session}}, "");          // 404
  poke("GET", "/r/" + token + "/report?format=x", {{"x-share-session", session}}, "");  // 422
  stack.faulty_db->mode = FaultyDatabase::Mode::kThrow;
  poke("POST", path, json_type, right);  // 500
  poke("GET", "/r/" + token, {{"Cookie", "carnet_room=" + session}}, "");
  stack.faulty_db->mode = FaultyDatabase::Mode::kPass;
  for (int i = 0; i < 110; ++i) poke("POST", path, json_type, right);  // 404, then 429
  EXPECT_EQ(statuses, (std::set<int>{200, 400, 403, 404, 422, 429, 500}));
  ASSERT_TRUE(run_task(stack.sharing.flush_visits()));
  const std::string log = stack.log_text();
  EXPECT_NE(log.find("\"route\":\"/r/{token}/open\""), std::string::npos);
  const std::vector<std::string> secrets = {token.substr(16, 32), session, session.substr(0, 40),
                                            "horse-battery"};
  for (const std::string& secret : secrets) {
    EXPECT_EQ(log.find(secret), std::string::npos);
    EXPECT_FALSE(stack.database->holds(secret));
  }
}

}  // namespace
}  // namespace carnet::test
