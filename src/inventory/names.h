#pragma once
// The words of the JSON interface for the enumerations of model.h. Pure functions.

#include <string_view>

#include "inventory/model.h"

namespace carnet::inventory {

[[nodiscard]] std::string_view to_string(Support state);  // "preferred" …
[[nodiscard]] std::string_view to_string(
    AssetStatus status);  // "broken" "at-risk" "safe" "unknown"
[[nodiscard]] std::string_view to_string(
    Exposure exposure);  // "key-establishment" "authentication"

}  // namespace carnet::inventory
