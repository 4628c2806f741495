// HTTP/1.1 as bytes: limits, framing, keep-alive, timeouts, and the forms that request smuggling
// lives on.

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>

#include "tests/integration/stack.h"

namespace carnet::test {
namespace {

class ProtocolTest : public ::testing::Test {
 protected:
  // Sends bytes, expects one problem and the end of the connection.
  void expect_refused(const std::string& bytes, int status) {
    HttpClient client = stack.connect();
    client.send(bytes);
    const auto answer = client.read();
    ASSERT_TRUE(answer) << bytes.substr(0, 200);
    EXPECT_EQ(answer->status, status) << bytes.substr(0, 200) << "\n" << answer->body;
    EXPECT_EQ(answer->header("Content-Type"), "application/problem+json");
    EXPECT_EQ(answer->header("Connection"), "close");
    EXPECT_FALSE(answer->header("X-Request-Id").empty());
    EXPECT_NE(answer->body.find(answer->header("X-Request-Id")), std::string::npos);
    EXPECT_TRUE(client.closed_by_peer());
  }
  Stack stack;
};

TEST_F(ProtocolTest, FormsThatTwoParsersReadDifferentlyAreRefused) {
  const std::string body = "\r\n\r\n0\r\n\r\n";
  const std::vector<std::string> heads = {
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5",
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5",
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5",
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: +5",
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: 5a",
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: -1",
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999",
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length:",
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked",
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked",
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: "
      "chunked",
      "POST /pqc/scan HTTP/1.0\r\nTransfer-Encoding: chunked",
      "GET /health HTTP/1.1\r\nHost : a",
      "GET /health HTTP/1.1\r\nHost: a\r\n folded: b",
      "GET /health HTTP/1.1\r\nHost: a\r\nX-A: b\r\n\tfolded",
      "GET /health HTTP/1.1",
      "GET /health HTTP/1.1\r\nHost: a\r\nHost: a",
      "GET /health HTTP/1.1\r\nHost: a b",
      "GET /health HTTP/1.1\r\nHost: a/b",
      "GET /health HTTP/1.1\r\nHost: a\r\nX-A: b\x01",
      "GET /health HTTP/1.1\r\nHost: a\r\n: empty",
      "GET /health HTTP/2.0\r\nHost: a",
      "GET /health HTTP/1.2\r\nHost: a",
      "GET /health\r\nHost: a",
      "GET  /health HTTP/1.1\r\nHost: a",
      "GET /hea lth HTTP/1.1\r\nHost: a",
      "GET health HTTP/1.1\r\nHost: a",
      "GET /health#x HTTP/1.1\r\nHost: a",
      "GET /h\xc3\xa9 HTTP/1.1\r\nHost: a",
      "GET ftp://a/health HTTP/1.1\r\nHost: a",
      "GET /health HTTP/1.1\r\nHost: a\r\nExpect: miracles",
      "(GET) /health HTTP/1.1\r\nHost: a",
  };
  for (const std::string& head : heads) expect_refused(head + body, 400);
  expect_refused("GET /health HTTP/1.1\nHost: a\n\n", 400);
  expect_refused("\x16\x03\x01\x02\x00\x01\x00", 400);  // a TLS hello
}

TEST_F(ProtocolTest, ChunkedBodies) {
  const std::string head =
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const char* bad :
       {"zz\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3 \r\nabc\r\n0\r\n\r\n",
        "-3\r\nabc\r\n0\r\n\r\n", "ffffffffffffffffff\r\nabc", "\r\n\r\n"})
    expect_refused(head + bad, 400);
  // Whole bodies, however they are cut, with the next request right behind.
  const std::string good =
      head + "2;x=y\r\n{}\r\n0\r\nX-Trailer: 1\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\n\r\n";
  for (const std::size_t piece : {good.size(), std::size_t{1}, std::size_t{7}}) {
    HttpClient client = stack.connect();
    for (std::size_t at = 0; at < good.size(); at += piece)
      client.send(std::string_view(good).substr(at, piece));
    const auto first = client.read();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->status, 401) << first->body;
    const auto second = client.read();
    ASSERT_TRUE(second) << piece;
    EXPECT_EQ(second->status, 200);
  }
  // Not endless chunk headers or extensions around nothing.
  expect_refused(head + "1;" + std::string(40000, 'x'), 400);
}

