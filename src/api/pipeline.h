#pragma once
// The way of every request, in one ordered list (pipeline.cc). Stateless; works on the Site.

#include "api/site.h"

namespace carnet::api {

// Does not throw: what a handler throws becomes a 500 that names only the request id.
[[nodiscard]] Task<Response> run_pipeline(Site& site, const Request& request);
// What the gates say that need no body. Does not throw.
[[nodiscard]] Task<HeadVerdict> judge_head(Site& site, const Request& head);
// The answer for a request that the listener refuses.
[[nodiscard]] Response refuse_request(Site& site, const Request& head, const Error& error);

// The strongest of `offered` (media types separated by ", ", best first) that an Accept header
// takes; "" if it excludes them all. RFC 9110 section 12.5.1; a header that is not well formed is
// taken as if it were absent.
[[nodiscard]] std::string_view negotiate(std::string_view accept, std::string_view offered);
// A strong ETag for these bytes, with its quotes.
[[nodiscard]] std::string etag_of(std::string_view bytes);
// RFC 9110 section 13.1.2: whether an If-None-Match or If-Match header names this ETag.
[[nodiscard]] bool etag_matches(std::string_view header, std::string_view etag);

}  // namespace carnet::api
