#include "app/plan_command.h"

#include <cmath>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/tenant_client.h"
#include "base/json.h"

namespace carnet::app {
namespace {

constexpr std::string_view kCommand = "plan";
constexpr std::size_t kConstraintsBytesMax = 1024 * 1024;

// The members of the file; an error sentence otherwise.
Result<boost::json::object> read_constraints(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return make_error(ErrorCode::kUnavailable, fmt::format("cannot read {}", file));
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (text.size() > kConstraintsBytesMax)
    return make_error(ErrorCode::kValidationFailed, fmt::format("{} is larger than 1 MiB", file));
  auto value = json::parse(text);
  if (!value || !value->is_object())
    return make_error(ErrorCode::kValidationFailed,
                      fmt::format("{} must hold one JSON object: freezeWindows, dependencies, "
                                  "mustDoBy, efforts, remediationIds, weeksMax",
                                  file));
  return std::move(value->get_object());
}

double number(const boost::json::object& object, std::string_view name) {
  const boost::json::value* value = object.if_contains(name);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}

void print_plan(const boost::json::object& answer) {
  std::vector<TableLine> lines{{"WEEK", "FROM", "TO", "DAYS", "EXPOSURE LEFT", "WORK"}};
  if (const auto* waves = answer.if_contains("waves"); waves != nullptr && waves->is_array())
    for (const boost::json::value& entry : waves->as_array()) {
      const boost::json::object& wave = entry.as_object();
      const std::string days =
          fmt::format("{:g} of {:g}", number(wave, "plannedDays"), number(wave, "capacityDays"));
      bool first = true;
      for (const boost::json::value& part : wave.at("items").as_array()) {
        const boost::json::object& item = part.as_object();
        const std::string work = fmt::format(
            "{} {} ({:g} d{})", member(item, "remediationId"), member(item, "title"),
            number(item, "days"), item.at("finished").as_bool() ? ", finished" : ", goes on");
        if (first)
          lines.push_back({member(wave, "week"), member(wave, "from"), member(wave, "to"), days,
                           member(wave, "exposureLeft"), work});
        else
          lines.push_back({"", "", "", "", "", work});
        first = false;
      }
    }
  if (lines.size() == 1) {
    fmt::print("nothing to do: no item is open or in progress\n");
    return;
  }
  print_table(lines);
  const boost::json::value* optimal = answer.if_contains("optimal");
  constexpr double kPercent = 100;
  fmt::print("{} items, finished by {}; {}\n", member(answer, "itemCount"),
             member(answer, "finishDate"),
             optimal != nullptr && optimal->is_bool() && optimal->as_bool()
                 ? std::string("proven optimal")
                 : fmt::format("at most {:.2f} % from the optimum, proven",
                               number(answer, "gap") * kPercent));
}

}  // namespace

int run_plan(const TenantConnection& connection, const PlanCommand& wanted) {
  if (!is_id(wanted.scan_id, "scan_")) return usage_error(kCommand, "SCAN_ID looks like scan_01j…");
  boost::json::object body;
  if (!wanted.constraints.empty()) {
    auto read = read_constraints(wanted.constraints);
    if (!read) return usage_error(kCommand, read.error().public_detail);
    body = std::move(*read);
  }
  if (wanted.capacity_days > 0) body["capacityDaysPerWeek"] = wanted.capacity_days;
  if (!wanted.start.empty()) body["startDate"] = wanted.start;
  if (wanted.deadlines) body["useDeadlines"] = true;
  boost::json::object answer;
  const int code = ask_as_tenant(kCommand, connection,
                                 {.url = {},
                                  .method = "POST",
                                  .path = "/tenant/scans/" + wanted.scan_id + "/plan",
                                  .body = json::write(body)},
                                 answer);
  if (code != 0) return code;
  if (connection.json)
    fmt::print("{}", json::write_pretty(answer));
  else
    print_plan(answer);
  return 0;
}

}  // namespace carnet::app
