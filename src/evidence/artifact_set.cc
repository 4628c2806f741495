#include "evidence/artifact_set.h"

#include <fmt/format.h>

#include <algorithm>

#include "crypto/hash.h"
#include "evidence/cbom.h"
#include "evidence/embedded.h"
#include "evidence/report.h"
#include "evidence/report_pdf.h"
#include "evidence/sarif.h"

namespace carnet::evidence {
namespace {

using inventory::ScanDocument;

constexpr std::string_view kSampleWarning =
    "> SAMPLE. The endpoints in this bundle are invented; nothing in it is evidence of "
    "anything.\n\n";

// The auditor's README begins with what this bundle is about; the rest is the same for all.
std::string readme(const ScanDocument& document) {
  std::string text = "# Evidence of scan " + document.scan_id + "\n\n";
  if (document.sample) text += kSampleWarning;
  text += fmt::format("Scan finished {}, judged by version {} of the method.\n\n",
                      to_rfc3339(document.finished_at), document.judgement.method_version);
  text += embedded::auditor_readme_md();
  return text;
}

// Two spaces between digest and name: text mode, which every sha256sum reads.
std::string checksums_of(const std::vector<BundleEntry>& entries) {
  std::string text;
  for (const BundleEntry& entry : entries)
    text += fmt::format("{}  {}\n",
                        entry.source ? entry.source->sha256 : crypto::sha256_hex(entry.bytes),
                        entry.name);
  return text;
}

}  // namespace

std::vector<ArtifactSource> artifact_sources() {
  const auto sure = [](void (*write)(const ScanDocument&, const TextSink&)) {
    return [write](const ScanDocument& document, const TextSink& sink) -> Result<void> {
      write(document, sink);
      return {};
    };
  };
  const auto cbom = [](const ScanDocument& document, const TextSink& sink) {
    write_cbom_json(document, sink);
  };
  const auto pdf = [](const ScanDocument& document, const TextSink& sink) {
    return write_pdf(document, sink);
  };
  std::vector<ArtifactSource> sources;
  sources.push_back({std::string(kAssetsCsvName), "text/csv", sure(write_assets_csv)});
  sources.push_back({std::string(kCbomName), cbom_media_type(kCbomDefault), sure(cbom)});
  sources.push_back({std::string(kRemediationCsvName), "text/csv", sure(write_remediation_csv)});
  sources.push_back({std::string(kReportJsonName), "application/json", sure(write_report_json)});
  sources.push_back({std::string(kReportPdfName), "application/pdf", pdf});
  sources.push_back(
      {std::string(kSarifName), std::string(kSarifMediaType), sure(write_sarif_json)});
  return sources;
}

Result<std::vector<NamedArtifact>> artifacts_of(const ScanDocument& document) {
  std::vector<NamedArtifact> artifacts;
  for (ArtifactSource& source : artifact_sources()) {
    std::string bytes;
    CARNET_TRY_VOID(source.write(document, [&](std::string_view piece) { bytes += piece; }));
    artifacts.push_back({std::move(source.name), std::move(source.media_type), std::move(bytes)});
  }
  return artifacts;
}

std::vector<NamedArtifact> guide_of(const ScanDocument& document) {
  return {{"README.md", "text/markdown", readme(document)},
          {"glossary.md", "text/markdown", std::string(embedded::glossary_md())},
          {"methodology.md", "text/markdown", std::string(embedded::methodology_md())}};
}

Result<std::string> bundle_of(std::vector<BundleEntry> entries) {
  const auto by_name = [](const BundleEntry& a, const BundleEntry& b) { return a.name < b.name; };
  std::sort(entries.begin(), entries.end(), by_name);
  entries.push_back({.name = std::string(kChecksumsName), .bytes = checksums_of(entries)});
  return write_bundle(std::move(entries));
}

Result<std::string> make_bundle(const ScanDocument& document, std::vector<NamedArtifact> artifacts,
                                std::vector<BundleEntry> extra) {
  std::vector<BundleEntry> entries = std::move(extra);
  for (NamedArtifact& artifact : artifacts)
    entries.push_back({.name = std::move(artifact.name), .bytes = std::move(artifact.bytes)});
  for (NamedArtifact& guide : guide_of(document))
    entries.push_back({.name = std::move(guide.name), .bytes = std::move(guide.bytes)});
  return bundle_of(std::move(entries));
}

}  // namespace carnet::evidence
