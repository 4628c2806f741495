#pragma once
// What changed over time: recorded by the worker at the end of each scan, endpoint by endpoint
// against the scan that reached it before; read as a summary by day and as a history. Thread-safe.
// Reading takes time by the days or rows asked for, not by the number of scans there were.

#include <string>
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
};
[[nodiscard]] Result<DriftRecord> make_drift(store::Connection& connection, const TenantId& tenant,
                                             const inventory::ScanDocument& document,
                                             Random& random);
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
