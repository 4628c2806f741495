#pragma once
// One run of a schedule: as a scan request, as a row, and what is told of it. Private to service/.
// Pure functions but for those on a lent Connection.

#include <optional>
#include <string_view>

#include "service/outbox.h"
#include "service/schedules.h"

namespace carnet::service {

// Told (Connection::notify) when a plan has changed.
inline constexpr std::string_view kSchedulesChannel = "carnet_schedules";

// What the schedule scans; its name is the label, unless it says another.
[[nodiscard]] ScanRequest request_of_run(const store::ScheduleRow& row);

// The next run of `row`. Without a scan it is one that is skipped.
[[nodiscard]] store::ScheduleRunRow run_of(const store::ScheduleRow& row, std::string_view cause,
                                           Timestamp due, Timestamp now, Random& random,
                                           std::optional<ScanId> scan);

// Records the run as skipped for `reason` and tells whoever wants to know.
[[nodiscard]] Result<void> record_skip(store::Connection& connection, const Outbox& outbox,
                                       const store::ScheduleRow& row, store::ScheduleRunRow run,
                                       std::string_view reason, std::string_view detail);

}  // namespace carnet::service
