#include "service/schedule_plan.h"

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "crypto/hash.h"
#include "service/json_fields.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;

constexpr std::size_t kHashBytes = 8;

// Spreads schedules evenly and is the same for one whenever and wherever it is asked.
std::chrono::milliseconds offset_of(const store::ScheduleRow& row) {
  const std::chrono::seconds jitter = std::chrono::minutes{row.jitter_minutes};
  if (jitter.count() <= 0) return std::chrono::milliseconds{0};
  const crypto::Digest256 digest = crypto::sha256(row.id.str());
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < kHashBytes; ++i) number = number << 8U | digest.at(i);
  return std::chrono::seconds{number % static_cast<std::uint64_t>(jitter.count())};
}

bj::array to_array(const std::vector<std::string>& items) {
  bj::array out;
  for (const std::string& item : items) out.emplace_back(item);
  return out;
}

bj::object parsed(std::string_view text) {
  Result<bj::value> value = json::parse(text);
  return value && value->is_object() ? std::move(value->get_object()) : bj::object{};
}

}  // namespace

Result<SlotRule> SlotRule::of(const store::ScheduleRow& row) {
  SlotRule rule;
  rule.offset_ = offset_of(row);
  rule.anchor_ = row.anchor_at;
  if (row.cadence_hours) {
    rule.cadence_ = std::chrono::hours{*row.cadence_hours};
    return rule;
  }
  FieldErrors bad;
  rule.cron_ = Cron::parse(row.cron, "cron", bad);
  if (!rule.cron_) return make_internal("stored cron line: " + row.cron);
  CARNET_TRY(zone, TimeZone::find(row.time_zone, "timeZone"));
  rule.zone_ = zone;
  return rule;
}

Timestamp SlotRule::after(Timestamp after) const {
  if (cadence_) {
    const std::chrono::milliseconds step = *cadence_;
    const std::chrono::milliseconds since = after - anchor_;
    // The grid goes on before its anchor: a clock may be put back.
    auto steps = since / step;
    if (since < std::chrono::milliseconds{0} && since % step != std::chrono::milliseconds{0})
      --steps;
    return anchor_ + (steps + 1) * step;
  }
  // parse() has seen that the line fits a day.
  return next_instant(*cron_, *zone_, after).value_or(Timestamp::max() - offset_);
}

Result<void> plan_from(store::ScheduleRow& row, Timestamp now) {
  CARNET_TRY(rule, SlotRule::of(row));
  const store::schedules::Plan plan = rule.plan(rule.after(now));
  row.done_until = now;
  row.slot_at = plan.slot_at;
  row.next_run_at = row.paused ? std::nullopt : std::optional(plan.next_run_at);
  row.catching_up = false;
  return {};
}

std::string describe_timing(const store::ScheduleRow& row) {
  if (row.cadence_hours) return fmt::format("every {} h", *row.cadence_hours);
  return fmt::format("{} ({})", row.cron, row.time_zone);
}

bj::object write_scan_request(const ScanRequest& request) {
  bj::object out;
  if (request.single_target && request.targets.size() == 1)
    out["target"] = request.targets.front();
  else if (!request.targets.empty())
    out["targets"] = to_array(request.targets);
  if (!request.kinds.empty()) out["kinds"] = to_array(request.kinds);
  if (!request.ports.empty()) out["ports"] = bj::array(request.ports.begin(), request.ports.end());
  out["profile"] = to_string(request.profile);
  bj::object mosca;
  if (request.mosca.data_shelf_life_years)
    mosca["dataShelfLifeYears"] = *request.mosca.data_shelf_life_years;
  if (request.mosca.migration_time_years)
    mosca["migrationTimeYears"] = *request.mosca.migration_time_years;
  if (request.mosca.years_to_qday) mosca["yearsToQDay"] = *request.mosca.years_to_qday;
  if (!mosca.empty()) out["mosca"] = std::move(mosca);
  if (!request.label.empty()) out["label"] = request.label;
  if (!request.scenario_id.empty()) out["scenarioId"] = request.scenario_id;
  if (request.use_fixture) out["useFixture"] = true;
  return out;
}

ScanRequest read_scan_request(std::string_view text) {
  const bj::object object = parsed(text);
  ScanRequest out;
  if (std::string target = text_of(object, "target"); !target.empty()) {
    out.targets.push_back(std::move(target));
    out.single_target = true;
  } else {
    out.targets = texts(object, "targets");
  }
  out.kinds = texts(object, "kinds");
  if (const bj::value* ports = object.if_contains("ports"); ports != nullptr && ports->is_array())
    for (const bj::value& port : ports->get_array())
      if (port.is_int64()) out.ports.push_back(static_cast<int>(port.get_int64()));
  out.profile = parse_profile(text_of(object, "profile")).value_or(out.profile);
  if (const bj::value* mosca = object.if_contains("mosca");
      mosca != nullptr && mosca->is_object()) {
    out.mosca.data_shelf_life_years = number(mosca->get_object(), "dataShelfLifeYears");
    out.mosca.migration_time_years = number(mosca->get_object(), "migrationTimeYears");
    out.mosca.years_to_qday = number(mosca->get_object(), "yearsToQDay");
  }
  out.label = text_of(object, "label");
  out.scenario_id = text_of(object, "scenarioId");
  const bj::value* fixture = object.if_contains("useFixture");
  out.use_fixture = fixture != nullptr && fixture->is_bool() && fixture->get_bool();
  return out;
}

bj::object write_notify(const ScheduleNotify& notify) {
  return {{"emails", to_array(notify.emails)}, {"on", notify.on}};
}

ScheduleNotify read_notify(std::string_view text) {
  const bj::object object = parsed(text);
  ScheduleNotify out;
  out.emails = texts(object, "emails");
  if (std::string on = text_of(object, "on"); !on.empty()) out.on = std::move(on);
  return out;
}

}  // namespace carnet::service
