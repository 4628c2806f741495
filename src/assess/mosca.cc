#include "assess/mosca.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "assess/method.h"

namespace carnet::assess {

double round1(double value) { return std::floor(value * 10 + 0.5 + 1e-9) / 10; }

double years_to_qday(Timestamp now) {
  using std::chrono::January;
  const Timestamp qday{std::chrono::sys_days{std::chrono::year{kQDayYear} / January / 1}};
  const double days = std::chrono::duration<double, std::ratio<86400>>(qday - now).count();
  return round1(std::max(0.0, days / kDaysPerYear));
}

inventory::MoscaJudgement judge_mosca(const MoscaInput& input, Timestamp now) {
  inventory::MoscaJudgement judgement;
  auto& given = judgement.parameters;
  const auto take = [&given](const std::optional<double>& value, double fallback,
                             const char* name) {
    if (!value) given.defaults.emplace_back(name);
    return value.value_or(fallback);
  };
  given.data_shelf_life_years =
      take(input.data_shelf_life_years, kDefaultShelfLifeYears, "dataShelfLifeYears");
  given.migration_time_years =
      take(input.migration_time_years, kDefaultMigrationYears, "migrationTimeYears");
  given.years_to_qday = take(input.years_to_qday, years_to_qday(now), "yearsToQDay");
  // Compared in tenths of a thousandth, so that 0.1 + 0.2 > 0.3 does not hold by a rounding error.
  const double needed = given.data_shelf_life_years + given.migration_time_years;
  judgement.inequality_holds = std::round((needed - given.years_to_qday) * 1e4) > 0;
  judgement.summary = judgement.inequality_holds
                          ? fmt::format(
                                "Data must stay secret for {:g} years and migration takes {:g}: "
                                "together {:g} years, more "
                                "than the {:g} left until a quantum computer is assumed. What is "
                                "recorded today is at "
                                "stake now.",
                                given.data_shelf_life_years, given.migration_time_years, needed,
                                given.years_to_qday)
                          : fmt::format(
                                "Data must stay secret for {:g} years and migration takes {:g}: "
                                "together {:g} years, no "
                                "more than the {:g} left until a quantum computer is assumed. "
                                "There is time to migrate "
                                "in order.",
                                given.data_shelf_life_years, given.migration_time_years, needed,
                                given.years_to_qday);
  return judgement;
}

}  // namespace carnet::assess
