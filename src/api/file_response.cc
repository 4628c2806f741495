// Files as answers: an honest name, digests, and parts of them for downloads that are resumed
// (RFC 9110 section 14, RFC 9530).

#include <charconv>

#include "api/handlers.h"
#include "api/problem.h"
#include "base/encoding.h"
#include "base/text.h"

namespace carnet::api {
namespace {

struct ByteRange {
  std::size_t first = 0, last = 0;  // both inclusive
};
enum class RangeVerdict { kWhole, kPart, kBehindTheEnd };

std::optional<std::size_t> whole_number(std::string_view text) {
  std::size_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size())
    return std::nullopt;
  return value;
}

// One range of bytes; anything else (several ranges, another unit, no sense) means the whole, as
// RFC 9110 section 14.2 allows.
RangeVerdict read_range(std::string_view header, std::size_t size, ByteRange& range) {
  constexpr std::string_view kUnit = "bytes=";
  if (header.size() < kUnit.size() || !iequals_ascii(header.substr(0, kUnit.size()), kUnit))
    return RangeVerdict::kWhole;
  const std::string_view spec = trim_ascii(header.substr(kUnit.size()));
  const std::size_t dash = spec.find('-');
  if (dash == std::string_view::npos || spec.find(',') != std::string_view::npos)
    return RangeVerdict::kWhole;
  const auto first = whole_number(spec.substr(0, dash));
  const auto last = whole_number(spec.substr(dash + 1));
  if (dash == 0) {  // the last so many bytes
    if (!last) return RangeVerdict::kWhole;
    if (*last == 0 || size == 0) return RangeVerdict::kBehindTheEnd;
    range = {.first = size - std::min(size, *last), .last = size - 1};
    return RangeVerdict::kPart;
  }
  const bool open_end = dash + 1 == spec.size();
  if (!first || (!last && !open_end) || (last && *last < *first)) return RangeVerdict::kWhole;
  if (*first >= size) return RangeVerdict::kBehindTheEnd;
  range = {.first = *first, .last = std::min(last.value_or(size - 1), size - 1)};
  return RangeVerdict::kPart;
}

Response behind_the_end(const Site& site, const Call& call, std::size_t size) {
  const Error error{
      .code = ErrorCode::kRangeNotSatisfiable,
      .public_detail = fmt::format("The file has {} bytes; nothing of it is in that range.", size),
      .internal = {},
      .fields = {},
      .retry_after_s = {}};
  Response response = problem_response(
      error, {.public_url = site.options.public_url, .request_id = call.request_id});
  response.headers.emplace_back("Content-Range", fmt::format("bytes */{}", size));
  return response;
}

}  // namespace

bool is_unchanged(const Call& call, const service::Artifact& artifact) {
  const std::string_view known = call.request.header("If-None-Match");
  return !known.empty() && etag_matches(known, '"' + artifact.sha256 + '"');
}

Response file_response(const Site& site, const Call& call,
                       std::shared_ptr<const service::Artifact> artifact) {
  const std::string etag = '"' + artifact->sha256 + '"';
  const std::size_t size = artifact->bytes.size();
  ByteRange range;
  RangeVerdict verdict = RangeVerdict::kWhole;
  const std::string_view wanted = call.request.header("Range");
  const std::string_view condition = call.request.header("If-Range");
  // Ranges are GET's alone, and only of the version that the client has the beginning of: the ETag
  // says which, a date never does.
  if (call.request.method == Method::kGet && !wanted.empty() && !is_unchanged(call, *artifact) &&
      call.request.header_count("Range") == 1 && (condition.empty() || condition == etag))
    verdict = read_range(wanted, size, range);
  if (verdict == RangeVerdict::kBehindTheEnd) return behind_the_end(site, call, size);

  Response response;
  response.content_type = artifact->content_type;
  response.headers.emplace_back("Content-Disposition",
                                fmt::format("attachment; filename=\"{}\"", artifact->filename));
  response.headers.emplace_back("ETag", etag);
  response.headers.emplace_back("Accept-Ranges", "bytes");
  const std::string digest = to_base64(from_hex(artifact->sha256).value_or(Bytes{}));
  response.headers.emplace_back("Repr-Digest", fmt::format("sha-256=:{}:", digest));
  response.headers.emplace_back("Digest", "SHA-256=" + digest);  // RFC 3230, for older clients
  if (verdict == RangeVerdict::kPart) {
    response.status = 206;
    response.headers.emplace_back("Content-Range",
                                  fmt::format("bytes {}-{}/{}", range.first, range.last, size));
    response.body = artifact->bytes.substr(range.first, range.last - range.first + 1);
    return response;
  }
  const std::string* const bytes = &artifact->bytes;
  response.shared_body = std::shared_ptr<const std::string>(std::move(artifact), bytes);
  return response;
}

}  // namespace carnet::api
