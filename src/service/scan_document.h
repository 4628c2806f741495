#pragma once
// From what a scan observed to its document. Private to service/. Pure functions; judging a large
// scan takes a while, so the worker calls them on a work thread.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "assess/judge.h"
#include "inventory/model.h"
#include "probe/engine.h"
#include "store/repositories.h"

namespace carnet::service {

// Endpoint ids are "ep_1" … in plan order. Sorts by them and adds every planned endpoint that is
// missing as not reached for `reason`, so that a partial scan's coverage is honest. The number of
// those added.
int complete_endpoints(std::vector<inventory::Endpoint>& endpoints,
                       const std::vector<probe::PlannedEndpoint>& planned, std::string_view reason);

struct DocumentHead {
  std::string scan_id, label, profile;
  bool sample = false;
  Timestamp created_at{}, finished_at{};
  assess::MoscaInput mosca;
  std::map<std::string, assess::RemediationState> remediation;  // by backlog item
  std::vector<std::string> notes;                               // put before the judgement's own
};
// Judged as of `finished_at`; without a timeline.
[[nodiscard]] inventory::ScanDocument judge_scan(DocumentHead head,
                                                 std::vector<inventory::Endpoint> endpoints);

// Only the profile "quick" leaves out old versions and suites and further certificates of a port.
[[nodiscard]] bool is_quick(std::string_view profile);
// The assets that a quick scan would have made of what these endpoints showed, to compare it with
// one that looked at more.
[[nodiscard]] std::vector<inventory::Asset> quick_assets(
    const std::vector<inventory::Endpoint>& endpoints, bool urgent);

[[nodiscard]] inventory::TimelineEvent timeline_event(const store::EventRow& row);

// What the final transaction stores of a document.
struct FinalRows {
  std::string result;  // packed (base/packed_text.h)
  std::string sha256;  // of the text itself
  std::vector<store::scans::EndpointKey> reached;
};
[[nodiscard]] FinalRows final_rows(const inventory::ScanDocument& document);
// The rows of at most `count` assets from number `from` on; with their texts too large to have all
// at once.
[[nodiscard]] std::vector<store::AssetRow> asset_rows(const inventory::ScanDocument& document,
                                                      std::size_t from, std::size_t count);

}  // namespace carnet::service
