#include <fmt/format.h>
#include <zip.h>
#include <zlib.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <new>

#include "base/text.h"
#include "evidence/bundle.h"

namespace carnet::evidence {
namespace {

// MS-DOS date of 1980-01-01, the earliest there is: bit 5 is the month, bit 0 the day.
constexpr zip_uint16_t kDosDate = (1U << 5U) | 1U;
constexpr zip_uint16_t kDosTime = 0;
constexpr zip_uint32_t kRegularFile0644 = 0100644U << 16U;
constexpr int kDeflateLevel = 6;
constexpr std::size_t kPieceBytes = std::size_t{64} * 1024;  // limit: internal
constexpr std::size_t kNameBytesMax = 255;                   // limit: internal
constexpr std::size_t kZipBytesMax = 0xFFFFFFFFU - 4096;     // limit: internal; ZIP64 begins above
constexpr std::size_t kZipEntriesMax = 0xFFFE;               // limit: internal; ZIP64 begins above

struct DiscardZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
using Archive = std::unique_ptr<zip_t, DiscardZip>;
using Source = std::unique_ptr<zip_source_t, FreeSource>;

tl::unexpected<Error> zip_failed(std::string_view step, zip_t* archive) {
  return make_internal(fmt::format("bundle: {}: {}", step, zip_strerror(archive)));
}

// PDFs are compressed inside; packing them again costs time and gains nothing.
bool is_compressed(std::string_view name) { return name.ends_with(".pdf"); }

std::uint64_t size_of(const BundleEntry& entry) {
  return entry.source ? entry.source->size : entry.bytes.size();
}

// An entry as it stands in the archive. It is deflated here and not by libzip, whose deflate always
// runs with zlib's largest hash table (memLevel 9): that falls out of the processor's caches, takes
// a third longer on the JSON of a large scan, and packs no better.
struct Packed {
  std::string own;         // what was deflated or read; "" where `bytes` are the entry's own
  std::string_view bytes;  // as stored
  zip_uint64_t size = 0;   // unpacked
  zip_uint32_t crc = 0;
  zip_uint16_t method = ZIP_CM_STORE;
};

// Gives the entry's bytes piece by piece, whether they are in memory or read from elsewhere.
Result<void> for_each_piece(const BundleEntry& entry,
                            const std::function<Result<void>(std::string_view)>& take) {
  if (!entry.source) {
    for (std::string_view rest = entry.bytes; !rest.empty();) {
      CARNET_TRY_VOID(take(rest.substr(0, kPieceBytes)));
      rest.remove_prefix(std::min(rest.size(), kPieceBytes));
    }
    return {};
  }
  const BundleReader read = entry.source->open();
  std::string piece(kPieceBytes, '\0');
  std::uint64_t given = 0;
  while (true) {
    CARNET_TRY(got, read(piece.data(), piece.size()));
    given += got;
    if (got > 0) CARNET_TRY_VOID(take(std::string_view(piece).substr(0, got)));
    if (got < piece.size()) break;
  }
  if (given != entry.source->size)
    return make_internal("bundle: a source of another size than it said");
  return {};
}

class Deflater {
 public:
  Deflater() {
    constexpr int kMemLevel = 8;  // zlib's default
    if (deflateInit2(&stream_, kDeflateLevel, Z_DEFLATED, -MAX_WBITS, kMemLevel,
                     Z_DEFAULT_STRATEGY) != Z_OK)
      throw std::bad_alloc();
  }
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;
  ~Deflater() { deflateEnd(&stream_); }

  // Appends to `out`. Z_FINISH with the last call, whose piece may be empty.
  Result<void> run(std::string_view piece, int flush, std::string& out) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_.avail_in = static_cast<uInt>(piece.size());
    int state = Z_OK;
    do {
      const std::size_t have = out.size();
      out.resize(have + kPieceBytes);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + have);
      stream_.avail_out = static_cast<uInt>(kPieceBytes);
      state = deflate(&stream_, flush);
      out.resize(have + kPieceBytes - stream_.avail_out);
      if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR)
        return make_internal("bundle: deflate failed");
    } while (flush == Z_FINISH ? state != Z_STREAM_END : stream_.avail_out == 0);
    return {};
  }

 private:
  z_stream stream_{};
};

Result<Packed> pack(const BundleEntry& entry) {
  Packed packed{.own = {}, .bytes = {}, .size = size_of(entry)};
  const bool store = is_compressed(entry.name);
  Deflater deflater;
  const auto take = [&](std::string_view piece) -> Result<void> {
    packed.crc = static_cast<zip_uint32_t>(
        crc32_z(packed.crc, reinterpret_cast<const Bytef*>(piece.data()), piece.size()));
    if (!store) return deflater.run(piece, Z_NO_FLUSH, packed.own);
    if (entry.source) packed.own += piece;
    return {};
  };
  CARNET_TRY_VOID(for_each_piece(entry, take));
  if (!store) {
    CARNET_TRY_VOID(deflater.run({}, Z_FINISH, packed.own));
    packed.method = ZIP_CM_DEFLATE;
  }
  return packed;
}

// libzip takes a packed entry through this while it closes the archive.
class Pull {
 public:
  explicit Pull(Packed packed) : packed_(std::move(packed)) {}

