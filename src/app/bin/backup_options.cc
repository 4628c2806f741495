#include "app/bin/backup_options.h"

#include <iostream>

#include <fmt/format.h>

#include "app/backup.h"
#include "app/data_dir.h"
#include "base/text.h"

namespace carnet::app {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

int fail(std::string_view command, const Error& error, int code = kExitFailed) {
  fmt::print(stderr, "carnet {}: {}\n", command, error.public_detail);
  return code;
}

std::string names_of(const std::vector<std::string>& files) {
  return fmt::format("{}", fmt::join(files, ", "));
}

}  // namespace

void BackupOptions::add_places(CLI::App& command) {
  command
      .add_option("--data", data_, "the data directory [CARNET_DATA_DIR, default ./carnet-data]")
      ->type_name("DIR");
  command
      .add_option("--database", database_,
                  "the database [CARNET_DATABASE_URL, default sqlite:DATA/carnet.db]")
      ->type_name("URL");
  command
      .add_option(
          "--config", config_,
          "settings file (default: carnet.toml here, then in the data directory) [CARNET_CONFIG]")
      ->type_name("FILE")
      ->envname("CARNET_CONFIG");
}

void BackupOptions::add_backup(CLI::App& command) {
  command.add_option("FILE", file_, "file to make; it must not exist")->required();
  add_places(command);
  command
      .add_option("--seal-file", seal_file_,
                  "seal it with the passphrase that is this file's only line; - is standard input")
      ->type_name("FILE");
  command.footer(
      "The service may run meanwhile. The file holds the keys: without --seal-file keep it as "
      "private as the data directory.");
}

void BackupOptions::add_restore(CLI::App& command) {
  command.add_option("FILE", file_, "file that carnet backup made")->required();
  add_places(command);
  command
      .add_option("--seal-file", seal_file_,
                  "file that holds the passphrase of a sealed one; - is standard input")
      ->type_name("FILE");
  command.add_flag("--check", check_, "only read it and compare every digest");
  command.footer(
      "Data directory and database must not exist or be empty. Exit codes: 0 restored, 1 nothing "
      "was changed, 2 usage.");
}

Result<Settings> BackupOptions::settings(const CLI::App& command) const {
  FlagValues given;
  if (command.count("--data") > 0) given["data"] = data_;
  if (command.count("--database") > 0) given["database"] = database_;
  CARNET_TRY(settings, resolve_settings(given, process_environment(), config_, false));
  if (!settings.persistence)
    return make_error(ErrorCode::kValidationFailed,
                      "With --database none nothing is kept, so there is nothing to back up or "
                      "restore.");
  return settings;
}

Result<std::optional<Secret>> BackupOptions::passphrase() const {
  if (seal_file_.empty()) return std::optional<Secret>{};
  Secret text;
  if (seal_file_ == "-") {
    std::string line;
    std::getline(std::cin, line);
    text = Secret(std::string(trim_ascii(line)));
    ::explicit_bzero(line.data(), line.size());
  } else {
    CARNET_TRY(read, read_key_file(seal_file_));
    text = std::move(read);
  }
  if (text.empty())
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("There is no passphrase in {}.", seal_file_));
  return std::optional<Secret>(std::move(text));
}

int BackupOptions::run_backup(const CLI::App& command, const Clock& clock, Random& random) const {
  const auto resolved = settings(command);
  if (!resolved) return fail("backup", resolved.error(), kExitUsage);
  const auto seal = passphrase();
  if (!seal) return fail("backup", seal.error());
  const auto made = make_backup(*resolved, file_, *seal, clock, random);
  if (!made) return fail("backup", made.error());
  const BackupManifest& manifest = made->manifest;
  fmt::print("Backed up {} rows of {} tables ({}, schema {}) and {} to {}: {} bytes{}.\n",
             manifest.rows(), manifest.tables.size(), manifest.database, manifest.schema,
             names_of(manifest.files()), file_, made->bytes,
             *seal ? ", sealed" : "; it holds the keys in the clear, keep it private");
  for (const std::string& note : made->notes) fmt::print("Note: {}.\n", note);
  return 0;
}

int BackupOptions::run_restore(const CLI::App& command, Random& random) const {
  const auto resolved = settings(command);
  if (!resolved) return fail("restore", resolved.error(), kExitUsage);
  const auto seal = passphrase();
  if (!seal) return fail("restore", seal.error());
  const auto manifest = check_backup(file_, *seal);
  if (!manifest) return fail("restore", manifest.error());
  const std::string what = fmt::format(
      "made by Carnet {} at {} from {}: {} rows of {} tables (schema {}), {}",
      manifest->carnet_version, manifest->created_at, manifest->database, manifest->rows(),
      manifest->tables.size(), manifest->schema, names_of(manifest->files()));
  if (check_) {
    fmt::print("{} is whole; {}.\n", file_, what);
    return 0;
  }
  const auto restored = restore_backup(*resolved, file_, *seal, *manifest, random);
  if (!restored) return fail("restore", restored.error());
  // Without its flag the service would begin an empty database of its own beside the keys.
  std::string database;
  if (!resolved->postgres_url.empty())
    database = " --database postgresql://…";
  else if (resolved->sqlite_path != resolved->data_dir + "/carnet.db")
    database = " --database sqlite:" + resolved->sqlite_path;
  fmt::print("Restored {0}; {1}.\nStart the service with: carnet serve --data {0}{2}\n",
             resolved->data_dir, what, database);
  return 0;
}

}  // namespace carnet::app
