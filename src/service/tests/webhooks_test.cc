// Webhooks from registration to dead letter: over a real database, with a clock that stands still
// and a sender that answers as a test tells it to. The sender over real sockets is in
// net/tests/sender_test.cc and tests/system/webhook_test.py.

#include "service/webhooks.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include <boost/json.hpp>

#include "base/encoding.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "service/tests/fixture.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Answers by port; 0 hangs until release(). Thread-safe.
class FakeSender final : public net::Sender {
 public:
  void send(net::Sending sending, Done done) override {
    net::Sent answer;
    {
      const std::lock_guard lock(mutex_);
      const auto found = answers_.find(sending.port);
      const int status = found == answers_.end() ? 200 : found->second;
      order_.push_back(sending.port);
      called_.notify_all();
      ++now_[sending.port];
      most_[sending.port] = std::max(most_[sending.port], now_[sending.port]);
      sent_.push_back(std::move(sending));
      if (status == 0) {
        hanging_.emplace_back(sent_.back().port, std::move(done));
        return;
      }
      --now_[sent_.back().port];
      answer = status < 0
                   ? net::Sent{.outcome = "refused"}
                   : net::Sent{.outcome = fmt::format("{}xx", status / 100), .status = status};
    }
    done(answer);
  }
  void stop() override { release("stopped"); }
  [[nodiscard]] int in_flight() const override { return 0; }

  // How a port answers from now on: a status, -1 refuses, 0 hangs.
  void answer(std::uint16_t port, int status) {
    const std::lock_guard lock(mutex_);
    answers_[port] = status;
  }
  void release(const std::string& outcome) {
    std::vector<std::pair<std::uint16_t, Done>> ended;
    {
      const std::lock_guard lock(mutex_);
      ended.swap(hanging_);
      for (const auto& [port, done] : ended) --now_[port];
    }
    for (auto& [port, done] : ended) done({.outcome = outcome});
  }
  [[nodiscard]] std::size_t hanging() const {
    const std::lock_guard lock(mutex_);
    return hanging_.size();
  }
  [[nodiscard]] std::vector<net::Sending> sent() const {
    const std::lock_guard lock(mutex_);
    return sent_;
  }
  [[nodiscard]] int count(std::uint16_t port) const {
    const std::lock_guard lock(mutex_);
    return static_cast<int>(std::count(order_.begin(), order_.end(), port));
  }
  // Until a port was called so often; false after a minute.
  [[nodiscard]] bool wait_for(std::uint16_t port, int calls) {
    std::unique_lock lock(mutex_);
    return called_.wait_for(
        lock, minutes(1), [&] { return std::count(order_.begin(), order_.end(), port) >= calls; });
  }
  [[nodiscard]] int most_at_once(std::uint16_t port) const {
    const std::lock_guard lock(mutex_);
    const auto found = most_.find(port);
    return found == most_.end() ? 0 : found->second;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable called_;
  std::map<std::uint16_t, int> answers_, now_, most_;
  std::vector<std::uint16_t> order_;
  std::vector<net::Sending> sent_;
  std::vector<std::pair<std::uint16_t, Done>> hanging_;
};

class AddressResolver final : public net::Resolver {
 public:
  Task<Result<net::ResolvedName>> resolve(const std::string& host, SteadyTime) override {
    const auto literal = net::IpAddress::parse(host);
    if (literal) co_return net::ResolvedName{{*literal}, {}};
    if (host == "forbidden.example")
      co_return net::ResolvedName{
          {*net::IpAddress::parse("192.88.99.7"), *net::IpAddress::parse("10.1.2.3")}, {}};
    if (host == "hooks.example")
      co_return net::ResolvedName{{*net::IpAddress::parse("93.184.216.34")}, {}};
    co_return make_error(ErrorCode::kUnavailable, "no such name");
  }
};

class WebhooksTest : public ServiceTest {
 protected:
  WebhooksTest()
      : dialer(net::make_guarded_dialer(resolver, policy, clock)),
        secrets(pepper, random),
        mail_server{.host = "127.0.0.1",
                    .port = 25,
                    .implicit_tls = false,
                    .from = "carnet@example.org",
                    .user = {},
                    .password = {}},
        courier({clock, resolver, *dialer, policy, sender, secrets, &mail_server}),
        dispatcher(*db, clock, random, log, courier, {}),
        webhooks({*db, clock, random, *dialer, policy, secrets, courier, dispatcher},
                 "https://carnet.example"),
        outbox(random),
        actor(make_tenant("Acme")) {
    outbox.set_public_url("https://carnet.example");
    outbox.set_mail(true);
  }

