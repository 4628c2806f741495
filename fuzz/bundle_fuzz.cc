// Bytes that somebody hands in as a bundle: whatever the reader takes, it can write, and reads back
// as the same; nothing passes its limits.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "evidence/bundle.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using carnet::evidence::BundleEntry;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  constexpr carnet::evidence::BundleLimits kSmall{
      .entries_max = 16, .entry_bytes_max = 1U << 20U, .total_bytes_max = 2U << 20U};
  auto read = carnet::evidence::read_bundle(bytes, kSmall);
  if (!read) return 0;
  std::size_t total = 0;
  for (const BundleEntry& entry : *read) {
    if (!carnet::evidence::is_bundle_name(entry.name)) std::abort();
    total += entry.bytes.size();
  }
  if (total > kSmall.total_bytes_max || read->size() > kSmall.entries_max) std::abort();
  if (read->empty()) return 0;
  const auto written = carnet::evidence::write_bundle(*read);
  if (!written) std::abort();
  const auto again = carnet::evidence::read_bundle(*written, kSmall);
  if (!again || again->size() != read->size()) std::abort();
  return 0;
}
