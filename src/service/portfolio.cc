#include "service/portfolio.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "base/text.h"
#include "crypto/token.h"
#include "service/audit.h"
#include "service/dates.h"
#include "service/fields.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

namespace partners = store::partners;
using store::InvitationRow;
using store::PartnerLinkRow;

tl::unexpected<Error> no_such_invitation() {
  return make_error(ErrorCode::kNotFound,
                    "There is no such invitation: the code is mistyped, or the invitation was "
                    "accepted or withdrawn.");
}

tl::unexpected<Error> no_such_link() {
  return make_error(ErrorCode::kNotFound, "There is no such agreement.");
}

tl::unexpected<Error> no_such_child() {
  return make_error(ErrorCode::kNotFound,
                    "There is no tenant with this id that has agreed to be seen by you.");
}

// Whoever makes or accepts waits for others that do: each counts, and looks for a circle, before it
// decides.
constexpr std::string_view kLock = "partner_links";

Partner partner_of(const PartnerLinkRow& row, bool as_parent) {
  return {.id = row.id,
          .state = "active",
          .label = row.label,
          .scope = row.scope,
          .tenant = as_parent ? row.child_id : row.tenant_id,
          .tenant_name = {},
          .hint = {},
          .invited_at = row.invited_at,
          .accepted_at = row.accepted_at,
          .expires_at = std::nullopt};
}

Partner partner_of(const InvitationRow& row, Timestamp now) {
  return {.id = row.id,
          .state = now >= row.expires_at ? "expired" : "invited",
          .label = row.label,
          .scope = row.scope,
          .tenant = {},
          .tenant_name = {},
          .hint = row.hint,
          .invited_at = row.created_at,
          .accepted_at = std::nullopt,
          .expires_at = row.expires_at};
}

// In that tenant's own scope: the caller has the link that names it. A parent sees nothing of a
// child whose data is being erased, its name included; the agreement is its own and stays in its
// list.
Result<void> add_name(store::Connection& connection, Partner& partner, bool as_parent) {
  CARNET_TRY(tenant, store::tenants::find(connection, partner.tenant));
  if (!tenant || (as_parent && tenant->state == store::TenantState::kErasing)) return {};
  partner.tenant_name = tenant->name;
  return {};
}

// What children are ordered by, as text: equal keys follow each other by id.
std::string sort_key(const store::TenantSummary& child, PortfolioSort sort) {
  constexpr std::int64_t kMost = 999'999'999'999;
  constexpr std::size_t kNameKeyBytes = 96;
  switch (sort) {
    case PortfolioSort::kScore:
      return child.score ? fmt::format("{:010.4f}", *child.score) : "~";
    case PortfolioSort::kName:
      return to_lower_ascii(child.name).substr(0, kNameKeyBytes);
    case PortfolioSort::kCriticals:
      return fmt::format("{:012}", kMost - std::min(child.broken, kMost));
  }
  return {};
}

// nullopt: its data is being erased.
Result<std::optional<Child>> read_child(store::Connection& connection, const PartnerLinkRow& link,
                                        std::string_view first_day) {
  CARNET_TRY(summary, store::summary_of(connection, link.child_id, first_day));
  if (!summary) return std::nullopt;
  return Child{
      .summary = std::move(*summary), .label = link.label, .scope = link.scope, .link = link.id};
}

void add_child(PortfolioTotals& totals, double& score_sum, const Child& child) {
  const store::TenantSummary& one = child.summary;
  store::TenantSummary& sum = totals.sum;
  ++totals.children;
  ++totals.bands[one.score ? one.band : std::string()];
  if (one.score) {
    ++totals.scored;
    score_sum += *one.score;
    if (!totals.worst || *one.score < *totals.worst->summary.score) totals.worst = child;
  }
  if (one.last_scan_at && (!sum.last_scan_at || *one.last_scan_at > *sum.last_scan_at))
    sum.last_scan_at = one.last_scan_at;
  sum.endpoints += one.endpoints;
  sum.assets += one.assets;
  sum.broken += one.broken;
  sum.at_risk += one.at_risk;
  sum.alerts_critical += one.alerts_critical;
  sum.alerts_high += one.alerts_high;
  sum.alerts_medium += one.alerts_medium;
  sum.alerts_low += one.alerts_low;
}

}  // namespace

std::vector<std::string_view> grants_of(std::string_view scope) {
  std::vector<std::string_view> out;
  if (scope != "summary" && scope != "scans") return out;
  out = {"the tenant's name",
         "the readiness score and band of the newest scan, its time, and the change within 30 days",
         "how many endpoints and assets there are, and how many of these are broken or at risk",
         "how many alerts are open, by severity"};
  if (scope == "scans")
    out.emplace_back("the list of scans: label, targets, state, score and times of each");
  return out;
}

