#include "service/zip_stream.h"

#include <zlib.h>

#include <array>
#include <optional>
#include <stdexcept>

#include "base/encoding.h"
#include "crypto/sha256_stream.h"

namespace carnet::service {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50, kDescriptor = 0x08074b50,
                        kCentralHeader = 0x02014b50, kEnd64 = 0x06064b50, kLocator64 = 0x07064b50,
                        kEnd = 0x06054b50;
constexpr std::uint16_t kVersion = 45;    // ZIP64
constexpr std::uint16_t kFlags = 0x0808;  // data descriptor, names in UTF-8
constexpr std::uint16_t kDeflated = 8;
constexpr std::uint16_t kExtra64 = 1;
constexpr std::uint32_t kElsewhere = 0xFFFFFFFF;  // the number stands in the ZIP64 part
constexpr std::uint32_t kRegularFile = 0100644U << 16U;
constexpr std::size_t kPiece = std::size_t{64} * 1024;

}  // namespace

struct ZipStream::State {
  struct Written {
    std::string name;
    std::uint32_t crc = 0;
    std::uint64_t packed = 0, bytes = 0, offset = 0;
  };

  std::string out;
  std::uint64_t sent = 0;  // bytes before `out`
  std::uint16_t time = 0, date = 0;
  std::vector<Written> entries;
  Written now;
  z_stream deflate{};
  std::optional<crypto::Sha256Stream> sha;

  void put16(std::uint16_t value) {
    out += static_cast<char>(value & 0xFFU);
    out += static_cast<char>(value >> 8U);
  }
  void put32(std::uint32_t value) {
    put16(static_cast<std::uint16_t>(value & 0xFFFFU));
    put16(static_cast<std::uint16_t>(value >> 16U));
  }
  void put64(std::uint64_t value) {
    put32(static_cast<std::uint32_t>(value & 0xFFFFFFFFU));
    put32(static_cast<std::uint32_t>(value >> 32U));
  }
  // From `version needed` to the sizes, which stand elsewhere.
  void put_common(std::uint32_t crc) {
    put16(kVersion);
    put16(kFlags);
    put16(kDeflated);
    put16(time);
    put16(date);
    put32(crc);
    put32(kElsewhere);
    put32(kElsewhere);
  }
  void run_deflate(int flush) {
    std::array<char, kPiece> piece;
    while (true) {
      deflate.next_out = reinterpret_cast<Bytef*>(piece.data());
      deflate.avail_out = static_cast<uInt>(piece.size());
      const int code = ::deflate(&deflate, flush);
      const std::size_t got = piece.size() - deflate.avail_out;
      out.append(piece.data(), got);
      now.packed += got;
      if (code == Z_STREAM_END || (flush == Z_NO_FLUSH && deflate.avail_out > 0)) return;
      if (code != Z_OK && code != Z_BUF_ERROR) throw std::runtime_error("zip: deflate failed");
    }
  }
};

ZipStream::ZipStream(Timestamp modified) : state_(std::make_unique<State>()) {
  // MS-DOS time, in UTC: two seconds' resolution, from 1980.
  const auto day = std::chrono::floor<std::chrono::days>(modified);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{modified - day};
  const int year = std::max(static_cast<int>(date.year()) - 1980, 0);
  state_->date =
      static_cast<std::uint16_t>((year << 9) | (static_cast<int>(unsigned{date.month()}) << 5) |
                                 static_cast<int>(unsigned{date.day()}));
  state_->time =
      static_cast<std::uint16_t>((clock.hours().count() << 11) | (clock.minutes().count() << 5) |
                                 (clock.seconds().count() / 2));
  constexpr int kRawWindow = -15;
  constexpr int kMemory = 8;
  if (::deflateInit2(&state_->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kRawWindow, kMemory,
                     Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
}

ZipStream::~ZipStream() { ::deflateEnd(&state_->deflate); }

void ZipStream::begin(std::string name) {
  State& s = *state_;
  s.now = {.name = std::move(name),
           .crc = static_cast<std::uint32_t>(::crc32(0, nullptr, 0)),
           .packed = 0,
           .bytes = 0,
           .offset = s.sent + s.out.size()};
  ::deflateReset(&s.deflate);
  s.sha.emplace();
  s.put32(kLocalHeader);
  s.put_common(0);
  s.put16(static_cast<std::uint16_t>(s.now.name.size()));
  s.put16(20);
  s.out += s.now.name;
  s.put16(kExtra64);
  s.put16(16);
  s.put64(0);
  s.put64(0);
}

void ZipStream::add(std::string_view bytes) {
  State& s = *state_;
  s.sha->add(bytes);
  s.now.bytes += bytes.size();
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, std::size_t{1} << 30U);
    bytes.remove_prefix(piece.size());
    const auto* const data = reinterpret_cast<const Bytef*>(piece.data());
    s.now.crc = static_cast<std::uint32_t>(::crc32_z(s.now.crc, data, piece.size()));
    s.deflate.next_in = const_cast<Bytef*>(data);
    s.deflate.avail_in = static_cast<uInt>(piece.size());
    s.run_deflate(Z_NO_FLUSH);
  }
}

ZipStream::Entry ZipStream::end() {
  State& s = *state_;
  s.deflate.next_in = nullptr;
  s.deflate.avail_in = 0;
  s.run_deflate(Z_FINISH);
  s.put32(kDescriptor);
  s.put32(s.now.crc);
  s.put64(s.now.packed);
  s.put64(s.now.bytes);
  const crypto::Digest256 digest = s.sha->finish();
  s.entries.push_back(s.now);
  return {.name = s.now.name, .bytes = s.now.bytes, .sha256 = to_hex(digest)};
}

void ZipStream::finish() {
  State& s = *state_;
  const std::uint64_t begin = s.sent + s.out.size();
  for (const State::Written& entry : s.entries) {
    s.put32(kCentralHeader);
    s.put16(static_cast<std::uint16_t>(0x0300U | kVersion));  // made on Unix
    s.put_common(entry.crc);
    s.put16(static_cast<std::uint16_t>(entry.name.size()));
    s.put16(28);  // extra
    s.put16(0);   // comment
    s.put16(0);   // disk
    s.put16(0);   // internal attributes
    s.put32(kRegularFile);
    s.put32(kElsewhere);
    s.out += entry.name;
    s.put16(kExtra64);
    s.put16(24);
    s.put64(entry.bytes);
    s.put64(entry.packed);
    s.put64(entry.offset);
  }
  const std::uint64_t end = s.sent + s.out.size();
  s.put32(kEnd64);
  s.put64(44);  // what follows of this record
  s.put16(static_cast<std::uint16_t>(0x0300U | kVersion));
  s.put16(kVersion);
  s.put32(0);
  s.put32(0);
  s.put64(s.entries.size());
  s.put64(s.entries.size());
  s.put64(end - begin);
  s.put64(begin);
  s.put32(kLocator64);
  s.put32(0);
  s.put64(end);
  s.put32(1);
  s.put32(kEnd);
  s.put16(0);
  s.put16(0);
  s.put16(static_cast<std::uint16_t>(s.entries.size()));
  s.put16(static_cast<std::uint16_t>(s.entries.size()));
  s.put32(kElsewhere);
  s.put32(kElsewhere);
  s.put16(0);
}

std::string ZipStream::take() {
  State& s = *state_;
  std::string out = std::exchange(s.out, {});
  s.sent += out.size();
  return out;
}

}  // namespace carnet::service
