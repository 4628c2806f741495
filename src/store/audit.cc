#include <limits>

#include "store/query.h"
#include "store/repositories.h"

namespace carnet::store::audit {
namespace {

AuditRow read(const Row& row) {
  return {.id = get_id<AuditId>(row, 0),
          .tenant_id = get_text(row, 1),
          .at = get_time(row, 2),
          .actor = get_text(row, 3),
          .action = get_text(row, 4),
          .subject = get_text(row, 5),
          .request_id = get_text(row, 6),
          .detail = get_text(row, 7)};
}

// The platform's own rows have no tenant.
void set_scope_of(Connection& db, std::string_view tenant) {
  if (tenant.empty())
    db.as_system();
  else
    db.as_tenant(tenant);
}

}  // namespace

Result<void> insert(Connection& db, const AuditRow& row) {
  set_scope_of(db, row.tenant_id);
  return execute(
      db,
      "INSERT INTO audit (id, tenant_id, at, actor, action, subject, request_id, detail) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
      {row.id.str(), row.tenant_id, time(row.at), row.actor, row.action, row.subject,
       row.request_id, row.detail});
}

Result<std::vector<AuditRow>> list(Connection& db, std::string_view tenant, const Filter& filter,
                                   const Page& page) {
  set_scope_of(db, tenant);
  // substr and not LIKE: a prefix from outside may hold % and _.
  const std::int64_t since =
      filter.since ? to_millis(*filter.since) : std::numeric_limits<std::int64_t>::min();
  return query_all(
      db,
      "SELECT id, tenant_id, at, actor, action, subject, request_id, detail FROM audit "
      "WHERE tenant_id = $1 AND id < $2 AND at >= $3 AND substr(action, 1, length($4)) = $4 "
      "ORDER BY id DESC LIMIT $5",
      {tenant, page_before(page), integer(since), filter.action_prefix, page_limit(page.limit)},
      read);
}

}  // namespace carnet::store::audit
