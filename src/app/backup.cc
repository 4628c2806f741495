#include "app/backup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <fmt/format.h>

#include "app/backup_archive.h"
#include "app/backup_manifest.h"
#include "app/private_files.h"
#include "app/version.h"
#include "crypto/hash.h"

namespace carnet::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPartBytes = std::size_t{4} * 1024 * 1024;
constexpr std::size_t kFileBytesMax = std::size_t{4} * 1024 * 1024;       // limit: internal
constexpr std::size_t kManifestBytesMax = std::size_t{64} * 1024 * 1024;  // limit: internal

fs::path plain_path(const std::string& path) { return fs::absolute(path).lexically_normal(); }

// nullopt if it is not there.
Result<std::optional<Secret>> read_data_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return std::optional<Secret>{};
  struct stat facts{};
  if (file.get() < 0 || ::fstat(file.get(), &facts) != 0) return cannot("read", path);
  if (!S_ISREG(facts.st_mode) || facts.st_size > static_cast<off_t>(kFileBytesMax))
    return cannot("read", path, "it is not a regular file of a size that Carnet writes");
  CARNET_TRY(bytes, read_bytes(file.get(), path, static_cast<std::size_t>(facts.st_size)));
  return std::optional<Secret>(Secret(std::move(bytes)));
}

Result<std::unique_ptr<store::DumpReader>> open_dump(const Settings& settings) {
  if (!settings.postgres_url.empty()) return store::open_postgres_dump(settings.postgres_url);
  return store::open_sqlite_dump(settings.sqlite_path);
}

// Writes parts and keeps account of them.
class PartWriter {
 public:
  PartWriter(ArchiveWriter& archive, BackupManifest& manifest)
      : archive_(archive), manifest_(manifest) {}
  Result<void> add(std::string name, std::string_view bytes) {
    CARNET_TRY_VOID(archive_.add(name, bytes));
    manifest_.parts.push_back(
        {.name = std::move(name), .size = bytes.size(), .sha256 = crypto::sha256_hex(bytes)});
    return {};
  }
  // A table in parts of whole rows.
  Result<void> add_table(store::DumpReader& dump, const store::DumpTable& table) {
    std::string rows;
    int number = 0;
    const auto flush = [&]() -> Result<void> {
      auto added = add(fmt::format("{}{}.{:06}.copy", kTablesPrefix, table.name, ++number), rows);
      rows.clear();
      return added;
    };
    const auto sink = [&](std::string_view more) -> Result<void> {
      rows += more;
      if (rows.size() < kPartBytes) return {};
      return flush();
    };
    CARNET_TRY(count, dump.rows(table, sink));
    if (!rows.empty()) CARNET_TRY_VOID(flush());
    manifest_.tables.push_back({.table = table, .rows = count});
    return {};
  }

 private:
  ArchiveWriter& archive_;
  BackupManifest& manifest_;
};

std::vector<std::string> notes_for(const Settings& settings) {
  std::vector<std::string> notes;
  const auto elsewhere = [&](const std::string& path, std::string_view name) {
    return plain_path(path) != plain_path(settings.data_dir + "/" + std::string(name));
  };
  if (settings.admin_key_file_given && elsewhere(settings.admin_key_file, "admin.key"))
    notes.push_back(fmt::format("{} is not in it; keep it too", settings.admin_key_file));
  if (elsewhere(settings.key_file, "signing.seal"))
    notes.push_back(fmt::format("{}, which opens the signing keys, is not in it; keep it too",
                                settings.key_file));
  if (!settings.passphrase_file.empty())
    notes.push_back("the passphrase of the signing keys is not in it; keep it too");
  return notes;
}

