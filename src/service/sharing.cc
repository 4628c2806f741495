#include "service/sharing.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "base/text.h"
#include "crypto/token.h"
#include "service/audit.h"
#include "service/fields.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

constexpr int kHoursMax = 720;
constexpr int kViewsMax = 10000;

tl::unexpected<Error> no_such_share() {
  return make_error(ErrorCode::kNotFound, "There is no such share link.");
}

bool is_scope(std::string_view scope) {
  return scope == "report" || scope == "bundle" || scope == "passport";
}

// As FieldErrors::text, with the bounds of a passcode.
void check_passcode(std::string_view passcode, FieldErrors& bad) {
  if (!is_valid_utf8(passcode) || has_forbidden_control(passcode) ||
      passcode.find_first_of("\t\n") != std::string_view::npos)
    return bad.add("passcode", "invalid_text", "must be text in UTF-8 without control characters");
  const std::size_t chars = utf8_length(passcode);
  if (chars < Passcodes::kCharsMin || chars > Passcodes::kCharsMax)
    bad.add(
        "passcode", chars < Passcodes::kCharsMin ? "too_short" : "too_long",
        fmt::format("must have {} to {} characters", Passcodes::kCharsMin, Passcodes::kCharsMax));
}

tl::unexpected<Error> no_room(std::string_view whose, int most) {
  return make_error(
      ErrorCode::kShareLimit,
      fmt::format("{} has {} open links, as many as it may have; revoke some, or wait until they "
                  "expire.",
                  whose, most));
}

// Whether scan and tenant may have one more open link. In the transaction that makes it.
Result<void> check_room(store::Connection& connection, const store::ShareRow& share,
                        const SharingOptions& options) {
  if (options.open_per_scan_max <= 0 && options.open_per_tenant_max <= 0) return {};
  // Two that count at once would both find the last place free.
  CARNET_TRY_VOID(connection.lock("shares/" + share.tenant_id.str()));
  CARNET_TRY(open, store::shares::count_open(connection, share.tenant_id, share.scan_id,
                                             share.created_at));
  if (options.open_per_scan_max > 0 && open.of_scan >= options.open_per_scan_max)
    return no_room("This scan", options.open_per_scan_max);
  if (options.open_per_tenant_max > 0 && open.of_tenant >= options.open_per_tenant_max)
    return no_room("This tenant", options.open_per_tenant_max);
  return {};
}

// What of a link may change.
std::string changing_json(const store::ShareRow& row) {
  return json::write(boost::json::object{
      {"label", row.label},
      {"recipient", row.recipient},
      {"expiresAt", to_rfc3339(row.expires_at)},
      {"paused", row.paused},
      {"revokedAt", row.revoked_at ? boost::json::value(to_rfc3339(*row.revoked_at))
                                   : boost::json::value(nullptr)}});
}

store::AuditRow trail_of(const store::AuditRow& trail, const store::ShareRow& before,
                         const store::ShareRow& after) {
  return with_change(trail, {.before = changing_json(before), .after = changing_json(after)});
}

}  // namespace

std::string_view share_state(const store::ShareRow& row, Timestamp now) {
  if (row.revoked_at) return "revoked";
  if (row.paused) return "paused";
  if (now >= row.expires_at) return "expired";
  if (row.max_views && row.view_count >= *row.max_views) return "exhausted";
  return "active";
}

Sharing::Sharing(store::Database& db, const Clock& clock, Random& random, const Secret& pepper,
                 SharingOptions options)
    : db_(db),
      clock_(clock),
      random_(random),
      pepper_(pepper),
      options_(options),
      names_(pepper),
      visits_(db, clock, random, names_),
      sessions_(pepper),
      passcodes_(random, pepper, options.passcode_threads),
      tries_(db, clock, pepper),
      overviews_({.entries_max = kOverviewCacheMax, .cost_max = kOverviewCacheBytesMax}),
      artifacts_({.entries_max = kOverviewCacheMax, .cost_max = kOverviewCacheBytesMax}) {}

Task<Result<CreatedShare>> Sharing::create(const Actor& actor, ScanId scan, NewShare request) {
  FieldErrors bad;
  bad.integer("expiresHours", request.expires_hours, 1, kHoursMax);
  bad.text("label", request.label);
  if (!is_scope(request.scope))
    bad.add("scope", "unknown_value", "must be \"report\", \"bundle\" or \"passport\"");
  bad.text("recipient", request.recipient);
  if (request.passcode) check_passcode(request.passcode->expose(), bad);
  if (request.max_views) bad.integer("maxViews", *request.max_views, 1, kViewsMax);
  if (!bad.empty()) co_return bad.take();

  // All that costs time happens here; the writer thread gets two rows that are ready.
  crypto::NewToken token = crypto::new_token(crypto::kShareTokenPrefix, pepper_, random_);
  store::ShareRow row;
  row.public_id = token.public_id;
  row.created_at = clock_.now();
  row.id = ShareId::generate(row.created_at, random_);
  row.tenant_id = actor.tenant;
  row.scan_id = scan;
  row.secret_mac = as_text(token.secret_mac);
  row.hint = token.hint;
  row.scope = std::move(request.scope);
  row.label = std::move(request.label);
  row.recipient = std::move(request.recipient);
  row.created_by = actor.key;
  row.expires_at = row.created_at + std::chrono::hours(request.expires_hours);
  row.tenant_name = actor.tenant_name;
  row.max_views = request.max_views;
  if (request.passcode) {
    CARNET_CO_TRY(hash, co_await passcodes_.hash(std::move(*request.passcode)));
    row.passcode_hash = std::move(hash);
  }
  boost::json::object detail;
  detail["scanId"] = scan.str();
  detail["scope"] = row.scope;
  detail["label"] = row.label;
  detail["expiresAt"] = to_rfc3339(row.expires_at);
  if (row.passcode_hash) detail["passcodeProtected"] = true;
  if (row.max_views) detail["maxViews"] = *row.max_views;
  const auto rows = std::make_shared<const std::pair<store::ShareRow, store::AuditRow>>(
      row,
      audit_row(actor, "share.create", row.id.str(), json::write(detail), row.created_at, random_));

  const auto work = [rows, options = options_](store::Connection& connection) -> Result<bool> {
    const store::ShareRow& share = rows->first;
    CARNET_TRY(found, store::scans::find(connection, share.tenant_id, share.scan_id));
    if (!found) return make_error(ErrorCode::kNotFound, "There is no such scan.");
    if (found->status != "success")
      return make_error(ErrorCode::kScanNotFinished,
                        "Only a scan that has ended in success can be shared; this one is " +
                            found->status + ".");
    CARNET_TRY_VOID(check_room(connection, share, options));
    CARNET_TRY_VOID(store::shares::insert(connection, share));
    CARNET_TRY_VOID(store::audit::insert(connection, rows->second));
    return true;
  };
  CARNET_CO_TRY(saved, co_await db_.write<bool>(work));
  static_cast<void>(saved);
  co_return CreatedShare{.row = std::move(row), .token = std::move(token.text)};
}

