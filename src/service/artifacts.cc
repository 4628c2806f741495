#include "service/artifacts.h"

#include <array>
#include <utility>

#include "crypto/hash.h"
#include "evidence/report.h"

namespace carnet::service {
namespace {

constexpr std::array<std::pair<ArtifactFormat, std::string_view>, 6> kNames{{
    {ArtifactFormat::kJson, "json"},
    {ArtifactFormat::kCsv, "csv"},
    {ArtifactFormat::kPdf, "pdf"},
    {ArtifactFormat::kCbom, "cbom"},
    {ArtifactFormat::kSarif, "sarif"},
    {ArtifactFormat::kBundle, "bundle"},
}};

tl::unexpected<Error> not_available() {
  std::string able;
  for (const ArtifactFormat format : available_formats()) {
    if (!able.empty()) able += ", ";
    able += to_string(format);
  }
  return make_validation_error(
      {FieldError{.field = "format",
                  .pointer = "",
                  .code = "not_available",
                  .detail = "must be one of those this release can make: " + able}});
}

}  // namespace

std::optional<ArtifactFormat> parse_format(std::string_view text) {
  for (const auto& [format, name] : kNames)
    if (name == text) return format;
  return std::nullopt;
}

std::string_view to_string(ArtifactFormat format) {
  for (const auto& [known, name] : kNames)
    if (known == format) return name;
  return "";
}

const std::vector<ArtifactFormat>& available_formats() {
  static const std::vector<ArtifactFormat> kFormats{ArtifactFormat::kJson, ArtifactFormat::kCsv};
  return kFormats;
}

Result<Artifact> make_artifact(const inventory::ScanDocument& document, ArtifactFormat format) {
  Artifact artifact;
  switch (format) {
    case ArtifactFormat::kJson:
      artifact.content_type = "application/json";
      artifact.filename = "carnet-report-" + document.scan_id + ".json";
      artifact.bytes = evidence::report_json(document);
      break;
    case ArtifactFormat::kCsv:
      artifact.content_type = "text/csv; charset=utf-8";
      artifact.filename = "carnet-report-" + document.scan_id + ".csv";
      artifact.bytes = evidence::assets_csv(document);
      break;
    case ArtifactFormat::kPdf:
    case ArtifactFormat::kCbom:
    case ArtifactFormat::kSarif:
    case ArtifactFormat::kBundle:
      return not_available();
  }
  artifact.sha256 = crypto::sha256_hex(artifact.bytes);
  return artifact;
}

}  // namespace carnet::service
