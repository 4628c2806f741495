#include "service/tenancy.h"

#include <boost/json.hpp>

#include "base/json.h"
#include "crypto/token.h"
#include "service/audit.h"
#include "service/fields.h"
#include "service/tenant_json.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

constexpr std::size_t kSlugMax = 63;
constexpr int kKeyDaysMax = 3650;
constexpr int kRateMax = 1'000'000;
constexpr int kSlugTries = 20;
constexpr auto kLastUsedEvery = std::chrono::seconds(30);
constexpr auto kLastUsedForget = std::chrono::hours(1);

bool is_slug_char(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; }

bool is_slug(std::string_view text) {
  return !text.empty() && text.size() <= kSlugMax &&
         std::all_of(text.begin(), text.end(), is_slug_char);
}

// "ACME Corp. (EU)" → "acme-corp-eu"; "tenant" where nothing is left.
std::string slug_of(std::string_view name) {
  std::string slug;
  for (const char c : name) {
    const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    if (is_slug_char(lower) && lower != '-')
      slug += lower;
    else if (!slug.empty() && slug.back() != '-')
      slug += '-';
  }
  slug.resize(std::min(slug.size(), kSlugMax - 8));  // room for a number that tells namesakes apart
  while (!slug.empty() && slug.back() == '-') slug.pop_back();
  return slug.empty() ? "tenant" : slug;
}

// The tenant's own trail shows what the platform did to it.
store::AuditRow audit_for(const Actor& actor, const TenantId& tenant, std::string_view action,
                          std::string_view subject, const boost::json::object& detail,
                          Timestamp now, Random& random) {
  store::AuditRow row = audit_row(actor, action, subject, json::write(detail), now, random);
  row.tenant_id = tenant.str();
  return row;
}

tl::unexpected<Error> no_such_tenant() {
  return make_error(ErrorCode::kNotFound, "There is no such tenant.");
}

tl::unexpected<Error> not_a_key() {
  return make_error(ErrorCode::kUnauthenticated, "The API key is not valid.");
}

}  // namespace

Tenancy::Tenancy(store::Database& db, const Clock& clock, Random& random, const Secret& pepper,
                 Options options)
    : db_(db), clock_(clock), random_(random), pepper_(pepper), options_(options) {}

Task<Result<store::TenantRow>> Tenancy::create_tenant(const Actor& actor, NewTenant request) {
  FieldErrors bad;
  bad.text("name", request.name, 1);
  if (request.slug && !is_slug(*request.slug))
    bad.add("slug", "invalid_format", "must be 1 to 63 of the characters a-z, 0-9 and -");
  if (!bad.empty()) co_return bad.take();

  const std::string base = request.slug ? *request.slug : slug_of(request.name);
  store::TenantRow row;
  row.name = request.name;
  for (int attempt = 1;; ++attempt) {
    row.slug = base;
    if (attempt > 1) row.slug += "-" + std::to_string(attempt);
    row.created_at = clock_.now();
    row.id = TenantId::generate(row.created_at, random_);
    boost::json::object detail;
    detail["name"] = row.name;
    detail["slug"] = row.slug;
    const store::AuditRow trail =
        audit_for(actor, row.id, "tenant.create", row.id.str(), detail, row.created_at, random_);
    const auto work = [row, trail](store::Connection& connection) -> Result<store::TenantRow> {
      CARNET_TRY_VOID(store::tenants::insert(connection, row));
      CARNET_TRY_VOID(store::audit::insert(connection, trail));
      return row;
    };
    Result<store::TenantRow> saved = co_await db_.write<store::TenantRow>(work);
    if (saved || saved.error().code != ErrorCode::kConflict) co_return saved;
    if (request.slug || attempt == kSlugTries)
      co_return make_error(ErrorCode::kConflict,
                           "The slug \"" + row.slug + "\" is taken by another tenant.");
  }
}

Task<Result<std::vector<store::TenantRow>>> Tenancy::list_tenants(store::Page page) {
  using Rows = std::vector<store::TenantRow>;
  const auto work = [page](store::Connection& connection) -> Result<Rows> {
    return store::tenants::list(connection, page);
  };
  co_return co_await db_.read<Rows>(work);
}

Task<Result<IssuedKey>> Tenancy::issue_key(const Actor& actor, TenantId tenant, NewKey request) {
  if (!actor.platform && actor.tenant != tenant) co_return no_such_tenant();
  FieldErrors bad;
  bad.text("label", request.label, 1);
  if (request.expires_days) bad.integer("expiresDays", *request.expires_days, 1, kKeyDaysMax);
  if (request.rate_per_minute) bad.integer("ratePerMinute", *request.rate_per_minute, 1, kRateMax);
  if (!bad.empty()) co_return bad.take();

  crypto::NewToken token = crypto::new_token(crypto::kKeyTokenPrefix, pepper_, random_);
  store::KeyRow row;
  row.public_id = token.public_id;
  row.created_at = clock_.now();
  row.id = KeyId::generate(row.created_at, random_);
  row.tenant_id = tenant;
  row.secret_mac = as_text(token.secret_mac);
  row.hint = token.hint;
  row.label = request.label;
  row.role = request.role;
  row.rate_per_minute = request.rate_per_minute;
  if (request.expires_days)
    row.expires_at = row.created_at + std::chrono::days(*request.expires_days);
  boost::json::object detail;
  detail["label"] = row.label;
  detail["role"] = store::to_string(row.role);
  detail["hint"] = row.hint;
  const store::AuditRow trail =
      audit_for(actor, tenant, "key.create", row.id.str(), detail, row.created_at, random_);

  const auto work = [row, trail](store::Connection& connection) -> Result<store::KeyRow> {
    CARNET_TRY(found, store::tenants::find(connection, row.tenant_id));
    if (!found) return no_such_tenant();
    if (found->state == store::TenantState::kErasing)
      return make_error(ErrorCode::kTenantClosing,
                        "This tenant's data is being erased; it gets no keys until that is done.");
    CARNET_TRY_VOID(store::keys::insert(connection, row));
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    store::KeyRow saved = row;
    saved.tenant_name = found->name;
    return saved;
  };
  CARNET_CO_TRY(saved, co_await db_.write<store::KeyRow>(work));
  co_return IssuedKey{.row = std::move(saved), .token = std::move(token.text)};
}

