#pragma once
// Calendar days as they stand in requests and answers: "2027-03-31". Pure functions, thread-safe.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace carnet::service {

// nullopt for anything but four, two and two digits that are a day from the year 1970 to 9999.
[[nodiscard]] inline std::optional<std::chrono::sys_days> parse_date(std::string_view text) {
  constexpr std::size_t kDateChars = 10;
  if (text.size() != kDateChars) return std::nullopt;
  const auto at = parse_rfc3339(std::string(text) + "T00:00:00Z");
  if (!at || *at < Timestamp{}) return std::nullopt;
  return std::chrono::floor<std::chrono::days>(*at);
}

[[nodiscard]] inline std::string date_text(std::chrono::sys_days day) {
  constexpr std::size_t kDateChars = 10;
  return to_rfc3339(std::chrono::time_point_cast<std::chrono::milliseconds>(day))
      .substr(0, kDateChars);
}

[[nodiscard]] inline std::chrono::sys_days date_of(Timestamp time) {
  return std::chrono::floor<std::chrono::days>(time);
}

}  // namespace carnet::service
