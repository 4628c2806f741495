#include "app/bin/alert_options.h"

#include "app/bin/share_options.h"

namespace carnet::app {

void AlertOptions::add_to(CLI::App& alert) {
  alert.require_subcommand(1);
  CLI::App* const list = alert.add_subcommand("list", "list alerts, newest first");
  list->add_option("--status", filter.status, "only open, acknowledged or resolved ones");
  list->add_option("--kind", filter.kind, "only this kind, such as hybrid_lost");
  list->add_option("--severity", filter.severity, "only critical, high, medium or low ones");
  list->add_option("--scan", filter.scan_id, "only what this scan raised or saw last")
      ->type_name("SCAN_ID");
  list->add_option("--limit", filter.limit, "1 to 100")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  add_tenant_connection(*list, connection);
  CLI::App* const show = alert.add_subcommand("show", "one alert and what became of it");
  show->add_option("ALERT_ID", alert_id, "which alert")->required();
  add_tenant_connection(*show, connection);
  CLI::App* const acknowledge =
      alert.add_subcommand("ack", "somebody takes care of it; it is resolved by itself");
  acknowledge->add_option("ALERT_ID", alert_id, "which alert")->required();
  acknowledge->add_option("--note", note, "kept with the alert");
  add_tenant_connection(*acknowledge, connection);
  CLI::App* const reopen = alert.add_subcommand("reopen", "nobody takes care of it after all");
  reopen->add_option("ALERT_ID", alert_id, "which alert")->required();
  reopen->add_option("--note", note, "kept with the alert");
  add_tenant_connection(*reopen, connection);
}

int AlertOptions::run(const CLI::App& alert) const {
  if (alert.got_subcommand("list")) return run_alert_list(connection, filter);
  if (alert.got_subcommand("show")) return run_alert_show(connection, alert_id);
  return run_alert_mark(connection, alert_id, alert.got_subcommand("ack"), note);
}

}  // namespace carnet::app
