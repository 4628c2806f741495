#include "store/query.h"
#include "store/repositories.h"

namespace carnet::store::shares {
namespace {

#define CARNET_SHARE_COLUMNS                                                                    \
  "s.public_id, s.id, s.tenant_id, s.scan_id, s.secret_mac, s.hint, s.scope, s.label, "         \
  "s.recipient, s.passcode_hash, "                                                              \
  "s.max_views, s.view_count, s.paused, s.revision, s.created_by, s.created_at, s.expires_at, " \
  "s.revoked_at, "                                                                              \
  "s.last_viewed_at, s.dead_tries, s.last_dead_try_at"
#define CARNET_SELECT_SHARE "SELECT " CARNET_SHARE_COLUMNS " FROM shares s "

ShareRow read(const Row& row) {
  return {.public_id = get_text(row, 0),
          .id = get_id<ShareId>(row, 1),
          .tenant_id = get_id<TenantId>(row, 2),
          .scan_id = get_id<ScanId>(row, 3),
          .secret_mac = std::string(row.blob(4)),
          .hint = get_text(row, 5),
          .scope = get_text(row, 6),
          .label = get_text(row, 7),
          .recipient = get_text(row, 8),
          .passcode_hash = row.is_null(9) ? std::nullopt : std::optional(get_text(row, 9)),
          .max_views = get_opt_int(row, 10),
          .view_count = get_int(row, 11),
          .paused = get_flag(row, 12),
          .revision = get_int(row, 13),
          .created_by = get_id<KeyId>(row, 14),
          .created_at = get_time(row, 15),
          .expires_at = get_time(row, 16),
          .revoked_at = get_opt_time(row, 17),
          .last_viewed_at = get_opt_time(row, 18),
          .dead_tries = get_int(row, 19),
          .last_dead_try_at = get_opt_time(row, 20),
          .tenant_name = {},
          .tenant_settings = {},
          .tenant_state = TenantState::kActive};
}

ShareRow read_with_tenant(const Row& row) {
  ShareRow out = read(row);
  out.tenant_name = get_text(row, 21);
  out.tenant_settings = get_text(row, 22);
  out.tenant_state = parse_tenant_state(row.text(23));
  return out;
}

ViewRow read_view(const Row& row) {
  return {.id = get_id<ViewId>(row, 0),
          .share_id = get_id<ShareId>(row, 1),
          .at = get_time(row, 2),
          .last_at = get_time(row, 3),
          .count = get_int(row, 4),
          .outcome = get_text(row, 5),
          .format = get_text(row, 6),
          .visitor = get_text(row, 7),
          .user_agent = get_text(row, 8)};
}

}  // namespace

Result<void> insert(Connection& db, const ShareRow& row) {
  db.as_tenant(row.tenant_id.str());
  return execute(
      db,
      "INSERT INTO shares (public_id, id, tenant_id, scan_id, secret_mac, hint, scope, label, "
      "recipient, "
      "passcode_hash, max_views, view_count, paused, revision, created_by, created_at, expires_at, "
      "revoked_at, "
      "last_viewed_at) "
      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, "
      "$19)",
      {row.public_id, row.id.str(), row.tenant_id.str(), row.scan_id.str(),
       BlobView{row.secret_mac}, row.hint, row.scope, row.label, row.recipient,
       opt_text(row.passcode_hash), opt_int(row.max_views), integer(row.view_count),
       flag(row.paused), integer(row.revision), row.created_by.str(), time(row.created_at),
       time(row.expires_at), opt_time(row.revoked_at), opt_time(row.last_viewed_at)});
}

PointQuery<ShareRow> by_public_id(std::string_view public_id) {
  return {
      .sql =
          "SELECT " CARNET_SHARE_COLUMNS
          ", t.name, t.settings, t.state FROM shares s JOIN tenants t ON t.id = s.tenant_id WHERE "
          "s.public_id = $1",
      .key = std::string(public_id),
      .read = read_with_tenant};
}

Result<std::optional<ShareRow>> find(Connection& db, const TenantId& tenant, const ShareId& id) {
  db.as_tenant(tenant.str());
  return query_one(db, CARNET_SELECT_SHARE "WHERE s.id = $1 AND s.tenant_id = $2",
                   {id.str(), tenant.str()}, read);
}

Result<std::vector<ShareRow>> list(Connection& db, const TenantId& tenant,
                                   const std::optional<ScanId>& scan, const Page& page) {
  db.as_tenant(tenant.str());
  if (!scan)
    return query_all(
        db, CARNET_SELECT_SHARE "WHERE s.tenant_id = $1 AND s.id < $2 ORDER BY s.id DESC LIMIT $3",
        {tenant.str(), page_before(page), page_limit(page.limit)}, read);
  return query_all(
      db,
      CARNET_SELECT_SHARE
      "WHERE s.scan_id = $4 AND s.tenant_id = $1 AND s.id < $2 ORDER BY s.id DESC LIMIT $3",
      {tenant.str(), page_before(page), page_limit(page.limit), scan->str()}, read);
}

Result<std::optional<ShareRow>> revoke(Connection& db, const TenantId& tenant, const ShareId& id,
                                       Timestamp at) {
  db.as_tenant(tenant.str());
  CARNET_TRY_VOID(execute(db,
                          "UPDATE shares SET revoked_at = $3, revision = revision + 1 "
                          "WHERE id = $1 AND tenant_id = $2 AND revoked_at IS NULL",
                          {id.str(), tenant.str(), time(at)}));
  return find(db, tenant, id);
}

Result<std::optional<ShareRow>> patch(Connection& db, const TenantId& tenant, const ShareId& id,
                                      const Patch& patch) {
  db.as_tenant(tenant.str());
  if (patch.label || patch.recipient || patch.expires_at || patch.paused)
    CARNET_TRY_VOID(execute(
        db,
        "UPDATE shares SET label = COALESCE($3, label), recipient = COALESCE($4, recipient), "
        "expires_at = COALESCE($5, expires_at), paused = COALESCE($6, paused), "
        "revision = revision + 1 WHERE id = $1 AND tenant_id = $2",
        {id.str(), tenant.str(), opt_text(patch.label), opt_text(patch.recipient),
         opt_time(patch.expires_at), opt_flag(patch.paused)}));
  return find(db, tenant, id);
}

Result<OpenCount> count_open(Connection& db, const TenantId& tenant, const ScanId& scan,
                             Timestamp now) {
  db.as_tenant(tenant.str());
  const auto read_count = [](const Row& row) {
    return OpenCount{.of_tenant = get_int(row, 0), .of_scan = get_int(row, 1)};
  };
  CARNET_TRY(count, query_one(db,
                              "SELECT count(*), count(*) FILTER (WHERE scan_id = $3) FROM shares "
                              "WHERE tenant_id = $1 AND revoked_at IS NULL AND expires_at > $2",
                              {tenant.str(), time(now), scan.str()}, read_count));
  return count.value_or(OpenCount{});
}

Result<bool> open(Connection& db, const ShareId& id, Timestamp now) {
  db.as_system();
  return execute_any(db,
                     "UPDATE shares SET view_count = view_count + 1, last_viewed_at = $2 "
                     "WHERE id = $1 AND revoked_at IS NULL AND paused = 0 AND expires_at > $2 "
                     "AND (max_views IS NULL OR view_count < max_views)",
                     {id.str(), time(now)});
}

Result<std::optional<ShareRow>> find_for_visitor(Connection& db, const ShareId& id) {
  db.as_system();
  return query_one(db, CARNET_SELECT_SHARE "WHERE s.id = $1", {id.str()}, read);
}

Result<void> insert_view(Connection& db, const ViewRow& row) {
  db.as_system();
  return execute(
      db,
      "INSERT INTO share_views (id, share_id, at, last_at, count, outcome, format, "
      "visitor, user_agent) SELECT $1, s.id, $3, $4, $5, $6, $7, $8, $9 FROM shares s "
      "WHERE s.id = $2 ON CONFLICT (id) DO NOTHING",
      {row.id.str(), row.share_id.str(), time(row.at), time(std::max(row.at, row.last_at)),
       integer(row.count), row.outcome, row.format, row.visitor, row.user_agent});
}

Result<bool> extend_view(Connection& db, const ViewId& id, int more, Timestamp last_at) {
  db.as_system();
  return execute_any(db,
                     "UPDATE share_views SET count = count + $2, "
                     "last_at = CASE WHEN last_at < $3 THEN $3 ELSE last_at END WHERE id = $1",
                     {id.str(), integer(more), time(last_at)});
}

Result<std::vector<ScorePoint>> score_history(Connection& db, const ScanId& scan, int limit) {
  const auto read_point = [](const Row& row) {
    return ScorePoint{.at = get_time(row, 0),
                      .score = row.is_null(1) ? std::nullopt : std::optional(row.real(1)),
                      .band = get_text(row, 2)};
  };
  CARNET_TRY(points,
             query_all(db,
                       "SELECT s.finished_at, s.readiness_score, s.readiness_band "
                       "FROM passports this JOIN passports p ON p.tenant_id = this.tenant_id "
                       "AND p.target_set = this.target_set AND p.issued_at <= this.issued_at "
                       "JOIN scans s ON s.id = p.scan_id WHERE this.scan_id = $1 "
                       "AND s.finished_at IS NOT NULL ORDER BY p.issued_at DESC LIMIT $2",
                       {scan.str(), page_limit(limit)}, read_point));
  std::reverse(points.begin(), points.end());
  return points;
}

Result<void> add_dead_tries(Connection& db, const ShareId& id, int more, Timestamp last_at) {
  db.as_system();
  return execute(db,
                 "UPDATE shares SET dead_tries = dead_tries + $2, "
                 "last_dead_try_at = CASE WHEN last_dead_try_at > $3 THEN last_dead_try_at ELSE $3 "
                 "END WHERE id = $1",
                 {id.str(), integer(more), time(last_at)});
}

Result<std::vector<ViewRow>> list_views(Connection& db, const ShareId& id, const Page& page) {
  return query_all(db,
                   "SELECT id, share_id, at, last_at, count, outcome, format, visitor, user_agent "
                   "FROM share_views WHERE share_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
                   {id.str(), page_before(page), page_limit(page.limit)}, read_view);
}

}  // namespace carnet::store::shares
