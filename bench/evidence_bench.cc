// How long the artifacts of a scan take. Usage: bench_evidence [FOLDER]. Prints one line a
// measurement, `name value unit`, the best of some runs; with a folder, writes the artifacts there,
// so that bench/evidence_bench.py can hold other programs' times for the same work next to them.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "evidence/artifact_set.h"
#include "evidence/cbom.h"
#include "evidence/report.h"
#include "evidence/report_pdf.h"
#include "evidence/sarif.h"
#include "evidence/tests/documents.h"

namespace {

using carnet::evidence::NamedArtifact;
using carnet::inventory::ScanDocument;

template <class Work>
double best_ms(int runs, const Work& work) {
  double best = 1e12;
  for (int i = 0; i < runs; ++i) {
    const auto from = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - from;
    best = std::min(best, took.count());
  }
  return best;
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

int measure(const std::string& folder, int assets, int runs) {
  const ScanDocument document = carnet::evidence::test::large_document(assets / 2);
  std::string pdf, cbom;
  bool failed = false;
  const double pdf_ms = best_ms(runs, [&] {
    auto made = carnet::evidence::write_pdf(document);
    failed |= !made;
    if (made) pdf = std::move(*made);
  });
  const double json_ms =
      best_ms(runs, [&] { static_cast<void>(carnet::evidence::report_json(document)); });
  const double cbom_ms = best_ms(runs, [&] { cbom = carnet::evidence::cbom_json(document); });
  const double sarif_ms =
      best_ms(runs, [&] { static_cast<void>(carnet::evidence::sarif_json(document)); });
  auto artifacts = carnet::evidence::artifacts_of(document);
  if (failed || !artifacts) return 1;
  std::string bundle;
  const double bundle_ms = best_ms(runs, [&] {
    auto made = carnet::evidence::make_bundle(document, *artifacts);
    failed |= !made;
    if (made) bundle = std::move(*made);
  });
  const double read_ms =
      best_ms(runs, [&] { failed |= !carnet::evidence::read_bundle(bundle).has_value(); });
  fmt::print("pdf_{0}_assets {1:.1f} ms\npdf_{0}_assets_size {2} bytes\n", assets, pdf_ms,
             pdf.size());
  fmt::print(
      "json_{0}_assets {1:.1f} ms\ncbom_{0}_assets {2:.1f} ms\nsarif_{0}_assets {3:.1f} ms\n",
      assets, json_ms, cbom_ms, sarif_ms);
  fmt::print("bundle_write_{0}_assets {1:.1f} ms\nbundle_read_{0}_assets {2:.1f} ms\n", assets,
             bundle_ms, read_ms);
  if (folder.empty()) return failed ? 1 : 0;
  const std::string prefix = fmt::format("{}/{}-", folder, assets);
  for (const NamedArtifact& artifact : *artifacts) write(prefix + artifact.name, artifact.bytes);
  write(prefix + "report.pdf", pdf);
  write(prefix + "bundle.zip", bundle);
  return failed ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : "";
  int exit = measure(folder, 100, 5);
  exit |= measure(folder, 10000, 1);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print("peak_memory {} KiB\n", usage.ru_maxrss);
  return exit;
}
