#pragma once
// The remediation backlog: one item per asset and cause, in the order in which to do them. Pure,
// thread-safe.

#include <map>
#include <string>
#include <vector>

#include "assess/classify.h"
#include "assess/judge.h"
#include "assess/policy.h"

namespace carnet::assess {

// The stable id of a cause on an asset: the same in every scan.
[[nodiscard]] std::string remediation_id(std::string_view asset_id, std::string_view cause_id);
// The cause that an item stands for, such as "tls-no-pq"; "" if none of the policy's makes its id.
[[nodiscard]] std::string_view cause_of(const inventory::BacklogItem& item);

// 0–100: severity × exposure × Mosca, rounded to one decimal.
[[nodiscard]] double priority_of(std::string_view severity, inventory::Exposure exposure,
                                 bool urgent);

// Names of what sets this asset's dates, without duplicates, in the order of data/deadlines.json.
[[nodiscard]] std::vector<const Deadline*> deadlines_of(const inventory::Asset& asset, bool urgent,
                                                        const Policy& policy);

[[nodiscard]] std::vector<inventory::BacklogItem> make_backlog(
    const std::vector<ClassifiedAsset>& assets, bool urgent,
    const std::map<std::string, RemediationState>& remediation, const Policy& policy);

// 1 for done, half for an owner with a date no later than the deadline, else 0 (method.h).
[[nodiscard]] double remediation_credit(const inventory::BacklogItem& item);

}  // namespace carnet::assess
