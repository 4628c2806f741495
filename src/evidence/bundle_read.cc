// A strict reader of ZIP (PKWARE APPNOTE 6.3). Written here and not left to a library, because
// libraries are lenient on purpose: they look for the directory from the end, skip what they do
// not know and take the last of two entries with one name. A proof must have one reading.
#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <set>

#include "base/text.h"
#include "evidence/bundle.h"

namespace carnet::evidence {
namespace {

constexpr std::uint32_t kLocalMagic = 0x04034B50, kCentralMagic = 0x02014B50;
constexpr std::uint32_t kEndMagic = 0x06054B50, kDescriptorMagic = 0x08074B50;
constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22;
constexpr std::uint16_t kEncrypted = 1U << 0U, kDescriptor = 1U << 3U, kUtf8 = 1U << 11U;
constexpr std::uint16_t kDeflateOptions = 3U << 1U;
constexpr std::uint16_t kKnownFlags = kEncrypted | kDescriptor | kUtf8 | kDeflateOptions;
constexpr std::uint16_t kStored = 0, kDeflated = 8;
constexpr std::uint16_t kZip64Extra = 0x0001, kUnicodePathExtra = 0x7075;
constexpr std::uint32_t kFileTypeMask = 0170000, kRegularFile = 0100000;
constexpr unsigned kMadeOnUnix = 3;

template <class... Args>
tl::unexpected<Error> refuse(fmt::format_string<Args...> text, Args&&... args) {
  return make_error(ErrorCode::kValidationFailed, fmt::format(text, std::forward<Args>(args)...));
}

// Little-endian numbers at a place that was checked to be inside.
std::uint16_t u16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) |
                                    static_cast<unsigned char>(bytes[at + 1]) << 8U);
}
std::uint32_t u32(std::string_view bytes, std::size_t at) {
  return u16(bytes, at) | static_cast<std::uint32_t>(u16(bytes, at + 2)) << 16U;
}

struct End {
  std::size_t entries = 0, directory_at = 0, directory_bytes = 0;
};

struct Central {
  std::string name;
  std::uint16_t flags = 0, method = 0;
  std::uint32_t crc = 0;
  std::size_t packed = 0, size = 0, header_at = 0;
  std::size_t data_at = 0, end_at = 0;  // found in the local header
};

// How a name from outside is shown in a message: short, without controls.
std::string shown(std::string_view name) {
  constexpr std::size_t kShown = 80;
  std::string out;
  for (const char c : name.substr(0, kShown))
    out += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F ? '?' : c;
  if (name.size() > kShown) out += "...";
  return out;
}

Result<End> read_end(std::string_view bytes, const BundleLimits& limits) {
  if (bytes.size() < kEndBytes || u32(bytes, 0) != kLocalMagic)
    return refuse("This is not a ZIP file.");
  const std::size_t at = bytes.size() - kEndBytes;
  if (u32(bytes, at) != kEndMagic || u16(bytes, at + 20) != 0)
    return refuse("The ZIP file does not end where its directory ends.");
  if (u16(bytes, at + 4) != 0 || u16(bytes, at + 6) != 0)
    return refuse("The ZIP file is one part of several.");
  End end{.entries = u16(bytes, at + 10),
          .directory_at = u32(bytes, at + 16),
          .directory_bytes = u32(bytes, at + 12)};
  if (u16(bytes, at + 8) != end.entries) return refuse("The ZIP file counts its entries twice.");
  if (end.entries == 0xFFFF || end.directory_at == 0xFFFFFFFF) return refuse("ZIP64 is not taken.");
  if (end.directory_at > at || at - end.directory_at != end.directory_bytes)
    return refuse("The ZIP file does not end where its directory ends.");
  if (end.entries > limits.entries_max)
    return make_error(ErrorCode::kPayloadTooLarge,
                      fmt::format("The ZIP file has {} entries; at most {} are read.", end.entries,
                                  limits.entries_max));
  return end;
}

// Times and owners are harmless; a second name or size is not.
Result<void> check_extra(std::string_view extra, std::string_view name) {
  while (!extra.empty()) {
    if (extra.size() < 4 || extra.size() - 4 < u16(extra, 2))
      return refuse("The entry \"{}\" has a malformed extra field.", shown(name));
    const std::uint16_t id = u16(extra, 0);
    if (id == kZip64Extra) return refuse("ZIP64 is not taken.");
    if (id == kUnicodePathExtra)
      return refuse("The entry \"{}\" carries a second name.", shown(name));
    extra.remove_prefix(std::size_t{4} + u16(extra, 2));
  }
  return {};
}

