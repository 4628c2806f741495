#pragma once
// A cron line, as crontab(5) has it: five fields (minute, hour, day of month, month, day of week)
// with lists, ranges, steps and English names of months and days, or one of @yearly, @annually,
// @monthly, @weekly, @daily, @midnight, @hourly. A day must fit both day fields, but if both are
// restricted (neither begins with *) it is enough that it fits one. Values; thread-safe.

#include <bitset>
#include <chrono>
#include <optional>
#include <string_view>

#include <date/date.h>

#include "base/error.h"
#include "service/fields.h"

namespace carnet::service {

// Minutes of a calendar and clock on some wall; time_zone.h says when that is.
using LocalMinutes = date::local_time<std::chrono::minutes>;

class Cron {
 public:
  // Every fault of `line` is added to `bad` as one of `field`; its detail names the field of the
  // line and what it may be. Also for a line that fits no day at all, as 30 February. nullopt:
  // there were faults.
  [[nodiscard]] static std::optional<Cron> parse(std::string_view line, std::string_view field,
                                                 FieldErrors& bad);

  // The first minute after `after` that the line names; nullopt if the next eight years have none
  // (29 February can be so far away, and nothing else can).
  [[nodiscard]] std::optional<LocalMinutes> next(LocalMinutes after) const;
  // How many minutes of an hour it names.
  [[nodiscard]] std::size_t minutes_in_hour() const { return minutes_.count(); }

  static constexpr std::size_t kBits = 60;
  using Bits = std::bitset<kBits>;

 private:
  [[nodiscard]] bool fits(date::year_month_day day) const;

  Bits minutes_, hours_, days_, months_, weekdays_;
  bool any_day_ = false, any_weekday_ = false;  // the field begins with *
};

}  // namespace carnet::service
