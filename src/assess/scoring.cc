#include "assess/scoring.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "assess/backlog.h"
#include "assess/method.h"
#include "assess/mosca.h"

namespace carnet::assess {
namespace {

using inventory::Asset;
using inventory::AssetStatus;
using inventory::Exposure;

// Is there a record that someone worked on this asset, whatever the cause was?
bool has_record(const Asset& asset, const std::map<std::string, RemediationState>& remediation,
                const Policy& policy) {
  if (remediation.empty()) return false;
  return std::any_of(policy.remediation.begin(), policy.remediation.end(),
                     [&](const RemediationText& text) {
                       return remediation.contains(remediation_id(asset.id, text.id));
                     });
}

}  // namespace

std::vector<ScoredAsset> scored_assets(const std::vector<Asset>& assets,
                                       const std::vector<inventory::BacklogItem>& backlog,
                                       const std::map<std::string, RemediationState>& remediation,
                                       const Policy& policy) {
  std::map<std::string_view, double> credit;  // by asset: the least of its items
  for (const inventory::BacklogItem& item : backlog) {
    const double value = remediation_credit(item);
    const auto [entry, fresh] = credit.emplace(item.asset_id, value);
    if (!fresh) entry->second = std::min(entry->second, value);
  }
  std::vector<ScoredAsset> scored;
  for (const Asset& asset : assets) {
    const auto known = credit.find(asset.id);
    scored.push_back({.status = asset.vulnerability.status,
                      .exposure = asset.exposure,
                      .hndl_exposed = asset.vulnerability.hndl_exposed,
                      .pq_credit = asset.pq_credit,
                      .remediation_credit = known == credit.end() ? 0 : known->second,
                      .remediated = asset.vulnerability.status == AssetStatus::kSafe &&
                                    has_record(asset, remediation, policy)});
  }
  return scored;
}

namespace {

// For the low end of the range: what could not be judged is taken to be vulnerable.
std::vector<ScoredAsset> with_assumed(std::vector<ScoredAsset> scored, int unreached) {
  const auto assume = [](Exposure exposure) {
    return ScoredAsset{.status = AssetStatus::kAtRisk,
                       .exposure = exposure,
                       .hndl_exposed = exposure == Exposure::kKeyEstablishment,
                       .assumed = true};
  };
  for (ScoredAsset& asset : scored) {
    if (asset.status == AssetStatus::kUnknown) asset = assume(asset.exposure);
  }
  static_assert(kAssetsPerUnjudgedEndpoint == 2);
  for (int i = 0; i < unreached; ++i) {
    scored.push_back(assume(Exposure::kKeyEstablishment));
    scored.push_back(assume(Exposure::kAuthentication));
  }
  return scored;
}

}  // namespace

std::optional<Score> score_of(const std::vector<ScoredAsset>& scored,
                              const inventory::Coverage& coverage, bool urgent) {
  const auto score = readiness_score(scored, urgent);
  if (!score) return std::nullopt;
  const auto low =
      readiness_score(with_assumed(scored, coverage.requested - coverage.reached), urgent);
  Score out;
  out.score = round1(*score);
  out.low = round1(low.value_or(*score));
  out.band = band_of(out.score);
  return out;
}

namespace {

// Whether an asset with this cause alone, unless it breaks it today, is not safe. The others ask
// for less than what decides: a fallback for old clients, a standard instead of its forerunner.
bool decides_status(std::string_view cause) {
  constexpr std::array<std::string_view, 6> kBesides = {
      "tls-rsa-transport",        "tls-pre-standard", "ssh-pre-standard",
      "certificate-pre-standard", "key-pre-standard", "ssh-sha1-signature"};
  return std::find(kBesides.begin(), kBesides.end(), cause) == kBesides.end();
}

}  // namespace

void apply_remediation(std::vector<inventory::BacklogItem>& backlog,
                       const std::map<std::string, RemediationState>& remediation) {
  for (inventory::BacklogItem& item : backlog) {
    const auto known = remediation.find(item.id);
    item.status = known == remediation.end() ? "open" : known->second.status;
    item.owner = known == remediation.end() ? "" : known->second.owner;
    item.target_date = known == remediation.end() ? "" : known->second.target_date;
  }
}

Projection project(const inventory::Judgement& judgement,
                   const std::map<std::string, RemediationState>& remediation,
                   const std::set<std::string>& done) {
  const Policy& policy = builtin_policy();
  const bool urgent = judgement.mosca.inequality_holds;
  std::vector<inventory::BacklogItem> backlog = judgement.backlog;
  apply_remediation(backlog, remediation);
  Projection out;
  out.now = score_of(scored_assets(judgement.assets, backlog, remediation, policy),
                     judgement.coverage, urgent);
  struct Items {
    bool still_at_risk = false, still_broken = false;
  };
  std::map<std::string_view, Items> items;  // by asset of which something is chosen
  for (inventory::BacklogItem& item : backlog) {
    if (!done.contains(item.id)) continue;
    item.status = "done";
    items.try_emplace(item.asset_id);
  }
  for (const inventory::BacklogItem& item : backlog) {
    const auto of_asset = items.find(item.asset_id);
    if (of_asset == items.end() || item.status == "done") continue;
    // What breaks an asset today is critical and has no date; a quantum cause has one.
    const bool breaks = item.severity == "critical" && item.deadline.empty();
    if (breaks) of_asset->second.still_broken = true;
    if (breaks || decides_status(cause_of(item))) of_asset->second.still_at_risk = true;
  }
  auto scored = scored_assets(judgement.assets, backlog, remediation, policy);
  for (std::size_t i = 0; i < scored.size(); ++i) {
    const auto known = items.find(judgement.assets[i].id);
    if (known == items.end()) continue;
    if (known->second.still_at_risk) {
      if (scored[i].status == AssetStatus::kBroken && !known->second.still_broken)
        scored[i].status = AssetStatus::kAtRisk;
      continue;
    }
    scored[i].status = AssetStatus::kSafe;
    scored[i].hndl_exposed = false;
    scored[i].pq_credit = kCreditPreferred;
    scored[i].remediated = true;
    out.fixed_assets.push_back(judgement.assets[i].id);
  }
  out.then = score_of(scored, judgement.coverage, urgent);
  return out;
}

}  // namespace carnet::assess
