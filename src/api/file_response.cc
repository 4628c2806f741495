// Files as answers: an honest name, digests, and parts of them for downloads that are resumed
// (RFC 9110 section 14, RFC 9530).

#include "api/byte_range.h"
#include "api/handlers.h"
#include "api/problem.h"
#include "base/encoding.h"

namespace carnet::api {
namespace {

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
