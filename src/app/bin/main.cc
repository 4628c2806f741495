// The program: reads the command line (CLI11 is included only here) and hands over to src/app.

#include <unistd.h>

#include <iostream>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "app/admin_command.h"
#include "app/bin/alert_options.h"
#include "app/bin/backup_options.h"
#include "app/bin/governance_options.h"
#include "app/bin/portfolio_options.h"
#include "app/bin/schedule_options.h"
#include "app/bin/share_options.h"
#include "app/bin/webhook_options.h"
#include "app/bin/work_options.h"
#include "app/cli_docs.h"
#include "app/data_dir.h"
#include "app/keys_command.h"
#include "app/scan_command.h"
#include "app/serve.h"
#include "app/settings.h"
#include "app/verify_command.h"
#include "app/version.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/database.h"

namespace carnet::app {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

int fail(std::string_view command, std::string_view sentence, int code = kExitFailed) {
  fmt::print(stderr, "carnet {}: {}\n", command, sentence);
  return code;
}

// The flags of one command that stand in the settings table.
struct SettingFlags {
  std::map<std::string, std::string> texts;
  std::map<std::string, bool> switches;
  std::string config_file;

  void add_specs(CLI::App& command, bool of_probes_only) {
    for (const SettingSpec& spec : setting_specs()) {
      if (of_probes_only && !spec.of_probes) continue;
      const std::string name(spec.name);
      const std::string help =
          fmt::format("{} [{}{}]", spec.help, spec.env,
                      spec.fallback.empty() ? "" : fmt::format(", default {}", spec.fallback));
      if (spec.is_flag) {
        command.add_flag("--" + name, switches[name], help);
      } else {
        CLI::Option* const option = command.add_option("--" + name, texts[name], help);
        option->type_name("VALUE");
        if (spec.is_list) option->join(',');
      }
    }
  }
  void add_to(CLI::App& command) {
    add_specs(command, false);
    command
        .add_option(
            "--config", config_file,
            "settings file (default: carnet.toml here, then in the data directory) [CARNET_CONFIG]")
        ->type_name("FILE")
        ->envname("CARNET_CONFIG");
  }

  [[nodiscard]] FlagValues given_to(const CLI::App& command) const {
    FlagValues given;
    for (const auto& [name, text] : texts)
      if (command.count("--" + name) > 0) given[name] = text;
    for (const auto& [name, on] : switches)
      if (command.count("--" + name) > 0) given[name] = on ? "true" : "false";
    return given;
  }
  [[nodiscard]] Result<Settings> resolve(const CLI::App& command) const {
    return resolve_settings(given_to(command), process_environment(), config_file,
                            ::isatty(STDERR_FILENO) == 1);
  }
};

int run_init(InitRequest request, const Clock& clock, Random& random) {
  // Other databases are made where `serve` looks for them.
  if (!request.postgres_url.starts_with("postgres")) request.postgres_url.clear();
  const auto made = init_data_dir(request, clock, random);
  if (!made) return fail("init", made.error().public_detail);
  fmt::print("Made {} with the tenant \"{}\" ({}).\n\nIts API keys, shown this once:\n",
             request.directory, made->tenant_name, made->tenant_id);
  for (const InitKey& key : made->keys) fmt::print("  {:<9} {}\n", key.role, key.token.expose());
  fmt::print(
      "\nThe platform's admin key is in {0}/admin.key, the signing keys are in "
      "{0}/signing.keys.\nKeep "
      "{0} private and backed up: the keys, links and passports depend on it.\n"
      "Start the service with: carnet serve --data {0}{1}\n",
      request.directory, request.postgres_url.empty() ? "" : " --database postgresql://…");
  return 0;
}

int run_config(const SettingFlags& flags, const CLI::App& command) {
  const auto settings = flags.resolve(command);
  if (!settings) return fail("config", settings.error().public_detail, kExitUsage);
  for (const SettingSpec& spec : setting_specs()) {
    const SettingValue& value = settings->table.find(spec.name)->second;
    fmt::print("{:<22} {:<34} {}\n", spec.name, value.text.empty() ? "(none)" : value.text,
               value.source);
  }
  return 0;
}

int run_migrate(const SettingFlags& flags, const CLI::App& command, bool check) {
  const auto settings = flags.resolve(command);
  if (!settings) return fail("migrate", settings.error().public_detail, kExitUsage);
  if (!settings->persistence)
    return fail("migrate", "there is no database to migrate with --database none", kExitUsage);
  const std::string& url = settings->postgres_url;
  if (url.empty() && ::access(settings->sqlite_path.c_str(), F_OK) != 0)
    return fail("migrate",
                fmt::format("there is no database at {}; make one with: carnet init --data {}",
                            settings->sqlite_path, settings->data_dir));
  const auto status =
      !url.empty() ? (check ? store::postgres_migration_status(url) : store::migrate_postgres(url))
      : check      ? store::sqlite_migration_status(settings->sqlite_path)
                   : store::migrate_sqlite(settings->sqlite_path);
  if (!status) return fail("migrate", status.error().public_detail);
  if (status->current < status->latest) {
    fmt::print("The schema is at version {}; this program brings {}. Run: carnet migrate\n",
               status->current, status->latest);
    return kExitFailed;
  }
  fmt::print("The schema is at version {}, which is current.\n", status->current);
  return 0;
}

struct AdminFlags {
  AdminConnection connection;
  AuditOptions audit;
  std::string data_dir = "./carnet-data";
  std::string name, slug, tenant_id, key_id, label, role = "operator";
  std::optional<int> expires_days, rate_per_minute;

