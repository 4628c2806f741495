#include "store/portfolio.h"

#include "store/query.h"

namespace carnet::store {
namespace {

#define CARNET_INVITATION_COLUMNS                                                          \
  "i.public_id, i.id, i.tenant_id, i.secret_mac, i.hint, i.label, i.scope, i.created_by, " \
  "i.created_at, i.expires_at"
#define CARNET_LINK_COLUMNS "id, tenant_id, child_id, label, scope, invited_at, accepted_at"

InvitationRow read_invitation(const Row& row) {
  return {.public_id = get_text(row, 0),
          .id = get_id<PartnerLinkId>(row, 1),
          .tenant_id = get_id<TenantId>(row, 2),
          .secret_mac = std::string(row.blob(3)),
          .hint = get_text(row, 4),
          .label = get_text(row, 5),
          .scope = get_text(row, 6),
          .created_by = get_id<KeyId>(row, 7),
          .created_at = get_time(row, 8),
          .expires_at = get_time(row, 9),
          .tenant_name = {}};
}

InvitationRow read_with_tenant(const Row& row) {
  InvitationRow out = read_invitation(row);
  out.tenant_name = get_text(row, 10);
  return out;
}

PartnerLinkRow read_link(const Row& row) {
  return {.id = get_id<PartnerLinkId>(row, 0),
          .tenant_id = get_id<TenantId>(row, 1),
          .child_id = get_id<TenantId>(row, 2),
          .label = get_text(row, 3),
          .scope = get_text(row, 4),
          .invited_at = get_time(row, 5),
          .accepted_at = get_time(row, 6)};
}

std::optional<double> get_opt_real(const Row& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(row.real(column));
}

TenantSummary read_summary(const Row& row) {
  return {.id = get_id<TenantId>(row, 0),
          .name = get_text(row, 1),
          .state = parse_tenant_state(row.text(14)),
          .score = get_opt_real(row, 2),
          .band = get_text(row, 3),
          .last_scan_at = get_opt_time(row, 4),
          .score_before = get_opt_real(row, 5),
          .endpoints = row.integer(6),
          .assets = row.integer(7),
          .broken = row.integer(8),
          .at_risk = row.integer(9),
          .alerts_critical = row.integer(10),
          .alerts_high = row.integer(11),
          .alerts_medium = row.integer(12),
          .alerts_low = row.integer(13)};
}

}  // namespace

namespace partners {

Result<void> insert_invitation(Connection& db, const InvitationRow& row) {
  db.as_tenant(row.tenant_id.str());
  return execute(
      db,
      "INSERT INTO partner_invitations (public_id, id, tenant_id, secret_mac, hint, "
      "label, scope, created_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, "
      "$6, $7, $8, $9, $10)",
      {row.public_id, row.id.str(), row.tenant_id.str(), BlobView{row.secret_mac}, row.hint,
       row.label, row.scope, row.created_by.str(), time(row.created_at), time(row.expires_at)});
}

PointQuery<InvitationRow> by_public_id(std::string_view public_id) {
  return {.sql = "SELECT " CARNET_INVITATION_COLUMNS
                 ", t.name FROM partner_invitations i JOIN tenants t ON t.id = i.tenant_id "
                 "WHERE i.public_id = $1",
          .key = std::string(public_id),
          .read = read_with_tenant};
}

Result<bool> erase_invitation(Connection& db, const TenantId& parent, const PartnerLinkId& id) {
  db.as_tenant(parent.str());
  return execute_any(db, "DELETE FROM partner_invitations WHERE id = $1 AND tenant_id = $2",
                     {id.str(), parent.str()});
}

Result<void> erase_expired(Connection& db, const TenantId& parent, Timestamp now) {
  db.as_tenant(parent.str());
  return execute(db, "DELETE FROM partner_invitations WHERE expires_at <= $1 AND tenant_id = $2",
                 {time(now), parent.str()});
}

Result<std::vector<InvitationRow>> invitations(Connection& db, const TenantId& parent,
                                               const Page& page) {
  db.as_tenant(parent.str());
  return query_all(db,
                   "SELECT " CARNET_INVITATION_COLUMNS
                   " FROM partner_invitations i WHERE i.tenant_id = $1 AND i.id < $2 "
                   "ORDER BY i.id DESC LIMIT $3",
                   {parent.str(), page_before(page), page_limit(page.limit)}, read_invitation);
}

Result<void> insert_link(Connection& db, const PartnerLinkRow& row) {
  db.as_tenant(row.child_id.str());
  return execute(
      db, "INSERT INTO partner_links (" CARNET_LINK_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7)",
      {row.id.str(), row.tenant_id.str(), row.child_id.str(), row.label, row.scope,
       time(row.invited_at), time(row.accepted_at)});
}

Result<std::optional<PartnerLinkRow>> find_link(Connection& db, const TenantId& tenant,
                                                const PartnerLinkId& id) {
  db.as_tenant(tenant.str());
  return query_one(db,
                   "SELECT " CARNET_LINK_COLUMNS
                   " FROM partner_links WHERE id = $1 AND (tenant_id = $2 OR child_id = $2)",
                   {id.str(), tenant.str()}, read_link);
}

Result<std::optional<PartnerLinkRow>> between(Connection& db, const TenantId& parent,
                                              const TenantId& child) {
  db.as_tenant(parent.str());
  return query_one(db,
                   "SELECT " CARNET_LINK_COLUMNS
                   " FROM partner_links WHERE child_id = $1 AND tenant_id = $2",
                   {child.str(), parent.str()}, read_link);
}

Result<bool> erase_link(Connection& db, const TenantId& tenant, const PartnerLinkId& id) {
  db.as_tenant(tenant.str());
  return execute_any(
      db, "DELETE FROM partner_links WHERE id = $1 AND (tenant_id = $2 OR child_id = $2)",
      {id.str(), tenant.str()});
}

Result<std::vector<PartnerLinkRow>> children(Connection& db, const TenantId& parent,
                                             const Page& page) {
  db.as_tenant(parent.str());
  return query_all(db,
                   "SELECT " CARNET_LINK_COLUMNS
                   " FROM partner_links WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
                   {parent.str(), page_before(page), page_limit(page.limit)}, read_link);
}

Result<std::vector<PartnerLinkRow>> parents(Connection& db, const TenantId& child,
                                            const Page& page) {
  db.as_tenant(child.str());
  return query_all(db,
                   "SELECT " CARNET_LINK_COLUMNS
                   " FROM partner_links WHERE child_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
                   {child.str(), page_before(page), page_limit(page.limit)}, read_link);
}

Result<Counts> counts(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  const auto read = [](const Row& row) {
    return Counts{
        .invitations = get_int(row, 0), .children = get_int(row, 1), .parents = get_int(row, 2)};
  };
  CARNET_TRY(found,
             query_one(db,
                       "SELECT (SELECT count(*) FROM partner_invitations WHERE tenant_id = $1), "
                       "(SELECT count(*) FROM partner_links WHERE tenant_id = $1), "
                       "(SELECT count(*) FROM partner_links WHERE child_id = $1)",
                       {tenant.str()}, read));
  return found.value_or(Counts{});
}

Result<bool> is_above(Connection& db, const TenantId& above, const TenantId& tenant) {
  db.as_system();
  const auto read = [](const Row& row) { return get_flag(row, 0); };
  CARNET_TRY(found, query_one(db,
                              "WITH RECURSIVE above (id) AS (SELECT tenant_id FROM partner_links "
                              "WHERE child_id = $1 UNION SELECT l.tenant_id FROM partner_links l "
                              "JOIN above a ON l.child_id = a.id) "
                              "SELECT CASE WHEN EXISTS (SELECT 1 FROM above WHERE id = $2) "
                              "THEN 1 ELSE 0 END",
                              {tenant.str(), above.str()}, read));
  return found.value_or(false);
}

}  // namespace partners

