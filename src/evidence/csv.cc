// Tables for spreadsheets: RFC 4180, and safe to open.
#include <fmt/format.h>

#include <initializer_list>
#include <string_view>

#include "base/csv.h"
#include "evidence/report.h"
#include "inventory/names.h"

namespace carnet::evidence {
namespace {

using inventory::Asset;
using inventory::BacklogItem;
using inventory::ScanDocument;

constexpr std::size_t kPiece = 64 * 1024;  // bytes

void append_row(std::string& out, std::initializer_list<std::string_view> cells) {
  append_csv_row(out, cells);
}

void flush_if_long(std::string& out, const TextSink& sink) {
  if (out.size() < kPiece) return;
  sink(out);
  out.clear();
}

std::string join(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) {
    if (!joined.empty()) joined += "; ";
    joined += text;
  }
  return joined;
}

std::string number(double value) { return fmt::format("{:g}", value); }
std::string number(std::optional<int> value) {
  return value ? std::to_string(*value) : std::string();
}

}  // namespace

void write_assets_csv(const ScanDocument& document, const TextSink& sink) {
  const std::string sample = document.sample ? "yes" : "no";
  std::string out;
  append_row(out, {"scanId",
                   "sample",
                   "assetId",
                   "host",
                   "port",
                   "kind",
                   "exposure",
                   "label",
                   "algorithm",
                   "keySize",
                   "status",
                   "hndlExposed",
                   "severity",
                   "moscaPriority",
                   "summary",
                   "pqcReplacement",
                   "classicalSecurityBits",
                   "nistCategory",
                   "shorLogicalQubits",
                   "standardsRefs"});
  for (const Asset& asset : document.judgement.assets) {
    const auto& vulnerability = asset.vulnerability;
    append_row(out, {document.scan_id,
                     sample,
                     asset.id,
                     asset.host,
                     std::to_string(asset.port),
                     asset.kind,
                     to_string(asset.exposure),
                     asset.label,
                     asset.algorithm,
                     std::to_string(asset.key_size),
                     to_string(vulnerability.status),
                     vulnerability.hndl_exposed ? "yes" : "no",
                     vulnerability.severity,
                     number(asset.mosca_priority),
                     vulnerability.summary,
                     vulnerability.pqc_replacement,
                     number(vulnerability.classical_security_bits),
                     std::to_string(vulnerability.nist_category),
                     number(vulnerability.shor_logical_qubits),
                     join(asset.standards_refs)});
    flush_if_long(out, sink);
  }
  sink(out);
}

std::string assets_csv(const ScanDocument& document) {
  std::string out;
  write_assets_csv(document, [&out](std::string_view piece) { out += piece; });
  return out;
}

void write_remediation_csv(const ScanDocument& document, const TextSink& sink) {
  const std::string sample = document.sample ? "yes" : "no";
  std::string out;
  append_row(out, {"scanId", "sample", "remediationId", "assetId", "priority", "severity", "title",
                   "action", "pqcAlgorithm", "effortDays", "deadline", "deadlineSource", "status",
                   "owner", "targetDate", "standardsRefs"});
  for (const BacklogItem& item : document.judgement.backlog) {
    append_row(out, {document.scan_id, sample, item.id, item.asset_id, number(item.priority),
                     item.severity, item.title, item.action, item.pqc_algorithm,
                     number(item.effort_days), item.deadline, item.deadline_source, item.status,
                     item.owner, item.target_date, join(item.standards_refs)});
    flush_if_long(out, sink);
  }
  sink(out);
}

std::string remediation_csv(const ScanDocument& document) {
  std::string out;
  write_remediation_csv(document, [&out](std::string_view piece) { out += piece; });
  return out;
}

}  // namespace carnet::evidence