  static zip_int64_t call(void* self, void* data, zip_uint64_t length, zip_source_cmd_t command) {
    return static_cast<Pull*>(self)->run(data, length, command);
  }
  [[nodiscard]] Packed& packed() { return packed_; }

 private:
  zip_int64_t run(void* data, zip_uint64_t length, zip_source_cmd_t command) {
    switch (command) {
      case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                              -1);
      case ZIP_SOURCE_OPEN:
        rest_ = packed_.bytes;
        return 0;
      case ZIP_SOURCE_READ: {
        const std::string_view piece = rest_.substr(0, length);
        std::copy(piece.begin(), piece.end(), static_cast<char*>(data));
        rest_.remove_prefix(piece.size());
        return static_cast<zip_int64_t>(piece.size());
      }
      case ZIP_SOURCE_STAT: {
        auto* stat = static_cast<zip_stat_t*>(data);
        zip_stat_init(stat);
        stat->size = packed_.size;
        stat->comp_size = packed_.bytes.size();
        stat->comp_method = packed_.method;
        stat->crc = packed_.crc;
        stat->valid = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_CRC;
        return sizeof(zip_stat_t);
      }
      default:
        return 0;
    }
  }

  Packed packed_;
  std::string_view rest_;
};

Result<void> add(zip_t* archive, const BundleEntry& entry, Pull& pull) {
  zip_source_t* source = zip_source_function(archive, Pull::call, &pull);
  if (source == nullptr) return zip_failed("source", archive);
  const zip_int64_t added = zip_file_add(archive, entry.name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (added < 0) {
    zip_source_free(source);
    return zip_failed("add", archive);
  }
  const auto index = static_cast<zip_uint64_t>(added);
  if (zip_set_file_compression(archive, index, pull.packed().method, kDeflateLevel) != 0 ||
      zip_file_set_dostime(archive, index, kDosTime, kDosDate, 0) != 0 ||
      zip_file_set_external_attributes(archive, index, 0, ZIP_OPSYS_UNIX, kRegularFile0644) != 0)
    return zip_failed("attributes", archive);
  return {};
}

Result<std::string> take_bytes(zip_source_t* source) {
  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_source_stat(source, &stat) != 0 || (stat.valid & ZIP_STAT_SIZE) == 0)
    return make_internal("bundle: the archive has no size");
  std::string bytes(stat.size, '\0');
  if (zip_source_open(source) != 0) return make_internal("bundle: the archive cannot be read");
  const zip_int64_t read = zip_source_read(source, bytes.data(), bytes.size());
  zip_source_close(source);
  if (read < 0 || static_cast<std::size_t>(read) != bytes.size())
    return make_internal("bundle: the archive was read in part");
  return bytes;
}

Result<void> check_entries(const std::vector<BundleEntry>& entries) {
  if (entries.empty()) return make_internal("bundle: no entries");
  if (entries.size() > kZipEntriesMax) return make_internal("bundle: too many entries");
  std::size_t total = 0;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (!is_bundle_name(entries[i].name))
      return make_internal(fmt::format("bundle: bad name \"{}\"", entries[i].name));
    if (i > 0 && entries[i].name == entries[i - 1].name)
      return make_internal(fmt::format("bundle: \"{}\" twice", entries[i].name));
    total += size_of(entries[i]);
    if (total > kZipBytesMax) return make_internal("bundle: too large for a ZIP without ZIP64");
  }
  return {};
}

}  // namespace

bool is_bundle_name(std::string_view name) {
  if (name.empty() || name.size() > kNameBytesMax || !is_valid_utf8(name)) return false;
  if (has_forbidden_control(name) || name.find_first_of("\\:\t\n") != std::string_view::npos)
    return false;
  for (const std::string_view part : split(name, '/'))
    if (part.empty() || part == "." || part == "..") return false;
  return true;
}

Result<std::string> write_bundle(std::vector<BundleEntry> entries) {
  const auto by_name = [](const BundleEntry& a, const BundleEntry& b) { return a.name < b.name; };
  std::sort(entries.begin(), entries.end(), by_name);
  CARNET_TRY_VOID(check_entries(entries));

  std::deque<Pull> pulls;  // outlive the archive, which holds on to them
  zip_error_t error;
  zip_error_init(&error);
  const Source memory(zip_source_buffer_create(nullptr, 0, 0, &error));
  if (memory == nullptr) return make_internal("bundle: no memory source");
  Archive archive(zip_open_from_source(memory.get(), ZIP_TRUNCATE, &error));
  if (archive == nullptr)
    return make_internal(fmt::format("bundle: open: {}", zip_error_strerror(&error)));
  zip_source_keep(memory.get());  // closing the archive drops its own hold on it
  for (const BundleEntry& entry : entries) {
    CARNET_TRY(packed, pack(entry));
    Pull& pull = pulls.emplace_back(std::move(packed));
    Packed& kept = pull.packed();
    kept.bytes = kept.method == ZIP_CM_STORE && !entry.source ? std::string_view(entry.bytes)
                                                              : std::string_view(kept.own);
    CARNET_TRY_VOID(add(archive.get(), entry, pull));
  }
  if (zip_close(archive.get()) != 0) return zip_failed("close", archive.get());
  static_cast<void>(archive.release());
  return take_bytes(memory.get());
}

}  // namespace carnet::evidence
