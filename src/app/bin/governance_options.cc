#include "app/bin/governance_options.h"

#include "app/bin/share_options.h"

namespace carnet::app {
namespace {

constexpr int kRetentionDaysMax = 3650;

void add_removal(CLI::App& command, TenantRemovalCommand& removal) {
  command.add_flag("--dry-run", removal.dry_run, "only say how much would be deleted");
  command.add_option("--confirm", removal.confirm, "the tenant's slug, as --dry-run prints it")
      ->type_name("SLUG");
  command.add_flag("--status", removal.status, "only say how far it is");
}

}  // namespace

void TenantOptions::add_to(CLI::App& tenant) {
  tenant.require_subcommand(1);
  CLI::App* const take = tenant.add_subcommand("export", "everything, as a ZIP of NDJSON");
  take->add_option("-o,--output", file, "a new file; - is standard output")
      ->required()
      ->type_name("FILE");
  add_tenant_connection(*take, connection);
  CLI::App* const erase = tenant.add_subcommand(
      "erase", "delete scans and what came of them; keys, settings and audit trail stay");
  add_removal(*erase, removal);
  add_tenant_connection(*erase, connection);
  CLI::App* const leave =
      tenant.add_subcommand("offboard", "close the tenant and delete everything");
  add_removal(*leave, removal);
  leave->add_option("--grace-days", removal.grace_days,
                    "0 to 90: until then it can be read and cancelled (default: 30)");
  leave->add_flag("--cancel", removal.cancel, "do not close it after all");
  add_tenant_connection(*leave, connection);
  add_retention_to(tenant);
}

void TenantOptions::add_retention_to(CLI::App& tenant) {
  CLI::App* const age = tenant.add_subcommand(
      "retention", "which scans are too old, which of them go, and what keeps the others");
  age->add_option("--days", retention.days,
                  "what keeping them for so long would do; changes nothing")
      ->check(CLI::Range(1, kRetentionDaysMax));
  age->add_option("--limit", retention.limit, "scans to list, 1 to 100")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  add_tenant_connection(*age, connection);
}

int TenantOptions::run(const CLI::App& tenant) const {
  if (tenant.got_subcommand("export")) return run_tenant_export(connection, file);
  if (tenant.got_subcommand("erase")) return run_tenant_erase(connection, removal);
  if (tenant.got_subcommand("retention")) return run_tenant_retention(connection, retention);
  return run_tenant_offboard(connection, removal);
}

void AuditOptions::add_to(CLI::App& audit) {
  add_to(audit, [this](CLI::App& command) { add_tenant_connection(command, connection); });
}

void AuditOptions::add_to(CLI::App& audit, const std::function<void(CLI::App&)>& add_connection) {
  audit.require_subcommand(1);
  CLI::App* const list = audit.add_subcommand("list", "who did what, newest first");
  list->add_option("--action", wanted.action, "only actions that begin so, such as share.");
  list->add_option("--since", wanted.since, "from then on, such as 2026-11-24T00:00:00Z");
  list->add_option("--until", wanted.until, "before then");
  list->add_option("--actor", wanted.actor, "a key's id, platform, system or link:ID");
  list->add_option("--subject", wanted.subject, "the id of what it was done to");
  list->add_option("--limit", wanted.limit, "1 to 500")
      ->capture_default_str()
      ->check(CLI::Range(1, 500));
  add_connection(*list);
  CLI::App* const take = audit.add_subcommand("export", "the whole trail with its chain");
  take->add_option("-o,--output", wanted.file, "a new file; - is standard output")
      ->required()
      ->type_name("FILE");
  take->add_option("--format", wanted.format, "ndjson or csv")
      ->capture_default_str()
      ->check(CLI::IsMember({"ndjson", "csv"}));
  add_connection(*take);
  CLI::App* const verify =
      audit.add_subcommand("verify", "whether the trail is whole: the service's, or a file's");
  verify->add_option("FILE", wanted.file, "an export as ndjson, checked here; - is standard input");
  verify->add_option("--keys", wanted.keys, "the service's carnet-keys.json, for FILE")
      ->type_name("FILE");
  add_connection(*verify);
}

int AuditOptions::run(const CLI::App& audit) const {
  if (audit.got_subcommand("list")) return run_audit_list(connection, wanted);
  if (audit.got_subcommand("export")) return run_audit_export(connection, wanted);
  return run_audit_verify(connection, wanted);
}

}  // namespace carnet::app
