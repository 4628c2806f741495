#include "service/fields.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "base/text.h"

namespace carnet::service {

void FieldErrors::add(std::string_view field, std::string_view code, std::string_view detail,
                      std::string_view pointer) {
  std::string where(pointer);
  if (where.empty()) {
    where = "/" + std::string(field);
    std::replace(where.begin(), where.end(), '.', '/');
  }
  fields_.push_back(FieldError{.field = std::string(field),
                               .pointer = std::move(where),
                               .code = std::string(code),
                               .detail = std::string(detail)});
}

void FieldErrors::integer(std::string_view field, std::int64_t value, std::int64_t min,
                          std::int64_t max) {
  if (value >= min && value <= max) return;
  add(field, "out_of_range", fmt::format("must be a whole number from {} to {}", min, max));
}

void FieldErrors::text(std::string_view field, std::string_view value, std::size_t chars_min) {
  if (!is_valid_utf8(value)) return add(field, "invalid_text", "must be valid UTF-8");
  if (has_forbidden_control(value))
    return add(field, "control_character",
               "must not hold control characters other than tab and newline");
  const std::size_t chars = utf8_length(value);
  if (chars > kTextMax)
    return add(field, "too_long", fmt::format("must have at most {} characters", kTextMax));
  if (chars < chars_min || (chars_min > 0 && trim_ascii(value).empty()))
    add(field, "required", fmt::format("must have {} to {} characters", chars_min, kTextMax));
}

void FieldErrors::years(std::string_view field, double value, double max) {
  if (std::isfinite(value) && value >= 0 && value <= max) return;
  add(field, "out_of_range", fmt::format("must be a number from 0 to {}", max));
}

}  // namespace carnet::service
