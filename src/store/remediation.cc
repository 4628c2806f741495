#include "store/remediation.h"

#include "store/query.h"

#define CARNET_REMEDIATION_COLUMNS                                                              \
  "item_id, asset_id, status, owner, notes, target_date, reason, accepted_until, verified_by, " \
  "updated_at, updated_by"
#define CARNET_DRIFT_COLUMNS \
  "id, at, scan_id, against, host, port, asset_id, change, direction, hybrid, detail"

namespace carnet::store {
namespace {

RemediationRow read_state(const Row& row) {
  return {.item_id = get_text(row, 0),
          .asset_id = get_text(row, 1),
          .status = get_text(row, 2),
          .owner = get_text(row, 3),
          .notes = get_text(row, 4),
          .target_date = get_text(row, 5),
          .reason = get_text(row, 6),
          .accepted_until = get_text(row, 7),
          .verified_by = get_text(row, 8),
          .updated_at = get_time(row, 9),
          .updated_by = get_text(row, 10)};
}

DriftRow read_drift(const Row& row) {
  return {.id = get_id<DriftId>(row, 0),
          .at = get_time(row, 1),
          .scan_id = get_text(row, 2),
          .against = get_text(row, 3),
          .host = get_text(row, 4),
          .port = get_int(row, 5),
          .asset_id = get_text(row, 6),
          .change = get_text(row, 7),
          .direction = get_text(row, 8),
          .hybrid = get_text(row, 9),
          .detail = get_text(row, 10)};
}

void take_asset(const Row& row, std::optional<drift::EndpointAssets>& out) {
  if (!out)
    out.emplace(drift::EndpointAssets{
        .scan_id = get_id<ScanId>(row, 0), .profile = get_text(row, 1), .bodies = {}});
  if (!row.is_null(2)) out->bodies.push_back(get_text(row, 2));
}

DriftDay read_day(const Row& row) {
  return {.day = get_text(row, 0),
          .scans = row.integer(1),
          .scored = row.integer(2),
          .score_sum = row.real(3),
          .score_low = row.real(4),
          .score_high = row.real(5),
          .score_last = row.real(6),
          .endpoints_new = row.integer(7),
          .added = row.integer(8),
          .removed = row.integer(9),
          .changed = row.integer(10),
          .better = row.integer(11),
          .worse = row.integer(12),
          .hybrid_gained = row.integer(13),
          .hybrid_lost = row.integer(14)};
}

}  // namespace

namespace remediation {

Result<std::optional<RemediationRow>> find(Connection& db, const TenantId& tenant,
                                           std::string_view item) {
  db.as_tenant(tenant.str());
  return query_one(db,
                   "SELECT " CARNET_REMEDIATION_COLUMNS
                   " FROM remediation WHERE tenant_id = $1 AND item_id = $2",
                   {tenant.str(), item}, read_state);
}

Result<std::vector<RemediationRow>> list(Connection& db, const TenantId& tenant, int limit) {
  db.as_tenant(tenant.str());
  return query_all(db,
                   "SELECT " CARNET_REMEDIATION_COLUMNS
                   " FROM remediation WHERE tenant_id = $1 ORDER BY item_id LIMIT $2",
                   {tenant.str(), integer(limit)}, read_state);
}

Result<int> count(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  const auto read = [](const Row& row) { return get_int(row, 0); };
  CARNET_TRY(number, query_one(db, "SELECT count(*) FROM remediation WHERE tenant_id = $1",
                               {tenant.str()}, read));
  return number.value_or(0);
}

Result<void> put(Connection& db, const TenantId& tenant, const RemediationRow& row) {
  db.as_tenant(tenant.str());
  return execute(
      db,
      "INSERT INTO remediation (tenant_id, " CARNET_REMEDIATION_COLUMNS
      ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) "
      "ON CONFLICT (tenant_id, item_id) DO UPDATE SET asset_id = excluded.asset_id, "
      "status = excluded.status, owner = excluded.owner, notes = excluded.notes, "
      "target_date = excluded.target_date, reason = excluded.reason, "
      "accepted_until = excluded.accepted_until, verified_by = excluded.verified_by, "
      "updated_at = excluded.updated_at, updated_by = excluded.updated_by",
      {tenant.str(), row.item_id, row.asset_id, row.status, row.owner, row.notes, row.target_date,
       row.reason, row.accepted_until, row.verified_by, time(row.updated_at), row.updated_by});
}

}  // namespace remediation

