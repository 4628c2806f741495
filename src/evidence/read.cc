// Reads back what scan_result wrote.
#include <boost/json.hpp>

#include "evidence/report.h"
#include "inventory/endpoint_json.h"
#include "inventory/json_read.h"
#include "inventory/names.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;
using inventory::Asset;
using inventory::AssetStatus;
using inventory::BacklogItem;
using inventory::Exposure;
using inventory::FrameworkResult;
using inventory::JsonReader;
using inventory::Judgement;
using inventory::ScanDocument;

// Above any scan: 10,000 endpoints with a few assets each (docs/limits.md), and their backlog.
constexpr std::size_t kListMax = 200'000;  // limit: internal

template <class Word, std::size_t N>
Word read_word(JsonReader& reader, const bj::object& json, std::string_view key,
               const std::array<Word, N>& words) {
  const std::string text = reader.text(json, key);
  for (const Word word : words) {
    if (inventory::to_string(word) == text) return word;
  }
  reader.fail(key);
  return words.front();
}

Asset read_asset(JsonReader& reader, const bj::object& json) {
  static constexpr std::array kExposures = {Exposure::kKeyEstablishment, Exposure::kAuthentication};
  static constexpr std::array kStatuses = {AssetStatus::kBroken, AssetStatus::kAtRisk,
                                           AssetStatus::kSafe, AssetStatus::kUnknown};
  Asset asset;
  asset.id = reader.text(json, "id");
  asset.endpoint_id = reader.text(json, "endpointId");
  asset.kind = reader.text(json, "kind");
  asset.exposure = read_word(reader, json, "exposure", kExposures);
  asset.host = reader.text(json, "host");
  asset.port = reader.port(json, "port");
  asset.label = reader.text(json, "label");
  asset.algorithm = reader.text(json, "algorithm");
  asset.key_size = reader.small(json, "keySize");
  asset.mosca_priority = reader.number(json, "moscaPriority");
  asset.pq_credit = reader.number(json, "pqCredit");
  asset.standards_refs = reader.texts(json, "standardsRefs");
  const bj::object* row = reader.object(json, "vulnerability");
  if (row == nullptr) {
    reader.fail("vulnerability");
    return asset;
  }
  auto& vulnerability = asset.vulnerability;
  vulnerability.status = read_word(reader, *row, "status", kStatuses);
  vulnerability.hndl_exposed = reader.boolean(*row, "hndlExposed");
  vulnerability.severity = reader.text(*row, "severity");
  vulnerability.summary = reader.text(*row, "summary");
  vulnerability.pqc_replacement = reader.text(*row, "pqcReplacement");
  vulnerability.shor_logical_qubits = reader.optional_small(*row, "shorLogicalQubits");
  vulnerability.classical_security_bits = reader.optional_small(*row, "classicalSecurityBits");
  vulnerability.nist_category = reader.small(*row, "nistCategory");
  return asset;
}

BacklogItem read_item(JsonReader& reader, const bj::object& json) {
  BacklogItem item;
  item.id = reader.text(json, "id");
  item.asset_id = reader.text(json, "assetId");
  item.priority = reader.number(json, "priority");
  item.title = reader.text(json, "title");
  item.action = reader.text(json, "action");
  item.pqc_algorithm = reader.text(json, "pqcAlgorithm");
  item.deadline = reader.text(json, "deadline");
  item.deadline_source = reader.text(json, "deadlineSource");
  item.effort_days = reader.number(json, "effortDays");
  item.severity = reader.text(json, "severity");
  item.standards_refs = reader.texts(json, "standardsRefs");
  item.status = reader.text(json, "status");
  item.owner = reader.text(json, "owner");
  item.target_date = reader.text(json, "targetDate");
  return item;
}

FrameworkResult read_framework(JsonReader& reader, const bj::object& json) {
  FrameworkResult framework;
  framework.id = reader.text(json, "id");
  framework.name = reader.text(json, "name");
  framework.result = reader.text(json, "result");
  reader.objects(json, "requirements", [&](const bj::object& row) {
    framework.requirements.push_back({.id = reader.text(row, "id"),
                                      .text = reader.text(row, "text"),
                                      .result = reader.text(row, "result"),
                                      .source = reader.text(row, "source"),
                                      .date = reader.text(row, "date"),
                                      .asset_ids = reader.texts(row, "assetIds")});
  });
  return framework;
}

