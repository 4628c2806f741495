#pragma once
// Evaluates frameworks: each requirement's rule over the assets. Four words: met, not-met,
// not-applicable, cannot-tell. "not-met" needs an asset that shows it; what was not reached makes
// "cannot-tell", never "met". Pure, thread-safe.

#include <vector>

#include "assess/classify.h"
#include "assess/policy.h"

namespace carnet::assess {

[[nodiscard]] std::vector<inventory::FrameworkResult> evaluate_frameworks(
    const std::vector<FrameworkSpec>& frameworks, const std::vector<ClassifiedAsset>& assets,
    const inventory::Coverage& coverage);

}  // namespace carnet::assess
