#pragma once
// Repositories of parents and children that agreed (repositories.h says what holds for all of
// them). A link belongs to two tenants: either sees it and may end it, only the child's scope may
// make it. Thread-safety: as the Connection.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "store/rows.h"

namespace carnet::store {

// What a parent offers. `id` becomes the link's.
struct InvitationRow {
  std::string public_id;
  PartnerLinkId id;
  TenantId tenant_id;      // the parent
  std::string secret_mac;  // 32 raw bytes
  std::string hint, label;
  std::string scope;  // summary | scans
  KeyId created_by;
  Timestamp created_at{}, expires_at{};
  std::string tenant_name;  // joined by by_public_id
};

// An agreement in force.
struct PartnerLinkRow {
  PartnerLinkId id;
  TenantId tenant_id;  // the parent
  TenantId child_id;
  std::string label, scope;
  Timestamp invited_at{}, accepted_at{};
};

// What a tenant comes to at a glance; all that a parent gets of each child.
struct TenantSummary {
  TenantId id;
  std::string name;
  TenantState state = TenantState::kActive;  // active | closing
  std::optional<double> score;               // of the newest good scan, no sample
  std::string band;
  std::optional<Timestamp> last_scan_at;
  std::optional<double> score_before;  // the last of the first day with a score since `first_day`
  std::int64_t endpoints = 0;          // of the current inventory
  std::int64_t assets = 0, broken = 0, at_risk = 0;
  std::int64_t alerts_critical = 0, alerts_high = 0, alerts_medium = 0, alerts_low = 0;  // open
};

namespace partners {
Result<void> insert_invitation(Connection& db, const InvitationRow& row);
// By primary key, with the parent's name: whoever holds the code.
PointQuery<InvitationRow> by_public_id(std::string_view public_id);
// False if it is gone: taken up, withdrawn, or never there.
Result<bool> erase_invitation(Connection& db, const TenantId& parent, const PartnerLinkId& id);
Result<void> erase_expired(Connection& db, const TenantId& parent, Timestamp now);
// Newest first.
Result<std::vector<InvitationRow>> invitations(Connection& db, const TenantId& parent,
                                               const Page& page);

// In the child's scope, which alone may. kConflict: there is a link between the two already.
Result<void> insert_link(Connection& db, const PartnerLinkRow& row);
// Of either side; nullopt for anybody else.
Result<std::optional<PartnerLinkRow>> find_link(Connection& db, const TenantId& tenant,
                                                const PartnerLinkId& id);
// The link that lets `parent` look at `child`.
Result<std::optional<PartnerLinkRow>> between(Connection& db, const TenantId& parent,
                                              const TenantId& child);
Result<bool> erase_link(Connection& db, const TenantId& tenant, const PartnerLinkId& id);
// Newest first.
Result<std::vector<PartnerLinkRow>> children(Connection& db, const TenantId& parent,
                                             const Page& page);
Result<std::vector<PartnerLinkRow>> parents(Connection& db, const TenantId& child,
                                            const Page& page);
struct Counts {
  int invitations = 0, children = 0, parents = 0;
};
Result<Counts> counts(Connection& db, const TenantId& tenant);
// Whether `above` is a parent of `tenant`, however far up. Reads links of any tenant and gives no
// more than this.
Result<bool> is_above(Connection& db, const TenantId& above, const TenantId& tenant);
}  // namespace partners

// Of the tenant itself, in its own scope: whoever asks for somebody else's has looked for the link
// before, in the same transaction. A bounded number of index ranges, whatever history there is;
// nullopt if there is no such tenant or its data is being erased. `first_day`: "2026-10-25".
Result<std::optional<TenantSummary>> summary_of(Connection& db, const TenantId& tenant,
                                                std::string_view first_day);

}  // namespace carnet::store
