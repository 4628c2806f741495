#pragma once
// The manifest of a backup as JSON, and the walk through its parts that compares digests. Internal
// to the commands backup and restore.

#include <string_view>

#include "app/backup.h"

namespace carnet::app {

inline constexpr std::string_view kHeadName = "carnet-backup.json";
inline constexpr std::string_view kManifestName = "manifest.json";
inline constexpr std::string_view kManifestSumName = "manifest.sha256";
inline constexpr std::string_view kFilesPrefix = "data/";
inline constexpr std::string_view kTablesPrefix = "database/";

// Files of the data directory that a backup holds, where they are there.
inline constexpr std::string_view kDataFiles[] = {"pepper", "admin.key", "signing.keys",
                                                  "signing.seal", "carnet.toml"};

// The first part: what one must know before the rest can be read.
[[nodiscard]] std::string write_backup_head(const BackupManifest& manifest);
// kValidationFailed for another format, or a newer one, or a newer schema.
[[nodiscard]] Result<void> check_backup_head(std::string_view text);
[[nodiscard]] std::string write_manifest(const BackupManifest& manifest);
[[nodiscard]] Result<BackupManifest> read_manifest(std::string_view text);

// One after the other, in the order of the file.
class PartVisitor {
 public:
  virtual ~PartVisitor() = default;
  [[nodiscard]] virtual Result<void> begin(const std::string& name, std::uint64_t size) = 0;
  [[nodiscard]] virtual Result<void> piece(std::string_view bytes) = 0;
  [[nodiscard]] virtual Result<void> end(const BackupPart& part) = 0;
};
[[nodiscard]] Result<void> walk_parts(const std::string& path,
                                      const std::optional<Secret>& passphrase,
                                      PartVisitor& visitor);

}  // namespace carnet::app