Result<void> check_kind(const Central& entry, unsigned made_by, std::uint32_t attributes) {
  if (!is_bundle_name(entry.name)) {
    if (entry.name.ends_with('/') && is_bundle_name(entry.name.substr(0, entry.name.size() - 1)))
      return refuse("The entry \"{}\" is a folder.", shown(entry.name));
    return refuse("The name \"{}\" is not allowed: it could leave the folder it is unpacked to.",
                  shown(entry.name));
  }
  const std::uint32_t type = (attributes >> 16U) & kFileTypeMask;
  if (made_by == kMadeOnUnix && type != 0 && type != kRegularFile)
    return refuse("The entry \"{}\" is no regular file.", shown(entry.name));
  if ((entry.flags & kEncrypted) != 0)
    return refuse("The entry \"{}\" is encrypted.", shown(entry.name));
  if ((entry.flags & ~kKnownFlags) != 0 || (entry.method != kStored && entry.method != kDeflated))
    return refuse("The entry \"{}\" is packed in a way that is not taken.", shown(entry.name));
  if (entry.method == kStored && entry.packed != entry.size)
    return refuse("The entry \"{}\" has two sizes.", shown(entry.name));
  return {};
}

Result<std::vector<Central>> read_directory(std::string_view bytes, const End& end) {
  std::vector<Central> entries;
  entries.reserve(end.entries);
  std::set<std::string> names;
  std::string_view rest = bytes.substr(end.directory_at, end.directory_bytes);
  for (std::size_t i = 0; i < end.entries; ++i) {
    if (rest.size() < kCentralBytes || u32(rest, 0) != kCentralMagic)
      return refuse("The directory of the ZIP file is malformed.");
    const std::size_t name_bytes = u16(rest, 28), extra_bytes = u16(rest, 30);
    if (u16(rest, 32) != 0) return refuse("An entry of the ZIP file has a comment.");
    if (u16(rest, 34) != 0) return refuse("The ZIP file is one part of several.");
    if (rest.size() - kCentralBytes < name_bytes + extra_bytes)
      return refuse("The directory of the ZIP file is malformed.");
    Central entry{.name = std::string(rest.substr(kCentralBytes, name_bytes)),
                  .flags = u16(rest, 8),
                  .method = u16(rest, 10),
                  .crc = u32(rest, 16),
                  .packed = u32(rest, 20),
                  .size = u32(rest, 24),
                  .header_at = u32(rest, 42)};
    CARNET_TRY_VOID(check_extra(rest.substr(kCentralBytes + name_bytes, extra_bytes), entry.name));
    CARNET_TRY_VOID(check_kind(entry, u16(rest, 4) >> 8U, u32(rest, 38)));
    if (!names.insert(to_lower_ascii(entry.name)).second)
      return refuse("The entry \"{}\" is there twice.", shown(entry.name));
    entries.push_back(std::move(entry));
    rest.remove_prefix(kCentralBytes + name_bytes + extra_bytes);
  }
  if (!rest.empty()) return refuse("The directory of the ZIP file has bytes after its last entry.");
  return entries;
}

// Behind the data when the sizes were not known before it: with or without its magic.
Result<std::size_t> descriptor_end(std::string_view bytes, const Central& entry, std::size_t at) {
  for (const std::size_t magic : {std::size_t{4}, std::size_t{0}}) {
    if (bytes.size() - at < magic + 12) continue;
    if (magic != 0 && u32(bytes, at) != kDescriptorMagic) continue;
    const std::size_t from = at + magic;
    if (u32(bytes, from) == entry.crc && u32(bytes, from + 4) == entry.packed &&
        u32(bytes, from + 8) == entry.size)
      return from + 12;
  }
  return refuse("The headers of the entry \"{}\" disagree.", shown(entry.name));
}

