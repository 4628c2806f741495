#pragma once
// The report for people: PDF by cairo and Pango. A first page that a board member understands, then
// charts, the time line, assets by exposure, what to do, frameworks, method and limits.
//
// Pure function of its arguments: the same document and options give the same bytes, wherever and
// whenever (fonts are part of the program, the date is the scan's). Thread-safe. It takes some 5 ms
// a page, so it belongs on a work thread; memory holds one page and some 150 bytes for each cell of
// a table.

#include <string>

#include "base/error.h"
#include "evidence/text_sink.h"
#include "inventory/model.h"

namespace carnet::evidence {

struct PdfOptions {
  std::string recipient;  // "Prepared for …" on every page; "" for the canonical report
};

// kInternal if cairo, Pango or the fonts fail.
[[nodiscard]] Result<std::string> write_pdf(const inventory::ScanDocument& document,
                                            const PdfOptions& options = {});
// The same in pieces, in order. What was given before an error is no file.
[[nodiscard]] Result<void> write_pdf(const inventory::ScanDocument& document, const TextSink& sink,
                                     const PdfOptions& options = {});

}  // namespace carnet::evidence