std::string place_of(const Child& child, PortfolioSort sort) {
  return child.summary.id.str() + "\n" + sort_key(child.summary, sort);
}

std::string Portfolio::first_day() const {
  return date_text(date_of(clock_.now()) - std::chrono::days(kPortfolioTrendDays));
}

Result<void> Portfolio::trail(store::Connection& connection, const Actor& actor,
                              const Change& change, const Partner& partner) {
  const auto detail = [&](const TenantId& other) {
    boost::json::object out;
    if (!other.empty()) out["tenantId"] = other.str();
    out["scope"] = partner.scope;
    if (!partner.label.empty()) out["label"] = partner.label;
    if (partner.expires_at) out["expiresAt"] = to_rfc3339(*partner.expires_at);
    return json::write(out);
  };
  CARNET_TRY_VOID(
      store::audit::insert(connection, audit_row(actor, change.action, partner.id.str(),
                                                 detail(partner.tenant), change.at, random_)));
  if (partner.tenant.empty()) return {};
  // The other side learns which tenant did it, and neither which key nor which request.
  Actor other;
  other.tenant = partner.tenant;
  store::AuditRow row =
      audit_row(other, change.action, partner.id.str(), detail(actor.tenant), change.at, random_);
  row.actor = "partner";
  return store::audit::insert(connection, row);
}

Task<Result<IssuedInvitation>> Portfolio::invite(const Actor& actor, NewInvitation request) {
  FieldErrors bad;
  bad.text("label", request.label);
  if (grants_of(request.scope).empty())
    bad.add("scope", "unknown_value", "must be \"summary\" or \"scans\"");
  bad.integer("expiresDays", request.expires_days, 1, kPartnerInvitationDaysMax);
  if (!bad.empty()) co_return bad.take();

  crypto::NewToken token = crypto::new_token(crypto::kPartnerTokenPrefix, pepper_, random_);
  InvitationRow row;
  row.public_id = token.public_id;
  row.created_at = clock_.now();
  row.id = PartnerLinkId::generate(row.created_at, random_);
  row.tenant_id = actor.tenant;
  row.secret_mac = as_text(token.secret_mac);
  row.hint = token.hint;
  row.label = std::move(request.label);
  row.scope = std::move(request.scope);
  row.created_by = actor.key;
  row.expires_at = row.created_at + std::chrono::days(request.expires_days);
  const auto work = [this, actor, row](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(connection.lock(kLock));
    CARNET_TRY_VOID(partners::erase_expired(connection, row.tenant_id, row.created_at));
    CARNET_TRY(counts, partners::counts(connection, row.tenant_id));
    if (counts.children + counts.invitations >= kPartnerChildrenMax)
      return make_error(
          ErrorCode::kConflict,
          fmt::format("This tenant has {} children and open invitations, as many as it may have; "
                      "end some first.",
                      kPartnerChildrenMax));
    CARNET_TRY_VOID(partners::insert_invitation(connection, row));
    const Change change{.action = "partner.invite", .at = row.created_at};
    CARNET_TRY_VOID(trail(connection, actor, change, partner_of(row, row.created_at)));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await db_.write<bool>(work));
  co_return IssuedInvitation{.row = std::move(row), .code = std::move(token.text)};
}

Task<Result<InvitationRow>> Portfolio::find_invitation(Secret code) {
  static constexpr crypto::Digest256 kDummy{};  // no secret has an all-zero MAC
  const std::string_view text = code.expose();
  const auto parsed = crypto::parse_token(crypto::kPartnerTokenPrefix, text);
  std::optional<InvitationRow> row;
  if (parsed) {
    auto query = partners::by_public_id(parsed->public_id);
    CARNET_CO_TRY(found, co_await db_.find<InvitationRow>(std::move(query)));
    row = std::move(found);
  }
  const crypto::Digest256 mac =
      crypto::token_mac(pepper_, parsed ? parsed->secret : text.substr(0, 64));
  const std::string_view expected = row ? std::string_view(row->secret_mac) : as_text(kDummy);
  const bool equal = crypto::equal_constant_time(as_text(mac), expected);
  if (!row || !equal) co_return no_such_invitation();
  if (clock_.now() >= row->expires_at)
    co_return make_error(ErrorCode::kConflict,
                         fmt::format("This invitation of {} was good until {}; ask for another.",
                                     row->tenant_name, to_rfc3339(row->expires_at)));
  co_return std::move(*row);
}

