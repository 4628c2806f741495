#pragma once
// What is sent to webhooks: the same event as our own payload (carnet-webhook-v1,
// data/carnet-webhook-v1.schema.json), as a message for Slack, and as a message for Teams. Pure
// functions.

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "service/outbox.h"

namespace carnet::service {

inline constexpr std::string_view kWebhookSchemaVersion = "carnet-webhook-v1";
inline constexpr std::string_view kTestEvent = "webhook.test";

struct WebhookBody {
  std::string_view format;      // carnet | slack | teams
  std::string_view public_url;  // what links begin with
  DeliveryId delivery;
  Timestamp created_at{};
};
[[nodiscard]] std::string webhook_body(const Event& event, const WebhookBody& about);

// Whether a webhook that asked for `wanted` is told of `event`: "*", the name itself, or a prefix
// such as "alert.*".
[[nodiscard]] bool event_matches(std::string_view wanted, std::string_view event);
// Whether `wanted` can ever match.
[[nodiscard]] bool is_event_filter(std::string_view wanted);

}  // namespace carnet::service