  Result<Webhooks::Created> create(const std::string& url, std::vector<std::string> events = {"*"},
                                   const std::string& format = "carnet") {
    WebhookFields fields;
    fields.url = url;
    fields.events = std::move(events);
    fields.format = format;
    return run_task(webhooks.create(actor, fields));
  }
  // On loopback, by its port.
  WebhookId hook(std::uint16_t port) {
    const auto created = create(fmt::format("http://127.0.0.1:{}/hook", port));
    EXPECT_TRUE(created) << created.error().public_detail;
    return created->row.id;
  }
  Event event(std::string_view name = kScanCompleted) const {
    Event out;
    out.name = name;
    out.tenant = actor.tenant;
    out.scan = ScanId::trusted("scan_00000000000000000000000001");
    out.readiness_score = 41.5;
    out.message = "The scan \"shop\" has ended.";
    return out;
  }
  void emit(const Event& what, int times = 1) {
    const auto work = [this, what, times](store::Connection& connection) -> Result<bool> {
      for (int i = 0; i < times; ++i) CARNET_TRY_VOID(outbox.emit(connection, what, clock.now()));
      return true;
    };
    const auto done = in_db<bool>(work);
    ASSERT_TRUE(done) << done.error().internal;
  }
  int round() { return run_task(dispatcher.round()); }
  std::vector<store::DeliveryRow> deliveries(const WebhookId& id, const std::string& state = "") {
    const auto rows =
        run_task(webhooks.deliveries(actor.tenant, id, state, {.before = "", .limit = 1000}));
    EXPECT_TRUE(rows);
    return rows.value_or(std::vector<store::DeliveryRow>{});
  }
  store::WebhookRow row(const WebhookId& id) {
    return run_task(webhooks.find(actor.tenant, id)).value();
  }
  store::WebhookRow pause(const WebhookId& id, bool paused) {
    WebhookFields fields;
    fields.paused = paused;
    return run_task(webhooks.patch(actor, id, fields)).value();
  }

  AddressResolver resolver;
  std::unique_ptr<net::Dialer> dialer;
  FakeSender sender;
  WebhookSecrets secrets;
  MailServer mail_server;
  Courier courier;
  Dispatcher dispatcher;
  Webhooks webhooks;
  Outbox outbox;
  Actor actor;
};

std::string header(const net::Sending& sending, std::string_view name) {
  for (const std::string& line : sending.headers)
    if (line.starts_with(std::string(name) + ": ")) return line.substr(name.size() + 2);
  return "";
}

std::string hmac(std::string_view secret, std::string_view text) {
  return "sha256=" + to_hex(crypto::hmac_sha256(Secret(std::string(secret)), text));
}

TEST_F(WebhooksTest, AnEventReachesWhoAskedForItSigned) {
  const auto all = create("http://127.0.0.1:1001/a?x=1");
  const auto alerts = create("http://127.0.0.1:1002/", {"alert.*"});
  ASSERT_TRUE(all && alerts);
  EXPECT_TRUE(all->secret.expose().starts_with("whsec_"));
  EXPECT_FALSE(on_disk(all->secret.expose()));
  emit(event());
  EXPECT_EQ(round(), 1);
  ASSERT_EQ(sender.sent().size(), 1U);
  const net::Sending sent = sender.sent().at(0);
  EXPECT_EQ(sent.url, "http://127.0.0.1:1001/a?x=1");
  const std::string timestamp = header(sent, "X-Carnet-Timestamp");
  EXPECT_EQ(timestamp, "1780000000");
  EXPECT_EQ(header(sent, "X-Carnet-Signature"),
            hmac(all->secret.expose(), timestamp + "." + sent.body));
  const bj::object body = json::parse(sent.body).value().as_object();
  EXPECT_EQ(body.at("schemaVersion"), "carnet-webhook-v1");
  EXPECT_EQ(body.at("event"), "scan.completed");
  EXPECT_EQ(body.at("tenantId").as_string(), actor.tenant.str());
  EXPECT_EQ(body.at("readinessScore"), 41.5);
  EXPECT_EQ(body.at("verifyUrl").as_string(),
            "https://carnet.example/pqc/verify/scan_00000000000000000000000001");
  EXPECT_EQ(body.at("deliveryId").as_string(), header(sent, "X-Carnet-Delivery-Id"));
  const auto done = deliveries(all->row.id);
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].state, "delivered");
  EXPECT_EQ(done[0].last_outcome, "2xx");
  EXPECT_EQ(round(), 0);
  emit(event(kAlertRaised));
  EXPECT_EQ(round(), 2);
}

