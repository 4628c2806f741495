// The part of Sharing that answers visitors.

#include <boost/json.hpp>

#include "base/json.h"
#include "base/memory.h"
#include "crypto/token.h"
#include "service/audit.h"
#include "service/document.h"
#include "service/passports.h"
#include "service/sharing.h"
#include "service/tenant_json.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

// The one answer to a token that opens nothing, whatever is wrong with it.
tl::unexpected<Error> no_such_link() {
  return make_error(ErrorCode::kNotFound, "There is no such link.");
}

// Why a genuine link opens nothing at `now`; nullopt if it does. Only who holds the genuine token
// learns that the link was real once.
std::optional<Error> why_dead(const store::ShareRow& row, Timestamp now, bool has_session) {
  if (row.revoked_at)
    return make_error(ErrorCode::kShareLinkRevoked, "This link has been withdrawn.").value();
  // A tenant that is being closed may think better of it until the end.
  if (row.tenant_state == store::TenantState::kErasing)
    return make_error(ErrorCode::kShareLinkRevoked, "This link has been withdrawn.").value();
  if (row.paused || row.tenant_state == store::TenantState::kClosing)
    return make_error(ErrorCode::kShareLinkPaused, "This link is paused at the moment.").value();
  if (now >= row.expires_at)
    return make_error(ErrorCode::kShareLinkExpired, "This link has expired.").value();
  if (row.max_views && row.view_count >= *row.max_views && !has_session)
    return make_error(ErrorCode::kShareLinkExhausted,
                      "This link has been opened as often as it may be.")
        .value();
  return std::nullopt;
}

std::string_view outcome_of(ErrorCode code) {
  if (code == ErrorCode::kShareLinkRevoked) return "revoked";
  if (code == ErrorCode::kShareLinkPaused) return "paused";
  return code == ErrorCode::kShareLinkExpired ? "expired" : "exhausted";
}

// The link is found by its public id with one indexed read; its secret is compared in constant
// time, against a dummy when there is no row.
Task<Result<store::ShareRow>> find_genuine(store::Database& db, const Secret& pepper,
                                           std::string_view token) {
  static constexpr crypto::Digest256 kDummy{};  // no secret has an all-zero MAC
  const std::optional<crypto::ParsedToken> parsed =
      crypto::parse_token(crypto::kShareTokenPrefix, token);
  std::optional<store::ShareRow> row;
  // Wrong check digits need no database: anyone can compute them, so skipping the read tells
  // nothing.
  if (parsed) {
    auto query = store::shares::by_public_id(parsed->public_id);
    CARNET_CO_TRY(found, co_await db.find<store::ShareRow>(std::move(query)));
    row = std::move(found);
  }
  const crypto::Digest256 mac =
      crypto::token_mac(pepper, parsed ? parsed->secret : token.substr(0, 32));
  const std::string_view expected = row ? std::string_view(row->secret_mac) : as_text(kDummy);
  const bool equal = crypto::equal_constant_time(as_text(mac), expected);
  if (!row || !equal) co_return no_such_link();
  co_return std::move(*row);
}

}  // namespace

Task<Result<OpenLink>> Sharing::resolve(std::string_view token, std::string_view sessions,
                                        const Visitor* visitor) {
  CARNET_CO_TRY(row, co_await find_genuine(db_, pepper_, token));
  OpenLink link{.share = std::move(row), .visitor_addresses = {}, .session_until = {}};
  store::ShareRow& share = link.share;
  if (share.tenant_settings != "{}") {  // most have none, and this is the busiest path
    Settings settings = read_settings(share.tenant_settings);
    if (!settings.branding_name.empty()) share.tenant_name = std::move(settings.branding_name);
    link.visitor_addresses = std::move(settings.visitor_addresses);
  }
  share.tenant_settings.clear();
  const Timestamp now = clock_.now();
  if (link.is_protected() && !sessions.empty())
    link.session_until =
        sessions_.check(sessions, {.share = share.id, .revision = share.revision}, now);
  if (auto dead = why_dead(share, now, link.session_until.has_value())) {
    if (visitor != nullptr)
      visits_.note({.share = share,
                    .outcome = outcome_of(dead->code),
                    .format = {},
                    .visitor_setting = link.visitor_addresses,
                    .visitor = *visitor});
    co_return tl::unexpected(std::move(*dead));
  }
  co_return std::move(link);
}

Result<void> Sharing::check_entered(const OpenLink& link) {
  if (link.entered()) return {};
  return make_error(
      ErrorCode::kShareSessionNeeded,
      link.share.passcode_hash
          ? "This link has to be opened first: POST its passcode to this link's "
            "address with /open behind it, then send the session as x-share-session."
          : "This link has to be opened first: POST to this link's address with /open "
            "behind it, then send the session as x-share-session.");
}

