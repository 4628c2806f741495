#include "service/passcode_tries.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/encoding.h"
#include "crypto/hash.h"
#include "store/passcode_tries.h"

namespace carnet::service {
namespace {

using std::chrono::minutes;
using Tries = std::vector<store::passcode_tries::Tries>;

constexpr minutes kHour{60};

// When the window has room for one more; `now` if it has. `tries` rises.
Timestamp free_at(const Tries& tries, std::string_view visitor, int count_max, minutes window,
                  Timestamp now) {
  int left = count_max;
  for (auto it = tries.rbegin(); it != tries.rend(); ++it) {
    if (it->at + window <= now) break;
    if (!visitor.empty() && it->visitor != visitor) continue;
    left -= it->count;
    // A clock that stepped back keeps nobody out for longer than the window.
    if (left <= 0) return std::min(it->at, now) + window;
  }
  return now;
}

tl::unexpected<Error> too_many(Timestamp now, Timestamp until) {
  const auto wait = std::chrono::ceil<std::chrono::seconds>(until - now).count();
  return tl::unexpected(Error{
      .code = ErrorCode::kRateLimited,
      .public_detail = fmt::format("There were too many tries at this link's passcode; the next "
                                   "one is taken in {} s.",
                                   wait),
      .internal = {},
      .fields = {},
      .retry_after_s = static_cast<int>(std::max<std::int64_t>(1, wait))});
}

}  // namespace

PasscodeTries::PasscodeTries(store::Database& db, const Clock& clock, const Secret& pepper)
    : db_(db), clock_(clock), key_(crypto::derive_key(pepper, "carnet passcode tries v1")) {}

Task<Result<PasscodeTries::Charge>> PasscodeTries::take(const store::ShareRow& share,
                                                        std::string visitor) {
  Charge charge{.tenant = share.tenant_id,
                .share = share.id,
                .visitor = to_hex(crypto::hmac_sha256(key_, share.id.str() + '\n' + visitor)),
                .at = clock_.now()};
  const auto work = [charge](store::Connection& connection) -> Result<Charge> {
    CARNET_TRY_VOID(connection.lock("passcode of " + charge.share.str()));
    const Timestamp since = charge.at - kHour;
    CARNET_TRY(tries, store::passcode_tries::after(connection, charge.tenant, charge.share, since));
    const Timestamp until =
        std::max({free_at(tries, charge.visitor, kOfVisitorAMinute, minutes(1), charge.at),
                  free_at(tries, charge.visitor, kOfVisitorAnHour, kHour, charge.at),
                  free_at(tries, {}, kOfLinkAnHour, kHour, charge.at)});
    if (until > charge.at) return too_many(charge.at, until);
    CARNET_TRY_VOID(store::passcode_tries::add(connection, charge.tenant, charge.share,
                                               charge.visitor, charge.at, since));
    return charge;
  };
  co_return co_await db_.write<Charge>(work);
}

Task<Result<void>> PasscodeTries::give_back(Charge charge) {
  const auto work = [charge = std::move(charge)](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(store::passcode_tries::take_back(connection, charge.tenant, charge.share,
                                                     charge.visitor, charge.at));
    return true;
  };
  const Result<bool> done = co_await db_.write<bool>(work);
  if (!done) co_return tl::unexpected(done.error());
  co_return Result<void>{};
}

}  // namespace carnet::service
