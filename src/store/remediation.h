#pragma once
// Repositories of what people said about the backlog, and of what changed from scan to scan
// (repositories.h says what holds for all of them). Thread-safety: as the Connection.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "store/repositories.h"
#include "store/rows.h"

namespace carnet::store {

struct RemediationRow {
  std::string item_id, asset_id;
  std::string status;  // open | in_progress | accepted_risk | done
  std::string owner, notes, target_date;
  std::string reason, accepted_until;  // of accepted_risk
  std::string verified_by;             // scan id
  Timestamp updated_at{};
  std::string updated_by;  // key id
};

struct DriftTag {
  static constexpr std::string_view kPrefix = "drift_";
};
using DriftId = Id<DriftTag>;

struct DriftRow {
  DriftId id;
  Timestamp at{};
  std::string scan_id, against, host;
  int port = 0;
  std::string asset_id, change, direction, hybrid;
  std::string detail;  // JSON text
};

// What a day's scans add up to. The scores count only if `scored` > 0.
struct DriftDay {
  std::string day;
  std::int64_t scans = 0, scored = 0;
  double score_sum = 0, score_low = 0, score_high = 0, score_last = 0;
  std::int64_t endpoints_new = 0, added = 0, removed = 0, changed = 0;
  std::int64_t better = 0, worse = 0, hybrid_gained = 0, hybrid_lost = 0;
};

namespace remediation {
Result<std::optional<RemediationRow>> find(Connection& db, const TenantId& tenant,
                                           std::string_view item);
// In the order of their ids; at most `limit`.
Result<std::vector<RemediationRow>> list(Connection& db, const TenantId& tenant, int limit);
Result<int> count(Connection& db, const TenantId& tenant);
Result<void> put(Connection& db, const TenantId& tenant, const RemediationRow& row);
}  // namespace remediation

namespace drift {
Result<void> insert(Connection& db, const TenantId& tenant, const DriftRow& row);
// Adds one scan to its day.
Result<void> add_to_day(Connection& db, const TenantId& tenant, const DriftDay& scan);
// Days from `first` on, oldest first.
Result<std::vector<DriftDay>> days_since(Connection& db, const TenantId& tenant,
                                         std::string_view first);
struct Filter {
  std::string host, change, direction, hybrid;  // "" = any
  std::optional<int> port;
  std::string not_before;  // an id; "" = from the beginning
};
// Newest first.
Result<std::vector<DriftRow>> list(Connection& db, const TenantId& tenant, const Filter& filter,
                                   const Page& page);
// Forgets changes: those with an id below `before`, and those beyond the newest `kept_max`; at most
// `limit` of each at once. The number of them.
Result<int> purge(Connection& db, const TenantId& tenant, std::string_view before, int kept_max,
                  int limit);
// The assets of an endpoint in the scan that last reached it; nullopt if none did.
struct EndpointAssets {
  ScanId scan_id;
  std::string profile;              // of that scan
  std::vector<std::string> bodies;  // JSON texts
};
Result<std::optional<EndpointAssets>> latest_assets(Connection& db, const TenantId& tenant,
                                                    std::string_view host, int port);
// The same of the newest scan before `before` that was no quick one; nullopt if there is none among
// the tenant's last kDeeperScansMax scans.
inline constexpr int kDeeperScansMax = 1000;  // limit: internal
Result<std::optional<EndpointAssets>> deeper_assets(Connection& db, const TenantId& tenant,
                                                    std::string_view host, int port,
                                                    std::string_view before);
}  // namespace drift

}  // namespace carnet::store
