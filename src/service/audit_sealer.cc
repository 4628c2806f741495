#include <fmt/format.h>

#include "service/audit_chain.h"

namespace carnet::service {
namespace {

constexpr int kTenantsAtOnce = 1000;  // of one question to the database
constexpr int kLostRacesMax = 100;    // limit: internal
constexpr std::size_t kSigningWaitsMax = 1000;

void place(std::vector<store::AuditRow>& rows, const store::AuditHeadRow& from) {
  std::int64_t seq = from.seq;
  std::string before = from.seq == 0 ? std::string(kAuditNoHash) : from.hash;
  for (store::AuditRow& row : rows) {
    row.seq = ++seq;
    row.prev_hash = before;
    row.hash = audit_hash(row);
    before = row.hash;
  }
}

}  // namespace

AuditSealer::AuditSealer(store::Database& db, const Clock& clock, const Log& log,
                         const evidence::Signer* signer)
    : db_(db),
      clock_(clock),
      log_(log),
      signer_(signer),
      threads_({.threads = 1, .waiting_max = kSigningWaitsMax}) {}

Task<Result<AuditSealer::Step>> AuditSealer::next_step(std::string tenant) {
  const auto work = [tenant](store::Connection& connection) -> Result<Step> {
    Step step;
    CARNET_TRY(head, store::audit::head(connection, tenant));
    CARNET_TRY(rows, store::audit::unsealed(connection, tenant, kAuditSealRowsMax));
    step.from = std::move(head);
    step.rows = std::move(rows);
    return step;
  };
  CARNET_CO_TRY(step, co_await db_.read<Step>(work));
  step.to = step.from;
  if (step.rows.empty()) co_return std::move(step);
  const Timestamp now = clock_.now();
  const auto shared = std::make_shared<Step>(std::move(step));
  const auto failed = std::make_shared<Result<void>>();
  const auto hash_and_sign = [shared, failed, now, signer = signer_] {
    place(shared->rows, shared->from);
    shared->to = {.tenant_id = shared->from.tenant_id,
                  .seq = shared->rows.back().seq,
                  .hash = shared->rows.back().hash,
                  .at = now,
                  .signature = {}};
    if (signer == nullptr) return;
    const auto signature = signer->sign(audit_head_message(shared->to));
    if (signature)
      shared->to.signature = signed_audit_head(shared->to, *signature);
    else
      *failed = tl::unexpected(signature.error());
  };
  CARNET_CO_TRY_VOID(co_await threads_.run(hash_and_sign));
  if (!*failed) co_return tl::unexpected(failed->error());
  co_return std::move(*shared);
}

Task<Result<store::AuditHeadRow>> AuditSealer::seal(std::string tenant) {
  for (int lost = 0; lost < kLostRacesMax;) {
    Result<Step> next = co_await next_step(tenant);
    if (!next) {
      failures_.fetch_add(1);
      co_return tl::unexpected(std::move(next).error());
    }
    if (next->rows.empty()) co_return std::move(next->to);
    const auto step = std::make_shared<const Step>(std::move(*next));
    const auto work = [step](store::Connection& connection) -> Result<bool> {
      return store::audit::seal(connection, step->from, step->to, step->rows);
    };
    const Result<bool> moved = co_await db_.write<bool>(work);
    if (!moved && moved.error().code != ErrorCode::kConflict) {
      failures_.fetch_add(1);
      co_return tl::unexpected(moved.error());
    }
    if (moved && *moved)
      sealed_.fetch_add(step->rows.size());
    else
      ++lost;  // another was first: what is left is looked at anew
  }
  failures_.fetch_add(1);
  co_return make_error(ErrorCode::kUnavailable,
                       "The audit trail is being sealed elsewhere; try again in a moment.");
}

Task<Result<int>> AuditSealer::tick() {
  using Names = std::vector<std::string>;
  const auto waiting = [](store::Connection& connection) -> Result<Names> {
    return store::audit::tenants_to_seal(connection, kTenantsAtOnce);
  };
  CARNET_CO_TRY(tenants, co_await db_.read<Names>(waiting));
  const std::uint64_t before = sealed_.load();
  std::optional<Error> first;
  for (const std::string& tenant : tenants) {
    const auto head = co_await seal(tenant);
    if (head || first) continue;
    first = head.error();
    log_.error(
        "audit_not_sealed",
        {{"tenant", tenant}, {"reason", first->public_detail}, {"internal", first->internal}});
  }
  const auto left = [](store::Connection& connection) -> Result<store::audit::Backlog> {
    return store::audit::backlog(connection);
  };
  const auto backlog = co_await db_.read<store::audit::Backlog>(left);
  if (backlog) {
    unsealed_.store(backlog->count);
    oldest_at_ms_.store(backlog->oldest_at ? to_millis(*backlog->oldest_at) : 0);
  }
  if (first) co_return tl::unexpected(std::move(*first));
  co_return static_cast<int>(sealed_.load() - before);
}

void AuditSealer::report(MetricText& out) {
  const std::int64_t oldest = oldest_at_ms_.load();
  const auto age_ms = oldest == 0 ? 0 : std::max<std::int64_t>(to_millis(clock_.now()) - oldest, 0);
  out.gauge(
      "carnet_audit_unsealed_rows",
      "Rows of the audit trail that have no place in its chain yet, as this instance last saw",
      static_cast<double>(unsealed_.load()));
  out.gauge("carnet_audit_unsealed_oldest_seconds", "How long the oldest of those waits",
            static_cast<double>(age_ms) / 1000);
  out.counter("carnet_audit_sealed_rows_total", "Rows that this instance gave their place",
              static_cast<double>(sealed_.load()));
  out.counter("carnet_audit_seal_failures_total", "Steps of sealing that failed",
              static_cast<double>(failures_.load()));
  threads_.report(out, "audit_signing");
}

void AuditSealer::stop() { threads_.stop(); }

}  // namespace carnet::service