Task<Result<std::vector<store::ShareRow>>> Sharing::list(TenantId tenant,
                                                         std::optional<ScanId> scan,
                                                         store::Page page) {
  using Rows = std::vector<store::ShareRow>;
  const auto work = [tenant, scan, page](store::Connection& connection) -> Result<Rows> {
    if (scan) {
      CARNET_TRY(found, store::scans::find(connection, tenant, *scan));
      if (!found) return make_error(ErrorCode::kNotFound, "There is no such scan.");
    }
    return store::shares::list(connection, tenant, scan, page);
  };
  co_return co_await db_.read<Rows>(work);
}

Task<Result<store::ShareRow>> Sharing::find(TenantId tenant, ShareId id) {
  const auto work = [tenant, id](store::Connection& connection) -> Result<store::ShareRow> {
    CARNET_TRY(row, store::shares::find(connection, tenant, id));
    if (!row) return no_such_share();
    return std::move(*row);
  };
  co_return co_await db_.read<store::ShareRow>(work);
}

Task<Result<store::ShareRow>> Sharing::revoke(const Actor& actor, ShareId id) {
  const Timestamp now = clock_.now();
  const store::AuditRow trail = audit_row(actor, "share.revoke", id.str(), "{}", now, random_);
  const auto work = [tenant = actor.tenant, id, now,
                     trail](store::Connection& connection) -> Result<store::ShareRow> {
    CARNET_TRY_VOID(connection.lock(id.str()));
    CARNET_TRY(before, store::shares::find(connection, tenant, id));
    if (!before) return no_such_share();
    if (before->revoked_at) return std::move(*before);
    CARNET_TRY(after, store::shares::revoke(connection, tenant, id, now));
    if (!after) return no_such_share();
    CARNET_TRY_VOID(store::audit::insert(connection, trail_of(trail, *before, *after)));
    return std::move(*after);
  };
  co_return co_await db_.write<store::ShareRow>(work);
}

Task<Result<store::ShareRow>> Sharing::patch(const Actor& actor, ShareId id,
                                             std::optional<std::string> label,
                                             std::optional<std::string> recipient,
                                             std::optional<int> expires_hours,
                                             std::optional<bool> paused) {
  FieldErrors bad;
  if (label) bad.text("label", *label);
  if (recipient) bad.text("recipient", *recipient);
  if (expires_hours) bad.integer("expiresHours", *expires_hours, 1, kHoursMax);
  if (!bad.empty()) co_return bad.take();

  const Timestamp now = clock_.now();
  store::shares::Patch change{
      .label = label, .recipient = recipient, .expires_at = {}, .paused = paused};
  if (expires_hours) change.expires_at = now + std::chrono::hours(*expires_hours);
  boost::json::object detail;
  if (label) detail["label"] = *label;
  if (recipient) detail["recipient"] = *recipient;
  if (change.expires_at) detail["expiresAt"] = to_rfc3339(*change.expires_at);
  if (paused) detail["paused"] = *paused;
  const store::AuditRow trail =
      audit_row(actor, "share.update", id.str(), json::write(detail), now, random_);

  const auto work = [tenant = actor.tenant, id, change,
                     trail](store::Connection& connection) -> Result<store::ShareRow> {
    CARNET_TRY_VOID(connection.lock(id.str()));
    CARNET_TRY(before, store::shares::find(connection, tenant, id));
    if (!before) return no_such_share();
    if (before->revoked_at)
      return make_error(ErrorCode::kConflict,
                        "This link has been revoked; make a new one instead of changing it.");
    CARNET_TRY(after, store::shares::patch(connection, tenant, id, change));
    if (!after) return no_such_share();
    CARNET_TRY_VOID(store::audit::insert(connection, trail_of(trail, *before, *after)));
    return std::move(*after);
  };
  co_return co_await db_.write<store::ShareRow>(work);
}

Task<Result<std::vector<store::ViewRow>>> Sharing::views(TenantId tenant, ShareId id,
                                                         store::Page page) {
  using Rows = std::vector<store::ViewRow>;
  const auto work = [tenant, id, page](store::Connection& connection) -> Result<Rows> {
    CARNET_TRY(row, store::shares::find(connection, tenant, id));
    if (!row) return no_such_share();
    return store::shares::list_views(connection, id, page);
  };
  co_return co_await db_.read<Rows>(work);
}

}  // namespace carnet::service
