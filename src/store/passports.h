#pragma once
// Repository of passports, their chains and their files (repositories.h says what holds for all of
// them). Thread-safety: as the Connection.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "store/rows.h"

namespace carnet::store {

struct PassportRow {
  ScanId scan_id;
  TenantId tenant_id;
  std::string target_set, sha256, envelope;
  std::int64_t log_index = 0;
  Timestamp issued_at{}, not_after{};
};

struct PassportFileRow {
  std::string name, media_type, sha256;
  std::int64_t size = 0;  // unpacked
  bool packed = false;    // zlib
  std::string bytes;
};

// The last passport of a set of targets.
struct ChainHead {
  std::string sha256, scan_id;
  bool operator==(const ChainHead&) const = default;
};

namespace passports {
Result<std::optional<ChainHead>> chain_head(Connection& db, const TenantId& tenant,
                                            std::string_view target_set);
// Stores the row and makes it the head of its chain.
Result<void> insert(Connection& db, const PassportRow& row);
Result<void> insert_file(Connection& db, const ScanId& scan, const PassportFileRow& file);
// The caller has checked whose scan it is.
Result<std::optional<PassportRow>> find(Connection& db, const ScanId& scan);
Result<std::optional<PassportFileRow>> find_file(Connection& db, const ScanId& scan,
                                                 std::string_view name);
// In the order of their names.
Result<std::vector<PassportFileRow>> files(Connection& db, const ScanId& scan);
// Name, media type, digest and size of each, without the bytes.
Result<std::vector<PassportFileRow>> list_files(Connection& db, const ScanId& scan);
}  // namespace passports

}  // namespace carnet::store
