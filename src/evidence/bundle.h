#pragma once
// The evidence bundle as a ZIP: written so that the same entries always give the same bytes, and
// read as strictly as a proof must be read. Pure functions, thread-safe; everything is in memory,
// bounded by BundleLimits when reading, but for the
// sources that an entry to be written may have instead of its bytes.
//
// Writing: entries sorted by name (byte order), time 1980-01-01 00:00, mode 0644, no extra fields,
// no comments. Reading: the file must be nothing but its entries. What two unpackers could see
// differently is refused: a name given twice (also in another case), local and central headers
// that disagree, entries that overlap, bytes that belong to no entry before, between or after
// them, ZIP64, split and encrypted archives, links, folders, names that leave the folder.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace carnet::evidence {

// Reads on: up to `room` bytes to `to`, fewer only at the end, 0 behind it.
using BundleReader = std::function<Result<std::size_t>(char* to, std::size_t room)>;

// What is too long to stand in memory whole while it is packed.
struct BundleSource {
  std::uint64_t size = 0;
  std::string sha256;                  // hex
  std::function<BundleReader()> open;  // each reader begins anew
};

struct BundleEntry {
  std::string name;  // "report.json"; "/" between folders, 1–255 bytes of UTF-8
  std::string bytes;
  std::optional<BundleSource> source{};  // instead of `bytes`; for writing only
};

struct BundleLimits {
  std::size_t entries_max = 256;
  std::size_t entry_bytes_max = std::size_t{256} * 1024 * 1024;  // unpacked
  std::size_t total_bytes_max = std::size_t{512} * 1024 * 1024;  // unpacked, all entries
};

// A name that read_bundle() would take: relative, no empty, "." or ".." part, no backslash, colon
// or control character, valid UTF-8, 1–255 bytes.
[[nodiscard]] bool is_bundle_name(std::string_view name);

// kInternal for a bad or doubled name, for what a ZIP without ZIP64 cannot hold, and for a source
// that fails or does not have the size it said.
[[nodiscard]] Result<std::string> write_bundle(std::vector<BundleEntry> entries);

// The entries in the order of the archive. kValidationFailed with one sentence that says what is
// wrong and with which entry; kPayloadTooLarge where a limit is passed. Nothing is unpacked before
// all sizes are known to be within the limits.
[[nodiscard]] Result<std::vector<BundleEntry>> read_bundle(std::string_view bytes,
                                                           const BundleLimits& limits = {});

}  // namespace carnet::evidence