// The parts are scalar so that one statement is one round trip, and each is a range of an index.
// '' is any kind or status in inventory_facets: with both '' there is one row an endpoint.
Result<std::optional<TenantSummary>> summary_of(Connection& db, const TenantId& tenant,
                                                std::string_view first_day) {
  db.as_tenant(tenant.str());
  return query_one(
      db,
      "SELECT t.id, t.name, s.readiness_score, COALESCE(s.readiness_band, ''), s.finished_at, "
      "(SELECT d.score_last FROM drift_days d WHERE d.tenant_id = t.id AND d.day >= $2 AND "
      "d.scored > 0 ORDER BY d.day LIMIT 1), "
      "COALESCE(f.endpoints, 0), COALESCE(f.assets, 0), COALESCE(b.assets, 0), "
      "COALESCE(r.assets, 0), a.critical, a.high, a.medium, a.low, "
      "t.state FROM tenants t "
      "LEFT JOIN scans s ON s.id = (SELECT n.id FROM scans n WHERE n.tenant_id = $1 AND "
      "n.status = 'success' AND n.sample = 0 ORDER BY n.id DESC LIMIT 1) "
      "CROSS JOIN (SELECT count(*) AS endpoints, CAST(sum(assets) AS BIGINT) AS assets FROM "
      "inventory_facets WHERE tenant_id = $1 AND kind = '' AND status = '') AS f "
      "CROSS JOIN (SELECT CAST(sum(assets) AS BIGINT) AS assets FROM inventory_facets WHERE "
      "tenant_id = $1 AND kind = '' AND status = 'broken') AS b "
      "CROSS JOIN (SELECT CAST(sum(assets) AS BIGINT) AS assets FROM inventory_facets WHERE "
      "tenant_id = $1 AND kind = '' AND status = 'at-risk') AS r "
      "CROSS JOIN (SELECT count(*) FILTER (WHERE severity = 'critical') AS critical, "
      "count(*) FILTER (WHERE severity = 'high') AS high, "
      "count(*) FILTER (WHERE severity = 'medium') AS medium, "
      "count(*) FILTER (WHERE severity = 'low') AS low FROM alerts WHERE tenant_id = $1 AND "
      "status = 'open') AS a WHERE t.id = $1 AND t.state <> 'erasing'",
      {tenant.str(), first_day}, read_summary);
}

}  // namespace carnet::store
