#include "service/dispatch_round.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "service/audit.h"
#include "service/dispatcher.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

constexpr int kLanesAtOnce = 256;  // limit: internal

struct Tally {
  store::webhooks::Attempts attempts;
  TenantId tenant;
  bool gone = false;
};

// What the attempts at each webhook came to, in the order of their ids: two instances that lock
// rows in one order never wait for each other in a circle.
std::map<std::string, Tally> tallies(const std::vector<Ended>& ended) {
  std::map<std::string, Tally> out;
  for (const Ended& one : ended) {
    if (one.webhook.empty() || !one.tried) continue;
    Tally& tally = out[one.webhook.str()];
    tally.tenant = one.tenant;
    store::webhooks::Attempts& attempts = tally.attempts;
    attempts.at = std::max(attempts.at, one.at);
    attempts.outcome = one.outcome;
    tally.gone = tally.gone || one.gone;
    if (one.state == "delivered") {
      attempts.succeeded = true;
      attempts.failures = 0;
    } else if (attempts.failures++ == 0) {
      attempts.first_failure_at = one.at;
    }
  }
  return out;
}

Result<bool> pause(store::Connection& connection, const WebhookId& id, const TenantId& tenant,
                   std::string_view reason, const RoundRequest& request, Random& random) {
  CARNET_TRY(paused, store::webhooks::pause(connection, id, reason, request.now));
  if (!paused) return false;
  CARNET_TRY(held, store::deliveries::hold(connection, tenant, id.str()));
  Actor actor;
  actor.tenant = tenant;
  const boost::json::object detail{{"reason", reason}, {"held", held}};
  CARNET_TRY_VOID(store::audit::insert(
      connection,
      audit_row(actor, "webhook.paused", id.str(), json::write(detail), request.now, random)));
  return true;
}

// Writes the tallies; pauses what is gone or has failed for too long.
Result<void> record(store::Connection& connection, const RoundRequest& request, Random& random,
                    RoundResult& out) {
  for (const auto& [key, tally] : tallies(request.ended)) {
    const WebhookId id = WebhookId::trusted(key);
    CARNET_TRY_VOID(store::webhooks::record(connection, id, tally.attempts));
    std::string_view reason;
    if (tally.gone) {
      reason = "gone";
    } else if (tally.attempts.failures > 0) {
      CARNET_TRY(now_is, store::webhooks::find_any(connection, id));
      if (now_is && now_is->failures >= kPauseFailuresMin && now_is->failing_since &&
          request.now - *now_is->failing_since >= kPauseAfter)
        reason = "failing";
    }
    if (reason.empty()) continue;
    CARNET_TRY(paused, pause(connection, id, tally.tenant, reason, request, random));
    if (paused) out.paused.push_back(id);
  }
  return {};
}

Result<void> write_ends(store::Connection& connection, const RoundRequest& request) {
  for (const Ended& one : request.ended) {
    if (one.state.empty()) {
      CARNET_TRY_VOID(store::deliveries::give_back(connection, one.id, one.owner));
    } else {
      CARNET_TRY_VOID(store::deliveries::finish(connection, {.id = one.id,
                                                             .owner = one.owner,
                                                             .state = one.state,
                                                             .outcome = one.outcome,
                                                             .at = one.at,
                                                             .due_at = one.due_at}));
    }
  }
  return {};
}

int room_of(const RoundRequest& request, const std::string& lane) {
  const auto found = request.rooms.find(lane);
  return found == request.rooms.end() ? request.lane_room : found->second;
}

struct Turn {
  std::vector<std::string> lanes;  // with something due and room for it
  std::string full_until;          // more than were looked at: go on behind this one
};

// Those behind the lane that was served last, then from the first on.
Result<Turn> lanes_in_turn(store::Connection& connection, const RoundRequest& request) {
  Turn out;
  const auto take = [&](const std::vector<store::deliveries::DueLane>& lanes, bool again) {
    for (const auto& lane : lanes)
      if ((!again || lane.lane <= request.after) && room_of(request, lane.lane) > 0)
        out.lanes.push_back(lane.lane);
  };
  CARNET_TRY(behind,
             store::deliveries::due_lanes(connection, request.after, request.now, kLanesAtOnce));
  take(behind, false);
  if (behind.size() >= kLanesAtOnce) {
    out.full_until = behind.back().lane;
    return out;
  }
  if (request.after.empty()) return out;
  CARNET_TRY(first, store::deliveries::due_lanes(connection, "", request.now, kLanesAtOnce));
  take(first, true);
  return out;
}

// False where the webhook is gone or paused; then what was claimed is not for sending.
Result<bool> claim_lane(store::Connection& connection, const RoundRequest& request, Lane& lane,
                        int limit) {
  const bool mail = lane.name.starts_with("mail/");
  CARNET_TRY(
      rows, store::deliveries::claim(connection, lane.name, request.owner, request.now,
                                     mail ? request.mail_lease_until : request.lease_until, limit));
  lane.claimed = std::move(rows);
  if (mail || lane.claimed.empty()) return true;
  CARNET_TRY(webhook, store::webhooks::find_any(connection, lane.claimed.front().webhook_id));
  if (webhook && !webhook->paused) {
    lane.webhook = std::move(webhook);
    return true;
  }
  // Paused while these were being queued: give_back() holds them.
  for (const store::DeliveryRow& row : lane.claimed)
    CARNET_TRY_VOID(store::deliveries::give_back(connection, row.id, request.owner));
  return false;
}

Result<void> claim(store::Connection& connection, const RoundRequest& request, RoundResult& out) {
  out.after = request.after;
  if (request.room <= 0) return {};
  CARNET_TRY(turn, lanes_in_turn(connection, request));
  if (turn.lanes.empty() && !turn.full_until.empty()) out.after = turn.full_until;
  int room = request.room;
  int left = static_cast<int>(turn.lanes.size());
  for (const std::string& name : turn.lanes) {
    if (room <= 0) break;
    const int share = std::max(1, room / left--);
    Lane lane{.name = name, .webhook = {}, .claimed = {}};
    CARNET_TRY(usable,
               claim_lane(connection, request, lane, std::min(share, room_of(request, name))));
    out.after = name;
    room -= static_cast<int>(lane.claimed.size());
    if (usable && !lane.claimed.empty()) out.lanes.push_back(std::move(lane));
  }
  return {};
}

}  // namespace

Result<bool> anything_due(store::Connection& connection, const RoundRequest& request) {
  CARNET_TRY(turn, lanes_in_turn(connection, request));
  return !turn.lanes.empty() || !turn.full_until.empty();
}

Result<RoundResult> exchange(store::Connection& connection, const RoundRequest& request,
                             Random& random) {
  RoundResult out;
  CARNET_TRY_VOID(record(connection, request, random, out));
  CARNET_TRY_VOID(write_ends(connection, request));
  if (request.reap) {
    CARNET_TRY(reaped, store::deliveries::reap(connection, request.now));
    out.reaped = reaped;
    CARNET_TRY(queue, store::deliveries::queue_state(connection, request.now));
    out.queue = queue;
    CARNET_TRY(counts, store::webhooks::counts(connection));
    out.webhooks = counts;
    out.counted = true;
  }
  CARNET_TRY_VOID(claim(connection, request, out));
  return out;
}

}  // namespace carnet::service
