// Schedules as a client makes, changes and runs them. scheduler_test.cc is about their time.
#include "service/schedules.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "base/json.h"
#include "service/tests/fixture.h"

namespace carnet::service {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;

class SchedulesTest : public ServiceTest {
 protected:
  SchedulesTest()
      : actor(make_tenant("Acme")),
        schedules(*db, clock, random, scans,
                  {.per_tenant_max = 3, .on_change = [this] { ++changes; }}) {}

  static NewSchedule a_schedule() {
    NewSchedule request;
    request.name = "Weekly";
    request.scan.targets = {"127.0.0.1"};
    request.scan.kinds = {"tls"};
    request.scan.ports = {443};
    return request;
  }
  store::ScheduleRow make(NewSchedule request) {
    auto made = run_task(schedules.create(actor, std::move(request)));
    EXPECT_TRUE(made.has_value()) << made.error().public_detail;
    return *made;
  }
  Result<store::ScheduleRow> change(const ScheduleId& id, const SchedulePatch& patch,
                                    std::optional<int> if_revision = {}) {
    return run_task(schedules.patch(actor, id, patch, if_revision));
  }
  // "field: code" of each fault.
  static std::vector<std::string> faults(const Result<store::ScheduleRow>& result) {
    std::vector<std::string> out;
    if (result) return out;
    for (const FieldError& fault : result.error().fields)
      out.push_back(fault.field + ": " + fault.code);
    return out;
  }

  Actor actor;
  int changes = 0;
  Schedules schedules;
};

TEST_F(SchedulesTest, ComesWithWhatIsUsual) {
  const store::ScheduleRow made = make(a_schedule());
  EXPECT_EQ(made.cadence_hours, 168);
  EXPECT_EQ(made.jitter_minutes, 15);
  EXPECT_EQ(made.revision, 1);
  EXPECT_FALSE(made.paused);
  EXPECT_EQ(made.slot_at, clock.now() + 168h);
  EXPECT_GE(made.next_run_at, clock.now() + 168h);
  EXPECT_LT(made.next_run_at, clock.now() + 168h + 15min);
  EXPECT_EQ(changes, 1);
  const auto found = run_task(schedules.find(actor.tenant, made.id));
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->name, "Weekly");
  EXPECT_EQ(found->next_run_at, made.next_run_at);
  EXPECT_FALSE(found->last_run.has_value());
  const ScanRequest scan = read_scan_request(found->scan);
  EXPECT_THAT(scan.targets, ElementsAre("127.0.0.1"));
  EXPECT_THAT(scan.ports, ElementsAre(443));
  const auto trail = audit_of(actor.tenant, "schedule.create");
  ASSERT_EQ(trail.size(), 1U);
  EXPECT_THAT(trail[0].after, HasSubstr("\"name\":\"Weekly\""));
}

TEST_F(SchedulesTest, TakesACronLineInAZone) {
  NewSchedule request = a_schedule();
  request.cron = "30 3 * * mon";
  request.time_zone = "Europe/Berlin";
  request.jitter_minutes = 0;
  const store::ScheduleRow made = make(std::move(request));
  EXPECT_FALSE(made.cadence_hours.has_value());
  EXPECT_EQ(to_rfc3339(clock.now()), "2026-05-28T20:26:40Z");
  EXPECT_EQ(to_rfc3339(made.next_run_at.value()), "2026-06-01T01:30:00Z");
}

TEST_F(SchedulesTest, EveryRequestThatAScanMayBeIsKept) {
  ScanRequest request;
  request.targets = {"a.example.org", "b.example.org:8443"};
  request.kinds = {"tls", "ssh"};
  request.ports = {22, 443};
  request.profile = inventory::Profile::kDeep;
  request.mosca.data_shelf_life_years = 10;
  request.mosca.migration_time_years = 2.5;
  request.label = "Estate \"A\"";
  const ScanRequest back = read_scan_request(json::write(write_scan_request(request)));
  EXPECT_EQ(back.targets, request.targets);
  EXPECT_FALSE(back.single_target);
  EXPECT_EQ(back.kinds, request.kinds);
  EXPECT_EQ(back.ports, request.ports);
  EXPECT_EQ(back.profile, request.profile);
  EXPECT_EQ(back.mosca.data_shelf_life_years, 10);
  EXPECT_EQ(back.mosca.migration_time_years, 2.5);
  EXPECT_FALSE(back.mosca.years_to_qday.has_value());
  EXPECT_EQ(back.label, request.label);
  ScanRequest sample;
  sample.scenario_id = kSample;
  sample.use_fixture = true;
  const ScanRequest sample_back = read_scan_request(json::write(write_scan_request(sample)));
  EXPECT_EQ(sample_back.scenario_id, kSample);
  EXPECT_TRUE(sample_back.use_fixture);
}

