// Files handed in over real sockets: what is read, what is refused, what a scan makes of it, and
// that no byte of a private key is kept.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <boost/json.hpp>

#include <array>
#include <cstdio>
#include <sstream>

#include "tests/integration/stack.h"
#include "tests/support/run_task.h"

namespace carnet::test {
namespace {

namespace bj = boost::json;

class UploadTest : public ::testing::Test {
 protected:
  UploadTest() : own(stack.make_tenant("Own Bank")), other(stack.make_tenant("Other Bank")) {}

  std::string run(const std::string& command) const {
    const std::string whole =
        "cd '" + folder.path().string() + "' && (" + command + ") 2>/dev/null";
    std::FILE* pipe = ::popen(whole.c_str(), "re");
    std::string out;
    std::array<char, 4096> block{};
    while (const std::size_t got = std::fread(block.data(), 1, block.size(), pipe)) {
      out.append(block.data(), got);
    }
    EXPECT_EQ(::pclose(pipe), 0) << command;
    return out;
  }
  std::string make_pair() const {
    run("openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=files.example -keyout key.pem "
        "-out cert.pem");
    return run("cat key.pem cert.pem");
  }

  HttpAnswer upload(const std::string& type, std::string_view body, HttpHeaders more = {}) const {
    HttpHeaders headers = Stack::bearer(own.operator_key);
    headers.emplace_back("Content-Type", type);
    headers.insert(headers.end(), more.begin(), more.end());
    return stack.ask("POST", "/pqc/upload-bundle", headers, body);
  }
  static std::string part(const std::string& name, const std::string& file,
                          const std::string& bytes) {
    const std::string named = file.empty() ? "" : "; filename=\"" + file + "\"";
    return "--xx\r\nContent-Disposition: form-data; name=\"" + name + "\"" + named + "\r\n\r\n" +
           bytes + "\r\n";
  }
  HttpAnswer scan(const std::string& key, const std::string& body) const {
    HttpHeaders headers = Stack::bearer(key);
    headers.emplace_back("Content-Type", "application/json");
    return stack.ask("POST", "/pqc/scan", headers, body);
  }
  bj::object finished(const std::string& scan_id) {
    int after = 0;
    for (;;) {
      const auto batch = run_task(stack.scans.wait_events(own.id, ScanId::trusted(scan_id), after,
                                                          std::chrono::seconds(10)));
      EXPECT_TRUE(batch.has_value());
      if (!batch || batch->over) break;
      if (!batch->events.empty()) after = batch->events.back().seq;
    }
    return parsed(stack.ask("GET", "/pqc/scan/" + scan_id, Stack::bearer(own.viewer)));
  }

