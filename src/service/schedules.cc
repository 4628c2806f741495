#include "service/schedules.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "service/audit.h"
#include "service/fields.h"
#include "service/schedule_plan.h"
#include "service/schedule_run.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;

constexpr int kTriesMax = 5;  // limit: internal; at a change that another was quicker with

tl::unexpected<Error> no_such_schedule() {
  return make_error(ErrorCode::kNotFound, "There is no such schedule.");
}

tl::unexpected<Error> changed_since() {
  return make_error(ErrorCode::kPreconditionFailed,
                    "The schedule was changed since you read it; read it again and repeat your "
                    "change.");
}

bj::value cadence_json(const store::ScheduleRow& row) {
  return row.cadence_hours ? bj::value(*row.cadence_hours) : bj::value(nullptr);
}

// As the audit trail shows it.
std::string audit_json(const store::ScheduleRow& row) {
  bj::object out{
      {"name", row.name},          {"cadenceHours", cadence_json(row)},   {"cron", row.cron},
      {"timeZone", row.time_zone}, {"jitterMinutes", row.jitter_minutes}, {"paused", row.paused},
      {"revision", row.revision}};
  for (const auto& [name, text] :
       {std::pair<std::string_view, const std::string&>{"scan", row.scan}, {"notify", row.notify}})
    if (Result<bj::value> value = json::parse(text)) out[name] = std::move(*value);
  return json::write(out);
}

void check_timing(const std::optional<int>& cadence, const std::optional<std::string>& cron,
                  const std::optional<std::string>& zone, bool had_cron, FieldErrors& bad) {
  if (cadence) bad.integer("cadenceHours", *cadence, 1, kCadenceHoursMax);
  if (cadence && cron) bad.add("cron", "conflict", "must not be given together with cadenceHours");
  if (zone && !cron && (cadence || !had_cron))
    bad.add("timeZone", "conflict", "goes with cron: cadenceHours counts hours, not days");
  if (cron && cron->size() > kCronMax) {
    bad.add("cron", "too_long", fmt::format("must have at most {} characters", kCronMax));
  } else if (cron) {
    const std::optional<Cron> parsed = Cron::parse(*cron, "cron", bad);
    if (parsed && parsed->minutes_in_hour() > 1)
      bad.add("cron", "too_often",
              fmt::format("minute: names {} minutes of the hour; it may be one, as 30: a schedule "
                          "runs at most once an hour, as with cadenceHours 1",
                          parsed->minutes_in_hour()));
  }
  if (!zone) return;
  if (const Result<TimeZone> found = TimeZone::find(*zone, "timeZone"); !found)
    for (const FieldError& fault : found.error().fields)
      bad.add(fault.field, fault.code, fault.detail);
}

void check_notify(const ScheduleNotify& notify, FieldErrors& bad) {
  if (notify.emails.size() > kNotifyEmailsMax)
    bad.add("notify.emails", "too_many",
            fmt::format("must have at most {} entries", kNotifyEmailsMax));
  for (std::size_t i = 0; i < std::min(notify.emails.size(), kNotifyEmailsMax); ++i)
    if (!is_mail_address(notify.emails[i]))
      bad.add("notify.emails", "bad_address", "must be mail addresses, as team@example.org",
              fmt::format("/notify/emails/{}", i));
  if (notify.on != "always" && notify.on != "change" && notify.on != "failure")
    bad.add("notify.on", "not_one_of", "must be one of always, change, failure");
}

ScheduleNotify without_duplicates(ScheduleNotify notify) {
  std::vector<std::string> once;
  for (std::string& email : notify.emails)
    if (std::find(once.begin(), once.end(), email) == once.end()) once.push_back(std::move(email));
  notify.emails = std::move(once);
  return notify;
}

// The patch without what a scan needs to be asked for.
void apply(const SchedulePatch& patch, store::ScheduleRow& row) {
  if (patch.name) row.name = *patch.name;
  if (patch.cadence_hours) {
    row.cadence_hours = patch.cadence_hours;
    row.cron.clear();
    row.time_zone = "UTC";
  }
  if (patch.cron) {
    row.cron = *patch.cron;
    row.cadence_hours.reset();
  }
  if (patch.time_zone) row.time_zone = *patch.time_zone;
  if (patch.jitter_minutes) row.jitter_minutes = *patch.jitter_minutes;
  if (patch.paused) row.paused = *patch.paused;
  if (patch.scan) row.scan = json::write(write_scan_request(*patch.scan));
  if (patch.notify) row.notify = json::write(write_notify(without_duplicates(*patch.notify)));
}

// A new time or a resumption begins anew; a cadence that stays as it is keeps its hours.
Result<void> replan_after(const store::ScheduleRow& before, store::ScheduleRow& row,
                          Timestamp now) {
  const bool retimed = before.cadence_hours != row.cadence_hours || before.cron != row.cron ||
                       before.time_zone != row.time_zone;
  if (before.cadence_hours != row.cadence_hours) row.anchor_at = now;
  if (retimed || before.jitter_minutes != row.jitter_minutes || before.paused != row.paused)
    return plan_from(row, now);
  return {};
}

}  // namespace

