// Clients that are slow, that leave early, that ask for more than they read, and that are many.

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>

#include "api/metrics.h"
#include "tests/integration/stack.h"

namespace carnet::test {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPace{20};
constexpr milliseconds kSteadyPace{45};

StackOptions patient() {
  StackOptions options;
  options.log_level = LogLevel::kError;
  options.api.public_rate_per_minute = 0;
  options.server.sweep_interval = milliseconds(20);
  return options;
}

// Answers to other clients meanwhile; ends when the server holds no connection of ours any more.
void expect_all_gone(const Stack& stack) {
  std::uint64_t open = 0;
  for (int i = 0; i < 5000; ++i) {
    ASSERT_EQ(stack.ask("GET", "/health").status, 200);
    open = stack.server->counts().open;
    if (open <= 1) return;  // the one that asked may still be closing
  }
  FAIL() << open << " connections are still open";
}

TEST(SlowClientTest, ABodyNeedsAMinimumRate) {
  StackOptions options = patient();
  options.server.body_timeout = milliseconds(4000);  // a busy machine may stand still for a while
  options.server.body_rate_min = 1000;
  Stack stack(options);
  const Tenant tenant = stack.make_tenant("Example Bank");
  for (const bool chunked : {false, true}) {
    const std::string framing =
        chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "Content-Length: 100000\r\n\r\n";
    const std::string head = "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " +
                             tenant.operator_key + "\r\n" + framing;
    HttpClient slow = stack.connect();
    slow.send(head + (chunked ? "186a0\r\n" : ""));
    // A byte at a time: never idle, never done.
    int sent = 0;
    while (!slow.readable_within(kPace) && slow.send(" ")) ++sent;
    const auto refused = slow.read();
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 408) << refused->body;
    EXPECT_LT(sent, 1000);
    HttpClient steady = stack.connect();
    steady.send(head + (chunked ? "186a0\r\n" : ""));
    const std::string piece(1000, ' ');
    const auto begun = std::chrono::steady_clock::now();
    for (int i = 0; i < 100; ++i) {
      ASSERT_FALSE(steady.readable_within(kSteadyPace)) << i;
      steady.send(piece);
    }
    EXPECT_GT(std::chrono::steady_clock::now() - begun, options.server.body_timeout);
    if (chunked) steady.send("\r\n0\r\n\r\n");
    const auto answer = steady.read();
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 415);  // all of it, of no type that is known
  }
}

TEST(SlowClientTest, AHeadHasOneTimeHoweverItTrickles) {
  StackOptions options = patient();
  options.server.header_timeout = milliseconds(400);
  Stack stack(options);
  HttpClient slow = stack.connect();
  slow.send("GET /health HTTP/1.1\r\nHost: a\r\nX: ");
  while (!slow.readable_within(kPace) && slow.send("x")) {
  }
  const auto refused = slow.read();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 408);
  EXPECT_TRUE(slow.closed_by_peer());
}

constexpr int kRequests = 40;

// Asks for much and reads a little at a time; gives how much came before the end.
std::size_t read_slowly(const Stack& stack, std::size_t piece, std::size_t all) {
  HttpClient client("127.0.0.1", stack.port, {.source = {}, .receive_buffer = 4096});
  std::string requests;
  for (int i = 0; i < kRequests; ++i) requests += request_text("GET", "/openapi.json");
  client.send(requests);
  std::size_t got = 0;
  while (got < all) {
    const std::string bytes = client.read_up_to(piece);
    if (bytes.empty()) break;
    got += bytes.size();
    static_cast<void>(HttpClient("127.0.0.1", stack.port).readable_within(kPace));
  }
  return got;
}

