#include "app/serve_parts.h"

#include <filesystem>

#include <fmt/format.h>

#include "app/data_dir.h"

namespace carnet::app {

Result<Secret> pepper_for(const Settings& settings, Random& random) {
  std::error_code ignored;
  if (settings.persistence || std::filesystem::is_directory(settings.data_dir, ignored))
    return read_pepper(settings.data_dir);
  // Without a database nothing outlives the process, so neither need its pepper.
  std::string bytes(32, '\0');
  random.fill({reinterpret_cast<std::uint8_t*>(bytes.data()), bytes.size()});
  return Secret(std::move(bytes));
}

Result<std::optional<Secret>> admin_key_for(const Settings& settings) {
  CARNET_TRY(key, read_key_file(settings.admin_key_file));
  if (!key.empty()) return std::optional<Secret>(std::move(key));
  if (settings.admin_key_file_given)
    return make_error(
        ErrorCode::kUnavailable,
        fmt::format("The admin key file {} is missing or empty.", settings.admin_key_file));
  return std::optional<Secret>{};
}

Result<TlsIdentityPtr> tls_identity_for(const Settings& settings, const Clock& clock) {
  if (settings.tls_certificate.empty()) return TlsIdentityPtr{};
  return api::TlsIdentity::load({.certificate = settings.tls_certificate, .key = settings.tls_key},
                                clock.now());
}

SigningKeyPlaces key_places(const Settings& settings) {
  return {.data_dir = settings.data_dir,
          .key_file = settings.key_file,
          .passphrase_file = settings.passphrase_file};
}

Result<service::SigningKeysNow> signing_keys_for(const Settings& settings, const Clock& clock,
                                                 Random& random) {
  if (!settings.persistence) return service::SigningKeysNow{};
  const SigningKeyPlaces places = key_places(settings);
  if (has_signing_keys(places)) return load_signing_keys(places);
  CARNET_TRY(made, make_signing_keys(places, false, clock, random));
  fmt::print(stderr,
             "carnet serve: there were no signing keys; made {}. Back it up, with what opens it.\n",
             places.keys_path());
  return made;
}

Result<std::unique_ptr<store::Database>> open_database(const Settings& settings) {
  if (!settings.persistence) return store::make_off_database();
  if (!settings.postgres_url.empty())
    return store::open_postgres(
        {.url = settings.postgres_url, .connections = settings.database_connections});
  store::SqliteOptions options;
  options.path = settings.sqlite_path;
  return store::open_sqlite(options);
}

}  // namespace carnet::app
