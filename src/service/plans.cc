#include "service/plans.h"

#include <cmath>
#include <map>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "service/dates.h"
#include "service/document.h"
#include "service/fields.h"
#include "service/remediation.h"

namespace carnet::service {
namespace {

constexpr WorkThreads::Limits kThreads{.threads = 1, .waiting_max = 8};
constexpr double kHundred = 100;
constexpr double kTenths = 10;

// A request turned into a problem, with the way back from its numbers to the request's members.
struct Posed {
  PlanRequest request;
  std::vector<inventory::BacklogItem> items;
  assess::PlanProblem problem;
  std::vector<std::optional<std::size_t>> due_from;  // by item: place in mustDoBy, or its deadline
};

class Poser {
 public:
  Poser(PlanRequest request, std::vector<inventory::BacklogItem> backlog, assess::Day today)
      : backlog_(std::move(backlog)) {
    posed_.request = std::move(request);
    posed_.problem.start = today;
  }

  Result<Posed> pose() {
    take_numbers();
    take_items();
    take_efforts();
    take_freezes();
    take_dependencies();
    take_dues();
    if (!errors_.empty()) return errors_.take();
    return std::move(posed_);
  }

 private:
  // The number of an item of the plan; an error naming the member otherwise.
  std::optional<std::size_t> number_of(const std::string& id, const std::string& field) {
    const auto found = numbers_.find(id);
    if (found != numbers_.end()) return found->second;
    errors_.add(field, "unknown_value",
                "must be the id of an item that is planned: one of this scan's backlog that is "
                "open or in progress");
    return std::nullopt;
  }

  std::optional<assess::Day> date_of(const std::string& text, const std::string& field) {
    auto day = parse_date(text);
    if (!day) errors_.add(field, "invalid_date", "must be a day such as 2027-03-31");
    return day;
  }

  void take_numbers() {
    const PlanRequest& request = posed_.request;
    posed_.problem.capacity =
        static_cast<std::int64_t>(std::llround(request.capacity_days_per_week * kHundred));
    if (posed_.problem.capacity < 1 || request.capacity_days_per_week > kPlanCapacityDaysMax)
      errors_.add("capacityDaysPerWeek", "out_of_range", "must be a number from 0.01 to 10000");
    errors_.integer("weeksMax", request.weeks, 1, kPlanWeeksMax);
    posed_.problem.weeks_max = request.weeks;
    if (request.start_date.empty()) return;
    const auto start = date_of(request.start_date, "startDate");
    if (!start) return;
    constexpr int kLastYear = 9999;
    const assess::Day end = *start + std::chrono::days(7 * request.weeks);
    if (std::chrono::year_month_day(end).year() > std::chrono::year(kLastYear))
      errors_.add("startDate", "out_of_range", "must leave weeksMax weeks before the year 10000");
    posed_.problem.start = *start;
  }

  void take_items() {
    std::set<std::string> wanted(posed_.request.items.begin(), posed_.request.items.end());
    for (inventory::BacklogItem& item : backlog_) {
      const bool to_do = item.status == "open" || item.status == "in_progress";
      if (!to_do || (!wanted.empty() && !wanted.contains(item.id))) continue;
      numbers_.emplace(item.id, posed_.items.size());
      constexpr double kLeast = 0.01;
      posed_.problem.items.push_back(
          {.effort = static_cast<std::int64_t>(
               std::llround(std::max(item.effort_days, kLeast) * kHundred)),
           .exposure = static_cast<std::int64_t>(std::llround(item.priority * kTenths)),
           .due = {}});
      posed_.items.push_back(std::move(item));
    }
    for (std::size_t i = 0; i < posed_.request.items.size(); ++i)
      static_cast<void>(number_of(posed_.request.items[i], fmt::format("remediationIds.{}", i)));
    if (posed_.items.size() > kPlanItemsMax)
      errors_.add("remediationIds", "too_many",
                  fmt::format("must choose at most {} items of the {} that are to be done",
                              kPlanItemsMax, posed_.items.size()));
    posed_.due_from.resize(posed_.items.size());
  }