TEST(SlowClientTest, AReaderThatIsTooSlowIsLeft) {
  StackOptions options = patient();
  options.server.write_timeout = milliseconds(400);
  options.server.write_rate_min = 100'000'000;
  Stack stack(options);
  const std::size_t one = stack.ask("GET", "/openapi.json").body.size();
  ASSERT_GT(one, 160'000U);  // more than the kernel holds for a reader with a small window
  EXPECT_LT(read_slowly(stack, 1000, one * kRequests), one * kRequests / 2);
  expect_all_gone(stack);
  EXPECT_GT(stack.server->counts().timed_out, 0U);
}

TEST(SlowClientTest, AReaderThatIsSlowButSteadyGetsAll) {
  StackOptions options = patient();
  options.server.write_timeout = milliseconds(10000);
  options.server.write_rate_min = 1000;
  Stack stack(options);
  const std::size_t one = stack.ask("GET", "/openapi.json").body.size();
  EXPECT_GE(read_slowly(stack, 8000, one * 2), one * 2);
}

TEST(SlowClientTest, ClientsThatLeaveEarlyLeaveNothingBehind) {
  Stack stack(patient());
  const Tenant tenant = stack.make_tenant("Example Bank");
  const std::string key = "Authorization: Bearer " + tenant.viewer + "\r\n";
  const std::string post = "POST /pqc/scan HTTP/1.1\r\nHost: a\r\n" + key;
  const std::vector<std::string> stages = {
      "",
      "G",
      "GET /health HTTP/1.1\r\nHo",
      "GET /health HTTP/1.1\r\nHost: a\r\n\r",
      post + "Content-Length: 10\r\n\r\n",
      post + "Content-Length: 10\r\n\r\n{\"a\"",
      post + "Content-Length: 10\r\nExpect: 100-continue\r\n\r\n",
      post + "Transfer-Encoding: chunked\r\n\r\n",
      post + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a",
      post + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX: ",
      request_text("GET", "/health"),
      request_text("GET", "/openapi.json"),
      request_text("GET", "/openapi.json") + request_text("GET", "/openapi.json"),
      "GET /pqc/scan/" + tenant.scan_id + "/events HTTP/1.1\r\nHost: a\r\n" + key + "\r\n",
      "garbage\r\n\r\n",
  };
  for (int round = 0; round < 10; ++round) {
    for (const std::string& stage : stages) {
      for (const bool read_some : {false, true}) {
        HttpClient client("127.0.0.1", stack.port, {.source = {}, .receive_buffer = 4096});
        ASSERT_TRUE(client.connected());
        client.send(stage);
        if (read_some && client.readable_within(milliseconds(1)))
          static_cast<void>(client.read_up_to(100));
        if (round % 2 == 0) {
          client.reset();
        } else {
          client.close();
        }
      }
    }
  }
  expect_all_gone(stack);
}

TEST(SlowClientTest, ThousandsOfPipelinedRequestsAreAnsweredInOrder) {
  constexpr int kMany = 3000;
  Stack stack(patient());
  HttpClient client = stack.connect();
  std::string all;
  for (int i = 0; i < kMany; ++i)
    all += request_text(i % 3 == 0 ? "HEAD" : "GET", i % 2 == 0 ? "/health" : "/nothing",
                        {{"X-Request-Id", "request-" + std::to_string(i)}});
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < kMany; ++i) {
    const auto answer = client.read(i % 3 == 0);
    ASSERT_TRUE(answer) << i;
    ASSERT_EQ(answer->status, i % 2 == 0 ? 200 : 404);
    ASSERT_EQ(answer->header("X-Request-Id"), "request-" + std::to_string(i));
  }
}

// A client that asks and asks and never reads is stopped: neither its questions nor their answers
// pile up.
TEST(SlowClientTest, PipeliningWithoutReadingIsBounded) {
  StackOptions options = patient();
  options.server.write_timeout = milliseconds(500);
  Stack stack(options);
  const std::uint64_t before = api::resident_bytes();
  HttpClient client("127.0.0.1", stack.port, {.source = {}, .receive_buffer = 4096});
  const std::string request = request_text("GET", "/openapi.json");
  std::string many;
  for (int i = 0; i < 1000; ++i) many += request;
  constexpr std::size_t kTooMuch = 64 * 1024 * 1024;  // more than the kernel takes
  std::size_t sent = 0;
  while (sent < kTooMuch && client.send(many)) sent += many.size();
  EXPECT_LT(sent, kTooMuch);
  EXPECT_LT(api::resident_bytes(), before + 16ULL * 1024 * 1024);
  client.close();
  expect_all_gone(stack);
}