void read_numbers(JsonReader& reader, const bj::object& json, Judgement& judgement) {
  judgement.method_version = reader.text(json, "methodVersion");
  judgement.score = reader.optional_number(json, "readinessScore");
  judgement.band = reader.text(json, "readinessBand");
  if (const bj::object* range = reader.object(json, "scoreRange")) {
    judgement.score_low = reader.optional_number(*range, "low");
    judgement.score_high = reader.optional_number(*range, "high");
  }
  if (const bj::object* coverage = reader.object(json, "coverage")) {
    judgement.coverage = {.requested = reader.small(*coverage, "requested"),
                          .reached = reader.small(*coverage, "reached"),
                          .confidence = reader.number(*coverage, "confidence")};
  }
  if (const bj::object* mosca = reader.object(json, "mosca")) {
    auto& parameters = judgement.mosca.parameters;
    parameters.data_shelf_life_years = reader.number(*mosca, "dataShelfLifeYears");
    parameters.migration_time_years = reader.number(*mosca, "migrationTimeYears");
    parameters.years_to_qday = reader.number(*mosca, "yearsToQDay");
    parameters.defaults = reader.texts(*mosca, "defaults");
    judgement.mosca.inequality_holds = reader.boolean(*mosca, "inequalityHolds");
    judgement.mosca.summary = reader.text(*mosca, "summary");
  }
  if (const bj::object* counts = reader.object(json, "counts")) {
    judgement.counts = {.assets = reader.small(*counts, "assets"),
                        .broken = reader.small(*counts, "broken"),
                        .at_risk = reader.small(*counts, "atRisk"),
                        .safe = reader.small(*counts, "safe"),
                        .unknown = reader.small(*counts, "unknown"),
                        .hndl_exposed = reader.small(*counts, "hndlExposed")};
  }
}

void read_judgement(JsonReader& reader, const bj::object& json, Judgement& judgement) {
  read_numbers(reader, json, judgement);
  reader.objects(json, "assets", [&](const bj::object& row) {
    judgement.assets.push_back(read_asset(reader, row));
  });
  reader.objects(json, "remediationBacklog", [&](const bj::object& row) {
    judgement.backlog.push_back(read_item(reader, row));
  });
  reader.objects(json, "frameworks", [&](const bj::object& row) {
    judgement.frameworks.push_back(read_framework(reader, row));
  });
  judgement.notes = reader.texts(json, "notes");
}

}  // namespace

Result<ScanDocument> read_scan_result(const bj::object& result) {
  JsonReader reader(kListMax);
  ScanDocument document;
  document.scan_id = reader.text(result, "scanId");
  document.label = reader.text(result, "label");
  document.profile = reader.text(result, "profile");
  document.sample = reader.boolean(result, "sample");
  document.created_at = reader.time(result, "createdAt");
  document.finished_at = reader.time(result, "finishedAt");
  read_judgement(reader, result, document.judgement);
  reader.objects(result, "endpoints", [&](const bj::object& row) {
    auto endpoint = inventory::endpoint_from_json(row);
    if (!endpoint) return reader.fail("endpoints");
    document.endpoints.push_back(std::move(*endpoint));
  });
  reader.objects(result, "timeline", [&](const bj::object& row) {
    document.timeline.push_back({.seq = reader.small(row, "seq"),
                                 .key = reader.text(row, "key"),
                                 .label = reader.text(row, "label"),
                                 .at = reader.time(row, "at"),
                                 .duration_ms = reader.integer(row, "durationMs"),
                                 .status = reader.text(row, "status")});
  });
  if (document.scan_id.empty()) reader.fail("scanId");
  if (!reader.ok()) return make_internal("stored scan result: member " + reader.fault());
  return document;
}

}  // namespace carnet::evidence
