#include "app/backup_archive.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <fmt/format.h>

#include "base/check.h"

namespace carnet::app {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kNameBytesMax = 99;                               // limit: internal
constexpr std::uint64_t kPartBytesMax = 8ULL * 1024 * 1024 * 1024 - 1;  // limit: internal
constexpr std::size_t kPieceBytes = std::size_t{256} * 1024;
constexpr int kLevel = 1;  // rows pack well at once, and a backup should not take long
constexpr int kGzipWindow = MAX_WBITS + 16;
constexpr int kMemoryLevel = 8;

// Where the fields of a ustar header stand (POSIX.1-2017, pax, "ustar Interchange Format").
struct TarField {
  std::size_t at, size;
};
constexpr TarField kName{.at = 0, .size = 100};
constexpr TarField kMode{.at = 100, .size = 8};
constexpr TarField kUid{.at = 108, .size = 8};
constexpr TarField kGid{.at = 116, .size = 8};
constexpr TarField kSize{.at = 124, .size = 12};
constexpr TarField kTime{.at = 136, .size = 12};
constexpr TarField kChecksum{.at = 148, .size = 8};
constexpr std::size_t kTypeAt = 156;
constexpr std::size_t kMagicAt = 257;
constexpr std::string_view kMagic(
    "ustar\0"
    "00",
    8);

using TarHeader = std::array<char, kBlock>;

void put_octal(TarHeader& header, const TarField& field, std::uint64_t value) {
  const std::string text = fmt::format("{:0{}o}", value, field.size - 1);
  std::copy(text.begin(), text.end(), header.begin() + static_cast<std::ptrdiff_t>(field.at));
}

std::optional<std::uint64_t> octal(const TarHeader& header, const TarField& field) {
  const char* const begin = header.data() + field.at;
  const char* const end = begin + field.size;
  std::uint64_t value = 0;
  const auto read = std::from_chars(begin, end, value, 8);
  const bool good = read.ec == std::errc{} && read.ptr != begin &&
                    std::all_of(read.ptr, end, [](char c) { return c == '\0' || c == ' '; });
  return good ? std::optional(value) : std::nullopt;
}

// The sum of all bytes, those of the sum itself taken for spaces.
std::uint64_t checksum(const TarHeader& header) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < header.size(); ++i) {
    const bool own = i >= kChecksum.at && i < kChecksum.at + kChecksum.size;
    sum += own ? static_cast<unsigned char>(' ') : static_cast<unsigned char>(header[i]);
  }
  return sum;
}

TarHeader header_of(std::string_view name, std::uint64_t size, Timestamp modified) {
  TarHeader header{};
  std::copy(name.begin(), name.end(), header.begin());
  put_octal(header, kMode, 0600);
  put_octal(header, kUid, 0);
  put_octal(header, kGid, 0);
  put_octal(header, kSize, size);
  put_octal(header, kTime,
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, to_millis(modified) / 1000)));
  header[kTypeAt] = '0';
  std::copy(kMagic.begin(), kMagic.end(), header.begin() + kMagicAt);
  const std::string sum = fmt::format("{:06o}", checksum(header));
  std::copy(sum.begin(), sum.end(), header.begin() + kChecksum.at);
  header[kChecksum.at + 7] = ' ';
  return header;
}

std::size_t padding_of(std::uint64_t size) {
  return static_cast<std::size_t>((kBlock - size % kBlock) % kBlock);
}

tl::unexpected<Error> damaged(std::string_view what) {
  return make_error(ErrorCode::kValidationFailed,
                    fmt::format("It is damaged, or not a backup of Carnet: {}.", what));
}

}  // namespace

ArchiveWriter::ArchiveWriter(std::unique_ptr<SealedFileWriter> file, Timestamp modified)
    : file_(std::move(file)), stream_(std::make_unique<z_stream_s>()), modified_(modified) {
  CARNET_CHECK(deflateInit2(stream_.get(), kLevel, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                            Z_DEFAULT_STRATEGY) == Z_OK);
}

ArchiveWriter::~ArchiveWriter() { deflateEnd(stream_.get()); }

Result<void> ArchiveWriter::pack(std::string_view bytes, bool last) {
  std::string out(kPieceBytes, '\0');
  while (!bytes.empty() || last) {
    const std::string_view piece = bytes.substr(0, kPieceBytes);
    stream_->next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece.data()));
    stream_->avail_in = static_cast<uInt>(piece.size());
    stream_->next_out = reinterpret_cast<Bytef*>(out.data());
    stream_->avail_out = static_cast<uInt>(out.size());
    const int code = deflate(stream_.get(), last ? Z_FINISH : Z_NO_FLUSH);
    CARNET_CHECK(code != Z_STREAM_ERROR);
    bytes.remove_prefix(piece.size() - stream_->avail_in);
    CARNET_TRY_VOID(file_->add(std::string_view(out).substr(0, out.size() - stream_->avail_out)));
    if (code == Z_STREAM_END) break;
  }
  return {};
}