Task<Result<std::vector<store::KeyRow>>> Tenancy::list_keys(TenantId tenant, store::Page page) {
  using Rows = std::vector<store::KeyRow>;
  const auto work = [tenant, page](store::Connection& connection) -> Result<Rows> {
    CARNET_TRY(found, store::tenants::find(connection, tenant));
    if (!found) return no_such_tenant();
    return store::keys::list(connection, tenant, page);
  };
  co_return co_await db_.read<Rows>(work);
}

Task<Result<store::KeyRow>> Tenancy::revoke_key(const Actor& actor, KeyId key) {
  const Timestamp now = clock_.now();
  const auto work = [this, actor, key,
                     now](store::Connection& connection) -> Result<store::KeyRow> {
    CARNET_TRY(row, store::keys::revoke(connection, key, now));
    // An error rolls the transaction back, so another tenant's key stays as it was.
    if (!row || (!actor.platform && row->tenant_id != actor.tenant))
      return make_error(ErrorCode::kNotFound, "There is no such key.");
    if (row->revoked_at == now) {  // not when it was revoked before
      boost::json::object detail;
      detail["label"] = row->label;
      detail["hint"] = row->hint;
      CARNET_TRY_VOID(store::audit::insert(
          connection,
          audit_for(actor, row->tenant_id, "key.revoke", key.str(), detail, now, random_)));
    }
    return std::move(*row);
  };
  co_return co_await db_.write<store::KeyRow>(work);
}

Task<Result<Identity>> Tenancy::authenticate(std::string_view key_text) {
  static constexpr crypto::Digest256 kDummy{};  // no secret has an all-zero MAC
  const std::optional<crypto::ParsedToken> parsed =
      crypto::parse_token(crypto::kKeyTokenPrefix, key_text);
  std::optional<store::KeyRow> row;
  if (parsed) {
    // Nothing is cached: a key that was revoked a moment ago, here or by another instance, is
    // refused now.
    auto query = store::keys::by_public_id(parsed->public_id);
    CARNET_CO_TRY(found, co_await db_.find<store::KeyRow>(std::move(query)));
    row = std::move(found);
  }
  const crypto::Digest256 mac =
      crypto::token_mac(pepper_, parsed ? parsed->secret : key_text.substr(0, 64));
  const std::string_view expected = row ? std::string_view(row->secret_mac) : as_text(kDummy);
  const bool equal = crypto::equal_constant_time(as_text(mac), expected);
  const Timestamp now = clock_.now();
  if (!row || !equal || row->revoked_at || (row->expires_at && now >= *row->expires_at))
    co_return not_a_key();

  {
    const std::lock_guard lock(last_used_mutex_);
    const auto [use, added] = last_used_.try_emplace(row->id.str());
    if (added && row->last_used_at) use->second.written = *row->last_used_at;
    use->second.at = std::max(use->second.at, now);
  }
  Identity identity;
  identity.actor.tenant = row->tenant_id;
  identity.actor.tenant_name = std::move(row->tenant_name);
  identity.actor.key = row->id;
  identity.actor.role = row->role;
  identity.actor.tenant_state = row->tenant_state;
  identity.rate_per_minute = row->rate_per_minute.value_or(options_.default_rate_per_minute);
  co_return identity;
}

Task<void> Tenancy::flush_last_used() {
  std::vector<std::pair<KeyId, Timestamp>> due;
  const Timestamp now = clock_.now();
  {
    const std::lock_guard lock(last_used_mutex_);
    for (const auto& [id, use] : last_used_)
      if (use.at > use.written && (now - use.written >= kLastUsedEvery || use.written > now))
        due.emplace_back(KeyId::trusted(id), use.at);
    std::erase_if(last_used_, [now](const auto& entry) {
      return entry.second.at <= entry.second.written && now - entry.second.at > kLastUsedForget;
    });
  }
  if (due.empty()) co_return;
  // In one order everywhere, so that two instances do not wait for each other.
  std::sort(due.begin(), due.end());
  const auto work = [due](store::Connection& connection) -> Result<bool> {
    for (const auto& [id, at] : due) CARNET_TRY_VOID(store::keys::touch(connection, id, at));
    return true;
  };
  const Result<bool> done = co_await db_.write<bool>(work);
  if (!done) co_return;  // still due: the next round tries again
  const std::lock_guard lock(last_used_mutex_);
  for (const auto& [id, at] : due) {
    const auto use = last_used_.find(id.str());
    if (use != last_used_.end()) use->second.written = std::max(use->second.written, at);
  }
}

}  // namespace carnet::service
