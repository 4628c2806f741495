#pragma once
// The findings of a scan as SARIF 2.1.0 (OASIS), for code-scanning dashboards. One rule per kind of
// finding: an asset that is not safe, or that still has something open in the backlog, and each
// oddity that a probe noted. Pure function: the same document gives the same bytes; a result's
// partialFingerprints stay the same from scan to scan. Thread-safe.

#include <string>

#include "evidence/text_sink.h"
#include "inventory/model.h"

namespace carnet::evidence {

inline constexpr std::string_view kSarifMediaType = "application/sarif+json";

// JSON, compact.
[[nodiscard]] std::string sarif_json(const inventory::ScanDocument& document);
// The same in pieces, in order, with memory for one result.
void write_sarif_json(const inventory::ScanDocument& document, const TextSink& sink);

}  // namespace carnet::evidence
