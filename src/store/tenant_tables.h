#pragma once
// Which tables hold what of a tenant: what an export gives, what an erasure deletes and in which
// order, and what is withheld. A test holds this list against the schema of both databases, every
// column, so that a later table or column cannot be forgotten. Constants; the statements that are
// made of them live as long as the program.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carnet::store {

// How a column is given in an export.
enum class ColumnForm {
  kText,
  kInteger,
  kReal,
  kFlag,
  kTime,      // milliseconds become RFC 3339
  kJson,      // JSON text becomes JSON
  kPacked,    // likewise, packed (base/packed_text.h)
  kBytes,     // base64
  kWithheld,  // secrets, MACs, sealed values, and what only the server needs
};

struct TenantColumn {
  std::string name;
  ColumnForm form = ColumnForm::kText;
};

// What becomes of a table when a tenant's data is erased; all go when the tenant is closed.
enum class OnErase { kDelete, kKeep };

struct TenantTable {
  std::string name;
  std::string kind;  // the export's file without .ndjson; "" is not exported
  std::vector<TenantColumn> columns;
  // The rows are found by tenant_id, or by `parent_key`, the id of the table `parent`.
  std::string parent, parent_key;
  std::vector<std::string> key;  // in the order that they are read; parent_key is the first then
  OnErase on_erase = OnErase::kDelete;
  int page_rows = 500;  // of one read or one deletion
  std::string select_sql, delete_sql, any_sql;
  std::vector<bool> key_is_text;
};

// In an order in which each comes before those that it refers to: the one for deleting. `tenants`,
// `audit` and `audit_heads` are not among them: they have their own ways.
[[nodiscard]] std::span<const TenantTable> tenant_tables();

}  // namespace carnet::store
