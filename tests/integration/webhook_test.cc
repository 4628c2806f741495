// Webhooks and mail, as a client sees them: every route, every error, and dead letters that go
// again to a receiver on loopback.
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <boost/json.hpp>

#include "base/json.h"
#include "tests/integration/stack.h"
#include "tests/support/run_task.h"

namespace carnet::test {
namespace {

namespace bj = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Answers each call with a status, one call a connection; remembers their delivery ids.
class Receiver {
 public:
  Receiver() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 64), 0);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url = fmt::format("http://127.0.0.1:{}/hook", ntohs(address.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~Receiver() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  [[nodiscard]] std::vector<std::string> ids() const {
    const std::lock_guard lock(mutex_);
    return ids_;
  }
  std::atomic<int> status{204};
  std::string url;

 private:
  void serve() {
    for (;;) {
      const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer < 0) return;
      answer(peer);
      ::close(peer);
    }
  }
  void answer(int peer) {
    std::string text;
    std::size_t need = std::string::npos;
    while (text.size() < need) {
      char buffer[4096];
      const ssize_t got = ::recv(peer, buffer, sizeof(buffer), 0);
      if (got <= 0) return;
      text.append(buffer, static_cast<std::size_t>(got));
      const std::size_t end = text.find("\r\n\r\n");
      if (end != std::string::npos) need = end + 4 + std::stoul(header(text, "Content-Length"));
    }
    {
      const std::lock_guard lock(mutex_);
      ids_.push_back(header(text, "X-Carnet-Delivery-Id"));
    }
    const std::string reply = fmt::format(
        "HTTP/1.1 {} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status.load());
    static_cast<void>(::send(peer, reply.data(), reply.size(), MSG_NOSIGNAL));
  }
  static std::string header(const std::string& text, const std::string& name) {
    const std::size_t at = text.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "0";
    const std::size_t begin = at + name.size() + 4;
    return text.substr(begin, text.find("\r\n", begin) - begin);
  }

  int listener_;
  mutable std::mutex mutex_;
  std::vector<std::string> ids_;
  std::thread thread_;
};

class WebhookTest : public testing::Test {
 protected:
  WebhookTest() : tenant_(stack_.make_tenant("Acme")) {
    stack_.clock.advance(std::chrono::seconds(1));  // what comes now is newer
  }

  HttpAnswer send(std::string_view method, const std::string& target, std::string_view body = {},
                  HttpHeaders headers = {}) {
    for (auto& header : Stack::bearer(tenant_.operator_key)) headers.push_back(header);
    if (!body.empty()) headers.emplace_back("Content-Type", "application/json");
    return stack_.ask(method, target, headers, body);
  }
  bj::object get(const std::string& target) {
    const HttpAnswer answer = send("GET", target);
    EXPECT_EQ(answer.status, 200) << target << answer.body;
    return parsed(answer);
  }
  bj::object post(const std::string& target, std::string_view body, int status) {
    const HttpAnswer answer = send("POST", target, body);
    EXPECT_EQ(answer.status, status) << target << answer.body;
    return parsed(answer);
  }
  // Its path.
  std::string create(const std::string& url, std::string_view events = R"(["scan.*"])") {
    const bj::object made =
        post("/tenant/webhooks", fmt::format(R"({{"url":"{}","events":{}}})", url, events), 201);
    return "/tenant/webhooks/" + std::string(made.at("id").as_string());
  }
  // "pointer code" of each fault.
  std::vector<std::string> faults(std::string_view method, const std::string& target,
                                  std::string_view body) {
    const HttpAnswer answer = send(method, target, body);
    EXPECT_EQ(answer.status, 422) << body << answer.body;
    std::vector<std::string> out;
    const bj::object problem = parsed(answer);
    if (const bj::value* const errors = problem.if_contains("errors"))
      for (const bj::value& error : errors->as_array())
        out.push_back(std::string(error.at("pointer").as_string()) + " " +
                      std::string(error.at("code").as_string()));
    return out;
  }
  std::vector<std::string> faults_of_url(const std::string& url) {
    return faults("POST", "/tenant/webhooks",
                  bj::serialize(bj::object{{"url", url}, {"events", bj::array{"*"}}}));
  }
  void emit(int times = 1) {
    const auto work = [this, times](store::Connection& connection) -> Result<bool> {
      const service::Event event{.name = service::kScanCompleted,
                                 .tenant = tenant_.id,
                                 .scan = {},
                                 .readiness_score = {},
                                 .alerts = {},
                                 .message = "The scan has ended."};
      for (int i = 0; i < times; ++i)
        CARNET_TRY_VOID(stack_.outbox.emit(connection, event, stack_.clock.now()));
      return true;
    };
    ASSERT_TRUE(run_task(stack_.db.write<bool>(work)));
  }
  void mail(int times) {
    stack_.outbox.set_mail(true);
    const auto work = [this, times](store::Connection& connection) -> Result<bool> {
      for (int i = 0; i < times; ++i)
        CARNET_TRY_VOID(stack_.outbox.mail(connection,
                                           {.tenant = tenant_.id,
                                            .to = {fmt::format("team{}@example.org", i)},
                                            .subject = "A scan",
                                            .text = "It has ended."},
                                           stack_.clock.now()));
      return true;
    };
    ASSERT_TRUE(run_task(stack_.db.write<bool>(work)));
  }
  // Until a look finds nothing to try.
  void deliver() {
    while (run_task(stack_.dispatcher.round()) > 0) {
    }
  }
  // What waits is too old to be sent.
  void expire() {
    stack_.clock.advance(service::kDeliverFor + std::chrono::seconds(1));
    deliver();
  }
  // The ids of a whole list, page by page.
  std::vector<std::string> ids(const std::string& target, std::string_view name, int limit = 100) {
    std::vector<std::string> out;
    std::string cursor;
    const char joint = target.find('?') == std::string::npos ? '?' : '&';
    for (int pages = 0; pages < 100; ++pages) {
      const bj::object page = get(fmt::format("{}{}limit={}{}", target, joint, limit, cursor));
      const bj::array& rows = page.at(name).as_array();
      EXPECT_EQ(page.at("count").as_int64(), static_cast<std::int64_t>(rows.size()));
      for (const bj::value& row : rows) out.emplace_back(row.at("id").as_string());
      if (!page.at("hasMore").as_bool()) break;
      EXPECT_EQ(rows.size(), static_cast<std::size_t>(limit));
      cursor = "&cursor=" + std::string(page.at("nextCursor").as_string());
    }
    return out;
  }

  Stack stack_;
  Tenant tenant_;
};

TEST_F(WebhookTest, IsMadeReadListedAndDeleted) {
  const HttpAnswer answer =
      send("POST", "/tenant/webhooks",
           R"({"url":"http://127.0.0.1:9/a?b=c","events":["scan.completed","alert.*"],)"
           R"("format":"teams","description":"Ops room"})");
  ASSERT_EQ(answer.status, 201) << answer.body;
  const bj::object made = parsed(answer);
  const std::string path = answer.header("Location");
  EXPECT_EQ(path, "/tenant/webhooks/" + std::string(made.at("id").as_string()));
  EXPECT_TRUE(made.at("secret").as_string().starts_with("whsec_"));
  const bj::object read = get(path);
  EXPECT_FALSE(read.contains("secret")) << "it is shown once";
  EXPECT_EQ(read.at("url").as_string(), "http://127.0.0.1:9/a?b=c");
  EXPECT_EQ(read.at("events"), (bj::array{"scan.completed", "alert.*"}));
  EXPECT_EQ(read.at("format").as_string(), "teams");
  EXPECT_EQ(read.at("description").as_string(), "Ops room");
  EXPECT_EQ(read.at("state").as_string(), "active");
  for (const std::string_view name :
       {"pauseReason", "failingSince", "lastAttemptAt", "lastOutcome", "previousSecretUntil"})
    EXPECT_TRUE(read.at(name).is_null()) << name;
  EXPECT_THAT(ids("/tenant/webhooks", "webhooks", 1),
              ElementsAre(std::string(made.at("id").as_string()), tenant_.webhook_id));
  EXPECT_TRUE(parsed(send("DELETE", path)).at("deleted").as_bool());
  EXPECT_EQ(send("GET", path).status, 404);
}

TEST_F(WebhookTest, ARetryOfMakingOneMakesOne) {
  const std::string_view body = R"({"url":"http://127.0.0.1:9/","events":["*"]})";
  const HttpHeaders key{{"Idempotency-Key", "webhook-0001"}};
  const HttpAnswer first = send("POST", "/tenant/webhooks", body, key);
  const HttpAnswer again = send("POST", "/tenant/webhooks", body, key);
  EXPECT_EQ(again.status, 201);
  EXPECT_EQ(again.body, first.body);
  EXPECT_THAT(ids("/tenant/webhooks", "webhooks"), SizeIs(2));
}

TEST_F(WebhookTest, NamesWhatIsWrongWithAUrl) {
  for (const std::string url :
       {"ftp://127.0.0.1/", "127.0.0.1", "https://", "https://me:secret@127.0.0.1/",
        "https://127.0.0.1/#here", "https://127.0.0.1/\xc3\xa4", "https://127.0.0.1/a b",
        "https://127.0.0.1:0/", "https://127.0.0.1:65536/", "https://no host/", "https://[::1/"})
    EXPECT_THAT(faults_of_url(url), ElementsAre("/url invalid_url")) << url;
  for (const std::string url :
       {"https://10.0.0.1/", "https://10.0.0.0/8", "https://[::1]/", "https://169.254.169.254/",
        "https://[::ffff:10.0.0.1]/", "https://0.0.0.0/", "http://192.168.1.1/"})
    EXPECT_THAT(faults_of_url(url), ElementsAre("/url forbidden_address")) << url;
  EXPECT_THAT(faults_of_url("http://93.184.216.34/"), ElementsAre("/url needs_https"));
  EXPECT_THAT(faults_of_url(""), ElementsAre(HasSubstr("/url ")));
  EXPECT_THAT(faults_of_url("https://127.0.0.1/" + std::string(3000, 'a')),
              ElementsAre(HasSubstr("/url ")));
}

TEST_F(WebhookTest, NamesWhatElseIsWrong) {
  const std::string all = "/tenant/webhooks";
  const auto with = [](std::string_view rest) {
    return fmt::format(R"({{"url":"http://127.0.0.1:9/",{}}})", rest);
  };
  EXPECT_THAT(faults("POST", all, "{}"), ElementsAre("/url required", "/events required"));
  EXPECT_THAT(faults("POST", all, "[]"), ElementsAre(" wrong_type"));
  EXPECT_THAT(faults("POST", all, R"({"url":7,"events":"*","format":1,"paused":"no","x":1})"),
              ElementsAre("/url wrong_type", "/events wrong_type", "/format wrong_type",
                          "/paused wrong_type", "/x unknown_field"));
  EXPECT_THAT(faults("POST", all, with(R"("events":[])")), ElementsAre("/events out_of_range"));
  EXPECT_THAT(faults("POST", all, with(R"("events":["*","scan.begun","alert.","webhook.test"])")),
              ElementsAre("/events/1 not_one_of", "/events/2 not_one_of", "/events/3 not_one_of"));
  std::string many = R"("events":["*")";
  for (int i = 0; i < 20; ++i) many += R"(,"*")";
  EXPECT_THAT(faults("POST", all, with(many + "]")), ElementsAre(HasSubstr("/events")));
  EXPECT_THAT(faults("POST", all, with(R"("events":["*"],"format":"discord")")),
              ElementsAre("/format not_one_of"));
  EXPECT_THAT(
      faults("POST", all,
             with(fmt::format(R"("events":["*"],"description":"{}")", std::string(256, 'd')))),
      ElementsAre("/description too_long"));
  EXPECT_THAT(faults("POST", all, with(R"("events":["*"],"description":"a\u0007b")")),
              ElementsAre("/description control_character"));
  // The same rules hold for a change, which then changes nothing.
  const std::string path = create("http://127.0.0.1:9/");
  EXPECT_THAT(faults("PATCH", path, R"({"url":"ftp://x","events":["x"],"description":"New"})"),
              ElementsAre("/events/0 not_one_of", "/url invalid_url"));
  EXPECT_EQ(get(path).at("description").as_string(), "");
  EXPECT_THAT(ids(all, "webhooks"), SizeIs(2));
}

TEST_F(WebhookTest, NamesWhatIsWrongWithTheOtherRoutes) {
  const std::string path = create("http://127.0.0.1:9/");
  for (const std::string& target : {path + "/replay", std::string("/tenant/mail/replay")}) {
    EXPECT_THAT(faults("POST", target, "{}"), ElementsAre("/deadLetterId required"));
    EXPECT_THAT(faults("POST", target, R"({"all":false})"), ElementsAre("/deadLetterId required"));
    EXPECT_THAT(faults("POST", target, R"({"all":true,"deadLetterId":"dlv_x"})"),
                ElementsAre("/deadLetterId required", "/deadLetterId invalid_id"));
    EXPECT_THAT(faults("POST", target, R"({"deadLetterId":"hook_1"})"),
                ElementsAre("/deadLetterId invalid_id"));
    EXPECT_THAT(faults("POST", target, R"({"all":"yes","deadLetterId":7})"),
                testing::Contains("/all wrong_type"));
  }
  EXPECT_THAT(faults("POST", path + "/rotate-secret", R"({"overlapHours":169})"),
              ElementsAre("/overlapHours out_of_range"));
  EXPECT_THAT(faults("POST", path + "/rotate-secret", R"({"overlapHours":-1,"x":1})"),
              ElementsAre("/overlapHours out_of_range", "/x unknown_field"));
  for (const std::string& target : {path + "/deliveries", std::string("/tenant/mail")}) {
    EXPECT_EQ(send("GET", target + "?state=sent").status, 422);
    EXPECT_EQ(send("GET", target + "?limit=0").status, 422);
    EXPECT_EQ(send("GET", target + "?cursor=nonsense").status, 422);
  }
}

TEST_F(WebhookTest, IsNotThereForAnotherTenant) {
  const Tenant other = stack_.make_tenant("Other");
  const std::string all = "/tenant/webhooks/";
  for (const std::string& id : {other.webhook_id, std::string("hook_00000000000000000000000000"),
                                std::string("hook_"), tenant_.scan_id}) {
    for (const auto& [method, rest, body] :
         {std::tuple<std::string_view, std::string, std::string_view>{"GET", "", ""},
          {"PATCH", "", R"({"paused":true})"},
          {"DELETE", "", ""},
          {"POST", "/test", ""},
          {"POST", "/rotate-secret", "{}"},
          {"GET", "/deliveries", ""},
          {"GET", "/deliveries?state=dead", ""},
          {"GET", "/dlq", ""},
          {"POST", "/replay", R"({"all":true})"}}) {
      const HttpAnswer answer = send(method, all + id + rest, body);
      EXPECT_EQ(answer.status, 404) << method << id << rest << answer.body;
      EXPECT_EQ(code_of(answer), "not_found");
    }
  }
  const HttpAnswer theirs =
      stack_.ask("GET", all + other.webhook_id, Stack::bearer(other.operator_key));
  EXPECT_EQ(parsed(theirs).at("state").as_string(), "active") << "nothing was changed";
}

TEST_F(WebhookTest, FiftyAreEnough) {
  for (int i = 1; i < service::kWebhooksPerTenantMax; ++i)
    create(fmt::format("http://127.0.0.1:9/{}", i));
  const std::string_view body = R"({"url":"http://127.0.0.1:9/","events":["*"]})";
  const HttpAnswer refused = send("POST", "/tenant/webhooks", body);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(code_of(refused), "conflict");
  EXPECT_THAT(refused.body, HasSubstr("50 webhooks"));
  const auto all = ids("/tenant/webhooks", "webhooks", 7);
  EXPECT_THAT(std::set(all.begin(), all.end()), SizeIs(50));
  EXPECT_EQ(send("DELETE", "/tenant/webhooks/" + all.front()).status, 200);
  EXPECT_EQ(send("POST", "/tenant/webhooks", body).status, 201);
}

TEST_F(WebhookTest, IsChangedOnlyAsItWasRead) {
  const std::string path = create("http://127.0.0.1:9/");
  const HttpHeaders as_read{{"If-Match", std::string(send("GET", path).header("ETag"))}};
  EXPECT_EQ(send("PATCH", path, R"({"format":"slack"})", as_read).status, 200);
  EXPECT_EQ(send("PATCH", path, R"({"format":"teams"})", as_read).status, 412);
  EXPECT_EQ(get(path).at("format").as_string(), "slack");
}

TEST_F(WebhookTest, IsTestedActiveAndPaused) {
  Receiver receiver;
  const std::string path = create(receiver.url);
  for (const bool paused : {false, true}) {
    ASSERT_EQ(send("PATCH", path, paused ? R"({"paused":true})" : R"({"paused":false})").status,
              200);
    receiver.status = 204;
    const bj::object good = post(path + "/test", "", 200);
    EXPECT_TRUE(good.at("delivered").as_bool());
    EXPECT_EQ(receiver.ids().back(), good.at("deliveryId").as_string());
    receiver.status = 500;
    const bj::object bad = post(path + "/test", "", 200);
    EXPECT_FALSE(bad.at("delivered").as_bool());
    EXPECT_EQ(bad.at("outcome").as_string(), "5xx");
  }
  EXPECT_THAT(receiver.ids(), SizeIs(4)) << "a test is not repeated";
  EXPECT_THAT(ids(path + "/deliveries", "deliveries"), IsEmpty()) << "nor kept";
}

TEST_F(WebhookTest, RotatesItsSecret) {
  const std::string path = create("http://127.0.0.1:9/");
  const auto until = [this](int hours) {
    return to_rfc3339(stack_.clock.now() + std::chrono::hours(hours));
  };
  const bj::object usual = post(path + "/rotate-secret", "", 200);
  EXPECT_EQ(usual.at("previousSecretUntil").as_string(), until(24));
  const bj::object longest = post(path + "/rotate-secret", R"({"overlapHours":168})", 200);
  EXPECT_EQ(longest.at("previousSecretUntil").as_string(), until(168));
  EXPECT_NE(longest.at("secret"), usual.at("secret"));
  EXPECT_FALSE(get(path).contains("secret"));
  stack_.clock.advance(std::chrono::hours(168));
  EXPECT_TRUE(get(path).at("previousSecretUntil").is_null()) << "it has ended";
  const bj::object at_once = post(path + "/rotate-secret", R"({"overlapHours":0})", 200);
  EXPECT_TRUE(at_once.at("previousSecretUntil").is_null());
}

TEST_F(WebhookTest, HoldsWhatWaitsWhileItIsPaused) {
  Receiver receiver;
  const std::string path = create(receiver.url);
  emit(2);
  const bj::object paused = parsed(send("PATCH", path, R"({"paused":true})"));
  EXPECT_EQ(paused.at("state").as_string(), "paused");
  EXPECT_EQ(paused.at("pauseReason").as_string(), "request");
  emit();  // not sent to one that is paused
  deliver();
  const auto missed = ids(path + "/dlq", "deadLetters");
  ASSERT_THAT(missed, SizeIs(1));
  EXPECT_EQ(get(path + "/dlq").at("deadLetters").at(0).at("lastOutcome").as_string(), "paused");
  EXPECT_THAT(ids(path + "/deliveries?state=held", "deliveries"), SizeIs(2));
  EXPECT_THAT(receiver.ids(), IsEmpty());
  const bj::object resumed = parsed(send("PATCH", path, R"({"paused":false})"));
  EXPECT_EQ(resumed.at("state").as_string(), "active");
  EXPECT_TRUE(resumed.at("pauseReason").is_null());
  deliver();
  EXPECT_THAT(receiver.ids(), SizeIs(2));
  EXPECT_THAT(ids(path + "/deliveries?state=delivered", "deliveries"), SizeIs(2));
  EXPECT_EQ(post(path + "/replay", R"({"all":true})", 202).at("replayed").as_int64(), 1);
  deliver();
  EXPECT_THAT(receiver.ids(), testing::Contains(missed[0]));
}

TEST_F(WebhookTest, ListsDeliveriesPageByPage) {
  Receiver receiver;
  const std::string path = create(receiver.url);
  emit(5);
  deliver();
  emit(4);
  EXPECT_THAT(ids(path + "/deliveries?state=delivered", "deliveries", 2), SizeIs(5));
  EXPECT_THAT(ids(path + "/deliveries?state=queued", "deliveries", 3), SizeIs(4));
  expire();
  EXPECT_THAT(ids(path + "/dlq", "deadLetters", 2), SizeIs(4));
  const auto all = ids(path + "/deliveries", "deliveries", 2);
  EXPECT_THAT(std::set(all.begin(), all.end()), SizeIs(9));
  EXPECT_TRUE(std::is_sorted(all.rbegin(), all.rend())) << "newest first";
  // A cursor belongs to the list that gave it.
  const bj::object page = get(path + "/deliveries?state=dead&limit=1");
  const std::string cursor(page.at("nextCursor").as_string());
  EXPECT_EQ(send("GET", path + "/deliveries?cursor=" + cursor).status, 422);
}

TEST_F(WebhookTest, ReplaysDeadLettersWithTheirIds) {
  Receiver receiver;
  const std::string path = create(receiver.url);
  emit(3);
  expire();
  const auto dead = ids(path + "/dlq", "deadLetters");
  ASSERT_THAT(dead, SizeIs(3));
  EXPECT_THAT(receiver.ids(), IsEmpty());
  const std::string one = fmt::format(R"({{"deadLetterId":"{}"}})", dead[1]);
  // One of another webhook is not there.
  const std::string other = create("http://127.0.0.1:9/", R"(["alert.*"])");
  EXPECT_EQ(send("POST", other + "/replay", one).status, 404);
  EXPECT_EQ(send("POST", "/tenant/mail/replay", one).status, 404);
  EXPECT_EQ(post(other + "/replay", R"({"all":true})", 202).at("replayed").as_int64(), 0);
  // Nor does one go to a webhook that is paused.
  ASSERT_EQ(send("PATCH", path, R"({"paused":true})").status, 200);
  const HttpAnswer paused = send("POST", path + "/replay", one);
  EXPECT_EQ(paused.status, 409);
  EXPECT_THAT(paused.body, HasSubstr("resume it"));
  ASSERT_EQ(send("PATCH", path, R"({"paused":false})").status, 200);
  deliver();
  EXPECT_THAT(receiver.ids(), IsEmpty()) << "resuming is no replay";

  EXPECT_EQ(post(path + "/replay", one, 202).at("replayed").as_int64(), 1);
  EXPECT_EQ(send("POST", path + "/replay", one).status, 404) << "it is no dead letter any more";
  deliver();
  EXPECT_THAT(receiver.ids(), ElementsAre(dead[1]));
  const bj::object delivered = get(path + "/deliveries?state=delivered");
  EXPECT_EQ(delivered.at("deliveries").at(0).at("id").as_string(), dead[1]);
  EXPECT_EQ(delivered.at("deliveries").at(0).at("replays").as_int64(), 1);
  EXPECT_EQ(delivered.at("deliveries").at(0).at("attempts").as_int64(), 1);

  EXPECT_EQ(post(path + "/replay", R"({"all":true})", 202).at("replayed").as_int64(), 2);
  deliver();
  EXPECT_THAT(receiver.ids(), testing::UnorderedElementsAreArray(dead));
  EXPECT_THAT(ids(path + "/dlq", "deadLetters"), IsEmpty());
  EXPECT_EQ(post(path + "/replay", R"({"all":true})", 202).at("replayed").as_int64(), 0);
}

TEST_F(WebhookTest, OneThatIsGoneIsPausedUntilSomebodyResumesIt) {
  Receiver receiver;
  receiver.status = 410;
  const std::string path = create(receiver.url);
  emit();
  deliver();
  const bj::object gone = get(path);
  EXPECT_EQ(gone.at("state").as_string(), "paused");
  EXPECT_EQ(gone.at("pauseReason").as_string(), "gone");
  const auto held = ids(path + "/deliveries?state=held", "deliveries");
  ASSERT_THAT(held, SizeIs(1));
  EXPECT_EQ(send("POST", path + "/replay", R"({"all":true})").status, 409);
  deliver();
  EXPECT_THAT(receiver.ids(), SizeIs(1));
  receiver.status = 200;
  ASSERT_EQ(send("PATCH", path, R"({"paused":false})").status, 200);
  deliver();
  EXPECT_THAT(receiver.ids(), ElementsAre(held[0], held[0]));
  EXPECT_EQ(get(path).at("lastOutcome").as_string(), "2xx");
}

TEST_F(WebhookTest, MailIsListedAndReplayed) {
  mail(3);
  const Tenant other = stack_.make_tenant("Other");
  EXPECT_THAT(ids("/tenant/mail", "deliveries", 2), SizeIs(3));
  EXPECT_THAT(ids("/tenant/mail?state=queued", "deliveries"), SizeIs(3));
  const bj::object newest = get("/tenant/mail?limit=1");
  EXPECT_TRUE(newest.at("deliveries").at(0).at("recipient").as_string().ends_with("@example.org"));
  EXPECT_FALSE(newest.at("mailServer").as_bool());  // this server has none
  expire();
  const auto dead = ids("/tenant/mail?state=dead", "deliveries", 1);
  ASSERT_THAT(dead, SizeIs(3));
  const std::string one = fmt::format(R"({{"deadLetterId":"{}"}})", dead[0]);
  const HttpHeaders theirs{{"Authorization", "Bearer " + other.operator_key},
                           {"Content-Type", "application/json"}};
  EXPECT_EQ(stack_.ask("POST", "/tenant/mail/replay", theirs, one).status, 404);
  const HttpAnswer nothing = stack_.ask("POST", "/tenant/mail/replay", theirs, R"({"all":true})");
  EXPECT_EQ(parsed(nothing).at("replayed").as_int64(), 0);
  EXPECT_EQ(parsed(stack_.ask("GET", "/tenant/mail", theirs)).at("count").as_int64(), 0);
  EXPECT_EQ(post("/tenant/mail/replay", one, 202).at("replayed").as_int64(), 1);
  EXPECT_EQ(send("POST", "/tenant/mail/replay", one).status, 404);
  EXPECT_THAT(ids("/tenant/mail?state=queued", "deliveries"), ElementsAre(dead[0]));
  EXPECT_EQ(post("/tenant/mail/replay", R"({"all":true})", 202).at("replayed").as_int64(), 2);
  EXPECT_THAT(ids("/tenant/mail?state=queued", "deliveries"),
              testing::UnorderedElementsAreArray(dead));
  EXPECT_THAT(ids("/tenant/mail?state=dead", "deliveries"), IsEmpty());
}

}  // namespace
}  // namespace carnet::test
