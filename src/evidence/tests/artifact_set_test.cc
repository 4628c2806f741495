#include "evidence/artifact_set.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/json.h"
#include "evidence/cbom.h"
#include "evidence/report_pdf.h"
#include "evidence/sarif.h"
#include "evidence/tests/documents.h"

namespace carnet::evidence {
namespace {

using inventory::ScanDocument;

constexpr std::size_t kMib = 1024 * 1024;

std::size_t heap_in_use() {
  const struct mallinfo2 now = ::mallinfo2();
  return now.uordblks + now.hblkhd;
}

struct Written {
  std::string text;
  std::size_t longest = 0;  // piece
  std::size_t heap = 0;     // the most in use beyond what was before; not with `keep`
};

Written written(const ArtifactSource& source, const ScanDocument& document, bool keep) {
  Written out;
  const std::size_t before = heap_in_use();
  std::size_t bytes = 0, sampled = 0;
  const auto made = source.write(document, [&](std::string_view piece) {
    out.longest = std::max(out.longest, piece.size());
    if (keep) out.text += piece;
    bytes += piece.size();
    if (bytes < sampled + 64 * 1024) return;  // it takes longer than most pieces
    sampled = bytes;
    const std::size_t now = heap_in_use();
    if (now > before) out.heap = std::max(out.heap, now - before);
  });
  EXPECT_TRUE(made) << source.name;
  return out;
}

TEST(ArtifactSet, PiecesAreTheWhole) {
  const ScanDocument document = test::large_document(60);
  const auto whole = artifacts_of(document);
  ASSERT_TRUE(whole);
  std::vector<ArtifactSource> sources = artifact_sources();
  ASSERT_EQ(whole->size(), sources.size());
  for (std::size_t i = 0; i < sources.size(); ++i) {
    EXPECT_EQ((*whole)[i].name, sources[i].name);
    const std::string& bytes = (*whole)[i].bytes;
    EXPECT_EQ(written(sources[i], document, true).text, bytes) << sources[i].name;
    if (sources[i].media_type.find("json") == std::string::npos) continue;
    const auto parsed = json::parse(bytes);
    ASSERT_TRUE(parsed) << sources[i].name;
    EXPECT_EQ(json::write(*parsed), bytes) << sources[i].name;
  }
  std::string newer;
  write_cbom_json(
      document, [&newer](std::string_view piece) { newer += piece; }, CbomVersion::k1_7);
  EXPECT_EQ(newer, cbom_json(document, CbomVersion::k1_7));
  EXPECT_EQ(json::write(*json::parse(newer)), newer);
}

// Ten thousand endpoints have artifacts of tens of megabytes, several times that as JSON values.
TEST(ArtifactSet, MemoryIsForRowsAndNotForTexts) {
  const ScanDocument document = test::large_document(1500);
  for (const ArtifactSource& source : artifact_sources()) {
    const Written out = written(source, document, false);
    EXPECT_LT(out.longest, kMib) << source.name;
    // The PDF: fonts, and what cairo notes for each cell.
    const std::size_t most = source.name == kReportPdfName ? 32 * kMib : 4 * kMib;
    EXPECT_LT(out.heap, most) << source.name;
  }
}

}  // namespace
}  // namespace carnet::evidence
