#include "service/passport_files.h"

#include <fmt/format.h>
#include <zlib.h>

#include "base/check.h"
#include "crypto/hash.h"

namespace carnet::service {
namespace {

constexpr int kLevel = 6;

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

Result<std::string> unpack_file(const store::PassportFileRow& row) {
  std::string out;
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
  if (crypto::sha256_hex(out) != row.sha256)
    return make_internal(fmt::format("stored file {}: its digest has changed", row.name));
  return out;
}

}  // namespace carnet::service
