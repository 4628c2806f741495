#pragma once
// Every setting of the program, in one table: flag, environment variable, key in carnet.toml,
// default, help text. The first of flag, environment and file wins. `carnet config` prints the
// resolved table. Values; no thread-safety concerns.

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/delivery_settings.h"
#include "base/error.h"
#include "base/log.h"
#include "evidence/note.h"
#include "net/dialer.h"
#include "net/ip.h"
#include "probe/engine.h"

namespace carnet::app {

struct SettingSpec {
  std::string_view name;      // "listen": the flag is --listen, the key in carnet.toml listen
  std::string_view env;       // "CARNET_LISTEN"
  std::string_view fallback;  // the default as text; "" = none
  std::string_view help;
  bool is_flag = false;    // --name without a value means true
  bool of_probes = false;  // `carnet scan` takes it too
  bool is_list = false;    // the flag may be given several times
};
[[nodiscard]] std::span<const SettingSpec> setting_specs();

struct SettingValue {
  std::string text;
  std::string source;  // "flag", "environment (CARNET_LISTEN)", "file carnet.toml", "default"
};
using SettingTable = std::map<std::string, SettingValue, std::less<>>;

// Where a listener binds.
struct ListenAddress {
  net::IpAddress address;
  std::uint16_t port = 0;  // 0: the system chooses, the ready line says which
};

// How probes go about it.
struct ProbeSettings {
  std::vector<net::NameServer> name_servers;  // empty: the system's
  probe::EngineLimits limits;
  std::size_t endpoints_per_scan = 10000;
};

struct Settings {
  SettingTable table;
  std::vector<ListenAddress> listen;
  std::string data_dir;
  bool persistence = true;
  std::string sqlite_path;   // when persistence is on, unless postgres_url is there
  std::string postgres_url;  // may hold a password; never shown
  int database_connections = 12;
  std::string public_url;  // "" = made from the first listener
  std::string admin_key_file;
  bool admin_key_file_given = false;      // then it must be readable
  std::string key_file, passphrase_file;  // what opens the signing keys
  std::vector<net::Cidr> allow_targets;
  bool authorize_any_target = false;
  ProbeSettings probes;
  DeliverySettings deliveries;
  std::vector<net::Cidr> trusted_proxies;
  std::string tls_certificate, tls_key;  // files; both or neither
  std::vector<std::string> cors_origins;
  int rate_limit_per_minute = 300;
  int public_rate_limit_per_minute = 60;         // 0 = no limit
  int transparency_rate_limit_per_minute = 600;  // likewise
  std::string log_origin;                        // "" = made from the public URL
  std::vector<evidence::NoteKey> witnesses;      // kCosignature… keys
  int links_per_scan = 1000;                     // open share links; 0 = no limit
  int links_per_tenant = 10000;                  // likewise
  int retention_days = 0;                        // of tenants that set none; 0 = kept
  LogFormat log_format = LogFormat::kJson;
  LogLevel log_level = LogLevel::kInfo;
  int workers = 1;
};

using FlagValues = std::map<std::string, std::string, std::less<>>;

// `environment` gives every variable ("NAME", "value"); `config_file` is --config or "" (then
// carnet.toml in the current folder, then in the data folder, is read if it is there). Errors:
// kValidationFailed whose detail names each setting that is unknown, malformed or contradicts
// another, where it came from and what would be right.
[[nodiscard]] Result<Settings> resolve_settings(
    const FlagValues& flags, const std::vector<std::pair<std::string, std::string>>& environment,
    const std::string& config_file, bool stderr_is_terminal);
[[nodiscard]] std::vector<std::pair<std::string, std::string>> process_environment();
// Those marked `of_probes`, for a command that serves nothing and reads no file.
[[nodiscard]] Result<ProbeSettings> resolve_probe_settings(
    const FlagValues& flags, const std::vector<std::pair<std::string, std::string>>& environment);

}  // namespace carnet::app
