#include "store/alerts.h"

#include <boost/json.hpp>

#include "base/json.h"
#include "store/query.h"

#define CARNET_ALERT_COLUMNS                                                               \
  "id, tenant_id, kind, subject, severity, status, message, host, port, detail, scan_id, " \
  "last_scan_id, resolved_scan, resolved_reason, count, first_seen_at, last_seen_at, "     \
  "resolved_at, "                                                                          \
  "acknowledged_at, acknowledged_by, note"

namespace carnet::store {
namespace {

AlertRow read_alert(const Row& row) {
  return {.id = get_id<AlertId>(row, 0),
          .tenant_id = get_id<TenantId>(row, 1),
          .kind = get_text(row, 2),
          .subject = get_text(row, 3),
          .severity = get_text(row, 4),
          .status = get_text(row, 5),
          .message = get_text(row, 6),
          .host = get_text(row, 7),
          .port = get_int(row, 8),
          .detail = get_text(row, 9),
          .scan_id = get_text(row, 10),
          .last_scan_id = get_text(row, 11),
          .resolved_scan = get_text(row, 12),
          .resolved_reason = get_text(row, 13),
          .count = get_int(row, 14),
          .first_seen_at = get_time(row, 15),
          .last_seen_at = get_time(row, 16),
          .resolved_at = get_opt_time(row, 17),
          .acknowledged_at = get_opt_time(row, 18),
          .acknowledged_by = get_text(row, 19),
          .note = get_text(row, 20)};
}

alerts::Standing read_standing(const Row& row) {
  return {.open = get_int(row, 0), .acknowledged = get_int(row, 1), .critical = get_int(row, 2)};
}

#define CARNET_COUNT_STANDING                         \
  "SELECT count(*) FILTER (WHERE status = 'open'), "  \
  "count(*) FILTER (WHERE status = 'acknowledged'), " \
  "count(*) FILTER (WHERE status = 'open' AND severity = 'critical') FROM alerts "

}  // namespace

namespace alerts {

Result<Raised> raise(Connection& db, const AlertRow& row) {
  db.as_tenant(row.tenant_id.str());
  CARNET_TRY(
      after,
      query_one(db,
                "INSERT INTO alerts (" CARNET_ALERT_COLUMNS
                ") VALUES ($1, $2, $3, $4, $5, 'open', $6, $7, $8, $9, $10, $10, '', '', $11, $12, "
                "$12, NULL, NULL, '', '') "
                "ON CONFLICT (tenant_id, kind, subject) WHERE status <> 'resolved' DO UPDATE SET "
                "severity = excluded.severity, message = excluded.message, "
                "detail = excluded.detail, count = alerts.count + 1, "
                "last_scan_id = CASE WHEN excluded.last_scan_id > alerts.last_scan_id "
                "THEN excluded.last_scan_id ELSE alerts.last_scan_id END, "
                "last_seen_at = CASE WHEN excluded.last_seen_at > alerts.last_seen_at "
                "THEN excluded.last_seen_at ELSE alerts.last_seen_at END "
                "RETURNING " CARNET_ALERT_COLUMNS,
                {row.id.str(), row.tenant_id.str(), row.kind, row.subject, row.severity,
                 row.message, row.host, integer(row.port), row.detail, row.scan_id,
                 integer(row.count), time(row.last_seen_at)},
                read_alert));
  if (!after) return make_internal("an alert was neither raised nor found");
  const bool fresh = after->id == row.id;
  return Raised{.row = std::move(*after), .fresh = fresh};
}

Result<std::optional<AlertRow>> resolve(Connection& db, const TenantId& tenant,
                                        std::string_view kind, std::string_view subject,
                                        const Gone& gone) {
  db.as_tenant(tenant.str());
  return query_one(db,
                   "UPDATE alerts SET status = 'resolved', resolved_at = $4, resolved_scan = $5, "
                   "resolved_reason = $6 WHERE tenant_id = $1 AND kind = $2 AND subject = $3 "
                   "AND status <> 'resolved' RETURNING " CARNET_ALERT_COLUMNS,
                   {tenant.str(), kind, subject, time(gone.at), gone.scan, gone.reason},
                   read_alert);
}

Result<void> move(Connection& db, const TenantId& tenant, const AlertId& id,
                  std::string_view subject) {
  db.as_tenant(tenant.str());
  return execute(db,
                 "UPDATE alerts SET subject = $3 WHERE tenant_id = $1 AND id = $2 AND "
                 "status <> 'resolved' AND NOT EXISTS (SELECT 1 FROM alerts o WHERE "
                 "o.tenant_id = $1 AND o.kind = alerts.kind AND o.subject = $3 AND "
                 "o.status <> 'resolved')",
                 {tenant.str(), id.str(), subject});
}

Result<std::optional<AlertRow>> find(Connection& db, const TenantId& tenant, const AlertId& id) {
  db.as_tenant(tenant.str());
  return query_one(db,
                   "SELECT " CARNET_ALERT_COLUMNS " FROM alerts WHERE id = $1 AND tenant_id = $2",
                   {id.str(), tenant.str()}, read_alert);
}

Result<std::vector<AlertRow>> standing(Connection& db, const TenantId& tenant,
                                       std::string_view kind, int limit) {
  db.as_tenant(tenant.str());
  if (kind.empty())
    return query_all(db,
                     "SELECT " CARNET_ALERT_COLUMNS
                     " FROM alerts WHERE tenant_id = $1 AND status <> 'resolved' ORDER BY id "
                     "LIMIT $2",
                     {tenant.str(), page_limit(limit)}, read_alert);
  return query_all(db,
                   "SELECT " CARNET_ALERT_COLUMNS
                   " FROM alerts WHERE tenant_id = $1 AND kind = $2 AND status <> 'resolved' "
                   "ORDER BY id LIMIT $3",
                   {tenant.str(), kind, page_limit(limit)}, read_alert);
}

Result<Standing> count_standing(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  CARNET_TRY(counts,
             query_one(db, CARNET_COUNT_STANDING "WHERE tenant_id = $1 AND status <> 'resolved'",
                       {tenant.str()}, read_standing));
  return counts.value_or(Standing{});
}

Result<Standing> count_standing_of_all(Connection& db) {
  db.as_system();
  CARNET_TRY(counts,
             query_one(db, CARNET_COUNT_STANDING "WHERE status <> 'resolved'", {}, read_standing));
  return counts.value_or(Standing{});
}

Result<std::vector<AlertRow>> list(Connection& db, const TenantId& tenant, const Filter& filter,
                                   const Page& page) {
  db.as_tenant(tenant.str());
  // With a status its index is sought, without one that of tenants: an OR could use neither.
  if (filter.status.empty())
    return query_all(db,
                     "SELECT " CARNET_ALERT_COLUMNS
                     " FROM alerts WHERE tenant_id = $1 AND id < $2 AND id >= $3 AND "
                     "($4 = '' OR kind = $4) AND ($5 = '' OR severity = $5) AND "
                     "($6 = '' OR scan_id = $6 OR last_scan_id = $6) ORDER BY id DESC LIMIT $7",
                     {tenant.str(), page_before(page), filter.not_before, filter.kind,
                      filter.severity, filter.scan_id, page_limit(page.limit)},
                     read_alert);
  return query_all(db,
                   "SELECT " CARNET_ALERT_COLUMNS
                   " FROM alerts WHERE tenant_id = $1 AND status = $2 AND id < $3 AND id >= $4 AND "
                   "($5 = '' OR kind = $5) AND ($6 = '' OR severity = $6) AND "
                   "($7 = '' OR scan_id = $7 OR last_scan_id = $7) ORDER BY id DESC LIMIT $8",
                   {tenant.str(), filter.status, page_before(page), filter.not_before, filter.kind,
                    filter.severity, filter.scan_id, page_limit(page.limit)},
                   read_alert);
}

Result<std::optional<AlertRow>> mark(Connection& db, const TenantId& tenant, const AlertId& id,
                                     const Mark& mark) {
  db.as_tenant(tenant.str());
  return query_one(
      db,
      "UPDATE alerts SET status = $3, note = COALESCE($4, note), "
      "acknowledged_at = $5, acknowledged_by = $6 "
      "WHERE tenant_id = $1 AND id = $2 AND status <> 'resolved' "
      "RETURNING " CARNET_ALERT_COLUMNS,
      {tenant.str(), id.str(), std::string_view(mark.acknowledged ? "acknowledged" : "open"),
       opt_text(mark.note), mark.acknowledged ? time(mark.at) : Param{},
       mark.acknowledged ? std::string_view(mark.by) : std::string_view()},
      read_alert);
}

Result<int> purge(Connection& db, const TenantId& tenant, Timestamp before, int kept_max,
                  int limit) {
  db.as_tenant(tenant.str());
  CARNET_TRY(old, db.run("DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE "
                         "tenant_id = $1 AND status = 'resolved' AND resolved_at < $2 LIMIT $3)",
                         {tenant.str(), time(before), integer(limit)}));
  CARNET_TRY(many, db.run("DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE "
                          "tenant_id = $1 AND status = 'resolved' ORDER BY id DESC "
                          "LIMIT $2 OFFSET $3)",
                          {tenant.str(), integer(limit), integer(kept_max)}));
  return static_cast<int>(old + many);
}

}  // namespace alerts

namespace watch {
namespace {

constexpr std::size_t kPlacesAtOnce = 2000;

std::string places_json(const std::vector<Place>& places, std::size_t first, std::size_t last) {
  boost::json::array list;
  for (std::size_t i = first; i < last; ++i)
    list.push_back(boost::json::array{places[i].first, places[i].second});
  return json::write(list);
}

#define CARNET_WATCHED_COLUMNS                                                           \
  "w.misses, w.missed_scan, w.hybrid, w.cert_sha256, w.cert_subject, w.cert_not_after, " \
  "w.deadlines"
#define CARNET_KNOWN(places, host, port)                                                      \
  "SELECT l.host, l.port, l.scan_id, " CARNET_WATCHED_COLUMNS " FROM " places                 \
  " AS p JOIN endpoint_latest l ON l.tenant_id = $1 AND l.host = " host " AND l.port = " port \
  " LEFT JOIN watched_endpoints w ON w.tenant_id = l.tenant_id AND w.host = l.host "          \
  "AND w.port = l.port"

}  // namespace

Result<std::map<Place, Known>> endpoints(Connection& db, const TenantId& tenant,
                                         const std::vector<Place>& places) {
  db.as_tenant(tenant.str());
  std::map<Place, Known> out;
  const auto on_row = [&out](const Row& row) {
    Known known{.scan_id = get_id<ScanId>(row, 2), .watched = std::nullopt};
    if (!row.is_null(3))
      known.watched = WatchedRow{.misses = get_int(row, 3),
                                 .missed_scan = get_text(row, 4),
                                 .hybrid = get_flag(row, 5),
                                 .cert_sha256 = get_text(row, 6),
                                 .cert_subject = get_text(row, 7),
                                 .cert_not_after = get_opt_time(row, 8),
                                 .deadlines = get_text(row, 9)};
    out.insert_or_assign({get_text(row, 0), get_int(row, 1)}, std::move(known));
  };
  const std::string_view sql =
      db.dialect() == Dialect::kPostgres
          ? std::string_view(
                CARNET_KNOWN("(SELECT v->>0 AS host, CAST(v->>1 AS BIGINT) AS port FROM "
                             "json_array_elements(CAST($2 AS json)) AS t(v))",
                             "p.host", "p.port"))
          : std::string_view(CARNET_KNOWN("json_each($2)", "json_extract(p.value, '$[0]')",
                                          "json_extract(p.value, '$[1]')"));
  for (std::size_t first = 0; first < places.size(); first += kPlacesAtOnce) {
    const std::size_t last = std::min(places.size(), first + kPlacesAtOnce);
    const std::string list = places_json(places, first, last);
    CARNET_TRY_VOID(db.run(sql, {tenant.str(), std::string_view(list)}, on_row));
  }
  return out;
}

Result<void> put(Connection& db, const TenantId& tenant, const Place& place,
                 const WatchedRow& row) {
  db.as_tenant(tenant.str());
  return execute(
      db,
      "INSERT INTO watched_endpoints (tenant_id, host, port, misses, missed_scan, hybrid, "
      "cert_sha256, cert_subject, cert_not_after, deadlines) "
      "SELECT tenant_id, host, port, $4, $5, $6, $7, $8, $9, $10 FROM endpoint_latest "
      "WHERE tenant_id = $1 AND host = $2 AND port = $3 "
      "ON CONFLICT (tenant_id, host, port) DO UPDATE SET misses = excluded.misses, "
      "missed_scan = excluded.missed_scan, hybrid = excluded.hybrid, "
      "cert_sha256 = excluded.cert_sha256, cert_subject = excluded.cert_subject, "
      "cert_not_after = excluded.cert_not_after, deadlines = excluded.deadlines",
      {tenant.str(), place.first, integer(place.second), integer(row.misses), row.missed_scan,
       flag(row.hybrid), row.cert_sha256, row.cert_subject, opt_time(row.cert_not_after),
       row.deadlines});
}

Result<std::vector<Ending>> certificates_ending(Connection& db, const TenantId& tenant,
                                                Timestamp until, int limit) {
  db.as_tenant(tenant.str());
  const auto read = [](const Row& row) {
    return Ending{.sha256 = get_text(row, 0),
                  .subject = get_text(row, 1),
                  .not_after = get_time(row, 2),
                  .endpoints = get_int(row, 3),
                  .host = get_text(row, 4),
                  .port = get_int(row, 5)};
  };
  return query_all(db,
                   "SELECT cert_sha256, max(cert_subject), max(cert_not_after), count(*), "
                   "min(host), min(port) FROM watched_endpoints "
                   "WHERE tenant_id = $1 AND cert_not_after <= $2 GROUP BY cert_sha256 "
                   "ORDER BY 3, 1 LIMIT $3",
                   {tenant.str(), time(until), integer(limit)}, read);
}

Result<std::vector<std::pair<std::string, int>>> deadlines(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  const auto read = [](const Row& row) { return std::pair(get_text(row, 0), get_int(row, 1)); };
  return query_all(db,
                   "SELECT deadlines, count(*) FROM watched_endpoints WHERE tenant_id = $1 "
                   "AND deadlines <> '' GROUP BY deadlines",
                   {tenant.str()}, read);
}

Result<std::optional<TargetScore>> last_score(Connection& db, const TenantId& tenant,
                                              std::string_view target_set) {
  db.as_tenant(tenant.str());
  const auto read = [](const Row& row) {
    return TargetScore{.scan_id = get_id<ScanId>(row, 0),
                       .score = row.is_null(1) ? std::nullopt : std::optional(row.real(1))};
  };
  return query_one(db,
                   "SELECT scan_id, score FROM watched_targets WHERE tenant_id = $1 "
                   "AND target_set = $2",
                   {tenant.str(), target_set}, read);
}

Result<void> put_score(Connection& db, const TenantId& tenant, std::string_view target_set,
                       const TargetScore& score) {
  db.as_tenant(tenant.str());
  return execute(db,
                 "INSERT INTO watched_targets (tenant_id, target_set, scan_id, score) "
                 "VALUES ($1, $2, $3, $4) ON CONFLICT (tenant_id, target_set) DO UPDATE SET "
                 "scan_id = excluded.scan_id, score = excluded.score "
                 "WHERE excluded.scan_id > watched_targets.scan_id",
                 {tenant.str(), target_set, score.scan_id.str(), opt_real(score.score)});
}

Result<std::vector<TriedLink>> tried_links(Connection& db, const TenantId& tenant, Timestamp since,
                                           int limit) {
  db.as_tenant(tenant.str());
  const auto read = [](const Row& row) {
    return TriedLink{.id = get_id<ShareId>(row, 0),
                     .scan_id = get_id<ScanId>(row, 1),
                     .label = get_text(row, 2),
                     .recipient = get_text(row, 3),
                     .tries = get_int(row, 4),
                     .untold = get_int(row, 5),
                     .last_at = get_time(row, 6)};
  };
  return query_all(db,
                   "SELECT s.id, s.scan_id, s.label, s.recipient, s.dead_tries, "
                   "s.dead_tries - s.dead_tries_told, s.last_dead_try_at FROM shares s "
                   "JOIN scans c ON c.id = s.scan_id WHERE s.tenant_id = $1 "
                   "AND s.last_dead_try_at >= $2 AND c.sample = 0 ORDER BY s.id LIMIT $3",
                   {tenant.str(), time(since), integer(limit)}, read);
}

Result<void> told_of_tries(Connection& db, const TenantId& tenant, std::string_view share) {
  db.as_tenant(tenant.str());
  return execute(db,
                 "UPDATE shares SET dead_tries_told = dead_tries WHERE tenant_id = $1 AND id = $2",
                 {tenant.str(), share});
}

}  // namespace watch
}  // namespace carnet::store