TEST(SlowClientTest, HeadIsGetWithoutItsBody) {
  Stack stack(patient());
  const Tenant tenant = stack.make_tenant("Example Bank");
  for (const std::string& path :
       {std::string("/health"), std::string("/openapi.json"), std::string("/docs"),
        std::string("/nothing"), "/r/" + tenant.share_token, std::string("/tenant/me"),
        "/pqc/scan/" + tenant.scan_id, std::string("/r/wrong")}) {
    HttpClient client = stack.connect();
    const HttpHeaders key = HttpHeaders{{"Authorization", "Bearer " + tenant.viewer}};
    const HttpHeaders headers = path.starts_with("/r/") ? HttpHeaders{} : key;
    const auto get = client.ask("GET", path, headers);
    ASSERT_TRUE(get) << path;
    ASSERT_TRUE(client.send(request_text("HEAD", path, headers)));
    const auto head = client.read(true);
    ASSERT_TRUE(head) << path;
    EXPECT_EQ(head->status, get->status) << path;
    const auto comparable = [](const HttpAnswer& answer) {
      HttpHeaders out;
      for (const auto& [name, value] : answer.headers)
        if (name != "Date" && name != "X-Request-Id" && name != "RateLimit")
          out.emplace_back(name, value);
      return out;
    };
    // A problem names its request, whose number may be longer.
    if (get->status < 400) EXPECT_EQ(comparable(*head), comparable(*get)) << path;
    // Nothing follows: the next answer is the next request's.
    const auto next = client.ask("GET", "/health");
    ASSERT_TRUE(next) << path;
    EXPECT_EQ(next->status, 200);
  }
}

TEST(SlowClientTest, ExpectationsAreMetOnce) {
  Stack stack(patient());
  const std::string post = "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n";
  HttpClient chunked = stack.connect();
  chunked.send(post + "Transfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(chunked.read()->status, 100);
  chunked.send("2\r\n{}\r\n0\r\n\r\n");
  EXPECT_EQ(chunked.read()->status, 401);
  chunked.send(post + "Content-Length: 2\r\n\r\n");  // and again on the same connection
  EXPECT_EQ(chunked.read()->status, 100);
  chunked.send("{}");
  EXPECT_EQ(chunked.read()->status, 401);
  HttpClient impatient = stack.connect();  // the body is there: no need to ask for it
  impatient.send(post + "Content-Length: 2\r\n\r\n{}");
  EXPECT_EQ(impatient.read()->status, 401);
  HttpClient old = stack.connect();  // HTTP/1.0 knows no interim answers
  old.send("POST /pqc/scan HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_FALSE(old.readable_within(milliseconds(50)));
  old.send("{}");
  EXPECT_EQ(old.read()->status, 401);
  HttpClient without = stack.connect();  // nothing to wait for
  without.send("GET /health HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(without.read()->status, 200);
}

TEST(SlowClientTest, OneAddressDoesNotKeepOthersOut) {
  StackOptions options = patient();
  options.server.connections_max = 40;
  options.server.connections_per_address_max = 8;
  Stack stack(options);
  std::vector<std::unique_ptr<HttpClient>> held;
  const auto come_from = [&](const std::string& source) -> HttpClient& {
    const HttpClient::Manner manner{.source = source, .receive_buffer = 0};
    return *held.emplace_back(std::make_unique<HttpClient>("127.0.0.1", stack.port, manner));
  };
  for (int i = 0; i < 8; ++i) ASSERT_EQ(come_from("127.0.0.2").ask("GET", "/health")->status, 200);
  for (int i = 0; i < 8; ++i) ASSERT_EQ(come_from("127.0.0.2").read()->status, 429);
  for (int i = 3; i < 7; ++i)
    EXPECT_EQ(come_from("127.0.0." + std::to_string(i)).ask("GET", "/health")->status, 200);
}

}  // namespace
}  // namespace carnet::test
