#include "service/retention.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>

#include "base/json.h"
#include "service/audit.h"
#include "service/tenancy.h"
#include "service/tenant_json.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;
using store::retention::AgedScan;

constexpr int kTenantsAtOnce = 200;
constexpr int kRowsOfScan = 20;  // beside its assets: events, result, passport with its files
constexpr std::chrono::seconds kAgainAfter{1};

// What the tenant set, else what the server does.
std::pair<int, RetentionSource> days_of(const store::TenantRow& tenant, int default_days) {
  if (const auto days = read_settings(tenant.settings).retention_days)
    return {*days, RetentionSource::kTenant};
  if (default_days > 0) return {default_days, RetentionSource::kServer};
  return {0, RetentionSource::kNone};
}

store::AuditRow trail_of(const TenantId& tenant, int days, Timestamp before, Timestamp now,
                         std::string_view what, bj::object detail, Random& random) {
  Actor system;
  system.tenant = tenant;
  detail["retentionDays"] = days;
  detail["before"] = to_rfc3339(before);
  return audit_row(system, what, tenant.str(), json::write(detail), now, random);
}

// A tenant that is being closed can be taken away whole until its end, and whose data is being
// erased goes another way: nothing of either is deleted for its age. Looked at again with each
// deletion.
Result<bool> is_active(store::Connection& connection, const TenantId& tenant) {
  CARNET_TRY(row, store::tenants::find(connection, tenant));
  return row && row->state == store::TenantState::kActive;
}

}  // namespace

std::string_view to_string(RetentionSource source) {
  switch (source) {
    case RetentionSource::kNone:
      return "none";
    case RetentionSource::kServer:
      return "server";
    case RetentionSource::kTenant:
      return "tenant";
    case RetentionSource::kRequest:
      return "request";
  }
  return "none";
}

Retention::Age Retention::age_of(Timestamp now, int days) {
  const Timestamp before = std::max(now - std::chrono::days(days), Timestamp{});
  return {.before = before, .before_id = ScanId::generate(before, random_), .now = now};
}

Task<Result<Retention::Round>> Retention::tick(Timestamp now) {
  Round round;
  using Tenants = std::vector<store::TenantRow>;
  store::Page page{.before = "", .limit = kTenantsAtOnce};
  for (;;) {
    const auto read = [page](store::Connection& connection) -> Result<Tenants> {
      return store::tenants::list(connection, page);
    };
    CARNET_CO_TRY(tenants, co_await db_.read<Tenants>(read));
    for (const store::TenantRow& tenant : tenants) {
      if (tenant.state != store::TenantState::kActive) continue;
      const int days = days_of(tenant, options_.default_days).first;
      if (days > 0) CARNET_CO_TRY_VOID(co_await visit(tenant.id, days, now, round));
    }
    if (tenants.size() < static_cast<std::size_t>(kTenantsAtOnce)) break;
    page.before = tenants.back().id.str();
  }
  rounds_.fetch_add(1, std::memory_order_relaxed);
  co_return round;
}

Task<Result<bool>> Retention::visit(TenantId tenant, int days, Timestamp now, Round& round) {
  const Age age = age_of(now, days);
  CARNET_CO_TRY_VOID(co_await erase_scans(tenant, days, age, round));
  co_return co_await erase_views(tenant, days, age, round);
}

// What may go is found by reading, so that looking past many that are kept holds nobody up; each
// deletion looks again.
Task<Result<bool>> Retention::erase_scans(TenantId tenant, int days, Age age, Round& round) {
  using Scans = std::vector<AgedScan>;
  std::string after;
  for (int writes = 0;;) {
    const auto read = [tenant, age, after](store::Connection& connection) -> Result<Scans> {
      return store::retention::aged(connection, tenant, age, after, kRetentionPageMax);
    };
    CARNET_CO_TRY(scans, co_await db_.read<Scans>(read));
    std::vector<ScanId> batch;
    int rows = 0;
    for (std::size_t i = 0; i < scans.size(); ++i) {
      const AgedScan& scan = scans[i];
      if (writes >= kRetentionWritesMax) {
        round.more = true;
        co_return true;
      }
      if (scan.kept.empty()) {
        int left = scan.asset_count;
        while (left > kRetentionRowsMax) {
          CARNET_CO_TRY(gone, co_await slice_assets(tenant, age, scan.id));
          ++writes;
          if (gone == 0) break;  // they are gone already, or something keeps the scan by now
          left -= gone;
        }
        batch.push_back(scan.id);
        rows += std::min(left, kRetentionRowsMax) + kRowsOfScan;
      }
      const bool full =
          rows >= kRetentionRowsMax || batch.size() >= static_cast<std::size_t>(kRetentionScansMax);
      if (batch.empty() || (!full && i + 1 < scans.size())) continue;
      CARNET_CO_TRY(erased, co_await erase_batch(tenant, days, age, std::move(batch)));
      ++writes;
      round.scans += erased;
      batch.clear();
      rows = 0;
    }
    if (scans.size() < static_cast<std::size_t>(kRetentionPageMax)) co_return true;
    after = scans.back().id.str();
  }
}

Task<Result<int>> Retention::slice_assets(TenantId tenant, Age age, ScanId scan) {
  const auto work = [tenant, age, scan](store::Connection& connection) -> Result<int> {
    CARNET_TRY(active, is_active(connection, tenant));
    if (!active) return 0;
    return store::retention::erase_assets(connection, tenant, scan, age, kRetentionRowsMax);
  };
  co_return co_await db_.write<int>(work);
}

