#include "app/settings.h"

#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "app/version.h"
#include "base/text.h"
#include "store/database.h"

namespace carnet::app {
namespace {

constexpr SettingSpec kSpecs[] = {
    {"listen", "CARNET_LISTEN", "127.0.0.1:8080",
     "address:port to serve on; several with commas; [::1]:8080 for IPv6; port 0 lets the system "
     "choose"},
    {"data", "CARNET_DATA_DIR", "./carnet-data", "the data directory made by carnet init"},
    {"database", "CARNET_DATABASE_URL", "sqlite:DATA/carnet.db",
     "sqlite:FILE, postgresql://USER@HOST/NAME, or none to switch persistence off (tenant routes "
     "answer 503)"},
    {"database-connections", "CARNET_DATABASE_CONNECTIONS", "12",
     "connections to PostgreSQL for transactions, a third of them for reading; two more besides"},
    {"public-url", "CARNET_PUBLIC_URL", "",
     "what share links begin with, such as https://carnet.example.org; by default http:// (with "
     "TLS "
     "https://) and the listen address"},
    {"admin-key-file", "CARNET_ADMIN_KEY_FILE", "DATA/admin.key",
     "file with the platform's own key; without one /admin/* answers 503"},
    {"key-file", "CARNET_KEY_FILE", "DATA/signing.seal",
     "file whose contents open DATA/signing.keys, unless that is sealed with a passphrase"},
    {"passphrase-file", "CARNET_PASSPHRASE_FILE", "",
     "file with the passphrase of DATA/signing.keys; without one it is asked for on the terminal"},
    {"allow-targets", "CARNET_ALLOW_TARGETS", "",
     "blocks of special-purpose address space that may be scanned, such as 10.0.0.0/8,127.0.0.0/8"},
    {"authorize-any-target", "CARNET_AUTHORIZE_ANY_TARGET", "false",
     "scan any public target without the tenant's attestation", true},
    {"dns-server", "CARNET_DNS_SERVER", "",
     "name servers to ask instead of the system's, such as 192.0.2.53 or 127.0.0.1:5353; several "
     "with commas",
     false, true},
    {"endpoints-per-scan", "CARNET_ENDPOINTS_PER_SCAN", "10000",
     "endpoints that the targets of one scan may come to", false, true},
    {"probes-at-once", "CARNET_PROBES_AT_ONCE", "256", "connections of probes at once, in all",
     false, true},
    {"probes-per-host", "CARNET_PROBES_PER_HOST", "4", "the same, to one address", false, true},
    {"connects-per-second", "CARNET_CONNECTS_PER_SECOND", "20",
     "connections to one address in a second, once the burst is used up", false, true},
    {"connect-burst", "CARNET_CONNECT_BURST", "20",
     "connections to one address that need not wait for the rate", false, true},
    {"connect-timeout-ms", "CARNET_CONNECT_TIMEOUT_MS", "3000", "the longest wait for a connect",
     false, true},
    {"handshake-timeout-ms", "CARNET_HANDSHAKE_TIMEOUT_MS", "5000",
     "the longest wait for an answer on one connection", false, true},
    {"target-timeout-ms", "CARNET_TARGET_TIMEOUT_MS", "20000",
     "the longest time for one endpoint with all its connections", false, true},
    {"answer-bytes", "CARNET_ANSWER_BYTES", "262144",
     "bytes that a server may send on one connection of a probe", false, true},
    {"smtp-url", "CARNET_SMTP_URL", "",
     "the mail server, such as smtp://mail.example.org:587 (STARTTLS) or smtps://mail.example.org; "
     "without one no mail is sent"},
    {"smtp-from", "CARNET_SMTP_FROM", "", "the address that mail comes from"},
    {"smtp-user", "CARNET_SMTP_USER", "", "whom to log in to the mail server as"},
    {"smtp-password-file", "CARNET_SMTP_PASSWORD_FILE", "", "file with the password for it"},
    {"outbound-ca-file", "CARNET_OUTBOUND_CA_FILE", "",
     "file with certificates (PEM) that webhooks and the mail server may have theirs from, beside "
     "the system's"},
    {"trusted-proxies", "CARNET_TRUSTED_PROXIES", "",
     "proxies whose X-Forwarded-For counts, as CIDR blocks"},
    {"tls-cert", "CARNET_TLS_CERT", "",
     "file with the certificate chain (PEM) to serve TLS with; read again at SIGHUP"},
    {"tls-key", "CARNET_TLS_KEY", "", "file with its private key (PEM, without a passphrase)"},
    {"cors-origins", "CARNET_CORS_ORIGINS", "", "web origins that may call the API from a browser"},
    {"rate-limit", "CARNET_RATE_LIMIT_PER_MINUTE", "300",
     "requests a minute per API key, unless the key has its own"},
    {"public-rate-limit", "CARNET_PUBLIC_RATE_LIMIT_PER_MINUTE", "60",
     "requests a minute per address on share links; 0 for no limit"},
    {"transparency-rate-limit", "CARNET_TRANSPARENCY_RATE_LIMIT_PER_MINUTE", "600",
     "requests a minute per address on the transparency log; 0 for no limit"},
    {"log-origin", "CARNET_LOG_ORIGIN", "",
     "the transparency log's name; by default the public URL without its scheme, and /log"},
    {"witness", "CARNET_WITNESSES", "",
     "verifier keys NAME+HASH+KEY of the witnesses whose cosignatures the log takes; several with "
     "commas",
     false, false, true},
    {"links-per-scan", "CARNET_LINKS_PER_SCAN", "1000",
     "open share links that one scan may have; 0 for no limit"},
    {"links-per-tenant", "CARNET_LINKS_PER_TENANT", "10000",
     "open share links that one tenant may have; 0 for no limit"},
    {"retention-days", "CARNET_RETENTION_DAYS", "0",
     "days that scans and access logs are kept, unless the tenant sets its own; 0 to keep them"},
    {"log-format", "CARNET_LOG_FORMAT", "auto",
     "text, json, or auto: text on a terminal, JSON otherwise"},
    {"log-level", "CARNET_LOG_LEVEL", "info", "debug, info, warn or error"},
    {"workers", "CARNET_WORKERS", "cores", "I/O threads"},
};

constexpr std::size_t kWitnessesMax = 64;

// Read by shell commands that talk to a server; known, so that they do not stop a start.
constexpr std::string_view kOtherVariables[] = {"CARNET_CONFIG", "CARNET_URL", "CARNET_API_KEY"};

const SettingSpec* find_spec(std::string_view name) {
  for (const SettingSpec& spec : kSpecs)
    if (spec.name == name) return &spec;
  return nullptr;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0u : 1u)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

template <class Name>
std::string did_you_mean(std::string_view given, Name name_of) {
  const SettingSpec* best = nullptr;
  std::size_t best_distance = 4;
  for (const SettingSpec& spec : kSpecs) {
    const std::size_t distance = edit_distance(given, name_of(spec));
    if (distance < best_distance) {
      best = &spec;
      best_distance = distance;
    }
  }
  return best ? fmt::format("; did you mean {}?", name_of(*best)) : std::string{};
}

// Collects what is wrong with settings, so that one start tells everything.
class Problems {
 public:
  void add(std::string name, std::string detail) {
    fields_.push_back(FieldError{
        .field = std::move(name), .pointer = "", .code = "invalid", .detail = std::move(detail)});
  }
  void add(std::string_view name, const SettingValue& value, std::string_view detail) {
    add(fmt::format("--{} \"{}\" ({})", name, value.text, value.source), std::string(detail));
  }
  [[nodiscard]] bool any() const { return !fields_.empty(); }
  [[nodiscard]] tl::unexpected<Error> error() const { return make_validation_error(fields_); }

