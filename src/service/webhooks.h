#pragma once
// Webhooks as their tenant sees them: registration, secrets, tests, dead letters. What is sent,
// when and by whom is outbox.h, dispatcher.h and courier.h. Every change writes its audit row in
// its transaction. Thread-safe.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "service/context.h"
#include "service/courier.h"
#include "service/dispatcher.h"
#include "service/outbox.h"
#include "service/webhook_secret.h"
#include "store/deliveries.h"
#include "store/webhooks.h"

namespace carnet::service {

inline constexpr int kWebhooksPerTenantMax = 50;
inline constexpr std::size_t kWebhookEventsMax = 20;
inline constexpr int kSecretOverlapHoursMax = 168;
inline constexpr int kSecretOverlapHours = 24;
inline constexpr int kReplayAtOnceMax = 10'000;

struct WebhookFields {
  std::optional<std::string> url, format, description;
  std::optional<std::vector<std::string>> events;
  std::optional<bool> paused;
};

class Webhooks {
 public:
  // All references outlive it.
  struct Parts {
    store::Database& db;
    const Clock& clock;
    Random& random;
    net::Dialer& dialer;
    const net::AddressPolicy& policy;
    const WebhookSecrets& secrets;
    const Courier& courier;
    Dispatcher& dispatcher;
  };
  Webhooks(const Parts& parts, std::string public_url)
      : parts_(parts), public_url_(std::move(public_url)) {}
  void set_public_url(std::string url) { public_url_ = std::move(url); }  // before the first call

  struct Created {
    store::WebhookRow row;
    Secret secret;  // shown this once
  };
  // `url` and `events` are needed. kValidationFailed names each bad field; kConflict: too many.
  [[nodiscard]] Task<Result<Created>> create(const Actor& actor, WebhookFields fields);
  [[nodiscard]] Task<Result<store::WebhookRow>> find(TenantId tenant, WebhookId id);
  [[nodiscard]] Task<Result<std::vector<store::WebhookRow>>> list(TenantId tenant,
                                                                  store::Page page);
  // Pausing holds what is queued; resuming lets it go, due at once and for another 24 hours, and
  // forgets the failures.
  [[nodiscard]] Task<Result<store::WebhookRow>> patch(const Actor& actor, WebhookId id,
                                                      WebhookFields fields);
  // With its deliveries and dead letters.
  [[nodiscard]] Task<Result<void>> remove(const Actor& actor, WebhookId id);
  // A new secret; the one before signs too for so long (0: it ends at once).
  [[nodiscard]] Task<Result<Created>> rotate(const Actor& actor, WebhookId id, int overlap_hours);

  struct Tested {
    DeliveryId delivery;
    std::string outcome;  // net::Sent's
    std::chrono::milliseconds took{0};
  };
  // One call now, to an active or a paused one; nothing is retried or kept.
  [[nodiscard]] Task<Result<Tested>> test(const Actor& actor, WebhookId id);

  // `state`: "" for all; "dead" are the dead letters.
  [[nodiscard]] Task<Result<std::vector<store::DeliveryRow>>> deliveries(TenantId tenant,
                                                                         WebhookId id,
                                                                         std::string state,
                                                                         store::Page page);
  // Of one dead letter, or of all: the oldest kReplayAtOnceMax. The number of those that go again.
  [[nodiscard]] Task<Result<int>> replay(const Actor& actor, WebhookId id,
                                         std::optional<DeliveryId> letter);
  // The tenant's mail: the same.
  [[nodiscard]] Task<Result<std::vector<store::DeliveryRow>>> mail(TenantId tenant,
                                                                   std::string state,
                                                                   store::Page page);
  // Whether this server can send any; without a mail server nothing is kept to be sent.
  [[nodiscard]] bool has_mail_server() const { return parts_.courier.has_mail_server(); }
  [[nodiscard]] Task<Result<int>> replay_mail(const Actor& actor, std::optional<DeliveryId> letter);

  void report(MetricText& out) const { parts_.dispatcher.report(out); }

 private:
  struct Checked {
    std::string url, events;
  };
  Task<Result<Checked>> check(WebhookFields fields) const;

  Parts parts_;
  std::string public_url_;
};

}  // namespace carnet::service
