#pragma once
// When a schedule runs, and how what it scans and whom it tells lie in its row. Private to
// service/. Pure functions and values; thread-safe.

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "service/cron.h"
#include "service/schedules.h"
#include "service/time_zone.h"

namespace carnet::service {

// The slots of one schedule. A slot's run is due `offset` later: the schedule's own part of its
// jitter, always the same.
class SlotRule {
 public:
  // Of a stored row. Errors: kInternal if its cron line cannot be read, those of TimeZone::find().
  [[nodiscard]] static Result<SlotRule> of(const store::ScheduleRow& row);

  // The first slot after `after`. Each cron line has one.
  [[nodiscard]] Timestamp after(Timestamp after) const;
  [[nodiscard]] std::chrono::milliseconds offset() const { return offset_; }
  [[nodiscard]] store::schedules::Plan plan(Timestamp slot) const {
    return {.slot_at = slot, .next_run_at = slot + offset_, .catching_up = false};
  }
  // The newest slot whose run is due at `now`, at least `slot`: the run that is late stands for all
  // of them.
  [[nodiscard]] Timestamp due_until(Timestamp slot, Timestamp now) const {
    return std::max(slot, now - offset_);
  }

 private:
  std::optional<std::chrono::hours> cadence_;
  Timestamp anchor_{};
  std::optional<Cron> cron_;
  std::optional<TimeZone> zone_;
  std::chrono::milliseconds offset_{0};
};

// What somebody has paused or retimed begins anew: `row`'s plan from `now` on.
[[nodiscard]] Result<void> plan_from(store::ScheduleRow& row, Timestamp now);

// What a person says of a run, "Weekly (every 168 h)"; of a mail's subject.
[[nodiscard]] std::string describe_timing(const store::ScheduleRow& row);

}  // namespace carnet::service
