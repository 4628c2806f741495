#include "service/sharing.h"

#include <boost/json.hpp>

#include "base/json.h"
#include "base/text.h"
#include "crypto/token.h"
#include "service/audit.h"
#include "service/document.h"
#include "service/fields.h"
#include "service/tenant_json.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

constexpr int kHoursMax = 720;
constexpr std::size_t kUserAgentMax = 255;  // bytes

tl::unexpected<Error> no_such_share() {
  return make_error(ErrorCode::kNotFound, "There is no such share link.");
}

// The one answer to a token that opens nothing, whatever is wrong with it.
tl::unexpected<Error> no_such_link() {
  return make_error(ErrorCode::kNotFound, "There is no such link.");
}

bool is_scope(std::string_view scope) {
  return scope == "report" || scope == "bundle" || scope == "passport";
}

// Printable text of at most kUserAgentMax bytes; bytes that are no UTF-8 become '?'.
std::string clean_user_agent(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size() && out.size() < kUserAgentMax;) {
    std::size_t length = 1;
    while (length <= 4 && i + length <= text.size() && !is_valid_utf8(text.substr(i, length)))
      ++length;
    if (length > 4 || i + length > text.size()) {
      out += '?';
      ++i;
      continue;
    }
    const std::string_view character = text.substr(i, length);
    i += length;
    if (has_forbidden_control(character) || character == "\t" || character == "\n") continue;
    if (out.size() + length > kUserAgentMax) break;
    out += character;
  }
  return out;
}

}  // namespace

std::string_view share_state(const store::ShareRow& row, Timestamp now) {
  if (row.revoked_at) return "revoked";
  if (row.paused) return "paused";
  if (now >= row.expires_at) return "expired";
  if (row.max_views && row.view_count >= *row.max_views) return "exhausted";
  return "active";
}

Sharing::Sharing(store::Database& db, const Clock& clock, Random& random, const Secret& pepper)
    : db_(db),
      clock_(clock),
      random_(random),
      pepper_(pepper),
      visitor_key_(crypto::derive_key(pepper, "carnet visitor v1")),
      overviews_({.entries_max = kOverviewCacheMax, .cost_max = kOverviewCacheBytesMax}),
      artifacts_({.entries_max = kOverviewCacheMax, .cost_max = kOverviewCacheBytesMax}) {}

