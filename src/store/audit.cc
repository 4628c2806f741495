#include <limits>

#include "store/query.h"
#include "store/repositories.h"

namespace carnet::store::audit {
namespace {

#define CARNET_SELECT_AUDIT                                                              \
  "SELECT id, tenant_id, at, actor, action, subject, request_id, detail, key_id, role, " \
  "before_json, after_json, seq, prev_hash, hash FROM audit "

AuditRow read(const Row& row) {
  return {.id = get_id<AuditId>(row, 0),
          .tenant_id = get_text(row, 1),
          .at = get_time(row, 2),
          .actor = get_text(row, 3),
          .action = get_text(row, 4),
          .subject = get_text(row, 5),
          .request_id = get_text(row, 6),
          .detail = get_text(row, 7),
          .key_id = get_text(row, 8),
          .role = get_text(row, 9),
          .before = get_text(row, 10),
          .after = get_text(row, 11),
          .seq = row.integer(12),
          .prev_hash = get_text(row, 13),
          .hash = get_text(row, 14)};
}

// The platform's own rows have no tenant.
void set_scope_of(Connection& db, std::string_view tenant) {
  if (tenant.empty())
    db.as_system();
  else
    db.as_tenant(tenant);
}

std::int64_t millis_or(const std::optional<Timestamp>& time, std::int64_t other) {
  return time ? to_millis(*time) : other;
}

}  // namespace

Result<void> insert(Connection& db, const AuditRow& row) {
  set_scope_of(db, row.tenant_id);
  return execute(
      db,
      "INSERT INTO audit (id, tenant_id, at, actor, action, subject, request_id, detail, key_id, "
      "role, before_json, after_json) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
      {row.id.str(), row.tenant_id, time(row.at), row.actor, row.action, row.subject,
       row.request_id, row.detail, row.key_id, row.role, row.before, row.after});
}

Result<std::vector<AuditRow>> list(Connection& db, std::string_view tenant, const Filter& filter,
                                   const Page& page) {
  set_scope_of(db, tenant);
  using Limits = std::numeric_limits<std::int64_t>;
  // substr and not LIKE: a prefix from outside may hold % and _.
  return query_all(db,
                   CARNET_SELECT_AUDIT
                   "WHERE tenant_id = $1 AND id < $2 AND at >= $3 AND at < $6 AND "
                   "substr(action, 1, length($4)) = $4 AND ($7 = '' OR actor = $7) AND "
                   "($8 = '' OR subject = $8) ORDER BY id DESC LIMIT $5",
                   {tenant, page_before(page), integer(millis_or(filter.since, Limits::min())),
                    filter.action_prefix, page_limit(page.limit),
                    integer(millis_or(filter.until, Limits::max())), filter.actor, filter.subject},
                   read);
}

Result<std::vector<std::string>> tenants_to_seal(Connection& db, int limit) {
  db.as_system();
  return query_all(
      db, "SELECT DISTINCT tenant_id FROM audit WHERE seq IS NULL ORDER BY tenant_id LIMIT $1",
      {page_limit(limit)}, [](const Row& row) { return get_text(row, 0); });
}

Result<std::vector<AuditRow>> unsealed(Connection& db, std::string_view tenant, int limit) {
  set_scope_of(db, tenant);
  return query_all(db,
                   CARNET_SELECT_AUDIT "WHERE tenant_id = $1 AND seq IS NULL ORDER BY id LIMIT $2",
                   {tenant, page_limit(limit)}, read);
}

Result<Backlog> backlog(Connection& db) {
  db.as_system();
  Backlog out;
  const auto on_row = [&out](const Row& row) {
    out.count = row.integer(0);
    out.oldest_at = get_opt_time(row, 1);
  };
  CARNET_TRY_VOID(db.run("SELECT count(*), min(at) FROM audit WHERE seq IS NULL", {}, on_row));
  return out;
}

Result<AuditHeadRow> head(Connection& db, std::string_view tenant) {
  set_scope_of(db, tenant);
  const auto read_head = [tenant](const Row& row) {
    return AuditHeadRow{.tenant_id = std::string(tenant),
                        .seq = row.integer(0),
                        .hash = get_text(row, 1),
                        .at = get_time(row, 2),
                        .signature = get_text(row, 3)};
  };
  CARNET_TRY(found,
             query_one(db, "SELECT seq, hash, at, signature FROM audit_heads WHERE tenant_id = $1",
                       {tenant}, read_head));
  if (found) return std::move(*found);
  AuditHeadRow none;
  none.tenant_id = tenant;
  return none;
}

Result<bool> seal(Connection& db, const AuditHeadRow& from, const AuditHeadRow& to,
                  const std::vector<AuditRow>& rows) {
  set_scope_of(db, to.tenant_id);
  // Whoever moves the head first wins: the other's statement changes nothing, or waits for the row
  // and then changes nothing.
  const bool first = from.seq == 0;
  CARNET_TRY(
      moved,
      first ? execute_any(db,
                          "INSERT INTO audit_heads (tenant_id, seq, hash, at, signature) "
                          "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id) DO NOTHING",
                          {to.tenant_id, integer(to.seq), to.hash, time(to.at), to.signature})
            : execute_any(db,
                          "UPDATE audit_heads SET seq = $2, hash = $3, at = $4, signature = $5 "
                          "WHERE tenant_id = $1 AND seq = $6 AND hash = $7",
                          {to.tenant_id, integer(to.seq), to.hash, time(to.at), to.signature,
                           integer(from.seq), from.hash}));
  if (!moved) return false;
  for (const AuditRow& row : rows)
    CARNET_TRY_VOID(
        execute(db,
                "UPDATE audit SET seq = $3, prev_hash = $4, hash = $5 "
                "WHERE id = $1 AND tenant_id = $2 AND seq IS NULL",
                {row.id.str(), row.tenant_id, integer(row.seq), row.prev_hash, row.hash}));
  std::int64_t placed = 0;
  const auto on_row = [&placed](const Row& row) { placed = row.integer(0); };
  CARNET_TRY_VOID(
      db.run("SELECT count(*) FROM audit WHERE tenant_id = $1 AND seq > $2 AND seq <= $3",
             {to.tenant_id, integer(from.seq), integer(to.seq)}, on_row));
  if (placed != static_cast<std::int64_t>(rows.size()))
    return make_error(ErrorCode::kConflict, "The audit trail was changed while it was sealed.");
  return true;
}

Result<std::vector<AuditRow>> sealed_after(Connection& db, std::string_view tenant,
                                           std::int64_t seq, int limit) {
  set_scope_of(db, tenant);
  return query_all(db,
                   CARNET_SELECT_AUDIT "WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3",
                   {tenant, integer(seq), page_limit(limit)}, read);
}

Result<std::int64_t> erase(Connection& db, std::string_view tenant, int limit) {
  set_scope_of(db, tenant);
  return db.run(
      "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE tenant_id = $1 ORDER BY id "
      "LIMIT $2)",
      {tenant, page_limit(limit)});
}

}  // namespace carnet::store::audit