TEST_F(ProtocolTest, LimitsOfHeadAndBody) {
  expect_refused(
      "GET /health HTTP/1.1\r\nHost: a\r\nX-Long: " + std::string(17000, 'a') + "\r\n\r\n", 431);
  expect_refused("GET /health HTTP/1.1\r\nHost: a\r\nX-Long: " + std::string(40000, 'a'), 431);
  expect_refused("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 431);
  std::string many = "GET /health HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 101; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  expect_refused(many + "\r\n", 431);
  // Refused by its announced length, before a byte of it is read.
  expect_refused("POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: 1048577\r\n\r\n", 413);
  expect_refused(
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100001\r\n", 413);
  expect_refused("DELETE /admin/keys/x HTTP/1.1\r\nHost: a\r\nContent-Length: 20000\r\n\r\n", 413);
  const Tenant tenant = stack.make_tenant("Example Bank");
  const HttpAnswer fits =
      stack.ask("POST", "/pqc/scan", Stack::bearer(tenant.operator_key), std::string(1048576, ' '));
  EXPECT_EQ(fits.status, 400);
  EXPECT_EQ(code_of(fits), "malformed_json");
}

TEST_F(ProtocolTest, ContinueIsSentOnlyForABodyThatWillBeRead) {
  HttpClient client = stack.connect();
  client.send(
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  const auto interim = client.read();
  ASSERT_TRUE(interim);
  EXPECT_EQ(interim->status, 100);
  client.send("{}");
  const auto answer = client.read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 401);
  expect_refused(
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
      "9999999\r\n\r\n",
      413);
}

TEST_F(ProtocolTest, PipelinedRequestsAreAnsweredInOrder) {
  HttpClient client = stack.connect();
  std::string all;
  for (int i = 0; i < 50; ++i)
    all += request_text("GET", i % 2 == 0 ? "/health" : "/nothing",
                        {{"X-Request-Id", "request-" + std::to_string(i)}});
  all +=
      request_text("POST", "/pqc/scan", {{"X-Request-Id", "request-last"}}, "{\"target\":\"a\"}");
  all += request_text("GET", "/health", {{"Connection", "close"}});
  client.send(all);
  for (int i = 0; i < 50; ++i) {
    const auto answer = client.read();
    ASSERT_TRUE(answer) << i;
    EXPECT_EQ(answer->status, i % 2 == 0 ? 200 : 404);
    EXPECT_EQ(answer->header("X-Request-Id"), "request-" + std::to_string(i));
  }
  EXPECT_EQ(client.read()->header("X-Request-Id"), "request-last");
  const auto last = client.read();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->header("Connection"), "close");
  EXPECT_TRUE(client.closed_by_peer());
}

TEST_F(ProtocolTest, OldClientsAndAbsoluteTargets) {
  HttpClient old = stack.connect();
  old.send("GET /health HTTP/1.0\r\n\r\n");
  const auto answer = old.read();
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->head.starts_with("HTTP/1.0 200 OK\r\n"));
  EXPECT_TRUE(old.closed_by_peer());
  HttpClient kept = stack.connect();
  kept.send("GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.read()->header("Connection"), "keep-alive");
  HttpClient absolute = stack.connect();
  absolute.send("\r\nGET http://carnet.test/health?x=1 HTTP/1.1\r\nHost: carnet.test\r\n\r\n");
  EXPECT_EQ(absolute.read()->status, 200);
}

TEST(StrictTransportTest, WhereLinksAreHttps) {
  const auto said = [](const std::string& public_url, const HttpHeaders& headers) {
    StackOptions options;
    options.api.public_url = public_url;
    options.server.trusted_proxies = {*net::Cidr::parse("127.0.0.0/8")};
    Stack stack(options);
    return stack.ask("GET", "/health", headers).header("Strict-Transport-Security");
  };
  EXPECT_EQ(said("http://carnet.example.org", {}), "");
  EXPECT_EQ(said("https://carnet.example.org", {}), "max-age=31536000");
  EXPECT_EQ(said("http://carnet.example.org", {{"X-Forwarded-Proto", "https"}}),
            "max-age=31536000");
  // Other services of a developer's machine are not asked by https because of us.
  EXPECT_EQ(said("https://localhost:8443", {}), "");
}

TEST(TimeoutTest, TooSlowIs408AndIdleIsClosed) {
  StackOptions options;
  options.server.header_timeout = std::chrono::milliseconds(300);
  options.server.body_timeout = std::chrono::milliseconds(300);
  options.server.sweep_interval = std::chrono::milliseconds(20);
  Stack stack(options);
  HttpClient head = stack.connect();
  head.send("GET /health HTTP/1.1\r\nHo");
  const auto slow_head = head.read();
  ASSERT_TRUE(slow_head);
  EXPECT_EQ(slow_head->status, 408);
  EXPECT_NE(slow_head->body.find("request_timeout"), std::string::npos);
  EXPECT_TRUE(head.closed_by_peer());
  HttpClient body = stack.connect();
  body.send("POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{");
  const auto slow_body = body.read();
  ASSERT_TRUE(slow_body);
  EXPECT_EQ(slow_body->status, 408);
}

TEST(TimeoutTest, IdleIsClosed) {
  StackOptions options;
  options.server.idle_timeout = std::chrono::milliseconds(2000);
  options.server.sweep_interval = std::chrono::milliseconds(20);
  Stack stack(options);
  HttpClient idle = stack.connect();
  EXPECT_EQ(idle.ask("GET", "/health")->status, 200);
  EXPECT_TRUE(idle.closed_by_peer());
}

TEST(ConnectionLimitTest, PerAddressAndInAll) {
  StackOptions options;
  options.server.connections_per_address_max = 3;
  Stack stack(options);
  std::vector<std::unique_ptr<HttpClient>> held;
  for (int i = 0; i < 3; ++i) {
    held.push_back(std::make_unique<HttpClient>("127.0.0.1", stack.port));
    ASSERT_EQ(held.back()->ask("GET", "/health")->status, 200);
  }
  HttpClient fourth = stack.connect();
  const auto refused = fourth.read();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(refused->header("Retry-After"), "5");
  EXPECT_FALSE(refused->header("X-Request-Id").empty());
  held.pop_back();
  // The place is free as soon as the server has seen the end of the connection.
  int status = 0;
  for (int i = 0; i < 1000 && status != 200; ++i) {
    HttpClient again = stack.connect();
    const auto answer = again.ask("GET", "/health");
    status = answer ? answer->status : 0;
  }
  EXPECT_EQ(status, 200);
}

StackOptions with_room_for(std::size_t connections) {
  StackOptions options;
  options.server.connections_max = connections;
  options.threads = 1;  // what waits is looked for on one's own
  return options;
}

TEST(ConnectionLimitTest, OverTheCapOfAllConnections) {
  Stack stack(with_room_for(2));
  HttpClient first = stack.connect();
  HttpClient second = stack.connect();
  for (HttpClient* busy : {&first, &second}) {
    busy->send(
        "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: "
        "2\r\n\r\n");
    ASSERT_EQ(busy->read()->status, 100);  // now it is in flight
  }
  HttpClient third = stack.connect();
  const auto refused = third.read();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 503);
  EXPECT_EQ(refused->header("Retry-After"), "5");
  EXPECT_EQ(stack.server->counts().made_room, 0U);
  for (HttpClient* busy : {&first, &second}) {
    busy->send("{}");
    EXPECT_EQ(busy->read()->status, 401);
  }
}

