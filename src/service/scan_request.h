#pragma once
// A scan request as it lies in the scan's row, and the checks it passes before it gets there.
// Private to service/. Pure functions.

#include <string>
#include <string_view>
#include <vector>

#include "net/dialer.h"
#include "probe/engine.h"
#include "service/fields.h"
#include "service/scans.h"
#include "service/tenancy.h"

namespace carnet::service {

inline constexpr std::size_t kTargetsMax = 10000;
inline constexpr std::size_t kPortsMax = 64;
inline constexpr double kMoscaYearsMax = 100;

// Everything a worker needs; the tenant's Mosca settings are merged in when the scan is submitted,
// so that a second attempt judges by the same numbers.
struct ListedTarget {
  std::string target;  // normal form
  std::string kind;    // "" = as the request's kinds say
};
struct StoredRequest {
  std::vector<std::string> targets;  // normal form, without duplicates; empty for a sample
  std::vector<std::string> kinds;
  std::vector<std::uint16_t> ports;
  inventory::Profile profile = inventory::Profile::kStandard;
  assess::MoscaInput mosca;
  std::string scenario_id;           // a sample
  std::vector<ListedTarget> listed;  // from an upload
  int files = 0;                     // of an upload; they lie beside the scan
};
[[nodiscard]] std::string write_request(const StoredRequest& request);
[[nodiscard]] Result<StoredRequest> read_request(std::string_view text);

// Appends every fault of `request` to `bad`; the targets that parsed, without duplicates.
[[nodiscard]] std::vector<net::Target> check_request(const ScanRequest& request, FieldErrors& bad);

// The endpoint lists of an upload (a store::UploadRow's `targets`).
[[nodiscard]] Result<std::vector<ListedTarget>> read_listed(std::string_view text);

// The plan of a stored request: its targets, then what was listed, without duplicates.
[[nodiscard]] Result<std::vector<probe::PlannedEndpoint>> plan_request(const StoredRequest& request,
                                                                       std::size_t endpoints_max);

// kTargetNotAuthorized naming the targets that may not be scanned and what to do. Names are judged
// by what the tenant attested to (where they lead is for the guarded dialer), addresses also by the
// policy, each address of a block.
struct Authority {
  const AuthorizedTargets& attested;
  const net::AddressPolicy& policy;
  bool any_public_target = false;  // --authorize-any-target
};
[[nodiscard]] Result<void> authorize(const std::vector<net::Target>& targets,
                                     const Authority& authority);

}  // namespace carnet::service
