#pragma once
// Collects every bad field of a request, so that the caller learns of all of them at once. Used by
// one thread.

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace carnet::service {

inline constexpr std::size_t kTextMax = 255;  // code points of a name, label, recipient

class FieldErrors {
 public:
  // `pointer` defaults to "/" + field with every '.' as '/'.
  void add(std::string_view field, std::string_view code, std::string_view detail,
           std::string_view pointer = {});
  void integer(std::string_view field, std::int64_t value, std::int64_t min, std::int64_t max);
  // At most kTextMax code points of valid UTF-8 without control characters except tab and newline.
  void text(std::string_view field, std::string_view value, std::size_t chars_min = 0);
  // Finite and from 0 to `max`.
  void years(std::string_view field, double value, double max);

  [[nodiscard]] bool empty() const { return fields_.empty(); }
  [[nodiscard]] tl::unexpected<Error> take() { return make_validation_error(std::move(fields_)); }

 private:
  std::vector<FieldError> fields_;
};

}  // namespace carnet::service