  Stack stack;
  Tenant own, other;
  TempDir folder;
};

TEST_F(UploadTest, AFileIsReadAndJudgedByAScan) {
  const HttpAnswer answer = upload("application/x-pem-file", make_pair());
  ASSERT_EQ(answer.status, 201) << answer.body;
  const bj::object receipt = parsed(answer);
  EXPECT_EQ(receipt.at("entryCount"), 2);
  EXPECT_EQ(receipt.at("endpointCount"), 0);
  EXPECT_EQ(receipt.at("files").as_array().at(0).at("format").as_string(), "PEM");
  EXPECT_TRUE(receipt.at("errors").as_array().empty());
  EXPECT_EQ(receipt.at("expiresAt").as_string(),
            to_rfc3339(stack.clock.now() + std::chrono::hours(24)));

  const std::string session(receipt.at("sessionId").as_string());
  const HttpAnswer started =
      scan(own.operator_key, "{\"bundleSessionId\":\"" + session + "\",\"label\":\"files\"}");
  ASSERT_EQ(started.status, 202) << started.body;
  const bj::object result = finished(std::string(parsed(started).at("scanId").as_string()));
  EXPECT_EQ(result.at("status").as_string(), "success");
  const bj::array& endpoints = result.at("endpoints").as_array();
  ASSERT_EQ(endpoints.size(), 1U);
  EXPECT_EQ(endpoints[0].at("protocol").as_string(), "file");
  EXPECT_EQ(endpoints[0].at("file").at("entries").as_array().size(), 2U);
  ASSERT_EQ(result.at("assets").as_array().size(), 2U);
  for (const bj::value& asset : result.at("assets").as_array()) {
    EXPECT_EQ(asset.at("algorithm").as_string(), "RSA");
    EXPECT_EQ(asset.at("keySize"), 2048);
    EXPECT_EQ(asset.at("vulnerability").at("status").as_string(), "at-risk");
  }
  EXPECT_EQ(result.at("coverage").at("reached"), 1);
}

TEST_F(UploadTest, AFormMayHoldSeveralFilesAndAPassphrase) {
  make_pair();
  const std::string store =
      run("openssl pkcs12 -export -in cert.pem -inkey key.pem -passout "
          "pass:open");
  const std::string list = "host,port,kind\n127.0.0.1,1,tls\nnot a host,2,tls\n127.0.0.1,3,odd\n";
  const std::string form = part("a", "C:\\certs\\store.p12", store) + part("b", "hosts.csv", list) +
                           part("passphrase", "", "open") +
                           part("c", "picture.png", "\x89PNG\r\n\x1a\n") + "--xx--\r\n";
  const HttpAnswer answer = upload("multipart/form-data; boundary=xx", form);
  ASSERT_EQ(answer.status, 201) << answer.body;
  const bj::object receipt = parsed(answer);
  EXPECT_EQ(receipt.at("entryCount"), 3);
  EXPECT_EQ(receipt.at("endpointCount"), 1);
  EXPECT_EQ(receipt.at("files").as_array().at(0).at("name").as_string(), "store.p12");
  std::map<std::string, std::int64_t> faults;
  for (const bj::value& error : receipt.at("errors").as_array()) {
    faults[std::string(error.at("file").as_string()) + " " +
           std::string(error.at("code").as_string())] = error.at("line").as_int64();
  }
  EXPECT_THAT(faults,
              ::testing::UnorderedElementsAre(::testing::Pair("hosts.csv invalid_target", 3),
                                              ::testing::Pair("hosts.csv unknown_kind", 4),
                                              ::testing::Pair("picture.png unsupported_file", 0)));
  // The endpoint of the list becomes a target beside the file.
  const std::string session(receipt.at("sessionId").as_string());
  const HttpAnswer started =
      scan(own.operator_key, "{\"bundleSessionId\":\"" + session + "\",\"profile\":\"quick\"}");
  ASSERT_EQ(started.status, 202) << started.body;
  const bj::object result = finished(std::string(parsed(started).at("scanId").as_string()));
  EXPECT_EQ(result.at("coverage").at("requested"), 2);
  EXPECT_EQ(result.at("coverage").at("reached"), 1);  // nothing listens on port 1
}

TEST_F(UploadTest, TargetsOfAListNeedAuthorisationLikeAnyOther) {
  const HttpAnswer answer = upload("text/csv", "someone.else.example,443\n");
  ASSERT_EQ(answer.status, 201) << answer.body;
  const std::string session(parsed(answer).at("sessionId").as_string());
  const HttpAnswer refused = scan(own.operator_key, "{\"bundleSessionId\":\"" + session + "\"}");
  EXPECT_EQ(refused.status, 403);
  EXPECT_NE(refused.body.find("someone.else.example:443"), std::string::npos);
}

TEST_F(UploadTest, NothingOfAPrivateKeyIsKept) {
  const std::string pair = make_pair();
  const HttpAnswer answer = upload("application/x-pem-file", pair);
  ASSERT_EQ(answer.status, 201);
  const std::string session(parsed(answer).at("sessionId").as_string());
  const HttpAnswer started = scan(own.operator_key, "{\"bundleSessionId\":\"" + session + "\"}");
  const std::string id(parsed(started).at("scanId").as_string());
  (void)finished(id);
  std::string kept = answer.body + stack.log_text();
  for (const char* format : {"json", "csv"}) {
    kept +=
        stack.ask("GET", "/pqc/report/" + id + "?format=" + format, Stack::bearer(own.viewer)).body;
  }
  kept += stack.database->contents();
  // Lines of the key's base64, and its secret exponent's bytes in hex and as they are.
  const std::size_t begin = pair.find("PRIVATE KEY-----");
  ASSERT_NE(begin, std::string::npos);
  const std::string private_only = pair.substr(pair.find('\n', begin) + 1, 1600);
  std::istringstream lines(private_only);
  int looked = 0;
  for (std::string line; std::getline(lines, line) && line.find("END") == std::string::npos;) {
    if (line.size() < 64 || ++looked <= 8) continue;  // the first lines hold the public modulus
    EXPECT_EQ(kept.find(line), std::string::npos);
    EXPECT_EQ(kept.find(line.substr(8, 24)), std::string::npos);
  }
  EXPECT_GT(looked, 10);
  EXPECT_EQ(kept.find("PRIVATE KEY"), std::string::npos);
  EXPECT_NE(kept.find("files.example"), std::string::npos);  // the search itself works
}

TEST_F(UploadTest, ASessionBelongsToItsTenantAndEndsAfterADay) {
  const HttpAnswer answer = upload("application/x-pem-file", make_pair());
  const std::string body =
      "{\"bundleSessionId\":\"" + std::string(parsed(answer).at("sessionId").as_string()) + "\"}";
  EXPECT_EQ(scan(other.operator_key, body).status, 422);
  stack.clock.advance(std::chrono::hours(24) + std::chrono::seconds(1));
  const HttpAnswer over = scan(own.operator_key, body);
  EXPECT_EQ(over.status, 422);
  EXPECT_NE(over.body.find("bundleSessionId"), std::string::npos);
  run_task(stack.uploads.purge());
  const auto left = run_task(stack.db.read<int>([this](store::Connection& connection) {
    return store::uploads::count(connection, own.id, Timestamp{});
  }));
  EXPECT_EQ(left.value_or(-1), 0);
}

TEST_F(UploadTest, WhatCannotBeReadIsRefusedWithTheReason) {
  const HttpAnswer nothing = upload("application/octet-stream",
                                    "\x7F"
                                    "ELF\x01\x02");
  EXPECT_EQ(nothing.status, 422);
  EXPECT_EQ(code_of(nothing), "validation_failed");
  const HttpAnswer bad = upload("application/x-pem-file",
                                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  EXPECT_EQ(bad.status, 422);
  EXPECT_NE(bad.body.find("line 1"), std::string::npos);
  EXPECT_EQ(upload("application/x-pem-file", "").status, 422);
  EXPECT_EQ(upload("image/png", "x").status, 415);
  EXPECT_EQ(upload("multipart/form-data", "--xx--").status, 400);
  EXPECT_EQ(upload("multipart/form-data; boundary=xx", "--xx\r\nContent-").status, 400);
  EXPECT_EQ(upload("multipart/form-data; boundary=xx", part("a", "b", "c")).status, 400);
  EXPECT_EQ(
      upload("multipart/form-data; boundary=xx", part("passphrase", "", "open") + "--xx--\r\n")
          .status,
      422);
  HttpHeaders viewer = Stack::bearer(own.viewer);
  viewer.emplace_back("Content-Type", "text/csv");
  EXPECT_EQ(stack.ask("POST", "/pqc/upload-bundle", viewer, "example.org\n").status, 403);
}

TEST_F(UploadTest, MoreThan32MiBIsRefusedWhileItIsSent) {
  HttpClient client = stack.connect();
  const std::string head = "POST /pqc/upload-bundle HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " +
                           own.operator_key +
                           "\r\nContent-Type: text/csv\r\nContent-Length: 33554433\r\n\r\n";
  ASSERT_TRUE(client.send(head));
  const auto answer = client.read();
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, 413);
}

TEST_F(UploadTest, ARetryWithTheSameKeyGivesTheSameSession) {
  const std::string pair = make_pair();
  const HttpAnswer first =
      upload("application/x-pem-file", pair, {{"Idempotency-Key", "upload-one-0001"}});
  const HttpAnswer again =
      upload("application/x-pem-file", pair, {{"Idempotency-Key", "upload-one-0001"}});
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_EQ(again.header("Idempotent-Replayed"), "true");
  const HttpAnswer audit =
      stack.ask("GET", "/tenant/audit?action=upload", Stack::bearer(own.admin));
  EXPECT_EQ(parsed(audit).at("entries").as_array().size(), 1U);
}

}  // namespace
}  // namespace carnet::test
