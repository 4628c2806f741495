#include "service/schedule_run.h"

#include <fmt/format.h>

#include "service/schedule_plan.h"

namespace carnet::service {
namespace {

constexpr std::size_t kFindingsMax = 20;  // limit: internal

bool wants(const ScheduleNotify& notify, const ScheduledScanEnd& end) {
  if (notify.emails.empty() || end.status == "cancelled") return false;
  if (end.status == "error" || notify.on == "always") return true;
  return notify.on == "change" && end.changed;
}

// Names are a tenant's text; a subject is one line.
std::string one_line(std::string text) {
  for (char& byte : text)
    if (byte == '\n' || byte == '\t' || byte == '\r') byte = ' ';
  return text;
}

std::string outcome(const ScheduledScanEnd& end) {
  if (end.status != "success") return "failed";
  if (!end.readiness_score) return "nothing to score";
  return fmt::format("readiness {:.1f}, {}", *end.readiness_score, end.readiness_band);
}

}  // namespace

ScanRequest request_of_run(const store::ScheduleRow& row) {
  ScanRequest request = read_scan_request(row.scan);
  if (request.label.empty()) request.label = row.name;
  return request;
}

store::ScheduleRunRow run_of(const store::ScheduleRow& row, std::string_view cause, Timestamp due,
                             Timestamp now, Random& random, std::optional<ScanId> scan) {
  store::ScheduleRunRow run;
  run.id = ScheduleRunId::generate(now, random);
  run.schedule_id = row.id;
  run.tenant_id = row.tenant_id;
  run.number = row.runs + 1;
  run.cause = cause;
  run.due_at = due;
  run.at = now;
  run.scan_id = std::move(scan);
  return run;
}

Result<void> record_skip(store::Connection& connection, const Outbox& outbox,
                         const store::ScheduleRow& row, store::ScheduleRunRow run,
                         std::string_view reason, std::string_view detail) {
  run.scan_id.reset();
  run.reason = reason;
  run.detail = detail;
  CARNET_TRY_VOID(store::schedules::add_run(connection, run, kScheduleRunsMax));
  const std::string message =
      fmt::format("The run of schedule \"{}\" that was due at {} was skipped. {}",
                  one_line(row.name), to_rfc3339(run.due_at), detail);
  const Event event{.name = kScheduleSkipped,
                    .tenant = row.tenant_id,
                    .scan = {},
                    .readiness_score = {},
                    .alerts = {},
                    .message = message};
  CARNET_TRY_VOID(outbox.emit(connection, event, run.at));
  const ScheduleNotify notify = read_notify(row.notify);
  if (notify.emails.empty()) return {};
  const Mail mail{
      .tenant = row.tenant_id,
      .to = notify.emails,
      .subject = fmt::format("{}: run skipped", one_line(row.name)),
      .text = fmt::format("{}\n\nSchedule {}, {}.\n", message, row.id.str(), describe_timing(row))};
  return outbox.mail(connection, mail, run.at);
}

Result<void> mail_scheduled_scan(store::Connection& connection, const Outbox& outbox,
                                 const ScheduledScanEnd& end, std::string_view public_url,
                                 Timestamp now) {
  CARNET_TRY(found, store::schedules::of_scan(connection, end.tenant, end.scan));
  if (!found) return {};
  const ScheduleNotify notify = read_notify(found->schedule.notify);
  if (!wants(notify, end)) return {};
  Mail mail;
  mail.tenant = end.tenant;
  mail.to = notify.emails;
  mail.subject = fmt::format("{}: {}", one_line(found->schedule.name), outcome(end));
  mail.text = fmt::format("The scan of schedule \"{}\" {}.\n", one_line(found->schedule.name),
                          end.status == "success" ? "is finished: " + outcome(end) : "failed");
  if (!end.detail.empty()) mail.text += end.detail + "\n";
  mail.text += "\n";
  for (std::size_t i = 0; i < std::min(end.findings.size(), kFindingsMax); ++i)
    mail.text += fmt::format("- {}\n", one_line(end.findings[i]));
  if (end.findings.size() > kFindingsMax)
    mail.text += fmt::format("- and {} more\n", end.findings.size() - kFindingsMax);
  if (end.findings.empty())
    mail.text += end.changed ? "Something changed since the scan before.\n"
                             : "Nothing changed since the scan before.\n";
  mail.text += fmt::format("\nScan: {}/pqc/scan/{}\nSchedule {}, {}.\n", public_url, end.scan.str(),
                           found->schedule.id.str(), describe_timing(found->schedule));
  return outbox.mail(connection, mail, now);
}

}  // namespace carnet::service
