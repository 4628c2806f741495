#include "store/repositories.h"
#include "store/scan_columns.h"

namespace carnet::store::scans {

Result<bool> request_cancel(Connection& db, const TenantId& tenant, const ScanId& id,
                            Timestamp now) {
  db.as_tenant(tenant.str());
  return execute_any(db,
                     "UPDATE scans SET cancel_requested = 1, "
                     "finished_at = CASE status WHEN 'queued' THEN $3 ELSE finished_at END, "
                     "status = CASE status WHEN 'queued' THEN 'cancelled' ELSE status END "
                     "WHERE id = $1 AND tenant_id = $2 AND status IN ('queued', 'running')",
                     {id.str(), tenant.str(), time(now)});
}

#define CARNET_CLAIM                                                               \
  "UPDATE scans SET status = 'running', lease_owner = $1, lease_expires_at = $2, " \
  "started_at = COALESCE(started_at, $3), attempts = attempts + 1 WHERE id IN "

Result<std::vector<ScanRow>> claim(Connection& db, std::string_view owner, Timestamp now,
                                   Timestamp lease_until, int limit) {
  db.as_system();
  // On PostgreSQL many claim at once: each steps over what another is just taking. The rows are
  // picked in a part of their own, which runs once whatever the plan.
  const std::string_view sql = db.dialect() == Dialect::kPostgres
                                   ? "WITH next AS MATERIALIZED (SELECT id FROM scans "
                                     "WHERE status = 'queued' ORDER BY id LIMIT $4 "
                                     "FOR UPDATE SKIP LOCKED) " CARNET_CLAIM
                                     "(SELECT id FROM next) RETURNING " CARNET_SCAN_COLUMNS
                                   : CARNET_CLAIM
                                   "(SELECT id FROM scans WHERE status = 'queued' ORDER BY id "
                                   "LIMIT $4) RETURNING " CARNET_SCAN_COLUMNS;
  CARNET_TRY(claimed, query_all(db, sql, {owner, time(lease_until), time(now), page_limit(limit)},
                                read_scan));
  // RETURNING promises no order.
  const auto older = [](const ScanRow& a, const ScanRow& b) { return a.id < b.id; };
  std::sort(claimed.begin(), claimed.end(), older);
  return claimed;
}

Result<Renewal> renew(Connection& db, const ScanId& id, std::string_view owner,
                      Timestamp lease_until, int done, int total) {
  db.as_system();
  const auto read = [](const Row& row) {
    return Renewal{.held = true, .cancel_requested = get_flag(row, 0)};
  };
  CARNET_TRY(
      renewal,
      query_one(
          db,
          "UPDATE scans SET lease_expires_at = $3, progress_done = $4, progress_total = $5 "
          "WHERE id = $1 AND lease_owner = $2 AND status = 'running' RETURNING cancel_requested",
          {id.str(), owner, time(lease_until), integer(done), integer(total)}, read));
  return renewal.value_or(Renewal{});
}

Result<QueueState> queue_state(Connection& db) {
  db.as_system();
  const auto read = [](const Row& row) {
    return QueueState{.count = row.integer(0), .oldest_created_at = get_opt_time(row, 1)};
  };
  CARNET_TRY(state, query_one(db,
                              "SELECT count(*), min(created_at) FROM scans "
                              "WHERE status = 'queued'",
                              {}, read));
  return state.value_or(QueueState{});
}

Result<std::vector<ScanRow>> reap(Connection& db, Timestamp now, int attempts_max) {
  db.as_system();
  // A scan that someone wanted to stop is not started again only because its worker died before it
  // could say so.
  return query_all(
      db,
      "UPDATE scans SET lease_owner = NULL, lease_expires_at = NULL, "
      "status = CASE WHEN cancel_requested <> 0 THEN 'cancelled' "
      "WHEN attempts >= $2 THEN 'error' ELSE 'queued' END, "
      "finished_at = CASE WHEN cancel_requested <> 0 OR attempts >= $2 THEN $1 END, "
      "error_detail = CASE WHEN cancel_requested = 0 AND attempts >= $2 "
      "THEN 'The scan was started several times and never came to an end.' END "
      "WHERE status = 'running' AND lease_expires_at <= $1 RETURNING " CARNET_SCAN_COLUMNS,
      {time(now), integer(attempts_max)}, read_scan);
}

Result<bool> give_back(Connection& db, const ScanId& id, std::string_view owner) {
  db.as_system();
  return execute_any(
      db,
      "UPDATE scans SET status = 'queued', lease_owner = NULL, lease_expires_at = NULL, "
      "attempts = attempts - 1 WHERE id = $1 AND lease_owner = $2 AND status = 'running'",
      {id.str(), owner});
}

Result<bool> finish(Connection& db, const ScanId& id, std::string_view owner,
                    const Finish& finish) {
  db.as_system();
  if (finish.status != "success" && finish.status != "error" && finish.status != "cancelled")
    return make_internal("a scan cannot finish as " + finish.status);
  return execute_any(
      db,
      "UPDATE scans SET status = $3, error_detail = $4, readiness_score = $5, readiness_band = $6, "
      "asset_count = $7, finished_at = $8, lease_owner = NULL, lease_expires_at = NULL "
      "WHERE id = $1 AND lease_owner = $2 AND status = 'running'",
      {id.str(), owner, finish.status, text_or_null(finish.error_detail),
       opt_real(finish.readiness_score), finish.readiness_band, integer(finish.asset_count),
       time(finish.at)});
}

}  // namespace carnet::store::scans
