#pragma once
// `carnet webhook`: who is told of what happens, from the shell, over the running service's API.
// Exit codes as ask_service(). Blocking; one thread at a time.

#include <optional>
#include <string>
#include <vector>

#include "app/tenant_client.h"

namespace carnet::app {

struct NewWebhook {
  std::string url, format, description;
  std::vector<std::string> events;
};

int run_webhook_list(const TenantConnection& connection);
// Prints the secret, this once.
int run_webhook_add(const TenantConnection& connection, const NewWebhook& wanted);
int run_webhook_remove(const TenantConnection& connection, const std::string& id);
// 1 if the call was not answered by 2xx.
int run_webhook_test(const TenantConnection& connection, const std::string& id);
int run_webhook_pause(const TenantConnection& connection, const std::string& id, bool paused);
// `state`: "" for all; "dead" are the dead letters.
int run_webhook_deliveries(const TenantConnection& connection, const std::string& id,
                           const std::string& state);
// Without a letter all of them.
int run_webhook_replay(const TenantConnection& connection, const std::string& id,
                       const std::optional<std::string>& letter);
int run_webhook_rotate(const TenantConnection& connection, const std::string& id,
                       int overlap_hours);

}  // namespace carnet::app
