#include "service/time_zone.h"

#include <algorithm>
#include <stdexcept>

#include <date/tz.h>

namespace carnet::service {
namespace {

constexpr std::size_t kZoneNameMax = 64;

// The system's folder has other files besides (localtime, posixrules, right/…, zone.tab).
bool is_zone_name(std::string_view name) {
  return !name.empty() && name.size() <= kZoneNameMax && name.front() >= 'A' &&
         name.front() <= 'Z' && name.find('.') == std::string_view::npos;
}

tl::unexpected<Error> no_such_zone(std::string_view field) {
  return make_validation_error(
      {{.field = std::string(field),
        .pointer = "/" + std::string(field),
        .code = "unknown_value",
        .detail = "must be a time zone of the IANA database, as Europe/Berlin or UTC"}});
}

}  // namespace

Result<TimeZone> TimeZone::find(std::string_view name, std::string_view field) {
  if (!is_zone_name(name)) return no_such_zone(field);
  try {
    const auto& zones = date::get_tzdb().zones;
    const auto below = [](const date::time_zone& zone, std::string_view wanted) {
      return zone.name() < wanted;
    };
    const auto found = std::lower_bound(zones.begin(), zones.end(), name, below);
    if (found == zones.end() || found->name() != name) return no_such_zone(field);
    // A zone is read when it is first asked; better now than in the scheduler.
    static_cast<void>(found->get_info(std::chrono::floor<std::chrono::seconds>(Timestamp{})));
    return TimeZone(&*found);
  } catch (const std::exception& failure) {
    return make_error(ErrorCode::kUnavailable,
                      "This server cannot read its time zone database; install tzdata.",
                      failure.what());
  }
}

LocalMinutes TimeZone::local(Timestamp time) const {
  return date::floor<std::chrono::minutes>(
      zone_->to_local(std::chrono::floor<std::chrono::seconds>(time)));
}

Timestamp TimeZone::instant(LocalMinutes local) const {
  const date::local_info info = zone_->get_info(local);
  if (info.result == date::local_info::nonexistent) return Timestamp{info.first.end};
  return Timestamp{date::sys_seconds{local.time_since_epoch()} - info.first.offset};
}

std::optional<Timestamp> next_instant(const Cron& cron, const TimeZone& zone, Timestamp after) {
  std::optional<LocalMinutes> local = zone.local(after);
  // In the hour that comes twice, what comes next on the wall may have been an hour ago.
  while ((local = cron.next(*local))) {
    const Timestamp time = zone.instant(*local);
    if (time > after) return time;
  }
  return std::nullopt;
}

}  // namespace carnet::service
