#include "base/packed_text.h"

#include <zlib.h>

#include <array>
#include <charconv>

#include "base/check.h"
#include "base/encoding.h"

namespace carnet {
namespace {

constexpr std::string_view kMark = "packed1:";
constexpr std::size_t kPlainBytesMax = 256 * 1024;           // limit: internal
constexpr std::size_t kTextBytesMax = std::size_t{1} << 30;  // limit: internal
constexpr int kLevel = 4;  // of zlib: three times as quick as its default here, and hardly longer

Bytef* bytes_of(const char* text) {
  // zlib's older interface takes its input without const and does not write to it.
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text));
}

}  // namespace

struct TextPacker::Deflate {
  Deflate() { CARNET_CHECK(deflateInit(&stream, kLevel) == Z_OK); }
  Deflate(const Deflate&) = delete;
  Deflate& operator=(const Deflate&) = delete;
  ~Deflate() { deflateEnd(&stream); }

  void feed(std::string_view piece, int flush) {
    std::array<char, 64 * 1024> buffer{};
    stream.next_in = bytes_of(piece.data());
    stream.avail_in = static_cast<uInt>(piece.size());
    do {
      stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
      stream.avail_out = static_cast<uInt>(buffer.size());
      const int status = ::deflate(&stream, flush);
      CARNET_CHECK(status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR);
      out.append(buffer.data(), buffer.size() - stream.avail_out);
    } while (stream.avail_out == 0);
  }

  z_stream stream{};
  std::string out;
};

TextPacker::TextPacker() = default;
TextPacker::~TextPacker() = default;

void TextPacker::add(std::string_view piece) {
  bytes_ += piece.size();
  CARNET_CHECK(bytes_ <= kTextBytesMax);
  if (!deflate_ && plain_.size() + piece.size() <= kPlainBytesMax) {
    plain_ += piece;
    return;
  }
  if (!deflate_) {
    deflate_ = std::make_unique<Deflate>();
    deflate_->feed(plain_, Z_NO_FLUSH);
    plain_ = std::string();
  }
  deflate_->feed(piece, Z_NO_FLUSH);
}

std::string TextPacker::finish() {
  if (!deflate_) return std::move(plain_);
  deflate_->feed({}, Z_FINISH);
  std::string out = std::string(kMark) + std::to_string(bytes_) + ":";
  out += to_base64(as_bytes(deflate_->out));
  deflate_.reset();
  return out;
}

Result<std::string> unpack_text(std::string stored) {
  if (!stored.starts_with(kMark)) return stored;
  const std::size_t colon = stored.find(':', kMark.size());
  std::size_t bytes = 0;
  const char* const digits = stored.data() + kMark.size();
  const char* const digits_end = stored.data() + std::min(colon, stored.size());
  const auto [end, error] = std::from_chars(digits, digits_end, bytes);
  if (colon == std::string::npos || error != std::errc() || end != digits_end ||
      bytes > kTextBytesMax)
    return make_internal("packed text: bad head");
  const auto packed = from_base64(std::string_view(stored).substr(colon + 1));
  if (!packed) return make_internal("packed text: not base64");
  stored = std::string();
  std::string out(bytes, '\0');
  uLongf got = bytes;
  const int status = ::uncompress(reinterpret_cast<Bytef*>(out.data()), &got, packed->data(),
                                  static_cast<uLong>(packed->size()));
  if (status != Z_OK || got != bytes) return make_internal("packed text: damaged");
  return out;
}

}  // namespace carnet
