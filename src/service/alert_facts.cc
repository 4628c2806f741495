#include "service/alert_facts.h"

#include <charconv>

#include <fmt/format.h>

#include "assess/backlog.h"
#include "assess/policy.h"

namespace carnet::service {
namespace {

using inventory::Asset;
using inventory::AssetStatus;

std::string deadlines_text(const std::vector<const Asset*>& assets, bool urgent) {
  const assess::Policy& policy = assess::builtin_policy();
  std::map<std::string_view, int> counts;
  for (const Asset* asset : assets)
    for (const assess::Deadline* deadline : assess::deadlines_of(*asset, urgent, policy))
      ++counts[deadline->id];
  std::string text;
  for (const auto& [id, count] : counts)
    text += fmt::format("{}{}={}", text.empty() ? "" : ",", id, count);
  return text;
}

// A key exchange that could not be judged is neither hybrid nor not.
Hybrid hybrid_of(const std::vector<const Asset*>& assets) {
  Hybrid out = Hybrid::kUnknown;
  for (const Asset* asset : assets) {
    if (asset->exposure != inventory::Exposure::kKeyEstablishment) continue;
    if (asset->pq_credit > 0) return Hybrid::kYes;
    if (asset->vulnerability.status != AssetStatus::kUnknown) out = Hybrid::kNo;
  }
  return out;
}

}  // namespace

const inventory::Certificate* first_ending_leaf(const inventory::Endpoint& endpoint) {
  const inventory::Certificate* first = nullptr;
  if (!endpoint.tls) return first;
  for (const inventory::Certificate& certificate : endpoint.tls->certificates)
    if (certificate.position == 0 && (first == nullptr || certificate.not_after < first->not_after))
      first = &certificate;
  return first;
}

bool is_vulnerable(const Asset& asset) {
  return asset.vulnerability.status == AssetStatus::kBroken ||
         asset.vulnerability.status == AssetStatus::kAtRisk;
}

FactsByPlace facts_of(const inventory::ScanDocument& document) {
  FactsByPlace out;
  for (const inventory::Endpoint& endpoint : document.endpoints) {
    EndpointFacts& facts = out[{endpoint.host, int{endpoint.port}}];
    facts.reached = facts.reached || endpoint.reached;
    facts.file = facts.file || endpoint.file.has_value();
    const inventory::Certificate* leaf = first_ending_leaf(endpoint);
    if (leaf != nullptr && (facts.leaf == nullptr || leaf->not_after < facts.leaf->not_after))
      facts.leaf = leaf;
  }
  for (const Asset& asset : document.judgement.assets)
    if (const auto found = out.find({asset.host, int{asset.port}}); found != out.end())
      found->second.assets.push_back(&asset);
  for (auto& [place, facts] : out) facts.hybrid = hybrid_of(facts.assets);
  return out;
}

store::WatchedRow watched_row(const EndpointFacts& facts, bool had_hybrid, bool urgent) {
  store::WatchedRow row;
  row.hybrid = facts.hybrid == Hybrid::kUnknown ? had_hybrid : facts.hybrid == Hybrid::kYes;
  if (facts.leaf != nullptr) {
    row.cert_sha256 = facts.leaf->sha256;
    row.cert_subject = facts.leaf->subject;
    row.cert_not_after = facts.leaf->not_after;
  }
  row.deadlines = deadlines_text(facts.assets, urgent);
  return row;
}

void add_deadlines(std::string_view text, int endpoints,
                   std::map<std::string, DeadlineAssets>& to) {
  while (!text.empty()) {
    const std::string_view entry = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), entry.size() + 1));
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    int assets = 0;
    const std::string_view number = entry.substr(equals + 1);
    std::from_chars(number.data(), number.data() + number.size(), assets);
    DeadlineAssets& sum = to[std::string(entry.substr(0, equals))];
    sum.assets += assets * endpoints;
    sum.endpoints += endpoints;
  }
}

}  // namespace carnet::service