Schedules::Schedules(store::Database& db, const Clock& clock, Random& random, Scans& scans,
                     Options options)
    : db_(db), clock_(clock), random_(random), scans_(scans), options_(std::move(options)) {}

void Schedules::changed() const {
  if (options_.on_change) options_.on_change();
}

// What prepare() says of the request, with the place that the request has in a schedule's.
Task<Result<void>> Schedules::check_scan(TenantId tenant, const ScanRequest& request) {
  if (!request.bundle_session_id.empty())
    co_return make_validation_error(
        {{.field = "scan.bundleSessionId",
          .pointer = "/scan/bundleSessionId",
          .code = "not_allowed",
          .detail = "must be left out: an upload is kept for a day, a schedule scans targets"}});
  Result<PreparedScan> prepared = co_await scans_.prepare(std::move(tenant), request);
  if (prepared) co_return Result<void>{};
  Error error = std::move(prepared).error();
  if (error.code != ErrorCode::kValidationFailed) co_return tl::unexpected(std::move(error));
  for (FieldError& fault : error.fields) {
    fault.field = "scan." + fault.field;
    fault.pointer = "/scan" + fault.pointer;
  }
  co_return make_validation_error(std::move(error.fields));
}

Task<Result<store::ScheduleRow>> Schedules::create(const Actor& actor, NewSchedule request) {
  FieldErrors bad;
  bad.text("name", request.name, 1);
  check_timing(request.cadence_hours, request.cron, request.time_zone, false, bad);
  const int jitter = request.jitter_minutes.value_or(kJitterMinutesDefault);
  bad.integer("jitterMinutes", jitter, 0, kJitterMinutesMax);
  check_notify(request.notify, bad);
  if (!bad.empty()) co_return bad.take();
  CARNET_CO_TRY_VOID(co_await check_scan(actor.tenant, request.scan));

  store::ScheduleRow row;
  row.created_at = row.updated_at = row.anchor_at = clock_.now();
  row.id = ScheduleId::generate(row.created_at, random_);
  row.tenant_id = actor.tenant;
  row.created_by = actor.key;
  row.name = std::move(request.name);
  row.cron = request.cron.value_or("");
  if (!request.cron) row.cadence_hours = request.cadence_hours.value_or(kCadenceHoursDefault);
  row.time_zone = request.time_zone.value_or("UTC");
  row.jitter_minutes = jitter;
  row.paused = request.paused;
  row.scan = json::write(write_scan_request(request.scan));
  row.notify = json::write(write_notify(without_duplicates(std::move(request.notify))));
  CARNET_CO_TRY_VOID(plan_from(row, row.created_at));
  const store::AuditRow trail = audit_row(actor, "schedule.create", row.id.str(), "{}",
                                          row.created_at, random_, {"", audit_json(row)});
  const auto work = [row, trail,
                     max = options_.per_tenant_max](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(connection.lock("schedules " + row.tenant_id.str()));
    CARNET_TRY(number, store::schedules::count(connection, row.tenant_id));
    if (number >= max)
      return make_error(ErrorCode::kConflict,
                        fmt::format("This tenant has {} schedules, as many as one may have; delete "
                                    "one before you add another.",
                                    number));
    CARNET_TRY_VOID(store::schedules::insert(connection, row));
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    CARNET_TRY_VOID(connection.notify(kSchedulesChannel, ""));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await db_.write<bool>(work));
  changed();
  co_return row;
}

Task<Result<store::ScheduleRow>> Schedules::find(TenantId tenant, ScheduleId id) {
  const auto work = [tenant, id](store::Connection& connection) -> Result<store::ScheduleRow> {
    CARNET_TRY(row, store::schedules::find(connection, tenant, id));
    if (!row) return no_such_schedule();
    return std::move(*row);
  };
  co_return co_await db_.read<store::ScheduleRow>(work);
}

Task<Result<std::vector<store::ScheduleRow>>> Schedules::list(TenantId tenant, store::Page page) {
  using Rows = std::vector<store::ScheduleRow>;
  const auto work = [tenant, page](store::Connection& connection) -> Result<Rows> {
    return store::schedules::list(connection, tenant, page);
  };
  co_return co_await db_.read<Rows>(work);
}

