#include "store/schedules.h"

#include <charconv>
#include <limits>

#include "store/query.h"

#define CARNET_SCHEDULE_COLUMNS                                                            \
  "s.id, s.tenant_id, s.name, s.cadence_hours, s.anchor_at, s.cron, s.time_zone, "         \
  "s.jitter_minutes, s.paused, s.scan, s.notify, s.revision, s.created_at, s.created_by, " \
  "s.updated_at, s.slot_at, s.next_run_at, s.catching_up, s.done_until, s.runs"
#define CARNET_RUN_COLUMNS                                                                     \
  "r.schedule_id, r.number, r.id, r.tenant_id, r.cause, r.due_at, r.at, r.scan_id, r.reason, " \
  "r.detail, c.status, c.error_detail"
#define CARNET_SCHEDULES_AND_LAST                                        \
  "SELECT " CARNET_SCHEDULE_COLUMNS ", " CARNET_RUN_COLUMNS              \
  " FROM schedules s LEFT JOIN schedule_runs r ON r.schedule_id = s.id " \
  "AND r.number = s.runs LEFT JOIN scans c ON c.id = r.scan_id "

namespace carnet::store::schedules {
namespace {

constexpr int kColumns = 20;  // of CARNET_SCHEDULE_COLUMNS

ScheduleRow read_schedule(const Row& row) {
  return {.id = get_id<ScheduleId>(row, 0),
          .tenant_id = get_id<TenantId>(row, 1),
          .name = get_text(row, 2),
          .cadence_hours = get_opt_int(row, 3),
          .anchor_at = get_time(row, 4),
          .cron = get_text(row, 5),
          .time_zone = get_text(row, 6),
          .jitter_minutes = get_int(row, 7),
          .paused = get_flag(row, 8),
          .scan = get_text(row, 9),
          .notify = get_text(row, 10),
          .revision = get_int(row, 11),
          .created_at = get_time(row, 12),
          .updated_at = get_time(row, 14),
          .created_by = get_id<KeyId>(row, 13),
          .slot_at = get_time(row, 15),
          .next_run_at = get_opt_time(row, 16),
          .catching_up = get_flag(row, 17),
          .done_until = get_time(row, 18),
          .runs = row.integer(19),
          .last_run = {}};
}

ScheduleRunRow read_run_at(const Row& row, int first) {
  ScheduleRunRow out{.id = get_id<ScheduleRunId>(row, first + 2),
                     .schedule_id = get_id<ScheduleId>(row, first),
                     .tenant_id = get_id<TenantId>(row, first + 3),
                     .number = row.integer(first + 1),
                     .cause = get_text(row, first + 4),
                     .due_at = get_time(row, first + 5),
                     .at = get_time(row, first + 6),
                     .scan_id = {},
                     .reason = get_text(row, first + 8),
                     .detail = get_text(row, first + 9),
                     .scan_status = get_text(row, first + 10),
                     .scan_error = get_text(row, first + 11)};
  if (!row.is_null(first + 7)) out.scan_id = get_id<ScanId>(row, first + 7);
  return out;
}

ScheduleRunRow read_run(const Row& row) { return read_run_at(row, 0); }

ScheduleRow read_with_last(const Row& row) {
  ScheduleRow out = read_schedule(row);
  if (!row.is_null(kColumns)) out.last_run = read_run_at(row, kColumns);
  return out;
}

Param since_param(const std::optional<Timestamp>& since) {
  return since ? to_millis(*since) : std::numeric_limits<std::int64_t>::min();
}

}  // namespace

Result<void> insert(Connection& db, const ScheduleRow& row) {
  db.as_tenant(row.tenant_id.str());
  return execute(
      db,
      "INSERT INTO schedules (id, tenant_id, name, cadence_hours, anchor_at, cron, time_zone, "
      "jitter_minutes, paused, scan, notify, revision, created_at, created_by, updated_at, "
      "slot_at, next_run_at, catching_up, done_until, runs) VALUES ($1, $2, $3, $4, $5, $6, $7, "
      "$8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)",
      {row.id.str(),
       row.tenant_id.str(),
       row.name,
       opt_int(row.cadence_hours),
       time(row.anchor_at),
       text_or_null(row.cron),
       row.time_zone,
       integer(row.jitter_minutes),
       flag(row.paused),
       row.scan,
       row.notify,
       integer(row.revision),
       time(row.created_at),
       row.created_by.str(),
       time(row.updated_at),
       time(row.slot_at),
       opt_time(row.next_run_at),
       flag(row.catching_up),
       time(row.done_until),
       integer(row.runs)});
}

Result<std::optional<ScheduleRow>> find(Connection& db, const TenantId& tenant,
                                        const ScheduleId& id) {
  db.as_tenant(tenant.str());
  return query_one(db, CARNET_SCHEDULES_AND_LAST "WHERE s.id = $1 AND s.tenant_id = $2",
                   {id.str(), tenant.str()}, read_with_last);
}

Result<std::vector<ScheduleRow>> list(Connection& db, const TenantId& tenant, const Page& page) {
  db.as_tenant(tenant.str());
  return query_all(db,
                   CARNET_SCHEDULES_AND_LAST
                   "WHERE s.tenant_id = $1 AND s.id < $2 ORDER BY s.id DESC LIMIT $3",
                   {tenant.str(), page_before(page), page_limit(page.limit)}, read_with_last);
}

Result<int> count(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  const auto read = [](const Row& row) { return get_int(row, 0); };
  CARNET_TRY(number, query_one(db, "SELECT count(*) FROM schedules WHERE tenant_id = $1",
                               {tenant.str()}, read));
  return number.value_or(0);
}

Result<bool> update(Connection& db, const ScheduleRow& row) {
  db.as_tenant(row.tenant_id.str());
  return execute_any(
      db,
      "UPDATE schedules SET name = $5, cadence_hours = $6, anchor_at = $7, cron = $8, "
      "time_zone = $9, jitter_minutes = $10, paused = $11, scan = $12, notify = $13, "
      "updated_at = $14, slot_at = $15, next_run_at = $16, catching_up = $17, done_until = $18, "
      "revision = revision + 1 WHERE id = $1 AND tenant_id = $2 AND revision = $3 AND runs = $4",
      {row.id.str(), row.tenant_id.str(), integer(row.revision), integer(row.runs), row.name,
       opt_int(row.cadence_hours), time(row.anchor_at), text_or_null(row.cron), row.time_zone,
       integer(row.jitter_minutes), flag(row.paused), row.scan, row.notify, time(row.updated_at),
       time(row.slot_at), opt_time(row.next_run_at), flag(row.catching_up), time(row.done_until)});
}

Result<bool> erase(Connection& db, const TenantId& tenant, const ScheduleId& id) {
  db.as_tenant(tenant.str());
  return execute_any(db, "DELETE FROM schedules WHERE id = $1 AND tenant_id = $2",
                     {id.str(), tenant.str()});
}

Result<std::vector<ScheduleRow>> due(Connection& db, Timestamp now, int limit) {
  db.as_system();
  return query_all(db,
                   CARNET_SCHEDULES_AND_LAST
                   "WHERE s.next_run_at <= $1 ORDER BY s.next_run_at, s.id LIMIT $2",
                   {time(now), page_limit(limit)}, read_with_last);
}

Result<std::optional<Timestamp>> next_due(Connection& db) {
  db.as_system();
  const auto read = [](const Row& row) { return get_time(row, 0); };
  return query_one(db,
                   "SELECT next_run_at FROM schedules WHERE next_run_at IS NOT NULL "
                   "ORDER BY next_run_at LIMIT 1",
                   {}, read);
}

Result<std::vector<ScheduleRow>> planned(Connection& db, std::string_view after, int limit) {
  db.as_system();
  return query_all(db,
                   "SELECT " CARNET_SCHEDULE_COLUMNS
                   " FROM schedules s WHERE s.id > $1 AND s.next_run_at IS NOT NULL "
                   "ORDER BY s.id LIMIT $2",
                   {after, page_limit(limit)}, read_schedule);
}

Result<std::vector<ScheduleRow>> missed(Connection& db, std::optional<Timestamp> since,
                                        Timestamp until, int limit) {
  db.as_system();
  return query_all(db,
                   "SELECT " CARNET_SCHEDULE_COLUMNS
                   " FROM schedules s WHERE s.next_run_at > $1 AND s.next_run_at <= $2 "
                   "AND s.catching_up = 0 ORDER BY s.next_run_at, s.id LIMIT $3",
                   {since_param(since), time(until), page_limit(limit)}, read_schedule);
}

Result<std::int64_t> count_missed(Connection& db, std::optional<Timestamp> since, Timestamp until) {
  db.as_system();
  const auto read = [](const Row& row) { return row.integer(0); };
  CARNET_TRY(number, query_one(db,
                               "SELECT count(*) FROM schedules WHERE next_run_at > $1 "
                               "AND next_run_at <= $2 AND catching_up = 0",
                               {since_param(since), time(until)}, read));
  return number.value_or(0);
}

Result<bool> replan(Connection& db, const ScheduleRow& before, const Plan& plan) {
  db.as_system();
  return execute_any(db,
                     "UPDATE schedules SET slot_at = $5, next_run_at = $6, catching_up = $7 "
                     "WHERE id = $1 AND revision = $2 AND runs = $3 AND next_run_at = $4",
                     {before.id.str(), integer(before.revision), integer(before.runs),
                      opt_time(before.next_run_at), time(plan.slot_at), time(plan.next_run_at),
                      flag(plan.catching_up)});
}

Result<bool> take(Connection& db, const ScheduleRow& before, Timestamp done_until,
                  const Plan& next) {
  db.as_system();
  return execute_any(
      db,
      "UPDATE schedules SET runs = runs + 1, done_until = $5, slot_at = $6, next_run_at = $7, "
      "catching_up = $8 WHERE id = $1 AND revision = $2 AND runs = $3 AND next_run_at = $4",
      {before.id.str(), integer(before.revision), integer(before.runs),
       opt_time(before.next_run_at), time(done_until), time(next.slot_at), time(next.next_run_at),
       flag(next.catching_up)});
}

Result<bool> take_manual(Connection& db, const ScheduleRow& before) {
  db.as_tenant(before.tenant_id.str());
  return execute_any(
      db,
      "UPDATE schedules SET runs = runs + 1 WHERE id = $1 AND tenant_id = $2 "
      "AND revision = $3 AND runs = $4",
      {before.id.str(), before.tenant_id.str(), integer(before.revision), integer(before.runs)});
}

Result<void> add_run(Connection& db, const ScheduleRunRow& row, int keep) {
  db.as_tenant(row.tenant_id.str());
  CARNET_TRY_VOID(execute(
      db,
      "INSERT INTO schedule_runs (schedule_id, number, id, tenant_id, cause, due_at, at, scan_id, "
      "reason, detail) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
      {row.schedule_id.str(), integer(row.number), row.id.str(), row.tenant_id.str(), row.cause,
       time(row.due_at), time(row.at), row.scan_id ? Param{row.scan_id->str()} : Param{},
       row.reason, row.detail}));
  if (row.number <= keep) return {};
  return execute(db, "DELETE FROM schedule_runs WHERE schedule_id = $1 AND number <= $2",
                 {row.schedule_id.str(), integer(row.number - keep)});
}

Result<std::vector<ScheduleRunRow>> runs(Connection& db, const TenantId& tenant,
                                         const ScheduleId& id, const Page& page) {
  db.as_tenant(tenant.str());
  std::int64_t before = std::numeric_limits<std::int64_t>::max();
  if (!page.before.empty())
    std::from_chars(page.before.data(), page.before.data() + page.before.size(), before);
  return query_all(db,
                   "SELECT " CARNET_RUN_COLUMNS
                   " FROM schedule_runs r LEFT JOIN scans c ON c.id = r.scan_id "
                   "WHERE r.schedule_id = $1 AND r.tenant_id = $2 AND r.number < $3 "
                   "ORDER BY r.number DESC LIMIT $4",
                   {id.str(), tenant.str(), integer(before), page_limit(page.limit)}, read_run);
}

Result<std::optional<RunOfScan>> of_scan(Connection& db, const TenantId& tenant,
                                         const ScanId& scan) {
  db.as_tenant(tenant.str());
  const auto read = [](const Row& row) {
    return RunOfScan{.schedule = read_schedule(row), .run = read_run_at(row, kColumns)};
  };
  return query_one(db,
                   "SELECT " CARNET_SCHEDULE_COLUMNS ", " CARNET_RUN_COLUMNS
                   " FROM schedule_runs r JOIN schedules s ON s.id = r.schedule_id "
                   "LEFT JOIN scans c ON c.id = r.scan_id "
                   "WHERE r.scan_id = $1 AND r.tenant_id = $2",
                   {scan.str(), tenant.str()}, read);
}

// No run begins before the one before it is over, so the newest with a scan tells.
Result<bool> in_progress(Connection& db, const TenantId& tenant, const ScheduleId& id) {
  db.as_tenant(tenant.str());
  const auto read = [](const Row& row) { return get_text(row, 0); };
  CARNET_TRY(status,
             query_one(db,
                       "SELECT c.status FROM schedule_runs r JOIN scans c ON c.id = r.scan_id "
                       "WHERE r.schedule_id = $1 AND r.tenant_id = $2 "
                       "ORDER BY r.number DESC LIMIT 1",
                       {id.str(), tenant.str()}, read));
  return status && (*status == "queued" || *status == "running");
}

Result<std::int64_t> waiting(Connection& db) {
  db.as_system();
  const auto read = [](const Row& row) { return row.integer(0); };
  CARNET_TRY(number, query_one(db,
                               "SELECT count(*) FROM scans c "
                               "JOIN schedule_runs r ON r.scan_id = c.id "
                               "WHERE c.status = 'queued'",
                               {}, read));
  return number.value_or(0);
}

}  // namespace carnet::store::schedules
