#pragma once
// The closed set of things that can go wrong, and the one type that carries them.
//
// An Error has two halves that never mix: `public_detail` is one sentence for the caller, free of
// SQL, paths and secrets; `internal` is for the log only. api/problem.cc turns a code into an HTTP
// status in one switch without a default. Values are plain and copyable; no thread-safety concerns.

#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

namespace carnet {

enum class ErrorCode {
  // 400
  kMalformedRequest,  // framing, headers, request target
  kMalformedJson,     // the body is not JSON, or not UTF-8, or has duplicate members
  // 401
  kUnauthenticated,     // no key, malformed, unknown, revoked or expired key; one detail for all of
                        // the last four
  kConflictingKeys,     // two different keys in one request
  kShareSessionNeeded,  // the link must be opened first
  // 403
  kForbidden,            // role too low
  kAdminKeyWrong,        // the platform key was given and is wrong
  kTargetNotAuthorized,  // the tenant has not attested to this target, or it is in denied address
                         // space
  kShareScope,           // the link's scope does not cover this
  kSharePasscodeWrong,   // the passcode of a protected link
  // 404
  kNotFound,
  kShareLinkExpired,
  kShareLinkRevoked,
  kShareLinkExhausted,
  kShareLinkPaused,
  // 405, 406, 408, 409, 412, 413, 415, 416
  kMethodNotAllowed,
  kNotAcceptable,
  kRequestTimeout,
  kConflict,  // generic conflict of state
  kScanNotFinished,
  kShareLimit,     // as many links as a scan or a tenant may have
  kTenantClosing,  // it is being closed or erased
  kIdempotencyInProgress,
  kPreconditionFailed,
  kPayloadTooLarge,
  kUnsupportedMediaType,
  kRangeNotSatisfiable,
  // 422
  kValidationFailed,      // see Error::fields
  kIdempotencyKeyReused,  // same Idempotency-Key, other body
  // 428, 429, 431
  kPreconditionRequired,
  kRateLimited,
  kHeadersTooLarge,
  // 500, 503
  kInternal,
  kUnavailable,         // database cannot be reached, draining, disk full
  kPersistenceOff,      // started with --database none
  kAdminNotConfigured,  // no admin key on this server
};

// One bad field of a request. `field` is the member's name as the client wrote it ("expiresHours"),
// `pointer` its RFC 6901 JSON pointer ("/mosca/yearsToQDay"), `code` snake_case ("out_of_range"),
// `detail` a phrase that says what would be right ("must be a whole number from 1 to 720").
struct FieldError {
  std::string field;
  std::string pointer;
  std::string code;
  std::string detail;
};

struct Error {
  ErrorCode code = ErrorCode::kInternal;
  std::string public_detail;         // one sentence, ends with a full stop
  std::string internal;              // never leaves the log
  std::vector<FieldError> fields;    // kValidationFailed only
  std::optional<int> retry_after_s;  // 429 and 503
};

template <class T>
using Result = tl::expected<T, Error>;

// make_error(kNotFound, "There is no such scan.") for use in `return`.
[[nodiscard]] tl::unexpected<Error> make_error(ErrorCode code, std::string public_detail,
                                               std::string internal = {});
// A validation failure of one or more fields; the detail names every field.
[[nodiscard]] tl::unexpected<Error> make_validation_error(std::vector<FieldError> fields);
// The caller is told only that something failed here; `internal` goes to the log.
[[nodiscard]] tl::unexpected<Error> make_internal(std::string internal);

}  // namespace carnet

// Returns from the enclosing function (or coroutine, with CARNET_CO_TRY) with the error of `expr`,
// or binds its value. A macro because a function cannot return for its caller.
#define CARNET_CONCAT_(a, b) a##b
#define CARNET_CONCAT(a, b) CARNET_CONCAT_(a, b)
#define CARNET_TRY(var, expr)                                                   \
  auto CARNET_CONCAT(result_, __LINE__) = (expr);                               \
  if (!CARNET_CONCAT(result_, __LINE__))                                        \
    return tl::unexpected(std::move(CARNET_CONCAT(result_, __LINE__)).error()); \
  auto var = std::move(*CARNET_CONCAT(result_, __LINE__))
#define CARNET_TRY_VOID(expr)                                                            \
  if (auto CARNET_CONCAT(result_, __LINE__) = (expr); !CARNET_CONCAT(result_, __LINE__)) \
  return tl::unexpected(std::move(CARNET_CONCAT(result_, __LINE__)).error())
#define CARNET_CO_TRY(var, expr)                                                   \
  auto CARNET_CONCAT(result_, __LINE__) = (expr);                                  \
  if (!CARNET_CONCAT(result_, __LINE__))                                           \
    co_return tl::unexpected(std::move(CARNET_CONCAT(result_, __LINE__)).error()); \
  auto var = std::move(*CARNET_CONCAT(result_, __LINE__))
#define CARNET_CO_TRY_VOID(expr)                                                         \
  if (auto CARNET_CONCAT(result_, __LINE__) = (expr); !CARNET_CONCAT(result_, __LINE__)) \
  co_return tl::unexpected(std::move(CARNET_CONCAT(result_, __LINE__)).error())
