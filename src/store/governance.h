#pragma once
// A tenant's rows of every kind, page by page, and their removal (tenant_tables.h says which there
// are). As repositories.h for Connection, scope and thread-safety.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "store/database.h"
#include "store/rows.h"
#include "store/tenant_tables.h"

namespace carnet::store {

enum class RemovalKind { kErase, kOffboard };
[[nodiscard]] std::string_view to_string(RemovalKind kind);

// What is to be removed of a tenant, and how far that is.
struct RemovalRow {
  TenantId tenant_id;
  RemovalKind kind = RemovalKind::kErase;
  Timestamp requested_at{};
  KeyId requested_by;
  std::string request_id;
  Timestamp due_at{};
  std::int64_t deleted_scans = 0, deleted_rows = 0, deleted_audit = 0;
};

namespace governance {

using KeyValue = std::variant<std::int64_t, std::string>;
using Cell = std::variant<std::monostate, std::int64_t, double, std::string>;

// One page of a table: the cells of its columns that are not withheld, in their order.
struct TablePage {
  std::vector<std::vector<Cell>> rows;
  std::vector<KeyValue> last;  // the key of the last row: where the next page begins behind
};
// `after` is empty for the first page.
Result<TablePage> read_page(Connection& db, const TenantTable& table, const TenantId& tenant,
                            const std::vector<KeyValue>& after);
// Deletes up to a page of the table's rows; how many there were. Scans are counted down.
Result<std::int64_t> erase_page(Connection& db, const TenantTable& table, const TenantId& tenant);
Result<bool> has_rows(Connection& db, const TenantTable& table, const TenantId& tenant);
// Queued and running scans are to be cancelled.
Result<void> cancel_scans(Connection& db, const TenantId& tenant);

// How much there is of a tenant.
struct Counts {
  std::int64_t scans = 0, assets = 0, shares = 0, keys = 0, audit = 0;
};
Result<Counts> count(Connection& db, const TenantId& tenant);

Result<void> insert_removal(Connection& db, const RemovalRow& row);  // kConflict: there is one
Result<std::optional<RemovalRow>> find_removal(Connection& db, const TenantId& tenant);
// Due at `now`, the longest due first; across tenants.
Result<std::vector<RemovalRow>> due_removals(Connection& db, Timestamp now, int limit);
// Adds to what was deleted and keeps the row until the end of the transaction; false: it is gone.
struct Deleted {
  std::int64_t scans = 0, rows = 0, audit = 0;
};
Result<bool> add_deleted(Connection& db, const TenantId& tenant, const Deleted& more);
Result<bool> erase_removal(Connection& db, const TenantId& tenant);
// The tenant's own row, at the very end.
Result<bool> erase_tenant(Connection& db, const TenantId& tenant);

}  // namespace governance
}  // namespace carnet::store
