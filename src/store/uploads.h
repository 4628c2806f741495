#pragma once
// What was handed in as files, and what scans took over of it. As repositories.h: SQL stands here
// alone, a row of another tenant is answered as if it were not there. Thread-safety: as the
// Connection.

#include <optional>
#include <string>
#include <string_view>

#include "store/database.h"
#include "store/rows.h"

namespace carnet::store {

struct UploadTag {
  static constexpr std::string_view kPrefix = "upl_";
};
using UploadId = Id<UploadTag>;

struct UploadRow {
  UploadId id;
  TenantId tenant_id;
  std::string created_by;
  Timestamp created_at{}, expires_at{};
  int file_count = 0;
  std::string targets;    // JSON text
  std::string endpoints;  // JSON text
};

namespace uploads {
Result<void> insert(Connection& db, const UploadRow& row);
// Nullopt if it has expired, too.
Result<std::optional<UploadRow>> find(Connection& db, const TenantId& tenant, const UploadId& id,
                                      Timestamp now);
Result<int> count(Connection& db, const TenantId& tenant, Timestamp now);
// Copies the files of an upload to a scan of the same tenant; false if the upload is not there.
Result<bool> copy_to_scan(Connection& db, const TenantId& tenant, const UploadId& id,
                          const ScanId& scan, Timestamp now);
// "[]" if the scan took nothing over.
Result<std::string> files_of_scan(Connection& db, const ScanId& scan);
Result<void> drop_files_of_scan(Connection& db, const ScanId& scan);
Result<int> purge(Connection& db, Timestamp now, int limit);
}  // namespace uploads

}  // namespace carnet::store