Task<Result<CreatedShare>> Sharing::create(const Actor& actor, ScanId scan, NewShare request) {
  FieldErrors bad;
  bad.integer("expiresHours", request.expires_hours, 1, kHoursMax);
  bad.text("label", request.label);
  if (!is_scope(request.scope))
    bad.add("scope", "unknown_value", "must be \"report\", \"bundle\" or \"passport\"");
  bad.text("recipient", request.recipient);
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
  boost::json::object detail;
  detail["scanId"] = scan.str();
  detail["scope"] = row.scope;
  detail["label"] = row.label;
  detail["expiresAt"] = to_rfc3339(row.expires_at);
  const auto rows = std::make_shared<const std::pair<store::ShareRow, store::AuditRow>>(
      row,
      audit_row(actor, "share.create", row.id.str(), json::write(detail), row.created_at, random_));

  const auto work = [rows](store::Connection& connection) -> Result<bool> {
    const store::ShareRow& share = rows->first;
    CARNET_TRY(found, store::scans::find(connection, share.tenant_id, share.scan_id));
    if (!found) return make_error(ErrorCode::kNotFound, "There is no such scan.");
    if (found->status != "success")
      return make_error(ErrorCode::kScanNotFinished,
                        "Only a scan that has ended in success can be shared; this one is " +
                            found->status + ".");
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
    CARNET_TRY(before, store::shares::find(connection, tenant, id));
    if (!before) return no_such_share();
    if (before->revoked_at) return std::move(*before);
    CARNET_TRY(after, store::shares::revoke(connection, tenant, id, now));
    if (!after) return no_such_share();
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
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
    CARNET_TRY(before, store::shares::find(connection, tenant, id));
    if (!before) return no_such_share();
    if (before->revoked_at)
      return make_error(ErrorCode::kConflict,
                        "This link has been revoked; make a new one instead of changing it.");
    CARNET_TRY(after, store::shares::patch(connection, tenant, id, change));
    if (!after) return no_such_share();
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
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

Result<OpenLink> Sharing::resolve(std::string_view token) {
  static constexpr crypto::Digest256 kDummy{};  // no secret has an all-zero MAC
  const std::optional<crypto::ParsedToken> parsed =
      crypto::parse_token(crypto::kShareTokenPrefix, token);
  std::optional<store::ShareRow> row;
  // Wrong check digits need no database: anyone can compute them, so skipping the read tells
  // nothing.
  if (parsed) {
    const auto find = [&](store::Connection& connection) -> Result<std::optional<store::ShareRow>> {
      return store::shares::find_by_public_id(connection, parsed->public_id);
    };
    CARNET_TRY(found, db_.point_read<std::optional<store::ShareRow>>(find));
    row = std::move(found);
  }
  const crypto::Digest256 mac =
      crypto::token_mac(pepper_, parsed ? parsed->secret : token.substr(0, 32));
  const std::string_view expected = row ? std::string_view(row->secret_mac) : as_text(kDummy);
  const bool equal = crypto::equal_constant_time(as_text(mac), expected);
  if (!row || !equal) return no_such_link();

  // Only who holds the genuine token learns that the link was real once.
  if (row->revoked_at)
    return make_error(ErrorCode::kShareLinkRevoked, "This link has been withdrawn.");
  if (row->paused)
    return make_error(ErrorCode::kShareLinkPaused, "This link is paused at the moment.");
  if (clock_.now() >= row->expires_at)
    return make_error(ErrorCode::kShareLinkExpired, "This link has expired.");
  if (row->max_views && row->view_count >= *row->max_views)
    return make_error(ErrorCode::kShareLinkExhausted,
                      "This link has been opened as often as it may be.");
  if (row->tenant_settings != "{}") {  // most have none, and this is the busiest path
    std::string branding = read_settings(row->tenant_settings).branding_name;
    if (!branding.empty()) row->tenant_name = std::move(branding);
  }
  row->tenant_settings.clear();
  return OpenLink{.share = std::move(*row)};
}

Task<Result<std::shared_ptr<const Overview>>> Sharing::overview(const OpenLink& link) {
  const ScanId scan = link.share.scan_id;
  std::shared_ptr<const Overview> cached = overviews_.find(scan.str());
  if (cached) co_return cached;
  const auto work = [scan](store::Connection& connection) -> Result<LoadedDocument> {
    return load_document(connection, scan);
  };
  CARNET_CO_TRY(loaded, co_await db_.read<LoadedDocument>(work));
  auto made = std::make_shared<Overview>();
  made->document = std::move(loaded.document);
  made->result_sha256 = std::move(loaded.result_sha256);
  overviews_.put(scan.str(), made, loaded.result_bytes);
  co_return std::shared_ptr<const Overview>(std::move(made));
}

Task<Result<std::shared_ptr<const Artifact>>> Sharing::artifact(ScanId scan,
                                                                ArtifactFormat format) {
  const std::string key = scan.str() + "/" + std::string(to_string(format));
  std::shared_ptr<const Artifact> cached = artifacts_.find(key);
  if (cached) co_return cached;
  const auto work = [scan, format](store::Connection& connection) -> Result<Artifact> {
    CARNET_TRY(loaded, load_document(connection, scan));
    return make_artifact(loaded.document, format);
  };
  CARNET_CO_TRY(made, co_await db_.read<Artifact>(work));
  auto kept = std::make_shared<const Artifact>(std::move(made));
  artifacts_.put(key, kept, kept->bytes.size());
  co_return kept;
}

Task<Result<Artifact>> Sharing::download(const OpenLink& link, ArtifactFormat format,
                                         std::string_view visitor_address,
                                         std::string_view user_agent) {
  const store::ShareRow share = link.share;
  const Timestamp now = clock_.now();
  store::ViewRow view;
  view.id = ViewId::generate(now, random_);
  view.share_id = share.id;
  view.at = now;
  view.outcome = "downloaded";
  view.format = to_string(format);
  view.visitor = to_hex(crypto::hmac_sha256(visitor_key_, visitor_address)).substr(0, 32);
  view.user_agent = clean_user_agent(user_agent);

  if (!scope_covers(share.scope, format))
    co_return make_error(ErrorCode::kShareScope, "This link's scope is \"" + share.scope +
                                                     "\", which does not include " + view.format +
                                                     ".");
  CARNET_CO_TRY(made, co_await artifact(share.scan_id, format));
  // No log row, no download: the owner's access log is complete.
  const auto work = [view](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(store::shares::insert_view(connection, view));
    return true;
  };
  CARNET_CO_TRY(logged, co_await db_.write<bool>(work));
  static_cast<void>(logged);
  co_return Artifact(*made);
}

bool Sharing::scope_covers(std::string_view scope, ArtifactFormat format) {
  switch (format) {
    case ArtifactFormat::kJson:
    case ArtifactFormat::kCsv:
    case ArtifactFormat::kPdf:
      return is_scope(scope);
    case ArtifactFormat::kCbom:
    case ArtifactFormat::kBundle:
      return scope == "bundle" || scope == "passport";
    case ArtifactFormat::kSarif:
      return false;  // for the owner's build pipeline only
  }
  return false;
}

std::vector<ArtifactFormat> Sharing::formats_of_scope(std::string_view scope) {
  std::vector<ArtifactFormat> formats;
  for (const ArtifactFormat format : available_formats())
    if (scope_covers(scope, format)) formats.push_back(format);
  return formats;
}

}  // namespace carnet::service