TEST_F(WebhooksTest, WhatIsRolledBackIsNotSent) {
  hook(1001);
  const auto work = [this](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(outbox.emit(connection, event(), clock.now()));
    return make_error(ErrorCode::kConflict, "it did not happen");
  };
  EXPECT_FALSE(in_db<bool>(work));
  EXPECT_EQ(round(), 0);
}

TEST_F(WebhooksTest, RetriesBackOffForADayThenTheLetterIsDead) {
  const WebhookId id = hook(1001);
  const WebhookId healthy = hook(1002);
  sender.answer(1001, 500);
  emit(event());
  const Timestamp begun = clock.now();
  round();
  ASSERT_EQ(sender.count(1001), 1);
  std::vector<double> attempts_at;
  for (int step = 0; step < 25 * 3600 && deliveries(id, "dead").empty(); step += 4) {
    clock.advance(seconds(4));
    const store::DeliveryRow waiting = deliveries(id).at(0);
    if (waiting.due_at > clock.now()) {
      clock.advance(waiting.due_at - clock.now());
    }
    if (round() > 0)
      attempts_at.push_back(std::chrono::duration<double>(clock.now() - begun).count());
    if (clock.now() - begun > hours(20) && row(id).failures < 5) FAIL();
    // An endpoint that another event reaches is not the one that keeps failing.
  }
  ASSERT_EQ(deliveries(id, "dead").size(), 1U);
  EXPECT_LE(attempts_at.front(), 5);
  EXPECT_GE(attempts_at.size(), 10U);
  EXPECT_LE(attempts_at.size(), 40U);
  EXPECT_LE(attempts_at.back(), 24 * 3600);
  EXPECT_GE(attempts_at.back(), 23 * 3600);
  // Always the same letter.
  std::set<std::string> ids;
  std::set<std::string> bodies;
  for (const net::Sending& sent : sender.sent()) {
    if (sent.port != 1001) continue;
    ids.insert(header(sent, "X-Carnet-Delivery-Id"));
    bodies.insert(sent.body);
  }
  EXPECT_EQ(ids.size(), 1U);
  EXPECT_EQ(bodies.size(), 1U);
  EXPECT_EQ(deliveries(healthy, "delivered").size(), 1U);
  // And sent again under its id.
  sender.answer(1001, 204);
  clock.advance(seconds(5));  // what fails rests between calls
  const auto again = run_task(webhooks.replay(actor, id, DeliveryId::trusted(*ids.begin())));
  ASSERT_TRUE(again) << again.error().public_detail;
  EXPECT_EQ(round(), 1);
  EXPECT_EQ(deliveries(id).at(0).state, "delivered");
  EXPECT_EQ(deliveries(id).at(0).replays, 1);
  EXPECT_EQ(deliveries(id).at(0).id.str(), *ids.begin());
  EXPECT_EQ(audit_of(actor.tenant, "webhook.replay").size(), 1U);
}

TEST_F(WebhooksTest, TheDelayGrowsAndIsSpread) {
  EXPECT_EQ(retry_delay(1, 0.0), milliseconds(2250));
  EXPECT_EQ(retry_delay(1, 1.0), milliseconds(3750));
  EXPECT_EQ(retry_delay(2, 0.5), seconds(12));
  EXPECT_EQ(retry_delay(3, 0.5), seconds(48));
  EXPECT_EQ(retry_delay(1000, 0.5), hours(3));
}