store::ViewRow Sharing::view_row(const OpenLink& link, std::string_view outcome,
                                 std::string_view format, const Visitor& visitor) {
  store::ViewRow row;
  row.at = clock_.now();
  row.last_at = row.at;
  row.id = ViewId::generate(row.at, random_);
  row.share_id = link.share.id;
  row.outcome = outcome;
  row.format = format;
  row.visitor = names_.name(link.share.tenant_id, link.visitor_addresses, visitor.address);
  row.user_agent = clean_user_agent(visitor.user_agent);
  return row;
}

// A visitor's line in the audit trail of the link's owner.
store::AuditRow Sharing::visitor_trail(const OpenLink& link, std::string_view action,
                                       const store::ViewRow& view, const Visitor& visitor) {
  Actor nobody;
  nobody.tenant = link.share.tenant_id;
  nobody.request_id = visitor.request_id;
  const boost::json::object detail{
      {"viewId", view.id.str()}, {"visitor", view.visitor}, {"format", view.format}};
  store::AuditRow trail =
      audit_row(nobody, action, link.share.scan_id.str(), json::write(detail), view.at, random_);
  trail.actor = "link:" + link.share.id.str();
  return trail;
}

Task<Result<void>> Sharing::log_now(store::ViewRow row, std::optional<store::AuditRow> trail) {
  const auto work = [row = std::move(row),
                     trail = std::move(trail)](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(store::shares::insert_view(connection, row));
    if (trail) CARNET_TRY_VOID(store::audit::insert(connection, *trail));
    return true;
  };
  CARNET_CO_TRY(logged, co_await db_.write<bool>(work));
  static_cast<void>(logged);
  co_return Result<void>{};
}

Task<Result<OpenedLink>> Sharing::open(const OpenLink& link, std::optional<Secret> passcode,
                                       Visitor visitor) {
  if (link.share.passcode_hash) {
    if (!passcode || passcode->empty())
      co_return make_validation_error({FieldError{.field = "passcode",
                                                  .pointer = "/passcode",
                                                  .code = "required",
                                                  .detail = "is required to open this link"}});
    // Charged before the hash is computed.
    std::string network = visitor.network.empty() ? visitor.address : visitor.network;
    CARNET_CO_TRY(charge, co_await tries_.take(link.share, std::move(network)));
    CARNET_CO_TRY(right,
                  co_await passcodes_.verify(std::move(*passcode), *link.share.passcode_hash));
    if (!right) {
      store::ViewRow failed = view_row(link, "passcode_failed", "", visitor);
      CARNET_CO_TRY_VOID(co_await log_now(std::move(failed), std::nullopt));
      co_return make_error(ErrorCode::kSharePasscodeWrong, "That is not this link's passcode.");
    }
    CARNET_CO_TRY_VOID(co_await tries_.give_back(std::move(charge)));
  }
  store::ViewRow row = view_row(link, "opened", "", visitor);
  struct Decision {
    store::ShareRow share;  // as it is after
    Timestamp at{};
    bool granted = false;
  };
  const store::AuditRow trail = visitor_trail(link, "link.open", row, visitor);
  const auto work = [row, trail,
                     &clock = clock_](store::Connection& connection) -> Result<Decision> {
    store::ViewRow log = row;
    Decision decision{.share = {}, .at = clock.now(), .granted = false};
    CARNET_TRY(granted, store::shares::open(connection, log.share_id, decision.at));
    if (granted) {
      log.at = log.last_at = decision.at;
      CARNET_TRY_VOID(store::shares::insert_view(connection, log));
      CARNET_TRY_VOID(store::audit::insert(connection, trail));
    }
    CARNET_TRY(share, store::shares::find_for_visitor(connection, log.share_id));
    if (!share) return no_such_link();
    decision.share = std::move(*share);
    decision.granted = granted;
    return decision;
  };
  CARNET_CO_TRY(decision, co_await db_.write<Decision>(work));
  const store::ShareRow& share = decision.share;
  if (!decision.granted) {
    auto dead = why_dead(share, decision.at, false);
    if (!dead) co_return make_internal("open: refused a link that is not over");
    visits_.note({.share = share,
                  .outcome = outcome_of(dead->code),
                  .format = {},
                  .visitor_setting = link.visitor_addresses,
                  .visitor = visitor});
    co_return tl::unexpected(std::move(*dead));
  }
  OpenedLink opened;
  opened.session_until = decision.at + kSessionLife;
  opened.session = sessions_.issue({.share = share.id, .revision = share.revision},
                                   opened.session_until, random_);
  if (share.max_views) opened.views_left = std::max(0, *share.max_views - share.view_count);
  co_return opened;
}

