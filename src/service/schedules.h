#pragma once
// Scans at their time: what a tenant wants scanned, when, and who is told; and how the runs went.
// scheduler.h starts them. Thread-safe. Every change writes an audit row in the same transaction.
//
// A schedule has slots: every cadence_hours since it was made (or its cadence changed), or the
// times of a cron line in its time zone. Each slot is run once, a fixed part of jitter_minutes
// later. What a schedule scans is authorised when it is made or changed and again at each run.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/clock.h"
#include "base/random.h"
#include "base/task.h"
#include "service/context.h"
#include "service/outbox.h"
#include "service/scans.h"
#include "store/database.h"
#include "store/schedules.h"

namespace carnet::service {

inline constexpr int kCadenceHoursMax = 8760;
inline constexpr int kCadenceHoursDefault = 168;
inline constexpr std::size_t kCronMax = 255;  // characters of a line
inline constexpr int kJitterMinutesMax = 720;
inline constexpr int kJitterMinutesDefault = 15;
inline constexpr std::size_t kNotifyEmailsMax = 20;
inline constexpr int kSchedulesPerTenantMax = 1000;
inline constexpr int kScheduleRunsMax = 500;  // of each schedule

// Who gets a mail when a run has ended. `on`: "always"; "change": when something differs from the
// scan before, or the run failed or was skipped; "failure": when it failed or was skipped.
struct ScheduleNotify {
  std::vector<std::string> emails;
  std::string on = "change";
};

struct NewSchedule {
  std::string name;                  // 1–255 characters
  std::optional<int> cadence_hours;  // neither this nor cron: kCadenceHoursDefault
  std::optional<std::string> cron;
  std::optional<std::string> time_zone;  // of cron; "UTC"
  std::optional<int> jitter_minutes;     // 0–kJitterMinutesMax
  bool paused = false;
  ScanRequest scan;
  ScheduleNotify notify;
};

// What is left out stays as it is. cadence_hours in place of a cron line, and the other way round.
struct SchedulePatch {
  std::optional<std::string> name;
  std::optional<int> cadence_hours;
  std::optional<std::string> cron, time_zone;
  std::optional<int> jitter_minutes;
  std::optional<bool> paused;
  std::optional<ScanRequest> scan;
  std::optional<ScheduleNotify> notify;
};

// How a scan request and who is told lie in a schedule's row: as members of POST /pqc/scan and of
// `notify`.
[[nodiscard]] boost::json::object write_scan_request(const ScanRequest& request);
[[nodiscard]] ScanRequest read_scan_request(std::string_view text);
[[nodiscard]] boost::json::object write_notify(const ScheduleNotify& notify);
[[nodiscard]] ScheduleNotify read_notify(std::string_view text);

struct ManualRun {
  ScheduleRunId run;
  SubmittedScan scan;
};

class Schedules {
 public:
  struct Options {
    int per_tenant_max = kSchedulesPerTenantMax;  // limit: internal
    std::function<void()> on_change;              // Scheduler::wake
  };
  Schedules(store::Database& db, const Clock& clock, Random& random, Scans& scans, Options options);

  // kValidationFailed naming each bad field, those of the scan as "scan.…"; kTargetNotAuthorized;
  // kConflict: the tenant has per_tenant_max already.
  [[nodiscard]] Task<Result<store::ScheduleRow>> create(const Actor& actor, NewSchedule request);
  [[nodiscard]] Task<Result<store::ScheduleRow>> find(TenantId tenant, ScheduleId id);
  [[nodiscard]] Task<Result<std::vector<store::ScheduleRow>>> list(TenantId tenant,
                                                                   store::Page page);
  // kPreconditionFailed: `if_revision` is given and not the schedule's. Resuming plans the next
  // slot from now on: what fell into the pause is not made up for.
  [[nodiscard]] Task<Result<store::ScheduleRow>> patch(const Actor& actor, ScheduleId id,
                                                       SchedulePatch patch,
                                                       std::optional<int> if_revision);
  // Its scans stay, one that runs goes on.
  [[nodiscard]] Task<Result<void>> erase(const Actor& actor, ScheduleId id);
  // Now, whatever the plan says, which stays as it is; also of a paused one. kConflict while its
  // last scan is queued or running; kTargetNotAuthorized as at POST /pqc/scan.
  [[nodiscard]] Task<Result<ManualRun>> run_now(const Actor& actor, ScheduleId id);
  // Newest first.
  [[nodiscard]] Task<Result<std::vector<store::ScheduleRunRow>>> runs(TenantId tenant,
                                                                      ScheduleId id,
                                                                      store::Page page);

 private:
  [[nodiscard]] Task<Result<void>> check_scan(TenantId tenant, const ScanRequest& request);
  void changed() const;

  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  Scans& scans_;
  Options options_;
};

// How the scan of a run ended, for its mail.
struct ScheduledScanEnd {
  TenantId tenant;
  ScanId scan;
  std::string status;  // success | error | cancelled
  std::string detail;  // of an error
  std::optional<double> readiness_score;
  std::string readiness_band;
  bool changed = false;               // something differs from the scan before
  std::vector<std::string> findings;  // sentences for a person: what changed, what was alerted
};
// Mails those whom its schedule names; nothing for a scan that no schedule started. Call it within
// the transaction that ends the scan, in the scope of its tenant. `public_url` begins the link.
[[nodiscard]] Result<void> mail_scheduled_scan(store::Connection& connection, const Outbox& outbox,
                                               const ScheduledScanEnd& end,
                                               std::string_view public_url, Timestamp now);

}  // namespace carnet::service
