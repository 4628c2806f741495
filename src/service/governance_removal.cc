// The part of Governance that erases and closes.

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "service/audit.h"
#include "service/fields.h"
#include "service/governance.h"

namespace carnet::service {
namespace {

constexpr int kRemovalsAtOnce = 100;  // of one question to the database
constexpr int kAuditRowsAtOnce = 1000;
using store::RemovalKind;
using store::RemovalRow;
using store::TenantState;

std::string_view action_of(RemovalKind kind) {
  return kind == RemovalKind::kErase ? "tenant.erase" : "tenant.offboard";
}

tl::unexpected<Error> no_such_tenant() {
  return make_error(ErrorCode::kNotFound, "There is no such tenant.");
}

tl::unexpected<Error> wrong_confirmation() {
  FieldErrors bad;
  bad.add("confirm", "mismatch",
          "must be the tenant's slug, as the answer to dryRun gives it: nothing was changed");
  return bad.take();
}

tl::unexpected<Error> is_closing(const RemovalRow& row) {
  if (row.kind == RemovalKind::kErase)
    return make_error(ErrorCode::kTenantClosing,
                      "The tenant's data is being erased; wait until that is done.");
  return make_error(ErrorCode::kTenantClosing,
                    fmt::format("The tenant is closed at {}; DELETE /tenant/offboard cancels that.",
                                to_rfc3339(row.due_at)));
}

// What the server does on its own, for whoever asked for it.
Actor actor_of(const RemovalRow& row) {
  Actor actor;
  actor.tenant = row.tenant_id;
  actor.request_id = row.request_id;
  return actor;
}

boost::json::object totals_json(const RemovalRow& row) {
  return {{"tenantId", row.tenant_id.str()},
          {"requestedBy", row.requested_by.str()},
          {"deletedScans", row.deleted_scans},
          {"deletedRows", row.deleted_rows},
          {"deletedAudit", row.deleted_audit}};
}

// The first table that this removal empties and that has rows yet; null: none has.
Result<const store::TenantTable*> next_table(store::Connection& connection,
                                             const RemovalRow& removal) {
  for (const store::TenantTable& table : store::tenant_tables()) {
    if (table.name == "tenant_removals") continue;
    if (removal.kind == RemovalKind::kErase && table.on_erase == store::OnErase::kKeep) continue;
    CARNET_TRY(any, store::governance::has_rows(connection, table, removal.tenant_id));
    if (any) return &table;
  }
  return nullptr;
}

}  // namespace

Task<Result<RemovalPlan>> Governance::plan(TenantId tenant) {
  const auto work = [tenant](store::Connection& connection) -> Result<RemovalPlan> {
    CARNET_TRY(row, store::tenants::find(connection, tenant));
    if (!row) return no_such_tenant();
    CARNET_TRY(counts, store::governance::count(connection, tenant));
    return RemovalPlan{.tenant = std::move(*row), .counts = counts};
  };
  co_return co_await db_.read<RemovalPlan>(work);
}

Task<Result<RemovalRow>> Governance::begin(const Actor& actor, RemovalKind kind,
                                           const std::string& confirm, int grace_days) {
  const Timestamp now = clock_.now();
  const RemovalRow row{.tenant_id = actor.tenant,
                       .kind = kind,
                       .requested_at = now,
                       .requested_by = actor.key,
                       .request_id = actor.request_id,
                       .due_at = now + std::chrono::days(grace_days)};
  const TenantState to =
      kind == RemovalKind::kErase ? TenantState::kErasing : TenantState::kClosing;
  const boost::json::object before{{"state", store::to_string(TenantState::kActive)}};
  const boost::json::object after{{"state", store::to_string(to)},
                                  {"dueAt", to_rfc3339(row.due_at)}};
  const store::AuditRow trail =
      audit_row(actor, action_of(kind), actor.tenant.str(), "{}", now, random_,
                {.before = json::write(before), .after = json::write(after)});
  const auto work = [row, to, trail, confirm](store::Connection& connection) -> Result<RemovalRow> {
    CARNET_TRY(tenant, store::tenants::find(connection, row.tenant_id));
    if (!tenant) return no_such_tenant();
    if (confirm != tenant->slug) return wrong_confirmation();
    CARNET_TRY(moved,
               store::tenants::set_state(connection, row.tenant_id, TenantState::kActive, to));
    if (!moved) {
      CARNET_TRY(other, store::governance::find_removal(connection, row.tenant_id));
      return is_closing(other.value_or(row));
    }
    CARNET_TRY_VOID(store::governance::insert_removal(connection, row));
    if (to == TenantState::kErasing)
      CARNET_TRY_VOID(store::governance::cancel_scans(connection, row.tenant_id));
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    return row;
  };
  co_return co_await db_.write<RemovalRow>(work);
}

Task<Result<RemovalRow>> Governance::erase_data(const Actor& actor, const std::string& confirm) {
  return begin(actor, RemovalKind::kErase, confirm, 0);
}

Task<Result<RemovalRow>> Governance::offboard(const Actor& actor, const std::string& confirm,
                                              int grace_days) {
  FieldErrors bad;
  bad.integer("graceDays", grace_days, 0, kGraceDaysMax);
  if (!bad.empty()) co_return bad.take();
  co_return co_await begin(actor, RemovalKind::kOffboard, confirm, grace_days);
}

Task<Result<RemovalRow>> Governance::cancel_offboarding(const Actor& actor) {
  const Timestamp now = clock_.now();
  const boost::json::object before{{"state", store::to_string(TenantState::kClosing)}};
  const boost::json::object after{{"state", store::to_string(TenantState::kActive)}};
  const store::AuditRow trail =
      audit_row(actor, "tenant.offboard_cancel", actor.tenant.str(), "{}", now, random_,
                {.before = json::write(before), .after = json::write(after)});
  const auto work = [tenant = actor.tenant, now,
                     trail](store::Connection& connection) -> Result<RemovalRow> {
    CARNET_TRY(row, store::governance::find_removal(connection, tenant));
    CARNET_TRY(moved, store::tenants::set_state(connection, tenant, TenantState::kClosing,
                                                TenantState::kActive));
    if (!moved || !row) return make_error(ErrorCode::kConflict, "The tenant is not being closed.");
    if (now >= row->due_at)
      return make_error(ErrorCode::kConflict,
                        "The grace period is over; the tenant's data is being deleted.");
    CARNET_TRY(gone, store::governance::erase_removal(connection, tenant));
    static_cast<void>(gone);
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    return std::move(*row);
  };
  co_return co_await db_.write<RemovalRow>(work);
}

Task<Result<std::optional<RemovalRow>>> Governance::removal(TenantId tenant) {
  using Found = std::optional<RemovalRow>;
  const auto work = [tenant](store::Connection& connection) -> Result<Found> {
    return store::governance::find_removal(connection, tenant);
  };
  co_return co_await db_.read<Found>(work);
}

// ---- The work
// -------------------------------------------------------------------------------------------------------

Task<Result<bool>> Governance::step(RemovalRow removal) {
  const store::AuditRow done = audit_row(actor_of(removal), "tenant.erased",
                                         removal.tenant_id.str(), "{}", clock_.now(), random_);
  enum class Made { kSome, kErased, kEmpty };
  const auto work = [removal, done](store::Connection& connection) -> Result<Made> {
    // First its own row: whoever holds that works, another leader waits and sees what is left.
    CARNET_TRY(there, store::governance::add_deleted(connection, removal.tenant_id, {}));
    if (!there) return Made::kErased;
    CARNET_TRY(closing, store::tenants::set_state(connection, removal.tenant_id,
                                                  TenantState::kClosing, TenantState::kErasing));
    if (closing) {
      CARNET_TRY_VOID(store::governance::cancel_scans(connection, removal.tenant_id));
      return Made::kSome;
    }
    CARNET_TRY(table, next_table(connection, removal));
    if (table != nullptr) {
      CARNET_TRY(count, store::governance::erase_page(connection, *table, removal.tenant_id));
      const bool scans = table->name == "scans";
      CARNET_TRY(added, store::governance::add_deleted(
                            connection, removal.tenant_id,
                            {.scans = scans ? count : 0, .rows = scans ? 0 : count, .audit = 0}));
      static_cast<void>(added);
      return Made::kSome;
    }
    if (removal.kind == RemovalKind::kOffboard) return Made::kEmpty;
    CARNET_TRY(now_is, store::governance::find_removal(connection, removal.tenant_id));
    CARNET_TRY(gone, store::governance::erase_removal(connection, removal.tenant_id));
    static_cast<void>(gone);
    CARNET_TRY(opened, store::tenants::set_state(connection, removal.tenant_id,
                                                 TenantState::kErasing, TenantState::kActive));
    static_cast<void>(opened);
    store::AuditRow trail = done;
    trail.detail = json::write(totals_json(now_is.value_or(removal)));
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    return Made::kErased;
  };
  CARNET_CO_TRY(made, co_await db_.write<Made>(work));
  if (made == Made::kEmpty) co_return co_await close_step(std::move(removal));
  if (made == Made::kErased) finished_.fetch_add(1);
  co_return made == Made::kSome;
}

// All but the trail is gone. The trail's end is sealed and kept, then its rows go, then the tenant.
Task<Result<bool>> Governance::close_step(RemovalRow removal) {
  const std::string id = removal.tenant_id.str();
  CARNET_CO_TRY_VOID(co_await sealer_.seal(id));
  store::AuditRow closed = audit_row(Actor{.request_id = removal.request_id}, "tenant.closed", id,
                                     "{}", clock_.now(), random_);
  closed.tenant_id.clear();  // the platform's: the tenant's own trail is gone
  const auto work = [removal, id, closed](store::Connection& connection) -> Result<bool> {
    CARNET_TRY(there, store::governance::add_deleted(connection, removal.tenant_id, {}));
    if (!there) return false;
    CARNET_TRY(count, store::audit::erase(connection, id, kAuditRowsAtOnce));
    if (count > 0) {
      CARNET_TRY(added, store::governance::add_deleted(connection, removal.tenant_id,
                                                       {.scans = 0, .rows = 0, .audit = count}));
      return added;
    }
    CARNET_TRY(tenant, store::tenants::find(connection, removal.tenant_id));
    CARNET_TRY(totals, store::governance::find_removal(connection, removal.tenant_id));
    CARNET_TRY(end, store::audit::head(connection, id));
    store::AuditRow trail = closed;
    boost::json::object detail = totals_json(totals.value_or(removal));
    detail["slug"] = tenant ? tenant->slug : std::string();
    detail["auditSeq"] = end.seq;
    detail["auditHash"] = end.hash;
    trail.detail = json::write(detail);
    CARNET_TRY(erased, store::governance::erase_tenant(connection, removal.tenant_id));
    static_cast<void>(erased);
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    return false;
  };
  CARNET_CO_TRY(more, co_await db_.write<bool>(work));
  if (!more) {
    finished_.fetch_add(1);
    log_.info("tenant_closed", {{"tenant", id}});
  }
  co_return more;
}

Task<Result<int>> Governance::tick(int steps_max) {
  using Rows = std::vector<RemovalRow>;
  const auto due = [now = clock_.now()](store::Connection& connection) -> Result<Rows> {
    return store::governance::due_removals(connection, now, kRemovalsAtOnce);
  };
  CARNET_CO_TRY(removals, co_await db_.read<Rows>(due));
  due_.store(static_cast<std::int64_t>(removals.size()));
  int steps = 0;
  std::optional<Error> first;
  // In turn, so that a large tenant does not hold up a small one.
  while (!removals.empty() && steps < steps_max) {
    Rows left;
    for (RemovalRow& removal : removals) {
      if (steps >= steps_max) break;
      ++steps;
      const Result<bool> more = co_await step(removal);
      if (more) {
        if (*more) left.push_back(std::move(removal));
        continue;
      }
      failures_.fetch_add(1);
      log_.error("tenant_removal_failed", {{"tenant", removal.tenant_id.str()},
                                           {"reason", more.error().public_detail},
                                           {"internal", more.error().internal}});
      if (!first) first = more.error();
    }
    removals = std::move(left);
  }
  if (first) co_return tl::unexpected(std::move(*first));
  co_return steps;
}

}  // namespace carnet::service
