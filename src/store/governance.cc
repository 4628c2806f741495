#include "store/governance.h"

#include "store/query.h"

namespace carnet::store {

std::string_view to_string(RemovalKind kind) {
  return kind == RemovalKind::kErase ? "erase" : "offboard";
}

namespace governance {
namespace {

constexpr std::string_view kScans = "scans";

#define CARNET_SELECT_REMOVAL                                                               \
  "SELECT tenant_id, kind, requested_at, requested_by, request_id, due_at, deleted_scans, " \
  "deleted_rows, deleted_audit FROM tenant_removals "

RemovalRow read_removal(const Row& row) {
  return {.tenant_id = get_id<TenantId>(row, 0),
          .kind = row.text(1) == to_string(RemovalKind::kErase) ? RemovalKind::kErase
                                                                : RemovalKind::kOffboard,
          .requested_at = get_time(row, 2),
          .requested_by = get_id<KeyId>(row, 3),
          .request_id = get_text(row, 4),
          .due_at = get_time(row, 5),
          .deleted_scans = row.integer(6),
          .deleted_rows = row.integer(7),
          .deleted_audit = row.integer(8)};
}

Cell read_cell(const Row& row, int column, ColumnForm form) {
  if (row.is_null(column)) return std::monostate{};
  switch (form) {
    case ColumnForm::kInteger:
    case ColumnForm::kFlag:
    case ColumnForm::kTime:
      return row.integer(column);
    case ColumnForm::kReal:
      return row.real(column);
    case ColumnForm::kBytes:
      return std::string(row.blob(column));
    case ColumnForm::kText:
    case ColumnForm::kJson:
    case ColumnForm::kPacked:
    case ColumnForm::kWithheld:
      return get_text(row, column);
  }
  return std::monostate{};
}

// Less than every key: texts of keys are not empty, numbers not negative.
KeyValue before_all(bool is_text) {
  if (is_text) return std::string();
  return std::int64_t{-1};
}

Param param_of(const KeyValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  return std::string_view(*std::get_if<std::string>(&value));
}

Result<std::int64_t> count_rows(Connection& db, std::string_view sql, const TenantId& tenant) {
  std::int64_t count = 0;
  const auto on_row = [&count](const Row& row) { count = row.integer(0); };
  CARNET_TRY_VOID(db.run(sql, {std::string_view(tenant.str())}, on_row));
  return count;
}

}  // namespace

Result<TablePage> read_page(Connection& db, const TenantTable& table, const TenantId& tenant,
                            const std::vector<KeyValue>& after) {
  db.as_tenant(tenant.str());
  std::vector<KeyValue> begin = after;
  if (begin.empty())
    for (const bool is_text : table.key_is_text) begin.push_back(before_all(is_text));
  std::vector<Param> params{std::string_view(tenant.str()), page_limit(table.page_rows)};
  for (const KeyValue& value : begin) params.push_back(param_of(value));
  TablePage page;
  const auto on_row = [&page, &table](const Row& row) {
    const int keys = static_cast<int>(table.key.size());
    page.last.clear();
    for (int i = 0; i < keys; ++i)
      page.last.push_back(table.key_is_text[static_cast<std::size_t>(i)]
                              ? KeyValue(get_text(row, i))
                              : KeyValue(row.integer(i)));
    std::vector<Cell>& cells = page.rows.emplace_back();
    int column = keys;
    for (const TenantColumn& one : table.columns)
      if (one.form != ColumnForm::kWithheld) cells.push_back(read_cell(row, column++, one.form));
  };
  CARNET_TRY_VOID(db.run(table.select_sql, std::span<const Param>(params), on_row));
  return page;
}

Result<std::int64_t> erase_page(Connection& db, const TenantTable& table, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  CARNET_TRY(deleted, db.run(table.delete_sql,
                             {std::string_view(tenant.str()), page_limit(table.page_rows)}));
  if (table.name == kScans && deleted > 0)
    CARNET_TRY_VOID(execute(db, "UPDATE tenants SET scan_count = scan_count - $2 WHERE id = $1",
                            {tenant.str(), integer(deleted)}));
  return deleted;
}

Result<bool> has_rows(Connection& db, const TenantTable& table, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  bool any = false;
  const auto on_row = [&any](const Row&) { any = true; };
  CARNET_TRY_VOID(db.run(table.any_sql, {std::string_view(tenant.str())}, on_row));
  return any;
}

Result<void> cancel_scans(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  return execute(db,
                 "UPDATE scans SET cancel_requested = 1 WHERE tenant_id = $1 AND status IN "
                 "('queued', 'running')",
                 {tenant.str()});
}

Result<Counts> count(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  CARNET_TRY(scans, count_rows(db, "SELECT count(*) FROM scans WHERE tenant_id = $1", tenant));
  CARNET_TRY(assets, count_rows(db,
                                "SELECT count(*) FROM scans p JOIN assets t ON t.scan_id = p.id "
                                "WHERE p.tenant_id = $1",
                                tenant));
  CARNET_TRY(shares, count_rows(db, "SELECT count(*) FROM shares WHERE tenant_id = $1", tenant));
  CARNET_TRY(keys, count_rows(db, "SELECT count(*) FROM api_keys WHERE tenant_id = $1", tenant));
  CARNET_TRY(audit, count_rows(db, "SELECT count(*) FROM audit WHERE tenant_id = $1", tenant));
  return Counts{.scans = scans, .assets = assets, .shares = shares, .keys = keys, .audit = audit};
}

Result<void> insert_removal(Connection& db, const RemovalRow& row) {
  db.as_tenant(row.tenant_id.str());
  CARNET_TRY_VOID(db.run(
      "INSERT INTO tenant_removals (tenant_id, kind, requested_at, requested_by, request_id, "
      "due_at) VALUES ($1, $2, $3, $4, $5, $6)",
      {std::string_view(row.tenant_id.str()), to_string(row.kind), time(row.requested_at),
       std::string_view(row.requested_by.str()), std::string_view(row.request_id),
       time(row.due_at)}));
  return {};
}

Result<std::optional<RemovalRow>> find_removal(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  return query_one(db, CARNET_SELECT_REMOVAL "WHERE tenant_id = $1", {tenant.str()}, read_removal);
}

Result<std::vector<RemovalRow>> due_removals(Connection& db, Timestamp now, int limit) {
  db.as_system();
  return query_all(db, CARNET_SELECT_REMOVAL "WHERE due_at <= $1 ORDER BY due_at LIMIT $2",
                   {time(now), page_limit(limit)}, read_removal);
}

Result<bool> add_deleted(Connection& db, const TenantId& tenant, const Deleted& more) {
  db.as_tenant(tenant.str());
  return execute_any(db,
                     "UPDATE tenant_removals SET deleted_scans = deleted_scans + $2, deleted_rows "
                     "= deleted_rows + $3, deleted_audit = deleted_audit + $4 WHERE tenant_id = $1",
                     {tenant.str(), integer(more.scans), integer(more.rows), integer(more.audit)});
}

Result<bool> erase_removal(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  return execute_any(db, "DELETE FROM tenant_removals WHERE tenant_id = $1", {tenant.str()});
}

Result<bool> erase_tenant(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  return execute_any(db, "DELETE FROM tenants WHERE id = $1", {tenant.str()});
}

}  // namespace governance
}  // namespace carnet::store
