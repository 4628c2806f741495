#pragma once
// Every SQL statement of Carnet stands behind one of these functions. They take the Connection of a
// running closure (database.h), so several make one transaction. A tenant's rows are only reached
// with its TenantId; a row of another tenant is answered as if it were not there (nullopt / false).
// Each says whose scope it needs (Connection::as_tenant, as_system), but for those that take the id
// of a scan or a link alone: they go on in the scope of what ran before them, or the caller sets
// it. Thread-safety: as the Connection.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "store/rows.h"

namespace carnet::store {

namespace tenants {
Result<void> insert(Connection& db, const TenantRow& row);  // kConflict: the slug is taken
Result<std::optional<TenantRow>> find(Connection& db, const TenantId& id);
Result<std::vector<TenantRow>> list(Connection& db, const Page& page);
Result<bool> update_settings(Connection& db, const TenantId& id, std::string_view settings);
Result<bool> update_authorized_targets(Connection& db, const TenantId& id,
                                       std::string_view targets);
// False if it was not in the state `from`.
Result<bool> set_state(Connection& db, const TenantId& id, TenantState from, TenantState to);
}  // namespace tenants

namespace keys {
Result<void> insert(Connection& db, const KeyRow& row);
// By primary key, with the tenant's name: the one read of authentication.
PointQuery<KeyRow> by_public_id(std::string_view public_id);
Result<std::vector<KeyRow>> list(Connection& db, const TenantId& tenant, const Page& page);
// The key as it is after; nullopt if there is none. Revoking twice keeps the first time.
Result<std::optional<KeyRow>> revoke(Connection& db, const KeyId& id, Timestamp at);
Result<void> touch(Connection& db, const KeyId& id, Timestamp at);  // never moves last_used_at back
}  // namespace keys

namespace scans {
Result<void> insert(Connection& db, const ScanRow& row);
Result<std::optional<ScanRow>> find(Connection& db, const TenantId& tenant, const ScanId& id);
Result<std::vector<ScanRow>> list(Connection& db, const TenantId& tenant, const Page& page);
Result<int> count(Connection& db, const TenantId& tenant);
// The newest by creation that ended as success; sample scans left out.
Result<std::optional<ScanRow>> latest_finished(Connection& db, const TenantId& tenant);
// The newest before `of` that ended as success, samples with samples: of the same targets if there
// is one, else of any.
Result<std::optional<ScanRow>> finished_before(Connection& db, const TenantId& tenant,
                                               const ScanRow& of);
Result<bool> erase(Connection& db, const TenantId& tenant, const ScanId& id);
Result<bool> set_pinned(Connection& db, const TenantId& tenant, const ScanId& id);
// Marks a queued or running scan; false if it is already over. A queued one becomes cancelled at
// once.
Result<bool> request_cancel(Connection& db, const TenantId& tenant, const ScanId& id,
                            Timestamp now);

// The queue. A claim takes the oldest queued scans; completion only by the lease's owner.
Result<std::vector<ScanRow>> claim(Connection& db, std::string_view owner, Timestamp now,
                                   Timestamp lease_until, int limit);
// Extends the lease and stores progress; false if the lease was lost. Gives back whether cancelling
// was asked for.
struct Renewal {
  bool held = false;
  bool cancel_requested = false;
};
Result<Renewal> renew(Connection& db, const ScanId& id, std::string_view owner,
                      Timestamp lease_until, int done, int total);
// Running scans whose lease ended go back to the queue (to error after attempts_max, to cancelled
// if cancelling was asked for); the rows as they are after.
Result<std::vector<ScanRow>> reap(Connection& db, Timestamp now, int attempts_max);
// How much waits for a worker, and since when.
struct QueueState {
  std::int64_t count = 0;
  std::optional<Timestamp> oldest_created_at;
};
[[nodiscard]] Result<QueueState> queue_state(Connection& db);
// At shutdown; the attempt is not counted. One that was to be cancelled is claimed again with
// cancel_requested set, and its next worker finishes it as cancelled.
Result<bool> give_back(Connection& db, const ScanId& id, std::string_view owner);
struct Finish {
  std::string status;  // success | error | cancelled
  std::string error_detail;
  std::optional<double> readiness_score;
  std::string readiness_band;
  int asset_count = 0;
  Timestamp at{};
};
Result<bool> finish(Connection& db, const ScanId& id, std::string_view owner, const Finish& finish);

Result<void> put_result(Connection& db, const ScanId& id, std::string_view result,
                        std::string_view sha256);
struct StoredResult {
  std::string result, sha256;
};
Result<std::optional<StoredResult>> find_result(Connection& db, const ScanId& id);
// As it is stored: base/packed_text.h unpacks it.
Result<std::optional<StoredResult>> find_packed_result(Connection& db, const ScanId& id);
// Appends with the next sequence number, which it gives back.
Result<int> append_event(Connection& db, const ScanId& id, const EventRow& event);
Result<std::vector<EventRow>> events_after(Connection& db, const ScanId& id, int seq);
// Adds assets or replaces those with the same asset id. put_assets and mark_latest: kNotFound if
// the scan is not the tenant's.
Result<void> put_assets(Connection& db, const TenantId& tenant, const ScanId& id,
                        const std::vector<AssetRow>& assets);
// The endpoints a real (not sample) scan reached become current, unless a newer scan already has
// them.
struct EndpointKey {
  std::string host;
  int port = 0;
};
Result<void> mark_latest(Connection& db, const TenantId& tenant, const ScanId& id,
                         const std::vector<EndpointKey>& endpoints);
struct InventoryFilter {
  std::string kind, status, host;  // "" = any
  std::string after;  // inventory_cursor() of the last row of the page before; "" = the first page
  int limit = 25;
};
struct InventoryRow {
  ScanId scan_id;
  AssetRow asset;
};
// Ordered by host, port and asset id. Errors: kValidationFailed (field "cursor") for an `after` of
// another form.
Result<std::vector<InventoryRow>> inventory(Connection& db, const TenantId& tenant,
                                            const InventoryFilter& filter);
// "host\nport\nasset_id": a place in that order, which stays right while endpoints come, go and
// change their scan.
[[nodiscard]] std::string inventory_cursor(const InventoryRow& last);
}  // namespace scans

namespace shares {
Result<void> insert(Connection& db, const ShareRow& row);
// By primary key, with the tenant's name: the one read of a link.
PointQuery<ShareRow> by_public_id(std::string_view public_id);
Result<std::optional<ShareRow>> find(Connection& db, const TenantId& tenant, const ShareId& id);
Result<std::vector<ShareRow>> list(Connection& db, const TenantId& tenant,
                                   const std::optional<ScanId>& scan, const Page& page);
// As it is after; nullopt if there is none. Revoking twice keeps the first time. Raises the
// revision.
Result<std::optional<ShareRow>> revoke(Connection& db, const TenantId& tenant, const ShareId& id,
                                       Timestamp at);
struct Patch {
  std::optional<std::string> label, recipient;
  std::optional<Timestamp> expires_at;
  std::optional<bool> paused;
};
// As it is after; nullopt if there is none. Raises the revision unless the patch is empty.
Result<std::optional<ShareRow>> patch(Connection& db, const TenantId& tenant, const ShareId& id,
                                      const Patch& patch);
// How many links the tenant has that are neither revoked nor expired, and how many of them lead to
// the scan.
struct OpenCount {
  int of_tenant = 0;
  int of_scan = 0;
};
Result<OpenCount> count_open(Connection& db, const TenantId& tenant, const ScanId& scan,
                             Timestamp now);
// Decides and counts one opening in one statement: false if the link is revoked, paused, expired or
// used up at `now`.
Result<bool> open(Connection& db, const ShareId& id, Timestamp now);
// For a visitor whose token was found before: whatever tenant it is of. nullopt: it is gone.
Result<std::optional<ShareRow>> find_for_visitor(Connection& db, const ShareId& id);
// Does nothing if the link is gone, or this very row is there already.
Result<void> insert_view(Connection& db, const ViewRow& row);
// Adds to an entry that stands for several; false if it is gone.
Result<bool> extend_view(Connection& db, const ViewId& id, int more, Timestamp last_at);
// The scores of this scan and those before it of the same targets, oldest first, at most `limit`:
// what its passport follows. Empty for a scan without one.
struct ScorePoint {
  Timestamp at{};
  std::optional<double> score;
  std::string band;
};
Result<std::vector<ScorePoint>> score_history(Connection& db, const ScanId& scan, int limit);
Result<void> add_dead_tries(Connection& db, const ShareId& id, int more, Timestamp last_at);
Result<std::vector<ViewRow>> list_views(Connection& db, const ShareId& id, const Page& page);
}  // namespace shares

namespace idempotency {
Result<std::optional<IdempotencyRow>> find(Connection& db, std::string_view tenant,
                                           std::string_view operation, std::string_view key_hash);
Result<void> begin(Connection& db, const IdempotencyRow& row);  // kConflict: there is one
// kConflict if the record is gone, done, or another owner's.
Result<void> finish(Connection& db, const IdempotencyRow& row);
Result<void> erase(Connection& db, std::string_view tenant, std::string_view operation,
                   std::string_view key_hash);
Result<int> purge(Connection& db, Timestamp older_than, int limit);
}  // namespace idempotency

namespace audit {
// `tenant` is "" for the platform's own rows.
Result<void> insert(Connection& db, const AuditRow& row);  // not sealed
struct Filter {
  std::string action_prefix;
  std::optional<Timestamp> since, until;  // from `since` on, before `until`
  std::string actor, subject;             // exactly; "" = any
};
Result<std::vector<AuditRow>> list(Connection& db, std::string_view tenant, const Filter& filter,
                                   const Page& page);

// Sealing. Whoever has rows that are not sealed, in the order of their ids, "" first; across
// tenants.
Result<std::vector<std::string>> tenants_to_seal(Connection& db, int limit);
// The oldest by id.
Result<std::vector<AuditRow>> unsealed(Connection& db, std::string_view tenant, int limit);
struct Backlog {
  std::int64_t count = 0;
  std::optional<Timestamp> oldest_at;
};
Result<Backlog> backlog(Connection& db);  // across tenants
Result<AuditHeadRow> head(Connection& db, std::string_view tenant);
// Moves the head from `from` to `to` and gives `rows` their seq, prev_hash and hash; false, and
// nothing is done, if the head is not `from` any more. kConflict if a row is sealed or gone.
Result<bool> seal(Connection& db, const AuditHeadRow& from, const AuditHeadRow& to,
                  const std::vector<AuditRow>& rows);
// Sealed rows with a greater seq, in its order.
Result<std::vector<AuditRow>> sealed_after(Connection& db, std::string_view tenant,
                                           std::int64_t seq, int limit);
// At most `limit` rows of the tenant, sealed or not; how many there were.
Result<std::int64_t> erase(Connection& db, std::string_view tenant, int limit);
}  // namespace audit

// The transparency log (service/transparency.h). Hashes and digests are 32 raw bytes, sizes and
// positions below 2^63.
namespace tlog {
Result<std::optional<LogHeadRow>> head(Connection& db);  // nullopt: the log has no name yet
// Gives the log its name, unless it has one; gives the head that is there after.
Result<LogHeadRow> begin(Connection& db, std::string_view origin);
// False if the log is not of size `expected` any more.
Result<bool> advance(Connection& db, std::int64_t expected, const LogHeadRow& head);

Result<std::optional<LogEntryRow>> find_entry(Connection& db, std::string_view digest);
Result<void> insert_entry(Connection& db, const LogEntryRow& row);
// The digests of at most `count` entries from `first` on.
Result<std::vector<std::string>> digests(Connection& db, std::int64_t first, int count);

struct TileKey {
  int level = 0;
  std::int64_t position = 0;
};
Result<std::optional<std::string>> find_tile(Connection& db, const TileKey& tile);
// Makes the tile or grows it; what it holds already must stand at the beginning of `hashes`.
Result<void> put_tile(Connection& db, const TileKey& tile, std::string_view hashes);

Result<std::optional<LogCheckpointRow>> find_checkpoint(Connection& db, std::int64_t size);
// Keeps the first of a size; gives the one that is there after.
Result<LogCheckpointRow> keep_checkpoint(Connection& db, const LogCheckpointRow& row);

// Keeps the newest of a size and witness; false if one as new is there. The checkpoint must exist.
Result<bool> put_cosignature(Connection& db, const LogCosignatureRow& row);
Result<std::vector<LogCosignatureRow>> cosignatures(Connection& db, std::int64_t size);
// Of the largest size that this witness signed.
Result<std::optional<LogCosignatureRow>> last_cosignature(Connection& db, std::string_view witness);
}  // namespace tlog

}  // namespace carnet::store
