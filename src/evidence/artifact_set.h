#pragma once
// Every file that a finished scan is handed on as, under the names that a passport lists and the
// bundle holds (docs/evidence.md). Pure functions of the document: the same document gives the same
// bytes, so a digest taken today fits what is made tomorrow. Thread-safe. A large scan takes
// seconds: call it on a work thread.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "evidence/bundle.h"
#include "evidence/report.h"
#include "inventory/model.h"

namespace carnet::evidence {

inline constexpr std::string_view kReportJsonName = "report.json";
inline constexpr std::string_view kAssetsCsvName = "assets.csv";
inline constexpr std::string_view kRemediationCsvName = "remediation.csv";
inline constexpr std::string_view kCbomName = "cbom.json";
inline constexpr std::string_view kSarifName = "report.sarif";
inline constexpr std::string_view kReportPdfName = "report.pdf";
inline constexpr std::string_view kBundleName = "bundle.zip";
inline constexpr std::string_view kChecksumsName = "SHA256SUMS";

struct NamedArtifact {
  std::string name;
  std::string media_type;
  std::string bytes;
};

// One artifact and how it is written, in pieces: those of a large scan never stand in memory
// together.
struct ArtifactSource {
  std::string name;
  std::string media_type;
  std::function<Result<void>(const inventory::ScanDocument&, const TextSink&)> write;
};
// What artifacts_of() gives, unwritten.
[[nodiscard]] std::vector<ArtifactSource> artifact_sources();

// The artifacts of a scan, sorted by name, without the bundle and what signs them. The PDF is the
// canonical one, without a recipient.
[[nodiscard]] Result<std::vector<NamedArtifact>> artifacts_of(
    const inventory::ScanDocument& document);

// README.md, methodology.md and glossary.md for the auditor. Their words are this release's: a
// passport names them like the artifacts, and what it names is kept.
[[nodiscard]] std::vector<NamedArtifact> guide_of(const inventory::ScanDocument& document);

// A bundle of exactly these entries and SHA256SUMS over all of them in the form that `sha256sum
// --check` reads. kInternal if two entries share a name.
[[nodiscard]] Result<std::string> bundle_of(std::vector<BundleEntry> entries);

// The bundle: `artifacts` (as artifacts_of() gave them), README.md, methodology.md and glossary.md
// for the auditor, `extra` (a passport, keys, a log proof …), and SHA256SUMS over all of them in
// the form that `sha256sum --check` reads. kInternal if two entries share a name.
[[nodiscard]] Result<std::string> make_bundle(const inventory::ScanDocument& document,
                                              std::vector<NamedArtifact> artifacts,
                                              std::vector<BundleEntry> extra = {});

}  // namespace carnet::evidence
