// Opening protected links: passcodes, the number of views, sessions, and the log of all that.

#include <semaphore>
#include <thread>

#include "base/encoding.h"
#include "service/share_session.h"
#include "service/tests/fixture.h"
#include "service/work_threads.h"

namespace carnet::service {
namespace {

using std::chrono::minutes;

class Doors : public ServiceTest {
 protected:
  Doors() : actor(make_tenant("acme")), scan(finished_sample()) {}

  ScanId finished_sample() {
    const ScanId id = submit_sample(actor);
    FakeDialer dialer(FakeDialer::Mode::kRefuse);
    WorkerHost host(*db, clock, random, log, dialer, {.signals = &signals});
    EXPECT_EQ(wait_until_over(actor, id).status, "success");
    return id;
  }
  CreatedShare share(NewShare request) {
    auto created = run_task(sharing.create(actor, scan, std::move(request)));
    EXPECT_TRUE(created.has_value()) << created.error().public_detail;
    return std::move(*created);
  }
  static NewShare with_passcode(std::string passcode) {
    NewShare request;
    request.passcode = Secret(std::move(passcode));
    return request;
  }
  static NewShare with_views(int count) {
    NewShare request;
    request.max_views = count;
    return request;
  }
  Result<OpenedLink> open(const CreatedShare& link, std::optional<std::string> passcode = {}) {
    auto found = run_task(sharing.resolve(link.token.expose(), {}, &visitor));
    if (!found) return tl::unexpected(found.error());
    std::optional<Secret> secret;
    if (passcode) secret = Secret(std::move(*passcode));
    return run_task(sharing.open(*found, std::move(secret), visitor));
  }
  std::vector<store::ViewRow> views(const CreatedShare& link) {
    return run_task(sharing.views(actor.tenant, link.row.id, {.before = "", .limit = 100})).value();
  }
  store::ShareRow row(const CreatedShare& link) {
    return run_task(sharing.find(actor.tenant, link.row.id)).value();
  }

