// Bodies of people whom nobody knows: refused before they are read, and bounded together.

#include <gtest/gtest.h>

#include "tests/integration/stack.h"

namespace carnet::test {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kUpload = "POST /pqc/upload-bundle HTTP/1.1\r\nHost: a\r\n";
constexpr std::string_view kPem = "Content-Type: application/x-pem-file\r\n";

StackOptions quiet() {
  StackOptions options;
  options.log_level = LogLevel::kError;
  return options;
}

std::string authorization(const std::string& key) {
  return "Authorization: Bearer " + key + "\r\n";
}

class EarlyAnswerTest : public ::testing::Test {
 protected:
  EarlyAnswerTest() : stack(quiet()), tenant(stack.make_tenant("Example Bank")) {}
  // Refused when no byte of the body is there, and nothing behind it is answered.
  void expect_refused(const std::string& head, int status) {
    HttpClient client = stack.connect();
    client.send(head);
    const auto answer = client.read();
    ASSERT_TRUE(answer) << head;
    EXPECT_EQ(answer->status, status) << head << answer->body;
    EXPECT_EQ(answer->header("Connection"), "close");
    EXPECT_EQ(answer->header("Content-Type"), "application/problem+json");
    EXPECT_FALSE(answer->header("X-Request-Id").empty());
    client.send(request_text("GET", "/health"));
    client.shutdown_send();
    EXPECT_FALSE(client.read()) << head;
    EXPECT_TRUE(client.closed_by_peer());
  }

  Stack stack;
  Tenant tenant;
};

TEST_F(EarlyAnswerTest, WhatNeedsNoBodyIsRefusedWithoutIt) {
  const std::string large = "Content-Length: 30000000\r\n\r\n";
  const std::string upload = std::string(kUpload) + std::string(kPem);
  expect_refused(upload + large, 401);
  expect_refused(upload + "Expect: 100-continue\r\n" + large, 401);
  std::string other = tenant.operator_key;
  other[other.size() / 2] = other[other.size() / 2] == 'a' ? 'b' : 'a';
  expect_refused(upload + authorization(other) + large, 401);
  expect_refused(upload + authorization(tenant.viewer) + large, 403);
  expect_refused("POST /nothing HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", 404);
  expect_refused("PUT /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", 405);
  expect_refused(upload + authorization(tenant.operator_key) + "Content-Length: 99000000\r\n\r\n",
                 413);
}

TEST_F(EarlyAnswerTest, AChunkedBodyEndsWhereNobodyStandsBehindIt) {
  HttpClient client = stack.connect();
  client.send(std::string(kUpload) + std::string(kPem) + "Transfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
  int sent = 0;
  while (sent < 1000 && !client.readable_within(milliseconds(0)) && client.send(chunk)) ++sent;
  const auto answer = client.read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(answer->header("Connection"), "close");
  client.send("0\r\n\r\n" + request_text("GET", "/health"));
  client.shutdown_send();
  EXPECT_FALSE(client.read());
}

TEST_F(EarlyAnswerTest, WithAKeyItIsReadAsBefore) {
  const std::string upload =
      std::string(kUpload) + std::string(kPem) + authorization(tenant.operator_key);
  const std::string body = "-----BEGIN NOTHING-----\n" + std::string(2'000'000, 'A');
  HttpClient client = stack.connect();
  client.send(upload + "Expect: 100-continue\r\nContent-Length: " + std::to_string(body.size()) +
              "\r\n\r\n");
  ASSERT_EQ(client.read()->status, 100);
  client.send(body);
  const auto sized = client.read();
  ASSERT_TRUE(sized);
  client.send(upload + "Transfer-Encoding: chunked\r\n\r\n");
  for (std::size_t at = 0; at < body.size(); at += 0x8000) {
    const std::string piece = body.substr(at, 0x8000);
    client.send(fmt::format("{:x}\r\n{}\r\n", piece.size(), piece));
  }
  client.send("0\r\n\r\n");
  const auto chunked = client.read();
  ASSERT_TRUE(chunked);
  EXPECT_EQ(chunked->status, sized->status);
  EXPECT_NE(sized->status, 401);
  EXPECT_NE(sized->header("Connection"), "close");
  EXPECT_EQ(client.ask("GET", "/health")->status, 200);
  EXPECT_EQ(stack.server->counts().body_bytes, 0U);
  EXPECT_EQ(stack.server->counts().unknown_body_bytes, 0U);
}

// A client that looks for no answer before it has sent everything gets it all the same.
TEST_F(EarlyAnswerTest, WhoSendsEverythingFirstIsToldToo) {
  for (int i = 0; i < 3; ++i) {
    HttpClient client = stack.connect();
    client.send(std::string(kUpload) + std::string(kPem) + "Content-Length: 3000000\r\n\r\n");
    EXPECT_TRUE(client.send(std::string(3'000'000, 'x')));
    const auto answer = client.read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 401);
  }
}

TEST(UnknownBodiesTest, TheyLeaveRoomForThoseWithAKey) {
  StackOptions options = quiet();
  options.server.unknown_body_memory_max = 64 * 1024;  // one of these, not two
  Stack stack(options);
  const Tenant tenant = stack.make_tenant("Example Bank");
  const std::string post = "POST /pqc/scan HTTP/1.1\r\nHost: a\r\n";
  const std::string length = "Content-Length: 60000\r\n\r\n";
  std::vector<std::unique_ptr<HttpClient>> held;
  // Nearly whole, so that their bytes are there and stay.
  const auto hold = [&](const std::string& head) -> HttpClient& {
    HttpClient& client = *held.emplace_back(std::make_unique<HttpClient>("127.0.0.1", stack.port));
    client.send(head + length + std::string(59'999, ' '));
    return client;
  };
  const auto full = [&] { return stack.server->counts().unknown_body_bytes > 40U * 1024; };
  static_cast<void>(hold(post));
  for (int i = 0; i < 100'000 && !full(); ++i) ASSERT_EQ(stack.ask("GET", "/health").status, 200);
  ASSERT_TRUE(full());
  HttpClient& unknown = hold(post);
  EXPECT_EQ(unknown.read()->status, 401);  // asked who it is, since there is no room
  HttpClient& known = hold(post + authorization(tenant.operator_key));
  known.send(" ");
  EXPECT_EQ(known.read()->status, 415);  // read, and of no type
  // To be verified is for everybody, so nobody is asked for a key there.
  HttpClient& open = hold("POST /pqc/verify HTTP/1.1\r\nHost: a\r\n");
  EXPECT_EQ(open.read()->status, 503);
}

}  // namespace
}  // namespace carnet::test