  void take_efforts() {
    std::set<std::size_t> seen;
    for (std::size_t i = 0; i < posed_.request.efforts.size(); ++i) {
      const PlanRequest::Effort& effort = posed_.request.efforts[i];
      const std::string field = fmt::format("efforts.{}", i);
      const auto item = number_of(effort.item, field + ".remediationId");
      const auto hundredths = std::llround(effort.days * kHundred);
      if (hundredths < 1 || effort.days > kPlanEffortDaysMax)
        errors_.add(field + ".days", "out_of_range", "must be a number from 0.01 to 10000");
      else if (item && !seen.insert(*item).second)
        errors_.add(field + ".remediationId", "duplicate", "must not name an item twice");
      else if (item)
        posed_.problem.items[*item].effort = hundredths;
    }
  }

  void take_freezes() {
    for (std::size_t i = 0; i < posed_.request.freezes.size(); ++i) {
      const PlanRequest::Freeze& freeze = posed_.request.freezes[i];
      const std::string field = fmt::format("freezeWindows.{}", i);
      const auto from = date_of(freeze.from, field + ".from");
      const auto to = date_of(freeze.to, field + ".to");
      if (from && to && *to < *from)
        errors_.add(field + ".to", "out_of_range", "must not be before from");
      else if (from && to)
        posed_.problem.freezes.push_back({*from, *to});
    }
  }

  void take_dependencies() {
    for (std::size_t i = 0; i < posed_.request.dependencies.size(); ++i) {
      const PlanRequest::Dependency& dependency = posed_.request.dependencies[i];
      const std::string field = fmt::format("dependencies.{}", i);
      const auto before = number_of(dependency.before, field + ".before");
      const auto after = number_of(dependency.after, field + ".after");
      if (before && after && *before == *after)
        errors_.add(field + ".after", "same_item", "must be another item than before");
      else if (before && after)
        posed_.problem.dependencies.emplace_back(*before, *after);
    }
  }

  void take_dues() {
    if (posed_.request.use_deadlines)
      for (std::size_t i = 0; i < posed_.items.size(); ++i)
        posed_.problem.items[i].due = parse_date(posed_.items[i].deadline);
    std::set<std::size_t> seen;
    for (std::size_t i = 0; i < posed_.request.must_do_by.size(); ++i) {
      const PlanRequest::Due& due = posed_.request.must_do_by[i];
      const std::string field = fmt::format("mustDoBy.{}", i);
      const auto item = number_of(due.item, field + ".remediationId");
      const auto date = date_of(due.date, field + ".date");
      if (!item || !date) continue;
      if (!seen.insert(*item).second) {
        errors_.add(field + ".remediationId", "duplicate", "must not name an item twice");
        continue;
      }
      std::optional<assess::Day>& own = posed_.problem.items[*item].due;
      if (own && *own <= *date) continue;  // its deadline asks for more
      own = *date;
      posed_.due_from[*item] = i;
    }
  }

