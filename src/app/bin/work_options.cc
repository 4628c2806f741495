#include "app/bin/work_options.h"

#include "app/bin/share_options.h"
#include "service/drift.h"

namespace carnet::app {

void RemediationOptions::add_to(CLI::App& remediation) {
  remediation.require_subcommand(1);
  const auto add = [this, &remediation](const char* name, const char* what) {
    CLI::App* const command = remediation.add_subcommand(name, what);
    command->add_option("SCAN_ID", change.scan_id, "whose backlog")->required();
    add_tenant_connection(*command, connection);
    return command;
  };
  const auto add_item = [this](CLI::App& command) {
    command.add_option("ITEM_ID", change.item_id, "rem_…")->required();
  };
  const CLI::IsMember statuses({"open", "in_progress", "accepted_risk", "done"});
  CLI::App* const list = add("list", "what is to be done, the most urgent first");
  list->add_option("--status", wanted.status, "open, in_progress, accepted_risk or done")
      ->check(statuses);
  list->add_option("--owner", wanted.owner, "only this owner's");
  list->add_flag("--overdue", wanted.overdue, "only what is late");
  list->add_option("--limit", wanted.limit, "1 to 100")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  add_item(*add("show", "one item, with the configuration to paste"));
  CLI::App* const set = add("set", "say who does it until when, or how it stands");
  add_item(*set);
  set->add_option("--status", change.status, "open, in_progress, accepted_risk or done")
      ->required()
      ->check(statuses);
  set->add_option("--owner", change.owner, "who does it; \"\" for nobody");
  set->add_option("--notes", change.notes, "up to 4000 characters");
  set->add_option("--target-date", change.target_date, "such as 2027-03-31");
  set->add_option("--reason", change.reason, "why the risk is accepted");
  set->add_option("--until", change.accepted_until, "the last day that the risk is accepted");
  CLI::App* const verify = add("verify", "whether a later scan proves it done; exit 1 if not");
  add_item(*verify);
  verify->add_option("LATER_SCAN_ID", later, "the later scan")->required();
  CLI::App* const project = add("project", "the score if these items were done");
  project->add_option("ITEM_ID", items, "rem_…")->required();
  add("export", "the backlog as CSV, on standard output");
  CLI::App* const import = add("import", "take over states from a CSV; exit 1 if rows are wrong");
  import->add_option("FILE", file, "as it was exported, edited")->required();
  import->add_flag("--dry-run", dry_run, "change nothing, only say what would be");
}

int RemediationOptions::run(const CLI::App& remediation) const {
  const std::string& scan = change.scan_id;
  if (remediation.got_subcommand("list")) {
    RemediationList list = wanted;
    list.scan_id = scan;
    return run_remediation_list(connection, list);
  }
  if (remediation.got_subcommand("show"))
    return run_remediation_show(connection, scan, change.item_id);
  if (remediation.got_subcommand("set")) return run_remediation_set(connection, change);
  if (remediation.got_subcommand("verify"))
    return run_remediation_verify(connection, scan, change.item_id, later);
  if (remediation.got_subcommand("project"))
    return run_remediation_project(connection, scan, items);
  if (remediation.got_subcommand("export")) return run_remediation_export(connection, scan);
  return run_remediation_import(connection, scan, file, dry_run);
}

void DriftOptions::add_to(CLI::App& drift) {
  drift.require_subcommand(1);
  const CLI::Range days(1, service::kDriftDaysMax);
  CLI::App* const summary = drift.add_subcommand("summary", "scores and changes, a line a day");
  summary->add_option("--days", summary_days, "1 to 366")->capture_default_str()->check(days);
  add_tenant_connection(*summary, connection);
  CLI::App* const changes =
      drift.add_subcommand("changes", "what changed at endpoints, newest first");
  changes->add_option("--host", filter.host, "only this host");
  changes->add_option("--port", filter.port, "only this port, with --host")
      ->check(CLI::Range(0, 65535));
  changes->add_option("--change", filter.change, "endpoint_new, added, removed, changed or renewed")
      ->check(CLI::IsMember({"endpoint_new", "added", "removed", "changed", "renewed"}));
  changes->add_option("--direction", filter.direction, "better, worse or same")
      ->check(CLI::IsMember({"better", "worse", "same"}));
  changes->add_option("--hybrid", filter.hybrid, "gained or lost")
      ->check(CLI::IsMember({"gained", "lost"}));
  changes->add_option("--days", filter.since_days, "1 to 366")->capture_default_str()->check(days);
  changes->add_option("--limit", filter.limit, "1 to 100")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  add_tenant_connection(*changes, connection);
  CLI::App* const diff = drift.add_subcommand("diff", "two scans, asset by asset");
  diff->add_option("SCAN_ID", scan_id, "the later scan")->required();
  diff->add_option("--against", against,
                   "the earlier one (default: the newest of the same targets)");
  add_tenant_connection(*diff, connection);
}

int DriftOptions::run(const CLI::App& drift) const {
  if (drift.got_subcommand("summary")) return run_drift_summary(connection, summary_days);
  if (drift.got_subcommand("changes")) return run_drift_changes(connection, filter);
  return run_drift_diff(connection, scan_id, against);
}

}  // namespace carnet::app
