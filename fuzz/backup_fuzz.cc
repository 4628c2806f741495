// What `carnet restore` reads before it makes anything, and the rows of its tables. The first byte
// says how the rest is handed in: as the file, packed with gzip (so that the archive inside is
// reached), as a manifest, or as a row. Laws: nothing that is refused is refused without a
// sentence; a manifest and a row that are taken are the same when they are written and read again.

#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdlib>

#include <fmt/format.h>

#include "app/backup.h"
#include "app/backup_manifest.h"
#include "app/private_files.h"
#include "store/copy_text.h"

namespace {

namespace app = carnet::app;

void require(bool law) {
  if (!law) std::abort();
}

std::string packed(std::string_view plain) {
  z_stream stream{};
  require(deflateInit2(&stream, 1, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  require(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

void check_file(std::string_view bytes) {
  const app::Descriptor file(::memfd_create("backup", MFD_CLOEXEC));
  const std::string path = fmt::format("/proc/self/fd/{}", file.get());
  require(app::write_all(file.get(), path, bytes).has_value());
  const auto checked = app::check_backup(path, std::nullopt);
  if (!checked) require(!checked.error().public_detail.empty());
}

void check_manifest(std::string_view text) {
  const auto manifest = app::read_manifest(text);
  if (!manifest) return require(!manifest.error().public_detail.empty());
  const std::string written = app::write_manifest(*manifest);
  const auto again = app::read_manifest(written);
  require(again.has_value() && app::write_manifest(*again) == written);
}

void check_row(std::string_view line) {
  constexpr std::size_t kColumns = 3;
  carnet::store::CopyRow row;
  if (!row.parse(line, kColumns)) return;
  std::string written;
  for (std::size_t i = 0; i < kColumns; ++i) {
    if (i > 0) written += '\t';
    if (row.is_null(i)) {
      carnet::store::append_copy_null(written);
    } else {
      carnet::store::append_copy_text(written, row.text(i));
    }
  }
  carnet::store::CopyRow again;
  require(again.parse(written, kColumns).has_value());
  for (std::size_t i = 0; i < kColumns; ++i)
    require(again.is_null(i) == row.is_null(i) && again.text(i) == row.text(i));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  switch (data[0] % 4) {
    case 0:
      check_file(rest);
      break;
    case 1:
      check_file(packed(rest));
      break;
    case 2:
      check_manifest(rest);
      break;
    default:
      check_row(rest);
  }
  return 0;
}
