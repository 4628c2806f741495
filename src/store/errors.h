#pragma once
// Errors that both backends give. Pure functions; used within src/store only.

#include <string_view>

#include "base/error.h"

namespace carnet::store {

constexpr std::string_view kNotReachable = "The database cannot be reached right now.";
constexpr int kRetryBusy_s = 1;
constexpr int kRetryBroken_s = 5;  // someone has to do something first: free space, start a server

[[nodiscard]] Error unavailable(std::string_view public_detail, int retry_after_s,
                                std::string_view internal);
[[nodiscard]] Error stored_conflict(std::string internal);  // kConflict
[[nodiscard]] Error queue_full();
[[nodiscard]] Error shutting_down();

}  // namespace carnet::store