 private:
  std::vector<FieldError> fields_;
};

void read_file(const std::string& path, SettingTable& table, Problems& problems) {
  toml::table file;
  try {
    file = toml::parse_file(path);
  } catch (const toml::parse_error& failure) {
    problems.add(path, fmt::format("is not valid TOML: {} at line {}", failure.description(),
                                   failure.source().begin.line));
    return;
  }
  for (const auto& [key, node] : file) {
    const SettingSpec* spec = find_spec(key.str());
    if (spec == nullptr) {
      problems.add(fmt::format("{} in {}", key.str(), path),
                   "is not a setting" +
                       did_you_mean(key.str(), [](const SettingSpec& s) { return s.name; }));
      continue;
    }
    std::string text;
    const auto append = [&text](const auto& value) {
      if (!text.empty()) text += ',';
      text += value;
    };
    bool good = true;
    const auto scalar = [&](const toml::node& item) {
      if (const auto s = item.value_exact<std::string>()) {
        append(*s);
      } else if (const auto b = item.value_exact<bool>()) {
        append(std::string(*b ? "true" : "false"));
      } else if (const auto i = item.value_exact<std::int64_t>()) {
        append(fmt::to_string(*i));
      } else {
        good = false;
      }
    };
    if (const toml::array* list = node.as_array()) {
      for (const toml::node& item : *list) scalar(item);
    } else {
      scalar(node);
    }
    if (!good) {
      problems.add(fmt::format("{} in {}", key.str(), path),
                   "must be a string, a whole number, true, false or a list of these");
      continue;
    }
    table[std::string(spec->name)] = {.text = text, .source = "file " + path};
  }
}

void read_environment(const std::vector<std::pair<std::string, std::string>>& environment,
                      SettingTable& table, Problems& problems) {
  for (const auto& [name, value] : environment) {
    if (!name.starts_with("CARNET_")) continue;
    const auto* spec = std::find_if(std::begin(kSpecs), std::end(kSpecs),
                                    [&](const SettingSpec& s) { return s.env == name; });
    if (spec != std::end(kSpecs)) {
      table[std::string(spec->name)] = {.text = value,
                                        .source = fmt::format("environment, {}", name)};
    } else if (std::find(std::begin(kOtherVariables), std::end(kOtherVariables), name) ==
               std::end(kOtherVariables)) {
      problems.add(
          fmt::format("environment variable {}", name),
          "is not a setting" + did_you_mean(name, [](const SettingSpec& s) { return s.env; }));
    }
  }
}

std::vector<std::string_view> list_of(std::string_view text) {
  std::vector<std::string_view> out;
  for (const std::string_view part : split(text, ','))
    if (const std::string_view item = trim_ascii(part); !item.empty()) out.push_back(item);
  return out;
}

std::optional<ListenAddress> parse_listen(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;
  }
  if (host.empty()) host = "127.0.0.1";
  const auto address = net::IpAddress::parse(host == "localhost" ? "127.0.0.1" : host);
  std::uint16_t port = 0;
  const auto end = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (!address || port_text.empty() || end.ec != std::errc{} ||
      end.ptr != port_text.data() + port_text.size())
    return std::nullopt;
  return ListenAddress{.address = *address, .port = port};
}

class Reader {
 public:
  Reader(const SettingTable& table, Problems& problems) : table_(table), problems_(problems) {}

