#include "store/deliveries.h"

#include <tuple>

#include "store/query.h"

#define CARNET_DELIVERY_COLUMNS                                                                  \
  "id, tenant_id, webhook_id, lane, event, scan_id, recipient, body, state, attempts, replays, " \
  "created_at, due_at, expires_at, lease_until, last_attempt_at, last_outcome, finished_at"
// The same places, for lists.
#define CARNET_DELIVERY_COLUMNS_BODILESS                                                       \
  "id, tenant_id, webhook_id, lane, event, scan_id, recipient, '', state, attempts, replays, " \
  "created_at, due_at, expires_at, lease_until, last_attempt_at, last_outcome, finished_at"

namespace carnet::store::deliveries {
namespace {

DeliveryRow read(const Row& row) {
  return {.id = DeliveryId::trusted(get_text(row, 0)),
          .tenant_id = TenantId::trusted(get_text(row, 1)),
          .webhook_id = WebhookId::trusted(get_text(row, 2)),
          .lane = get_text(row, 3),
          .event = get_text(row, 4),
          .scan_id = get_text(row, 5),
          .recipient = get_text(row, 6),
          .body = get_text(row, 7),
          .state = get_text(row, 8),
          .attempts = get_int(row, 9),
          .replays = get_int(row, 10),
          .created_at = get_time(row, 11),
          .due_at = get_time(row, 12),
          .expires_at = get_time(row, 13),
          .lease_until = get_opt_time(row, 14),
          .last_attempt_at = get_opt_time(row, 15),
          .last_outcome = get_text(row, 16),
          .finished_at = get_opt_time(row, 17)};
}

}  // namespace

Result<void> insert(Connection& db, const DeliveryRow& row) {
  db.as_tenant(row.tenant_id.str());
  return execute(
      db,
      "INSERT INTO deliveries (id, tenant_id, webhook_id, lane, event, scan_id, "
      "recipient, body, state, attempts, replays, created_at, due_at, expires_at, "
      "last_outcome, finished_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
      "$11, $12, $13, $14, $15, $16)",
      {row.id.str(), row.tenant_id.str(), text_or_null(row.webhook_id.str()), row.lane, row.event,
       text_or_null(row.scan_id), text_or_null(row.recipient), row.body, row.state,
       integer(row.attempts), integer(row.replays), time(row.created_at), time(row.due_at),
       time(row.expires_at), text_or_null(row.last_outcome), opt_time(row.finished_at)});
}

// Each with its state written out: the indexes are of one state.
#define CARNET_COUNT_UP_TO(state)                                                             \
  "SELECT count(*) FROM (SELECT 1 AS one FROM deliveries WHERE lane = $1 AND state = '" state \
  "' "                                                                                        \
  "LIMIT $2) AS counted"

Result<int> count_queued(Connection& db, const TenantId& tenant, std::string_view lane, int most) {
  db.as_tenant(tenant.str());
  const auto number = [](const Row& row) { return get_int(row, 0); };
  CARNET_TRY(found, query_one(db, CARNET_COUNT_UP_TO("queued"), {lane, integer(most)}, number));
  return found.value_or(0);
}

Result<int> count_dead(Connection& db, const TenantId& tenant, std::string_view lane, int most) {
  db.as_tenant(tenant.str());
  const auto number = [](const Row& row) { return get_int(row, 0); };
  CARNET_TRY(found, query_one(db, CARNET_COUNT_UP_TO("dead"), {lane, integer(most)}, number));
  return found.value_or(0);
}

Result<std::vector<DeliveryRow>> list(Connection& db, const TenantId& tenant, const Filter& filter,
                                      const Page& page) {
  db.as_tenant(tenant.str());
  const std::string lane = filter.webhook ? filter.webhook->str() : mail_lane(tenant);
  if (filter.state == "dead")
    return query_all(db,
                     "SELECT " CARNET_DELIVERY_COLUMNS_BODILESS
                     " FROM deliveries WHERE lane = $1 AND tenant_id = $2 AND state = 'dead' AND "
                     "id < $3 ORDER BY id DESC LIMIT $4",
                     {lane, tenant.str(), page_before(page), page_limit(page.limit)}, read);
  if (filter.webhook)
    return query_all(db,
                     "SELECT " CARNET_DELIVERY_COLUMNS_BODILESS
                     " FROM deliveries WHERE webhook_id = $1 AND tenant_id = $2 AND id < $3 "
                     "AND (state = $4 OR $4 = '') ORDER BY id DESC LIMIT $5",
                     {lane, tenant.str(), page_before(page), filter.state, page_limit(page.limit)},
                     read);
  return query_all(db,
                   "SELECT " CARNET_DELIVERY_COLUMNS_BODILESS
                   " FROM deliveries WHERE webhook_id IS NULL AND tenant_id = $1 AND id < $2 "
                   "AND (state = $3 OR $3 = '') ORDER BY id DESC LIMIT $4",
                   {tenant.str(), page_before(page), filter.state, page_limit(page.limit)}, read);
}

Result<std::optional<DeliveryRow>> find(Connection& db, const TenantId& tenant,
                                        const DeliveryId& id) {
  db.as_tenant(tenant.str());
  return query_one(
      db, "SELECT " CARNET_DELIVERY_COLUMNS " FROM deliveries WHERE id = $1 AND tenant_id = $2",
      {id.str(), tenant.str()}, read);
}

Result<int> replay(Connection& db, const TenantId& tenant, const Replay& replay) {
  db.as_tenant(tenant.str());
#define CARNET_REPLAY                                                                          \
  "UPDATE deliveries SET state = 'queued', due_at = $1, expires_at = $2, finished_at = NULL, " \
  "attempts = 0, "                                                                             \
  "replays = replays + 1 WHERE "
  if (!replay.id.empty()) {
    CARNET_TRY(
        one,
        db.run(CARNET_REPLAY "id = $3 AND lane = $4 AND tenant_id = $5 AND state = 'dead'",
               {time(replay.now), time(replay.expires_at), replay.id, replay.lane, tenant.str()}));
    return static_cast<int>(one);
  }
  CARNET_TRY(all, db.run(CARNET_REPLAY
                         "id IN (SELECT id FROM deliveries WHERE lane = $3 AND tenant_id = $4 AND "
                         "state = 'dead' ORDER BY id LIMIT $5)",
                         {time(replay.now), time(replay.expires_at), replay.lane, tenant.str(),
                          page_limit(replay.limit)}));
  return static_cast<int>(all);
}

Result<int> hold(Connection& db, const TenantId& tenant, std::string_view lane) {
  db.as_tenant(tenant.str());
  CARNET_TRY(held, db.run("UPDATE deliveries SET state = 'held' WHERE lane = $1 AND "
                          "state = 'queued' AND tenant_id = $2",
                          {lane, tenant.str()}));
  return static_cast<int>(held);
}

Result<int> release(Connection& db, const TenantId& tenant, std::string_view lane, Timestamp now,
                    Timestamp expires_at) {
  db.as_tenant(tenant.str());
  CARNET_TRY(released,
             db.run("UPDATE deliveries SET state = 'queued', due_at = $1, expires_at = $2 WHERE "
                    "webhook_id = $3 AND state = 'held' AND tenant_id = $4",
                    {time(now), time(expires_at), lane, tenant.str()}));
  return static_cast<int>(released);
}

Result<std::vector<DueLane>> due_lanes(Connection& db, std::string_view after, Timestamp now,
                                       int limit) {
  db.as_system();
  const auto read_lane = [](const Row& row) {
    return DueLane{.lane = get_text(row, 0), .due_at = get_time(row, 1)};
  };
  // Jumps from lane to lane in the index, past all that waits in each.
  return query_all(db,
                   "WITH RECURSIVE lanes (lane) AS ("
                   "SELECT (SELECT min(d.lane) FROM deliveries d WHERE d.state = 'queued' AND "
                   "d.lane > $1) UNION ALL "
                   "SELECT (SELECT min(d.lane) FROM deliveries d WHERE d.state = 'queued' AND "
                   "d.lane > lanes.lane) FROM lanes WHERE lanes.lane IS NOT NULL), "
                   "firsts (lane, due_at) AS ("
                   "SELECT lanes.lane, (SELECT min(d.due_at) FROM deliveries d WHERE "
                   "d.state = 'queued' AND d.lane = lanes.lane) FROM lanes "
                   "WHERE lanes.lane IS NOT NULL) "
                   "SELECT lane, due_at FROM firsts WHERE due_at <= $2 ORDER BY lane LIMIT $3",
                   {after, time(now), page_limit(limit)}, read_lane);
}

#define CARNET_CLAIM_DELIVERIES                                                   \
  "UPDATE deliveries SET state = 'sending', lease_owner = $1, lease_until = $2, " \
  "attempts = attempts + 1 WHERE id IN "

Result<std::vector<DeliveryRow>> claim(Connection& db, std::string_view lane,
                                       std::string_view owner, Timestamp now, Timestamp lease_until,
                                       int limit) {
  db.as_system();
  // On PostgreSQL many claim at once: each steps over what another is just taking.
  const std::string_view sql =
      db.dialect() == Dialect::kPostgres
          ? "WITH next AS MATERIALIZED (SELECT id FROM deliveries WHERE state = 'queued' AND "
            "lane = $3 AND due_at <= $4 ORDER BY due_at, id LIMIT $5 FOR UPDATE SKIP "
            "LOCKED) " CARNET_CLAIM_DELIVERIES
            "(SELECT id FROM next) RETURNING " CARNET_DELIVERY_COLUMNS
          : CARNET_CLAIM_DELIVERIES
          "(SELECT id FROM deliveries WHERE state = 'queued' AND lane = $3 AND due_at <= $4 "
          "ORDER BY due_at, id LIMIT $5) RETURNING " CARNET_DELIVERY_COLUMNS;
  CARNET_TRY(
      claimed,
      query_all(db, sql, {owner, time(lease_until), lane, time(now), page_limit(limit)}, read));
  const auto earlier = [](const DeliveryRow& a, const DeliveryRow& b) {
    return std::tie(a.due_at, a.id) < std::tie(b.due_at, b.id);
  };
  std::sort(claimed.begin(), claimed.end(), earlier);
  return claimed;
}

#define CARNET_QUEUED_OR_HELD                                                                   \
  "CASE WHEN EXISTS (SELECT 1 FROM webhooks w WHERE w.id = webhook_id AND w.state = 'paused') " \
  "THEN 'held' ELSE 'queued' END"

Result<void> finish(Connection& db, const Step& step) {
  db.as_system();
  if (step.state == "queued")
    return execute(db,
                   "UPDATE deliveries SET state = " CARNET_QUEUED_OR_HELD
                   ", last_outcome = $3, last_attempt_at = $4, due_at = $5, lease_owner = NULL, "
                   "lease_until = NULL WHERE id = $1 AND lease_owner = $2 AND state = 'sending'",
                   {step.id.str(), step.owner, step.outcome, time(step.at), time(step.due_at)});
  return execute(db,
                 "UPDATE deliveries SET state = $3, last_outcome = $4, last_attempt_at = $5, "
                 "finished_at = $5, lease_owner = NULL, lease_until = NULL "
                 "WHERE id = $1 AND lease_owner = $2 AND state = 'sending'",
                 {step.id.str(), step.owner, step.state, step.outcome, time(step.at)});
}

Result<void> give_back(Connection& db, const DeliveryId& id, std::string_view owner) {
  db.as_system();
  return execute(db,
                 "UPDATE deliveries SET state = " CARNET_QUEUED_OR_HELD
                 ", attempts = attempts - 1, "
                 "lease_owner = NULL, lease_until = NULL "
                 "WHERE id = $1 AND lease_owner = $2 AND state = 'sending'",
                 {id.str(), owner});
}

Result<int> reap(Connection& db, Timestamp now) {
  db.as_system();
  CARNET_TRY(reaped,
             db.run("UPDATE deliveries SET state = " CARNET_QUEUED_OR_HELD ", lease_owner = NULL, "
                    "lease_until = NULL WHERE state = 'sending' AND lease_until <= $1",
                    {time(now)}));
  return static_cast<int>(reaped);
}

Result<int> release_stray(Connection& db, Timestamp now) {
  db.as_system();
  CARNET_TRY(released,
             db.run("UPDATE deliveries SET state = 'queued', due_at = $1 WHERE state = 'held' AND "
                    "webhook_id IN (SELECT id FROM webhooks WHERE state = 'active')",
                    {time(now)}));
  return static_cast<int>(released);
}

Result<int> purge(Connection& db, Timestamp delivered_before, Timestamp dead_before, int limit) {
  db.as_system();
  CARNET_TRY(delivered,
             db.run("DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE "
                    "state = 'delivered' AND finished_at < $1 ORDER BY finished_at LIMIT $2)",
                    {time(delivered_before), page_limit(limit)}));
  CARNET_TRY(dead, db.run("DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE "
                          "state = 'dead' AND finished_at < $1 ORDER BY finished_at LIMIT $2)",
                          {time(dead_before), page_limit(limit)}));
  return static_cast<int>(delivered + dead);
}

Result<QueueState> queue_state(Connection& db, Timestamp now) {
  db.as_system();
  const auto read_state = [](const Row& row) {
    return QueueState{.queued = row.integer(0),
                      .sending = row.integer(1),
                      .held = row.integer(2),
                      .dead = row.integer(3),
                      .oldest_due_at = get_opt_time(row, 4)};
  };
  CARNET_TRY(state, query_one(db,
                              "SELECT (SELECT count(*) FROM deliveries WHERE state = 'queued'), "
                              "(SELECT count(*) FROM deliveries WHERE state = 'sending'), "
                              "(SELECT count(*) FROM deliveries WHERE state = 'held'), "
                              "(SELECT count(*) FROM deliveries WHERE state = 'dead'), "
                              "(SELECT min(due_at) FROM deliveries WHERE state = 'queued' AND "
                              "due_at <= $1)",
                              {time(now)}, read_state));
  return state.value_or(QueueState{});
}

}  // namespace carnet::store::deliveries