TEST(ConnectionLimitTest, WhatWaitsTheLongestMakesRoom) {
  Stack stack(with_room_for(4));
  HttpClient silent = stack.connect();  // never asks
  HttpClient old = stack.connect();
  HttpClient trickles = stack.connect();
  HttpClient young = stack.connect();
  for (HttpClient* one : {&trickles, &old, &young})
    ASSERT_EQ(one->ask("GET", "/health")->status, 200);
  trickles.send("GET /health HTTP/1.1\r\nHo");
  for (HttpClient* one : {&old, &young}) ASSERT_EQ(one->ask("GET", "/health")->status, 200);
  std::vector<std::unique_ptr<HttpClient>> others;
  const auto another = [&]() -> HttpClient& {
    return *others.emplace_back(std::make_unique<HttpClient>("127.0.0.1", stack.port));
  };
  EXPECT_EQ(another().ask("GET", "/health")->status, 200);
  EXPECT_TRUE(silent.closed_by_peer());
  EXPECT_EQ(another().ask("GET", "/health")->status, 200);
  EXPECT_TRUE(trickles.closed_by_peer());
  ASSERT_EQ(old.ask("GET", "/health")->status, 200);  // which makes it the youngest
  EXPECT_EQ(another().ask("GET", "/health")->status, 200);
  EXPECT_TRUE(young.closed_by_peer());
  EXPECT_EQ(old.ask("GET", "/health")->status, 200);
  EXPECT_EQ(stack.server->counts().made_room, 3U);
  EXPECT_EQ(stack.server->counts().refused, 0U);
}

