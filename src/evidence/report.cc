#include "evidence/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "base/json.h"
#include "inventory/endpoint_json.h"
#include "inventory/json_read.h"
#include "inventory/names.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;
using inventory::Asset;
using inventory::BacklogItem;
using inventory::Endpoint;
using inventory::FrameworkRequirement;
using inventory::FrameworkResult;
using inventory::Judgement;
using inventory::ScanDocument;
using inventory::TimelineEvent;
using inventory::to_json_array;

constexpr std::string_view kSchemaId = "urn:carnet:schema:report:1";
constexpr std::string_view kSchemaVersion = "1.0";
constexpr std::size_t kTopRemediation = 3;

// In the interface what does not exist is null, not an empty text.
bj::value text_or_null(const std::string& text) {
  return text.empty() ? bj::value(nullptr) : bj::value(text);
}
template <class T>
bj::value or_null(const std::optional<T>& value) {
  return value ? bj::value(*value) : bj::value(nullptr);
}

bj::object coverage_json(const ScanDocument& document) {
  bj::array unreached;
  for (const Endpoint& endpoint : document.endpoints) {
    if (endpoint.reached) continue;
    unreached.push_back(
        {{"host", endpoint.host}, {"port", endpoint.port}, {"reason", endpoint.unreached_reason}});
  }
  const auto& coverage = document.judgement.coverage;
  bj::object json;
  json["requested"] = coverage.requested;
  json["reached"] = coverage.reached;
  json["confidence"] = coverage.confidence;
  json["unreached"] = std::move(unreached);
  return json;
}

bj::object mosca_json(const inventory::MoscaJudgement& mosca) {
  bj::object json;
  json["dataShelfLifeYears"] = mosca.parameters.data_shelf_life_years;
  json["migrationTimeYears"] = mosca.parameters.migration_time_years;
  json["yearsToQDay"] = mosca.parameters.years_to_qday;
  json["inequalityHolds"] = mosca.inequality_holds;
  json["summary"] = mosca.summary;
  json["defaults"] = to_json_array(mosca.parameters.defaults);
  return json;
}

bj::object counts_json(const inventory::StatusCounts& counts) {
  return {{"assets", counts.assets},   {"broken", counts.broken},
          {"atRisk", counts.at_risk},  {"safe", counts.safe},
          {"unknown", counts.unknown}, {"hndlExposed", counts.hndl_exposed}};
}

bj::object backlog_item_json(const BacklogItem& item) {
  bj::object json;
  json["id"] = item.id;
  json["assetId"] = item.asset_id;
  json["priority"] = item.priority;
  json["title"] = item.title;
  json["action"] = item.action;
  json["pqcAlgorithm"] = text_or_null(item.pqc_algorithm);
  json["deadline"] = text_or_null(item.deadline);
  json["deadlineSource"] = text_or_null(item.deadline_source);
  json["effortDays"] = item.effort_days;
  json["severity"] = item.severity;
  json["standardsRefs"] = to_json_array(item.standards_refs);
  json["status"] = item.status;
  json["owner"] = text_or_null(item.owner);
  json["targetDate"] = text_or_null(item.target_date);
  return json;
}

bj::object framework_json(const FrameworkResult& framework) {
  bj::array requirements;
  for (const FrameworkRequirement& requirement : framework.requirements) {
    requirements.push_back({{"id", requirement.id},
                            {"text", requirement.text},
                            {"result", requirement.result},
                            {"date", text_or_null(requirement.date)},
                            {"source", requirement.source},
                            {"assetIds", to_json_array(requirement.asset_ids)}});
  }
  bj::object json;
  json["id"] = framework.id;
  json["name"] = framework.name;
  json["result"] = framework.result;
  json["requirements"] = std::move(requirements);
  return json;
}

bj::object timeline_json(const TimelineEvent& event) {
  return {{"seq", event.seq},
          {"key", event.key},
          {"label", event.label},
          {"at", to_rfc3339(event.at)},
          {"durationMs", event.duration_ms},
          {"status", event.status}};
}

template <class Range, class Write>
bj::array array_of(const Range& range, Write write) {
  bj::array array;
  array.reserve(range.size());
  for (const auto& entry : range) array.push_back(write(entry));
  return array;
}

// The members that grow with the number of endpoints, row by row.
struct LongMember {
  std::string_view name;
  std::size_t (*count)(const ScanDocument&);
  bj::object (*row)(const ScanDocument&, std::size_t);
};
constexpr LongMember kLongMembers[] = {
    {"endpoints", [](const ScanDocument& d) { return d.endpoints.size(); },
     [](const ScanDocument& d, std::size_t i) {
       return inventory::endpoint_to_json(d.endpoints[i]);
     }},
    {"assets", [](const ScanDocument& d) { return d.judgement.assets.size(); },
     [](const ScanDocument& d, std::size_t i) { return asset_json(d.judgement.assets[i]); }},
    {"remediationBacklog", [](const ScanDocument& d) { return d.judgement.backlog.size(); },
     [](const ScanDocument& d, std::size_t i) {
       return backlog_item_json(d.judgement.backlog[i]);
     }},
    {"frameworks", [](const ScanDocument& d) { return d.judgement.frameworks.size(); },
     [](const ScanDocument& d, std::size_t i) {
       return framework_json(d.judgement.frameworks[i]);
     }},
};

