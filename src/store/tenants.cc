#include "store/query.h"
#include "store/repositories.h"

namespace carnet::store::tenants {
namespace {

TenantRow read(const Row& row) {
  return {.id = get_id<TenantId>(row, 0),
          .name = get_text(row, 1),
          .slug = get_text(row, 2),
          .settings = get_text(row, 3),
          .authorized_targets = get_text(row, 4),
          .created_at = get_time(row, 5),
          .state = parse_tenant_state(row.text(6))};
}

}  // namespace

Result<void> insert(Connection& db, const TenantRow& row) {
  db.as_tenant(row.id.str());
  return execute(db,
                 "INSERT INTO tenants (id, name, slug, settings, authorized_targets, created_at) "
                 "VALUES ($1, $2, $3, $4, $5, $6)",
                 {row.id.str(), row.name, row.slug, row.settings, row.authorized_targets,
                  time(row.created_at)});
}

Result<std::optional<TenantRow>> find(Connection& db, const TenantId& id) {
  db.as_tenant(id.str());
  return query_one(db,
                   "SELECT id, name, slug, settings, authorized_targets, created_at, state FROM "
                   "tenants WHERE id = $1",
                   {id.str()}, read);
}

Result<std::vector<TenantRow>> list(Connection& db, const Page& page) {
  db.as_system();
  return query_all(
      db,
      "SELECT id, name, slug, settings, authorized_targets, created_at, state FROM tenants "
      "WHERE id < $1 ORDER BY id DESC LIMIT $2",
      {page_before(page), page_limit(page.limit)}, read);
}

Result<bool> update_settings(Connection& db, const TenantId& id, std::string_view settings) {
  db.as_tenant(id.str());
  return execute_any(db, "UPDATE tenants SET settings = $2 WHERE id = $1", {id.str(), settings});
}

Result<bool> update_authorized_targets(Connection& db, const TenantId& id,
                                       std::string_view targets) {
  db.as_tenant(id.str());
  return execute_any(db, "UPDATE tenants SET authorized_targets = $2 WHERE id = $1",
                     {id.str(), targets});
}

Result<bool> set_state(Connection& db, const TenantId& id, TenantState from, TenantState to) {
  db.as_tenant(id.str());
  return execute_any(db, "UPDATE tenants SET state = $3 WHERE id = $1 AND state = $2",
                     {id.str(), to_string(from), to_string(to)});
}

}  // namespace carnet::store::tenants