TEST_F(WebhooksTest, AnEndpointThatKeepsFailingIsPausedAndKeepsItsDeliveries) {
  const WebhookId id = hook(1001);
  sender.answer(1001, -1);
  for (int hour = 0; hour < 40 && !row(id).paused; ++hour) {
    emit(event());
    round();
    clock.advance(hours(1));
  }
  const store::WebhookRow paused = row(id);
  EXPECT_TRUE(paused.paused);
  EXPECT_EQ(paused.pause_reason, "failing");
  EXPECT_GE(clock.now() - *paused.failing_since, kPauseAfter);
  EXPECT_EQ(audit_of(actor.tenant, "webhook.paused").size(), 1U);
  const std::size_t held = deliveries(id, "held").size();
  EXPECT_GT(held, 3U);
  const int before = sender.count(1001);
  clock.advance(hours(30));
  emit(event());  // nothing is queued for it while it is paused
  round();
  EXPECT_EQ(sender.count(1001), before);
  EXPECT_EQ(run_task(webhooks.replay(actor, id, {})).error().code, ErrorCode::kConflict);
  sender.answer(1001, 200);
  EXPECT_FALSE(pause(id, false).paused);
  while (round() > 0) clock.advance(seconds(5));
  EXPECT_EQ(deliveries(id, "delivered").size(), held);
  EXPECT_EQ(row(id).failures, 0);
}

TEST_F(WebhooksTest, GonePausesAtOnce) {
  const WebhookId id = hook(1001);
  sender.answer(1001, 410);
  emit(event());
  EXPECT_EQ(round(), 1);
  EXPECT_EQ(row(id).pause_reason, "gone");
  EXPECT_EQ(deliveries(id, "held").size(), 1U);
  clock.advance(hours(1));
  EXPECT_EQ(round(), 0);
}

