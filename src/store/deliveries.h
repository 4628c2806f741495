#pragma once
// What is on its way to webhooks and mailboxes. As repositories.h: SQL stands here alone, a row of
// another tenant is answered as if it were not there. Thread-safety: as the Connection.
//
// A delivery is queued → sending (under a lease) → delivered, or queued again with a later due_at,
// or dead. Those of a paused webhook are held. A lane is what is served fairly beside others: a
// webhook, or a tenant's mail.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "store/rows.h"

namespace carnet::store {

struct DeliveryRow {
  DeliveryId id;
  TenantId tenant_id;
  WebhookId webhook_id;  // empty: mail
  std::string lane;
  std::string event;
  std::string scan_id;    // "" for none
  std::string recipient;  // of mail
  std::string body;
  std::string state = "queued";  // queued | sending | held | delivered | dead
  int attempts = 0;              // since it was made or replayed
  int replays = 0;
  Timestamp created_at{}, due_at{}, expires_at{};
  std::optional<Timestamp> lease_until, last_attempt_at;
  std::string last_outcome;
  std::optional<Timestamp> finished_at;
};

[[nodiscard]] inline std::string mail_lane(const TenantId& tenant) {
  return "mail/" + tenant.str();
}

namespace deliveries {
Result<void> insert(Connection& db, const DeliveryRow& row);
// How many of a lane are queued, or dead letters, counted up to `most`.
Result<int> count_queued(Connection& db, const TenantId& tenant, std::string_view lane, int most);
Result<int> count_dead(Connection& db, const TenantId& tenant, std::string_view lane, int most);
// Newest first. `state`: "" for any. Without the body.
struct Filter {
  std::optional<WebhookId> webhook;  // nullopt: the tenant's mail
  std::string state;
};
Result<std::vector<DeliveryRow>> list(Connection& db, const TenantId& tenant, const Filter& filter,
                                      const Page& page);
// With the body.
Result<std::optional<DeliveryRow>> find(Connection& db, const TenantId& tenant,
                                        const DeliveryId& id);
// Dead ones go to the queue again, with their id, at most `limit` of the oldest; `id` empty means
// all of the lane. The number of them.
struct Replay {
  std::string_view lane;
  std::string_view id;
  Timestamp now{}, expires_at{};
  int limit = 1;
};
Result<int> replay(Connection& db, const TenantId& tenant, const Replay& replay);
// Keeps what is queued of a lane from being sent; and lets it go again, due at once.
Result<int> hold(Connection& db, const TenantId& tenant, std::string_view lane);
Result<int> release(Connection& db, const TenantId& tenant, std::string_view lane, Timestamp now,
                    Timestamp expires_at);

// For the dispatcher, whoever's they are (as_system).
struct DueLane {
  std::string lane;
  Timestamp due_at{};  // of its first
};
// The lanes with something due, those behind `after` in the order of their names, at most `limit`.
Result<std::vector<DueLane>> due_lanes(Connection& db, std::string_view after, Timestamp now,
                                       int limit);
// Takes up to `limit` that are due of one lane under a lease; counts an attempt of each.
Result<std::vector<DeliveryRow>> claim(Connection& db, std::string_view lane,
                                       std::string_view owner, Timestamp now, Timestamp lease_until,
                                       int limit);
// What an attempt came to; nothing happens unless `owner` still has the lease. Where it says queued
// and the webhook is paused, the delivery is held.
struct Step {
  DeliveryId id;
  std::string_view owner;
  std::string_view state;  // delivered | dead | queued
  std::string_view outcome;
  Timestamp at{}, due_at{};
};
Result<void> finish(Connection& db, const Step& step);
// Back to the queue untried: the attempt is not counted. Held if the webhook is paused.
Result<void> give_back(Connection& db, const DeliveryId& id, std::string_view owner);
// Leases that ended: back to the queue, or held. The number of them.
Result<int> reap(Connection& db, Timestamp now);
// What is held and whose webhook is not paused, because both happened at once: to the queue.
Result<int> release_stray(Connection& db, Timestamp now);
// Drops what ended before, at most `limit` rows. The number of them.
Result<int> purge(Connection& db, Timestamp delivered_before, Timestamp dead_before, int limit);
struct QueueState {
  std::int64_t queued = 0, sending = 0, held = 0, dead = 0;
  std::optional<Timestamp> oldest_due_at;  // of what is queued and due
};
Result<QueueState> queue_state(Connection& db, Timestamp now);
}  // namespace deliveries

}  // namespace carnet::store