// Who has all it may have from its own address takes nobody's place.
TEST(ConnectionLimitTest, ThePlacesOfOthersAreNotForWhoHasTooMany) {
  StackOptions options = with_room_for(3);
  options.server.connections_per_address_max = 2;
  Stack stack(options);
  const HttpClient::Manner manner{.source = "127.0.0.2", .receive_buffer = 0};
  HttpClient other("127.0.0.1", stack.port, manner);
  ASSERT_EQ(other.ask("GET", "/health")->status, 200);
  HttpClient first = stack.connect();
  HttpClient second = stack.connect();
  for (HttpClient* one : {&first, &second}) ASSERT_EQ(one->ask("GET", "/health")->status, 200);
  HttpClient third = stack.connect();
  EXPECT_EQ(third.read()->status, 429);
  EXPECT_EQ(other.ask("GET", "/health")->status, 200);
  EXPECT_EQ(stack.server->counts().made_room, 0U);
}

TEST(ListenTest, APortThatIsTakenIsRefusedWithASentence) {
  Stack stack;
  boost::asio::io_context context;
  api::Server second({}, *stack.api, stack.log);
  const std::string endpoint = "127.0.0.1:" + std::to_string(stack.port);
  const auto bound = second.listen({endpoint}, {&context});
  ASSERT_FALSE(bound);
  EXPECT_EQ(bound.error().public_detail,
            "Cannot listen on " + endpoint + ": address already in use.");
  for (const char* odd :
       {"", "8080", "127.0.0.1:", "127.0.0.1:99999", "::1:80", "[127.0.0.1]:80", "example.org:80"})
    EXPECT_FALSE(second.listen({odd}, {&context})) << odd;
}

TEST(ProxyTest, TheVisitorIsWhoATrustedProxySays) {
  StackOptions options;
  options.server.trusted_proxies = {*net::Cidr::parse("127.0.0.1/32"),
                                    *net::Cidr::parse("10.0.0.0/8")};
  Stack stack(options);
  const auto ask = [&stack](const std::string& chain) {
    return stack.ask("GET", "/r/guess", {{"X-Forwarded-For", chain}}).status;
  };
  // The right-most address that is not a proxy counts; what a client writes left of it does not.
  for (int i = 0; i < 60; ++i)
    ASSERT_EQ(ask("198.51.100." + std::to_string(i) + ", 203.0.113.7, 10.0.0.1"), 404);
  EXPECT_EQ(ask("198.51.100.99, 203.0.113.7:4711, 10.0.0.1"), 429);
  EXPECT_EQ(ask("203.0.113.7, 203.0.113.8"), 404);
  // A site's whole /64 is one visitor.
  for (int i = 0; i < 60; ++i) ASSERT_EQ(ask("2001:db8::" + std::to_string(i + 1)), 404);
  EXPECT_EQ(ask("2001:db8::ffff"), 429);
  EXPECT_EQ(ask("2001:db8:0:1::1"), 404);
}

TEST(ProxyTest, NobodyElseIsBelieved) {
  Stack stack;
  for (int i = 0; i < 60; ++i)
    ASSERT_EQ(stack.ask("GET", "/r/guess", {{"X-Forwarded-For", "203.0.113." + std::to_string(i)}})
                  .status,
              404);
  EXPECT_EQ(stack.ask("GET", "/r/guess", {{"X-Forwarded-For", "203.0.113.99"}}).status, 429);
}

TEST(DrainTest, WhatIsInFlightEndsAndIdleConnectionsClose) {
  Stack stack;
  HttpClient idle = stack.connect();
  ASSERT_EQ(idle.ask("GET", "/health")->status, 200);
  HttpClient half = stack.connect();
  half.send(
      "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_EQ(half.read()->status, 100);  // now it is in flight
  stack.server->drain();
  EXPECT_TRUE(idle.closed_by_peer());
  half.send("{}");
  const auto answer = half.read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 401);
  EXPECT_EQ(answer->header("Connection"), "close");
  EXPECT_TRUE(half.closed_by_peer());
  HttpClient late = stack.connect();
  EXPECT_FALSE(late.connected() && late.ask("GET", "/health"));
}

}  // namespace
}  // namespace carnet::test
