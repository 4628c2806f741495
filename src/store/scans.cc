#include <charconv>

#include "base/packed_text.h"
#include "store/repositories.h"
#include "store/scan_columns.h"

namespace carnet::store::scans {
namespace {

EventRow read_event(const Row& row) {
  return {.seq = get_int(row, 0),
          .key = get_text(row, 1),
          .label = get_text(row, 2),
          .at = get_time(row, 3),
          .duration_ms = row.integer(4),
          .status = get_text(row, 5)};
}

InventoryRow read_inventory(const Row& row) {
  return {.scan_id = get_id<ScanId>(row, 0),
          .asset = {.asset_id = get_text(row, 1),
                    .kind = get_text(row, 2),
                    .host = get_text(row, 3),
                    .port = get_int(row, 4),
                    .status = get_text(row, 5),
                    .body = get_text(row, 6)}};
}

// Where the page before ended; the default stands before every endpoint.
struct Position {
  std::string_view host;
  std::int64_t port = -1;
  std::string_view asset_id;
};

std::optional<Position> parse_position(std::string_view text) {
  if (text.empty()) return Position{};
  const std::size_t first = text.find('\n');
  if (first == std::string_view::npos) return std::nullopt;
  const std::size_t second = text.find('\n', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  Position out{.host = text.substr(0, first), .asset_id = text.substr(second + 1)};
  const char* begin = text.data() + first + 1;
  const char* end = text.data() + second;
  const auto read = std::from_chars(begin, end, out.port);
  if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
  return out;
}

// A scan's children carry no check of the tenant of their own, so the parent is looked at first.
Result<bool> sample_of(Connection& db, const TenantId& tenant, const ScanId& id) {
  db.as_tenant(tenant.str());
  const auto read = [](const Row& row) { return get_flag(row, 0); };
  CARNET_TRY(sample, query_one(db, "SELECT sample FROM scans WHERE id = $1 AND tenant_id = $2",
                               {id.str(), tenant.str()}, read));
  if (!sample) return make_error(ErrorCode::kNotFound, "There is no such scan.");
  return *sample;
}

// For count(). Whoever else makes or erases a scan of the tenant waits for its row until the end of
// the transaction.
Result<void> add_to_count(Connection& db, const TenantId& tenant, int number) {
  return execute(db, "UPDATE tenants SET scan_count = scan_count + $2 WHERE id = $1",
                 {tenant.str(), integer(number)});
}

// Facets of the endpoints whose latest scan this is.
Result<void> forget_facets(Connection& db, const TenantId& tenant, const ScanId& id) {
  return execute(db,
                 "DELETE FROM inventory_facets WHERE tenant_id = $1 AND (host, port) IN "
                 "(SELECT host, port FROM endpoint_latest WHERE scan_id = $2 AND tenant_id = $1)",
                 {tenant.str(), id.str()});
}

// Of every asset four: its kind, its status, both, and neither.
Result<void> make_facets(Connection& db, const TenantId& tenant, const ScanId& id) {
  return execute(
      db,
      "INSERT INTO inventory_facets (tenant_id, host, port, kind, status, scan_id, assets) "
      "SELECT e.tenant_id, e.host, e.port, "
      "CASE WHEN way.n IN (2, 4) THEN '' ELSE a.kind END, "
      "CASE WHEN way.n IN (1, 4) THEN '' ELSE a.status END, min(e.scan_id), count(*) "
      "FROM endpoint_latest e JOIN assets a "
      "ON a.scan_id = e.scan_id AND a.host = e.host AND a.port = e.port "
      "CROSS JOIN (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS way "
      "WHERE e.scan_id = $2 AND e.tenant_id = $1 GROUP BY 1, 2, 3, 4, 5 ON CONFLICT DO NOTHING",
      {tenant.str(), id.str()});
}

}  // namespace

Result<void> insert(Connection& db, const ScanRow& row) {
  db.as_tenant(row.tenant_id.str());
  CARNET_TRY_VOID(
      execute(db,
              "INSERT INTO scans (" CARNET_SCAN_COLUMNS
              ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, "
              "$17, $18, $19, $20)",
              {row.id.str(),
               row.tenant_id.str(),
               row.status,
               row.label,
               row.target,
               row.profile,
               flag(row.sample),
               flag(row.pinned),
               row.request,
               text_or_null(row.error_detail),
               integer(row.progress_done),
               integer(row.progress_total),
               opt_real(row.readiness_score),
               row.readiness_band,
               integer(row.asset_count),
               time(row.created_at),
               opt_time(row.started_at),
               opt_time(row.finished_at),
               flag(row.cancel_requested),
               integer(row.attempts)}));
  return add_to_count(db, row.tenant_id, 1);
}

Result<std::optional<ScanRow>> find(Connection& db, const TenantId& tenant, const ScanId& id) {
  db.as_tenant(tenant.str());
  return query_one(db, "SELECT " CARNET_SCAN_COLUMNS " FROM scans WHERE id = $1 AND tenant_id = $2",
                   {id.str(), tenant.str()}, read_scan);
}

Result<std::vector<ScanRow>> list(Connection& db, const TenantId& tenant, const Page& page) {
  db.as_tenant(tenant.str());
  return query_all(db,
                   "SELECT " CARNET_SCAN_COLUMNS
                   " FROM scans WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
                   {tenant.str(), page_before(page), page_limit(page.limit)}, read_scan);
}

Result<int> count(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  const auto read = [](const Row& row) { return get_int(row, 0); };
  CARNET_TRY(number,
             query_one(db, "SELECT scan_count FROM tenants WHERE id = $1", {tenant.str()}, read));
  return number.value_or(0);
}

Result<std::optional<ScanRow>> latest_finished(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  return query_one(db,
                   "SELECT " CARNET_SCAN_COLUMNS
                   " FROM scans WHERE tenant_id = $1 AND status = 'success' AND sample = 0 ORDER "
                   "BY id DESC LIMIT 1",
                   {tenant.str()}, read_scan);
}

Result<std::optional<ScanRow>> finished_before(Connection& db, const TenantId& tenant,
                                               const ScanRow& of) {
  db.as_tenant(tenant.str());
  CARNET_TRY(same, query_one(db,
                             "SELECT " CARNET_SCAN_COLUMNS
                             " FROM scans WHERE tenant_id = $1 AND target = $2 AND status = "
                             "'success' AND sample = $3 AND id < $4 ORDER BY id DESC LIMIT 1",
                             {tenant.str(), of.target, flag(of.sample), of.id.str()}, read_scan));
  if (same) return same;
  return query_one(db,
                   "SELECT " CARNET_SCAN_COLUMNS
                   " FROM scans WHERE tenant_id = $1 AND status = 'success' AND sample = $2 AND "
                   "id < $3 ORDER BY id DESC LIMIT 1",
                   {tenant.str(), flag(of.sample), of.id.str()}, read_scan);
}

Result<bool> erase(Connection& db, const TenantId& tenant, const ScanId& id) {
  db.as_tenant(tenant.str());
  CARNET_TRY_VOID(forget_facets(db, tenant, id));
  CARNET_TRY(erased, execute_any(db, "DELETE FROM scans WHERE id = $1 AND tenant_id = $2",
                                 {id.str(), tenant.str()}));
  if (erased) CARNET_TRY_VOID(add_to_count(db, tenant, -1));
  return erased;
}

Result<bool> set_pinned(Connection& db, const TenantId& tenant, const ScanId& id) {
  db.as_tenant(tenant.str());
  return execute_any(db, "UPDATE scans SET pinned = 1 WHERE id = $1 AND tenant_id = $2",
                     {id.str(), tenant.str()});
}

// `result` may be packed (base/packed_text.h); find_result unpacks it.
Result<void> put_result(Connection& db, const ScanId& id, std::string_view result,
                        std::string_view sha256) {
  return execute(
      db,
      "INSERT INTO scan_results (scan_id, result, sha256) VALUES ($1, $2, $3) "
      "ON CONFLICT (scan_id) DO UPDATE SET result = excluded.result, sha256 = excluded.sha256",
      {id.str(), result, sha256});
}

Result<std::optional<StoredResult>> find_packed_result(Connection& db, const ScanId& id) {
  const auto read = [](const Row& row) {
    return StoredResult{.result = get_text(row, 0), .sha256 = get_text(row, 1)};
  };
  return query_one(db, "SELECT result, sha256 FROM scan_results WHERE scan_id = $1", {id.str()},
                   read);
}

Result<std::optional<StoredResult>> find_result(Connection& db, const ScanId& id) {
  CARNET_TRY(found, find_packed_result(db, id));
  if (!found) return found;
  CARNET_TRY(text, unpack_text(std::move(found->result)));
  found->result = std::move(text);
  return found;
}

Result<int> append_event(Connection& db, const ScanId& id, const EventRow& event) {
  const auto read = [](const Row& row) { return get_int(row, 0); };
  CARNET_TRY(
      seq,
      query_one(
          db,
          "INSERT INTO scan_events (scan_id, seq, key, label, at, duration_ms, status) VALUES ($1, "
          "(SELECT COALESCE(MAX(seq), 0) + 1 FROM scan_events WHERE scan_id = $1), $2, $3, $4, $5, "
          "$6) "
          "RETURNING seq",
          {id.str(), event.key, event.label, time(event.at), integer(event.duration_ms),
           event.status},
          read));
  if (!seq) return make_internal("an event was inserted without a sequence number");
  return *seq;
}

Result<std::vector<EventRow>> events_after(Connection& db, const ScanId& id, int seq) {
  return query_all(db,
                   "SELECT seq, key, label, at, duration_ms, status FROM scan_events "
                   "WHERE scan_id = $1 AND seq > $2 ORDER BY seq",
                   {id.str(), integer(seq)}, read_event);
}

Result<void> put_assets(Connection& db, const TenantId& tenant, const ScanId& id,
                        const std::vector<AssetRow>& assets) {
  CARNET_TRY_VOID(sample_of(db, tenant, id));
  for (const AssetRow& asset : assets) {
    // An attempt that lost its lease may have left some; the later attempt knows better.
    CARNET_TRY_VOID(execute(
        db,
        "INSERT INTO assets (scan_id, asset_id, tenant_id, kind, host, port, status, body) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) "
        "ON CONFLICT (scan_id, asset_id) DO UPDATE SET kind = excluded.kind, host = excluded.host, "
        "port = excluded.port, status = excluded.status, body = excluded.body",
        {id.str(), asset.asset_id, tenant.str(), asset.kind, asset.host, integer(asset.port),
         asset.status, asset.body}));
  }
  return {};
}

Result<void> mark_latest(Connection& db, const TenantId& tenant, const ScanId& id,
                         const std::vector<EndpointKey>& endpoints) {
  CARNET_TRY(sample, sample_of(db, tenant, id));
  if (sample) return {};
  for (const EndpointKey& endpoint : endpoints) {
    // Ids sort by the time of creation, so the greater scan id is the newer scan.
    CARNET_TRY_VOID(execute(
        db,
        "INSERT INTO endpoint_latest (tenant_id, host, port, scan_id) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT (tenant_id, host, port) DO UPDATE SET scan_id = excluded.scan_id "
        "WHERE excluded.scan_id > endpoint_latest.scan_id",
        {tenant.str(), endpoint.host, integer(endpoint.port), id.str()}));
  }
  CARNET_TRY_VOID(forget_facets(db, tenant, id));
  return make_facets(db, tenant, id);
}

// The endpoints first: each has an asset to show, save the one that the page before ended in, so
// one more than the page has rows is enough. Left to itself, PostgreSQL's planner joins all
// endpoints with all assets and sorts. The last condition steps over the assets that were on the
// page before.
#define CARNET_INVENTORY(begin, index)                                                    \
  "SELECT a.scan_id, a.asset_id, a.kind, a.host, a.port, a.status, a.body FROM "          \
  "(SELECT host, port, scan_id FROM inventory_facets WHERE tenant_id = $1 AND kind = $5 " \
  "AND status = $6 AND " begin                                                            \
  "ORDER BY host, port LIMIT CAST($7 AS BIGINT) + 1) AS e "                               \
  "JOIN assets a " index                                                                  \
  " ON a.scan_id = e.scan_id AND a.host = e.host AND a.port = e.port "                    \
  "WHERE ($5 = '' OR a.kind = $5) AND ($6 = '' OR a.status = $6) "                        \
  "AND ((e.host, e.port) > ($2, $3) OR a.asset_id > $4) "                                 \
  "ORDER BY e.host, e.port, a.asset_id LIMIT $7"

Result<std::vector<InventoryRow>> inventory(Connection& db, const TenantId& tenant,
                                            const InventoryFilter& filter) {
  db.as_tenant(tenant.str());
  const std::optional<Position> from = parse_position(filter.after);
  if (!from)
    return make_validation_error({{.field = "cursor",
                                   .pointer = "/cursor",
                                   .code = "invalid",
                                   .detail = "must be the nextCursor of the page before"}});
  const Param limit = page_limit(filter.limit);
  // SQLite would look for a scan's assets by the scan alone, and read all of a large one.
#define CARNET_INVENTORY_OF(begin)                                                  \
  (db.dialect() == Dialect::kSqlite                                                 \
       ? std::string_view(CARNET_INVENTORY(begin, "INDEXED BY assets_by_endpoint")) \
       : std::string_view(CARNET_INVENTORY(begin, "")))
  if (filter.host.empty())
    return query_all(db, CARNET_INVENTORY_OF("(host, port) >= ($2, $3) "),
                     {tenant.str(), from->host, integer(from->port), from->asset_id, filter.kind,
                      filter.status, limit},
                     read_inventory);
  if (from->host > filter.host) return std::vector<InventoryRow>{};
  const Position start = from->host == filter.host ? *from : Position{.host = filter.host};
  return query_all(db, CARNET_INVENTORY_OF("host = $2 AND port >= $3 "),
                   {tenant.str(), start.host, integer(start.port), start.asset_id, filter.kind,
                    filter.status, limit},
                   read_inventory);
}

std::string inventory_cursor(const InventoryRow& last) {
  return last.asset.host + '\n' + std::to_string(last.asset.port) + '\n' + last.asset.asset_id;
}

}  // namespace carnet::store::scans