Result<void> ArchiveWriter::add(std::string_view name, std::string_view bytes) {
  CARNET_CHECK(!name.empty() && name.size() <= kNameBytesMax);
  if (bytes.size() > kPartBytesMax)
    return make_error(ErrorCode::kPayloadTooLarge,
                      fmt::format("{} is too large for one part of a backup.", name));
  const TarHeader header = header_of(name, bytes.size(), modified_);
  CARNET_TRY_VOID(pack({header.data(), header.size()}, false));
  CARNET_TRY_VOID(pack(bytes, false));
  return pack(std::string(padding_of(bytes.size()), '\0'), false);
}

Result<void> ArchiveWriter::commit() {
  CARNET_TRY_VOID(pack(std::string(2 * kBlock, '\0'), false));
  CARNET_TRY_VOID(pack({}, true));
  return file_->commit();
}

ArchiveReader::ArchiveReader(std::unique_ptr<SealedFileReader> file)
    : file_(std::move(file)), stream_(std::make_unique<z_stream_s>()) {
  CARNET_CHECK(inflateInit2(stream_.get(), kGzipWindow) == Z_OK);
}

ArchiveReader::~ArchiveReader() { inflateEnd(stream_.get()); }

// Up to `most` bytes; none at the end.
Result<std::string_view> ArchiveReader::unpack(std::size_t most) {
  while (plain_used_ == plain_.size() && !packed_ended_) {
    if (stream_->avail_in == 0) {
      CARNET_TRY(more, file_->read());
      if (more.empty()) return damaged("it was cut off");
      packed_ = more;
      stream_->next_in = reinterpret_cast<Bytef*>(packed_.data());
      stream_->avail_in = static_cast<uInt>(packed_.size());
    }
    plain_.resize(kPieceBytes);
    plain_used_ = 0;
    stream_->next_out = reinterpret_cast<Bytef*>(plain_.data());
    stream_->avail_out = static_cast<uInt>(plain_.size());
    const int code = inflate(stream_.get(), Z_NO_FLUSH);
    plain_.resize(plain_.size() - stream_->avail_out);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
      return damaged("its compression is broken");
    packed_ended_ = code == Z_STREAM_END;
  }
  const std::string_view out = std::string_view(plain_).substr(plain_used_, most);
  plain_used_ += out.size();
  return out;
}

Result<std::string> ArchiveReader::take(std::size_t size) {
  std::string out;
  while (out.size() < size) {
    CARNET_TRY(piece, unpack(size - out.size()));
    if (piece.empty()) return damaged("it was cut off");
    out += piece;
  }
  return out;
}

Result<void> ArchiveReader::expect_end() {
  while (true) {
    CARNET_TRY(piece, unpack(kPieceBytes));
    if (piece.empty()) break;
    if (piece.find_first_not_of('\0') != std::string_view::npos)
      return damaged("something stands behind its end");
  }
  CARNET_TRY(rest, file_->read());
  if (stream_->avail_in > 0 || !rest.empty()) return damaged("something stands behind its end");
  return {};
}

Result<std::optional<ArchiveReader::Part>> ArchiveReader::next() {
  CARNET_TRY_VOID(take(static_cast<std::size_t>(padding_)));
  CARNET_TRY(block, take(kBlock));
  TarHeader header{};
  std::copy(block.begin(), block.end(), header.begin());
  if (block.find_first_not_of('\0') == std::string::npos) {
    CARNET_TRY_VOID(expect_end());
    return std::nullopt;
  }
  const auto sum = octal(header, kChecksum);
  if (!sum || *sum != checksum(header)) return damaged("the head of a part is not whole");
  const auto size = octal(header, kSize);
  if (!size || header[kTypeAt] != '0') return damaged("a part of it is no plain file");
  const std::string_view name(header.data(), ::strnlen(header.data(), kName.size));
  left_ = *size;
  padding_ = padding_of(*size);
  return Part{.name = std::string(name), .size = *size};
}

Result<std::string_view> ArchiveReader::read() {
  if (left_ == 0) return std::string_view{};
  CARNET_TRY(piece, unpack(static_cast<std::size_t>(std::min<std::uint64_t>(left_, kPieceBytes))));
  if (piece.empty()) return damaged("it was cut off");
  left_ -= piece.size();
  return piece;
}

}  // namespace carnet::app
