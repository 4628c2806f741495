#pragma once
// Comparing looks of different depth at one endpoint. A quick scan does not ask for old versions
// and suites of TLS, nor for the further certificates of a port: what it did not ask for neither
// went away with it nor came with the scan after it. Private to service/. Pure, thread-safe.

#include <deque>
#include <optional>
#include <vector>

#include "evidence/diff.h"
#include "inventory/model.h"

namespace carnet::service {

struct ComparableAssets {
  evidence::Assets before, now;
  std::deque<inventory::Asset> made;  // what stands in for others in the two lists
};

// The scan is a quick one, the look before it was not.
[[nodiscard]] ComparableAssets when_now_is_quick(const evidence::Assets& before,
                                                 const evidence::Assets& now);

// The look before the scan was a quick one, the scan is not. `deeper`: the assets of the newest
// look before that which was no quick one either, nullopt if there was none; `as_quick`: those of
// the scan if it were quick. What a quick scan sees is compared with the quick look, which has told
// of it; the rest with the deeper one, and not at all without one.
[[nodiscard]] ComparableAssets when_before_is_quick(const evidence::Assets& before,
                                                    const std::optional<evidence::Assets>& deeper,
                                                    const evidence::Assets& now,
                                                    const evidence::Assets& as_quick);

}  // namespace carnet::service
