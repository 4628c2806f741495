#pragma once
// The rows of the store as values; the SQL for them is in the repositories (repositories.h). Names
// are the columns'.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace carnet::store {

enum class Role { kViewer, kOperator, kAdmin };  // in rising order
[[nodiscard]] std::string_view to_string(Role role);
[[nodiscard]] std::optional<Role> parse_role(std::string_view text);

// kClosing: it can be read but not changed. kErasing: its data is being deleted and not shown.
enum class TenantState { kActive, kClosing, kErasing };
[[nodiscard]] std::string_view to_string(TenantState state);
// Anything unknown is kErasing, which shows nothing.
[[nodiscard]] TenantState parse_tenant_state(std::string_view text);

struct TenantRow {
  TenantId id;
  std::string name, slug;
  std::string settings = "{}";            // JSON text
  std::string authorized_targets = "{}";  // JSON text
  Timestamp created_at{};
  TenantState state = TenantState::kActive;
};

struct KeyRow {
  std::string public_id;
  KeyId id;
  TenantId tenant_id;
  std::string secret_mac;  // 32 raw bytes
  std::string hint, label;
  Role role = Role::kOperator;
  std::optional<int> rate_per_minute;
  Timestamp created_at{};
  std::optional<Timestamp> expires_at, revoked_at, last_used_at;
  std::string tenant_name;                          // joined
  TenantState tenant_state = TenantState::kActive;  // joined
};

struct ScanRow {
  ScanId id;
  TenantId tenant_id;
  std::string status;  // queued | running | success | error | cancelled
  std::string label, target, profile;
  bool sample = false, pinned = false;
  std::string request;  // JSON text
  std::string error_detail;
  int progress_done = 0, progress_total = 0;
  std::optional<double> readiness_score;
  std::string readiness_band;
  int asset_count = 0;
  Timestamp created_at{};
  std::optional<Timestamp> started_at, finished_at;
  bool cancel_requested = false;
  int attempts = 0;
};

struct EventRow {
  int seq = 0;
  std::string key, label;
  Timestamp at{};
  std::int64_t duration_ms = 0;
  std::string status;
};

struct AssetRow {
  std::string asset_id, kind, host;
  int port = 0;
  std::string status;
  std::string body;  // JSON text
};

struct ShareRow {
  std::string public_id;
  ShareId id;
  TenantId tenant_id;
  ScanId scan_id;
  std::string secret_mac, hint, scope, label, recipient;
  std::optional<std::string> passcode_hash;
  std::optional<int> max_views;
  int view_count = 0;
  bool paused = false;
  int revision = 1;
  KeyId created_by;
  Timestamp created_at{}, expires_at{};
  std::optional<Timestamp> revoked_at, last_viewed_at;
  int dead_tries = 0;  // at opening it after it was over
  std::optional<Timestamp> last_dead_try_at;
  std::string tenant_name;                          // joined by by_public_id
  std::string tenant_settings;                      // likewise; JSON text
  TenantState tenant_state = TenantState::kActive;  // likewise
};

// One entry of a link's access log, or `count` alike from `at` to `last_at`.
struct ViewRow {
  ViewId id;
  ShareId share_id;
  Timestamp at{}, last_at{};
  int count = 1;
  std::string outcome, format, visitor, user_agent;
};

struct IdempotencyRow {
  std::string tenant_id, operation, key_hash, fingerprint, state, owner;
  std::optional<int> status;
  std::string response;  // sealed bytes
  Timestamp created_at{};
};

struct AuditRow {
  AuditId id;
  std::string tenant_id;
  Timestamp at{};
  std::string actor, action, subject, request_id;
  std::string detail = "{}";  // JSON text
  std::string key_id, role;   // "" for who has none
  std::string before, after;  // JSON text, "" for nothing
  std::int64_t seq = 0;       // its place in the chain; 0: not sealed yet
  std::string prev_hash, hash;
};

// The signed end of a chain. No rows yet: seq 0 and no hash.
struct AuditHeadRow {
  std::string tenant_id;
  std::int64_t seq = 0;
  std::string hash;
  Timestamp at{};
  std::string signature;  // JSON text; "" of a server without keys
};

struct LogHeadRow {
  std::string origin;
  std::int64_t size = 0;
  std::string frontier;  // evidence::Frontier::bytes()
};

struct LogEntryRow {
  std::int64_t position = 0;
  std::string digest;
  Timestamp at{};
};

struct LogCheckpointRow {
  std::int64_t size = 0;
  std::string root, note, keys;
  Timestamp at{};
};

struct LogCosignatureRow {
  std::int64_t size = 0;
  std::string witness, line;
  std::int64_t time_s = 0;  // what the witness signed
  Timestamp received_at{};
};

// One page of a list that is newest first: rows with id < `before` (empty: from the newest), at
// most `limit`.
struct Page {
  std::string before;
  int limit = 25;
};

}  // namespace carnet::store