Task<Result<int>> Retention::erase_batch(TenantId tenant, int days, Age age,
                                         std::vector<ScanId> scans) {
  const auto work = [this, tenant, days, age, scans](store::Connection& connection) -> Result<int> {
    CARNET_TRY(active, is_active(connection, tenant));
    if (!active) return 0;
    int erased = 0;
    std::string first, last;
    for (const ScanId& scan : scans) {
      CARNET_TRY(gone, store::retention::erase(connection, tenant, scan, age));
      if (!gone) continue;
      if (erased++ == 0) first = scan.str();
      last = scan.str();
    }
    if (erased == 0) return 0;
    CARNET_TRY_VOID(store::retention::forget_count(connection, tenant, erased));
    CARNET_TRY_VOID(store::audit::insert(
        connection, trail_of(tenant, days, age.before, age.now, "retention.erased",
                             {{"scans", erased}, {"first", first}, {"last", last}}, random_)));
    return erased;
  };
  const Result<int> erased = co_await db_.write<int>(work);
  if (erased) scans_.fetch_add(static_cast<std::uint64_t>(*erased), std::memory_order_relaxed);
  co_return erased;
}

Task<Result<bool>> Retention::erase_views(TenantId tenant, int days, Age age, Round& round) {
  const ViewId before_id = ViewId::generate(age.before, random_);
  const auto work = [this, tenant, days, age,
                     before_id](store::Connection& connection) -> Result<int> {
    CARNET_TRY(active, is_active(connection, tenant));
    if (!active) return 0;
    CARNET_TRY(erased, store::retention::erase_views(connection, tenant, before_id, age.before,
                                                     kRetentionRowsMax));
    if (erased > 0)
      CARNET_TRY_VOID(store::audit::insert(
          connection, trail_of(tenant, days, age.before, age.now, "retention.erased",
                               {{"accessLogEntries", erased}}, random_)));
    return erased;
  };
  for (int writes = 0; writes < kRetentionWritesMax; ++writes) {
    CARNET_CO_TRY(erased, co_await db_.write<int>(work));
    round.views += erased;
    views_.fetch_add(static_cast<std::uint64_t>(erased), std::memory_order_relaxed);
    if (erased < kRetentionRowsMax) co_return true;
  }
  round.more = true;
  co_return true;
}

Task<void> Retention::run() {
  boost::asio::steady_timer timer(co_await boost::asio::this_coro::executor);
  std::chrono::steady_clock::duration wait = kAgainAfter;
  bool failed = false;
  for (;;) {
    timer.expires_after(wait);
    co_await timer.async_wait(boost::asio::use_awaitable);
    wait = kRetentionEvery;
    if (!db_.leads("retention")) {
      wait = kAgainAfter;  // it costs nothing to ask
      continue;
    }
    const Result<Round> round = co_await tick(clock_.now());
    if (!round) {
      failures_.fetch_add(1, std::memory_order_relaxed);
      if (!failed) log_.warn("retention_failed", {{"reason", round.error().internal}});
    } else {
      if (round->more) wait = kAgainAfter;
      if (round->scans + round->views > 0)
        log_.info("retention", {{"scans", round->scans}, {"access_log_entries", round->views}});
    }
    failed = !round;
  }
}

Task<Result<RetentionView>> Retention::view(TenantId tenant, std::optional<int> days,
                                            std::string after, int limit) {
  const Timestamp now = clock_.now();
  const auto read = [this, tenant, days, after, limit,
                     now](store::Connection& connection) -> Result<RetentionView> {
    CARNET_TRY(row, store::tenants::find(connection, tenant));
    if (!row) return make_error(ErrorCode::kNotFound, "There is no such tenant.");
    RetentionView out;
    const auto set = days_of(*row, options_.default_days);
    const int wanted = days ? *days : set.first;
    out.source = days ? RetentionSource::kRequest : set.second;
    if (wanted == 0) return out;
    out.days = wanted;
    const Age age = age_of(now, wanted);
    out.before = age.before;
    CARNET_TRY(scans, store::retention::aged(connection, tenant, age, "", kRetentionExaminedMax));
    out.examined = static_cast<int>(scans.size());
    out.complete = out.examined < kRetentionExaminedMax;
    for (const AgedScan& scan : scans)
      if (scan.kept.empty())
        ++out.erasable;
      else
        ++out.kept[scan.kept];
    CARNET_TRY(page, store::retention::aged(connection, tenant, age, after, limit));
    out.scans = std::move(page);
    return out;
  };
  co_return co_await db_.read<RetentionView>(read);
}

void Retention::report(MetricText& out) const {
  constexpr std::string_view kErased = "carnet_retention_erased_total";
  constexpr std::string_view kHelp = "What was deleted because it was older than it is kept.";
  const auto value = [](const std::atomic<std::uint64_t>& count) {
    return static_cast<double>(count.load(std::memory_order_relaxed));
  };
  out.counter(kErased, kHelp, value(scans_), {{"what", "scan"}});
  out.counter(kErased, kHelp, value(views_), {{"what", "access_log_entry"}});
  constexpr std::string_view kRounds = "carnet_retention_rounds_total";
  constexpr std::string_view kRoundsHelp = "Rounds over all tenants, on the instance that does it.";
  out.counter(kRounds, kRoundsHelp, value(rounds_), {{"outcome", "done"}});
  out.counter(kRounds, kRoundsHelp, value(failures_), {{"outcome", "failed"}});
}

}  // namespace carnet::service
