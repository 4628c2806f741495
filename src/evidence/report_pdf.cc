#include "evidence/report_pdf.h"

#include <fmt/format.h>

#include "evidence/pdf_canvas.h"
#include "evidence/pdf_report.h"
#include "evidence/pdf_words.h"

namespace carnet::evidence {

Result<void> write_pdf(const inventory::ScanDocument& document, const TextSink& sink,
                       const PdfOptions& options) {
  const std::string subject =
      document.judgement.score
          ? fmt::format("Readiness {} of 100 ({})", score_text(*document.judgement.score),
                        document.judgement.band)
          : std::string("No endpoint could be judged");
  PdfMetadata metadata{.title = "Post-quantum readiness" +
                                (document.label.empty() ? std::string() : ": " + document.label),
                       .author = "Carnet",
                       .subject = document.sample ? "SAMPLE. " + subject : subject,
                       .keywords = "post-quantum, cryptography, inventory, " + document.scan_id,
                       .created = document.finished_at};
  CARNET_TRY(canvas, PdfCanvas::make(metadata, sink));
  PdfReport report(document, options, *canvas);
  report.cover();
  report.exposure();
  report.time_line();
  report.assets();
  report.backlog();
  report.frameworks();
  report.method();
  report.limits();
  return canvas->finish();
}

Result<std::string> write_pdf(const inventory::ScanDocument& document, const PdfOptions& options) {
  std::string bytes;
  const TextSink sink = [&bytes](std::string_view piece) { bytes += piece; };
  CARNET_TRY_VOID(write_pdf(document, sink, options));
  return bytes;
}

}  // namespace carnet::evidence
