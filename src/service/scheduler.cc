#include "service/scheduler.h"

#include <algorithm>
#include <utility>

#include "service/audit.h"
#include "service/schedule_plan.h"
#include "service/schedule_run.h"

namespace carnet::service {
namespace {

constexpr std::string_view kLeadership = "schedules";
constexpr int kPage = 100;                         // limit: internal
constexpr std::chrono::minutes kBack{1};           // a clock that went back by less is the same
constexpr std::chrono::hours kUnbelievable{24};    // ahead of now
constexpr std::chrono::minutes kSleepMax{1};       // limit: internal; the clock may be put forward
constexpr std::chrono::hours kRetryUnreadable{1};  // a plan that cannot be made

constexpr std::string_view kTenantClosing = "tenant_closing";

struct Skip {
  std::string reason, detail;
};

// Why the request of a run was refused, if that is an answer and not a failure of this server.
std::optional<Skip> refusal(const Error& error) {
  switch (error.code) {
    case ErrorCode::kTargetNotAuthorized:
      return Skip{.reason = "not_authorized", .detail = error.public_detail};
    case ErrorCode::kValidationFailed:
      return Skip{.reason = "invalid_request", .detail = error.public_detail};
    case ErrorCode::kTenantClosing:
    case ErrorCode::kNotFound:
      return Skip{.reason = std::string(kTenantClosing), .detail = "The tenant is being closed."};
    default:
      return std::nullopt;
  }
}

std::string reason_for_log(const Error& error) {
  return error.internal.empty() ? error.public_detail : error.internal;
}

}  // namespace

struct Scheduler::Start {
  store::ScheduleRow row;
  store::schedules::Plan next;
  Timestamp done_until{};
  store::ScheduleRunRow run;
  std::shared_ptr<const PreparedScan> scan;  // none: to be skipped
  Skip skip;
  store::AuditRow trail;
};

Scheduler::Scheduler(store::Database& db, const Clock& clock, Random& random, const Log& log,
                     Scans& scans, const Outbox& outbox, Options options)
    : db_(db),
      clock_(clock),
      random_(random),
      log_(log),
      scans_(scans),
      outbox_(outbox),
      options_(options),
      wake_(std::make_shared<Signal>()) {
  db_.on_notification(std::string(kSchedulesChannel),
                      [wake = wake_](std::optional<std::string_view>) { wake->poke(); });
}

void Scheduler::wake() { wake_->poke(); }

void Scheduler::stop() {
  stopping_.store(true);
  wake_->poke();
}

Task<void> Scheduler::run() {
  while (!stopping_.load()) {
    const std::uint64_t seen = wake_->generation();
    std::chrono::milliseconds pause = options_.poll;
    leads_.store(db_.leads(kLeadership));
    if (leads_.load()) {
      const Timestamp next = co_await tick(clock_.now());
      pause = std::clamp<std::chrono::milliseconds>(next - clock_.now(),
                                                    std::chrono::milliseconds{1}, kSleepMax);
    }
    co_await wake_->wait(seen, pause);
  }
}

Task<Timestamp> Scheduler::tick(Timestamp now) {
  const Result<Timestamp> next = co_await begin_due(now);
  if (next) {
    failed_ = false;
    last_look_ = now;
    co_return *next;
  }
  failures_.fetch_add(1);
  if (!failed_) log_.warn("schedules_failed", {{"error", reason_for_log(next.error())}});
  failed_ = true;
  co_return now + options_.poll;
}

Task<Result<Timestamp>> Scheduler::begin_due(Timestamp now) {
  if (!last_look_ || now < *last_look_ - kBack) CARNET_CO_TRY_VOID(co_await replan(now));
  if (!last_look_ || now - *last_look_ > options_.grace)
    CARNET_CO_TRY_VOID(co_await put_off_missed(now));
  for (;;) {
    CARNET_CO_TRY(seen, co_await look(now));
    waiting_.store(seen.waiting);
    const bool late = seen.next && *seen.next < now;
    late_ms_.store(late ? (now - *seen.next).count() : 0);
    if (!seen.due.empty()) {
      CARNET_CO_TRY_VOID(co_await begin(std::move(seen.due), now));
      continue;
    }
    if (!seen.next) co_return now + kSleepMax;
    co_return *seen.next <= now ? now + options_.poll : *seen.next;
  }
}

Task<Result<Scheduler::Look>> Scheduler::look(Timestamp now) {
  const auto work = [this, now](store::Connection& connection) -> Result<Look> {
    Look out;
    CARNET_TRY(waiting, store::schedules::waiting(connection));
    out.waiting = waiting;
    const auto room = std::clamp<std::int64_t>(options_.waiting_max - waiting, 0, options_.batch);
    CARNET_TRY(next, store::schedules::next_due(connection));
    out.next = next;
    if (room == 0 || !next || *next > now) return out;
    CARNET_TRY(due, store::schedules::due(connection, now, static_cast<int>(room)));
    out.due = std::move(due);
    return out;
  };
  co_return co_await db_.read<Look>(work);
}

// Errors: only what is this server's fault and may pass.
Task<Result<Scheduler::Start>> Scheduler::prepare(store::ScheduleRow row, Timestamp now) {
  Start start;
  start.row = std::move(row);
  const Result<SlotRule> rule = SlotRule::of(start.row);
  Timestamp due = *start.row.next_run_at;
  if (rule) {
    start.done_until = start.row.slot_at;
    start.next = rule->plan(rule->after(rule->due_until(start.row.slot_at, now)));
    if (start.row.catching_up) due = start.row.slot_at + rule->offset();
  } else {
    // A zone that an update of the tz database took away.
    start.done_until = now;
    start.next = {.slot_at = now + kRetryUnreadable, .next_run_at = now + kRetryUnreadable};
    start.skip = {.reason = "invalid_request", .detail = rule.error().public_detail};
  }
  const std::string_view cause = start.row.catching_up ? "catch_up" : "schedule";
  start.run = run_of(start.row, cause, due, now, random_, std::nullopt);
  if (!rule) co_return start;
  Result<PreparedScan> scan =
      co_await scans_.prepare(start.row.tenant_id, request_of_run(start.row));
  if (!scan) {
    std::optional<Skip> skip = refusal(scan.error());
    if (!skip) co_return tl::unexpected(std::move(scan).error());
    start.skip = std::move(*skip);
    co_return start;
  }
  start.run.scan_id = scan->row.id;
  Actor nobody;
  nobody.tenant = start.row.tenant_id;
  start.trail = scans_.audit_of(nobody, *scan);
  start.trail.actor = "schedule";
  start.scan = std::make_shared<const PreparedScan>(std::move(*scan));
  co_return start;
}

Task<Result<void>> Scheduler::begin(std::vector<store::ScheduleRow> rows, Timestamp now) {
  auto starts = std::make_shared<std::vector<Start>>();
  for (store::ScheduleRow& row : rows) {
    CARNET_CO_TRY(start, co_await prepare(std::move(row), now));
    starts->push_back(std::move(start));
  }
  // A scan counts in its tenant's row: in one order, so that two transactions never wait for each
  // other.
  const auto by_tenant = [](const Start& a, const Start& b) {
    return std::pair(a.row.tenant_id.str(), a.run.id.str()) <
           std::pair(b.row.tenant_id.str(), b.run.id.str());
  };
  std::sort(starts->begin(), starts->end(), by_tenant);
  Result<Outcome> outcome = co_await record(starts);
  if (outcome) {
    count(*outcome);
    co_return Result<void>{};
  }
  if (outcome.error().code == ErrorCode::kUnavailable)
    co_return tl::unexpected(std::move(outcome).error());
  co_return co_await begin_singly(std::move(*starts));
}

// One that cannot be recorded must not keep the others from their time.
Task<Result<void>> Scheduler::begin_singly(std::vector<Start> starts) {
  for (Start& start : starts) {
    auto one = std::make_shared<std::vector<Start>>(1, std::move(start));
    Result<Outcome> outcome = co_await record(one);
    if (!outcome && outcome.error().code != ErrorCode::kUnavailable) {
      // A tenant may have begun to close since the run was prepared.
      std::optional<Skip> skip = refusal(outcome.error());
      if (!skip) {
        log_.error("schedule_run_failed", {{"schedule", one->front().row.id.str()},
                                           {"error", reason_for_log(outcome.error())}});
        skip = {.reason = "failed",
                .detail = "Something failed on this server; its log has the reason."};
      }
      auto skipped = std::make_shared<std::vector<Start>>(*one);
      skipped->front().scan.reset();
      skipped->front().skip = std::move(*skip);
      outcome = co_await record(skipped);
    }
    if (!outcome) co_return tl::unexpected(std::move(outcome).error());
    count(*outcome);
  }
  co_return Result<void>{};
}

// Takes each run and records what it became, all in one transaction.
Task<Result<Scheduler::Outcome>> Scheduler::record(
    std::shared_ptr<const std::vector<Start>> starts) {
  const auto work = [this, starts](store::Connection& connection) -> Result<Outcome> {
    Outcome out;
    for (const Start& start : *starts) {
      CARNET_TRY(ours, store::schedules::take(connection, start.row, start.done_until, start.next));
      if (!ours) continue;
      Skip skip = start.skip;
      if (start.scan) {
        CARNET_TRY(busy,
                   store::schedules::in_progress(connection, start.row.tenant_id, start.row.id));
        if (busy)
          skip = {.reason = "previous_running",
                  .detail = "The scan of the run before is still in progress."};
      }
      if (skip.reason == kTenantClosing) {
        CARNET_TRY(tenant, store::tenants::find(connection, start.row.tenant_id));
        // Its plan goes on, but nobody is told and no run is written where rows are being erased.
        if (!tenant || tenant->state == store::TenantState::kErasing) continue;
      }
      if (!skip.reason.empty()) {
        CARNET_TRY_VOID(
            record_skip(connection, outbox_, start.row, start.run, skip.reason, skip.detail));
        ++out.skipped;
        continue;
      }
      CARNET_TRY_VOID(Scans::enqueue(connection, *start.scan, start.trail));
      CARNET_TRY_VOID(store::schedules::add_run(connection, start.run, kScheduleRunsMax));
      ++out.started;
    }
    return out;
  };
  Result<Outcome> outcome = co_await db_.write<Outcome>(work);
  if (outcome && outcome->started > 0) scans_.queued();
  co_return outcome;
}

void Scheduler::count(const Outcome& outcome) {
  started_.fetch_add(static_cast<std::uint64_t>(outcome.started));
  skipped_.fetch_add(static_cast<std::uint64_t>(outcome.skipped));
}

Task<Result<void>> Scheduler::put_off_missed(Timestamp now) {
  const Timestamp until = now - options_.grace;
  const std::optional<Timestamp> since = last_look_;
  const auto count_work = [since, until](store::Connection& connection) -> Result<std::int64_t> {
    return store::schedules::count_missed(connection, since, until);
  };
  CARNET_CO_TRY(number, co_await db_.read<std::int64_t>(count_work));
  if (number == 0) co_return Result<void>{};
  log_.info("schedules_missed", {{"count", number}});
  const std::chrono::milliseconds step =
      std::min(options_.catch_up_step, options_.catch_up_window / number);
  std::int64_t done = 0;
  for (;;) {
    const auto work = [since, until, now, step,
                       done](store::Connection& connection) -> Result<std::int64_t> {
      CARNET_TRY(rows, store::schedules::missed(connection, since, until, kPage));
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const store::schedules::Plan plan{
            .slot_at = rows[i].slot_at,
            .next_run_at = now + step * (done + static_cast<std::int64_t>(i)),
            .catching_up = true};
        CARNET_TRY(kept, store::schedules::replan(connection, rows[i], plan));
        static_cast<void>(kept);  // whoever changed it meanwhile made a plan of its own
      }
      return static_cast<std::int64_t>(rows.size());
    };
    CARNET_CO_TRY(moved, co_await db_.write<std::int64_t>(work));
    if (moved == 0) break;
    done += moved;
  }
  caught_up_.fetch_add(static_cast<std::uint64_t>(done));
  co_return Result<void>{};
}

