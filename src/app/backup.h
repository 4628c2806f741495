#pragma once
// `carnet backup` and `carnet restore`: database and keys in one file, taken while the service
// runs, and a data directory made of it. docs/operations.md describes the file. Blocks; for shell
// commands.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/settings.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "base/secret.h"
#include "store/dump.h"

namespace carnet::app {

struct BackupPart {
  std::string name;
  std::uint64_t size = 0;
  std::string sha256;  // hex
};
struct BackupTable {
  store::DumpTable table;
  std::int64_t rows = 0;
};
// What a backup says about itself.
struct BackupManifest {
  std::string created_at;      // RFC 3339
  std::string carnet_version;  // that made it
  std::string database;        // "SQLite 3.40.1"
  int schema = 0;
  std::vector<BackupTable> tables;
  std::vector<BackupPart> parts;
  [[nodiscard]] std::int64_t rows() const;
  [[nodiscard]] std::vector<std::string> files() const;  // of the data directory
};

struct BackupMade {
  BackupManifest manifest;
  std::uint64_t bytes = 0;         // of the file
  std::vector<std::string> notes;  // what is not in it and must be kept elsewhere
};
// Writes `path`, which must not be there, whole or not at all. With a passphrase it is sealed.
[[nodiscard]] Result<BackupMade> make_backup(const Settings& settings, const std::string& path,
                                             const std::optional<Secret>& passphrase,
                                             const Clock& clock, Random& random);

// Reads the whole file and compares every digest. kValidationFailed says what is damaged, or that
// format or schema are newer than this program. `passphrase` is used where it is sealed; kForbidden
// if it is wrong or not there.
[[nodiscard]] Result<BackupManifest> check_backup(const std::string& path,
                                                  const std::optional<Secret>& passphrase);
[[nodiscard]] Result<bool> backup_is_sealed(const std::string& path);
// Makes the data directory and the database that `settings` name of a backup that was checked; both
// must not be there or be empty (kConflict). All or nothing: prepared beside its place and moved.
[[nodiscard]] Result<void> restore_backup(const Settings& settings, const std::string& path,
                                          const std::optional<Secret>& passphrase,
                                          const BackupManifest& manifest, Random& random);

}  // namespace carnet::app
