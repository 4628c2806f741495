// Any text as a Range header; the first two bytes are the size of the file.
#include <cstddef>
#include <cstdint>
#include <string>

#include "api/byte_range.h"
#include "base/check.h"
#include "base/encoding.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using carnet::api::ByteRange;
  using carnet::api::RangeVerdict;
  using carnet::api::read_range;
  if (size < 2) return 0;
  const std::size_t file = (std::size_t{data[0]} << 8U) | data[1];
  const std::string_view text = carnet::as_text({data + 2, size - 2});
  ByteRange range;
  const RangeVerdict verdict = read_range(text, file, range);
  if (verdict != RangeVerdict::kPart) {
    CARNET_CHECK(range.first == 0 && range.last == 0);
    return 0;
  }
  CARNET_CHECK(range.first <= range.last && range.last < file);
  // Written out, it is the same range; of a file that ends before it, nothing.
  const std::string plain =
      "bytes=" + std::to_string(range.first) + "-" + std::to_string(range.last);
  ByteRange again;
  CARNET_CHECK(read_range(plain, file, again) == RangeVerdict::kPart);
  CARNET_CHECK(again.first == range.first && again.last == range.last);
  CARNET_CHECK(read_range(plain, range.first, again) == RangeVerdict::kBehindTheEnd);
  // One byte less of the file takes at most that byte.
  ByteRange shorter;
  if (read_range(plain, file - 1, shorter) == RangeVerdict::kPart)
    CARNET_CHECK(shorter.first == range.first && shorter.last + 1 >= range.last);
  return 0;
}