// Whether the two may make a link. Under kLock where that decides.
Result<void> Portfolio::check_pair(store::Connection& connection, const TenantId& parent,
                                   const TenantId& child) {
  if (parent == child)
    return make_error(ErrorCode::kConflict,
                      "This invitation is your own; an admin of the other tenant accepts it.");
  CARNET_TRY(link, partners::between(connection, parent, child));
  if (link)
    return make_error(ErrorCode::kConflict,
                      fmt::format("There is an agreement with this tenant already ({}); to change "
                                  "what it covers, end it first.",
                                  link->id.str()));
  CARNET_TRY(circle, partners::is_above(connection, child, parent));
  if (circle)
    return make_error(ErrorCode::kConflict,
                      "This tenant is below yours, so it cannot be above it as well.");
  CARNET_TRY(of_child, partners::counts(connection, child));
  if (of_child.parents >= kPartnerParentsMax)
    return make_error(ErrorCode::kConflict,
                      fmt::format("This tenant has {} parents, as many as it may have; end an "
                                  "agreement first.",
                                  kPartnerParentsMax));
  return {};
}

Task<Result<PartnerOffer>> Portfolio::preview(const Actor& actor, Secret code) {
  CARNET_CO_TRY(row, co_await find_invitation(std::move(code)));
  const auto work = [this, parent = row.tenant_id,
                     child = actor.tenant](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(check_pair(connection, parent, child));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await db_.read<bool>(work));
  co_return PartnerOffer{.parent = row.tenant_id,
                         .parent_name = std::move(row.tenant_name),
                         .label = std::move(row.label),
                         .scope = std::move(row.scope),
                         .expires_at = row.expires_at};
}

Task<Result<Partner>> Portfolio::accept(const Actor& actor, Secret code) {
  CARNET_CO_TRY(row, co_await find_invitation(std::move(code)));
  const Timestamp now = clock_.now();
  const auto work = [this, actor, row, now](store::Connection& connection) -> Result<Partner> {
    CARNET_TRY_VOID(connection.lock(kLock));
    // Who lost a race for the same code is told the same as who comes later.
    CARNET_TRY(taken, partners::erase_invitation(connection, row.tenant_id, row.id));
    if (!taken) return no_such_invitation();
    CARNET_TRY_VOID(check_pair(connection, row.tenant_id, actor.tenant));
    const PartnerLinkRow link{.id = row.id,
                              .tenant_id = row.tenant_id,
                              .child_id = actor.tenant,
                              .label = row.label,
                              .scope = row.scope,
                              .invited_at = row.created_at,
                              .accepted_at = now};
    CARNET_TRY_VOID(partners::insert_link(connection, link));
    Partner partner = partner_of(link, false);
    partner.tenant_name = row.tenant_name;
    const Change change{.action = "partner.accept", .at = now};
    CARNET_TRY_VOID(trail(connection, actor, change, partner));
    return partner;
  };
  co_return co_await db_.write<Partner>(work);
}

Task<Result<Partner>> Portfolio::end_child(const Actor& actor, PartnerLinkId id) {
  co_return co_await end(actor, std::move(id), true);
}

Task<Result<Partner>> Portfolio::end_parent(const Actor& actor, PartnerLinkId id) {
  co_return co_await end(actor, std::move(id), false);
}

Task<Result<Partner>> Portfolio::end(const Actor& actor, PartnerLinkId id, bool as_parent) {
  const Timestamp now = clock_.now();
  const auto work = [this, actor, id, as_parent,
                     now](store::Connection& connection) -> Result<Partner> {
    CARNET_TRY(link, partners::find_link(connection, actor.tenant, id));
    const bool ours = link && (as_parent ? link->tenant_id : link->child_id) == actor.tenant;
    if (ours) {
      Partner partner = partner_of(*link, as_parent);
      CARNET_TRY(ended, partners::erase_link(connection, actor.tenant, id));
      if (!ended) return no_such_link();
      CARNET_TRY_VOID(add_name(connection, partner, as_parent));
      const Change change{.action = "partner.end", .at = now};
      CARNET_TRY_VOID(trail(connection, actor, change, partner));
      partner.state = "ended";
      return partner;
    }
    if (!as_parent) return no_such_link();
    CARNET_TRY(withdrawn, partners::erase_invitation(connection, actor.tenant, id));
    if (!withdrawn) return no_such_link();
    Partner partner;
    partner.id = id;
    const Change change{.action = "partner.withdraw", .at = now};
    CARNET_TRY_VOID(trail(connection, actor, change, partner));
    partner.state = "withdrawn";
    return partner;
  };
  co_return co_await db_.write<Partner>(work);
}

