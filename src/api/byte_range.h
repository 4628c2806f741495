#pragma once
// The Range header of a download that is resumed (RFC 9110 section 14). Pure function.

#include <cstddef>
#include <string_view>

namespace carnet::api {

struct ByteRange {
  std::size_t first = 0, last = 0;  // both inclusive
};
enum class RangeVerdict { kWhole, kPart, kBehindTheEnd };

// What a header asks for of a file of `size` bytes; `range` is set for kPart, and lies within the
// file. One range of bytes is understood; anything else (several ranges, another unit, no sense)
// means the whole, as RFC 9110 section 14.2 allows.
[[nodiscard]] RangeVerdict read_range(std::string_view header, std::size_t size, ByteRange& range);

}  // namespace carnet::api