Task<Result<store::ScheduleRow>> Schedules::patch(const Actor& actor, ScheduleId id,
                                                  SchedulePatch patch,
                                                  std::optional<int> if_revision) {
  CARNET_CO_TRY(seen, co_await find(actor.tenant, id));
  FieldErrors bad;
  if (patch.name) bad.text("name", *patch.name, 1);
  check_timing(patch.cadence_hours, patch.cron, patch.time_zone, !seen.cron.empty(), bad);
  if (patch.jitter_minutes)
    bad.integer("jitterMinutes", *patch.jitter_minutes, 0, kJitterMinutesMax);
  if (patch.notify) check_notify(*patch.notify, bad);
  if (!bad.empty()) co_return bad.take();
  if (patch.scan) CARNET_CO_TRY_VOID(co_await check_scan(actor.tenant, *patch.scan));

  const Timestamp now = clock_.now();
  // A run may begin, or another change come, between reading and writing: then once more.
  for (int tries = 0; tries < kTriesMax; ++tries) {
    using Changed = std::optional<store::ScheduleRow>;
    const auto work = [this, actor, id, patch, if_revision,
                       now](store::Connection& connection) -> Result<Changed> {
      CARNET_TRY(before, store::schedules::find(connection, actor.tenant, id));
      if (!before) return no_such_schedule();
      if (if_revision && *if_revision != before->revision) return changed_since();
      store::ScheduleRow row = *before;
      apply(patch, row);
      row.updated_at = now;
      CARNET_TRY_VOID(replan_after(*before, row, now));
      CARNET_TRY(done, store::schedules::update(connection, row));
      if (!done) return Changed{};
      ++row.revision;
      const store::AuditRow trail = audit_row(actor, "schedule.update", id.str(), "{}", now,
                                              random_, {audit_json(*before), audit_json(row)});
      CARNET_TRY_VOID(store::audit::insert(connection, trail));
      CARNET_TRY_VOID(connection.notify(kSchedulesChannel, ""));
      return Changed(std::move(row));
    };
    CARNET_CO_TRY(row, co_await db_.write<Changed>(work));
    if (!row) continue;
    changed();
    co_return std::move(*row);
  }
  co_return make_error(ErrorCode::kConflict,
                       "The schedule is being changed by others at this moment; try again.");
}

Task<Result<void>> Schedules::erase(const Actor& actor, ScheduleId id) {
  const Timestamp now = clock_.now();
  const auto work = [this, actor, id, now](store::Connection& connection) -> Result<bool> {
    CARNET_TRY(before, store::schedules::find(connection, actor.tenant, id));
    if (!before) return no_such_schedule();
    CARNET_TRY(gone, store::schedules::erase(connection, actor.tenant, id));
    if (!gone) return no_such_schedule();
    const store::AuditRow trail = audit_row(actor, "schedule.delete", id.str(), "{}", now, random_,
                                            {audit_json(*before), ""});
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await db_.write<bool>(work));
  co_return Result<void>{};
}

Task<Result<ManualRun>> Schedules::run_now(const Actor& actor, ScheduleId id) {
  for (int tries = 0; tries < kTriesMax; ++tries) {
    CARNET_CO_TRY(row, co_await find(actor.tenant, id));
    CARNET_CO_TRY(prepared, co_await scans_.prepare(actor.tenant, request_of_run(row)));
    const auto scan = std::make_shared<const PreparedScan>(std::move(prepared));
    const Timestamp now = scan->row.created_at;
    const store::ScheduleRunRow run = run_of(row, "manual", now, now, random_, scan->row.id);
    const store::AuditRow trail = scans_.audit_of(actor, *scan);
    const store::AuditRow asked =
        audit_row(actor, "schedule.run", id.str(),
                  json::write(bj::object{{"scanId", scan->row.id.str()}}), now, random_);
    const auto work = [row, scan, run, trail,
                       asked](store::Connection& connection) -> Result<bool> {
      CARNET_TRY(ours, store::schedules::take_manual(connection, row));
      if (!ours) return false;
      CARNET_TRY(busy, store::schedules::in_progress(connection, row.tenant_id, row.id));
      if (busy)
        return make_error(ErrorCode::kConflict,
                          "The last run of this schedule is still in progress; cancel its scan or "
                          "wait until it is over.");
      CARNET_TRY_VOID(Scans::enqueue(connection, *scan, trail));
      CARNET_TRY_VOID(store::schedules::add_run(connection, run, kScheduleRunsMax));
      CARNET_TRY_VOID(store::audit::insert(connection, asked));
      return true;
    };
    CARNET_CO_TRY(done, co_await db_.write<bool>(work));
    if (!done) continue;
    scans_.queued();
    co_return ManualRun{.run = run.id, .scan = {.id = scan->row.id, .summary = scan->summary}};
  }
  co_return make_error(ErrorCode::kConflict,
                       "The schedule is being changed by others at this moment; try again.");
}

Task<Result<std::vector<store::ScheduleRunRow>>> Schedules::runs(TenantId tenant, ScheduleId id,
                                                                 store::Page page) {
  using Rows = std::vector<store::ScheduleRunRow>;
  const auto work = [tenant, id, page](store::Connection& connection) -> Result<Rows> {
    CARNET_TRY(row, store::schedules::find(connection, tenant, id));
    if (!row) return no_such_schedule();
    return store::schedules::runs(connection, tenant, id, page);
  };
  co_return co_await db_.read<Rows>(work);
}

}  // namespace carnet::service
