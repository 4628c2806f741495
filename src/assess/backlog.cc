#include "assess/backlog.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "assess/classify_internal.h"
#include "assess/method.h"
#include "assess/mosca.h"
#include "base/check.h"
#include "crypto/hash.h"

namespace carnet::assess {
namespace {

using inventory::Asset;
using inventory::AssetStatus;
using inventory::BacklogItem;
using inventory::Exposure;

double severity_weight(std::string_view severity) {
  if (severity == "critical") return kSeverityCritical;
  if (severity == "high") return kSeverityHigh;
  if (severity == "medium") return kSeverityMedium;
  if (severity == "low") return kSeverityLow;
  return 0;
}

void replace_all(std::string& text, std::string_view mark, std::string_view value) {
  for (std::size_t at = text.find(mark); at != std::string::npos;
       at = text.find(mark, at + value.size())) {
    text.replace(at, mark.size(), value);
  }
}

// The text for this software, its family, or everyone: "openssh-9.9", "openssh", "generic".
const std::string& action_for(const RemediationText& text, std::string_view software) {
  for (std::string key(software); !key.empty();) {
    if (const auto found = text.actions.find(key); found != text.actions.end())
      return found->second;
    const std::size_t cut = key.find_last_of("-/ ");
    key.resize(cut == std::string::npos ? 0 : cut);
  }
  return text.actions.at("generic");
}

std::string fill(std::string text, const Asset& asset, const Cause& cause) {
  const bool ipv6 = asset.host.find(':') != std::string::npos;
  const std::string endpoint = asset.port == 0 ? asset.host  // a file
                               : ipv6          ? fmt::format("[{}]:{}", asset.host, asset.port)
                                               : fmt::format("{}:{}", asset.host, asset.port);
  replace_all(text, "{endpoint}", endpoint);
  replace_all(text, "{group}", asset.vulnerability.pqc_replacement);
  replace_all(text, "{replacement}", asset.vulnerability.pqc_replacement);
  // Last, because it may hold what a server sent, which must not be filled in again.
  replace_all(text, "{detail}", cause.detail);
  return text;
}

const Deadline* earliest_general(const std::vector<const Deadline*>& deadlines) {
  const Deadline* earliest = nullptr;
  for (const Deadline* deadline : deadlines) {
    if (!deadline->general) continue;
    if (earliest == nullptr || deadline->date < earliest->date) earliest = deadline;
  }
  return earliest;
}

void append_unique(SharedList<std::string>& list, const std::string& text) {
  if (std::find(list.begin(), list.end(), text) == list.end()) list.push_back(text);
}

BacklogItem make_item(const ClassifiedAsset& classified, const Cause& cause, bool urgent,
                      const Policy& policy) {
  const RemediationText* text = policy.find_remediation(cause.id);
  CARNET_CHECK(text != nullptr);  // cause ids are ours, and a test tries them all
  const Asset& asset = classified.asset;
  BacklogItem item;
  item.id = remediation_id(asset.id, cause.id);
  item.asset_id = asset.id;
  item.priority = priority_of(cause.severity, asset.exposure, urgent);
  item.title = fill(text->title, asset, cause);
  item.action = fill(action_for(*text, classified.software), asset, cause);
  item.pqc_algorithm = asset.vulnerability.pqc_replacement;
  item.effort_days = text->effort_days;
  item.severity = cause.severity;
  item.standards_refs = text->standards;
  if (cause.quantum) {
    const auto deadlines = deadlines_of(asset, urgent, policy);
    if (const Deadline* deadline = earliest_general(deadlines)) {
      item.deadline = deadline->date;
      item.deadline_source = fmt::format("{}: {}", deadline->title, deadline->source);
    }
    for (const Deadline* deadline : deadlines) append_unique(item.standards_refs, deadline->title);
  }
  return item;
}

}  // namespace

std::string remediation_id(std::string_view asset_id, std::string_view cause_id) {
  return "rem_" +
         crypto::sha256_hex(fmt::format("remediation\n{}\n{}", asset_id, cause_id)).substr(0, 16);
}

std::string_view cause_of(const BacklogItem& item) {
  for (const RemediationText& text : builtin_policy().remediation)
    if (remediation_id(item.asset_id, text.id) == item.id) return text.id;
  return {};
}

double priority_of(std::string_view severity, Exposure exposure, bool urgent) {
  const double weight =
      exposure == Exposure::kKeyEstablishment ? kExposureRecorded : kExposureAuthentication;
  return round1(100 * severity_weight(severity) * weight * (urgent ? 1 : kMoscaNotHeld));
}

std::vector<const Deadline*> deadlines_of(const Asset& asset, bool urgent, const Policy& policy) {
  std::vector<const Deadline*> applying;
  if (asset.vulnerability.status == AssetStatus::kSafe ||
      asset.vulnerability.status == AssetStatus::kUnknown) {
    return applying;
  }
  const auto* row = inventory::find_by_name(asset.algorithm);
  const int bits = asset.vulnerability.classical_security_bits.value_or(0);
  for (const Deadline& deadline : policy.deadlines) {
    if (deadline.exposure && *deadline.exposure != asset.exposure) continue;
    if (deadline.when_urgent && !urgent) continue;
    const bool by_strength = deadline.classical_bits_below > 0;
    if (by_strength && (bits == 0 || bits >= deadline.classical_bits_below)) continue;
    const bool named =
        row != nullptr && std::find(row->deadline_refs.begin(), row->deadline_refs.end(),
                                    deadline.id) != row->deadline_refs.end();
    if (named || by_strength || deadline.general) applying.push_back(&deadline);
  }
  return applying;
}

std::vector<BacklogItem> make_backlog(const std::vector<ClassifiedAsset>& assets, bool urgent,
                                      const std::map<std::string, RemediationState>& remediation,
                                      const Policy& policy) {
  struct Row {
    BacklogItem item;
    const Asset* asset;
  };
  std::vector<Row> rows;
  SharedListPool<std::string> lists;
  for (const ClassifiedAsset& classified : assets) {
    for (const Cause& cause : classified.causes) {
      BacklogItem item = make_item(classified, cause, urgent, policy);
      if (const auto known = remediation.find(item.id); known != remediation.end()) {
        item.status = known->second.status;
        item.owner = known->second.owner;
        item.target_date = known->second.target_date;
      }
      lists.share(item.standards_refs);
      rows.push_back({std::move(item), &classified.asset});
    }
  }
  // Most urgent first; among equals what is quick to do.
  const auto key = [](const Row& row) {
    return std::tuple(-row.item.priority, row.item.effort_days, std::string_view(row.asset->host),
                      row.asset->port, std::string_view(row.item.id));
  };
  std::sort(rows.begin(), rows.end(),
            [&key](const Row& a, const Row& b) { return key(a) < key(b); });
  std::vector<BacklogItem> backlog;
  backlog.reserve(rows.size());
  for (Row& row : rows) backlog.push_back(std::move(row.item));
  return backlog;
}

double remediation_credit(const BacklogItem& item) {
  if (item.status == "done") return 1;
  const bool planned = !item.owner.empty() && !item.target_date.empty() &&
                       (item.status == "open" || item.status == "in_progress");
  // ISO dates compare as text.
  const bool in_time = item.deadline.empty() || item.target_date.substr(0, 10) <= item.deadline;
  return planned && in_time ? kCreditPlanned : 0;
}

}  // namespace carnet::assess
