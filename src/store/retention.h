#pragma once
// Repositories of what is older than it is to be kept (repositories.h says what holds for all of
// them). Every function changes a bounded number of rows. Thread-safety: as the Connection.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "store/repositories.h"
#include "store/rows.h"

namespace carnet::store::retention {

// A scan that ended before `before`, and what keeps it at `now`.
struct Age {
  Timestamp before{};
  ScanId before_id;  // made at that time: scans with a smaller one are as old
  Timestamp now{};
};

// `kept` is the first of these that holds, "" if the scan may go:
//   pinned    somebody pinned it
//   shared    a link leads to it that is neither revoked nor expired
//   current   it last reached one of its endpoints: the inventory shows them as it saw them
//   newest    the tenant's newest good scan
//   baseline  the next scan of its targets will be compared with it, and its passport name this
//   one's proof     it proves that an item of the backlog is done
struct AgedScan {
  ScanId id;
  std::string label, target, status;
  Timestamp created_at{}, finished_at{};
  int asset_count = 0;
  std::string kept;
};

// In the order of their creation, those with an id behind `after` ("": from the oldest). Looks at
// ended scans only; one that waits or runs is never among them.
Result<std::vector<AgedScan>> aged(Connection& db, const TenantId& tenant, const Age& age,
                                   std::string_view after, int limit);

// Deletes the scan with all that belongs to it, unless something keeps it by now; false then. The
// number of scans that the tenant has is the caller's to correct: forget_count().
Result<bool> erase(Connection& db, const TenantId& tenant, const ScanId& id, const Age& age);
Result<void> forget_count(Connection& db, const TenantId& tenant, int number);
// Ahead of erase() for a scan with very many: at most `limit` of its assets, unless something keeps
// it by now. Nothing shows the assets of a scan that is not current, so it may stay halfway.
Result<int> erase_assets(Connection& db, const TenantId& tenant, const ScanId& id, const Age& age,
                         int limit);

// Entries of the access logs of the tenant's links whose last visit was before the time.
Result<int> erase_views(Connection& db, const TenantId& tenant, const ViewId& before_id,
                        Timestamp before, int limit);

}  // namespace carnet::store::retention