  Actor actor;
  ScanId scan;
  Visitor visitor{"192.0.2.7", "test/1", "", "req-visitor"};
};

TEST_F(Doors, APasscodeIsKeptAsArgon2idAndOpens) {
  const CreatedShare link = share(with_passcode("correct horse"));
  ASSERT_TRUE(link.row.passcode_hash);
  EXPECT_TRUE(link.row.passcode_hash->starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
  EXPECT_FALSE(on_disk("correct horse"));
  EXPECT_EQ(audit_of(actor.tenant, "share.create").front().detail.find("horse"), std::string::npos);
  EXPECT_NE(share(with_passcode("correct horse")).row.passcode_hash, link.row.passcode_hash)
      << "salted";

  EXPECT_EQ(open(link).error().code, ErrorCode::kValidationFailed);
  EXPECT_EQ(open(link, "").error().code, ErrorCode::kValidationFailed);
  EXPECT_EQ(open(link, "correct hors").error().code, ErrorCode::kSharePasscodeWrong);
  EXPECT_EQ(open(link, "correct horse ").error().code, ErrorCode::kSharePasscodeWrong);
  EXPECT_EQ(row(link).view_count, 0);
  clock.advance(std::chrono::milliseconds(1));
  const auto opened = open(link, "correct horse");
  ASSERT_TRUE(opened) << opened.error().public_detail;
  EXPECT_EQ(opened->session_until, clock.now() + minutes(15));
  EXPECT_EQ(row(link).view_count, 1);
  EXPECT_EQ(row(link).last_viewed_at, clock.now());
  const auto log_rows = views(link);
  ASSERT_EQ(log_rows.size(), 3U);
  EXPECT_EQ(log_rows[0].outcome, "opened");
  EXPECT_EQ(log_rows[1].outcome, "passcode_failed");
}

TEST_F(Doors, APasscodeWithoutTheServersPepperIsNotConfirmed) {
  const CreatedShare link = share(with_passcode("correct horse"));
  const Secret other_pepper(std::string(32, 'q'));
  Passcodes elsewhere(random, other_pepper, 1);
  Passcodes here(random, pepper, 1);
  EXPECT_FALSE(
      *run_task(elsewhere.verify(Secret(std::string("correct horse")), *link.row.passcode_hash)));
  EXPECT_TRUE(
      *run_task(here.verify(Secret(std::string("correct horse")), *link.row.passcode_hash)));
  for (const char* odd : {"", "$argon2id$", "$argon2i$v=19$m=19456,t=2,p=1$AAAA$AAAA",
                          "$argon2id$v=19$m=99999999,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA"})
    EXPECT_EQ(run_task(here.verify(Secret(std::string("x")), odd)).error().code,
              ErrorCode::kInternal)
        << odd;
}

TEST_F(Doors, PasscodesAndViewsHaveBounds) {
  const auto refused = [&](NewShare request) {
    const auto answer = run_task(sharing.create(actor, scan, std::move(request)));
    return !answer && answer.error().code == ErrorCode::kValidationFailed
               ? answer.error().fields.front().field
               : std::string();
  };
  EXPECT_EQ(refused(with_passcode("1234567")), "passcode");
  EXPECT_EQ(refused(with_passcode(std::string(129, 'x'))), "passcode");
  EXPECT_EQ(refused(with_passcode("1234567\x01")), "passcode");
  EXPECT_EQ(refused(with_passcode("1234567\xff")), "passcode");
  std::string wide;
  for (int i = 0; i < 128; ++i) wide += "ü";
  EXPECT_EQ(refused(with_passcode(wide)), "");
  EXPECT_EQ(refused(with_passcode("12345678")), "");
  for (const int views : {0, -1, 10001}) EXPECT_EQ(refused(with_views(views)), "maxViews");
  for (const int views : {1, 10000}) EXPECT_EQ(refused(with_views(views)), "");
}

TEST_F(Doors, ExactlySoManyOpensAreGrantedAtOnce) {
  const CreatedShare link = share(with_views(5));
  const auto found = run_task(sharing.resolve(link.token.expose()));
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->is_protected());
  EXPECT_EQ(Sharing::check_entered(*found).error().code, ErrorCode::kShareSessionNeeded);
  std::atomic<int> granted{0}, exhausted{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 50; ++i)
    threads.emplace_back([&] {
      const auto opened = run_task(sharing.open(*found, {}, visitor));
      if (opened) ++granted;
      if (!opened && opened.error().code == ErrorCode::kShareLinkExhausted) ++exhausted;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(granted, 5);
  EXPECT_EQ(exhausted, 45);
  EXPECT_EQ(row(link).view_count, 5);
  EXPECT_EQ(views(link).size(), 5U);
  EXPECT_EQ(run_task(sharing.resolve(link.token.expose())).error().code,
            ErrorCode::kShareLinkExhausted);
  EXPECT_EQ(share_state(row(link), clock.now()), "exhausted");
}

TEST_F(Doors, ASessionOutlivesTheLastViewAndNothingElse) {
  const CreatedShare link = share(with_views(1));
  const auto opened = open(link);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->views_left, 0);
  const auto resolve = [&] {
    return run_task(sharing.resolve(link.token.expose(), opened->session));
  };
  EXPECT_TRUE(resolve() && resolve()->entered()) << "the last view is not cut short";
  EXPECT_EQ(open(link).error().code, ErrorCode::kShareLinkExhausted);
  clock.advance(minutes(15) - std::chrono::milliseconds(1));
  EXPECT_TRUE(resolve());
  clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(resolve().error().code, ErrorCode::kShareLinkExhausted);
}

TEST_F(Doors, ChangingOrRevokingEndsSessionsAtOnce) {
  const CreatedShare link = share(with_views(10));
  const std::string session = open(link)->session;
  const auto entered = [&](std::string_view presented) {
    const auto found = run_task(sharing.resolve(link.token.expose(), presented));
    return found && found->entered();
  };
  EXPECT_TRUE(entered(session));
  EXPECT_FALSE(entered(""));
  EXPECT_FALSE(entered(session.substr(1)));
  const CreatedShare second = share(with_views(10));
  const std::string of_second = open(second)->session;
  EXPECT_FALSE(entered(of_second)) << "a session is one link's";
  EXPECT_TRUE(entered(of_second + "." + session)) << "a browser may have several";
  ASSERT_TRUE(run_task(sharing.patch(actor, link.row.id, "renamed", {}, {}, {})));
  EXPECT_FALSE(entered(session));
  const std::string after = open(link)->session;
  EXPECT_TRUE(entered(after));
  ASSERT_TRUE(run_task(sharing.revoke(actor, link.row.id)));
  EXPECT_FALSE(entered(after));
  EXPECT_EQ(run_task(sharing.resolve(link.token.expose(), after)).error().code,
            ErrorCode::kShareLinkRevoked);
}

TEST_F(Doors, EveryBitOfASessionCounts) {
  const ShareSessions sessions(pepper);
  const ShareId id = ShareId::generate(clock.now(), random);
  const Timestamp until = clock.now() + minutes(15);
  const std::string text = sessions.issue({.share = id, .revision = 3}, until, random);
  EXPECT_EQ(sessions.check(text, {.share = id, .revision = 3}, clock.now()), until);
  EXPECT_FALSE(sessions.check(text, {.share = id, .revision = 4}, clock.now()));
  EXPECT_FALSE(sessions.check(text, {.share = id, .revision = 3}, until));
  const auto bytes = from_base64url(text).value();
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    Bytes changed = bytes;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
    EXPECT_FALSE(sessions.check(to_base64url(changed), {.share = id, .revision = 3}, clock.now()));
  }
  std::string many;
  for (int i = 0; i < 9; ++i) many = join_sessions(text, many);
  EXPECT_EQ(many.size(), 4 * text.size() + 3);
  EXPECT_EQ(join_sessions(text, "x..<script>"), text);
}

TEST_F(Doors, OpeningStopsAtTheExpiry) {
  NewShare request = with_views(5);
  request.expires_hours = 1;
  const CreatedShare link = share(std::move(request));
  const auto before = run_task(sharing.resolve(link.token.expose()));
  clock.advance(std::chrono::hours(1) - std::chrono::seconds(1));
  EXPECT_TRUE(open(link));
  clock.advance(std::chrono::seconds(1));
  // Found in time, decided too late: the statement looks at the time itself.
  EXPECT_EQ(run_task(sharing.open(*before, {}, visitor)).error().code,
            ErrorCode::kShareLinkExpired);
  EXPECT_EQ(open(link).error().code, ErrorCode::kShareLinkExpired);
  clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(open(link).error().code, ErrorCode::kShareLinkExpired);
  EXPECT_EQ(row(link).view_count, 1);
}

TEST_F(Doors, WithoutALogRowNothingOpensAndNothingCounts) {
  const CreatedShare link = share(with_views(5));
  database.run_beside(
      test::on_postgresql()
          ? "CREATE FUNCTION no_log() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
            "'no'; END $$; CREATE TRIGGER no_log BEFORE INSERT ON share_views FOR EACH ROW EXECUTE "
            "FUNCTION no_log()"
          : "CREATE TRIGGER no_log BEFORE INSERT ON share_views BEGIN SELECT RAISE(ABORT, 'no'); "
            "END");
  EXPECT_FALSE(open(link));
  EXPECT_EQ(row(link).view_count, 0);
  EXPECT_FALSE(row(link).last_viewed_at);
  database.run_beside(test::on_postgresql() ? "DROP TRIGGER no_log ON share_views"
                                            : "DROP TRIGGER no_log");
  EXPECT_TRUE(open(link));
}

TEST_F(Doors, LooksAndDeadTriesAreWrittenTogether) {
  const CreatedShare link = share({});
  const auto found = run_task(sharing.resolve(link.token.expose()));
  for (int i = 0; i < 100; ++i) sharing.note_preview(*found, "html", visitor);
  EXPECT_EQ(views(link).size(), 0U) << "nothing is written by looking";
  ASSERT_TRUE(run_task(sharing.flush_visits()));
  ASSERT_EQ(views(link).size(), 1U);
  EXPECT_EQ(views(link).front().outcome, "preview");
  EXPECT_EQ(views(link).front().count, 100);
  const Timestamp first = clock.now();
  clock.advance(minutes(9));
  sharing.note_preview(*found, "html", visitor);
  ASSERT_TRUE(run_task(sharing.flush_visits()));
  ASSERT_EQ(views(link).size(), 1U) << "the same visitor, within ten minutes";
  EXPECT_EQ(views(link).front().count, 101);
  EXPECT_EQ(views(link).front().at, first);
  EXPECT_EQ(views(link).front().last_at, clock.now());
  clock.advance(minutes(1));
  ASSERT_TRUE(run_task(sharing.flush_visits()));
  sharing.note_preview(*found, "html", visitor);
  ASSERT_TRUE(run_task(sharing.flush_visits()));
  EXPECT_EQ(views(link).size(), 2U);

  ASSERT_TRUE(run_task(sharing.revoke(actor, link.row.id)));
  clock.advance(std::chrono::milliseconds(1));  // the log's order is by time
  for (int i = 0; i < 7; ++i)
    EXPECT_FALSE(run_task(sharing.resolve(link.token.expose(), {}, &visitor)));
  EXPECT_EQ(row(link).dead_tries, 0);
  ASSERT_TRUE(run_task(sharing.flush_visits()));
  EXPECT_EQ(row(link).dead_tries, 7);
  EXPECT_EQ(row(link).last_dead_try_at, clock.now());
  EXPECT_EQ(views(link).front().outcome, "revoked");
  EXPECT_EQ(views(link).front().count, 7);
  ASSERT_EQ(audit_of(actor.tenant, "share.dead_try").size(), 1U);
  EXPECT_EQ(audit_of(actor.tenant, "share.dead_try").front().subject, link.row.id.str());
  EXPECT_EQ(row(link).view_count, 0);
}

TEST_F(Doors, VisitsOfAnErasedLinkDoNotStopTheOthers) {
  const CreatedShare gone = share({}), stays = share({});
  sharing.note_preview(*run_task(sharing.resolve(gone.token.expose())), "html", visitor);
  sharing.note_preview(*run_task(sharing.resolve(stays.token.expose())), "html", visitor);
  ASSERT_TRUE(in_db<bool>([&](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(connection.run("DELETE FROM shares WHERE id = $1", {gone.row.id.str()}));
    return true;
  }));
  ASSERT_TRUE(run_task(sharing.flush_visits()));
  EXPECT_EQ(views(stays).size(), 1U);
}

TEST_F(Doors, VisitorsStandInTheLogAsTheTenantWants) {
  const CreatedShare link = share({});
  Settings settings;
  settings.visitor_addresses = "truncated";
  ASSERT_TRUE(run_task(tenancy.put_settings(actor, settings)));
  EXPECT_EQ(run_task(tenancy.settings(actor.tenant))->visitor_addresses, "truncated");
  const auto logged = [&](const std::string& address) {
    clock.advance(std::chrono::milliseconds(1));
    const auto found = run_task(sharing.resolve(link.token.expose()));
    EXPECT_TRUE(run_task(sharing.log_download(*found, "json", {address, "", "", ""})));
    return views(link).front().visitor;
  };
  EXPECT_EQ(logged("192.0.2.7"), "192.0.2.0/24");
  EXPECT_EQ(logged("2001:db8:1:2::7"), "2001:db8:1::/48");
  EXPECT_EQ(logged("::ffff:192.0.2.7"), "192.0.2.0/24");
  settings.visitor_addresses = "hash";
  ASSERT_TRUE(run_task(tenancy.put_settings(actor, settings)));
  EXPECT_EQ(logged("192.0.2.7"), logged("192.0.2.7"));
  EXPECT_NE(logged("192.0.2.7"), logged("192.0.2.8"));
  settings.visitor_addresses = "plain";
  EXPECT_FALSE(run_task(tenancy.put_settings(actor, settings)));
}

TEST_F(Doors, ScanAndTenantHaveOnlySoManyOpenLinks) {
  Sharing small(*db, clock, random, pepper, {.open_per_scan_max = 2, .open_per_tenant_max = 3});
  const auto make = [&](const ScanId& of) { return run_task(small.create(actor, of, {})); };
  const auto first = make(scan);
  ASSERT_TRUE(first);
  ASSERT_TRUE(make(scan));
  const auto third = make(scan);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().code, ErrorCode::kShareLimit);
  EXPECT_NE(third.error().public_detail.find("This scan has 2 open links"), std::string::npos);
  const ScanId second_scan = finished_sample();
  ASSERT_TRUE(make(second_scan));
  const auto fifth = make(second_scan);
  ASSERT_FALSE(fifth);
  EXPECT_NE(fifth.error().public_detail.find("This tenant has 3"), std::string::npos);
  ASSERT_TRUE(run_task(small.revoke(actor, first->row.id)));
  EXPECT_TRUE(make(scan)) << "a revoked link makes room";
  EXPECT_FALSE(make(scan));
  clock.advance(std::chrono::hours(168));
  EXPECT_TRUE(make(scan)) << "expired ones too";
}

TEST(WorkThreadsTest, RefusesWhatDoesNotFitAndWhatComesAfterTheEnd) {
  WorkThreads threads({.threads = 1, .waiting_max = 1});
  std::binary_semaphore begun{0}, go{0};
  std::atomic<int> ran{0};
  std::thread first([&] {
    const std::function<void()> wait = [&] {
      begun.release();
      go.acquire();
      ++ran;
    };
    EXPECT_TRUE(run_task(threads.run(wait)));
  });
  begun.acquire();
  std::vector<std::thread> others;
  std::counting_semaphore<8> answered{0};
  std::atomic<int> refused{0};
  for (int i = 0; i < 2; ++i)
    others.emplace_back([&] {
      const std::function<void()> count = [&] { ++ran; };
      if (!run_task(threads.run(count))) {
        ++refused;
        answered.release();
      }
    });
  answered.acquire();  // one of the two found the one place taken
  go.release();
  first.join();
  for (std::thread& thread : others) thread.join();
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(ran, 2);
  const std::function<void()> fail = [] { throw std::runtime_error("no"); };
  EXPECT_EQ(run_task(threads.run(fail)).error().code, ErrorCode::kInternal);
  threads.stop();
  EXPECT_EQ(run_task(threads.run(fail)).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace carnet::service