  [[nodiscard]] const SettingValue& value(std::string_view name) const {
    return table_.find(name)->second;
  }

  int whole(std::string_view name, int low, int high) {
    const SettingValue& given = value(name);
    int number = 0;
    const char* const last = given.text.data() + given.text.size();
    const auto end = std::from_chars(given.text.data(), last, number);
    if (end.ec != std::errc{} || end.ptr != last || number < low || number > high)
      problems_.add(name, given, fmt::format("must be a whole number from {} to {}", low, high));
    return number;
  }
  bool boolean(std::string_view name) {
    const SettingValue& given = value(name);
    const std::string text = to_lower_ascii(given.text);
    if (text == "true" || text == "1" || text == "yes" || text == "on") return true;
    if (text != "false" && text != "0" && text != "no" && text != "off" && !text.empty())
      problems_.add(name, given, "must be true or false");
    return false;
  }
  std::vector<net::Cidr> blocks(std::string_view name) {
    const SettingValue& given = value(name);
    std::vector<net::Cidr> out;
    for (const std::string_view item : list_of(given.text)) {
      if (const auto block = net::Cidr::parse(item)) {
        out.push_back(*block);
      } else {
        problems_.add(
            name, given,
            fmt::format("has \"{}\", which is no address block; write one like 10.0.0.0/8", item));
      }
    }
    return out;
  }

