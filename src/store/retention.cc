#include "store/retention.h"

#include "store/query.h"

namespace carnet::store::retention {
namespace {

// What keeps the scan `s` of tenant $1 at the time $2.
#define CARNET_KEPT                                                                            \
  "CASE WHEN s.pinned <> 0 THEN 'pinned' "                                                     \
  "WHEN EXISTS (SELECT 1 FROM shares l WHERE l.scan_id = s.id AND l.revoked_at IS NULL "       \
  "AND l.expires_at > $2) THEN 'shared' "                                                      \
  "WHEN EXISTS (SELECT 1 FROM endpoint_latest e WHERE e.scan_id = s.id) THEN 'current' "       \
  "WHEN s.id = (SELECT n.id FROM scans n WHERE n.tenant_id = $1 AND n.status = 'success' "     \
  "AND n.sample = 0 ORDER BY n.id DESC LIMIT 1) THEN 'newest' "                                \
  "WHEN EXISTS (SELECT 1 FROM passport_chains c WHERE c.tenant_id = $1 AND c.scan_id = s.id) " \
  "THEN 'baseline' "                                                                           \
  "WHEN EXISTS (SELECT 1 FROM watched_targets g WHERE g.scan_id = s.id) THEN 'baseline' "      \
  "WHEN EXISTS (SELECT 1 FROM remediation r WHERE r.tenant_id = $1 AND r.verified_by = s.id "  \
  "AND r.verified_by <> '') THEN 'proof' "                                                     \
  "ELSE '' END"
#define CARNET_ENDED "s.status IN ('success', 'error', 'cancelled')"

AgedScan read(const Row& row) {
  return {.id = get_id<ScanId>(row, 0),
          .label = get_text(row, 1),
          .target = get_text(row, 2),
          .status = get_text(row, 3),
          .created_at = get_time(row, 4),
          .finished_at = get_time(row, 5),
          .asset_count = get_int(row, 6),
          .kept = get_text(row, 7)};
}

// Whoever is just making a link to the scan is waited for, and whoever comes later finds it gone:
// a link holds its scan by the foreign key. On SQLite a write is alone.
Result<void> hold(Connection& db, const TenantId& tenant, const ScanId& id) {
  if (db.dialect() == Dialect::kSqlite) return {};
  return execute(db, "SELECT 1 FROM scans WHERE tenant_id = $1 AND id = $2 FOR UPDATE",
                 {tenant.str(), id.str()});
}

}  // namespace

Result<std::vector<AgedScan>> aged(Connection& db, const TenantId& tenant, const Age& age,
                                   std::string_view after, int limit) {
  db.as_tenant(tenant.str());
  return query_all(db,
                   "SELECT s.id, s.label, s.target, s.status, s.created_at, s.finished_at, "
                   "s.asset_count, " CARNET_KEPT
                   " FROM scans s WHERE s.tenant_id = $1 AND s.id > $3 AND s.id < $6 "
                   "AND s.finished_at < $4 AND " CARNET_ENDED " ORDER BY s.id LIMIT $5",
                   {tenant.str(), time(age.now), after, time(age.before), page_limit(limit),
                    age.before_id.str()},
                   read);
}

Result<bool> erase(Connection& db, const TenantId& tenant, const ScanId& id, const Age& age) {
  db.as_tenant(tenant.str());
  CARNET_TRY_VOID(hold(db, tenant, id));
  return execute_any(db,
                     "DELETE FROM scans AS s WHERE s.tenant_id = $1 AND s.id = $3 "
                     "AND s.finished_at < $4 AND " CARNET_ENDED " AND " CARNET_KEPT " = ''",
                     {tenant.str(), time(age.now), id.str(), time(age.before)});
}

Result<void> forget_count(Connection& db, const TenantId& tenant, int number) {
  db.as_tenant(tenant.str());
  return execute(db, "UPDATE tenants SET scan_count = scan_count - $2 WHERE id = $1",
                 {tenant.str(), integer(number)});
}

Result<int> erase_assets(Connection& db, const TenantId& tenant, const ScanId& id, const Age& age,
                         int limit) {
  db.as_tenant(tenant.str());
  CARNET_TRY_VOID(hold(db, tenant, id));
  CARNET_TRY(erased,
             db.run("DELETE FROM assets WHERE scan_id = $3 AND asset_id IN "
                    "(SELECT a.asset_id FROM assets a JOIN scans s ON s.id = a.scan_id "
                    "WHERE s.tenant_id = $1 AND a.scan_id = $3 AND s.finished_at < $4 "
                    "AND " CARNET_ENDED " AND " CARNET_KEPT " = '' LIMIT $5)",
                    {tenant.str(), time(age.now), id.str(), time(age.before), page_limit(limit)}));
  return static_cast<int>(erased);
}

// A link that is younger than the time has no older entry, so ids bound both sides of the join.
Result<int> erase_views(Connection& db, const TenantId& tenant, const ViewId& before_id,
                        Timestamp before, int limit) {
  db.as_tenant(tenant.str());
  CARNET_TRY(erased, db.run("DELETE FROM share_views WHERE id IN (SELECT v.id FROM shares s "
                            "JOIN share_views v ON v.share_id = s.id AND v.id < $2 "
                            "WHERE s.tenant_id = $1 AND v.last_at < $3 LIMIT $4)",
                            {tenant.str(), before_id.str(), time(before), page_limit(limit)}));
  return static_cast<int>(erased);
}

}  // namespace carnet::store::retention
