#include "store/passports.h"

#include "store/query.h"

namespace carnet::store::passports {
namespace {

#define CARNET_FILE_FACTS "name, media_type, sha256, size, packed"

PassportFileRow read_facts(const Row& row) {
  return {.name = get_text(row, 0),
          .media_type = get_text(row, 1),
          .sha256 = get_text(row, 2),
          .size = row.integer(3),
          .packed = get_flag(row, 4),
          .bytes = {}};
}

PassportFileRow read_file(const Row& row) {
  PassportFileRow file = read_facts(row);
  file.bytes = row.blob(5);
  return file;
}

PassportRow read_passport(const Row& row) {
  return {.scan_id = get_id<ScanId>(row, 0),
          .tenant_id = get_id<TenantId>(row, 1),
          .target_set = get_text(row, 2),
          .sha256 = get_text(row, 3),
          .envelope = get_text(row, 4),
          .log_index = row.integer(5),
          .issued_at = get_time(row, 6),
          .not_after = get_time(row, 7)};
}

}  // namespace

Result<std::optional<ChainHead>> chain_head(Connection& db, const TenantId& tenant,
                                            std::string_view target_set) {
  db.as_tenant(tenant.str());
  const auto read = [](const Row& row) {
    return ChainHead{.sha256 = get_text(row, 0), .scan_id = get_text(row, 1)};
  };
  return query_one(db,
                   "SELECT sha256, scan_id FROM passport_chains WHERE tenant_id = $1 AND "
                   "target_set = $2",
                   {tenant.str(), target_set}, read);
}

Result<void> insert(Connection& db, const PassportRow& row) {
  db.as_tenant(row.tenant_id.str());
  CARNET_TRY_VOID(
      execute(db,
              "INSERT INTO passports (scan_id, tenant_id, target_set, sha256, envelope, log_index, "
              "issued_at, not_after) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
              {row.scan_id.str(), row.tenant_id.str(), row.target_set, row.sha256, row.envelope,
               row.log_index, time(row.issued_at), time(row.not_after)}));
  return execute(
      db,
      "INSERT INTO passport_chains (tenant_id, target_set, sha256, scan_id) VALUES ($1, $2, $3, "
      "$4) ON CONFLICT (tenant_id, target_set) DO UPDATE SET sha256 = excluded.sha256, scan_id = "
      "excluded.scan_id",
      {row.tenant_id.str(), row.target_set, row.sha256, row.scan_id.str()});
}

Result<void> insert_file(Connection& db, const ScanId& scan, const PassportFileRow& file) {
  return execute(db,
                 "INSERT INTO passport_files (scan_id, " CARNET_FILE_FACTS
                 ", bytes) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                 {scan.str(), file.name, file.media_type, file.sha256, file.size, flag(file.packed),
                  BlobView{file.bytes}});
}

Result<std::optional<PassportRow>> find(Connection& db, const ScanId& scan) {
  return query_one(db,
                   "SELECT scan_id, tenant_id, target_set, sha256, envelope, log_index, issued_at, "
                   "not_after FROM passports WHERE scan_id = $1",
                   {scan.str()}, read_passport);
}

Result<std::optional<PassportFileRow>> find_file(Connection& db, const ScanId& scan,
                                                 std::string_view name) {
  return query_one(db,
                   "SELECT " CARNET_FILE_FACTS
                   ", bytes FROM passport_files WHERE scan_id = $1 AND name = $2",
                   {scan.str(), name}, read_file);
}

Result<std::vector<PassportFileRow>> files(Connection& db, const ScanId& scan) {
  return query_all(db,
                   "SELECT " CARNET_FILE_FACTS
                   ", bytes FROM passport_files WHERE scan_id = $1 ORDER BY name",
                   {scan.str()}, read_file);
}

Result<std::vector<PassportFileRow>> list_files(Connection& db, const ScanId& scan) {
  return query_all(
      db, "SELECT " CARNET_FILE_FACTS " FROM passport_files WHERE scan_id = $1 ORDER BY name",
      {scan.str()}, read_facts);
}

}  // namespace carnet::store::passports