 private:
  const SettingTable& table_;
  Problems& problems_;
};

ProbeSettings read_probes(Reader& reader, Problems& problems) {
  using std::chrono::milliseconds;
  ProbeSettings out;
  const SettingValue& servers = reader.value("dns-server");
  for (const std::string_view item : list_of(servers.text)) {
    if (const auto server = net::parse_name_server(item)) {
      out.name_servers.push_back(*server);
    } else {
      problems.add("dns-server", servers,
                   fmt::format("has \"{}\", which {}", item, server.error().public_detail));
    }
  }
  out.endpoints_per_scan = static_cast<std::size_t>(reader.whole("endpoints-per-scan", 1, 100'000));
  probe::EngineLimits& limits = out.limits;
  limits.user_agent = fmt::format("carnet/{}", version());
  limits.probes_at_once = reader.whole("probes-at-once", 1, 4096);
  limits.probes_per_host = reader.whole("probes-per-host", 1, 1024);
  limits.connects_per_host_per_second = reader.whole("connects-per-second", 1, 100'000);
  limits.connect_burst_per_host = reader.whole("connect-burst", 1, 100'000);
  limits.connect = milliseconds(reader.whole("connect-timeout-ms", 10, 600'000));
  limits.handshake = milliseconds(reader.whole("handshake-timeout-ms", 10, 600'000));
  limits.target = milliseconds(reader.whole("target-timeout-ms", 10, 3'600'000));
  limits.answer_bytes_max =
      static_cast<std::size_t>(reader.whole("answer-bytes", 16 * 1024, 16 * 1024 * 1024));
  return out;
}

void read_listen(Reader& reader, Settings& out, Problems& problems) {
  const SettingValue& given = reader.value("listen");
  for (const std::string_view item : list_of(given.text)) {
    if (const auto address = parse_listen(item)) {
      out.listen.push_back(*address);
    } else {
      problems.add(
          "listen", given,
          fmt::format("has \"{}\"; write ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080",
                      item));
    }
  }
  if (out.listen.empty() && !problems.any()) problems.add("listen", given, "names no address");
}

void read_database(Reader& reader, Settings& out, Problems& problems) {
  const SettingValue& given = reader.value("database");
  if (given.text == "none") {
    out.persistence = false;
  } else if (given.source == "default") {
    out.sqlite_path = out.data_dir + "/carnet.db";
  } else if (given.text.starts_with("sqlite:") && given.text.size() > 7) {
    out.sqlite_path = given.text.substr(7);
    if (out.sqlite_path.starts_with("//")) out.sqlite_path.erase(0, 2);
  } else if (store::is_postgres_url(given.text)) {
    out.postgres_url = given.text;
  } else if (given.text.starts_with("postgres")) {
    // Not shown: it may hold a password.
    problems.add("database", SettingValue{.text = "postgresql://…", .source = given.source},
                 "cannot be read; write postgresql://USER@HOST:PORT/NAME and encode other "
                 "characters in it as %XX");
  } else {
    problems.add("database", given, "must be sqlite:FILE, postgresql://USER@HOST/NAME or none");
  }
  out.database_connections = reader.whole("database-connections", 2, 1000);
}

void read_tls(Reader& reader, Settings& out, Problems& problems) {
  const SettingValue& certificate = reader.value("tls-cert");
  const SettingValue& key = reader.value("tls-key");
  out.tls_certificate = certificate.text;
  out.tls_key = key.text;
  if (!certificate.text.empty() && key.text.empty())
    problems.add("tls-cert", certificate, "needs its key: give --tls-key too");
  if (certificate.text.empty() && !key.text.empty())
    problems.add("tls-key", key, "needs its certificate: give --tls-cert too");
}

void read_public_url(Reader& reader, Settings& out, Problems& problems) {
  const SettingValue& given = reader.value("public-url");
  out.public_url = given.text;
  while (out.public_url.ends_with('/')) out.public_url.pop_back();
  if (out.public_url.empty()) return;
  const bool scheme =
      out.public_url.starts_with("https://") || out.public_url.starts_with("http://");
  const std::string_view host =
      scheme ? std::string_view(out.public_url).substr(out.public_url.find("//") + 2) : "";
  if (host.empty() || host.find_first_of("/?#@ \"<>") != std::string_view::npos)
    problems.add("public-url", given,
                 "must be http:// or https:// and a host, with a port if needed and no path");
}

void read_transparency(Reader& reader, Settings& out, Problems& problems) {
  out.transparency_rate_limit_per_minute = reader.whole("transparency-rate-limit", 0, 1'000'000);
  const SettingValue& origin = reader.value("log-origin");
  out.log_origin = origin.text;
  if (!origin.text.empty() && !evidence::is_key_name(origin.text))
    problems.add("log-origin", origin,
                 "must be a name like carnet.example.org/log, without spaces and '+'");
  const SettingValue& witnesses = reader.value("witness");
  for (const std::string_view item : list_of(witnesses.text)) {
    auto key = evidence::parse_vkey(item);
    if (!key) {
      problems.add("witness", witnesses,
                   fmt::format("has \"{}\": {}", item, key.error().public_detail));
      continue;
    }
    // Many witnesses hand out the plain form of the key that they cosign with.
    if (key->type == evidence::NoteKeyType::kEd25519)
      key->type = evidence::NoteKeyType::kCosignatureEd25519;
    if (key->type == evidence::NoteKeyType::kMlDsa65) {
      problems.add("witness", witnesses, fmt::format("has \"{}\", a log's key", key->name));
    } else if (std::find(out.witnesses.begin(), out.witnesses.end(), *key) == out.witnesses.end()) {
      out.witnesses.push_back(*std::move(key));
    }
  }
  if (out.witnesses.size() > kWitnessesMax)
    problems.add("witness", witnesses, fmt::format("names more than {} witnesses", kWitnessesMax));
}

void read_deliveries(Reader& reader, Settings& out, Problems& problems) {
  std::vector<SettingProblem> found;
  const auto text_of = [&reader](std::string_view name) { return reader.value(name).text; };
  out.deliveries = read_delivery_settings(text_of, found);
  for (const SettingProblem& problem : found)
    problems.add(problem.name, reader.value(problem.name), problem.phrase);
}

void read_log(Reader& reader, Settings& out, Problems& problems, bool terminal) {
  const SettingValue& format = reader.value("log-format");
  if (format.text == "auto") {
    out.log_format = terminal ? LogFormat::kText : LogFormat::kJson;
  } else if (format.text == "text" || format.text == "json") {
    out.log_format = format.text == "text" ? LogFormat::kText : LogFormat::kJson;
  } else {
    problems.add("log-format", format, "must be text, json or auto");
  }
  const SettingValue& level = reader.value("log-level");
  constexpr std::pair<std::string_view, LogLevel> kLevels[] = {{"debug", LogLevel::kDebug},
                                                               {"info", LogLevel::kInfo},
                                                               {"warn", LogLevel::kWarn},
                                                               {"error", LogLevel::kError}};
  const auto* found = std::find_if(std::begin(kLevels), std::end(kLevels),
                                   [&](const auto& l) { return l.first == level.text; });
  if (found == std::end(kLevels)) {
    problems.add("log-level", level, "must be debug, info, warn or error");
  } else {
    out.log_level = found->second;
  }
}

void read_origins(Reader& reader, Settings& out, Problems& problems) {
  const SettingValue& given = reader.value("cors-origins");
  for (const std::string_view item : list_of(given.text)) {
    const bool good = (item.starts_with("https://") || item.starts_with("http://")) &&
                      item.find_first_of("/?#* ", item.find("//") + 2) == std::string_view::npos;
    if (good) {
      out.cors_origins.emplace_back(item);
    } else {
      problems.add("cors-origins", given,
                   fmt::format("has \"{}\"; write origins like https://app.example.org", item));
    }
  }
}

std::string file_to_read(const std::string& config_file, const FlagValues& flags) {
  if (!config_file.empty()) return config_file;
  std::error_code ignored;
  if (std::filesystem::exists("carnet.toml", ignored)) return "carnet.toml";
  const auto data = flags.find("data");
  const char* const from_env = std::getenv("CARNET_DATA_DIR");
  const std::string in_data = (data != flags.end() ? data->second
                               : from_env          ? from_env
                                                   : "./carnet-data") +
                              "/carnet.toml";
  return std::filesystem::exists(in_data, ignored) ? in_data : std::string{};
}

}  // namespace

std::span<const SettingSpec> setting_specs() { return kSpecs; }

std::vector<std::pair<std::string, std::string>> process_environment() {
  std::vector<std::pair<std::string, std::string>> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos)
      out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

Result<Settings> resolve_settings(
    const FlagValues& flags, const std::vector<std::pair<std::string, std::string>>& environment,
    const std::string& config_file, bool stderr_is_terminal) {
  Settings out;
  Problems problems;
  for (const SettingSpec& spec : kSpecs)
    out.table[std::string(spec.name)] = {.text = std::string(spec.fallback), .source = "default"};
  if (const std::string path = file_to_read(config_file, flags); !path.empty())
    read_file(path, out.table, problems);
  read_environment(environment, out.table, problems);
  for (const auto& [name, value] : flags) out.table[name] = {.text = value, .source = "flag"};

  Reader reader(out.table, problems);
  out.data_dir = reader.value("data").text;
  while (out.data_dir.size() > 1 && out.data_dir.ends_with('/')) out.data_dir.pop_back();
  if (out.data_dir.empty()) problems.add("data", reader.value("data"), "must name a folder");
  read_listen(reader, out, problems);
  read_database(reader, out, problems);
  read_tls(reader, out, problems);
  read_public_url(reader, out, problems);
  const SettingValue& admin_key = reader.value("admin-key-file");
  out.admin_key_file_given = admin_key.source != "default";
  out.admin_key_file = out.admin_key_file_given ? admin_key.text : out.data_dir + "/admin.key";
  const SettingValue& key_file = reader.value("key-file");
  out.key_file = key_file.source == "default" ? out.data_dir + "/signing.seal" : key_file.text;
  out.passphrase_file = reader.value("passphrase-file").text;
  out.allow_targets = reader.blocks("allow-targets");
  out.authorize_any_target = reader.boolean("authorize-any-target");
  out.probes = read_probes(reader, problems);
  if (!out.public_url.empty()) {
    out.probes.limits.user_agent += fmt::format(" (+{}/docs)", out.public_url);
  }
  read_deliveries(reader, out, problems);
  out.trusted_proxies = reader.blocks("trusted-proxies");
  read_origins(reader, out, problems);
  out.rate_limit_per_minute = reader.whole("rate-limit", 1, 1'000'000);
  out.public_rate_limit_per_minute = reader.whole("public-rate-limit", 0, 1'000'000);
  out.links_per_scan = reader.whole("links-per-scan", 0, 1'000'000);
  out.links_per_tenant = reader.whole("links-per-tenant", 0, 10'000'000);
  out.retention_days = reader.whole("retention-days", 0, 3650);
  read_transparency(reader, out, problems);
  read_log(reader, out, problems, stderr_is_terminal);
  if (reader.value("workers").text == "cores") {
    out.workers = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  } else {
    out.workers = reader.whole("workers", 1, 256);
  }
  if (problems.any()) return problems.error();
  // What `carnet config` shows for defaults that depend on another setting.
  if (!out.postgres_url.empty())
    out.table["database"].text = store::postgres_url_without_secrets(out.postgres_url);
  else if (out.persistence)
    out.table["database"].text = "sqlite:" + out.sqlite_path;
  out.table["admin-key-file"].text = out.admin_key_file;
  out.table["key-file"].text = out.key_file;
  out.table["workers"].text = fmt::to_string(out.workers);
  return out;
}

Result<ProbeSettings> resolve_probe_settings(
    const FlagValues& flags, const std::vector<std::pair<std::string, std::string>>& environment) {
  SettingTable table;
  Problems problems;
  for (const SettingSpec& spec : kSpecs) {
    if (!spec.of_probes) continue;
    SettingValue& value = table[std::string(spec.name)];
    value = {.text = std::string(spec.fallback), .source = "default"};
    for (const auto& [name, text] : environment)
      if (name == spec.env) value = {.text = text, .source = fmt::format("environment, {}", name)};
    if (const auto given = flags.find(spec.name); given != flags.end())
      value = {.text = given->second, .source = "flag"};
  }
  Reader reader(table, problems);
  ProbeSettings out = read_probes(reader, problems);
  if (problems.any()) return problems.error();
  return out;
}

}  // namespace carnet::app
