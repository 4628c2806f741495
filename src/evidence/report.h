#pragma once
// A scan written down. Pure functions of the document: the same document gives the same bytes.
// Thread-safe.

#include <memory>
#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/error.h"
#include "evidence/text_sink.h"
#include "inventory/model.h"

namespace carnet::evidence {

// The body of GET /pqc/scan/{id} for a finished scan (shape: docs/api.md), without "status" and
// "progress".
[[nodiscard]] boost::json::object scan_result(const inventory::ScanDocument& document);
[[nodiscard]] boost::json::object asset_json(const inventory::Asset& asset);
// report.json: the whole judgement with schema id and version, in RFC 8785 canonical bytes.
[[nodiscard]] std::string report_json(const inventory::ScanDocument& document);

// The same texts in pieces, in order, for scans whose text is too long to hold: what json::write()
// makes of scan_result(), and report_json().
void write_scan_result(const inventory::ScanDocument& document, const TextSink& sink);
void write_report_json(const inventory::ScanDocument& document, const TextSink& sink);

// RFC 4180, CRLF, every field quoted; cells that a spreadsheet would run are prefixed by an
// apostrophe.
[[nodiscard]] std::string assets_csv(const inventory::ScanDocument& document);
[[nodiscard]] std::string remediation_csv(const inventory::ScanDocument& document);
void write_assets_csv(const inventory::ScanDocument& document, const TextSink& sink);
void write_remediation_csv(const inventory::ScanDocument& document, const TextSink& sink);
// Reads back the text of write_scan_result() (the store keeps it) as it comes: memory for the
// document and one row. What endpoints and assets say alike is in it once. Belongs to one thread.
class ScanResultReader {
 public:
  ScanResultReader();
  ScanResultReader(const ScanResultReader&) = delete;
  ScanResultReader& operator=(const ScanResultReader&) = delete;
  ~ScanResultReader();

  void add(std::string_view piece);
  // Once, at the end of the text; kInternal if it is not ours.
  [[nodiscard]] Result<inventory::ScanDocument> finish();

 private:
  class Reading;
  std::unique_ptr<Reading> reading_;
};
[[nodiscard]] Result<inventory::ScanDocument> read_scan_result(std::string_view text);
// Reads back one asset of asset_json(), as the store keeps it.
[[nodiscard]] Result<inventory::Asset> read_asset_text(std::string_view text);

}  // namespace carnet::evidence
