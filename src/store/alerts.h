#pragma once
// Repositories of alerts, and of what is kept so that the next scan and time alone can raise them
// (repositories.h says what holds for all of them). Thread-safety: as the Connection.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/database.h"
#include "store/repositories.h"
#include "store/rows.h"

namespace carnet::store {

struct AlertRow {
  AlertId id;
  TenantId tenant_id;
  std::string kind, subject;
  std::string severity;         // critical | high | medium | low
  std::string status = "open";  // open | acknowledged | resolved
  std::string message;          // one sentence
  std::string host;             // "": not about one endpoint
  int port = 0;
  std::string detail = "{}";          // JSON text
  std::string scan_id, last_scan_id;  // that raised it, that saw it last; "": time alone
  std::string resolved_scan, resolved_reason;
  int count = 1;
  Timestamp first_seen_at{}, last_seen_at{};
  std::optional<Timestamp> resolved_at, acknowledged_at;
  std::string acknowledged_by, note;
};

namespace alerts {

// Raises it unless one of its kind and subject stands; that one then takes the severity, message,
// detail, last scan and time, and counts one more. Decides in one statement: of two that raise at
// once one is `fresh`. The row is as it is after.
struct Raised {
  AlertRow row;
  bool fresh = false;
};
Result<Raised> raise(Connection& db, const AlertRow& row);

struct Gone {
  std::string_view scan;    // that proved it; "": time, or what it is about was erased
  std::string_view reason;  // one sentence
  Timestamp at{};
};
// The row as it is after; nullopt if none stands (of two that resolve at once one gets it).
Result<std::optional<AlertRow>> resolve(Connection& db, const TenantId& tenant,
                                        std::string_view kind, std::string_view subject,
                                        const Gone& gone);

// The same alert about another subject, unless one stands that is about it.
Result<void> move(Connection& db, const TenantId& tenant, const AlertId& id,
                  std::string_view subject);

Result<std::optional<AlertRow>> find(Connection& db, const TenantId& tenant, const AlertId& id);
// Those that stand, of one kind or ("") of all; at most `limit`, in the order of their ids.
Result<std::vector<AlertRow>> standing(Connection& db, const TenantId& tenant,
                                       std::string_view kind, int limit);
// How many stand: open, and acknowledged besides.
struct Standing {
  int open = 0, acknowledged = 0;
  int critical = 0;  // of the open ones
};
Result<Standing> count_standing(Connection& db, const TenantId& tenant);
Result<Standing> count_standing_of_all(Connection& db);

struct Filter {
  std::string status, kind, severity, scan_id;  // "" = any; scan_id: raised or last seen by it
  std::string not_before;                       // an id; "" = from the beginning
};
// Newest first.
Result<std::vector<AlertRow>> list(Connection& db, const TenantId& tenant, const Filter& filter,
                                   const Page& page);

struct Mark {
  bool acknowledged = false;        // else open again
  std::optional<std::string> note;  // nullopt: as it is
  std::string by;                   // key id
  Timestamp at{};
};
// The row as it is after; nullopt if there is none that stands.
Result<std::optional<AlertRow>> mark(Connection& db, const TenantId& tenant, const AlertId& id,
                                     const Mark& mark);

// Forgets resolved ones: those resolved before `before`, and those beyond the newest `kept_max`; at
// most `limit` at once. The number of them.
Result<int> purge(Connection& db, const TenantId& tenant, Timestamp before, int kept_max,
                  int limit);

}  // namespace alerts

// What is known of an endpoint of the inventory (migrations/*/0011).
struct WatchedRow {
  int misses = 0;
  std::string missed_scan;
  bool hybrid = false;
  std::string cert_sha256, cert_subject;
  std::optional<Timestamp> cert_not_after;
  std::string deadlines;
  friend bool operator==(const WatchedRow&, const WatchedRow&) = default;
};

namespace watch {

using Place = std::pair<std::string, int>;  // host, port

// Of these endpoints those in the inventory: the scan that reached each last, and what is kept of
// it.
struct Known {
  ScanId scan_id;
  std::optional<WatchedRow> watched;
};
Result<std::map<Place, Known>> endpoints(Connection& db, const TenantId& tenant,
                                         const std::vector<Place>& places);
// Does nothing if the endpoint is not in the inventory.
Result<void> put(Connection& db, const TenantId& tenant, const Place& place, const WatchedRow& row);

// A certificate that some endpoints present, and that ends at or before a time.
struct Ending {
  std::string sha256, subject;
  Timestamp not_after{};
  int endpoints = 0;
  std::string host;  // one of them
  int port = 0;
};
Result<std::vector<Ending>> certificates_ending(Connection& db, const TenantId& tenant,
                                                Timestamp until, int limit);
// The different values of `deadlines`, and how many endpoints have each.
Result<std::vector<std::pair<std::string, int>>> deadlines(Connection& db, const TenantId& tenant);

// The last scan of these targets that ended in success; nullopt if there was none.
struct TargetScore {
  ScanId scan_id;
  std::optional<double> score;
};
Result<std::optional<TargetScore>> last_score(Connection& db, const TenantId& tenant,
                                              std::string_view target_set);
// Unless a newer scan is there.
Result<void> put_score(Connection& db, const TenantId& tenant, std::string_view target_set,
                       const TargetScore& score);

// Links to real scans that were tried in vain since `since`, with the tries that no alert has told
// of yet.
struct TriedLink {
  ShareId id;
  ScanId scan_id;
  std::string label, recipient;
  int tries = 0, untold = 0;
  Timestamp last_at{};
};
Result<std::vector<TriedLink>> tried_links(Connection& db, const TenantId& tenant, Timestamp since,
                                           int limit);
// All tries until now count as told.
Result<void> told_of_tries(Connection& db, const TenantId& tenant, std::string_view share);

}  // namespace watch

}  // namespace carnet::store
