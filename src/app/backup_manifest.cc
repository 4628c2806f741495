#include "app/backup_manifest.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/backup_archive.h"
#include "base/encoding.h"
#include "base/json.h"
#include "crypto/sha256_stream.h"

namespace carnet::app {
namespace {

namespace bj = boost::json;

constexpr std::string_view kFormat = "carnet-backup";
constexpr std::int64_t kVersion = 1;

tl::unexpected<Error> refused(std::string what) {
  return make_error(ErrorCode::kValidationFailed, std::move(what));
}

tl::unexpected<Error> bad_manifest() {
  return refused("It is damaged: its manifest is not whole.");
}

std::string text_of(const bj::object& object, std::string_view name) {
  const bj::value* value = object.if_contains({name.data(), name.size()});
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string{};
}

std::int64_t number_of(const bj::object& object, std::string_view name) {
  const bj::value* value = object.if_contains({name.data(), name.size()});
  return value != nullptr && value->is_int64() ? value->get_int64() : -1;
}

const bj::array* array_of(const bj::object& object, std::string_view name) {
  const bj::value* value = object.if_contains({name.data(), name.size()});
  return value == nullptr ? nullptr : value->if_array();
}

bj::object head_of(const BackupManifest& manifest) {
  return {{"format", kFormat},
          {"version", kVersion},
          {"carnetVersion", manifest.carnet_version},
          {"createdAt", manifest.created_at},
          {"database", manifest.database},
          {"schema", manifest.schema}};
}

Result<void> read_tables(const bj::array& tables, BackupManifest& out) {
  for (const bj::value& value : tables) {
    const bj::object* const object = value.if_object();
    if (object == nullptr) return bad_manifest();
    BackupTable table{.table = {.name = text_of(*object, "name"), .columns = {}},
                      .rows = number_of(*object, "rows")};
    const bj::array* const columns = array_of(*object, "columns");
    if (table.table.name.empty() || table.rows < 0 || columns == nullptr) return bad_manifest();
    for (const bj::value& column : *columns) {
      if (!column.is_string()) return bad_manifest();
      table.table.columns.emplace_back(column.get_string());
    }
    out.tables.push_back(std::move(table));
  }
  return {};
}

Result<void> read_parts(const bj::array& parts, BackupManifest& out) {
  for (const bj::value& value : parts) {
    const bj::object* const object = value.if_object();
    if (object == nullptr) return bad_manifest();
    const std::int64_t size = number_of(*object, "size");
    BackupPart part{.name = text_of(*object, "name"),
                    .size = static_cast<std::uint64_t>(std::max<std::int64_t>(0, size)),
                    .sha256 = text_of(*object, "sha256")};
    if (part.name.empty() || size < 0 || part.sha256.empty()) return bad_manifest();
    out.parts.push_back(std::move(part));
  }
  return {};
}

Result<void> walk(ArchiveReader& archive, PartVisitor& visitor) {
  while (true) {
    CARNET_TRY(next, archive.next());
    if (!next) return {};
    CARNET_TRY_VOID(visitor.begin(next->name, next->size));
    crypto::Sha256Stream digest;
    while (true) {
      CARNET_TRY(bytes, archive.read());
      if (bytes.empty()) break;
      digest.add(bytes);
      CARNET_TRY_VOID(visitor.piece(bytes));
    }
    const BackupPart part{
        .name = next->name, .size = next->size, .sha256 = to_hex(digest.finish())};
    CARNET_TRY_VOID(visitor.end(part));
  }
}

}  // namespace

std::int64_t BackupManifest::rows() const {
  std::int64_t sum = 0;
  for (const BackupTable& table : tables) sum += table.rows;
  return sum;
}

std::vector<std::string> BackupManifest::files() const {
  std::vector<std::string> out;
  for (const BackupPart& part : parts)
    if (part.name.starts_with(kFilesPrefix)) out.push_back(part.name.substr(kFilesPrefix.size()));
  return out;
}

std::string write_backup_head(const BackupManifest& manifest) {
  return json::write_pretty(head_of(manifest)) + "\n";
}

Result<void> check_backup_head(std::string_view text) {
  const auto value = json::parse(text);
  if (!value || !value->is_object() || text_of(value->get_object(), "format") != kFormat)
    return refused("It is not a backup of Carnet.");
  const bj::object& head = value->get_object();
  const std::string made_by = text_of(head, "carnetVersion");
  if (number_of(head, "version") > kVersion)
    return refused(
        fmt::format("It has the format {}, and this program knows {} only; use Carnet {} "
                    "or newer.",
                    number_of(head, "version"), kVersion, made_by));
  if (number_of(head, "schema") > store::latest_schema())
    return refused(
        fmt::format("Its schema is {}, and this program knows schemas up to {} only; use "
                    "Carnet {} or newer.",
                    number_of(head, "schema"), store::latest_schema(), made_by));
  if (number_of(head, "version") < 1 || number_of(head, "schema") < 1) return bad_manifest();
  return {};
}

std::string write_manifest(const BackupManifest& manifest) {
  bj::object out = head_of(manifest);
  bj::array tables;
  for (const BackupTable& table : manifest.tables) {
    bj::array columns;
    for (const std::string& column : table.table.columns) columns.emplace_back(column);
    tables.push_back(bj::object{
        {"name", table.table.name}, {"columns", std::move(columns)}, {"rows", table.rows}});
  }
  out["tables"] = std::move(tables);
  bj::array parts;
  for (const BackupPart& part : manifest.parts)
    parts.push_back(bj::object{{"name", part.name},
                               {"size", static_cast<std::int64_t>(part.size)},
                               {"sha256", part.sha256}});
  out["parts"] = std::move(parts);
  return json::write_pretty(out) + "\n";
}

Result<BackupManifest> read_manifest(std::string_view text) {
  CARNET_TRY_VOID(check_backup_head(text));
  const auto value = json::parse(text);
  const bj::object& object = value->get_object();
  BackupManifest out{.created_at = text_of(object, "createdAt"),
                     .carnet_version = text_of(object, "carnetVersion"),
                     .database = text_of(object, "database"),
                     .schema = static_cast<int>(number_of(object, "schema")),
                     .tables = {},
                     .parts = {}};
  const bj::array* const tables = array_of(object, "tables");
  const bj::array* const parts = array_of(object, "parts");
  if (tables == nullptr || parts == nullptr) return bad_manifest();
  CARNET_TRY_VOID(read_tables(*tables, out));
  CARNET_TRY_VOID(read_parts(*parts, out));
  return out;
}

Result<void> walk_parts(const std::string& path, const std::optional<Secret>& passphrase,
                        PartVisitor& visitor) {
  CARNET_TRY(file, SealedFileReader::open(path));
  if (file->sealed()) {
    if (!passphrase)
      return make_error(ErrorCode::kForbidden, fmt::format("{} is sealed; name the file that holds "
                                                           "its passphrase with --seal-file.",
                                                           path));
    CARNET_TRY_VOID(file->unseal(*passphrase));
  }
  ArchiveReader archive(std::move(file));
  auto walked = walk(archive, visitor);
  if (!walked && walked.error().public_detail.find(path) == std::string::npos)
    walked.error().public_detail = fmt::format("{}: {}", path, walked.error().public_detail);
  return walked;
}

}  // namespace carnet::app
