#include "app/bin/schedule_options.h"

#include "app/bin/share_options.h"

namespace carnet::app {
namespace {

constexpr int kLimitMax = 100;  // limit: internal

}  // namespace

// What add and edit have in common.
void ScheduleOptions::add_change(CLI::App& command) {
  command.add_option("--every", change.cadence_hours, "hours from one run to the next (1 to 8760)")
      ->type_name("HOURS");
  command
      .add_option("--cron", change.cron,
                  "five fields (minute hour day month weekday), or @daily, @weekly, …")
      ->type_name("LINE")
      ->excludes("--every");
  command
      .add_option("--time-zone", change.time_zone,
                  "of the cron line, such as Europe/Berlin (default UTC)")
      ->type_name("ZONE");
  command
      .add_option("--jitter", change.jitter_minutes,
                  "runs begin up to so many minutes late, always as many (default 15)")
      ->type_name("MINUTES");
  command.add_option("--kinds", change.kinds, "what to look for, as of carnet scan")
      ->delimiter(',');
  command.add_option("--ports", change.ports, "ports for targets without one")->delimiter(',');
  command.add_option("--profile", change.profile, "quick, standard or deep");
  command.add_option("--label", change.label, "of its scans (default: the schedule's name)");
  command.add_option("--email", change.emails, "who gets a mail about its runs")->delimiter(',');
  command.add_option("--on", change.notify_on, "mail always, on change or on failure");
}

void ScheduleOptions::add_to(CLI::App& schedule) {
  schedule.require_subcommand(1);
  CLI::App* const list = schedule.add_subcommand("list", "list schedules, newest first");
  CLI::App* const add = schedule.add_subcommand("add", "scan again and again");
  add->add_option("TARGET", change.targets, "host, host:port, URL or CIDR block")->required();
  add->add_option("--name", change.name, "what it is called")->required();
  add_change(*add);
  add->add_flag("--paused", change.paused, "not yet");
  CLI::App* const show = schedule.add_subcommand("show", "one schedule, its next and last run");
  CLI::App* const edit = schedule.add_subcommand("edit", "change what is given, keep the rest");
  CLI::App* const pause = schedule.add_subcommand("pause", "no runs until it is resumed");
  CLI::App* const resume = schedule.add_subcommand("resume", "go on with the next run");
  CLI::App* const now = schedule.add_subcommand("run", "run it now, beside its plan");
  CLI::App* const runs = schedule.add_subcommand("runs", "how its runs went, newest first");
  CLI::App* const remove = schedule.add_subcommand("rm", "delete it; its scans stay");
  for (CLI::App* const command : {show, edit, pause, resume, now, runs, remove})
    command->add_option("SCHEDULE_ID", id, "which schedule")->required();
  edit->add_option("--name", change.name, "what it is called");
  edit->add_option("--targets", change.targets, "in place of those it has")->delimiter(',');
  add_change(*edit);
  edit->add_flag("--no-email", change.no_emails, "no mail to anybody");
  for (CLI::App* const command : {list, runs})
    command->add_option("--limit", limit, "1 to 100")
        ->capture_default_str()
        ->check(CLI::Range(1, kLimitMax));
  for (CLI::App* const command : {list, add, show, edit, pause, resume, now, runs, remove})
    add_tenant_connection(*command, connection);
}

int ScheduleOptions::run(const CLI::App& schedule) const {
  if (schedule.got_subcommand("list")) return run_schedule_list(connection, limit);
  if (schedule.got_subcommand("add")) return run_schedule_add(connection, change);
  if (schedule.got_subcommand("show")) return run_schedule_show(connection, id);
  if (schedule.got_subcommand("edit")) return run_schedule_edit(connection, id, change);
  if (schedule.got_subcommand("pause")) return run_schedule_pause(connection, id, true);
  if (schedule.got_subcommand("resume")) return run_schedule_pause(connection, id, false);
  if (schedule.got_subcommand("run")) return run_schedule_now(connection, id);
  if (schedule.got_subcommand("runs")) return run_schedule_runs(connection, id, limit);
  return run_schedule_remove(connection, id);
}

}  // namespace carnet::app