// What the check pass gathers: every digest, and the parts that say what ought to be there.
class Checker final : public PartVisitor {
 public:
  Result<void> begin(const std::string& name, std::uint64_t size) override {
    text_.clear();
    keep_ = name == kHeadName || name == kManifestName || name == kManifestSumName;
    if (parts_.empty() && name != kHeadName)
      return make_error(ErrorCode::kValidationFailed, "It is not a backup of Carnet.");
    if (keep_ && size > kManifestBytesMax)
      return make_error(ErrorCode::kValidationFailed, fmt::format("Its {} is too large.", name));
    return {};
  }
  Result<void> piece(std::string_view bytes) override {
    if (keep_) text_ += bytes;
    return {};
  }
  Result<void> end(const BackupPart& part) override {
    if (part.name == kHeadName) CARNET_TRY_VOID(check_backup_head(text_));
    if (part.name == kManifestName) manifest_ = text_;
    if (part.name == kManifestSumName) manifest_sum_ = text_;
    parts_.push_back(part);
    return {};
  }
  [[nodiscard]] Result<BackupManifest> result() const {
    if (parts_.size() < 3 || parts_.back().name != kManifestSumName ||
        parts_[parts_.size() - 2].name != kManifestName)
      return make_error(ErrorCode::kValidationFailed, "It is damaged: its manifest is missing.");
    if (manifest_sum_ != sum_line(parts_[parts_.size() - 2].sha256))
      return make_error(ErrorCode::kValidationFailed, "It is damaged: its manifest was changed.");
    CARNET_TRY(manifest, read_manifest(manifest_));
    for (std::size_t i = 0; i < std::max(manifest.parts.size(), parts_.size() - 2); ++i) {
      const BackupPart* const wanted = i < manifest.parts.size() ? &manifest.parts[i] : nullptr;
      const BackupPart* const found = i + 2 < parts_.size() ? &parts_[i] : nullptr;
      if (wanted != nullptr && found != nullptr && wanted->name == found->name &&
          wanted->size == found->size && wanted->sha256 == found->sha256)
        continue;
      return make_error(ErrorCode::kValidationFailed,
                        fmt::format("It is damaged: the part {} is not what its manifest says.",
                                    wanted != nullptr ? wanted->name : found->name));
    }
    return manifest;
  }
  [[nodiscard]] static std::string sum_line(std::string_view sha256) {
    return fmt::format("{}  {}\n", sha256, kManifestName);
  }

 private:
  bool keep_ = false;
  std::string text_, manifest_, manifest_sum_;
  std::vector<BackupPart> parts_;
};

// "database/assets.000001.copy" → "assets"
std::string_view table_of(std::string_view part) {
  part.remove_prefix(kTablesPrefix.size());
  return part.substr(0, part.find('.'));
}

// Lays the parts out. The digests are compared again: the file may have changed since the check.
class Restorer final : public PartVisitor {
 public:
  Restorer(const BackupManifest& manifest, std::string folder, store::DumpWriter& database)
      : manifest_(manifest), folder_(std::move(folder)), database_(database) {}

  Result<void> begin(const std::string& name, std::uint64_t) override {
    file_.clear();
    in_table_ = name.starts_with(kTablesPrefix);
    if (in_table_) CARNET_TRY_VOID(move_to(table_of(name)));
    return {};
  }
  Result<void> piece(std::string_view bytes) override {
    if (in_table_) return database_.add(bytes);
    if (file_.size() + bytes.size() > kManifestBytesMax)
      return make_error(ErrorCode::kValidationFailed, "A part of it is too large.");
    file_ += bytes;
    return {};
  }
  Result<void> end(const BackupPart& part) override {
    const bool of_manifest = part.name == kManifestName || part.name == kManifestSumName;
    if (!of_manifest) {
      const bool as_checked = part_ < manifest_.parts.size() &&
                              manifest_.parts[part_].name == part.name &&
                              manifest_.parts[part_].sha256 == part.sha256;
      if (!as_checked)
        return make_error(ErrorCode::kConflict, "It was changed while it was being restored.");
      ++part_;
    }
    if (part.name.starts_with(kFilesPrefix)) {
      const std::string name = part.name.substr(kFilesPrefix.size());
      if (std::find(std::begin(kDataFiles), std::end(kDataFiles), name) == std::end(kDataFiles))
        return make_error(ErrorCode::kValidationFailed,
                          fmt::format("It has a file {} that does not belong there.", name));
      auto written = write_new_file(folder_ + "/" + name, file_);
      ::explicit_bzero(file_.data(), file_.size());
      return written;
    }
    return {};
  }
  // After the last part: tables without a row have none.
  Result<void> finish() {
    CARNET_TRY_VOID(move_to(""));
    if (part_ != manifest_.parts.size())
      return make_error(ErrorCode::kConflict, "It was changed while it was being restored.");
    return database_.finish();
  }

