#include "api/byte_range.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/text.h"

namespace carnet::api {
namespace {

std::optional<std::size_t> whole_number(std::string_view text) {
  std::size_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return value;
}

}  // namespace

RangeVerdict read_range(std::string_view header, std::size_t size, ByteRange& range) {
  constexpr std::string_view kUnit = "bytes=";
  if (header.size() < kUnit.size() || !iequals_ascii(header.substr(0, kUnit.size()), kUnit))
    return RangeVerdict::kWhole;
  const std::string_view spec = trim_ascii(header.substr(kUnit.size()));
  const std::size_t dash = spec.find('-');
  if (dash == std::string_view::npos || spec.find(',') != std::string_view::npos)
    return RangeVerdict::kWhole;
  const auto first = whole_number(spec.substr(0, dash));
  const auto last = whole_number(spec.substr(dash + 1));
  if (dash == 0) {  // the last so many bytes
    if (!last) return RangeVerdict::kWhole;
    if (*last == 0 || size == 0) return RangeVerdict::kBehindTheEnd;
    range = {.first = size - std::min(size, *last), .last = size - 1};
    return RangeVerdict::kPart;
  }
  const bool open_end = dash + 1 == spec.size();
  if (!first || (!last && !open_end) || (last && *last < *first)) return RangeVerdict::kWhole;
  if (*first >= size) return RangeVerdict::kBehindTheEnd;
  range = {.first = *first, .last = std::min(last.value_or(size - 1), size - 1)};
  return RangeVerdict::kPart;
}

}  // namespace carnet::api
