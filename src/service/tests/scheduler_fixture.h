#pragma once
// What the tests of the scheduler share: a clock that stands still, and scans that the test ends in
// place of a worker.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "service/scheduler.h"
#include "service/tests/fixture.h"
#include "store/webhooks.h"

namespace carnet::service {

using namespace std::chrono_literals;

struct Began {
  std::string schedule, cause, reason;
  Timestamp due{}, at{};
  bool scanned = false;
};

class SchedulerTest : public ServiceTest {
 protected:
  SchedulerTest() : outbox(random), schedules(*db, clock, random, scans, {}) {
    outbox.set_mail(true);
    scheduler = make_scheduler();
  }

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

}  // namespace carnet::service