  void add_to(CLI::App& command) {
    command.add_option("--url", connection.url, "where the service is [CARNET_URL]")
        ->envname("CARNET_URL")
        ->capture_default_str();
    command.add_option("--data", data_dir, "data directory that holds admin.key [CARNET_DATA_DIR]")
        ->envname("CARNET_DATA_DIR")
        ->capture_default_str();
    command
        .add_option("--admin-key-file", connection.key_file,
                    "file with the platform's key [CARNET_ADMIN_KEY_FILE]")
        ->envname("CARNET_ADMIN_KEY_FILE");
    command.add_flag("--json", connection.json, "print the service's answer as JSON");
  }
  [[nodiscard]] int run_audit(const CLI::App& command) {
    if (connection.key_file.empty()) connection.key_file = data_dir + "/admin.key";
    audit.connection = {
        .url = connection.url, .key = {}, .key_file = connection.key_file, .json = connection.json};
    audit.wanted.trail = "/admin/audit";
    return audit.run(command);
  }
  [[nodiscard]] int send(AdminRequest request) {
    if (connection.key_file.empty()) connection.key_file = data_dir + "/admin.key";
    while (connection.url.ends_with('/')) connection.url.pop_back();
    return run_admin_request(connection, request);
  }
  [[nodiscard]] std::string tenant_body() const {
    boost::json::object body{{"name", name}};
    if (!slug.empty()) body["slug"] = slug;
    return json::write(body);
  }
  [[nodiscard]] std::string key_body() const {
    boost::json::object body{{"label", label}, {"role", role}};
    if (expires_days) body["expiresDays"] = *expires_days;
    if (rate_per_minute) body["ratePerMinute"] = *rate_per_minute;
    return json::write(body);
  }
};

// An id that goes into a URL path is checked here, so that a typing error cannot name another
// route.
bool plain_id(const std::string& text) {
  return !text.empty() &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
}

// Lists take their values with commas, so that what follows one is a target.
void add_scan_options(CLI::App& scan, ScanCommand& command) {
  scan.add_option("TARGET", command.targets, "host, host:port, URL or CIDR block");
  scan.add_option("--from", command.from_files,
                  "a list of endpoints (plain or CSV), or a file to look into: PEM, DER, PKCS #7, "
                  "PKCS #12, JKS, OpenSSH, known_hosts, JWKS, CycloneDX; - is standard input")
      ->type_name("FILE")
      ->allow_extra_args(false);
  scan.add_option("--path", command.folders, "a folder to walk for such files")
      ->type_name("DIR")
      ->allow_extra_args(false);
  scan.add_option("--passphrase-file", command.passphrase_file,
                  "file whose first line opens PKCS #12, JKS and encrypted keys "
                  "[CARNET_PASSPHRASE]")
      ->type_name("FILE");
  scan.add_flag("--ask-passphrase", command.ask_passphrase, "ask for it on the terminal");
  scan.add_option(
          "--kinds", command.kinds,
          "what to look for: tls, ssh, email, jwks, or a protocol such as smtp, imap, pop3, ldap, "
          "ftp, xmpp, postgresql, mysql (default: find out)")
      ->delimiter(',')
      ->allow_extra_args(false);
  scan.add_option("--ports", command.ports, "ports for targets without one (default 443)")
      ->delimiter(',')
      ->allow_extra_args(false);
  scan.add_option("--profile", command.profile, "quick, standard or deep")->capture_default_str();
  scan.add_option("--format", command.format, "table, json, csv, pdf, cbom, sarif or bundle")
      ->capture_default_str();
  scan.add_option("--cbom-version", command.cbom_version, "CycloneDX 1.6 or 1.7")
      ->type_name("VERSION")
      ->capture_default_str();
  scan.add_option("--recipient", command.recipient, "whom the PDF is prepared for")
      ->type_name("NAME");
  scan.add_option("-o,--output", command.output, "write the result to a file")->type_name("FILE");
  scan.add_option("--fail-under", command.fail_under, "exit 1 if the readiness score is lower")
      ->type_name("SCORE");
  scan.add_option("--fail-on", command.fail_on,
                  "exit 1 if an asset has one of these: broken, at-risk, unknown")
      ->delimiter(',')
      ->allow_extra_args(false);
  scan.add_option("--allow-targets", command.allow_targets,
                  "address blocks of special-purpose space that names may lead to")
      ->delimiter(',')
      ->allow_extra_args(false);
  scan.add_option("--data-shelf-life-years", command.data_shelf_life_years,
                  "Mosca X: how long the data must stay secret");
  scan.add_option("--migration-time-years", command.migration_time_years,
                  "Mosca Y: how long the migration takes");
  scan.add_option("--years-to-qday", command.years_to_qday,
                  "Mosca Z: years until a quantum computer breaks RSA and ECC");
  scan.add_option("--label", command.label, "a name for this scan");
  scan.add_flag("-q,--quiet", command.quiet, "no progress");
  scan.footer("Exit codes: 0 good, 1 a threshold was missed, 2 usage, 3 nothing could be reached.");
}

int add_and_run_admin(CLI::App& admin, AdminFlags& flags) {
  if (admin.got_subcommand("audit")) return flags.run_audit(*admin.get_subcommand("audit"));
  if (admin.got_subcommand("tenant")) {
    const CLI::App* const tenant = admin.get_subcommand("tenant");
    if (tenant->got_subcommand("create"))
      return flags.send({.method = "POST", .path = "/admin/tenants", .body = flags.tenant_body()});
    return flags.send({.method = "GET", .path = "/admin/tenants?limit=100", .body = ""});
  }
  const CLI::App* const key = admin.get_subcommand("key");
  if (key->got_subcommand("revoke")) {
    if (!plain_id(flags.key_id)) return fail("admin", "KEY_ID looks like key_01j…", kExitUsage);
    return flags.send({.method = "DELETE", .path = "/admin/keys/" + flags.key_id, .body = ""});
  }
  if (!plain_id(flags.tenant_id))
    return fail("admin", "TENANT_ID looks like ten_01j…; list them with: carnet admin tenant list",
                kExitUsage);
  const std::string path = "/admin/tenants/" + flags.tenant_id + "/keys";
  if (key->got_subcommand("create"))
    return flags.send({.method = "POST", .path = path, .body = flags.key_body()});
  return flags.send({.method = "GET", .path = path + "?limit=100", .body = ""});
}

void add_admin_options(CLI::App& admin, AdminFlags& flags) {
  admin.require_subcommand(1);
  CLI::App* const tenant = admin.add_subcommand("tenant", "tenants");
  tenant->require_subcommand(1);
  CLI::App* const tenant_create = tenant->add_subcommand("create", "make a tenant");
  tenant_create->add_option("NAME", flags.name, "display name")->required();
  tenant_create->add_option("--slug", flags.slug, "short name for URLs (default: made from NAME)");
  flags.add_to(*tenant_create);
  flags.add_to(*tenant->add_subcommand("list", "list tenants"));
  CLI::App* const key = admin.add_subcommand("key", "API keys");
  key->require_subcommand(1);
  CLI::App* const key_create = key->add_subcommand("create", "issue a key; it is shown once");
  key_create->add_option("TENANT_ID", flags.tenant_id, "whose key")->required();
  key_create->add_option("--label", flags.label, "what it is for")->required();
  key_create->add_option("--role", flags.role, "viewer, operator or admin")->capture_default_str();
  key_create->add_option("--expires-days", flags.expires_days, "when it ends (default: never)");
  key_create->add_option("--rate-per-minute", flags.rate_per_minute, "its own request limit");
  flags.add_to(*key_create);
  CLI::App* const key_list = key->add_subcommand("list", "list a tenant's keys");
  key_list->add_option("TENANT_ID", flags.tenant_id, "whose keys")->required();
  flags.add_to(*key_list);
  CLI::App* const key_revoke = key->add_subcommand("revoke", "end a key at once");
  key_revoke->add_option("KEY_ID", flags.key_id, "which key")->required();
  flags.add_to(*key_revoke);
  flags.audit.add_to(*admin.add_subcommand("audit", "the platform's own audit trail"),
                     [&flags](CLI::App& command) { flags.add_to(command); });
}

void add_key_places(CLI::App& command, SigningKeyPlaces& places) {
  command.add_option("--data", places.data_dir, "the data directory [CARNET_DATA_DIR]")
      ->envname("CARNET_DATA_DIR")
      ->capture_default_str();
  command
      .add_option("--key-file", places.key_file,
                  "file whose contents open the keys (default: DATA/signing.seal) "
                  "[CARNET_KEY_FILE]")
      ->envname("CARNET_KEY_FILE");
  command
      .add_option("--passphrase-file", places.passphrase_file,
                  "file with the passphrase that opens the keys [CARNET_PASSPHRASE_FILE]")
      ->envname("CARNET_PASSPHRASE_FILE");
}

void add_keys_options(CLI::App& keys, KeysCommand& command) {
  command.places.data_dir = "./carnet-data";
  keys.require_subcommand(1);
  CLI::App* const make =
      keys.add_subcommand("init", "make them, where a data directory has none yet");
  add_key_places(*make, command.places);
  make->add_flag("--passphrase", command.ask_passphrase,
                 "seal them with a passphrase that is typed");
  add_key_places(*keys.add_subcommand("list", "show every public key and how long it counts"),
                 command.places);
  CLI::App* const rotate =
      keys.add_subcommand("rotate", "make a new pair; the old public keys stay published");
  add_key_places(*rotate, command.places);
  rotate
      ->add_option("--overlap-hours", command.overlap_hours,
                   "how long the old pair still counts, 0 if it was stolen")
      ->check(CLI::Range(0, 24 * 90))
      ->capture_default_str();
}

int run_keys(const CLI::App& keys, KeysCommand& command, const Clock& clock, Random& random) {
  while (command.places.data_dir.size() > 1 && command.places.data_dir.ends_with('/'))
    command.places.data_dir.pop_back();
  if (keys.got_subcommand("init")) return run_keys_init(command, clock, random);
  if (keys.got_subcommand("rotate")) return run_keys_rotate(command, clock, random);
  return run_keys_list(command, clock);
}

void add_verify_options(CLI::App& verify, VerifyCommand& command) {
  verify
      .add_option("FILE", command.file,
                  "passport, report with its signature block, or bundle; - for standard input")
      ->required();
  verify.add_option("--passport", command.passport,
                    "the passport that lists FILE, for a file that carries none");
  verify.add_option("--keys", command.keys,
                    "file or URL of the key set that is trusted (default: what the issuer "
                    "publishes)");
  verify.add_option("--checkpoint", command.checkpoint,
                    "a checkpoint of the log that was kept from before: finds a forked log");
  verify.add_flag("--offline", command.offline, "ask nobody; then name the keys with --keys");
  verify.add_flag("--json", command.json, "print the checks as JSON");
  verify.footer(
      "Exit codes: 0 all checks hold, 2 forged, altered, expired or not signed by a trusted key, 3 "
      "it cannot be read.");
}

CommandDoc describe(const CLI::App& command) {
  CommandDoc out{.name = command.get_name(),
                 .help = command.get_description(),
                 .arguments = {},
                 .options = {},
                 .commands = {}};
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional()) {
      if (!out.arguments.empty()) out.arguments += ' ';
      out.arguments +=
          option->get_name(true) + (option->get_items_expected_max() > 1 ? " ..." : "");
      continue;
    }
    OptionDoc doc{.names = {},
                  .value = option->get_items_expected_max() > 0 ? option->get_type_name() : "",
                  .help = option->get_description()};
    for (const std::string& name : option->get_snames()) doc.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) doc.names.push_back("--" + name);
    out.options.push_back(std::move(doc));
  }
  for (const CLI::App* inner : command.get_subcommands({}))
    out.commands.push_back(describe(*inner));
  return out;
}