TEST_F(SchedulesTest, NamesEveryFieldThatIsWrong) {
  NewSchedule request = a_schedule();
  request.name = "";
  request.cadence_hours = 8761;
  request.time_zone = "Europe/Atlantis";
  request.jitter_minutes = 721;
  request.notify = {.emails = {"a@example.org", "nobody"}, .on = "sometimes"};
  EXPECT_THAT(faults(run_task(schedules.create(actor, request))),
              ElementsAre("name: required", "cadenceHours: out_of_range", "timeZone: conflict",
                          "timeZone: unknown_value", "jitterMinutes: out_of_range",
                          "notify.emails: bad_address", "notify.on: not_one_of"));
  request = a_schedule();
  request.cron = "*/20 3 * * *";
  EXPECT_THAT(faults(run_task(schedules.create(actor, request))), ElementsAre("cron: too_often"));
  request.cron = "0 3 * * *";
  request.cadence_hours = 24;
  EXPECT_THAT(faults(run_task(schedules.create(actor, request))), ElementsAre("cron: conflict"));
  request.cadence_hours.reset();
  request.cron = std::string(256, '*');
  EXPECT_THAT(faults(run_task(schedules.create(actor, request))), ElementsAre("cron: too_long"));
  request = a_schedule();
  request.scan.targets = {"no host"};
  const auto bad_target = run_task(schedules.create(actor, request));
  EXPECT_THAT(faults(bad_target), ElementsAre("scan.targets: invalid_target"));
  EXPECT_EQ(bad_target.error().fields[0].pointer, "/scan/targets/0");
  request = a_schedule();
  request.scan.bundle_session_id = "upl_01k7q8f0gze5fvsq0y4n3rbx2m";
  EXPECT_THAT(faults(run_task(schedules.create(actor, request))),
              ElementsAre("scan.bundleSessionId: not_allowed"));
  request = a_schedule();
  request.scan.targets = {"www.example.org"};
  EXPECT_EQ(run_task(schedules.create(actor, request)).error().code,
            ErrorCode::kTargetNotAuthorized);
  EXPECT_EQ(changes, 0);
}

TEST_F(SchedulesTest, ATenantHasABound) {
  for (int i = 0; i < 3; ++i) make(a_schedule());
  const auto refused = run_task(schedules.create(actor, a_schedule()));
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_THAT(refused.error().public_detail, HasSubstr("has 3 schedules"));
  const Actor other = make_tenant("Other");
  EXPECT_TRUE(run_task(schedules.create(other, a_schedule())).has_value());
}

TEST_F(SchedulesTest, AChangeOfTimeBeginsAnewAndAnotherDoesNot) {
  NewSchedule request = a_schedule();
  request.jitter_minutes = 0;
  const store::ScheduleRow made = make(std::move(request));
  clock.advance(10h);
  SchedulePatch name;
  name.name = "Renamed";
  const auto renamed = change(made.id, name);
  EXPECT_EQ(renamed->name, "Renamed");
  EXPECT_EQ(renamed->revision, 2);
  EXPECT_EQ(renamed->next_run_at, made.next_run_at);

  SchedulePatch daily;
  daily.cadence_hours = 24;
  EXPECT_EQ(change(made.id, daily)->next_run_at, clock.now() + 24h);
  SchedulePatch cron;
  cron.cron = "@daily";
  const auto by_cron = change(made.id, cron);
  EXPECT_FALSE(by_cron->cadence_hours.has_value());
  EXPECT_EQ(to_rfc3339(by_cron->next_run_at.value()), "2026-05-30T00:00:00Z");
  SchedulePatch zone;
  zone.time_zone = "America/New_York";
  EXPECT_EQ(to_rfc3339(change(made.id, zone)->next_run_at.value()), "2026-05-30T04:00:00Z");
  const auto back = change(made.id, daily);
  EXPECT_TRUE(back->cron.empty());
  EXPECT_THAT(faults(change(made.id, zone)), ElementsAre("timeZone: conflict"));
  const auto trail = audit_of(actor.tenant, "schedule.update");
  ASSERT_EQ(trail.size(), 5U);
  const auto renaming = [](const store::AuditRow& row) {
    return row.before.find("\"name\":\"Weekly\"") != std::string::npos &&
           row.after.find("\"name\":\"Renamed\"") != std::string::npos;
  };
  EXPECT_EQ(std::count_if(trail.begin(), trail.end(), renaming), 1);
}

