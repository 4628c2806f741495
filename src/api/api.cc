#include "api/api.h"

#include "api/openapi.h"
#include "api/pipeline.h"
#include "base/encoding.h"

namespace carnet::api {

Site::Site(ApiDependencies dependencies, ApiOptions given)
    : deps(dependencies),
      options(std::move(given)),
      router(all_routes()),
      limits(deps.clock, deps.db, deps.pepper),
      metrics(all_routes()),
      cursors(deps.pepper),
      request_ids(deps.random),
      openapi(make_openapi({.version = options.version, .public_url = options.public_url})),
      docs_page(deps.pages.docs(docs_routes(), docs_problems(), options.version)),
      started(deps.clock.now()) {}

RequestIds::RequestIds(Random& random) {
  std::array<std::uint8_t, 8> start{};
  random.fill(start);
  std::uint64_t number = 0;
  for (const std::uint8_t byte : start) number = (number << 8U) | byte;
  constexpr std::size_t kPrefixDigits = 11;
  prefix_ = "req_" + to_base62(number, kPrefixDigits);
}

std::string RequestIds::next() {
  constexpr std::size_t kCountDigits = 8;
  return prefix_ + to_base62(count_.fetch_add(1, std::memory_order_relaxed), kCountDigits);
}

Api::Api(ApiDependencies dependencies, ApiOptions options)
    : site_(std::make_unique<Site>(dependencies, std::move(options))) {}

Api::~Api() = default;

std::size_t Api::body_bytes_max(const Request& head) const {
  const Router::Match match = site_->router.find(head.method, head.path);
  // An unknown path gets what any route may have, so that it is answered 404 and not 413.
  if (match.route == nullptr) return kBodyBytesMax;
  return std::max(match.route->body_bytes_max, kIgnoredBodyMax);
}

Task<HeadVerdict> Api::judge_head(const Request& head) { return api::judge_head(*site_, head); }

Task<Response> Api::handle(const Request& request) { return run_pipeline(*site_, request); }

Response Api::refuse(const Request& head, const Error& error) {
  return refuse_request(*site_, head, error);
}

void Api::set_admin_key(std::optional<Secret> key) { site_->platform_key.set(std::move(key)); }

void Api::set_draining() { site_->draining = true; }

void Api::set_connection_counts(std::function<Server::Counts()> counts) {
  site_->connection_counts = std::move(counts);
}

}  // namespace carnet::api