Task<Result<std::vector<Partner>>> Portfolio::children(TenantId parent, store::Page page) {
  using Partners = std::vector<Partner>;
  const Timestamp now = clock_.now();
  const auto work = [parent, page, now](store::Connection& connection) -> Result<Partners> {
    CARNET_TRY(invitations, partners::invitations(connection, parent, page));
    CARNET_TRY(links, partners::children(connection, parent, page));
    Partners out;
    for (const InvitationRow& row : invitations) out.push_back(partner_of(row, now));
    for (const PartnerLinkRow& row : links) out.push_back(partner_of(row, true));
    std::sort(out.begin(), out.end(),
              [](const Partner& a, const Partner& b) { return a.id > b.id; });
    if (out.size() > static_cast<std::size_t>(page.limit))
      out.resize(static_cast<std::size_t>(page.limit));
    for (Partner& partner : out)
      if (!partner.tenant.empty()) CARNET_TRY_VOID(add_name(connection, partner, true));
    return out;
  };
  co_return co_await db_.read<Partners>(work);
}

Task<Result<std::vector<Partner>>> Portfolio::parents(TenantId child, store::Page page) {
  using Partners = std::vector<Partner>;
  const auto work = [child, page](store::Connection& connection) -> Result<Partners> {
    CARNET_TRY(links, partners::parents(connection, child, page));
    Partners out;
    for (const PartnerLinkRow& row : links) {
      out.push_back(partner_of(row, false));
      CARNET_TRY_VOID(add_name(connection, out.back(), false));
    }
    return out;
  };
  co_return co_await db_.read<Partners>(work);
}

// Every child's summary is read for every page: the totals are of all of them, and so is the order.
Task<Result<PortfolioPage>> Portfolio::portfolio(TenantId parent, PortfolioQuery query) {
  const auto work = [parent, query,
                     first = first_day()](store::Connection& connection) -> Result<PortfolioPage> {
    CARNET_TRY(links, partners::children(connection, parent,
                                         {.before = "", .limit = kPartnerChildrenMax}));
    PortfolioPage out;
    double score_sum = 0;
    std::vector<std::pair<std::string, Child>> ordered;
    ordered.reserve(links.size());
    for (const PartnerLinkRow& link : links) {
      CARNET_TRY(child, read_child(connection, link, first));
      if (!child) continue;
      add_child(out.totals, score_sum, *child);
      std::string key = sort_key(child->summary, query.sort);
      ordered.emplace_back(std::move(key), std::move(*child));
    }
    if (out.totals.scored > 0) out.totals.mean_score = score_sum / out.totals.scored;
    const auto before = [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first < b.first : a.second.summary.id < b.second.summary.id;
    };
    std::sort(ordered.begin(), ordered.end(), before);
    const std::size_t cut = query.after.find('\n');
    const std::string id = query.after.substr(0, cut);
    const std::string key = cut == std::string::npos ? std::string() : query.after.substr(cut + 1);
    for (auto& [of_child, child] : ordered) {
      if (out.children.size() > static_cast<std::size_t>(query.limit)) break;
      const bool behind =
          query.after.empty() || (of_child != key ? of_child > key : child.summary.id.str() > id);
      if (behind) out.children.push_back(std::move(child));
    }
    return out;
  };
  co_return co_await db_.read<PortfolioPage>(work);
}

Task<Result<Child>> Portfolio::child(TenantId parent, TenantId child) {
  const auto work = [parent, child,
                     first = first_day()](store::Connection& connection) -> Result<Child> {
    CARNET_TRY(link, partners::between(connection, parent, child));
    if (!link) return no_such_child();
    CARNET_TRY(found, read_child(connection, *link, first));
    if (!found) return no_such_child();
    return std::move(*found);
  };
  co_return co_await db_.read<Child>(work);
}

Task<Result<std::vector<store::ScanRow>>> Portfolio::scans(TenantId parent, TenantId child,
                                                           store::Page page) {
  using Scans = std::vector<store::ScanRow>;
  const auto work = [parent, child, page](store::Connection& connection) -> Result<Scans> {
    CARNET_TRY(link, partners::between(connection, parent, child));
    if (!link) return no_such_child();
    CARNET_TRY(tenant, store::tenants::find(connection, child));
    if (!tenant || tenant->state == store::TenantState::kErasing) return no_such_child();
    if (link->scope != "scans")
      return make_error(ErrorCode::kForbidden,
                        "This agreement covers a summary alone; for the list of scans the child "
                        "accepts an invitation with the scope \"scans\".");
    return store::scans::list(connection, child, page);
  };
  co_return co_await db_.read<Scans>(work);
}

}  // namespace carnet::service