TEST_F(WebhooksTest, PausingHoldsAndDeletingEnds) {
  const WebhookId id = hook(1001);
  emit(event(), 3);
  EXPECT_EQ(pause(id, true).pause_reason, "request");
  EXPECT_EQ(round(), 0);
  EXPECT_EQ(deliveries(id, "held").size(), 3U);
  // What happens meanwhile is not sent by itself, and is not lost either.
  clock.advance(std::chrono::milliseconds(5));
  emit(event(), 2);
  ASSERT_EQ(deliveries(id, "dead").size(), 2U);
  EXPECT_EQ(deliveries(id, "dead")[0].last_outcome, "paused");
  EXPECT_EQ(deliveries(id, "dead")[0].attempts, 0);
  pause(id, false);
  EXPECT_EQ(round(), 3);
  EXPECT_EQ(round(), 0);
  EXPECT_EQ(run_task(webhooks.replay(actor, id, std::nullopt)).value(), 2);
  EXPECT_EQ(round(), 2);
  emit(event(), 3);
  ASSERT_TRUE(run_task(webhooks.remove(actor, id)));
  EXPECT_EQ(round(), 0);
  EXPECT_EQ(run_task(webhooks.find(actor.tenant, id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(audit_of(actor.tenant, "webhook.delete").size(), 1U);
}

TEST_F(WebhooksTest, ARotatedSecretSignsBesideTheFormerOneForAWhile) {
  const auto created = create("http://127.0.0.1:1001/");
  const auto rotated = run_task(webhooks.rotate(actor, created->row.id, 24));
  ASSERT_TRUE(rotated);
  emit(event());
  round();
  const auto signed_text = [this](std::size_t i) {
    return header(sender.sent().at(i), "X-Carnet-Timestamp") + "." + sender.sent().at(i).body;
  };
  EXPECT_EQ(header(sender.sent().at(0), "X-Carnet-Signature"),
            hmac(rotated->secret.expose(), signed_text(0)) + ", " +
                hmac(created->secret.expose(), signed_text(0)));
  clock.advance(hours(24));
  emit(event());
  round();
  EXPECT_EQ(header(sender.sent().at(1), "X-Carnet-Signature"),
            hmac(rotated->secret.expose(), signed_text(1)));
}

// What hangs or is dead has one call at a time, and rests; the others are done meanwhile.
TEST_F(WebhooksTest, DeadAndHangingReceiversDoNotSlowTheOthers) {
  constexpr int kEach = 300;
  const WebhookId good = hook(1001);
  hook(1002);
  hook(1003);
  sender.answer(1002, 0);
  sender.answer(1003, -1);
  emit(event(), kEach);
  boost::asio::io_context context(1);
  const auto done = [](const std::exception_ptr& error) {
    if (error) std::rethrow_exception(error);
  };
  boost::asio::co_spawn(context, dispatcher.run(), done);
  std::thread thread([&context] { context.run(); });
  // The hanging ones stay as they are all the time.
  EXPECT_TRUE(sender.wait_for(1001, kEach));
  EXPECT_LE(sender.count(1002), 16);
  EXPECT_GE(sender.count(1002), 1);
  EXPECT_LE(sender.most_at_once(1002), 16);
  EXPECT_LE(sender.count(1003), 40);
  EXPECT_LE(sender.most_at_once(1001), 16);
  sender.release("timeout");
  dispatcher.stop();
  thread.join();
  db->stop();
  context.restart();
}

TEST_F(WebhooksTest, TheLeaseOfOneThatDiedIsTakenOver) {
  const WebhookId id = hook(1001);
  emit(event(), 5);
  const auto steal = [this, id](store::Connection& connection) -> Result<int> {
    CARNET_TRY(rows, store::deliveries::claim(connection, id.str(), "dead-instance", clock.now(),
                                              clock.now() + seconds(60), 100));
    return static_cast<int>(rows.size());
  };
  ASSERT_EQ(in_db<int>(steal).value(), 5);
  EXPECT_EQ(round(), 0);
  clock.advance(seconds(61));
  int attempts = 0;
  for (int i = 0; i < 10; ++i) attempts += round();
  EXPECT_EQ(attempts, 5);
  EXPECT_EQ(deliveries(id, "delivered").size(), 5U);
}

// Two dispatchers over one database: each delivery is tried by one.
TEST_F(WebhooksTest, SeveralInstancesShareTheWork) {
  const WebhookId id = hook(1001);
  hook(1002);
  emit(event(), 60);
  Dispatcher other(*db, clock, random, log, courier, {});
  int attempts = 0;
  for (int i = 0; i < 40; ++i) {
    attempts += round();
    attempts += run_task(other.round());
  }
  EXPECT_EQ(attempts, 120);
  EXPECT_EQ(deliveries(id, "delivered").size(), 60U);
}

TEST_F(WebhooksTest, MailGoesToEachRecipientAndAFinalRefusalIsFinal) {
  const auto work = [this](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(outbox.mail(
        connection,
        {.tenant = actor.tenant,
         .to = {"a@example.org", "b@example.org", "no address", "x@y\r\nRCPT TO:<z@example.org>"},
         .subject = "Zertifikat läuft ab\r\nBcc: evil@example.org",
         .text = "Zeile 1\n.\nZeile 2\n"},
        clock.now()));
    return true;
  };
  ASSERT_TRUE(in_db<bool>(work));
  EXPECT_EQ(round(), 2);
  ASSERT_EQ(sender.sent().size(), 2U);
  const net::Sending sent = sender.sent().at(0);
  EXPECT_EQ(sent.url, "smtp://127.0.0.1:25/example.org");
  EXPECT_EQ((std::set<std::string>{sent.mail_to, sender.sent().at(1).mail_to}),
            (std::set<std::string>{"a@example.org", "b@example.org"}));
  EXPECT_FALSE(sent.starttls);  // loopback
  EXPECT_EQ(sent.body.find("\r\nBcc:"), std::string::npos);
  EXPECT_NE(sent.body.find("Subject: =?utf-8?B?"), std::string::npos);
  EXPECT_NE(sent.body.find("Message-ID: <dlv_"), std::string::npos);
  ASSERT_TRUE(in_db<bool>(work));
  sender.answer(25, 550);
  EXPECT_EQ(round(), 2);
  const auto dead = run_task(webhooks.mail(actor.tenant, "dead", {.before = "", .limit = 10}));
  ASSERT_EQ(dead->size(), 2U);
  EXPECT_EQ(dead->at(0).last_outcome, "5xx");
  sender.answer(25, 451);
  EXPECT_EQ(run_task(webhooks.replay_mail(actor, {})).value(), 2);
  EXPECT_EQ(round(), 2);
  sender.answer(25, 250);
  clock.advance(seconds(5));
  while (round() > 0) clock.advance(seconds(5));
  const auto sent_now =
      run_task(webhooks.mail(actor.tenant, "delivered", {.before = "", .limit = 10}));
  EXPECT_EQ(sent_now->size(), 4U);
}

TEST_F(WebhooksTest, WithoutAMailServerNothingIsKept) {
  outbox.set_mail(false);
  const auto work = [this](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(outbox.mail(
        connection, {.tenant = actor.tenant, .to = {"a@example.org"}, .subject = "s", .text = "t"},
        clock.now()));
    return true;
  };
  ASSERT_TRUE(in_db<bool>(work));
  EXPECT_TRUE(run_task(webhooks.mail(actor.tenant, "", {.before = "", .limit = 10}))->empty());
}

TEST_F(WebhooksTest, WhatCannotBeCalledIsRefusedWithAReason) {
  const auto why = [this](const std::string& url) {
    const auto created = create(url);
    return created ? std::string("taken") : created.error().fields.at(0).code;
  };
  EXPECT_EQ(why("ftp://example.org/"), "invalid_url");
  EXPECT_EQ(why("https://user:pass@example.org/"), "invalid_url");
  EXPECT_EQ(why("https://example.org/#x"), "invalid_url");
  EXPECT_EQ(why("https://10.0.0.1/"), "forbidden_address");
  EXPECT_EQ(why("https://[::ffff:169.254.169.254]/"), "forbidden_address");
  EXPECT_EQ(why("https://forbidden.example/"), "forbidden_address");
  EXPECT_EQ(why("http://hooks.example/"), "needs_https");
  EXPECT_EQ(why("https://hooks.example/"), "taken");
  EXPECT_EQ(why("https://not-there.example/"), "taken");
  const auto events = create("https://hooks.example/", {"scan.completed", "scan.exploded"});
  EXPECT_EQ(events.error().fields.at(0).pointer, "/events/1");
}

// A name that led somewhere fine when it was given and leads elsewhere now.
TEST_F(WebhooksTest, ANameThatTurnsToAForbiddenAddressIsBlocked) {
  const auto created = create("https://hooks.example/");
  ASSERT_TRUE(created);
  const auto turn = [id = created->row.id](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(connection.run("UPDATE webhooks SET url = 'https://forbidden.example/'"));
    return true;
  };
  ASSERT_TRUE(in_db<bool>(turn));
  emit(event());
  EXPECT_EQ(round(), 1);
  EXPECT_TRUE(sender.sent().empty());
  EXPECT_EQ(row(created->row.id).last_outcome, "blocked");
}

TEST_F(WebhooksTest, LimitsHold) {
  for (int i = 0; i < kWebhooksPerTenantMax; ++i) hook(1001);
  EXPECT_EQ(create("https://hooks.example/").error().code, ErrorCode::kConflict);
}

TEST_F(WebhooksTest, ATestCallIsMadeNowAndLeavesNothing) {
  const WebhookId id = hook(1001);
  sender.answer(1001, 404);
  const auto tested = run_task(webhooks.test(actor, id));
  ASSERT_TRUE(tested);
  EXPECT_EQ(tested->outcome, "4xx");
  EXPECT_TRUE(deliveries(id).empty());
  EXPECT_EQ(header(sender.sent().at(0), "X-Carnet-Event"), "webhook.test");
  EXPECT_EQ(audit_of(actor.tenant, "webhook.test").size(), 1U);
}

TEST_F(WebhooksTest, AnotherTenantsWebhookIsNotThere) {
  const WebhookId id = hook(1001);
  const Actor other = make_tenant("Other");
  EXPECT_EQ(run_task(webhooks.find(other.tenant, id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(webhooks.test(other, id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(webhooks.rotate(other, id, 0)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(webhooks.replay(other, id, {})).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(webhooks.remove(other, id)).error().code, ErrorCode::kNotFound);
}

TEST_F(WebhooksTest, WhatEndedLongAgoIsDropped) {
  const WebhookId id = hook(1001);
  emit(event());
  round();
  clock.advance(kDeliveredKept - minutes(1));
  run_task(dispatcher.purge());
  EXPECT_EQ(deliveries(id).size(), 1U);
  clock.advance(minutes(2));
  run_task(dispatcher.purge());
  EXPECT_TRUE(deliveries(id).empty());
}

}  // namespace
}  // namespace carnet::service
