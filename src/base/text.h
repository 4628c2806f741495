#pragma once
// Checks and helpers on text. Pure functions.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace carnet {

[[nodiscard]] bool is_valid_utf8(std::string_view text);
// Number of Unicode code points; `text` must be valid UTF-8.
[[nodiscard]] std::size_t utf8_length(std::string_view text);
// True if there is a C0 control other than tab and newline, a DEL or a C1 control (U+0080–U+009F).
[[nodiscard]] bool has_forbidden_control(std::string_view text);
[[nodiscard]] std::string to_lower_ascii(std::string_view text);
[[nodiscard]] std::string_view trim_ascii(std::string_view text);
[[nodiscard]] bool iequals_ascii(std::string_view a, std::string_view b);
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace carnet