 private:
  // Ends the table at hand and goes on to the one named, or behind the last.
  Result<void> move_to(std::string_view name) {
    while (open_ ? manifest_.tables[table_].table.name != name : table_ < manifest_.tables.size()) {
      if (open_) {
        CARNET_TRY(rows, database_.end());
        if (rows != manifest_.tables[table_].rows)
          return make_error(ErrorCode::kValidationFailed,
                            fmt::format("Its table {} has {} rows and ought to have {}.",
                                        manifest_.tables[table_].table.name, rows,
                                        manifest_.tables[table_].rows));
        open_ = false;
        ++table_;
        continue;
      }
      CARNET_TRY_VOID(database_.begin(manifest_.tables[table_].table));
      open_ = true;
    }
    if (!open_ && !name.empty())
      return make_error(ErrorCode::kValidationFailed,
                        fmt::format("Its table {} is not in its manifest.", name));
    return {};
  }

  const BackupManifest& manifest_;
  std::string folder_;
  store::DumpWriter& database_;
  std::string file_;
  bool in_table_ = false;
  bool open_ = false;
  std::size_t table_ = 0, part_ = 0;
};

Result<void> check_data_dir_free(const std::string& directory) {
  std::error_code failure;
  if (!fs::exists(directory, failure)) return {};
  if (fs::is_directory(directory, failure) && fs::is_empty(directory, failure)) return {};
  return make_error(
      ErrorCode::kConflict,
      fmt::format("{} is not empty; nothing was changed. Choose another directory with --data.",
                  directory));
}

Result<void> check_database_free(const std::string& path) {
  for (const std::string_view suffix : {"", "-wal", "-shm", "-journal"})
    if (::access((path + std::string(suffix)).c_str(), F_OK) == 0)
      return make_error(ErrorCode::kConflict,
                        fmt::format("{}{} is there; nothing was changed. Choose another database "
                                    "with --database.",
                                    path, suffix));
  return {};
}

// Where the database is filled, and how it gets to its place.
class DatabasePlace {
 public:
  // A SQLite file in the data directory moves with it; elsewhere it has a staging folder of its
  // own. PostgreSQL is filled in one transaction.
  static Result<DatabasePlace> prepare(const Settings& settings, const StagingFolder& directory,
                                       int schema, Random& random) {
    DatabasePlace out;
    if (!settings.postgres_url.empty()) {
      CARNET_TRY(writer, store::fill_postgres_from_dump(settings.postgres_url, schema));
      out.writer_ = std::move(writer);
      return out;
    }
    const std::string& path = settings.sqlite_path;
    CARNET_TRY_VOID(check_database_free(path));
    if (plain_path(folder_of(path)) == plain_path(settings.data_dir)) {
      out.prepared_ = directory.path() + "/" + fs::path(path).filename().string();
    } else {
      CARNET_TRY(own, StagingFolder::create(path, "restore", random));
      out.place_ = path;
      out.prepared_ = own.path() + "/carnet.db";
      out.own_.emplace(std::move(own));
    }
    CARNET_TRY(writer, store::create_sqlite_from_dump(out.prepared_, schema));
    out.writer_ = std::move(writer);
    return out;
  }
  [[nodiscard]] store::DumpWriter& writer() { return *writer_; }
  // After the writer's finish().
  Result<void> move_into_place() {
    if (place_.empty()) return {};
    if (::link(prepared_.c_str(), place_.c_str()) != 0) return cannot("create", place_);
    moved_ = true;
    return sync_path(folder_of(place_));
  }
  void take_back() const {
    if (moved_) ::unlink(place_.c_str());
  }

