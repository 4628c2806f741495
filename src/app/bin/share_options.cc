#include "app/bin/share_options.h"

namespace carnet::app {

void add_tenant_connection(CLI::App& command, TenantConnection& connection) {
  command.add_option("--url", connection.url, "where the service is [CARNET_URL]")
      ->envname("CARNET_URL")
      ->capture_default_str();
  command
      .add_option(
          "--key-file", connection.key_file,
          "file with an API key; of the role operator where something is changed, of admin for "
          "settings, audit, export and erasure")
      ->type_name("FILE");
  command.add_option("--key", connection.key, "the key itself; others see it in the process list")
      ->envname("CARNET_API_KEY");
  command.add_flag("--json", connection.json, "print the service's answer as JSON");
}

void ShareOptions::add_to(CLI::App& share) {
  share.require_subcommand(1);
  CLI::App* const make = share.add_subcommand("create", "make a link to a scan; shown this once");
  make->add_option("SCAN_ID", create.scan_id, "which scan")->required();
  make->add_option("--recipient", create.recipient, "printed on the page: \"Prepared for ...\"");
  make->add_option("--label", create.label, "only you see it");
  make->add_option("--scope", create.scope, "report, bundle or passport")->capture_default_str();
  make->add_option("--expires-hours", create.expires_hours, "1 to 720")->capture_default_str();
  make->add_option("--max-views", create.max_views, "how often it may be opened (default: no end)");
  make->add_option("--passcode-file", create.passcode_file,
                   "file whose first line the visitor must type; - is standard input")
      ->type_name("FILE");
  make->add_flag("--generate-passcode", create.generate_passcode, "make a passcode and print it");
  add_tenant_connection(*make, connection);
  CLI::App* const list = share.add_subcommand("list", "list links and their state");
  list->add_option("SCAN_ID", scan_id, "only this scan's");
  list->add_option("--limit", limit, "1 to 100")->capture_default_str()->check(CLI::Range(1, 100));
  add_tenant_connection(*list, connection);
  CLI::App* const revoke = share.add_subcommand("revoke", "end a link at once and for good");
  revoke->add_option("SHARE_ID", share_id, "which link")->required();
  add_tenant_connection(*revoke, connection);
  CLI::App* const views = share.add_subcommand("views", "who did what with a link, newest first");
  views->add_option("SHARE_ID", share_id, "which link")->required();
  views->add_option("--limit", limit, "1 to 100")->capture_default_str()->check(CLI::Range(1, 100));
  add_tenant_connection(*views, connection);
}

int ShareOptions::run(const CLI::App& share, Random& random) const {
  if (share.got_subcommand("create")) return run_share_create(connection, create, random);
  if (share.got_subcommand("list")) return run_share_list(connection, scan_id, limit);
  if (share.got_subcommand("revoke")) return run_share_revoke(connection, share_id);
  return run_share_views(connection, share_id, limit);
}

void PlanOptions::add_to(CLI::App& plan) {
  plan.add_option("SCAN_ID", wanted.scan_id, "whose backlog")->required();
  plan.add_option("--capacity", wanted.capacity_days,
                  "working days of a person that can be spent a week");
  plan.add_option("--start", wanted.start, "first day, such as 2027-01-04 (default: today)");
  plan.add_flag("--deadlines", wanted.deadlines, "each item's own deadline must be kept");
  plan.add_option("--constraints", wanted.constraints,
                  "JSON file: freezeWindows, dependencies, mustDoBy, efforts, …")
      ->type_name("FILE");
  add_tenant_connection(plan, connection);
}

int PlanOptions::run() const { return run_plan(connection, wanted); }

}  // namespace carnet::app
