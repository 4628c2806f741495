#include "service/scan_document.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "assess/classify.h"
#include "base/json.h"
#include "base/packed_text.h"
#include "crypto/sha256_stream.h"
#include "evidence/report.h"
#include "inventory/names.h"

namespace carnet::service {
namespace {

// The number in "ep_17"; 0 for anything else.
std::size_t number_of(const inventory::Endpoint& endpoint) {
  constexpr std::string_view kPrefix = "ep_";
  std::size_t number = 0;
  if (!endpoint.id.starts_with(kPrefix)) return 0;
  std::from_chars(endpoint.id.data() + kPrefix.size(), endpoint.id.data() + endpoint.id.size(),
                  number);
  return number;
}

bool by_number(const inventory::Endpoint& a, const inventory::Endpoint& b) {
  return number_of(a) < number_of(b);
}

}  // namespace

int complete_endpoints(std::vector<inventory::Endpoint>& endpoints,
                       const std::vector<probe::PlannedEndpoint>& planned,
                       std::string_view reason) {
  std::vector<bool> seen(planned.size() + 1);
  for (const inventory::Endpoint& endpoint : endpoints)
    if (const std::size_t number = number_of(endpoint); number < seen.size()) seen[number] = true;
  int added = 0;
  for (std::size_t i = 0; i < planned.size(); ++i) {
    if (seen[i + 1]) continue;
    inventory::Endpoint endpoint;
    endpoint.id = fmt::format("ep_{}", i + 1);
    endpoint.host = planned[i].host;
    endpoint.port = planned[i].port;
    endpoint.unreached_reason = reason;
    endpoints.push_back(std::move(endpoint));
    ++added;
  }
  std::sort(endpoints.begin(), endpoints.end(), by_number);
  return added;
}

inventory::ScanDocument judge_scan(DocumentHead head, std::vector<inventory::Endpoint> endpoints) {
  assess::JudgeInput input;
  input.endpoints = std::move(endpoints);
  input.mosca = head.mosca;
  input.remediation = std::move(head.remediation);
  input.now = head.finished_at;
  inventory::ScanDocument document;
  document.judgement = assess::judge(input);
  document.judgement.notes.insert(document.judgement.notes.begin(), head.notes.begin(),
                                  head.notes.end());
  document.endpoints = std::move(input.endpoints);
  document.scan_id = std::move(head.scan_id);
  document.label = std::move(head.label);
  document.profile = std::move(head.profile);
  document.sample = head.sample;
  document.created_at = head.created_at;
  document.finished_at = head.finished_at;
  return document;
}

bool is_quick(std::string_view profile) { return profile == "quick"; }

namespace {

inventory::TlsObservation quick_look(inventory::TlsObservation tls) {
  const auto keep = [](auto& list, const auto& wanted) {
    std::vector<typename std::decay_t<decltype(list)>::value_type> kept;
    std::copy_if(std::as_const(list).begin(), std::as_const(list).end(), std::back_inserter(kept),
                 wanted);
    list = std::move(kept);
  };
  keep(tls.certificates,
       [](const inventory::Certificate& certificate) { return certificate.chain == 0; });
  const std::string shown = tls.handshake_proof.version;
  if (shown.empty()) return tls;  // no handshake told what it ends in
  for (inventory::TlsVersionSupport& version : tls.versions)
    if (version.version != "TLS 1.3" && version.version != shown)
      version.state = inventory::Support::kNotTested;
  keep(tls.cipher_suites, [&tls, &shown](const inventory::TlsCipherSuite& suite) {
    return suite.version == "TLS 1.3" ||
           (suite.version == shown && suite.name == tls.handshake_proof.cipher_suite);
  });
  // Without TLS 1.3 the groups are those that the older versions showed.
  const bool older_only = std::any_of(
      std::as_const(tls.versions).begin(), std::as_const(tls.versions).end(),
      [](const inventory::TlsVersionSupport& version) {
        return version.version == "TLS 1.3" && version.state == inventory::Support::kUnsupported;
      });
  if (older_only)
    for (inventory::TlsGroupSupport& group : tls.groups)
      if (group.kind == "classical") group.state = inventory::Support::kNotTested;
  tls.legacy_key_exchanges.clear();
  tls.dh_bits = 0;
  return tls;
}

}  // namespace

std::vector<inventory::Asset> quick_assets(const std::vector<inventory::Endpoint>& endpoints,
                                           bool urgent) {
  std::vector<inventory::Asset> assets;
  for (inventory::Endpoint endpoint : endpoints) {
    if (endpoint.tls) endpoint.tls = quick_look(std::move(*endpoint.tls));
    for (assess::ClassifiedAsset& classified : assess::classify(endpoint, urgent))
      assets.push_back(std::move(classified.asset));
  }
  return assets;
}

inventory::TimelineEvent timeline_event(const store::EventRow& row) {
  return {.seq = row.seq,
          .key = row.key,
          .label = row.label,
          .at = row.at,
          .duration_ms = row.duration_ms,
          .status = row.status};
}

FinalRows final_rows(const inventory::ScanDocument& document) {
  FinalRows rows;
  TextPacker packer;
  crypto::Sha256Stream digest;
  evidence::write_scan_result(document, [&](std::string_view piece) {
    packer.add(piece);
    digest.add(piece);
  });
  rows.result = packer.finish();
  rows.sha256 = to_hex(digest.finish());
  for (const inventory::Endpoint& endpoint : document.endpoints)
    if (endpoint.reached) rows.reached.push_back({.host = endpoint.host, .port = endpoint.port});
  return rows;
}

std::vector<store::AssetRow> asset_rows(const inventory::ScanDocument& document, std::size_t from,
                                        std::size_t count) {
  const std::vector<inventory::Asset>& assets = document.judgement.assets;
  std::vector<store::AssetRow> rows;
  for (std::size_t i = from; i < assets.size() && rows.size() < count; ++i)
    rows.push_back(
        store::AssetRow{.asset_id = assets[i].id,
                        .kind = assets[i].kind,
                        .host = assets[i].host,
                        .port = assets[i].port,
                        .status = std::string(inventory::to_string(assets[i].vulnerability.status)),
                        .body = json::write(evidence::asset_json(assets[i]))});
  return rows;
}

}  // namespace carnet::service
