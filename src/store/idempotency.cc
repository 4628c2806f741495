#include "store/query.h"
#include "store/repositories.h"

namespace carnet::store::idempotency {
namespace {

IdempotencyRow read(const Row& row) {
  return {.tenant_id = get_text(row, 0),
          .operation = get_text(row, 1),
          .key_hash = get_text(row, 2),
          .fingerprint = get_text(row, 3),
          .state = get_text(row, 4),
          .owner = get_text(row, 5),
          .status = get_opt_int(row, 6),
          .response = std::string(row.blob(7)),
          .created_at = get_time(row, 8)};
}

}  // namespace

Result<std::optional<IdempotencyRow>> find(Connection& db, std::string_view tenant,
                                           std::string_view operation, std::string_view key_hash) {
  db.as_tenant(tenant);
  return query_one(db,
                   "SELECT tenant_id, operation, key_hash, fingerprint, state, owner, status, "
                   "response, created_at "
                   "FROM idempotency WHERE tenant_id = $1 AND operation = $2 AND key_hash = $3",
                   {tenant, operation, key_hash}, read);
}

Result<void> begin(Connection& db, const IdempotencyRow& row) {
  db.as_tenant(row.tenant_id);
  return execute(db,
                 "INSERT INTO idempotency (tenant_id, operation, key_hash, fingerprint, state, "
                 "owner, status, response, "
                 "created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                 {row.tenant_id, row.operation, row.key_hash, row.fingerprint, row.state, row.owner,
                  opt_int(row.status), BlobView{row.response}, time(row.created_at)});
}

Result<void> finish(Connection& db, const IdempotencyRow& row) {
  db.as_tenant(row.tenant_id);
  CARNET_TRY(
      finished,
      execute_any(
          db,
          "UPDATE idempotency SET state = $5, status = $6, response = $7 WHERE tenant_id = $1 "
          "AND operation = $2 AND key_hash = $3 AND owner = $4 AND state = 'running'",
          {row.tenant_id, row.operation, row.key_hash, row.owner, row.state, opt_int(row.status),
           BlobView{row.response}}));
  if (!finished)
    return make_error(ErrorCode::kConflict,
                      "Another request with this Idempotency-Key has taken over.",
                      "the idempotency record is not ours or not running");
  return {};
}

Result<void> erase(Connection& db, std::string_view tenant, std::string_view operation,
                   std::string_view key_hash) {
  db.as_tenant(tenant);
  return execute(
      db, "DELETE FROM idempotency WHERE tenant_id = $1 AND operation = $2 AND key_hash = $3",
      {tenant, operation, key_hash});
}

Result<int> purge(Connection& db, Timestamp older_than, int limit) {
  db.as_system();
  CARNET_TRY(purged,
             db.run("DELETE FROM idempotency WHERE (tenant_id, operation, key_hash) IN "
                    "(SELECT tenant_id, operation, key_hash FROM idempotency WHERE created_at < $1 "
                    "ORDER BY created_at LIMIT $2)",
                    {time(older_than), page_limit(limit)}));
  return static_cast<int>(purged);
}

}  // namespace carnet::store::idempotency