void Sharing::note_preview(const OpenLink& link, std::string_view format, const Visitor& visitor) {
  visits_.note({.share = link.share,
                .outcome = "preview",
                .format = format,
                .visitor_setting = link.visitor_addresses,
                .visitor = visitor});
}

Task<Result<std::shared_ptr<const Overview>>> Sharing::overview(const OpenLink& link) {
  const ScanId scan = link.share.scan_id;
  std::shared_ptr<const Overview> cached = overviews_.find(scan.str());
  if (cached) co_return cached;
  struct Loaded {
    LoadedDocument document;
    std::vector<store::shares::ScorePoint> history;
  };
  const auto work =
      [scan, tenant = link.share.tenant_id](store::Connection& connection) -> Result<Loaded> {
    connection.as_tenant(tenant.str());
    CARNET_TRY(document, load_document(connection, scan));
    CARNET_TRY(history, store::shares::score_history(connection, scan, kHistoryMax));
    return Loaded{.document = std::move(document), .history = std::move(history)};
  };
  CARNET_CO_TRY(loaded, co_await db_.read<Loaded>(work));
  auto made = std::make_shared<Overview>();
  made->document = std::move(loaded.document.document);
  made->result_sha256 = std::move(loaded.document.result_sha256);
  made->history = std::move(loaded.history);
  overviews_.put(scan.str(), made, loaded.document.result_bytes);
  co_return std::shared_ptr<const Overview>(std::move(made));
}

Task<Result<std::shared_ptr<const Artifact>>> Sharing::artifact(ScanId scan,
                                                                ArtifactFormat format) {
  const std::string key = scan.str() + "/" + std::string(to_string(format));
  std::shared_ptr<const Artifact> cached = artifacts_.find(key);
  if (cached) co_return cached;
  if (options_.passports != nullptr) {
    CARNET_CO_TRY(signed_file, co_await options_.passports->artifact(scan, format));
    if (signed_file) {
      auto kept = std::make_shared<const Artifact>(std::move(*signed_file));
      artifacts_.put(key, kept, kept->bytes.size());
      co_return std::shared_ptr<const Artifact>(std::move(kept));
    }
  }
  std::string nobody;
  co_return co_await make_and_keep(key, scan, format, std::move(nobody));
}

Task<Result<std::shared_ptr<const Artifact>>> Sharing::artifact_for(OpenLink link,
                                                                    ArtifactFormat format) {
  const ScanId scan = link.share.scan_id;
  std::string recipient = link.share.recipient;
  if (format != ArtifactFormat::kPdf || recipient.empty())
    co_return co_await artifact(scan, format);
  std::string key = scan.str() + "/pdf/" + recipient;
  std::shared_ptr<const Artifact> cached = artifacts_.find(key);
  if (cached) co_return cached;
  co_return co_await make_and_keep(std::move(key), scan, format, std::move(recipient));
}

// On a database thread, where the scan is read anyway: a large report takes seconds.
Task<Result<std::shared_ptr<const Artifact>>> Sharing::make_and_keep(std::string key, ScanId scan,
                                                                     ArtifactFormat format,
                                                                     std::string recipient) {
  ArtifactOptions options;
  options.recipient = std::move(recipient);
  const auto work = [scan, format, options](store::Connection& connection) -> Result<Artifact> {
    connection.as_system();  // the caller has checked whose scan it is
    LargeWork guard;
    CARNET_TRY(loaded, load_document(connection, scan));
    guard.is_large(loaded.result_bytes >= kLargeResultBytes);
    return make_artifact(loaded.document, format, options);
  };
  CARNET_CO_TRY(made, co_await db_.read<Artifact>(work));
  auto kept = std::make_shared<const Artifact>(std::move(made));
  artifacts_.put(key, kept, kept->bytes.size());
  co_return kept;
}

tl::unexpected<Error> Sharing::outside_scope(const OpenLink& link, std::string_view what) {
  return make_error(ErrorCode::kShareScope, "This link's scope is \"" + link.share.scope +
                                                "\", which does not include " + std::string(what) +
                                                ".");
}

Task<Result<void>> Sharing::log_download(const OpenLink& link, std::string format,
                                         Visitor visitor) {
  store::ViewRow row = view_row(link, "downloaded", format, visitor);
  store::AuditRow trail = visitor_trail(link, "link.download", row, visitor);
  return log_now(std::move(row), std::move(trail));
}

bool Sharing::scope_covers(std::string_view scope, ArtifactFormat format) {
  switch (format) {
    case ArtifactFormat::kJson:
    case ArtifactFormat::kCsv:
    case ArtifactFormat::kPdf:
      return scope == "report" || scope == "bundle" || scope == "passport";
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