void write_judgement(const ScanDocument& document, bj::object& json) {
  const Judgement& judgement = document.judgement;
  json["readinessScore"] = or_null(judgement.score);
  json["readinessBand"] = text_or_null(judgement.band);
  if (judgement.score_low && judgement.score_high) {
    json["scoreRange"] = {{"low", *judgement.score_low}, {"high", *judgement.score_high}};
  } else {
    json["scoreRange"] = nullptr;
  }
  json["coverage"] = coverage_json(document);
  json["mosca"] = mosca_json(judgement.mosca);
  json["counts"] = counts_json(judgement.counts);
  for (const LongMember& member : kLongMembers) json[member.name] = nullptr;
}

// Everything but the long members, which stand as null where they belong.
bj::object short_members(const ScanDocument& document) {
  bj::object json;
  json["scanId"] = document.scan_id;
  json["label"] = document.label;
  json["profile"] = document.profile;
  json["sample"] = document.sample;
  json["createdAt"] = to_rfc3339(document.created_at);
  json["finishedAt"] = to_rfc3339(document.finished_at);
  json["methodVersion"] = document.judgement.method_version;
  write_judgement(document, json);
  json["timeline"] = array_of(document.timeline, timeline_json);
  json["notes"] = to_json_array(document.judgement.notes);
  return json;
}

const LongMember* find_long(std::string_view name) {
  for (const LongMember& member : kLongMembers)
    if (member.name == name) return &member;
  return nullptr;
}

using WriteValue = std::string (*)(const bj::value&);

void write_members(const ScanDocument& document,
                   const std::vector<const bj::key_value_pair*>& order, WriteValue write,
                   const TextSink& sink) {
  std::string separator = "{";
  for (const bj::key_value_pair* member : order) {
    json::append_string(separator, member->key());
    separator += ':';
    sink(separator);
    separator = ",";
    if (const LongMember* rows = find_long(member->key())) {
      sink("[");
      for (std::size_t i = 0; i < rows->count(document); ++i) {
        if (i > 0) sink(",");
        sink(write(rows->row(document, i)));
      }
      sink("]");
    } else {
      sink(write(member->value()));
    }
  }
  sink(order.empty() ? "{}" : "}");
}

// Two or three sentences that stand at the head of the report.
bj::object summary_json(const ScanDocument& document) {
  const Judgement& judgement = document.judgement;
  std::string headline =
      judgement.score
          ? fmt::format("Readiness {:.1f} of 100 ({}).", *judgement.score, judgement.band)
          : std::string("No endpoint could be judged, so there is no score.");
  headline += fmt::format(" {} of {} endpoints were reached.", judgement.coverage.reached,
                          judgement.coverage.requested);
  if (judgement.counts.hndl_exposed > 0) {
    headline += fmt::format(" {} of {} assets let traffic be recorded today and read later.",
                            judgement.counts.hndl_exposed, judgement.counts.assets);
  }
  if (document.sample) headline += " SAMPLE: these endpoints are invented.";
  bj::array top;
  for (const BacklogItem& item : judgement.backlog) {
    if (top.size() == kTopRemediation) break;
    if (item.status == "done") continue;
    top.push_back({{"id", item.id},
                   {"title", item.title},
                   {"severity", item.severity},
                   {"deadline", text_or_null(item.deadline)}});
  }
  bj::object json;
  json["headline"] = headline;
  json["topRemediation"] = std::move(top);
  return json;
}

}  // namespace

bj::object asset_json(const Asset& asset) {
  const auto& vulnerability = asset.vulnerability;
  bj::object json;
  json["id"] = asset.id;
  json["endpointId"] = asset.endpoint_id;
  json["kind"] = asset.kind;
  json["exposure"] = to_string(asset.exposure);
  json["host"] = asset.host;
  json["port"] = asset.port;
  json["label"] = asset.label;
  json["algorithm"] = asset.algorithm;
  json["keySize"] = asset.key_size;
  json["moscaPriority"] = asset.mosca_priority;
  json["pqCredit"] = asset.pq_credit;
  json["standardsRefs"] = to_json_array(asset.standards_refs);
  json["vulnerability"] = {
      {"status", to_string(vulnerability.status)},
      {"hndlExposed", vulnerability.hndl_exposed},
      {"severity", vulnerability.severity},
      {"summary", vulnerability.summary},
      {"pqcReplacement", text_or_null(vulnerability.pqc_replacement)},
      {"shorLogicalQubits", or_null(vulnerability.shor_logical_qubits)},
      {"classicalSecurityBits", or_null(vulnerability.classical_security_bits)},
      {"nistCategory", vulnerability.nist_category}};
  return json;
}

bj::object scan_result(const ScanDocument& document) {
  bj::object json = short_members(document);
  for (const LongMember& member : kLongMembers) {
    bj::array rows;
    rows.reserve(member.count(document));
    for (std::size_t i = 0; i < member.count(document); ++i)
      rows.push_back(member.row(document, i));
    json[member.name] = std::move(rows);
  }
  return json;
}

void write_scan_result(const ScanDocument& document, const TextSink& sink) {
  const bj::object json = short_members(document);
  std::vector<const bj::key_value_pair*> order;
  for (const bj::key_value_pair& member : json) order.push_back(&member);
  write_members(document, order, json::write, sink);
}

void write_report_json(const ScanDocument& document, const TextSink& sink) {
  bj::object json = short_members(document);
  json["schema"] = kSchemaId;
  json["schemaVersion"] = kSchemaVersion;
  json["summary"] = summary_json(document);
  std::vector<const bj::key_value_pair*> order;
  for (const bj::key_value_pair& member : json) order.push_back(&member);
  // RFC 8785 sorts by UTF-16 code units; our names are ASCII.
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->key() < b->key(); });
  write_members(document, order, json::write_canonical, sink);
}

std::string report_json(const ScanDocument& document) {
  std::string out;
  write_report_json(document, [&out](std::string_view piece) { out += piece; });
  return out;
}

}  // namespace carnet::evidence
