#include "store/webhooks.h"

#include "store/query.h"

#define CARNET_WEBHOOK_COLUMNS                                                      \
  "id, tenant_id, url, events, format, description, state, pause_reason, secret, "  \
  "previous_secret, previous_until, created_by, created_at, updated_at, failures, " \
  "failing_since, last_attempt_at, last_success_at, last_outcome"

namespace carnet::store::webhooks {
namespace {

WebhookRow read(const Row& row) {
  return {.id = WebhookId::trusted(get_text(row, 0)),
          .tenant_id = TenantId::trusted(get_text(row, 1)),
          .url = get_text(row, 2),
          .events = get_text(row, 3),
          .format = get_text(row, 4),
          .description = get_text(row, 5),
          .paused = row.text(6) == "paused",
          .pause_reason = get_text(row, 7),
          .secret = std::string(row.blob(8)),
          .previous_secret = std::string(row.blob(9)),
          .previous_until = get_opt_time(row, 10),
          .created_by = get_text(row, 11),
          .created_at = get_time(row, 12),
          .updated_at = get_time(row, 13),
          .failures = get_int(row, 14),
          .failing_since = get_opt_time(row, 15),
          .last_attempt_at = get_opt_time(row, 16),
          .last_success_at = get_opt_time(row, 17),
          .last_outcome = get_text(row, 18)};
}

Param state_of(const WebhookRow& row) {
  return row.paused ? std::string_view("paused") : std::string_view("active");
}

Param blob_or_null(const std::string& bytes) {
  return bytes.empty() ? Param{} : Param{BlobView{bytes}};
}

}  // namespace

Result<void> insert(Connection& db, const WebhookRow& row) {
  db.as_tenant(row.tenant_id.str());
  return execute(
      db,
      "INSERT INTO webhooks (" CARNET_WEBHOOK_COLUMNS
      ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, "
      "$16, $17, $18, $19)",
      {row.id.str(), row.tenant_id.str(), row.url, row.events, row.format, row.description,
       state_of(row), text_or_null(row.pause_reason), BlobView{row.secret},
       blob_or_null(row.previous_secret), opt_time(row.previous_until), row.created_by,
       time(row.created_at), time(row.updated_at), integer(row.failures),
       opt_time(row.failing_since), opt_time(row.last_attempt_at), opt_time(row.last_success_at),
       text_or_null(row.last_outcome)});
}

Result<std::optional<WebhookRow>> find(Connection& db, const TenantId& tenant,
                                       const WebhookId& id) {
  db.as_tenant(tenant.str());
  return query_one(
      db, "SELECT " CARNET_WEBHOOK_COLUMNS " FROM webhooks WHERE id = $1 AND tenant_id = $2",
      {id.str(), tenant.str()}, read);
}

Result<std::vector<WebhookRow>> list(Connection& db, const TenantId& tenant, const Page& page) {
  db.as_tenant(tenant.str());
  return query_all(db,
                   "SELECT " CARNET_WEBHOOK_COLUMNS
                   " FROM webhooks WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
                   {tenant.str(), page_before(page), page_limit(page.limit)}, read);
}

Result<int> count(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  const auto number = [](const Row& row) { return get_int(row, 0); };
  CARNET_TRY(found, query_one(db, "SELECT count(*) FROM webhooks WHERE tenant_id = $1",
                              {tenant.str()}, number));
  return found.value_or(0);
}

Result<std::vector<WebhookRow>> of_tenant(Connection& db, const TenantId& tenant) {
  db.as_tenant(tenant.str());
  return query_all(
      db, "SELECT " CARNET_WEBHOOK_COLUMNS " FROM webhooks WHERE tenant_id = $1 ORDER BY id",
      {tenant.str()}, read);
}

Result<bool> update(Connection& db, const WebhookRow& row) {
  db.as_tenant(row.tenant_id.str());
  return execute_any(
      db,
      "UPDATE webhooks SET url = $3, events = $4, format = $5, description = $6, "
      "state = $7, pause_reason = $8, secret = $9, previous_secret = $10, "
      "previous_until = $11, updated_at = $12, failures = $13, failing_since = $14 "
      "WHERE id = $1 AND tenant_id = $2",
      {row.id.str(), row.tenant_id.str(), row.url, row.events, row.format, row.description,
       state_of(row), text_or_null(row.pause_reason), BlobView{row.secret},
       blob_or_null(row.previous_secret), opt_time(row.previous_until), time(row.updated_at),
       integer(row.failures), opt_time(row.failing_since)});
}

Result<bool> erase(Connection& db, const TenantId& tenant, const WebhookId& id) {
  db.as_tenant(tenant.str());
  return execute_any(db, "DELETE FROM webhooks WHERE id = $1 AND tenant_id = $2",
                     {id.str(), tenant.str()});
}

Result<std::optional<WebhookRow>> find_any(Connection& db, const WebhookId& id) {
  db.as_system();
  return query_one(db, "SELECT " CARNET_WEBHOOK_COLUMNS " FROM webhooks WHERE id = $1", {id.str()},
                   read);
}

Result<void> record(Connection& db, const WebhookId& id, const Attempts& attempts) {
  db.as_system();
  if (attempts.succeeded)
    return execute(db,
                   "UPDATE webhooks SET failures = $2, failing_since = $3, last_attempt_at = $4, "
                   "last_success_at = $4, last_outcome = $5 WHERE id = $1",
                   {id.str(), integer(attempts.failures),
                    attempts.failures > 0 ? time(attempts.first_failure_at) : Param{},
                    time(attempts.at), attempts.outcome});
  return execute(db,
                 "UPDATE webhooks SET failures = failures + $2, "
                 "failing_since = COALESCE(failing_since, $3), last_attempt_at = $4, "
                 "last_outcome = $5 WHERE id = $1",
                 {id.str(), integer(attempts.failures), time(attempts.first_failure_at),
                  time(attempts.at), attempts.outcome});
}

Result<bool> pause(Connection& db, const WebhookId& id, std::string_view reason, Timestamp at) {
  db.as_system();
  return execute_any(db,
                     "UPDATE webhooks SET state = 'paused', pause_reason = $2, updated_at = $3 "
                     "WHERE id = $1 AND state = 'active'",
                     {id.str(), reason, time(at)});
}

Result<Counts> counts(Connection& db) {
  db.as_system();
  const auto read_counts = [](const Row& row) {
    return Counts{.active = row.integer(0), .paused = row.integer(1)};
  };
  CARNET_TRY(found, query_one(db,
                              "SELECT count(*) FILTER (WHERE state = 'active'), "
                              "count(*) FILTER (WHERE state = 'paused') FROM webhooks",
                              {}, read_counts));
  return found.value_or(Counts{});
}

}  // namespace carnet::store::webhooks
