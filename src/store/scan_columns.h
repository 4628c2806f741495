#pragma once
// The columns of `scans` in one fixed order, for the statements of scans.cc and scan_queue.cc.
// Internal to src/store.

#include "store/query.h"

// A macro, because statements are string literals and the language joins only those.
#define CARNET_SCAN_COLUMNS                                                                \
  "id, tenant_id, status, label, target, profile, sample, pinned, request, error_detail, " \
  "progress_done, "                                                                        \
  "progress_total, readiness_score, readiness_band, asset_count, created_at, started_at, " \
  "finished_at, "                                                                          \
  "cancel_requested, attempts"

namespace carnet::store {

[[nodiscard]] inline ScanRow read_scan(const Row& row) {
  return {.id = get_id<ScanId>(row, 0),
          .tenant_id = get_id<TenantId>(row, 1),
          .status = get_text(row, 2),
          .label = get_text(row, 3),
          .target = get_text(row, 4),
          .profile = get_text(row, 5),
          .sample = get_flag(row, 6),
          .pinned = get_flag(row, 7),
          .request = get_text(row, 8),
          .error_detail = get_text(row, 9),
          .progress_done = get_int(row, 10),
          .progress_total = get_int(row, 11),
          .readiness_score = row.is_null(12) ? std::nullopt : std::optional(row.real(12)),
          .readiness_band = get_text(row, 13),
          .asset_count = get_int(row, 14),
          .created_at = get_time(row, 15),
          .started_at = get_opt_time(row, 16),
          .finished_at = get_opt_time(row, 17),
          .cancel_requested = get_flag(row, 18),
          .attempts = get_int(row, 19)};
}

}  // namespace carnet::store
