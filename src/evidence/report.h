#pragma once
// A scan written down. Pure functions of the document: the same document gives the same bytes.
// Thread-safe.

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
// Reads back what scan_result wrote (the store keeps that text); kInternal if it is not ours.
[[nodiscard]] Result<inventory::ScanDocument> read_scan_result(const boost::json::object& result);

}  // namespace carnet::evidence
