// The scheduler with a clock that stands still: what begins when, what is made up for, what is
// skipped. Scans are ended by the test in place of a worker.
#include "service/scheduler.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include <boost/json.hpp>

#include "base/json.h"
#include "service/schedule_plan.h"
#include "service/tests/fixture.h"
#include "store/webhooks.h"

namespace carnet::service {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

struct Began {
  std::string schedule, cause, reason;
  Timestamp due{}, at{};
  bool scanned = false;
};

std::size_t resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "re");
  unsigned long size = 0, resident = 0;
  const int read = file == nullptr ? 0 : std::fscanf(file, "%lu %lu", &size, &resident);
  if (file != nullptr) static_cast<void>(std::fclose(file));
  return read == 2 ? resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

class SchedulerTest : public ServiceTest {
 protected:
  SchedulerTest() : outbox(random), schedules(*db, clock, random, scans, {}) {
    outbox.set_mail(true);
    scheduler = make_scheduler();
  }
  // The store's threads are gone before what their closures use.
  ~SchedulerTest() override { db->stop(); }

  std::unique_ptr<Scheduler> make_scheduler(Scheduler::Options options = {}) {
    return std::make_unique<Scheduler>(*db, clock, random, log, scans, outbox, options);
  }

  static ScanRequest loopback_scan() {
    ScanRequest request;
    request.targets = {"127.0.0.1"};
    request.kinds = {"tls"};
    request.ports = {4433};
    return request;
  }
  static NewSchedule hourly(const std::string& name = "Hourly", int jitter = 0) {
    NewSchedule request;
    request.name = name;
    request.cadence_hours = 1;
    request.jitter_minutes = jitter;
    request.scan = loopback_scan();
    return request;
  }
  store::ScheduleRow make(const Actor& actor, NewSchedule request) {
    auto made = run_task(schedules.create(actor, std::move(request)));
    EXPECT_TRUE(made.has_value()) << made.error().public_detail;
    return *made;
  }
  store::ScheduleRow found(const Actor& actor, const store::ScheduleRow& row) {
    return run_task(schedules.find(actor.tenant, row.id)).value();
  }

  Timestamp tick() { return run_task(scheduler->tick(clock.now())); }
  void advance_to(Timestamp time) { clock.advance(time - clock.now()); }
  // Goes from one time that the scheduler names to the next until `end`; scans are over soon.
  void work_until(Timestamp end, int ticks_a_scan_takes = 1) {
    for (int ticks = 1;; ++ticks) {
      const Timestamp next = tick();
      if (ticks % ticks_a_scan_takes == 0) end_scans();
      if (next > end) break;
      advance_to(next);
    }
    advance_to(end);
  }
  int end_scans(int limit = 1'000'000) {
    const std::int64_t now = to_millis(clock.now());
    return static_cast<int>(
        in_db<std::int64_t>([now, limit](store::Connection& connection) {
          return connection.run(
              "UPDATE scans SET status = 'success', finished_at = $1 WHERE id IN "
              "(SELECT id FROM scans WHERE status = 'queued' ORDER BY id LIMIT $2)",
              {now, std::int64_t{limit}});
        }).value());
  }
  std::vector<Began> runs() {
    return in_db<std::vector<Began>>(
               [](store::Connection& connection) -> Result<std::vector<Began>> {
                 std::vector<Began> out;
                 const auto read = [&out](const store::Row& row) {
                   out.push_back({.schedule = std::string(row.text(0)),
                                  .cause = std::string(row.text(1)),
                                  .reason = std::string(row.text(2)),
                                  .due = from_millis(row.integer(3)),
                                  .at = from_millis(row.integer(4)),
                                  .scanned = !row.is_null(5)});
                 };
                 CARNET_TRY_VOID(connection.run(
                     "SELECT schedule_id, cause, reason, due_at, at, scan_id FROM schedule_runs "
                     "ORDER BY at, schedule_id, number",
                     {}, read));
                 return out;
               })
        .value();
  }
  std::int64_t count(const char* sql) {
    return in_db<std::int64_t>([sql](store::Connection& connection) -> Result<std::int64_t> {
             std::int64_t out = 0;
             const auto read = [&out](const store::Row& row) { out = row.integer(0); };
             CARNET_TRY_VOID(connection.run(sql, {}, read));
             return out;
           })
        .value();
  }
  // Hooks of the tenant get what is emitted; the bodies, oldest first.
  void add_webhook(const Actor& actor) {
    store::WebhookRow row;
    row.id = WebhookId::generate(clock.now(), random);
    row.tenant_id = actor.tenant;
    row.url = "https://hooks.example.org/";
    row.events = R"(["schedule.skipped"])";
    row.format = "carnet";
    row.created_at = row.updated_at = clock.now();
    ASSERT_TRUE(in_db<bool>([row](store::Connection& connection) -> Result<bool> {
      CARNET_TRY_VOID(store::webhooks::insert(connection, row));
      return true;
    }));
  }
  std::vector<std::string> deliveries(std::string event) {
    using Texts = std::vector<std::string>;
    return in_db<Texts>([event](store::Connection& connection) -> Result<Texts> {
             Texts out;
             const auto read = [&out](const store::Row& row) {
               out.push_back(std::string(row.text(0)) + " " + std::string(row.text(1)));
             };
             CARNET_TRY_VOID(connection.run(
                 "SELECT recipient, body FROM deliveries WHERE event = $1 ORDER BY id",
                 {std::string_view(event)}, read));
             return out;
           })
        .value();
  }