 private:
  std::unique_ptr<store::DumpWriter> writer_;
  std::string place_;  // "" = nothing is to be moved
  std::string prepared_;
  std::optional<StagingFolder> own_;
  bool moved_ = false;
};

}  // namespace

Result<BackupMade> make_backup(const Settings& settings, const std::string& path,
                               const std::optional<Secret>& passphrase, const Clock& clock,
                               Random& random) {
  CARNET_TRY(dump, open_dump(settings));
  const Timestamp now = clock.now();
  CARNET_TRY(file, SealedFileWriter::create(path, passphrase, random));
  ArchiveWriter archive(std::move(file), now);
  BackupMade out;
  BackupManifest& manifest = out.manifest;
  manifest.created_at = to_rfc3339(now);
  manifest.carnet_version = version();
  manifest.database = dump->description();
  manifest.schema = dump->schema_version();
  PartWriter parts(archive, manifest);
  CARNET_TRY_VOID(parts.add(std::string(kHeadName), write_backup_head(manifest)));
  // After the database's snapshot began: keys that were rotated meanwhile are a superset of those
  // that the snapshot's passports were signed with.
  for (const std::string_view name : kDataFiles) {
    CARNET_TRY(bytes, read_data_file(fmt::format("{}/{}", settings.data_dir, name)));
    if (!bytes && name == kDataFiles[0])
      return cannot("read", fmt::format("{}/{}", settings.data_dir, name), "it is not there");
    if (bytes) CARNET_TRY_VOID(parts.add(fmt::format("{}{}", kFilesPrefix, name), bytes->expose()));
  }
  for (const store::DumpTable& table : dump->tables())
    CARNET_TRY_VOID(parts.add_table(*dump, table));
  const std::string text = write_manifest(manifest);
  CARNET_TRY_VOID(archive.add(kManifestName, text));
  CARNET_TRY_VOID(archive.add(kManifestSumName, Checker::sum_line(crypto::sha256_hex(text))));
  CARNET_TRY_VOID(archive.commit());
  out.bytes = archive.bytes_written();
  out.notes = notes_for(settings);
  return out;
}

Result<bool> backup_is_sealed(const std::string& path) {
  CARNET_TRY(file, SealedFileReader::open(path));
  return file->sealed();
}

Result<BackupManifest> check_backup(const std::string& path,
                                    const std::optional<Secret>& passphrase) {
  Checker checker;
  CARNET_TRY_VOID(walk_parts(path, passphrase, checker));
  auto manifest = checker.result();
  if (!manifest)
    manifest.error().public_detail = fmt::format("{}: {}", path, manifest.error().public_detail);
  return manifest;
}

Result<void> restore_backup(const Settings& settings, const std::string& path,
                            const std::optional<Secret>& passphrase, const BackupManifest& manifest,
                            Random& random) {
  CARNET_TRY_VOID(check_data_dir_free(settings.data_dir));
  CARNET_TRY(directory, StagingFolder::create(settings.data_dir, "restore", random));
  CARNET_TRY(place, DatabasePlace::prepare(settings, directory, manifest.schema, random));
  Restorer restorer(manifest, directory.path(), place.writer());
  CARNET_TRY_VOID(walk_parts(path, passphrase, restorer));
  CARNET_TRY_VOID(restorer.finish());
  CARNET_TRY_VOID(place.move_into_place());
  auto moved = directory.move_into_place();
  if (moved) return moved;
  place.take_back();
  if (!settings.postgres_url.empty())
    moved.error().public_detail +=
        " The database is filled already: drop it before restoring again.";
  return moved;
}

}  // namespace carnet::app
