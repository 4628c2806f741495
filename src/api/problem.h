#pragma once
// What a caller is told when something went wrong: application/problem+json (RFC 9457). One switch
// maps the closed set of error codes to status, code and title; from the same place come the docs
// page and the check of docs/errors.md. Pure.

#include <string>
#include <string_view>
#include <vector>

#include "api/http.h"
#include "base/error.h"

namespace carnet::api {

struct ProblemKind {
  int status;
  std::string_view code;     // snake_case, stable
  std::string_view title;    // a few words
  std::string_view meaning;  // for the docs: when it comes and what to do
};

[[nodiscard]] ProblemKind problem_kind(ErrorCode code);
// Every code, by status.
[[nodiscard]] const std::vector<ErrorCode>& all_error_codes();

struct ProblemContext {
  std::string_view public_url;
  std::string_view request_id;  // "" leaves requestId out (the identical 404s of /r/)
};

// The answer for `error`: Retry-After with 429 and 503, WWW-Authenticate with 401. Nothing of
// Error::internal.
[[nodiscard]] Response problem_response(const Error& error, const ProblemContext& context);
[[nodiscard]] std::string problem_body(const Error& error, const ProblemContext& context);

}  // namespace carnet::api