  Outbox outbox;
  Schedules schedules;
  std::unique_ptr<Scheduler> scheduler;
};

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
  EXPECT_EQ(count("SELECT count(*) FROM schedule_runs"), kScheduleRunsKept);
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

// ---- A day of many

// Schedules as tenants have them: some hours apart, some by a cron line in many zones, with and
// without jitter, made at any time of the week before.
class ManySchedules : public SchedulerTest {
 protected:
  static constexpr int kTenants = 8;
  const int many = test::on_postgresql() ? 400 : 10'000;

  std::uint32_t next_number(std::uint32_t below) {
    state_ = state_ * 1664525U + 1013904223U;
    return (state_ >> 8U) % below;
  }

  store::ScheduleRow any_schedule(int i, const TenantId& tenant) {
    static constexpr std::array<int, 5> kCadences = {12, 24, 24, 168, 168};
    static constexpr std::array<std::string_view, 6> kZones = {"UTC",
                                                               "Europe/Berlin",
                                                               "America/New_York",
                                                               "Asia/Kathmandu",
                                                               "Pacific/Chatham",
                                                               "America/St_Johns"};
    store::ScheduleRow row;
    row.created_at = row.updated_at = clock.now() - 1s * next_number(7 * 86400);
    row.anchor_at = row.created_at;
    row.id = ScheduleId::generate(row.created_at, random);
    row.tenant_id = tenant;
    row.name = "s" + std::to_string(i);
    row.time_zone = "UTC";
    row.jitter_minutes = kJitterMinutesDefault;
    if (i % 200 == 0) {
      row.cadence_hours = 1;
    } else if (i % 2 == 0) {
      row.cadence_hours = kCadences.at(next_number(kCadences.size()));
    } else {
      constexpr std::array<std::string_view, 5> kDays = {"* * *", "* * mon-fri", "* * sun",
                                                         "1,15 * *", "*/2 * *"};
      row.cron = fmt::format("{} {} {}", next_number(60), next_number(24),
                             kDays.at(next_number(kDays.size())));
      row.time_zone = kZones.at(next_number(kZones.size()));
    }
    row.scan = json::write(write_scan_request(loopback_scan()));
    row.notify = "{}";
    EXPECT_TRUE(plan_from(row, clock.now()).has_value());
    return row;
  }

