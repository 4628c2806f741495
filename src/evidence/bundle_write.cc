#include <fmt/format.h>
#include <zip.h>

#include <algorithm>
#include <deque>
#include <memory>

#include "base/text.h"
#include "evidence/bundle.h"

namespace carnet::evidence {
namespace {

// MS-DOS date of 1980-01-01, the earliest there is: bit 5 is the month, bit 0 the day.
constexpr zip_uint16_t kDosDate = (1U << 5U) | 1U;
constexpr zip_uint16_t kDosTime = 0;
constexpr zip_uint32_t kRegularFile0644 = 0100644U << 16U;
constexpr zip_uint32_t kDeflateLevel = 6;
constexpr std::size_t kNameBytesMax = 255;                // limit: internal
constexpr std::size_t kZipBytesMax = 0xFFFFFFFFU - 4096;  // limit: internal; ZIP64 begins above
constexpr std::size_t kZipEntriesMax = 0xFFFE;            // limit: internal; ZIP64 begins above

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

// libzip pulls a source's bytes through this while it closes the archive.
class Pull {
 public:
  explicit Pull(const BundleSource& source) : source_(source) { zip_error_init(&error_); }

  static zip_int64_t call(void* self, void* data, zip_uint64_t length, zip_source_cmd_t command) {
    return static_cast<Pull*>(self)->run(data, length, command);
  }
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

 private:
  zip_int64_t run(void* data, zip_uint64_t length, zip_source_cmd_t command) {
    switch (command) {
      case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE,
                                              ZIP_SOURCE_STAT, ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE,
                                              -1);
      case ZIP_SOURCE_OPEN:
        reader_ = source_.open();
        given_ = 0;
        return 0;
      case ZIP_SOURCE_READ:
        return read(static_cast<char*>(data), length);
      case ZIP_SOURCE_STAT: {
        auto* stat = static_cast<zip_stat_t*>(data);
        zip_stat_init(stat);
        stat->size = source_.size;
        stat->valid = ZIP_STAT_SIZE;
        return sizeof(zip_stat_t);
      }
      case ZIP_SOURCE_ERROR:
        return zip_error_to_data(&error_, data, length);
      case ZIP_SOURCE_CLOSE:
        reader_ = nullptr;
        return 0;
      default:
        return 0;
    }
  }

  zip_int64_t read(char* to, zip_uint64_t room) {
    Result<std::size_t> got = reader_(to, room);
    if (got) given_ += *got;
    if (got && *got < room && given_ != source_.size)
      got = make_internal("bundle: a source of another size than it said");
    if (got) return static_cast<zip_int64_t>(*got);
    failure_ = std::move(got).error();
    zip_error_set(&error_, ZIP_ER_READ, 0);
    return -1;
  }

  const BundleSource& source_;
  BundleReader reader_;
  std::uint64_t given_ = 0;
  std::optional<Error> failure_;
  zip_error_t error_{};
};

Result<void> add(zip_t* archive, const BundleEntry& entry, Pull* pull) {
  zip_source_t* source =
      pull != nullptr ? zip_source_function(archive, Pull::call, pull)
                      : zip_source_buffer(archive, entry.bytes.data(), entry.bytes.size(), 0);
  if (source == nullptr) return zip_failed("source", archive);
  const zip_int64_t added = zip_file_add(archive, entry.name.c_str(), source, ZIP_FL_ENC_UTF_8);
  if (added < 0) {
    zip_source_free(source);
    return zip_failed("add", archive);
  }
  const auto index = static_cast<zip_uint64_t>(added);
  const zip_int32_t method = is_compressed(entry.name) ? ZIP_CM_STORE : ZIP_CM_DEFLATE;
  if (zip_set_file_compression(archive, index, method, kDeflateLevel) != 0 ||
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
    Pull* const pull = entry.source ? &pulls.emplace_back(*entry.source) : nullptr;
    CARNET_TRY_VOID(add(archive.get(), entry, pull));
  }
  if (zip_close(archive.get()) != 0) {
    for (const Pull& pull : pulls)
      if (pull.failure()) return tl::unexpected(*pull.failure());
    return zip_failed("close", archive.get());
  }
  static_cast<void>(archive.release());
  return take_bytes(memory.get());
}

}  // namespace carnet::evidence
