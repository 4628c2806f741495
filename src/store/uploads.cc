#include "store/uploads.h"

#include "store/query.h"

namespace carnet::store::uploads {
namespace {

UploadRow read(const Row& row) {
  return {.id = UploadId::trusted(get_text(row, 0)),
          .tenant_id = TenantId::trusted(get_text(row, 1)),
          .created_by = get_text(row, 2),
          .created_at = get_time(row, 3),
          .expires_at = get_time(row, 4),
          .file_count = static_cast<int>(row.integer(5)),
          .targets = get_text(row, 6),
          .endpoints = get_text(row, 7)};
}

}  // namespace

Result<void> insert(Connection& db, const UploadRow& row) {
  db.as_tenant(row.tenant_id.str());
  return execute(db,
                 "INSERT INTO uploads (id, tenant_id, created_by, created_at, expires_at, "
                 "file_count, targets, endpoints) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                 {row.id.str(), row.tenant_id.str(), row.created_by, time(row.created_at),
                  time(row.expires_at), integer(row.file_count), row.targets, row.endpoints});
}

Result<std::optional<UploadRow>> find(Connection& db, const TenantId& tenant, const UploadId& id,
                                      Timestamp now) {
  db.as_tenant(tenant.str());
  return query_one(db,
                   "SELECT id, tenant_id, created_by, created_at, expires_at, file_count, targets, "
                   "endpoints FROM uploads WHERE id = $1 AND tenant_id = $2 AND expires_at > $3",
                   {id.str(), tenant.str(), time(now)}, read);
}

Result<int> count(Connection& db, const TenantId& tenant, Timestamp now) {
  db.as_tenant(tenant.str());
  const auto number = [](const Row& row) { return static_cast<int>(row.integer(0)); };
  CARNET_TRY(found, query_one(db,
                              "SELECT count(*) FROM uploads WHERE tenant_id = $1 AND expires_at > "
                              "$2",
                              {tenant.str(), time(now)}, number));
  return found.value_or(0);
}

Result<bool> copy_to_scan(Connection& db, const TenantId& tenant, const UploadId& id,
                          const ScanId& scan, Timestamp now) {
  db.as_tenant(tenant.str());
  return execute_any(db,
                     "INSERT INTO scan_files (scan_id, endpoints) SELECT $1, endpoints FROM "
                     "uploads WHERE id = $2 AND tenant_id = $3 AND expires_at > $4",
                     {scan.str(), id.str(), tenant.str(), time(now)});
}

Result<std::string> files_of_scan(Connection& db, const ScanId& scan) {
  const auto text = [](const Row& row) { return get_text(row, 0); };
  CARNET_TRY(found, query_one(db, "SELECT endpoints FROM scan_files WHERE scan_id = $1",
                              {scan.str()}, text));
  return found.value_or("[]");
}

Result<void> drop_files_of_scan(Connection& db, const ScanId& scan) {
  return execute(db, "DELETE FROM scan_files WHERE scan_id = $1", {scan.str()});
}

Result<int> purge(Connection& db, Timestamp now, int limit) {
  db.as_system();
  CARNET_TRY(purged, db.run("DELETE FROM uploads WHERE id IN (SELECT id FROM uploads WHERE "
                            "expires_at <= $1 ORDER BY expires_at LIMIT $2)",
                            {time(now), page_limit(limit)}));
  return static_cast<int>(purged);
}

}  // namespace carnet::store::uploads
