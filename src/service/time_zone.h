#pragma once
// Time zones of the system's tz database (IANA names, as "Europe/Berlin"), and the instants that a
// cron line means in one. The database is read when it is first asked, each zone once; a newer one
// counts after a restart. Of a zone's file the library (Howard Hinnant's date) reads the table, not
// the rule behind it: from 2038 on there is no summer time. Values; thread-safe.
//
// Where the clock is put forward, what falls into the gap happens when the gap ends; where it is
// put back, what falls into the hour that comes twice happens the first time only.

#include <optional>
#include <string_view>

#include "base/clock.h"
#include "base/error.h"
#include "service/cron.h"

namespace date {
class time_zone;
}

namespace carnet::service {

class TimeZone {
 public:
  // kValidationFailed naming `field`: there is no such zone. kUnavailable: this system has no tz
  // database.
  [[nodiscard]] static Result<TimeZone> find(std::string_view name, std::string_view field);

  // What the clocks there show at `time`, without its seconds.
  [[nodiscard]] LocalMinutes local(Timestamp time) const;
  [[nodiscard]] Timestamp instant(LocalMinutes local) const;

 private:
  explicit TimeZone(const date::time_zone* zone) : zone_(zone) {}
  const date::time_zone* zone_;  // lives as long as the process
};

// The first instant after `after` that the line means; nullopt as Cron::next().
[[nodiscard]] std::optional<Timestamp> next_instant(const Cron& cron, const TimeZone& zone,
                                                    Timestamp after);

}  // namespace carnet::service
