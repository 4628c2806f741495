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
constexpr std::size_t kPiece = 64 * 1024;                    // limit: internal
constexpr std::size_t kRoomBehind = 1024;
constexpr int kLevel = 4;  // of zlib: three times as quick as its default here, and hardly longer

Bytef* bytes_of(const char* text) {
  // zlib's older interface takes its input without const and does not write to it.
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(text));
}

struct Packed {
  std::size_t bytes = 0;  // of the text
  Bytes stream;
};

Result<Packed> read_packed(std::string_view stored) {
  const std::size_t colon = stored.find(':', kMark.size());
  Packed packed;
  const char* const digits = stored.data() + kMark.size();
  const char* const digits_end = stored.data() + std::min(colon, stored.size());
  const auto [end, error] = std::from_chars(digits, digits_end, packed.bytes);
  if (colon == std::string_view::npos || error != std::errc() || end != digits_end ||
      packed.bytes > kTextBytesMax)
    return make_internal("packed text: bad head");
  auto stream = from_base64(stored.substr(colon + 1));
  if (!stream) return make_internal("packed text: not base64");
  packed.stream = std::move(*stream);
  return packed;
}

struct Inflate {
  Inflate() { CARNET_CHECK(inflateInit(&stream) == Z_OK); }
  Inflate(const Inflate&) = delete;
  Inflate& operator=(const Inflate&) = delete;
  ~Inflate() { inflateEnd(&stream); }

  z_stream stream{};
};

// Never gives more than the head promised.
Result<void> inflate_to(const Packed& packed, const std::function<void(std::string_view)>& sink) {
  Inflate inflate;
  z_stream& stream = inflate.stream;
  stream.next_in = const_cast<Bytef*>(packed.stream.data());
  stream.avail_in = static_cast<uInt>(packed.stream.size());
  std::array<char, kPiece> buffer{};
  std::size_t got = 0;
  for (int status = Z_OK; status != Z_STREAM_END;) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    status = ::inflate(&stream, Z_NO_FLUSH);
    const std::size_t piece = buffer.size() - stream.avail_out;
    got += piece;
    if ((status != Z_OK && status != Z_STREAM_END) || got > packed.bytes)
      return make_internal("packed text: damaged");
    sink({buffer.data(), piece});
  }
  if (got != packed.bytes) return make_internal("packed text: damaged");
  return {};
}

}  // namespace

struct TextPacker::Deflate {
  Deflate() { CARNET_CHECK(deflateInit(&stream, kLevel) == Z_OK); }
  Deflate(const Deflate&) = delete;
  Deflate& operator=(const Deflate&) = delete;
  ~Deflate() { deflateEnd(&stream); }

  void feed(std::string_view piece, int flush) {
    std::array<char, kPiece> buffer{};
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
  CARNET_TRY(packed, read_packed(stored));
  stored = std::string();
  std::string out;
  out.reserve(packed.bytes + kRoomBehind);
  CARNET_TRY_VOID(inflate_to(packed, [&out](std::string_view piece) { out += piece; }));
  return out;
}

Result<void> unpack_text_to(std::string_view stored,
                            const std::function<void(std::string_view)>& sink) {
  if (!stored.starts_with(kMark)) {
    sink(stored);
    return {};
  }
  CARNET_TRY(packed, read_packed(stored));
  return inflate_to(packed, sink);
}

}  // namespace carnet
