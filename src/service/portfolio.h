#pragma once
// A parent tenant looks at its children: names, scores, open alerts, and no more than they agreed
// to. The parent invites by a code that is shown once; an admin of the child sees what it would
// grant, and accepts; either ends it at once. A parent's look reads the link and, in the same
// transaction and in the child's own scope, what it allows: without a link there is nothing. It
// never goes further than one step: the children of a child are not seen. Every change leaves a row
// in the audit trail of both sides that names the tenant on the other side, never its keys.
// Thread-safe; owns nothing but references.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/task.h"
#include "service/context.h"
#include "store/database.h"
#include "store/portfolio.h"
#include "store/rows.h"

namespace carnet::service {

inline constexpr int kPartnerChildrenMax = 1000;  // of one parent, links and open invitations
inline constexpr int kPartnerParentsMax = 10;     // of one child
inline constexpr int kPartnerInvitationDaysMax = 30;
inline constexpr int kPortfolioTrendDays = 30;

// What a scope lets the parent see: "summary" the TenantSummary alone, "scans" the list of scans
// besides (as rows: no asset, no report, no key). Nothing for an unknown scope.
[[nodiscard]] std::vector<std::string_view> grants_of(std::string_view scope);

struct NewInvitation {
  std::string label;              // the parent's note, ≤ 255 characters; the child sees it
  std::string scope = "summary";  // summary | scans
  int expires_days = 7;           // 1–kPartnerInvitationDaysMax
};

struct IssuedInvitation {
  store::InvitationRow row;
  Secret code;  // shown once
};

// What an invitation is about, for whoever holds its code.
struct PartnerOffer {
  TenantId parent;
  std::string parent_name, label, scope;
  Timestamp expires_at{};
};

// One agreement as either side lists it, or an invitation nobody has taken up.
struct Partner {
  PartnerLinkId id;
  std::string state;  // active | invited | expired
  std::string label, scope;
  TenantId tenant;          // on the other side; empty for an invitation
  std::string tenant_name;  // likewise; empty for a child whose data is being erased
  std::string hint;         // of an invitation's code
  Timestamp invited_at{};
  std::optional<Timestamp> accepted_at, expires_at;  // of a link; of an invitation
};

enum class PortfolioSort { kScore, kName, kCriticals };

struct PortfolioQuery {
  PortfolioSort sort = PortfolioSort::kScore;  // the worst first; by name: A first
  std::string after;  // place_of() the last child of the page before; "": the first page
  int limit = 25;
};

struct Child {
  store::TenantSummary summary;
  std::string label, scope;
  PartnerLinkId link;
};
// Where the next page begins.
[[nodiscard]] std::string place_of(const Child& child, PortfolioSort sort);

struct PortfolioTotals {
  int children = 0;  // those whose data is being erased are not counted
  int scored = 0;    // those with a score
  std::optional<double> mean_score;
  std::optional<Child> worst;        // the lowest score
  std::map<std::string, int> bands;  // children by band; "" those without
  store::TenantSummary sum;          // its numbers, added up
};

struct PortfolioPage {
  PortfolioTotals totals;       // of all children, on every page
  std::vector<Child> children;  // at most `limit` + 1: one more tells that there is more
};

class Portfolio {
 public:
  Portfolio(store::Database& db, const Clock& clock, Random& random, const Secret& pepper)
      : db_(db), clock_(clock), random_(random), pepper_(pepper) {}

  // kConflict past kPartnerChildrenMax.
  [[nodiscard]] Task<Result<IssuedInvitation>> invite(const Actor& actor, NewInvitation request);
  // kNotFound, one and the same, for a code that is malformed, unknown, taken up, withdrawn or has
  // a wrong secret; kConflict for one that is over, one's own, or that cannot be accepted: the two
  // have a link, the parent is below the child, or either has as many as it may have.
  [[nodiscard]] Task<Result<PartnerOffer>> preview(const Actor& actor, Secret code);
  [[nodiscard]] Task<Result<Partner>> accept(const Actor& actor, Secret code);
  // By the parent: a link, or an invitation that nobody has taken up. By the child: a link.
  // kNotFound for anything else. What is ended can be seen no more from the commit on.
  [[nodiscard]] Task<Result<Partner>> end_child(const Actor& actor, PartnerLinkId id);
  [[nodiscard]] Task<Result<Partner>> end_parent(const Actor& actor, PartnerLinkId id);
  // Newest first.
  [[nodiscard]] Task<Result<std::vector<Partner>>> children(TenantId parent, store::Page page);
  [[nodiscard]] Task<Result<std::vector<Partner>>> parents(TenantId child, store::Page page);

  [[nodiscard]] Task<Result<PortfolioPage>> portfolio(TenantId parent, PortfolioQuery query);
  // Here and below a child whose data is being erased is as one without a link; one that is closing
  // is shown until its end. kNotFound without a link.
  [[nodiscard]] Task<Result<Child>> child(TenantId parent, TenantId child);
  // Newest first. kNotFound without a link, kForbidden if its scope is "summary".
  [[nodiscard]] Task<Result<std::vector<store::ScanRow>>> scans(TenantId parent, TenantId child,
                                                                store::Page page);

 private:
  struct Change {
    std::string action;  // "partner.accept"
    Timestamp at{};
  };
  // One row in the actor's trail, one in that of the tenant on the other side.
  [[nodiscard]] Result<void> trail(store::Connection& connection, const Actor& actor,
                                   const Change& change, const Partner& partner);
  [[nodiscard]] Task<Result<store::InvitationRow>> find_invitation(Secret code);
  [[nodiscard]] Result<void> check_pair(store::Connection& connection, const TenantId& parent,
                                        const TenantId& child);
  [[nodiscard]] Task<Result<Partner>> end(const Actor& actor, PartnerLinkId id, bool as_parent);
  [[nodiscard]] std::string first_day() const;

  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  const Secret& pepper_;
};

}  // namespace carnet::service