  std::vector<inventory::BacklogItem> backlog_;
  std::map<std::string, std::size_t> numbers_;
  FieldErrors errors_;
  Posed posed_;
};

FieldError field_of(const Posed& posed, const assess::PlanConflict::Member& member) {
  const auto at = [](std::string_view list, std::size_t index, std::string detail) {
    return FieldError{.field = fmt::format("{}.{}", list, index),
                      .pointer = fmt::format("/{}/{}", list, index),
                      .code = "conflict",
                      .detail = std::move(detail)};
  };
  const PlanRequest& request = posed.request;
  switch (member.kind) {
    case assess::PlanConstraint::kCapacity:
      return {.field = "capacityDaysPerWeek",
              .pointer = "/capacityDaysPerWeek",
              .code = "conflict",
              .detail = fmt::format("{:g} days of work a week", request.capacity_days_per_week)};
    case assess::PlanConstraint::kHorizon:
      return {.field = "weeksMax",
              .pointer = "/weeksMax",
              .code = "conflict",
              .detail = fmt::format("everything finished within {} weeks", request.weeks)};
    case assess::PlanConstraint::kFreeze: {
      const PlanRequest::Freeze& freeze = request.freezes[member.index];
      return at("freezeWindows", member.index,
                fmt::format("no work from {} to {}{}", freeze.from, freeze.to,
                            freeze.label.empty() ? "" : " (" + freeze.label + ")"));
    }
    case assess::PlanConstraint::kDependency: {
      const PlanRequest::Dependency& one = request.dependencies[member.index];
      return at("dependencies", member.index, fmt::format("{} before {}", one.before, one.after));
    }
    case assess::PlanConstraint::kDue:
      break;
  }
  const inventory::BacklogItem& item = posed.items[member.index];
  const std::string detail =
      fmt::format("{} by {}", item.id, date_text(*posed.problem.items[member.index].due));
  if (const auto place = posed.due_from[member.index]) return at("mustDoBy", *place, detail);
  return {.field = "useDeadlines",
          .pointer = "/useDeadlines",
          .code = "conflict",
          .detail = detail + ", its deadline"};
}

tl::unexpected<Error> conflict_error(const Posed& posed, const assess::PlanConflict& conflict) {
  Error error{.code = ErrorCode::kValidationFailed, .public_detail = {}};
  std::string names;
  for (const assess::PlanConflict::Member& member : conflict.members) {
    error.fields.push_back(field_of(posed, member));
    names += (names.empty() ? "" : "; ") + error.fields.back().field + " (" +
             error.fields.back().detail + ")";
  }
  const double units = assess::kPlanUnitsPerDay;
  const std::string why =
      !conflict.day
          ? std::string("the dependencies go in a circle")
          : fmt::format("by {} they ask for {:g} days of work, and there is room for {:g}",
                        date_text(*conflict.day),
                        static_cast<double>(conflict.needed_units) / units,
                        static_cast<double>(conflict.room_units) / units);
  error.public_detail = fmt::format(
      "No plan meets these together{}: {}: {}. Leave any one of them out and the others can be "
      "met.",
      conflict.smallest ? ", and no fewer of the constraints conflict" : "", names, why);
  return tl::unexpected(std::move(error));
}

}  // namespace

Plans::Plans(store::Database& db, const Clock& clock)
    : db_(db), clock_(clock), threads_(kThreads) {}

void Plans::stop() {
  stopping_.store(true);
  threads_.stop();
}

Task<Result<MigrationPlan>> Plans::make(TenantId tenant, ScanId scan, PlanRequest request) {
  using Backlog = std::vector<inventory::BacklogItem>;
  const Timestamp now = clock_.now();
  const auto read = [tenant, scan, now](store::Connection& connection) -> Result<Backlog> {
    connection.as_tenant(tenant.str());
    CARNET_TRY(row, store::scans::find(connection, tenant, scan));
    if (!row) return make_error(ErrorCode::kNotFound, "There is no such scan.");
    if (row->status != "success")
      return make_error(ErrorCode::kScanNotFinished,
                        "The scan has no backlog: its status is " + row->status + ".");
    CARNET_TRY(loaded, load_document(connection, scan));
    CARNET_TRY(states, remediation_states(connection, tenant, scan, now));
    assess::apply_remediation(loaded.document.judgement.backlog, states);
    return std::move(loaded.document.judgement.backlog);
  };
  CARNET_CO_TRY(backlog, co_await db_.read<Backlog>(read));
  Poser poser(std::move(request), std::move(backlog), date_of(now));
  CARNET_CO_TRY(made, poser.pose());
  const auto posed = std::make_shared<Posed>(std::move(made));
  using Answer = std::variant<assess::Plan, assess::PlanConflict>;
  const auto answer = std::make_shared<std::optional<Answer>>();
  if (posed->items.empty())  // everything is done, or accepted
    co_return MigrationPlan{.items = {},
                            .effort_days = {},
                            .capacity_days_per_week = posed->request.capacity_days_per_week,
                            .start = posed->problem.start,
                            .plan = {}};
  const std::function<void()> work = [this, posed, answer] {
    const assess::PlanLimits limits{.time = std::chrono::seconds(posed->request.seconds),
                                    .cancelled = &stopping_};
    answer->emplace(assess::make_plan(posed->problem, limits, clock_));
  };
  CARNET_CO_TRY_VOID(co_await threads_.run(work));
  if (const auto* conflict = std::get_if<assess::PlanConflict>(&**answer))
    co_return conflict_error(*posed, *conflict);
  MigrationPlan plan{.items = std::move(posed->items),
                     .effort_days = {},
                     .capacity_days_per_week = posed->request.capacity_days_per_week,
                     .start = posed->problem.start,
                     .plan = std::move(std::get<assess::Plan>(**answer))};
  for (const assess::PlanItem& item : posed->problem.items)
    plan.effort_days.push_back(static_cast<double>(item.effort) / kHundred);
  co_return plan;
}

}  // namespace carnet::service
