// Reads back what write_scan_result wrote.
#include <array>
#include <boost/json.hpp>

#include "base/json.h"
#include "evidence/json_cut.h"
#include "evidence/report.h"
#include "inventory/endpoint_json.h"
#include "inventory/json_read.h"
#include "inventory/names.h"
#include "inventory/sharing.h"

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

// The members that are cut into rows.
constexpr std::string_view kEndpoints = "endpoints", kAssets = "assets",
                           kBacklog = "remediationBacklog", kFrameworks = "frameworks";

}  // namespace

class ScanResultReader::Reading {
 public:
  void add(std::string_view piece) { cut_.add(piece); }

  Result<ScanDocument> finish() {
    CARNET_TRY(head, cut_.finish());
    read_head(head);
    if (document_.scan_id.empty()) reader_.fail("scanId");
    if (!reader_.ok()) return make_internal("stored scan result: member " + reader_.fault());
    return std::move(document_);
  }

 private:
  void take(std::string_view list, const bj::object& row) {
    Judgement& judgement = document_.judgement;
    if (!reader_.ok()) return;
    if (list == kEndpoints) {
      auto endpoint = inventory::endpoint_from_json(row);
      if (!endpoint || document_.endpoints.size() == kListMax) return reader_.fail(list);
      endpoints_.share(*endpoint);
      document_.endpoints.push_back(std::move(*endpoint));
    } else if (list == kAssets) {
      if (judgement.assets.size() == kListMax) return reader_.fail(list);
      judgement.assets.push_back(read_asset(reader_, row));
      texts_.share(judgement.assets.back().standards_refs);
    } else if (list == kBacklog) {
      if (judgement.backlog.size() == kListMax) return reader_.fail(list);
      judgement.backlog.push_back(read_item(reader_, row));
      texts_.share(judgement.backlog.back().standards_refs);
    } else {
      if (judgement.frameworks.size() == kListMax) return reader_.fail(list);
      judgement.frameworks.push_back(read_framework(reader_, row));
      for (auto& requirement : judgement.frameworks.back().requirements)
        texts_.share(requirement.asset_ids);
    }
  }

  void read_head(const bj::object& head) {
    document_.scan_id = reader_.text(head, "scanId");
    document_.label = reader_.text(head, "label");
    document_.profile = reader_.text(head, "profile");
    document_.sample = reader_.boolean(head, "sample");
    document_.created_at = reader_.time(head, "createdAt");
    document_.finished_at = reader_.time(head, "finishedAt");
    read_numbers(reader_, head, document_.judgement);
    document_.judgement.notes = reader_.texts(head, "notes");
    reader_.objects(head, "timeline", [this](const bj::object& row) {
      document_.timeline.push_back({.seq = reader_.small(row, "seq"),
                                    .key = reader_.text(row, "key"),
                                    .label = reader_.text(row, "label"),
                                    .at = reader_.time(row, "at"),
                                    .duration_ms = reader_.integer(row, "durationMs"),
                                    .status = reader_.text(row, "status")});
    });
    // Their rows are gone; that they were lists is still to be seen.
    for (const std::string_view list : kLists) reader_.objects(head, list, [](const auto&) {});
  }

  static constexpr std::array kLists = {kEndpoints, kAssets, kBacklog, kFrameworks};
  JsonReader reader_{kListMax};
  inventory::EndpointLists endpoints_;
  SharedListPool<std::string> texts_;
  ScanDocument document_;
  JsonCut cut_{kLists, [this](std::string_view list, const bj::object& row) { take(list, row); }};
};

ScanResultReader::ScanResultReader() : reading_(std::make_unique<Reading>()) {}
ScanResultReader::~ScanResultReader() = default;
void ScanResultReader::add(std::string_view piece) { reading_->add(piece); }
Result<ScanDocument> ScanResultReader::finish() { return reading_->finish(); }

Result<ScanDocument> read_scan_result(std::string_view text) {
  ScanResultReader reader;
  reader.add(text);
  return reader.finish();
}

Result<Asset> read_asset_text(std::string_view text) {
  CARNET_TRY(value, json::parse(text));
  if (!value.is_object()) return make_internal("stored asset: not an object");
  JsonReader reader(kListMax);
  Asset asset = read_asset(reader, value.get_object());
  if (!reader.ok()) return make_internal("stored asset: member " + reader.fault());
  return asset;
}

}  // namespace carnet::evidence