TEST_F(SchedulesTest, AChangeOfWhatWasNotReadIsRefused) {
  const store::ScheduleRow made = make(a_schedule());
  SchedulePatch pause;
  pause.paused = true;
  EXPECT_EQ(change(made.id, pause, 1)->revision, 2);
  EXPECT_EQ(change(made.id, pause, 1).error().code, ErrorCode::kPreconditionFailed);
  EXPECT_EQ(change(made.id, pause, 2)->revision, 3);
}

TEST_F(SchedulesTest, OneOfAnotherTenantIsNotThere) {
  const store::ScheduleRow made = make(a_schedule());
  const Actor other = make_tenant("Other");
  EXPECT_EQ(run_task(schedules.find(other.tenant, made.id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(schedules.patch(other, made.id, {}, {})).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(schedules.erase(other, made.id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(schedules.run_now(other, made.id)).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(run_task(schedules.runs(other.tenant, made.id, {})).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(run_task(schedules.list(other.tenant, {}))->empty());
  EXPECT_TRUE(run_task(schedules.find(actor.tenant, made.id)).has_value());
}

TEST_F(SchedulesTest, RunsNowAndKeepsItsPlan) {
  NewSchedule request = a_schedule();
  request.paused = true;
  const store::ScheduleRow made = make(std::move(request));
  EXPECT_FALSE(made.next_run_at.has_value());
  const auto run = run_task(schedules.run_now(actor, made.id));
  ASSERT_TRUE(run.has_value()) << run.error().public_detail;
  EXPECT_EQ(run->scan.summary, "1 endpoint on 1 host, standard profile.");
  const store::ScheduleRow after = run_task(schedules.find(actor.tenant, made.id)).value();
  ASSERT_TRUE(after.last_run.has_value());
  EXPECT_EQ(after.last_run->id, run->run);
  EXPECT_EQ(after.last_run->cause, "manual");
  EXPECT_EQ(after.last_run->scan_id, run->scan.id);
  EXPECT_FALSE(after.next_run_at.has_value());
  const auto trail = audit_of(actor.tenant, "schedule.run");
  ASSERT_EQ(trail.size(), 1U);
  EXPECT_EQ(trail[0].actor, actor.key.str());

  const auto again = run_task(schedules.run_now(actor, made.id));
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  EXPECT_THAT(again.error().public_detail, HasSubstr("still in progress"));
  ASSERT_TRUE(run_task(scans.cancel(actor, run->scan.id)).has_value());
  EXPECT_TRUE(run_task(schedules.run_now(actor, made.id)).has_value());
  // A scan that is gone leaves its run.
  ASSERT_TRUE(run_task(scans.erase(actor, run->scan.id)).has_value());
  const auto history = run_task(schedules.runs(actor.tenant, made.id, {.before = {}, .limit = 10}));
  ASSERT_EQ(history->size(), 2U);
  EXPECT_EQ(history->at(1).scan_status, "");
  EXPECT_EQ(history->at(1).scan_id, run->scan.id);
  // Pages go by the number.
  EXPECT_EQ(run_task(schedules.runs(actor.tenant, made.id, {.before = "2", .limit = 10}))->size(),
            1U);
}

TEST_F(SchedulesTest, WhatNobodyMayScanIsNotRunByHandEither) {
  AuthorizedTargets targets;
  targets.domains = {"example.org"};
  targets.attestation = "We own it.";
  ASSERT_TRUE(run_task(tenancy.put_authorized_targets(actor, targets)).has_value());
  NewSchedule request = a_schedule();
  request.scan.targets = {"www.example.org"};
  const store::ScheduleRow made = make(std::move(request));
  ASSERT_TRUE(run_task(tenancy.put_authorized_targets(actor, {})).has_value());
  EXPECT_EQ(run_task(schedules.run_now(actor, made.id)).error().code,
            ErrorCode::kTargetNotAuthorized);
}

TEST_F(SchedulesTest, IsErasedWithItsHistoryButNotItsScans) {
  const store::ScheduleRow made = make(a_schedule());
  const auto run = run_task(schedules.run_now(actor, made.id));
  ASSERT_TRUE(run_task(schedules.erase(actor, made.id)).has_value());
  EXPECT_EQ(run_task(schedules.find(actor.tenant, made.id)).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(run_task(scans.row(actor.tenant, run->scan.id)).has_value());
  EXPECT_EQ(audit_of(actor.tenant, "schedule.delete").size(), 1U);
}

}  // namespace
}  // namespace carnet::service
