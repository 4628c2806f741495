#pragma once
// What this build is. Pure function.

#include <string>
#include <string_view>

namespace carnet::app {

[[nodiscard]] std::string_view version();  // "0.1.0"
[[nodiscard]] std::string version_text();  // the lines of `carnet version`

}  // namespace carnet::app