  std::vector<store::ScheduleRow> fill() {
    std::vector<TenantId> tenants;
    for (int i = 0; i < kTenants; ++i)
      tenants.push_back(make_tenant("t" + std::to_string(i)).tenant);
    std::vector<store::ScheduleRow> rows;
    for (int i = 0; i < many; ++i) rows.push_back(any_schedule(i, tenants[i % kTenants]));
    EXPECT_TRUE(in_db<bool>([&rows](store::Connection& connection) -> Result<bool> {
      for (const store::ScheduleRow& row : rows)
        CARNET_TRY_VOID(store::schedules::insert(connection, row));
      return true;
    }));
    return rows;
  }

 private:
  std::uint32_t state_ = 7;
};

TEST_F(ManySchedules, ADayRunsEachExactlyWhenItIsDue) {
  const Timestamp start = clock.now();
  const Timestamp end = start + 24h;
  const std::vector<store::ScheduleRow> rows = fill();
  // What should be, from the slots alone.
  std::map<std::string, std::vector<Timestamp>> wanted;
  std::size_t total = 0;
  for (const store::ScheduleRow& row : rows) {
    const SlotRule rule = SlotRule::of(row).value();
    EXPECT_LT(rule.offset(), 15min);
    Timestamp slot = rule.after(start);
    for (; slot + rule.offset() <= end; slot = rule.after(slot), ++total)
      wanted[row.id.str()].push_back(slot + rule.offset());
  }
  ASSERT_GT(total, rows.size() / 2);

  tick();
  const std::size_t memory = resident_bytes();
  work_until(end, 5);
  EXPECT_LT(resident_bytes(), memory + (std::size_t{48} << 20U));

  std::map<std::string, std::vector<Timestamp>> seen;
  std::map<std::int64_t, int> by_minute;
  for (const Began& run : runs()) {
    EXPECT_TRUE(run.scanned) << run.schedule << ' ' << run.reason;
    EXPECT_EQ(run.cause, "schedule");
    EXPECT_EQ(run.at, run.due) << run.schedule;
    seen[run.schedule].push_back(run.due);
    ++by_minute[to_millis(run.at) / 60'000];
  }
  EXPECT_EQ(seen, wanted);
  int most = 0;
  for (const auto& [minute, number] : by_minute) most = std::max(most, number);
  // Twice what an even spread would be, and some.
  EXPECT_LE(most, 2 * static_cast<int>(total) / (24 * 60) + 15);
  RecordProperty("runs", std::to_string(total));
  RecordProperty("most_in_a_minute", most);
}

TEST_F(ManySchedules, SixHoursOfDowntimeEndWithoutAStampede) {
  fill();
  tick();
  clock.advance(6h);
  scheduler = make_scheduler();
  const Timestamp back = clock.now();
  const std::int64_t missed = count(
      fmt::format("SELECT count(*) FROM schedules WHERE next_run_at <= {}", to_millis(back - 5min))
          .c_str());
  ASSERT_GT(missed, many / 20);
  work_until(back + 1h + 1min, 5);
  std::map<std::int64_t, int> by_minute;
  std::map<std::string, int> made_up;
  for (const Began& run : runs()) {
    ++by_minute[(run.at - back) / 1min];
    if (run.cause == "catch_up") ++made_up[run.schedule];
  }
  EXPECT_EQ(made_up.size(), static_cast<std::size_t>(missed));
  for (const auto& [schedule, number] : made_up) EXPECT_EQ(number, 1) << schedule;
  // Spread over the hour, beside what is due anyway (and what the last five minutes left).
  const int spread = std::max(12, static_cast<int>(missed / 60) + 1);
  for (const auto& [minute, number] : by_minute)
    EXPECT_LE(number, spread + (minute == 0 ? many / 50 : many / 150) + 15) << minute;
}

}  // namespace
}  // namespace carnet::service
