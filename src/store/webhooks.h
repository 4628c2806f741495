#pragma once
// Where tenants want to be told of what happens. As repositories.h: SQL stands here alone, a row of
// another tenant is answered as if it were not there. Thread-safety: as the Connection.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/database.h"
#include "store/rows.h"

namespace carnet::store {

struct WebhookRow {
  WebhookId id;
  TenantId tenant_id;
  std::string url;
  std::string events;  // JSON array of text
  std::string format;  // carnet | slack | teams
  std::string description;
  bool paused = false;
  std::string pause_reason;     // request | failing | gone; "" while active
  std::string secret;           // sealed
  std::string previous_secret;  // sealed; "" for none
  std::optional<Timestamp> previous_until;
  std::string created_by;
  Timestamp created_at{}, updated_at{};
  int failures = 0;  // attempts that failed since the last that did not
  std::optional<Timestamp> failing_since, last_attempt_at, last_success_at;
  std::string last_outcome;  // "" before the first attempt
};

namespace webhooks {
Result<void> insert(Connection& db, const WebhookRow& row);
Result<std::optional<WebhookRow>> find(Connection& db, const TenantId& tenant, const WebhookId& id);
Result<std::vector<WebhookRow>> list(Connection& db, const TenantId& tenant, const Page& page);
Result<int> count(Connection& db, const TenantId& tenant);
// All of the tenant, the paused ones too.
Result<std::vector<WebhookRow>> of_tenant(Connection& db, const TenantId& tenant);
// Writes what a person may change: url, events, format, description, state, secrets; and the count
// of failures. False if it is gone.
Result<bool> update(Connection& db, const WebhookRow& row);
Result<bool> erase(Connection& db, const TenantId& tenant, const WebhookId& id);

// For the dispatcher, whoever's they are (as_system): nullopt if it is gone.
Result<std::optional<WebhookRow>> find_any(Connection& db, const WebhookId& id);
// What attempts came to, counted since the last record. `failures` are those after the last success
// if there was one.
struct Attempts {
  bool succeeded = false;
  int failures = 0;
  Timestamp first_failure_at{};
  Timestamp at{};  // of the last attempt
  std::string outcome;
};
Result<void> record(Connection& db, const WebhookId& id, const Attempts& attempts);
// Pauses an active one; false if it is paused already, or gone.
Result<bool> pause(Connection& db, const WebhookId& id, std::string_view reason, Timestamp at);
// How many there are of all tenants, active and paused.
struct Counts {
  std::int64_t active = 0, paused = 0;
};
Result<Counts> counts(Connection& db);
}  // namespace webhooks

}  // namespace carnet::store
