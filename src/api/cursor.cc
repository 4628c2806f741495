#include "api/cursor.h"

#include "base/encoding.h"
#include "crypto/hash.h"

namespace carnet::api {
namespace {

constexpr std::size_t kMacBytes = 16;
constexpr std::size_t kCursorCharsMax = 1024;

}  // namespace

CursorCodec::CursorCodec(const Secret& pepper)
    : key_(crypto::derive_key(pepper, "carnet/cursor/1")) {}

std::string CursorCodec::mac(std::string_view scope, std::string_view place) const {
  const std::string text = fmt::format("{}:{}{}", scope.size(), scope, place);
  const crypto::Digest256 digest = crypto::hmac_sha256(key_, text);
  return std::string(as_text(digest).substr(0, kMacBytes));
}

std::string CursorCodec::encode(std::string_view scope, std::string_view place) const {
  const std::string bytes = mac(scope, place) + std::string(place);
  return to_base64url(as_bytes(bytes));
}

Result<std::string> CursorCodec::decode(std::string_view scope, std::string_view cursor) const {
  const auto bytes = cursor.size() <= kCursorCharsMax ? from_base64url(cursor) : std::nullopt;
  if (bytes && bytes->size() > kMacBytes) {
    const std::string_view text = as_text(*bytes);
    const std::string_view place = text.substr(kMacBytes);
    if (crypto::equal_constant_time(mac(scope, place), text.substr(0, kMacBytes)))
      return std::string(place);
  }
  return make_validation_error(
      {FieldError{.field = "cursor",
                  .pointer = "",
                  .code = "invalid_cursor",
                  .detail = "must be the nextCursor of an answer to the same list and filter"}});
}

}  // namespace carnet::api
