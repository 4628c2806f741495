// Keys, passports and their verification over HTTP.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "evidence/bundle.h"
#include "tests/integration/stack.h"

namespace carnet::test {
namespace {

using ::testing::HasSubstr;

class VerifyApi : public ::testing::Test {
 protected:
  VerifyApi() : own(stack.make_tenant("Example Bank")) {}
  std::string file(std::string_view format) {
    const HttpAnswer answer =
        stack.ask("GET", "/pqc/report/" + own.scan_id + "?format=" + std::string(format),
                  Stack::bearer(own.viewer));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer.body;
  }
  boost::json::object verified(const std::string& body, const std::string& type) {
    const HttpAnswer answer = stack.ask("POST", "/pqc/verify", {{"Content-Type", type}}, body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return parsed(answer);
  }
  static std::string form(const std::vector<std::pair<std::string, std::string>>& parts) {
    std::string body;
    for (const auto& [name, bytes] : parts)
      body += "--b\r\nContent-Disposition: form-data; name=\"" + name +
              "\"; filename=\"x\"\r\n\r\n" + bytes + "\r\n";
    return body + "--b--\r\n";
  }

  Stack stack;
  Tenant own;
};

TEST_F(VerifyApi, KeysArePublicAndMayBeKept) {
  const HttpAnswer answer = stack.ask("GET", "/.well-known/carnet-keys.json");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.header("Cache-Control"), "public, max-age=300");
  EXPECT_TRUE(evidence::read_key_set(answer.body).has_value());
  EXPECT_EQ(stack
                .ask("GET", "/.well-known/carnet-keys.json",
                     {{"If-None-Match", std::string(answer.header("ETag"))}})
                .status,
            304);
  for (const std::string_view secret :
       {stack.signing_keys.current()->passport.ed25519.seed.expose(),
        stack.signing_keys.current()->passport.mldsa.seed.expose()})
    EXPECT_EQ(answer.body.find(to_base64(as_bytes(secret))), std::string::npos);
}

TEST_F(VerifyApi, WithoutADatabaseThereAreNone) {
  StackOptions options;
  options.database = false;
  Stack off(options);
  for (const char* path : {"/.well-known/carnet-keys.json"}) {
    const HttpAnswer answer = off.ask("GET", path);
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(code_of(answer), "persistence_off");
  }
  EXPECT_EQ(off.ask("POST", "/pqc/verify", {}, "{}").status, 503);
  EXPECT_EQ(off.ask("GET", "/verify", {{"Accept", "text/html"}}).status, 200);
}

TEST_F(VerifyApi, AScanOfOnesOwn) {
  const HttpAnswer answer =
      stack.ask("GET", "/pqc/verify/" + own.scan_id, Stack::bearer(own.viewer));
  ASSERT_EQ(answer.status, 200) << answer.body;
  const boost::json::object body = parsed(answer);
  EXPECT_EQ(body.at("verdict").as_string(), "valid") << answer.body;
  EXPECT_TRUE(body.at("passport").at("sample").as_bool());
  const boost::json::object proof{{"proof", body.at("proof")}};
  EXPECT_EQ(verified(json::write(proof), "application/json").at("verdict").as_string(), "valid");
}

TEST_F(VerifyApi, EachFormOfADocumentCanBeHandedIn) {
  const std::string bundle = file("bundle");
  const std::string again = file("bundle");
  EXPECT_EQ(bundle, again);
  EXPECT_EQ(verified(bundle, "application/zip").at("verdict").as_string(), "valid");
  const HttpAnswer passport = stack.ask("GET", "/r/" + own.share_token + "/passport");
  ASSERT_EQ(passport.status, 200) << passport.body;
  EXPECT_EQ(passport.header("Content-Type"), "application/vnd.dsse.envelope.v1+json");
  EXPECT_EQ(verified(passport.body, "application/json").at("verdict").as_string(), "valid");
  const auto alone = verified(passport.body, "application/octet-stream");
  EXPECT_EQ(alone.at("passport").at("tenant").as_string(), "Example Bank");
  // A table with its passport, as a form.
  const std::string type = "multipart/form-data; boundary=b";
  EXPECT_EQ(verified(form({{"document", file("csv")}, {"passport", passport.body}}), type)
                .at("verdict")
                .as_string(),
            "valid");
  EXPECT_EQ(verified(form({{"document", file("csv") + "x"}, {"passport", passport.body}}), type)
                .at("verdict")
                .as_string(),
            "forged");
  EXPECT_EQ(verified("hello", "application/octet-stream").at("verdict").as_string(), "unreadable");
}

TEST_F(VerifyApi, AForgeryTellsWhatIsWrongAndNothingThatItClaims) {
  auto entries = evidence::read_bundle(file("bundle")).value();
  for (evidence::BundleEntry& entry : entries)
    if (entry.name == "assets.csv") entry.bytes += "\"more\"\r\n";
  const auto altered = verified(evidence::write_bundle(entries).value(), "application/zip");
  EXPECT_EQ(altered.at("verdict").as_string(), "forged");
  EXPECT_THAT(std::string(altered.at("summary").as_string()), HasSubstr("assets.csv was altered"));
  // Signed by another server: its claims are not repeated.
  Stack other;
  const Tenant theirs = other.make_tenant("Evil Bank");
  const HttpAnswer foreign = other.ask("GET", "/r/" + theirs.share_token + "/passport");
  const auto refused = verified(foreign.body, "application/json");
  EXPECT_EQ(refused.at("verdict").as_string(), "forged");
  EXPECT_TRUE(refused.at("passport").is_null());
  const HttpAnswer page =
      stack.ask("POST", "/verify",
                {{"Content-Type", "multipart/form-data; boundary=b"}, {"Accept", "text/html"}},
                form({{"text", foreign.body}}));
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.body, HasSubstr("Not genuine"));
  EXPECT_EQ(page.body.find("Evil Bank"), std::string::npos);
}

TEST_F(VerifyApi, ThePageAnswersAnEmptyFormAsAPage) {
  for (const std::string& body : {form({{"text", " "}}), form({}), std::string("no form")}) {
    const HttpAnswer page = stack.ask(
        "POST", "/verify",
        {{"Content-Type", "multipart/form-data; boundary=b"}, {"Accept", "text/html"}}, body);
    EXPECT_GE(page.status, 400) << body;
    EXPECT_LT(page.status, 500) << body;
    EXPECT_THAT(page.body, HasSubstr("<h1>This cannot be read</h1>")) << body;
    EXPECT_THAT(page.body, HasSubstr("<form")) << body;
  }
  const HttpAnswer empty =
      stack.ask("POST", "/verify",
                {{"Content-Type", "multipart/form-data; boundary=b"}, {"Accept", "text/html"}},
                form({{"text", ""}}));
  EXPECT_EQ(empty.status, 422);
  EXPECT_THAT(empty.body, HasSubstr("Nothing was handed in."));
  // What the listener refuses unread, too; a program is answered as everywhere.
  HttpClient client = stack.connect();
  client.send(
      "POST /verify HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nContent-Length: 999999999\r\n\r\n");
  const auto large = client.read();
  ASSERT_TRUE(large);
  EXPECT_EQ(large->status, 413);
  EXPECT_THAT(large->header("Content-Type"), HasSubstr("text/html"));
  EXPECT_THAT(large->body, HasSubstr("The body may have at most"));
  EXPECT_THAT(stack.ask("POST", "/verify").header("Content-Type"), HasSubstr("problem+json"));
}

TEST_F(VerifyApi, BodiesAreBoundedAndTheirTypesNamed) {
  EXPECT_EQ(stack.ask("POST", "/pqc/verify", {{"Content-Type", "image/png"}}, "x").status, 415);
  EXPECT_EQ(stack.ask("POST", "/pqc/verify", {{"Content-Type", "application/json"}}, "").status,
            422);
  EXPECT_EQ(stack
                .ask("POST", "/pqc/verify", {{"Content-Type", "multipart/form-data; boundary=b"}},
                     "--c\r\n")
                .status,
            400);
  // Refused by its head, before a byte of it is sent.
  HttpClient client("127.0.0.1", stack.port);
  ASSERT_TRUE(
      client.send("POST /pqc/verify HTTP/1.1\r\nHost: a.example\r\n"
                  "Content-Type: application/octet-stream\r\n"
                  "Content-Length: 16777217\r\n\r\n"));
  const auto refused = client.read(false);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 413);
}

TEST_F(VerifyApi, AnAddressCannotAskForever) {
  int refused = 0;
  for (int i = 0; i < 80; ++i) {
    const HttpAnswer answer =
        stack.ask("POST", "/pqc/verify", {{"Content-Type", "application/octet-stream"}}, "x");
    refused += answer.status == 429;
  }
  EXPECT_GT(refused, 0);
}

TEST_F(VerifyApi, ALinkOpensThePassportWithinItsScopeOnly) {
  for (const std::string_view scope : {"report", "bundle"}) {
    const HttpAnswer made = stack.ask("POST", "/tenant/scans/" + own.scan_id + "/share",
                                      Stack::bearer(own.operator_key),
                                      json::write(boost::json::object{{"scope", scope}}));
    const std::string token(parsed(made).at("token").as_string());
    const HttpAnswer answer = stack.ask("GET", "/r/" + token + "/passport");
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(code_of(answer), "share_scope");
    EXPECT_THAT(answer.body, HasSubstr(std::string(scope)));
  }
}

}  // namespace
}  // namespace carnet::test