namespace drift {

Result<void> insert(Connection& db, const TenantId& tenant, const DriftRow& row) {
  db.as_tenant(tenant.str());
  return execute(
      db,
      "INSERT INTO drift_events (tenant_id, " CARNET_DRIFT_COLUMNS
      ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
      {tenant.str(), row.id.str(), time(row.at), row.scan_id, row.against, row.host,
       integer(row.port), row.asset_id, row.change, row.direction, row.hybrid, row.detail});
}

Result<void> add_to_day(Connection& db, const TenantId& tenant, const DriftDay& scan) {
  db.as_tenant(tenant.str());
  return execute(
      db,
      "INSERT INTO drift_days (tenant_id, day, scans, scored, score_sum, score_low, score_high, "
      "score_last, endpoints_new, added, removed, changed, better, worse, hybrid_gained, "
      "hybrid_lost) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) "
      "ON CONFLICT (tenant_id, day) DO UPDATE SET scans = drift_days.scans + excluded.scans, "
      "scored = drift_days.scored + excluded.scored, "
      "score_sum = drift_days.score_sum + excluded.score_sum, "
      "score_low = CASE WHEN excluded.scored = 0 THEN drift_days.score_low "
      "WHEN drift_days.scored = 0 OR excluded.score_low < drift_days.score_low "
      "THEN excluded.score_low ELSE drift_days.score_low END, "
      "score_high = CASE WHEN excluded.scored = 0 THEN drift_days.score_high "
      "WHEN drift_days.scored = 0 OR excluded.score_high > drift_days.score_high "
      "THEN excluded.score_high ELSE drift_days.score_high END, "
      "score_last = CASE WHEN excluded.scored = 0 THEN drift_days.score_last "
      "ELSE excluded.score_last END, "
      "endpoints_new = drift_days.endpoints_new + excluded.endpoints_new, "
      "added = drift_days.added + excluded.added, removed = drift_days.removed + excluded.removed, "
      "changed = drift_days.changed + excluded.changed, "
      "better = drift_days.better + excluded.better, worse = drift_days.worse + excluded.worse, "
      "hybrid_gained = drift_days.hybrid_gained + excluded.hybrid_gained, "
      "hybrid_lost = drift_days.hybrid_lost + excluded.hybrid_lost",
      {tenant.str(), scan.day, integer(scan.scans), integer(scan.scored), scan.score_sum,
       scan.score_low, scan.score_high, scan.score_last, integer(scan.endpoints_new),
       integer(scan.added), integer(scan.removed), integer(scan.changed), integer(scan.better),
       integer(scan.worse), integer(scan.hybrid_gained), integer(scan.hybrid_lost)});
}

Result<std::vector<DriftDay>> days_since(Connection& db, const TenantId& tenant,
                                         std::string_view first) {
  db.as_tenant(tenant.str());
  return query_all(db,
                   "SELECT day, scans, scored, score_sum, score_low, score_high, score_last, "
                   "endpoints_new, added, removed, changed, better, worse, hybrid_gained, "
                   "hybrid_lost FROM drift_days WHERE tenant_id = $1 AND day >= $2 ORDER BY day",
                   {tenant.str(), first}, read_day);
}

// With a host the index of hosts is sought, without one that of tenants: two statements, because
// one with an OR could use neither.
Result<std::vector<DriftRow>> list(Connection& db, const TenantId& tenant, const Filter& filter,
                                   const Page& page) {
  db.as_tenant(tenant.str());
  const Param port = opt_int(filter.port);
  if (filter.host.empty())
    return query_all(db,
                     "SELECT " CARNET_DRIFT_COLUMNS
                     " FROM drift_events WHERE tenant_id = $1 AND id < $2 AND id >= $3 AND "
                     "($4 = '' OR change = $4) AND ($5 = '' OR direction = $5) AND "
                     "($6 = '' OR hybrid = $6) ORDER BY id DESC LIMIT $7",
                     {tenant.str(), page_before(page), filter.not_before, filter.change,
                      filter.direction, filter.hybrid, page_limit(page.limit)},
                     read_drift);
  return query_all(db,
                   "SELECT " CARNET_DRIFT_COLUMNS
                   " FROM drift_events WHERE tenant_id = $1 AND host = $2 AND id < $3 AND id >= $4 "
                   "AND (port = $5 OR $5 IS NULL) AND ($6 = '' OR change = $6) AND "
                   "($7 = '' OR direction = $7) AND ($8 = '' OR hybrid = $8) "
                   "ORDER BY id DESC LIMIT $9",
                   {tenant.str(), filter.host, page_before(page), filter.not_before, port,
                    filter.change, filter.direction, filter.hybrid, page_limit(page.limit)},
                   read_drift);
}

Result<int> purge(Connection& db, const TenantId& tenant, std::string_view before, int kept_max,
                  int limit) {
  db.as_tenant(tenant.str());
  CARNET_TRY(old, db.run("DELETE FROM drift_events WHERE id IN (SELECT id FROM drift_events WHERE "
                         "tenant_id = $1 AND id < $2 ORDER BY id LIMIT $3)",
                         {tenant.str(), before, integer(limit)}));
  CARNET_TRY(many, db.run("DELETE FROM drift_events WHERE id IN (SELECT id FROM drift_events WHERE "
                          "tenant_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3)",
                          {tenant.str(), integer(limit), integer(kept_max)}));
  return static_cast<int>(old + many);
}

Result<std::optional<EndpointAssets>> latest_assets(Connection& db, const TenantId& tenant,
                                                    std::string_view host, int port) {
  db.as_tenant(tenant.str());
  std::optional<EndpointAssets> out;
  CARNET_TRY_VOID(db.run(
      "SELECT l.scan_id, s.profile, a.body FROM endpoint_latest l JOIN scans s ON s.id = l.scan_id "
      "LEFT JOIN assets a ON a.scan_id = l.scan_id AND a.host = l.host AND a.port = l.port "
      "WHERE l.tenant_id = $1 AND l.host = $2 AND l.port = $3 ORDER BY a.asset_id",
      {tenant.str(), host, integer(port)}, [&out](const Row& row) { take_asset(row, out); }));
  return out;
}

Result<std::optional<EndpointAssets>> deeper_assets(Connection& db, const TenantId& tenant,
                                                    std::string_view host, int port,
                                                    std::string_view before) {
  db.as_tenant(tenant.str());
  std::optional<EndpointAssets> out;
  CARNET_TRY_VOID(db.run(
      "SELECT a.scan_id, s.profile, a.body FROM assets a JOIN scans s ON s.id = a.scan_id "
      "WHERE a.host = $2 AND a.port = $3 AND a.scan_id = (SELECT t.id FROM (SELECT id, profile, "
      "sample FROM scans WHERE tenant_id = $1 AND id < $4 ORDER BY id DESC LIMIT $5) AS t "
      "WHERE t.profile <> 'quick' AND t.sample = 0 AND EXISTS (SELECT 1 FROM assets b WHERE "
      "b.scan_id = t.id AND b.host = $2 AND b.port = $3) ORDER BY t.id DESC LIMIT 1) "
      "ORDER BY a.asset_id",
      {tenant.str(), host, integer(port), before, integer(kDeeperScansMax)},
      [&out](const Row& row) { take_asset(row, out); }));
  return out;
}

}  // namespace drift
}  // namespace carnet::store
