#pragma once
// The files that a scan can be taken away as. Pure functions of a stored scan; thread-safe.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "evidence/cbom.h"
#include "inventory/model.h"

namespace carnet::service {

enum class ArtifactFormat { kJson, kCsv, kPdf, kCbom, kSarif, kBundle };
// "json" "csv" …; nullopt for a word that api.md does not list.
[[nodiscard]] std::optional<ArtifactFormat> parse_format(std::string_view text);
[[nodiscard]] std::string_view to_string(ArtifactFormat format);
// The formats that a scan can be taken away as.
[[nodiscard]] const std::vector<ArtifactFormat>& available_formats();

struct Artifact {
  std::string content_type;  // "application/json", "text/csv; charset=utf-8"
  std::string filename;      // "carnet-report-<scan id>.json": no user text
  std::string bytes;
  std::string sha256;  // hex, also the ETag
};

// Content type and file name of a format, without bytes.
[[nodiscard]] Artifact artifact_head(std::string_view scan_id, ArtifactFormat format);

struct ArtifactOptions {
  evidence::CbomVersion cbom = evidence::kCbomDefault;
  std::string recipient;  // on every page of the PDF; "" for the canonical one
  // Nothing that differs from what a passport names.
  [[nodiscard]] bool canonical() const {
    return cbom == evidence::kCbomDefault && recipient.empty();
  }
};

// Blocks, for a large scan some seconds: not on an io thread. The bundle is the unsigned one, for
// scans without a passport. kInternal if a file cannot be made.
[[nodiscard]] Result<Artifact> make_artifact(const inventory::ScanDocument& document,
                                             ArtifactFormat format,
                                             const ArtifactOptions& options = {});

}  // namespace carnet::service
