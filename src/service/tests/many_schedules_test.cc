// Ten thousand schedules: a day of them, and what follows downtime.
#include <map>

#include <boost/json.hpp>

#include "base/json.h"
#include "service/schedule_plan.h"
#include "service/tests/scheduler_fixture.h"

namespace carnet::service {
namespace {

#if __has_feature(address_sanitizer)
// Freed memory is held back for a while.
constexpr std::size_t kGrowthMax = std::size_t{512} << 20U;
#else
constexpr std::size_t kGrowthMax = std::size_t{48} << 20U;
#endif

std::size_t resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "re");
  unsigned long size = 0, resident = 0;
  const int read = file == nullptr ? 0 : std::fscanf(file, "%lu %lu", &size, &resident);
  if (file != nullptr) static_cast<void>(std::fclose(file));
  return read == 2 ? resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

// Schedules as tenants have them: some hours apart, some by a cron line in many zones, with and
// without jitter, made at any time of the week before.
class ManySchedules : public SchedulerTest {
 protected:
  static constexpr int kTenants = 8;
  static constexpr int kMany = 10'000;

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

  // What PostgreSQL's autovacuum does by itself, which the tests' server goes without.
  void analyze() {
    if (test::on_postgresql()) database.run_beside("ANALYZE schedules, schedule_runs, scans");
  }

  std::vector<store::ScheduleRow> fill() {
    std::vector<TenantId> tenants;
    tenants.reserve(kTenants);
    for (int i = 0; i < kTenants; ++i)
      tenants.push_back(make_tenant("t" + std::to_string(i)).tenant);
    std::vector<store::ScheduleRow> rows;
    rows.reserve(static_cast<std::size_t>(kMany));
    for (int i = 0; i < kMany; ++i) rows.push_back(any_schedule(i, tenants[i % kTenants]));
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
  // Hour by hour, for a database whose plans are made anew as its tables grow.
  for (Timestamp hour = start + 1h; hour <= end; hour += 1h) {
    analyze();
    work_until(hour, 5);
  }
  EXPECT_LT(resident_bytes(), memory + kGrowthMax);

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
  analyze();
  const Timestamp back = clock.now();
  const std::int64_t missed = count(
      fmt::format("SELECT count(*) FROM schedules WHERE next_run_at <= {}", to_millis(back - 5min))
          .c_str());
  ASSERT_GT(missed, kMany / 20);
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
    EXPECT_LE(number, spread + (minute == 0 ? kMany / 50 : kMany / 150) + 15) << minute;
}

}  // namespace
}  // namespace carnet::service