namespace {

// The plan that `row` should have at `now`; nullopt if it has it.
std::optional<store::schedules::Plan> better_plan(const store::ScheduleRow& row, Timestamp now,
                                                  std::chrono::milliseconds catch_up_window) {
  if (*row.next_run_at <= now) return std::nullopt;
  if (row.catching_up) {
    if (*row.next_run_at <= now + catch_up_window) return std::nullopt;
    return store::schedules::Plan{.slot_at = row.slot_at, .next_run_at = now, .catching_up = true};
  }
  const Result<SlotRule> rule = SlotRule::of(row);
  if (!rule) return std::nullopt;
  Timestamp floor = now - rule->offset();
  if (row.done_until <= now + kUnbelievable) floor = std::max(floor, row.done_until);
  const Timestamp slot = rule->after(floor);
  if (slot == row.slot_at) return std::nullopt;
  return rule->plan(slot);
}

}  // namespace

// When the process begins, and when the clock was put back: plans were made by another clock, or by
// another tz database.
Task<Result<void>> Scheduler::replan(Timestamp now) {
  using Changes = std::vector<std::pair<store::ScheduleRow, store::schedules::Plan>>;
  struct Page {
    Changes changes;
    std::string last;  // "": there are no more
  };
  for (std::string after;;) {
    const auto read = [this, after, now](store::Connection& connection) -> Result<Page> {
      Page page;
      CARNET_TRY(rows, store::schedules::planned(connection, after, kPage));
      if (!rows.empty()) page.last = rows.back().id.str();
      for (store::ScheduleRow& row : rows)
        if (const auto plan = better_plan(row, now, options_.catch_up_window))
          page.changes.emplace_back(std::move(row), *plan);
      return page;
    };
    CARNET_CO_TRY(page, co_await db_.read<Page>(read));
    if (page.last.empty()) co_return Result<void>{};
    after = page.last;
    if (page.changes.empty()) continue;
    const auto changes = std::make_shared<const Changes>(std::move(page.changes));
    const auto write = [changes](store::Connection& connection) -> Result<bool> {
      for (const auto& [row, plan] : *changes) {
        CARNET_TRY(kept, store::schedules::replan(connection, row, plan));
        static_cast<void>(kept);
      }
      return true;
    };
    CARNET_CO_TRY_VOID(co_await db_.write<bool>(write));
  }
}

void Scheduler::report(MetricText& out) const {
  constexpr double kMilliseconds = 1000;
  const auto runs = [&](std::string_view outcome, const std::atomic<std::uint64_t>& number) {
    out.counter("carnet_schedule_runs_total", "Runs of schedules that this process decided.",
                static_cast<double>(number.load()), {{"outcome", outcome}});
  };
  runs("started", started_);
  runs("skipped", skipped_);
  out.counter("carnet_schedule_runs_missed_total",
              "Runs that were missed while nobody looked and put off to be made up for.",
              static_cast<double>(caught_up_.load()));
  out.counter("carnet_schedule_errors_total", "Looks at what is due that failed.",
              static_cast<double>(failures_.load()));
  out.gauge("carnet_schedules_leader", "1 in the instance that starts the runs of schedules.",
            leads_.load() ? 1.0 : 0.0);
  out.gauge("carnet_schedule_scans_waiting", "Scans of schedules that wait for a worker.",
            static_cast<double>(waiting_.load()));
  out.gauge("carnet_schedules_late_seconds",
            "How long the run that is due the longest has been held back.",
            static_cast<double>(late_ms_.load()) / kMilliseconds);
}

}  // namespace carnet::service
