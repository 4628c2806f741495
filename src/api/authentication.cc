#include "api/authentication.h"

#include "base/encoding.h"
#include "base/text.h"

namespace carnet::api {
namespace {

constexpr std::size_t kKeysInOneRequestMax = 8;  // limit: internal

// The key of an "Authorization: Bearer" header; nullopt for another scheme.
std::optional<std::string_view> bearer(std::string_view header) {
  constexpr std::string_view kScheme = "bearer ";
  if (header.size() < kScheme.size() || !iequals_ascii(header.substr(0, kScheme.size()), kScheme))
    return std::nullopt;
  return trim_ascii(header.substr(kScheme.size()));
}

struct GivenKeys {
  std::vector<std::string> keys;
  bool other_scheme = false;
  bool in_query = false;
};

GivenKeys keys_in(const Request& request, std::string_view own_header) {
  GivenKeys given;
  for (const Header& header : request.headers) {
    if (given.keys.size() >= kKeysInOneRequestMax) break;
    if (iequals_ascii(header.name, "Authorization")) {
      const auto key = bearer(header.value);
      if (key)
        given.keys.emplace_back(*key);
      else
        given.other_scheme = true;
    } else if (iequals_ascii(header.name, own_header)) {
      given.keys.emplace_back(trim_ascii(header.value));
    }
  }
  return given;
}

// Wrong keys are counted per address and then answered 429. A right key passes all the same: behind
// a proxy that is not declared every client has one address, and nobody must be able to lock the
// others out. Guessing gains nothing by it: a key carries 190 bits.
Task<Result<void>> wrong_key(Site& site, const Call& call, Error error) {
  site.metrics.authentication_failed();
  if (site.options.failed_auth_per_minute <= 0) co_return tl::unexpected(std::move(error));
  std::string name = "auth " + address_bucket(call.request.peer);
  const Rate rate{site.options.failed_auth_per_minute};
  CARNET_CO_TRY(verdict, co_await site.limits.take(std::move(name), rate));
  if (verdict.allowed) co_return tl::unexpected(std::move(error));
  co_return tl::unexpected(
      Error{.code = ErrorCode::kRateLimited,
            .public_detail = "There were too many wrong keys from this address; wait a moment.",
            .internal = {},
            .fields = {},
            .retry_after_s = verdict.retry_after_s});
}

Error error_of(ErrorCode code, std::string_view detail) {
  return Error{.code = code,
               .public_detail = std::string(detail),
               .internal = {},
               .fields = {},
               .retry_after_s = {}};
}

Task<Result<void>> authenticate_tenant(Site& site, Call& call) {
  GivenKeys given = keys_in(call.request, "x-api-key");
  if (auto in_query = call.request.query_value("api_key")) {
    call.key_in_query = true;
    given.keys.push_back(std::move(*in_query));
  }
  if (given.keys.empty()) {
    if (given.other_scheme)
      co_return make_error(ErrorCode::kUnauthenticated,
                           "The Authorization header must be of the form \"Bearer KEY\".");
    co_return make_error(ErrorCode::kUnauthenticated,
                         "Send your key as \"Authorization: Bearer KEY\".");
  }
  for (const std::string& key : given.keys)
    if (key != given.keys.front())
      co_return make_error(ErrorCode::kConflictingKeys,
                           "The request carries two keys that differ; send one.");
  auto identity = co_await site.deps.tenancy.authenticate(given.keys.front());
  if (!identity) {
    if (identity.error().code != ErrorCode::kUnauthenticated)
      co_return tl::unexpected(std::move(identity).error());
    co_return co_await wrong_key(site, call, std::move(identity).error());
  }
  call.actor = std::move(identity->actor);
  call.actor.request_id = call.request_id;
  call.rate_per_minute = identity->rate_per_minute;
  co_return Result<void>{};
}

Task<Result<void>> authenticate_platform(Site& site, Call& call) {
  if (!site.platform_key.configured())
    co_return make_error(ErrorCode::kAdminNotConfigured,
                         "This server has no platform key (--admin-key-file).");
  const GivenKeys given = keys_in(call.request, "x-admin-key");
  if (given.keys.empty())
    co_return make_error(ErrorCode::kUnauthenticated,
                         "Send the platform's key as \"Authorization: Bearer KEY\".");
  for (const std::string& key : given.keys)
    if (key != given.keys.front())
      co_return make_error(ErrorCode::kConflictingKeys,
                           "The request carries two keys that differ; send one.");
  if (site.platform_key.check(given.keys.front()) != PlatformKey::Verdict::kRight)
    co_return co_await wrong_key(
        site, call, error_of(ErrorCode::kAdminKeyWrong, "This is not the platform's key."));
  call.actor.platform = true;
  co_return Result<void>{};
}

}  // namespace

bool is_loopback(const net::IpAddress& address) {
  if (address.is_v4()) return address.bytes[12] == 127;
  net::IpAddress one;
  one.bytes[15] = 1;
  return address == one;
}

std::string address_bucket(const net::IpAddress& address) {
  const std::size_t from = address.is_v4() ? 12 : 0;
  const std::size_t size = address.is_v4() ? 4 : 8;
  return to_hex(std::span(address.bytes).subspan(from, size));
}

Task<Result<void>> authenticate(Site& site, Call& call) {
  switch (call.route().access.kind()) {
    case Access::Kind::kPublic:
    case Access::Kind::kVerify:
    case Access::Kind::kLog:
    case Access::Kind::kLink:
      co_return Result<void>{};
    case Access::Kind::kTenant:
      co_return co_await authenticate_tenant(site, call);
    case Access::Kind::kPlatform:
      co_return co_await authenticate_platform(site, call);
    case Access::Kind::kPlatformOrLoopback: {
      // A proxy on this machine also comes from loopback: what it forwards is not local.
      const GivenKeys given = keys_in(call.request, "x-admin-key");
      if (given.keys.empty() && is_loopback(call.request.peer) && !call.request.forwarded)
        co_return Result<void>{};
      co_return co_await authenticate_platform(site, call);
    }
  }
  co_return make_error(ErrorCode::kUnauthenticated,
                       "Send your key as \"Authorization: Bearer KEY\".");
}

void PlatformKey::set(std::optional<Secret> key) {
  const std::lock_guard lock(mutex_);
  digest_.reset();
  if (key && !key->empty()) digest_ = crypto::sha256(key->expose());
}

bool PlatformKey::configured() const {
  const std::lock_guard lock(mutex_);
  return digest_.has_value();
}

PlatformKey::Verdict PlatformKey::check(std::string_view given) const {
  const crypto::Digest256 digest = crypto::sha256(given);
  const std::lock_guard lock(mutex_);
  if (!digest_) return Verdict::kNotConfigured;
  // Digests have one length, so the comparison's time tells nothing about the key's.
  return crypto::equal_constant_time(digest, *digest_) ? Verdict::kRight : Verdict::kWrong;
}

}  // namespace carnet::api
