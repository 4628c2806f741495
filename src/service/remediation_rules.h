#pragma once
// The rules of remediation.h that need no database. Private to service/. Pure functions,
// thread-safe. Days are texts such as "2027-03-31", which compare as days do.

#include <string>
#include <string_view>
#include <vector>

#include "inventory/model.h"
#include "service/remediation.h"
#include "store/remediation.h"

namespace carnet::service {

// As of `today` and of a scan that has the item in its backlog. An accepted risk is open again on
// the day after its last one, and what a scan proved done is open for every later scan that sees
// it. Scan ids have the order in which the scans were asked for.
[[nodiscard]] std::string effective_status(const store::RemediationRow& row, std::string_view today,
                                           std::string_view seen_by);
// Of an item that is still to be done: the earlier of its target date and deadline that has passed.
[[nodiscard]] std::string overdue_since(const inventory::BacklogItem& item, std::string_view today);
// The row as it is after an update by way of the scan `seen_by`; reason and end of an accepted risk
// go when the status does, and so does the proof.
[[nodiscard]] store::RemediationRow merged(const std::optional<store::RemediationRow>& before,
                                           const RemediationUpdate& update,
                                           std::string_view asset_id, std::string_view today,
                                           std::string_view seen_by);
// Whether the update only repeats what a reader of the row is told, such as a table as it was
// exported.
[[nodiscard]] bool repeats(const std::optional<store::RemediationRow>& before,
                           const RemediationUpdate& update, std::string_view today,
                           std::string_view seen_by);
// kValidationFailed naming each member that is wrong.
[[nodiscard]] Result<void> check_remediation(const store::RemediationRow& row,
                                             std::string_view today);
// Whether the later document proves that the item's cause is gone.
[[nodiscard]] RemediationProof prove_remediation(const inventory::ScanDocument& baseline,
                                                 const inventory::BacklogItem& item,
                                                 const inventory::ScanDocument& later);

struct RemediationCsvRow {
  std::size_t number = 0;
  RemediationUpdate update;
  std::vector<FieldError> faults;
};
// kValidationFailed: no header with remediationId, or more than kRemediationCsvRowsMax rows. A
// column that is not there stays as it is; an empty cell empties it, but for the status.
[[nodiscard]] Result<std::vector<RemediationCsvRow>> read_remediation_csv(std::string_view csv);

}  // namespace carnet::service
