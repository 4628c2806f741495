#include "api/handlers_schedule.h"

#include "api/decode.h"
#include "base/json.h"
#include "service/schedules.h"

namespace carnet::api {
namespace {

namespace bj = boost::json;

constexpr std::size_t kZoneChars = 64;
constexpr std::size_t kEmailChars = 254;

Result<service::Schedules*> schedules_of(const Site& site) {
  if (site.deps.schedules == nullptr)
    return make_error(ErrorCode::kPersistenceOff, "This server keeps no schedules.");
  return site.deps.schedules;
}

// The parsed body; the Members over it must not outlive it.
Result<bj::object> parse_body(std::string_view text) {
  CARNET_TRY(value, json::parse(text));
  if (!value.is_object())
    return make_validation_error({FieldError{
        .field = "body", .pointer = "", .code = "wrong_type", .detail = "must be a JSON object"}});
  return std::move(value.get_object());
}

std::optional<service::ScheduleNotify> read_notify(Members& members, service::FieldErrors& errors) {
  const bj::object* const object = members.object("notify");
  if (object == nullptr) return std::nullopt;
  Members inner(*object, errors, members.path_of("notify"));
  service::ScheduleNotify out;
  out.emails = inner.texts("emails", service::kNotifyEmailsMax, {.min = 1, .max = kEmailChars})
                   .value_or(std::vector<std::string>{});
  out.on = inner.one_of("on", {"always", "change", "failure"}).value_or(out.on);
  inner.done();
  return out;
}

// All members of a schedule, as a change has them. The service looks at what they mean.
service::SchedulePatch read_members(Members& members, service::FieldErrors& errors) {
  service::SchedulePatch out;
  out.name = members.text("name", {.min = 1});
  out.cadence_hours = members.integer("cadenceHours", 1, service::kCadenceHoursMax);
  out.cron = members.text("cron", {.max = service::kCronMax});
  out.time_zone = members.text("timeZone", {.max = kZoneChars});
  out.jitter_minutes = members.integer("jitterMinutes", 0, service::kJitterMinutesMax);
  out.paused = members.flag("paused");
  if (const bj::object* const scan = members.object("scan"))
    out.scan = read_scan(*scan, errors, members.path_of("scan"));
  out.notify = read_notify(members, errors);
  return out;
}

Result<service::NewSchedule> decode_new_schedule(std::string_view text) {
  CARNET_TRY(body, parse_body(text));
  service::FieldErrors errors;
  Members members(body, errors);
  members.required("name");
  members.required("scan");
  service::SchedulePatch given = read_members(members, errors);
  members.done();
  if (!errors.empty()) return errors.take();
  return service::NewSchedule{
      .name = std::move(given.name).value_or(""),
      .cadence_hours = given.cadence_hours,
      .cron = std::move(given.cron),
      .time_zone = std::move(given.time_zone),
      .jitter_minutes = given.jitter_minutes,
      .paused = given.paused.value_or(false),
      .scan = std::move(given.scan).value_or(service::ScanRequest{}),
      .notify = std::move(given.notify).value_or(service::ScheduleNotify{})};
}

Result<service::SchedulePatch> decode_patch(std::string_view text) {
  CARNET_TRY(body, parse_body(text));
  service::FieldErrors errors;
  Members members(body, errors);
  service::SchedulePatch out = read_members(members, errors);
  members.done();
  if (!errors.empty()) return errors.take();
  return out;
}

std::string_view run_status(const store::ScheduleRunRow& run) {
  if (!run.scan_id) return "skipped";
  return run.scan_status.empty() ? "deleted" : public_status(run.scan_status);
}

bj::value text_or_null(const std::string& text) {
  return text.empty() ? bj::value(nullptr) : bj::value(text);
}

bj::object run_json(const store::ScheduleRunRow& run) {
  return {{"id", run.id.str()},
          {"number", run.number},
          {"trigger", run.cause},
          {"dueAt", to_rfc3339(run.due_at)},
          {"at", to_rfc3339(run.at)},
          {"status", run_status(run)},
          {"scanId", run.scan_id ? bj::value(run.scan_id->str()) : bj::value(nullptr)},
          {"reason", text_or_null(run.reason)},
          {"detail", text_or_null(run.scan_id ? run.scan_error : run.detail)}};
}

bj::value stored_json(const std::string& text) {
  Result<bj::value> value = json::parse(text);
  return value ? std::move(*value) : bj::value(bj::object{});
}

bj::object schedule_json(const store::ScheduleRow& row) {
  const bool by_cron = !row.cadence_hours;
  return {{"id", row.id.str()},
          {"name", row.name},
          {"cadenceHours", or_null(row.cadence_hours)},
          {"cron", by_cron ? bj::value(row.cron) : bj::value(nullptr)},
          {"timeZone", by_cron ? bj::value(row.time_zone) : bj::value(nullptr)},
          {"jitterMinutes", row.jitter_minutes},
          {"paused", row.paused},
          {"scan", stored_json(row.scan)},
          {"notify", stored_json(row.notify)},
          {"nextRunAt", time_or_null(row.next_run_at)},
          {"runCount", row.runs},
          {"lastRun", row.last_run ? bj::value(run_json(*row.last_run)) : bj::value(nullptr)},
          {"revision", row.revision},
          {"createdBy", row.created_by.str()},
          {"createdAt", to_rfc3339(row.created_at)},
          {"updatedAt", to_rfc3339(row.updated_at)}};
}

}  // namespace

Task<Answer> create_schedule(Site& site, Call& call) {
  CARNET_CO_TRY(schedules, schedules_of(site));
  CARNET_CO_TRY(request, decode_new_schedule(call.request.body));
  CARNET_CO_TRY(row, co_await schedules->create(call.actor, std::move(request)));
  Response response = json_response(schedule_json(row), 201);
  response.headers.emplace_back("Location", "/tenant/schedules/" + row.id.str());
  co_return response;
}

Task<Answer> list_schedules(Site& site, Call& call) {
  CARNET_CO_TRY(schedules, schedules_of(site));
  CARNET_CO_TRY(list, list_request(site, call));
  CARNET_CO_TRY(rows, co_await schedules->list(call.actor.tenant, page_of(list)));
  const auto place = [](const store::ScheduleRow& row) { return row.id.str(); };
  co_return rows_response(site, call, list, "schedules", rows, schedule_json, place);
}

Task<Answer> get_schedule(Site& site, Call& call) {
  CARNET_CO_TRY(schedules, schedules_of(site));
  CARNET_CO_TRY(id, id_param<ScheduleId>(call, 0));
  CARNET_CO_TRY(row, co_await schedules->find(call.actor.tenant, id));
  co_return json_response(schedule_json(row));
}

Task<Answer> patch_schedule(Site& site, Call& call) {
  CARNET_CO_TRY(schedules, schedules_of(site));
  CARNET_CO_TRY(id, id_param<ScheduleId>(call, 0));
  CARNET_CO_TRY(patch, decode_patch(call.request.body));
  std::optional<int> revision;
  if (call.request.header_count("If-Match") > 0) {
    CARNET_CO_TRY(current, co_await schedules->find(call.actor.tenant, id));
    CARNET_CO_TRY_VOID(check_if_match(call, json_response(schedule_json(current))));
    revision = current.revision;
  }
  CARNET_CO_TRY(row, co_await schedules->patch(call.actor, id, std::move(patch), revision));
  co_return json_response(schedule_json(row));
}

Task<Answer> delete_schedule(Site& site, Call& call) {
  CARNET_CO_TRY(schedules, schedules_of(site));
  CARNET_CO_TRY(id, id_param<ScheduleId>(call, 0));
  CARNET_CO_TRY_VOID(co_await schedules->erase(call.actor, id));
  const bj::object body{{"id", id.str()}, {"deleted", true}};
  co_return json_response(body);
}

Task<Answer> run_schedule(Site& site, Call& call) {
  CARNET_CO_TRY(schedules, schedules_of(site));
  CARNET_CO_TRY(id, id_param<ScheduleId>(call, 0));
  CARNET_CO_TRY(started, co_await schedules->run_now(call.actor, id));
  site.metrics.scan_submitted();
  const bj::object body{{"status", "running"},
                        {"runId", started.run.str()},
                        {"scanId", started.scan.id.str()},
                        {"summary", started.scan.summary}};
  Response response = json_response(body, 202);
  response.headers.emplace_back("Location", "/pqc/scan/" + started.scan.id.str());
  co_return response;
}

Task<Answer> list_schedule_runs(Site& site, Call& call) {
  CARNET_CO_TRY(schedules, schedules_of(site));
  CARNET_CO_TRY(id, id_param<ScheduleId>(call, 0));
  CARNET_CO_TRY(list, list_request(site, call));
  CARNET_CO_TRY(rows, co_await schedules->runs(call.actor.tenant, id, page_of(list)));
  const auto place = [](const store::ScheduleRunRow& row) { return std::to_string(row.number); };
  co_return rows_response(site, call, list, "runs", rows, run_json, place);
}

}  // namespace carnet::api