int run_docs(const CLI::App& cli, const std::string& what) {
  const CommandDoc program = describe(cli);
  if (what == "bash") {
    fmt::print("{}", bash_completion(program));
  } else if (what == "zsh") {
    fmt::print("{}", zsh_completion(program));
  } else if (what == "man") {
    fmt::print("{}", man_page(program, version()));
  } else {
    return fail("docs", fmt::format("\"{}\" is not known; use man, bash or zsh", what), kExitUsage);
  }
  return 0;
}

int run(int argc, char** argv) {
  CLI::App cli(
      "Carnet tells how ready your cryptography is for quantum computers, and lets you prove it.",
      "carnet");
  cli.require_subcommand(1);
  cli.set_version_flag("--version", std::string("carnet ") + std::string(version()));
  const SystemClock clock;
  SystemRandom random;

  CLI::App* const init =
      cli.add_subcommand("init", "make a data directory with a first tenant and its keys");
  InitRequest init_request{.directory = "./carnet-data", .tenant_name = "My organisation"};
  init->add_option("--data", init_request.directory, "directory to make [CARNET_DATA_DIR]")
      ->envname("CARNET_DATA_DIR")
      ->capture_default_str();
  init->add_option("--tenant", init_request.tenant_name, "name of the first tenant")
      ->capture_default_str();

  init->add_option("--database", init_request.postgres_url,
                   "postgresql://USER@HOST/NAME to keep everything but the secrets there; it must "
                   "be empty [CARNET_DATABASE_URL]")
      ->envname("CARNET_DATABASE_URL")
      ->type_name("URL");
  init->add_option("--key-file", init_request.key_file,
                   "file whose contents open the signing keys; made if it is not there (default: "
                   "DATA/signing.seal) [CARNET_KEY_FILE]")
      ->envname("CARNET_KEY_FILE");
  init->add_option("--passphrase-file", init_request.passphrase_file,
                   "file with a passphrase that opens the signing keys instead "
                   "[CARNET_PASSPHRASE_FILE]")
      ->envname("CARNET_PASSPHRASE_FILE");

  SettingFlags serve_flags, config_flags, migrate_flags;
  CLI::App* const serve_command = cli.add_subcommand("serve", "run the service");
  serve_flags.add_to(*serve_command);
  CLI::App* const config_command =
      cli.add_subcommand("config", "print every setting, its value and where it came from");
  config_flags.add_to(*config_command);
  CLI::App* const migrate_command =
      cli.add_subcommand("migrate", "bring the database's schema up to date");
  migrate_flags.add_to(*migrate_command);
  bool check = false;
  migrate_command->add_flag("--check", check, "only say whether it is; exit 1 if not");

  CLI::App* const scan = cli.add_subcommand("scan", "scan from the shell, without a service");
  ScanCommand scan_command;
  add_scan_options(*scan, scan_command);
  SettingFlags scan_flags;
  scan_flags.add_specs(*scan, true);
  CLI::App* const admin =
      cli.add_subcommand("admin", "tenants, API keys and the platform's audit trail");
  AdminFlags admin_flags;
  add_admin_options(*admin, admin_flags);
  CLI::App* const keys = cli.add_subcommand("keys", "the keys that passports are signed with");
  KeysCommand keys_command;
  add_keys_options(*keys, keys_command);
  CLI::App* const verify = cli.add_subcommand("verify", "check a passport, report or bundle");
  VerifyCommand verify_command;
  add_verify_options(*verify, verify_command);
  CLI::App* const share =
      cli.add_subcommand("share", "share links of a running service: create, list, revoke, views");
  ShareOptions share_options;
  share_options.add_to(*share);
  CLI::App* const schedule = cli.add_subcommand(
      "schedule", "scans at their time: list, add, show, edit, pause, resume, run, runs, rm");
  ScheduleOptions schedule_options;
  schedule_options.add_to(*schedule);
  CLI::App* const alert =
      cli.add_subcommand("alert", "what needs a person: list, show, ack, reopen");
  AlertOptions alert_options;
  alert_options.add_to(*alert);
  CLI::App* const webhook = cli.add_subcommand(
      "webhook", "webhooks: list, add, rm, test, pause, resume, deliveries, dlq, replay, rotate");
  WebhookOptions webhook_options;
  webhook_options.add_to(*webhook);
  CLI::App* const portfolio = cli.add_subcommand(
      "portfolio", "tenants that agreed that one sees the other: show, invite, accept, end");
  PortfolioOptions portfolio_options;
  portfolio_options.add_to(*portfolio);
  CLI::App* const tenant =
      cli.add_subcommand("tenant", "a whole tenant: export, erase, offboard, retention");
  TenantOptions tenant_options;
  tenant_options.add_to(*tenant);
  CLI::App* const audit = cli.add_subcommand("audit", "the audit trail: list, export, verify");
  AuditOptions audit_options;
  audit_options.add_to(*audit);
  CLI::App* const remediation = cli.add_subcommand(
      "remediation", "a backlog as work: list, show, set, verify, project, export, import");
  RemediationOptions remediation_options;
  remediation_options.add_to(*remediation);
  CLI::App* const drift =
      cli.add_subcommand("drift", "what changed from scan to scan: summary, changes, diff");
  DriftOptions drift_options;
  drift_options.add_to(*drift);
  CLI::App* const plan = cli.add_subcommand(
      "plan", "a migration plan: which work in which week, by a running service");
  PlanOptions plan_options;
  plan_options.add_to(*plan);
  CLI::App* const backup =
      cli.add_subcommand("backup", "copy database and keys to one file while the service runs");
  CLI::App* const restore = cli.add_subcommand("restore", "make a data directory of such a file");
  BackupOptions backup_options;
  backup_options.add_backup(*backup);
  BackupOptions restore_options;
  restore_options.add_restore(*restore);
  CLI::App* const docs_command =
      cli.add_subcommand("docs", "print the man page, or the completion for bash or zsh");
  std::string docs_what;
  docs_command->add_option("WHAT", docs_what, "man, bash or zsh")->required();
  CLI::App* const version_command =
      cli.add_subcommand("version", "print the version and what it was built with");

  const auto known = [&](const CLI::App* command) { return command->get_name() == argv[1]; };
  const auto commands = cli.get_subcommands({});
  if (argc > 1 && argv[1][0] != '-' && std::none_of(commands.begin(), commands.end(), known))
    return fail(argv[1], "there is no such command; carnet --help lists them", kExitUsage);
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& failure) {
    return cli.exit(failure) == 0 ? 0 : kExitUsage;
  }
  if (*init) return run_init(std::move(init_request), clock, random);
  if (*serve_command) {
    const auto settings = serve_flags.resolve(*serve_command);
    if (!settings) return fail("serve", settings.error().public_detail, kExitUsage);
    const auto reload = [&] { return serve_flags.resolve(*serve_command); };
    return serve(*settings, reload, clock, random);
  }
  if (*config_command) return run_config(config_flags, *config_command);
  if (*migrate_command) return run_migrate(migrate_flags, *migrate_command, check);
  if (*scan) {
    const auto probes = resolve_probe_settings(scan_flags.given_to(*scan), process_environment());
    if (!probes) return fail("scan", probes.error().public_detail, kExitUsage);
    return run_scan_command(scan_command, *probes, clock, random);
  }
  if (*admin) return add_and_run_admin(*admin, admin_flags);
  if (*keys) return run_keys(*keys, keys_command, clock, random);
  if (*verify) return run_verify_command(verify_command, clock);
  if (*schedule) return schedule_options.run(*schedule);
  if (*alert) return alert_options.run(*alert);
  if (*webhook) return webhook_options.run(*webhook);
  if (*share) return share_options.run(*share, random);
  if (*portfolio) return portfolio_options.run(*portfolio);
  if (*tenant) return tenant_options.run(*tenant);
  if (*audit) return audit_options.run(*audit);
  if (*remediation) return remediation_options.run(*remediation);
  if (*drift) return drift_options.run(*drift);
  if (*plan) return plan_options.run();
  if (*backup) return backup_options.run_backup(*backup, clock, random);
  if (*restore) return restore_options.run_restore(*restore, random);
  if (*docs_command) return run_docs(cli, docs_what);
  if (*version_command) fmt::print("{}", version_text());
  return 0;
}

}  // namespace
}  // namespace carnet::app

int main(int argc, char** argv) {
  try {
    carnet::set_up_memory();
    return carnet::app::run(argc, argv);
  } catch (const std::exception& failure) {
    std::cerr << "carnet: " << failure.what() << '\n';
    return 1;
  }
}