// Fills data_at and end_at. `bytes` ends where the directory begins.
Result<void> read_local(std::string_view bytes, Central& entry) {
  const std::size_t at = entry.header_at;
  if (at > bytes.size() || bytes.size() - at < kLocalBytes || u32(bytes, at) != kLocalMagic)
    return refuse("The entry \"{}\" is not where the directory says.", shown(entry.name));
  const std::size_t name_bytes = u16(bytes, at + 26), extra_bytes = u16(bytes, at + 28);
  const std::size_t head = kLocalBytes + name_bytes + extra_bytes;
  if (bytes.size() - at < head || bytes.size() - at - head < entry.packed)
    return refuse("The entry \"{}\" is cut off.", shown(entry.name));
  CARNET_TRY_VOID(
      check_extra(bytes.substr(at + kLocalBytes + name_bytes, extra_bytes), entry.name));
  const bool later = (entry.flags & kDescriptor) != 0;
  const auto agrees = [&](std::size_t offset, std::size_t value) {
    const std::uint32_t local = u32(bytes, at + offset);
    return local == value || (later && local == 0);
  };
  if (bytes.substr(at + kLocalBytes, name_bytes) != entry.name ||
      u16(bytes, at + 6) != entry.flags || u16(bytes, at + 8) != entry.method ||
      !agrees(14, entry.crc) || !agrees(18, entry.packed) || !agrees(22, entry.size))
    return refuse("The headers of the entry \"{}\" disagree.", shown(entry.name));
  entry.data_at = at + head;
  entry.end_at = entry.data_at + entry.packed;
  if (!later) return {};
  CARNET_TRY(end, descriptor_end(bytes, entry, entry.end_at));
  entry.end_at = end;
  return {};
}

// Every byte before the directory belongs to exactly one entry.
Result<void> check_layout(const std::vector<Central>& entries, std::size_t directory_at) {
  std::vector<const Central*> by_place;
  by_place.reserve(entries.size());
  for (const Central& entry : entries) by_place.push_back(&entry);
  std::sort(by_place.begin(), by_place.end(),
            [](const Central* a, const Central* b) { return a->header_at < b->header_at; });
  std::size_t at = 0;
  for (const Central* entry : by_place) {
    if (entry->header_at != at)
      return refuse("The ZIP file has overlapping entries or bytes that belong to none, at \"{}\".",
                    shown(entry->name));
    at = entry->end_at;
  }
  if (at != directory_at)
    return refuse("The ZIP file has bytes between its last entry and its directory.");
  return {};
}

Result<void> check_sizes(const std::vector<Central>& entries, const BundleLimits& limits) {
  std::size_t total = 0;
  for (const Central& entry : entries) {
    total += entry.size;
    if (entry.size > limits.entry_bytes_max || total > limits.total_bytes_max)
      return make_error(ErrorCode::kPayloadTooLarge,
                        fmt::format("The entry \"{}\" unpacks to more than is read ({} bytes).",
                                    shown(entry.name), entry.size));
  }
  return {};
}

Result<std::string> unpack(std::string_view packed, const Central& entry) {
  if (entry.method == kStored) return std::string(packed);
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return make_internal("bundle: inflateInit2");
  // Grown as data comes, so that a size that is only claimed costs nothing.
  std::string out;
  constexpr std::size_t kStep = std::size_t{1} << 20U;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  int state = Z_OK;
  while (state == Z_OK) {
    const std::size_t have = out.size();
    // One byte of room beyond the claim shows data that goes on.
    const std::size_t room = std::min(kStep, entry.size + 1 - have);
    out.resize(have + room);
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + have);
    stream.avail_out = static_cast<uInt>(room);
    state = inflate(&stream, Z_NO_FLUSH);
    out.resize(have + room - stream.avail_out);
    if (out.size() > entry.size) break;
  }
  const bool all_read = stream.avail_in == 0;
  inflateEnd(&stream);
  if (state != Z_STREAM_END || !all_read || out.size() != entry.size)
    return refuse("The entry \"{}\" does not unpack to the size it claims.", shown(entry.name));
  return out;
}

}  // namespace

Result<std::vector<BundleEntry>> read_bundle(std::string_view bytes, const BundleLimits& limits) {
  CARNET_TRY(end, read_end(bytes, limits));
  CARNET_TRY(directory, read_directory(bytes, end));
  CARNET_TRY_VOID(check_sizes(directory, limits));
  const std::string_view body = bytes.substr(0, end.directory_at);
  for (Central& entry : directory) CARNET_TRY_VOID(read_local(body, entry));
  CARNET_TRY_VOID(check_layout(directory, end.directory_at));
  std::vector<BundleEntry> entries;
  entries.reserve(directory.size());
  for (Central& entry : directory) {
    CARNET_TRY(unpacked, unpack(body.substr(entry.data_at, entry.packed), entry));
    const auto crc = crc32_z(0, reinterpret_cast<const Bytef*>(unpacked.data()), unpacked.size());
    if (crc != entry.crc) return refuse("The entry \"{}\" is damaged.", shown(entry.name));
    entries.push_back({.name = std::move(entry.name), .bytes = std::move(unpacked)});
  }
  return entries;
}

}  // namespace carnet::evidence
