// Requests about the backlog: remediation and migration plans.
#include <boost/json.hpp>

#include "api/decode.h"
#include "base/json.h"

namespace carnet::api {
namespace {

namespace bj = boost::json;

constexpr Members::Length kId{.min = 1, .max = 40};
constexpr Members::Length kDate{.max = 10};

// The parsed body; the Members over it must not outlive it.
Result<bj::object> parse_body(std::string_view text) {
  CARNET_TRY(value, json::parse(text));
  if (!value.is_object())
    return make_validation_error({FieldError{
        .field = "body", .pointer = "", .code = "wrong_type", .detail = "must be a JSON object"}});
  return std::move(value.get_object());
}

std::string needed_text(Members& members, std::string_view name, Members::Length length) {
  members.required(name);
  return members.text(name, length).value_or("");
}

void read_lists(Members& members, service::FieldErrors& errors, service::PlanRequest& out) {
  for (const auto& entry : members.objects("freezeWindows", service::kPlanFreezesMax)) {
    Members inner(*entry.object, errors, entry.path);
    out.freezes.push_back({.from = needed_text(inner, "from", kDate),
                           .to = needed_text(inner, "to", kDate),
                           .label = inner.text("label", {}).value_or("")});
    inner.done();
  }
  for (const auto& entry : members.objects("dependencies", service::kPlanDependenciesMax)) {
    Members inner(*entry.object, errors, entry.path);
    out.dependencies.push_back(
        {.before = needed_text(inner, "before", kId), .after = needed_text(inner, "after", kId)});
    inner.done();
  }
  for (const auto& entry : members.objects("mustDoBy", service::kPlanItemsMax)) {
    Members inner(*entry.object, errors, entry.path);
    out.must_do_by.push_back({.item = needed_text(inner, "remediationId", kId),
                              .date = needed_text(inner, "date", kDate)});
    inner.done();
  }
  for (const auto& entry : members.objects("efforts", service::kPlanItemsMax)) {
    Members inner(*entry.object, errors, entry.path);
    inner.required("days");
    out.efforts.push_back(
        {.item = needed_text(inner, "remediationId", kId),
         .days = inner.number("days", 0.01, service::kPlanEffortDaysMax).value_or(1)});
    inner.done();
  }
}

}  // namespace

Result<service::PlanRequest> decode_plan_request(std::string_view text) {
  CARNET_TRY(body, parse_body(text));
  service::FieldErrors errors;
  Members members(body, errors);
  service::PlanRequest out;
  members.required("capacityDaysPerWeek");
  out.capacity_days_per_week =
      members.number("capacityDaysPerWeek", 0.01, service::kPlanCapacityDaysMax).value_or(1);
  out.start_date = members.text("startDate", kDate).value_or("");
  out.weeks = members.integer("weeksMax", 1, service::kPlanWeeksMax).value_or(out.weeks);
  out.items = members.texts("remediationIds", service::kPlanItemsMax, kId)
                  .value_or(std::vector<std::string>{});
  if (body.contains("remediationIds") && out.items.empty())
    errors.add("remediationIds", "required",
               "must name at least one item; leave it out to plan everything");
  out.use_deadlines = members.flag("useDeadlines").value_or(false);
  out.seconds = members.integer("timeLimitSeconds", 1, service::kPlanSecondsMax)
                    .value_or(service::kPlanSecondsMax);
  read_lists(members, errors, out);
  members.done();
  if (!errors.empty()) return errors.take();
  return out;
}

Result<service::RemediationUpdate> decode_remediation_update(std::string_view text) {
  CARNET_TRY(body, parse_body(text));
  service::FieldErrors errors;
  Members members(body, errors);
  service::RemediationUpdate out;
  out.item_id = needed_text(members, "remediationId", kId);
  members.required("status");
  out.status = members.one_of("status", {"open", "in_progress", "accepted_risk", "done"});
  out.asset_id = members.text("assetId", kId);
  out.owner = members.text("owner", {});
  out.notes = members.text("notes", {.max = service::kRemediationNotesMax});
  out.target_date = members.text("targetDate", kDate);
  out.reason = members.text("reason", {});
  out.accepted_until = members.text("acceptedUntil", kDate);
  // Kept with an accepted risk alone; whoever sends them otherwise means one.
  if (out.status && *out.status != "accepted_risk") {
    constexpr std::string_view kElsewhere = "goes with the status accepted_risk alone";
    if (out.reason && !out.reason->empty()) errors.add("reason", "not_allowed", kElsewhere);
    if (out.accepted_until && !out.accepted_until->empty())
      errors.add("acceptedUntil", "not_allowed", kElsewhere);
  }
  members.done();
  if (!errors.empty()) return errors.take();
  return out;
}

Result<RemediationVerifyRequest> decode_remediation_verify(std::string_view text) {
  CARNET_TRY(body, parse_body(text));
  service::FieldErrors errors;
  Members members(body, errors);
  RemediationVerifyRequest out;
  out.item = needed_text(members, "remediationId", kId);
  const std::string later = needed_text(members, "verifyScanId", kId);
  auto id = ScanId::parse(later);
  if (!id && !later.empty())
    errors.add("verifyScanId", "invalid_id", "must be the scanId of another scan");
  members.done();
  if (!errors.empty()) return errors.take();
  out.later = std::move(*id);
  return out;
}

Result<std::vector<std::string>> decode_remediation_ids(std::string_view text) {
  CARNET_TRY(body, parse_body(text));
  service::FieldErrors errors;
  Members members(body, errors);
  members.required("remediationIds");
  auto out = members.texts("remediationIds", service::kPlanItemsMax, kId);
  members.done();
  if (!errors.empty()) return errors.take();
  return std::move(*out);
}

}  // namespace carnet::api
