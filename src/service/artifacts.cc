#include "service/artifacts.h"

#include <array>
#include <utility>

#include "crypto/hash.h"
#include "evidence/artifact_set.h"
#include "evidence/report.h"
#include "evidence/report_pdf.h"
#include "evidence/sarif.h"

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

// The bundle of a scan that has no passport: everything but the signatures.
Result<std::string> unsigned_bundle(const inventory::ScanDocument& document) {
  CARNET_TRY(artifacts, evidence::artifacts_of(document));
  return evidence::make_bundle(document, std::move(artifacts));
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
  static const std::vector<ArtifactFormat> kFormats{
      ArtifactFormat::kJson, ArtifactFormat::kCsv,   ArtifactFormat::kPdf,
      ArtifactFormat::kCbom, ArtifactFormat::kSarif, ArtifactFormat::kBundle};
  return kFormats;
}

Artifact artifact_head(std::string_view scan_id, ArtifactFormat format) {
  struct Words {
    std::string_view content_type, ending;
  };
  const auto words = [format]() -> Words {
    switch (format) {
      case ArtifactFormat::kJson:
        return {.content_type = "application/json", .ending = ".json"};
      case ArtifactFormat::kCsv:
        return {.content_type = "text/csv; charset=utf-8", .ending = ".csv"};
      case ArtifactFormat::kPdf:
        return {.content_type = "application/pdf", .ending = ".pdf"};
      case ArtifactFormat::kCbom:
        return {.content_type = "application/vnd.cyclonedx+json", .ending = ".cdx.json"};
      case ArtifactFormat::kSarif:
        return {.content_type = "application/sarif+json", .ending = ".sarif"};
      case ArtifactFormat::kBundle:
        return {.content_type = "application/zip", .ending = ".zip"};
    }
  }();
  Artifact artifact;
  artifact.content_type = words.content_type;
  artifact.filename = "carnet-report-" + std::string(scan_id) + std::string(words.ending);
  return artifact;
}

Result<Artifact> make_artifact(const inventory::ScanDocument& document, ArtifactFormat format,
                               const ArtifactOptions& options) {
  Artifact artifact = artifact_head(document.scan_id, format);
  switch (format) {
    case ArtifactFormat::kJson:
      artifact.bytes = evidence::report_json(document);
      break;
    case ArtifactFormat::kCsv:
      artifact.bytes = evidence::assets_csv(document);
      break;
    case ArtifactFormat::kPdf: {
      CARNET_TRY(pdf, evidence::write_pdf(document, {.recipient = options.recipient}));
      artifact.bytes = std::move(pdf);
      break;
    }
    case ArtifactFormat::kCbom:
      artifact.bytes = evidence::cbom_json(document, options.cbom);
      break;
    case ArtifactFormat::kSarif:
      artifact.bytes = evidence::sarif_json(document);
      break;
    case ArtifactFormat::kBundle: {
      CARNET_TRY(bundle, unsigned_bundle(document));
      artifact.bytes = std::move(bundle);
      break;
    }
  }
  artifact.sha256 = crypto::sha256_hex(artifact.bytes);
  return artifact;
}

}  // namespace carnet::service
