#include "store/query.h"
#include "store/repositories.h"

namespace carnet::store::keys {
namespace {

#define CARNET_SELECT_KEY                                                                          \
  "SELECT k.public_id, k.id, k.tenant_id, k.secret_mac, k.hint, k.label, k.role, "                 \
  "k.rate_per_minute, k.created_at, "                                                              \
  "k.expires_at, k.revoked_at, k.last_used_at, t.name, t.state FROM api_keys k JOIN tenants t ON " \
  "t.id = "                                                                                        \
  "k.tenant_id "

KeyRow read(const Row& row) {
  return {.public_id = get_text(row, 0),
          .id = get_id<KeyId>(row, 1),
          .tenant_id = get_id<TenantId>(row, 2),
          .secret_mac = std::string(row.blob(3)),
          .hint = get_text(row, 4),
          .label = get_text(row, 5),
          // The column's CHECK allows nothing else; if it did, the least right is the safe answer.
          .role = parse_role(row.text(6)).value_or(Role::kViewer),
          .rate_per_minute = get_opt_int(row, 7),
          .created_at = get_time(row, 8),
          .expires_at = get_opt_time(row, 9),
          .revoked_at = get_opt_time(row, 10),
          .last_used_at = get_opt_time(row, 11),
          .tenant_name = get_text(row, 12),
          .tenant_state = parse_tenant_state(row.text(13))};
}

}  // namespace

Result<void> insert(Connection& db, const KeyRow& row) {
  db.as_tenant(row.tenant_id.str());
  return execute(
      db,
      "INSERT INTO api_keys (public_id, id, tenant_id, secret_mac, hint, label, role, "
      "rate_per_minute, "
      "created_at, expires_at, revoked_at, last_used_at) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
      {row.public_id, row.id.str(), row.tenant_id.str(), BlobView{row.secret_mac}, row.hint,
       row.label, to_string(row.role), opt_int(row.rate_per_minute), time(row.created_at),
       opt_time(row.expires_at), opt_time(row.revoked_at), opt_time(row.last_used_at)});
}

PointQuery<KeyRow> by_public_id(std::string_view public_id) {
  return {.sql = CARNET_SELECT_KEY "WHERE k.public_id = $1",
          .key = std::string(public_id),
          .read = read};
}

Result<std::vector<KeyRow>> list(Connection& db, const TenantId& tenant, const Page& page) {
  db.as_tenant(tenant.str());
  return query_all(
      db, CARNET_SELECT_KEY "WHERE k.tenant_id = $1 AND k.id < $2 ORDER BY k.id DESC LIMIT $3",
      {tenant.str(), page_before(page), page_limit(page.limit)}, read);
}

Result<std::optional<KeyRow>> revoke(Connection& db, const KeyId& id, Timestamp at) {
  db.as_system();
  CARNET_TRY_VOID(
      execute(db, "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
              {id.str(), time(at)}));
  return query_one(db, CARNET_SELECT_KEY "WHERE k.id = $1", {id.str()}, read);
}

Result<void> touch(Connection& db, const KeyId& id, Timestamp at) {
  db.as_system();
  return execute(db,
                 "UPDATE api_keys SET last_used_at = $2 "
                 "WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
                 {id.str(), time(at)});
}

}  // namespace carnet::store::keys
