// The scheduler with a clock that stands still: what begins when, what is made up for, what is
// skipped.
#include <gmock/gmock.h>

#include <set>

#include <boost/json.hpp>

#include "service/tests/scheduler_fixture.h"
#include "service/tests/tenant_state.h"

namespace carnet::service {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(SchedulerTest, StartsAScanWhenItIsDueAndNotBefore) {
  const Actor actor = make_tenant("Acme");
  const store::ScheduleRow made = make(actor, hourly());
  EXPECT_EQ(made.next_run_at, clock.now() + 1h);
  EXPECT_EQ(tick(), clock.now() + 1h);
  clock.advance(1h - 1ms);
  EXPECT_EQ(tick(), clock.now() + 1ms);
  EXPECT_TRUE(runs().empty());

  clock.advance(1ms);
  EXPECT_EQ(tick(), clock.now() + 1h);
  const store::ScheduleRow after = found(actor, made);
  EXPECT_EQ(after.next_run_at, clock.now() + 1h);
  ASSERT_TRUE(after.last_run.has_value());
  EXPECT_EQ(after.last_run->cause, "schedule");
  EXPECT_EQ(after.last_run->due_at, clock.now());
  EXPECT_EQ(after.last_run->scan_status, "queued");
  const store::ScanRow scan =
      run_task(scans.row(actor.tenant, after.last_run->scan_id.value())).value();
  EXPECT_EQ(scan.label, "Hourly");
  EXPECT_EQ(scan.target, "127.0.0.1");
  const auto trail = audit_of(actor.tenant, "scan.create");
  ASSERT_EQ(trail.size(), 1U);
  EXPECT_EQ(trail[0].actor, "schedule");
  EXPECT_EQ(trail[0].subject, scan.id.str());
  // Again at the same time: nothing more.
  tick();
  EXPECT_EQ(runs().size(), 1U);
}

TEST_F(SchedulerTest, OfATenantThatIsErasedNothingIsWrittenOrTold) {
  const Actor actor = make_tenant("Acme");
  add_webhook(actor);
  const store::ScheduleRow made = make(actor, hourly());
  clock.advance(1h);
  set_tenant_state(*db, actor, store::TenantState::kErasing);
  EXPECT_EQ(tick(), clock.now() + 1h);
  EXPECT_TRUE(runs().empty());
  EXPECT_TRUE(deliveries("schedule.skipped").empty());
  EXPECT_EQ(found(actor, made).next_run_at, clock.now() + 1h) << "its plan goes on";
  clock.advance(1h);
  set_tenant_state(*db, actor, store::TenantState::kClosing);
  tick();
  ASSERT_EQ(runs().size(), 1U);
  EXPECT_EQ(runs()[0].reason, "tenant_closing");
  EXPECT_EQ(deliveries("schedule.skipped").size(), 1U);
  clock.advance(1h);
  set_tenant_state(*db, actor, store::TenantState::kActive);
  tick();
  ASSERT_EQ(runs().size(), 2U);
  EXPECT_TRUE(runs()[1].scanned);
}

TEST_F(SchedulerTest, SkipsWhileTheRunBeforeIsInProgressAndTells) {
  const Actor actor = make_tenant("Acme");
  add_webhook(actor);
  NewSchedule request = hourly("Nightly\nlook");
  request.notify = {.emails = {"a@example.org", "b@example.org"}, .on = "failure"};
  const store::ScheduleRow made = make(actor, std::move(request));
  clock.advance(1h);
  tick();
  clock.advance(1h);
  tick();
  const auto history = run_task(schedules.runs(actor.tenant, made.id, {.before = {}, .limit = 10}));
  ASSERT_EQ(history->size(), 2U);
  EXPECT_EQ(history->at(0).number, 2);
  EXPECT_EQ(history->at(0).reason, "previous_running");
  EXPECT_FALSE(history->at(0).scan_id.has_value());
  EXPECT_EQ(history->at(1).scan_status, "queued");
  EXPECT_EQ(count("SELECT count(*) FROM scans"), 1);
  EXPECT_THAT(deliveries("schedule.skipped"),
              ElementsAre(HasSubstr("The scan of the run before is still in progress.")));
  EXPECT_THAT(deliveries("mail"),
              testing::UnorderedElementsAre(HasSubstr("a@example.org"), HasSubstr("b@exam")));
  EXPECT_THAT(deliveries("mail")[0], HasSubstr("Nightly look: run skipped"));
  // Once it is over, the next run scans again.
  end_scans();
  clock.advance(1h);
  tick();
  EXPECT_EQ(count("SELECT count(*) FROM scans"), 2);
}

TEST_F(SchedulerTest, AsksForTheRightToScanAtEachRun) {
  const Actor actor = make_tenant("Acme");
  AuthorizedTargets targets;
  targets.domains = {"example.org"};
  targets.attestation = "We own it.";
  ASSERT_TRUE(run_task(tenancy.put_authorized_targets(actor, targets)).has_value());
  NewSchedule request = hourly();
  request.scan.targets = {"www.example.org"};
  const store::ScheduleRow made = make(actor, request);
  ASSERT_TRUE(run_task(tenancy.put_authorized_targets(actor, {})).has_value());
  clock.advance(1h);
  tick();
  const store::ScheduleRow after = found(actor, made);
  EXPECT_EQ(after.last_run->reason, "not_authorized");
  EXPECT_THAT(after.last_run->detail, HasSubstr("www.example.org"));
  EXPECT_EQ(after.next_run_at, clock.now() + 1h);
  EXPECT_EQ(count("SELECT count(*) FROM scans"), 0);
}

TEST_F(SchedulerTest, APausedScheduleWaitsAndGoesOnWithoutMakingUp) {
  const Actor actor = make_tenant("Acme");
  const store::ScheduleRow made = make(actor, hourly());
  const auto pause = [&](bool paused) {
    SchedulePatch patch;
    patch.paused = paused;
    return run_task(schedules.patch(actor, made.id, patch, std::nullopt)).value();
  };
  EXPECT_FALSE(pause(true).next_run_at.has_value());
  clock.advance(10h + 30min);
  tick();
  EXPECT_TRUE(runs().empty());
  EXPECT_EQ(pause(false).next_run_at, clock.now() + 30min);  // on the hours it always had
  clock.advance(30min);
  tick();
  EXPECT_EQ(runs().size(), 1U);
}

TEST_F(SchedulerTest, MakesUpOnceForWhatWasMissedAndSpreadsIt) {
  const Actor actor = make_tenant("Acme");
  constexpr int kMany = 60;
  for (int i = 0; i < kMany; ++i) make(actor, hourly("s" + std::to_string(i)));
  work_until(clock.now() + 90min);
  ASSERT_EQ(runs().size(), kMany);
  const Timestamp first_missed = clock.now() + 30min;

  clock.advance(6h);  // nobody looks: six runs of each are missed
  scheduler = make_scheduler();
  const Timestamp back = clock.now();
  work_until(back + 29min);
  std::vector<Began> made_up = runs();
  made_up.erase(made_up.begin(), made_up.begin() + kMany);
  ASSERT_EQ(made_up.size(), kMany);  // one each
  std::set<std::string> whose;
  for (int i = 0; i < kMany; ++i) {
    EXPECT_EQ(made_up[i].cause, "catch_up");
    EXPECT_EQ(made_up[i].due, first_missed);
    EXPECT_EQ(made_up[i].at, back + 5s * i);
    whose.insert(made_up[i].schedule);
  }
  EXPECT_EQ(whose.size(), kMany);
  // And then as always.
  work_until(back + 31min);
  const std::vector<Began> after = runs();
  ASSERT_EQ(after.size(), 3 * kMany);
  for (auto run = after.end() - kMany; run != after.end(); ++run) {
    EXPECT_EQ(run->cause, "schedule");
    EXPECT_EQ(run->due, back + 30min);
  }
}

TEST_F(SchedulerTest, AShortStopIsNoDowntime) {
  const Actor actor = make_tenant("Acme");
  make(actor, hourly());
  tick();
  clock.advance(1h + 4min);
  scheduler = make_scheduler();
  tick();
  ASSERT_EQ(runs().size(), 1U);
  EXPECT_EQ(runs()[0].cause, "schedule");
  EXPECT_EQ(runs()[0].at, clock.now());
}

TEST_F(SchedulerTest, HoldsBackWhileManyOfItsScansWait) {
  const Actor actor = make_tenant("Acme");
  constexpr int kMany = 70;
  for (int i = 0; i < kMany; ++i) make(actor, hourly("s" + std::to_string(i)));
  clock.advance(1h);
  const Timestamp due = clock.now();
  for (int ended = 0; ended < kMany;) {
    const Timestamp next = tick();
    const std::int64_t waiting = count("SELECT count(*) FROM scans WHERE status = 'queued'");
    EXPECT_LE(waiting, 20);
    const std::int64_t done = std::min(kMany, ended + 20);
    EXPECT_EQ(runs().size(), static_cast<std::size_t>(done));
    if (done < kMany) EXPECT_EQ(next, clock.now() + 1s);
    ended += end_scans(7);
    clock.advance(1s);
  }
  for (const Began& run : runs()) {
    EXPECT_EQ(run.cause, "schedule");
    EXPECT_EQ(run.due, due);
  }
  EXPECT_EQ(tick(), due + 1h);
}

// A scan that somebody asked for is nobody's reason to hold back.
TEST_F(SchedulerTest, OtherScansThatWaitDoNotHoldItBack) {
  const Actor actor = make_tenant("Acme");
  for (int i = 0; i < 30; ++i) submit_sample(actor);
  make(actor, hourly());
  clock.advance(1h);
  tick();
  EXPECT_EQ(runs().size(), 1U);
}

TEST_F(SchedulerTest, AClockThatIsPutBackRunsNothingTwice) {
  const Actor actor = make_tenant("Acme");
  make(actor, hourly());
  const Timestamp start = clock.now();
  work_until(start + 3h);
  ASSERT_EQ(runs().size(), 3U);
  clock.advance(-90min);  // it was fast
  work_until(start + 5h);
  const std::vector<Began> all = runs();
  std::vector<Timestamp> due;
  due.reserve(all.size());
  for (const Began& run : all) due.push_back(run.due);
  EXPECT_THAT(due, ElementsAre(start + 1h, start + 2h, start + 3h, start + 4h, start + 5h));
}

TEST_F(SchedulerTest, AClockThatWasPutForwardByMistakeLosesNothing) {
  const Actor actor = make_tenant("Acme");
  const store::ScheduleRow made = make(actor, hourly());
  const Timestamp start = clock.now();
  work_until(start + 1h);
  clock.advance(5h + 10min);
  tick();  // one run for all that seem missed
  end_scans();
  clock.advance(-5h);
  work_until(start + 4h);
  std::vector<Timestamp> due;
  for (const Began& run : runs()) due.push_back(run.due);
  EXPECT_THAT(due, testing::UnorderedElementsAre(start + 1h, start + 2h, start + 3h, start + 4h));

  // By a year, and for hours: what it says of the slots it ran is not believed.
  clock.advance(24h * 365);
  work_until(clock.now() + 3h);
  clock.advance(-24h * 365);
  tick();
  EXPECT_EQ(found(actor, made).next_run_at, clock.now() + 1h);
}

TEST_F(SchedulerTest, ErasingOneMeanwhileIsSafe) {
  const Actor actor = make_tenant("Acme");
  const store::ScheduleRow gone = make(actor, hourly("gone"));
  make(actor, hourly("stays"));
  clock.advance(1h);
  tick();
  ASSERT_TRUE(run_task(schedules.erase(actor, gone.id)).has_value());
  EXPECT_EQ(runs().size(), 1U);
  EXPECT_EQ(count("SELECT count(*) FROM scans"), 2);  // its scan stays
  end_scans();
  clock.advance(1h);
  tick();
  EXPECT_EQ(runs().size(), 2U);
  in_db<bool>([](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(connection.run("DELETE FROM tenants"));
    return true;
  });
  clock.advance(1h);
  tick();
  EXPECT_TRUE(runs().empty());
}

TEST_F(SchedulerTest, KeepsTheNewestRuns) {
  const Actor actor = make_tenant("Acme");
  const store::ScheduleRow made = make(actor, hourly());
  ASSERT_TRUE(in_db<bool>([](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(connection.run("UPDATE schedules SET runs = 498"));
    return true;
  }));
  work_until(clock.now() + 5h);
  const auto history =
      run_task(schedules.runs(actor.tenant, made.id, {.before = {}, .limit = 100})).value();
  ASSERT_EQ(history.size(), 5U);  // 499 to 503
  work_until(clock.now() + 497h);
  EXPECT_EQ(count("SELECT count(*) FROM schedule_runs"), kScheduleRunsMax);
  EXPECT_EQ(count("SELECT min(number) FROM schedule_runs"), 501);
}

// Two that both believe to lead, each on a thread of its own.
TEST_F(SchedulerTest, TwoOnOneDatabaseBeginEachRunOnce) {
  const Actor actor = make_tenant("Acme");
  constexpr int kMany = 40;
  for (int i = 0; i < kMany; ++i) make(actor, hourly("s" + std::to_string(i)));
  std::unique_ptr<store::Database> other_db;
  if (test::on_postgresql()) other_db = database.must_open();
  store::Database& theirs = other_db ? *other_db : *db;
  Scans other_scans(theirs, clock, random, policy, scan_options());
  Scheduler::Options options;
  options.batch = 7;
  options.waiting_max = 1000;
  Scheduler one(*db, clock, random, log, scans, outbox, options);
  Scheduler other(theirs, clock, random, log, other_scans, outbox, options);
  constexpr int kRounds = 6;
  for (int round = 1; round <= kRounds; ++round) {
    clock.advance(1h);
    const auto work = [this](Scheduler& who) {
      static_cast<void>(run_task(who.tick(clock.now())));
    };
    std::thread thread([&] { work(other); });
    work(one);
    thread.join();
    EXPECT_EQ(end_scans(), kMany);
  }
  if (other_db) other_db->stop();
  std::set<std::pair<std::string, Timestamp>> once;
  for (const Began& run : runs()) {
    EXPECT_TRUE(run.scanned);
    EXPECT_TRUE(once.emplace(run.schedule, run.due).second);
  }
  EXPECT_EQ(once.size(), kMany * kRounds);
  EXPECT_EQ(count("SELECT count(*) FROM scans"), kMany * kRounds);
}

TEST_F(SchedulerTest, TellsByMailHowARunEnded) {
  const Actor actor = make_tenant("Acme");
  NewSchedule request = hourly("Weekly");
  request.notify = {.emails = {"a@example.org"}, .on = "change"};
  const store::ScheduleRow made = make(actor, std::move(request));
  clock.advance(1h);
  tick();
  ScheduledScanEnd end;
  end.tenant = actor.tenant;
  end.scan = found(actor, made).last_run->scan_id.value();
  end.status = "success";
  end.readiness_score = 41.5;
  end.readiness_band = "At Risk";
  const auto tell = [&] {
    return in_db<bool>([&](store::Connection& connection) -> Result<bool> {
             CARNET_TRY_VOID(mail_scheduled_scan(connection, outbox, end, "https://carnet.example",
                                                 clock.now()));
             return true;
           })
        .has_value();
  };
  EXPECT_TRUE(tell());  // nothing changed
  EXPECT_TRUE(deliveries("mail").empty());
  end.changed = true;
  end.findings = {"db1.example.org:443 lost its hybrid group"};
  EXPECT_TRUE(tell());
  EXPECT_THAT(deliveries("mail"),
              ElementsAre(testing::AllOf(HasSubstr("Weekly: readiness 41.5, At Risk"),
                                         HasSubstr("- db1.example.org:443 lost"),
                                         HasSubstr("https://carnet.example/pqc/scan/scan_"))));
  end.status = "error";
  end.changed = false;
  end.detail = "The scan ran out of time.";
  EXPECT_TRUE(tell());
  EXPECT_THAT(deliveries("mail"), testing::Contains(HasSubstr("Weekly: failed")));
  end.status = "cancelled";
  EXPECT_TRUE(tell());
  end.status = "success";
  end.changed = true;
  end.scan = submit_sample(actor);  // of no schedule
  EXPECT_TRUE(tell());
  EXPECT_EQ(deliveries("mail").size(), 2U);
}

}  // namespace
}  // namespace carnet::service
