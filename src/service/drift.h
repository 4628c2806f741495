#pragma once
// What changed over time: recorded by the worker at the end of each scan, endpoint by endpoint
// against the scan that reached it before; read as a summary by day and as a history. Thread-safe.
// Reading takes time by the days or rows asked for, not by the number of scans there were.

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "inventory/model.h"
#include "store/database.h"
#include "store/remediation.h"

namespace carnet::service {

inline constexpr int kDriftDaysMax = 366;

// What a finished scan adds to the history. Makes it from the inventory as it is before the scan
// counts: call it on a database thread, ahead of the transaction that stores the scan.
struct DriftRecord {
  std::vector<store::DriftRow> rows;
  store::DriftDay day;
  // For alerts; they point into the document. Assets that were not at their endpoint before, or
  // were safe there.
  std::vector<const inventory::Asset*> newly_vulnerable;
  std::vector<const inventory::Endpoint*> endpoints_new;
  std::set<std::pair<std::string, int>> had_hybrid;         // by host and port
  std::map<std::string, const inventory::Asset*> replaced;  // by the id of what was there before
};
// Endpoints that a newer scan has reached meanwhile are left out.
[[nodiscard]] Result<DriftRecord> make_drift(store::Connection& connection, const TenantId& tenant,
                                             const inventory::ScanDocument& document,
                                             Random& random);
// Within the scan's own transaction, before anything is written and once the tenant's inventory is
// locked: whether another scan became the latest at an endpoint whose changes are recorded. Then it
// is to be made anew, or both would record the same change.
[[nodiscard]] Result<bool> drift_is_outdated(store::Connection& connection, const TenantId& tenant,
                                             const DriftRecord& record);
// Until the end of the transaction no other scan of the tenant ends.
[[nodiscard]] Result<void> lock_inventory(store::Connection& connection, const TenantId& tenant);
// Within the scan's own transaction.
[[nodiscard]] Result<void> store_drift(store::Connection& connection, const TenantId& tenant,
                                       const DriftRecord& record);

struct DriftSummary {
  std::string from, to;  // days
  std::vector<store::DriftDay> days;
  store::DriftDay total;   // its score members: of all days; score_last of the newest
  double score_first = 0;  // the last score of the first day that has one
};

struct DriftQuery {
  store::drift::Filter filter;
  int since_days = kDriftDaysMax;
};

class Drift {
 public:
  Drift(store::Database& db, const Clock& clock, Random& random)
      : db_(db), clock_(clock), random_(random) {}

  // The days from today − since_days + 1 to today that had a scan; 1–kDriftDaysMax.
  [[nodiscard]] Task<Result<DriftSummary>> summary(TenantId tenant, int since_days);
  // Newest first.
  [[nodiscard]] Task<Result<std::vector<store::DriftRow>>> history(TenantId tenant,
                                                                   DriftQuery query,
                                                                   store::Page page);

 private:
  store::Database& db_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace carnet::service
