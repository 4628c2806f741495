#pragma once
// The backlog as something that people work on: who does what until when, what is accepted, what a
// later scan proves. What is said of an item is kept by its stable id and so counts for every scan
// that has it, from the next scan's score on. Thread-safe. Every change writes an audit row, with
// before and after, in the same transaction.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "assess/judge.h"
#include "assess/scoring.h"
#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "inventory/model.h"
#include "service/context.h"
#include "store/database.h"
#include "store/remediation.h"

namespace carnet::service {

inline constexpr int kRemediationStatesMax = 50000;        // of one tenant
inline constexpr std::size_t kRemediationNotesMax = 4000;  // characters
inline constexpr std::size_t kRemediationCsvRowsMax = 10000;
inline constexpr std::size_t kRemediationCsvErrorsMax = 100;  // that are answered

// As judge() and the score take it, for the backlog of the scan `seen_by`. An accepted risk whose
// last day is past is open again, and so is what an earlier scan proved done.
[[nodiscard]] Result<std::map<std::string, assess::RemediationState>> remediation_states(
    store::Connection& connection, const TenantId& tenant, const ScanId& seen_by, Timestamp now);

struct RemediationItem {
  inventory::BacklogItem item;  // status, owner and target date as of now
  std::string host, asset_label;
  int port = 0;
  std::string notes, reason, accepted_until, verified_by;
  std::optional<Timestamp> updated_at;
  bool reopened = false;      // an accepted risk whose time is over, or seen again after its proof
  std::string overdue_since;  // "2027-03-31": the date that has passed; "" if none has
};

struct RemediationCounts {
  int open = 0, in_progress = 0, accepted_risk = 0, done = 0, overdue = 0;
};

struct RemediationFilter {
  std::string status, owner;  // "" = any
  bool overdue_only = false;
  std::size_t from = 0;  // place in the backlog's order
  std::size_t limit = 25;
};

struct RemediationPage {
  std::vector<RemediationItem> items;
  std::vector<std::size_t> places;  // of the items in the backlog's order
  bool more = false;
  RemediationCounts counts;  // of the whole backlog
};

// Absent members stay as they are.
struct RemediationUpdate {
  std::string item_id;
  std::optional<std::string> asset_id;  // must be the item's own
  std::optional<std::string> status, owner, notes, target_date, reason, accepted_until;
  // What the caller has read: RemediationItem::updated_at, which may be none.
  std::optional<std::optional<Timestamp>> read_at;
};

struct RemediationProof {
  bool verified = false;
  std::string reason;               // one sentence: what proves it, or why nothing does
  const char* code = "not_proven";  // fixed | gone | still_there | not_reached | not_looked_for | …
  std::optional<inventory::Asset> before, after;
  Timestamp seen_at{};
};

struct RemediationImport {
  int applied = 0, unchanged = 0;
  struct Fault {
    std::size_t row = 0;  // of the file, the header being 1
    std::string field, code, detail;
  };
  std::vector<Fault> faults;
  std::size_t fault_count = 0;  // also of those past kRemediationCsvErrorsMax
};

class Remediation {
 public:
  Remediation(store::Database& db, const Clock& clock, Random& random)
      : db_(db), clock_(clock), random_(random) {}

  // All: kNotFound, kScanNotFinished while the scan has no result.
  [[nodiscard]] Task<Result<RemediationPage>> list(TenantId tenant, ScanId scan,
                                                   RemediationFilter filter);
  [[nodiscard]] Task<Result<RemediationItem>> find(TenantId tenant, ScanId scan, std::string item);
  // kValidationFailed: the item is not in this scan's backlog, or a member does not go with the
  // status (docs/remediation.md); kConflict: the tenant keeps as many items as it may;
  // kPreconditionFailed: somebody else changed it since `read_at`.
  [[nodiscard]] Task<Result<RemediationItem>> update(const Actor& actor, ScanId scan,
                                                     RemediationUpdate update);
  // Compares with a later scan; what is proven is kept as done. kValidationFailed naming
  // verifyScanId: not a later finished scan of this tenant.
  [[nodiscard]] Task<Result<RemediationProof>> verify(const Actor& actor, ScanId scan,
                                                      std::string item, ScanId later);
  // By the score's own code. kValidationFailed naming the ids that are not in the backlog.
  [[nodiscard]] Task<Result<assess::Projection>> project(TenantId tenant, ScanId scan,
                                                         std::vector<std::string> items);
  // RFC 4180 with a header; cells that a spreadsheet would run are prefixed by '.
  [[nodiscard]] Task<Result<std::string>> export_csv(TenantId tenant, ScanId scan);
  // Every row that is right is applied, each other one is a fault, unless `dry_run`.
  // kValidationFailed if there is no header with remediationId, or too many rows.
  [[nodiscard]] Task<Result<RemediationImport>> import_csv(const Actor& actor, ScanId scan,
                                                           std::string csv, bool dry_run);

 private:
  store::Database& db_;
  const Clock& clock_;
  Random& random_;
};

}  // namespace carnet::service
