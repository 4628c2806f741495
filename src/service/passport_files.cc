#include "service/passport_files.h"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <utility>

#include "base/check.h"
#include "crypto/hash.h"
#include "crypto/sha256_stream.h"

namespace carnet::service {
namespace {

constexpr int kLevel = 6;
constexpr std::size_t kStreamFrom = 256 * 1024;  // bytes

const Bytef* zlib_bytes(const std::string& text) {
  return reinterpret_cast<const Bytef*>(text.data());
}

std::string deflate_all(const std::string& bytes) {
  uLongf size = compressBound(bytes.size());
  std::string out(size, '\0');
  const int code = compress2(reinterpret_cast<Bytef*>(out.data()), &size, zlib_bytes(bytes),
                             bytes.size(), kLevel);
  CARNET_CHECK(code == Z_OK);  // the buffer has the size that compressBound() asks for
  out.resize(size);
  return out;
}

}  // namespace

store::PassportFileRow pack_file(std::string name, std::string media_type, std::string bytes) {
  store::PassportFileRow row;
  row.name = std::move(name);
  row.media_type = std::move(media_type);
  row.sha256 = crypto::sha256_hex(bytes);
  row.size = static_cast<std::int64_t>(bytes.size());
  std::string packed = deflate_all(bytes);
  row.packed = packed.size() < bytes.size();
  row.bytes = row.packed ? std::move(packed) : std::move(bytes);
  return row;
}

struct FilePacker::Stream {
  Stream() { CARNET_CHECK(deflateInit(&zlib, kLevel) == Z_OK); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() { deflateEnd(&zlib); }

  void feed(std::string_view piece, int flush) {
    std::array<Bytef, 64 * 1024> buffer;
    size += static_cast<std::int64_t>(piece.size());
    digest.add(piece);
    // zlib's older interface takes its input without const and does not write to it.
    zlib.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(piece.data()));
    zlib.avail_in = static_cast<uInt>(piece.size());
    do {
      zlib.next_out = buffer.data();
      zlib.avail_out = static_cast<uInt>(buffer.size());
      const int code = deflate(&zlib, flush);
      CARNET_CHECK(code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR);
      packed.append(reinterpret_cast<const char*>(buffer.data()), buffer.size() - zlib.avail_out);
    } while (zlib.avail_out == 0);
  }

  z_stream zlib{};
  crypto::Sha256Stream digest;
  std::int64_t size = 0;
  std::string packed;
};

FilePacker::FilePacker(std::string name, std::string media_type)
    : name_(std::move(name)), media_type_(std::move(media_type)) {}
FilePacker::~FilePacker() = default;

void FilePacker::add(std::string_view piece) {
  // Gathered, because the pieces may be a comma long.
  plain_ += piece;
  if (plain_.size() <= kStreamFrom) return;
  if (!stream_) stream_ = std::make_unique<Stream>();
  stream_->feed(plain_, Z_NO_FLUSH);
  plain_.clear();
}

store::PassportFileRow FilePacker::finish() {
  if (!stream_) return pack_file(std::move(name_), std::move(media_type_), std::move(plain_));
  stream_->feed(plain_, Z_FINISH);
  store::PassportFileRow row;
  row.name = std::move(name_);
  row.media_type = std::move(media_type_);
  row.sha256 = to_hex(stream_->digest.finish());
  row.size = stream_->size;
  row.packed = true;
  row.bytes = std::move(stream_->packed);
  row.bytes.shrink_to_fit();
  stream_.reset();
  return row;
}

namespace {

tl::unexpected<Error> changed(const store::PassportFileRow& row) {
  return make_internal(fmt::format("stored file {}: its digest has changed", row.name));
}

// A packed file's bytes as they are asked for; what they were in the end is held against the
// digest.
class FileReader {
 public:
  explicit FileReader(std::shared_ptr<const store::PassportFileRow> row) : row_(std::move(row)) {
    CARNET_CHECK(inflateInit(&zlib_) == Z_OK);
    zlib_.next_in = const_cast<Bytef*>(zlib_bytes(row_->bytes));
    zlib_.avail_in = static_cast<uInt>(row_->bytes.size());
  }
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;
  ~FileReader() { inflateEnd(&zlib_); }

  Result<std::size_t> read(char* to, std::size_t room) {
    if (ended_) return 0;
    zlib_.next_out = reinterpret_cast<Bytef*>(to);
    zlib_.avail_out = static_cast<uInt>(room);
    while (zlib_.avail_out > 0 && !ended_) {
      const int code = inflate(&zlib_, Z_NO_FLUSH);
      if (code != Z_OK && code != Z_STREAM_END)
        return make_internal(fmt::format("stored file {}: zlib {}", row_->name, code));
      ended_ = code == Z_STREAM_END;
    }
    const std::size_t got = room - zlib_.avail_out;
    digest_.add({to, got});
    if (ended_ && to_hex(digest_.finish()) != row_->sha256) return changed(*row_);
    return got;
  }

 private:
  const std::shared_ptr<const store::PassportFileRow> row_;
  z_stream zlib_{};
  crypto::Sha256Stream digest_;
  bool ended_ = false;
};

}  // namespace

Result<evidence::BundleEntry> bundle_entry(store::PassportFileRow row) {
  evidence::BundleEntry entry;
  entry.name = row.name;
  if (!row.packed) {
    if (crypto::sha256_hex(row.bytes) != row.sha256) return changed(row);
    entry.bytes = std::move(row.bytes);
    return entry;
  }
  const auto kept = std::make_shared<const store::PassportFileRow>(std::move(row));
  const auto open = [kept]() -> evidence::BundleReader {
    const auto reader = std::make_shared<FileReader>(kept);
    return [reader](char* to, std::size_t room) { return reader->read(to, room); };
  };
  entry.source = evidence::BundleSource{
      .size = static_cast<std::uint64_t>(kept->size), .sha256 = kept->sha256, .open = open};
  return entry;
}

Result<std::string> unpack_file(const store::PassportFileRow& row, std::size_t room) {
  std::string out;
  out.reserve(static_cast<std::size_t>(row.size) + room);
  if (row.packed) {
    out.resize(static_cast<std::size_t>(row.size));
    uLongf size = out.size();
    const int code = uncompress(reinterpret_cast<Bytef*>(out.data()), &size, zlib_bytes(row.bytes),
                                row.bytes.size());
    if (code != Z_OK || size != out.size())
      return make_internal(fmt::format("stored file {}: zlib {}", row.name, code));
  } else {
    out = row.bytes;
  }
  // What leaves here is under a signature: better nothing than something else.
  if (crypto::sha256_hex(out) != row.sha256) return changed(row);
  return out;
}

}  // namespace carnet::service
