#pragma once
// The database's side of a dispatcher's round: one transaction that writes down what came of
// attempts, pauses endpoints, takes back ended leases and claims what is due. Internal to
// dispatcher.cc; a closure of store::Database::write() may run it again.

#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "store/deliveries.h"
#include "store/webhooks.h"

namespace carnet::service {

// What became of a delivery that was claimed.
struct Ended {
  DeliveryId id;
  TenantId tenant;
  WebhookId webhook;  // empty: mail
  std::string owner;
  std::string state;  // delivered | dead | queued, or "" for: untried, back to the queue
  std::string outcome;
  bool tried = true;  // counts for its endpoint
  bool gone = false;  // the endpoint said 410
  Timestamp at{}, due_at{};
};

struct Lane {
  std::string name;
  std::optional<store::WebhookRow> webhook;  // as of the claim; nullopt: mail
  std::vector<store::DeliveryRow> claimed;
};

struct RoundRequest {
  std::string owner;  // of the new leases
  Timestamp now{};
  Timestamp lease_until{}, mail_lease_until{};
  std::vector<Ended> ended;
  bool reap = false;
  int room = 0;       // deliveries to claim at most
  int lane_room = 0;  // of one lane, unless `rooms` says
  std::map<std::string, int, std::less<>> rooms;
  std::string after;  // the lane that was served last
};

struct RoundResult {
  std::vector<Lane> lanes;
  std::vector<WebhookId> paused;
  std::string after;
  int reaped = 0;
  bool counted = false;  // with reap; then:
  store::deliveries::QueueState queue;
  store::webhooks::Counts webhooks;
};

// Whether exchange() would find something to claim.
[[nodiscard]] Result<bool> anything_due(store::Connection& connection, const RoundRequest& request);
[[nodiscard]] Result<RoundResult> exchange(store::Connection& connection,
                                           const RoundRequest& request, Random& random);

}  // namespace carnet::service
