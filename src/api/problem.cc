#include "api/problem.h"

#include "base/json.h"

namespace carnet::api {

// A table of one entry for each code, as a switch so that the compiler asks for the missing one.
// NOLINTNEXTLINE(readability-function-size)
ProblemKind problem_kind(ErrorCode code) {
  switch (code) {
    case ErrorCode::kMalformedRequest:
      return {400, "malformed_request", "Malformed request",
              "The request is not valid HTTP or a header is wrong."};
    case ErrorCode::kMalformedJson:
      return {400, "malformed_json", "Malformed JSON",
              "The body is not one JSON object in UTF-8, or names a member twice."};
    case ErrorCode::kUnauthenticated:
      return {401, "unauthenticated", "Authentication needed",
              "The key is missing, malformed, unknown, revoked or expired."};
    case ErrorCode::kConflictingKeys:
      return {401, "conflicting_keys", "Two different keys",
              "The request carries two keys that differ; send one."};
    case ErrorCode::kShareSessionNeeded:
      return {401, "share_session_needed", "The link must be opened first",
              "The link is protected; open it, then send the session."};
    case ErrorCode::kForbidden:
      return {403, "forbidden", "Not allowed for this key",
              "The key's role is too low for this operation."};
    case ErrorCode::kAdminKeyWrong:
      return {403, "admin_key_wrong", "Wrong platform key",
              "The platform's key was given and is not the right one."};
    case ErrorCode::kTargetNotAuthorized:
      return {403, "target_not_authorized", "Target not authorised",
              "The tenant has not attested to this target; see /tenant/authorized-targets."};
    case ErrorCode::kShareScope:
      return {403, "share_scope", "Outside the link's scope",
              "The link does not open this document."};
    case ErrorCode::kSharePasscodeWrong:
      return {403, "share_passcode_wrong", "Wrong passcode",
              "The passcode given to open the link is not the right one."};
    case ErrorCode::kNotFound:
      return {404, "not_found", "Not found",
              "There is no such path or object, or it belongs to another tenant."};
    case ErrorCode::kShareLinkExpired:
      return {404, "share_link_expired", "The link has expired",
              "Ask whoever sent the link for a new one."};
    case ErrorCode::kShareLinkRevoked:
      return {404, "share_link_revoked", "The link was revoked",
              "Ask whoever sent the link for a new one."};
    case ErrorCode::kShareLinkExhausted:
      return {404, "share_link_exhausted", "The link was opened as often as it may be",
              "Ask whoever sent the link for a new one."};
    case ErrorCode::kShareLinkPaused:
      return {404, "share_link_paused", "The link is paused",
              "Ask whoever sent the link to resume it."};
    case ErrorCode::kMethodNotAllowed:
      return {405, "method_not_allowed", "Method not allowed",
              "The Allow header lists what this path takes."};
    case ErrorCode::kNotAcceptable:
      return {406, "not_acceptable", "Not acceptable",
              "The Accept header excludes everything this path can give."};
    case ErrorCode::kRequestTimeout:
      return {408, "request_timeout", "Request too slow", "The request did not arrive in time."};
    case ErrorCode::kConflict:
      return {409, "conflict", "Conflict",
              "The object's state does not allow this, or the name is taken."};
    case ErrorCode::kScanNotFinished:
      return {409, "scan_not_finished", "The scan has not finished",
              "Wait until the scan's status is success."};
    case ErrorCode::kShareLimit:
      return {409, "share_limit_reached", "Too many open links",
              "The scan or the tenant has as many open links as it may have; revoke some."};
    case ErrorCode::kTenantClosing:
      return {409, "tenant_closing", "The tenant is being closed or erased",
              "Nothing can be changed until that is cancelled or done."};
    case ErrorCode::kIdempotencyInProgress:
      return {409, "idempotency_in_progress", "The first request is still running",
              "A request with this Idempotency-Key is being worked on; try again shortly."};
    case ErrorCode::kPreconditionFailed:
      return {412, "precondition_failed", "Precondition failed",
              "The object changed since it was read."};
    case ErrorCode::kPayloadTooLarge:
      return {413, "payload_too_large", "Body too large", "The body passes this path's limit."};
    case ErrorCode::kUnsupportedMediaType:
      return {415, "unsupported_media_type", "Unsupported media type",
              "Bodies are application/json in UTF-8."};
    case ErrorCode::kRangeNotSatisfiable:
      return {416, "range_not_satisfiable", "Range not satisfiable",
              "The Range header asks for bytes behind the end; Content-Range says how many there "
              "are."};
    case ErrorCode::kValidationFailed:
      return {422, "validation_failed", "Validation failed", "Each bad field is named in errors."};
    case ErrorCode::kIdempotencyKeyReused:
      return {422, "idempotency_key_reused", "Idempotency-Key used for another body",
              "Use a new Idempotency-Key for a new request."};
    case ErrorCode::kPreconditionRequired:
      return {428, "precondition_required", "Precondition required",
              "Send If-Match with the ETag that was read."};
    case ErrorCode::kRateLimited:
      return {429, "rate_limited", "Too many requests",
              "Wait as many seconds as Retry-After says."};
    case ErrorCode::kHeadersTooLarge:
      return {431, "headers_too_large", "Headers too large",
              "The request's head passes the limit."};
    case ErrorCode::kInternal:
      return {500, "internal", "Internal failure",
              "Something failed here; the requestId finds it in the server's log."};
    case ErrorCode::kUnavailable:
      return {503, "unavailable", "Temporarily unavailable",
              "The database cannot be reached, or the server is stopping."};
    case ErrorCode::kPersistenceOff:
      return {503, "persistence_off", "Persistence is off",
              "The server runs without a database (--database none)."};
    case ErrorCode::kAdminNotConfigured:
      return {503, "admin_not_configured", "No platform key configured",
              "The operator must set an admin key first."};
  }
  return {500, "internal", "Internal failure", ""};
}

const std::vector<ErrorCode>& all_error_codes() {
  static const std::vector<ErrorCode> kAll = [] {
    std::vector<ErrorCode> codes;
    for (int i = 0; i <= static_cast<int>(ErrorCode::kAdminNotConfigured); ++i)
      codes.push_back(static_cast<ErrorCode>(i));
    return codes;
  }();
  return kAll;
}

std::string problem_body(const Error& error, const ProblemContext& context) {
  const ProblemKind kind = problem_kind(error.code);
  std::string out = R"({"type":)";
  json::append_string(out, fmt::format("{}/docs#problem-{}", context.public_url, kind.code));
  out += R"(,"title":)";
  json::append_string(out, kind.title);
  out += fmt::format(R"(,"status":{},"code":"{}","detail":)", kind.status, kind.code);
  json::append_string(out, error.public_detail);
  if (!error.fields.empty()) {
    out += R"(,"errors":[)";
    bool first = true;
    for (const FieldError& field : error.fields) {
      out += first ? "{" : ",{";
      first = false;
      out += R"("field":)";
      json::append_string(out, field.field);
      out += R"(,"pointer":)";
      json::append_string(out, field.pointer);
      out += R"(,"code":)";
      json::append_string(out, field.code);
      out += R"(,"detail":)";
      json::append_string(out, field.detail);
      out += '}';
    }
    out += ']';
  }
  if (!context.request_id.empty()) {
    out += R"(,"requestId":)";
    json::append_string(out, context.request_id);
  }
  out += '}';
  return out;
}

Response problem_response(const Error& error, const ProblemContext& context) {
  Response response;
  response.status = problem_kind(error.code).status;
  response.content_type = "application/problem+json";
  response.body = problem_body(error, context);
  if (response.status == 401 && error.code != ErrorCode::kShareSessionNeeded)
    response.headers.emplace_back("WWW-Authenticate", R"(Bearer realm="carnet")");
  if (error.retry_after_s || response.status == 429 || response.status == 503)
    response.headers.emplace_back("Retry-After",
                                  fmt::to_string(std::max(1, error.retry_after_s.value_or(5))));
  return response;
}

}  // namespace carnet::api
