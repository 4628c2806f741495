#pragma once
// Repositories of scans at their time (service/schedules.h) and of how they went (repositories.h
// says what holds for all of them). Thread-safety: as the Connection.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "store/database.h"
#include "store/rows.h"

namespace carnet::store {

struct ScheduleRunRow {
  ScheduleRunId id;
  ScheduleId schedule_id;
  TenantId tenant_id;
  std::int64_t number = 0;  // 1, 2, 3 … of its schedule
  std::string cause;        // schedule | manual | catch_up
  Timestamp due_at{}, at{};
  std::optional<ScanId> scan_id;  // without: skipped
  std::string reason, detail;     // why it was skipped, as a word and as a sentence
  // Joined, of the scan; "" if it was skipped or its scan is gone.
  std::string scan_status, scan_error;
};

struct ScheduleRow {
  ScheduleId id;
  TenantId tenant_id;
  std::string name;
  std::optional<int> cadence_hours;  // else cron
  Timestamp anchor_at{};             // cadence_hours counts from here
  std::string cron, time_zone;
  int jitter_minutes = 0;
  bool paused = false;
  std::string scan, notify;  // JSON texts
  int revision = 1;
  Timestamp created_at{}, updated_at{};
  KeyId created_by;
  Timestamp slot_at{};                     // the time that next_run_at stands for, without jitter
  std::optional<Timestamp> next_run_at;    // nullopt while paused
  bool catching_up = false;                // next_run_at was put off because slot_at was missed
  Timestamp done_until{};                  // slots up to here had their run or want none
  std::int64_t runs = 0;                   // so far
  std::optional<ScheduleRunRow> last_run;  // joined by find(), list() and due()
};

namespace schedules {
Result<void> insert(Connection& db, const ScheduleRow& row);
Result<std::optional<ScheduleRow>> find(Connection& db, const TenantId& tenant,
                                        const ScheduleId& id);
// Newest first.
Result<std::vector<ScheduleRow>> list(Connection& db, const TenantId& tenant, const Page& page);
Result<int> count(Connection& db, const TenantId& tenant);
// Everything that a person can change and the plan, and revision + 1; false unless the row still
// has `row.revision` and `row.runs`.
Result<bool> update(Connection& db, const ScheduleRow& row);
Result<bool> erase(Connection& db, const TenantId& tenant, const ScheduleId& id);

// The scheduler's, of all tenants (as_system). Due at `now`, the longest first.
Result<std::vector<ScheduleRow>> due(Connection& db, Timestamp now, int limit);
// When the next one is due; nullopt if none ever is.
Result<std::optional<Timestamp>> next_due(Connection& db);
// Those not paused with an id above `after`, in its order.
Result<std::vector<ScheduleRow>> planned(Connection& db, std::string_view after, int limit);
// Due at or before `until`, after `since` if given, and not put off before; the longest first.
Result<std::vector<ScheduleRow>> missed(Connection& db, std::optional<Timestamp> since,
                                        Timestamp until, int limit);
Result<std::int64_t> count_missed(Connection& db, std::optional<Timestamp> since, Timestamp until);
// Gives the schedule another plan without a run; false if somebody changed it meanwhile.
struct Plan {
  Timestamp slot_at{}, next_run_at{};
  bool catching_up = false;
};
Result<bool> replan(Connection& db, const ScheduleRow& before, const Plan& plan);
// Takes the run that is due as `before.runs + 1` and plans the next; false if somebody took it,
// changed the schedule or erased it. Whoever gets true, and nobody else, records that run.
Result<bool> take(Connection& db, const ScheduleRow& before, Timestamp done_until,
                  const Plan& next);
// The same for a run out of turn: the plan stays.
Result<bool> take_manual(Connection& db, const ScheduleRow& before);

// Records a run and drops those of the schedule that are older than the newest `keep`.
Result<void> add_run(Connection& db, const ScheduleRunRow& row, int keep);
// Newest first; `page.before` is the number of the last one of the page before.
Result<std::vector<ScheduleRunRow>> runs(Connection& db, const TenantId& tenant,
                                         const ScheduleId& id, const Page& page);
// The run that this scan is, with its schedule; nullopt for a scan that no schedule started.
struct RunOfScan {
  ScheduleRow schedule;
  ScheduleRunRow run;
};
Result<std::optional<RunOfScan>> of_scan(Connection& db, const TenantId& tenant,
                                         const ScanId& scan);
// Whether a scan of this schedule is queued or running.
Result<bool> in_progress(Connection& db, const TenantId& tenant, const ScheduleId& id);
// Scans of schedules that wait for a worker (as_system).
Result<std::int64_t> waiting(Connection& db);
}  // namespace schedules

}  // namespace carnet::store
