#include "service/outbox.h"

#include <algorithm>

#include "base/json.h"
#include "service/webhook_body.h"
#include "store/deliveries.h"
#include "store/webhooks.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;

constexpr std::string_view kQueueFull = "queue_full";
constexpr std::string_view kPaused = "paused";

bool wants(const store::WebhookRow& webhook, std::string_view event) {
  const auto events = json::parse(webhook.events);
  if (!events || !events->is_array()) return false;
  return std::any_of(events->as_array().begin(), events->as_array().end(),
                     [event](const bj::value& wanted) {
                       return wanted.is_string() && event_matches(wanted.as_string(), event);
                     });
}

Result<void> put_dead(store::Connection& connection, store::DeliveryRow row,
                      std::string_view reason) {
  row.state = "dead";
  row.last_outcome = reason;
  row.finished_at = row.created_at;
  return store::deliveries::insert(connection, row);
}

// To the queue; where that is full, or the webhook is paused, to the dead letters.
Result<void> put(store::Connection& connection, store::DeliveryRow row, bool paused) {
  if (paused) {
    CARNET_TRY(dead, store::deliveries::count_dead(connection, row.tenant_id, row.lane,
                                                   kMissedPerWebhookMax));
    if (dead >= kMissedPerWebhookMax) return {};
    return put_dead(connection, std::move(row), kPaused);
  }
  CARNET_TRY(waiting, store::deliveries::count_queued(connection, row.tenant_id, row.lane,
                                                      kQueuedPerLaneMax));
  if (waiting >= kQueuedPerLaneMax) return put_dead(connection, std::move(row), kQueueFull);
  return store::deliveries::insert(connection, row);
}

}  // namespace

Result<void> Outbox::emit(store::Connection& connection, const Event& event, Timestamp now) const {
  CARNET_TRY(webhooks, store::webhooks::of_tenant(connection, event.tenant));
  for (const store::WebhookRow& webhook : webhooks) {
    if (!wants(webhook, event.name)) continue;
    store::DeliveryRow row;
    row.id = DeliveryId::generate(now, random_);
    row.tenant_id = event.tenant;
    row.webhook_id = webhook.id;
    row.lane = webhook.id.str();
    row.event = std::string(event.name);
    if (event.scan) row.scan_id = event.scan->str();
    row.body = webhook_body(event, {.format = webhook.format,
                                    .public_url = public_url_,
                                    .delivery = row.id,
                                    .created_at = now});
    row.created_at = row.due_at = now;
    row.expires_at = now + kDeliverFor;
    CARNET_TRY_VOID(put(connection, std::move(row), webhook.paused));
  }
  return {};
}

Result<void> Outbox::mail(store::Connection& connection, const Mail& mail, Timestamp now) const {
  if (!mail_) return {};
  const bj::object message{{"subject", mail.subject}, {"text", mail.text}};
  const std::string body = json::write(message);
  const std::string lane = store::mail_lane(mail.tenant);
  int sent = 0;
  for (const std::string& recipient : mail.to) {
    if (!is_mail_address(recipient)) continue;
    if (sent++ == kMailRecipientsMax) break;
    store::DeliveryRow row;
    row.id = DeliveryId::generate(now, random_);
    row.tenant_id = mail.tenant;
    row.lane = lane;
    row.event = "mail";
    row.recipient = recipient;
    row.body = body;
    row.created_at = row.due_at = now;
    row.expires_at = now + kDeliverFor;
    CARNET_TRY_VOID(put(connection, std::move(row), false));
  }
  return {};
}

bool is_mail_address(std::string_view text) {
  constexpr std::size_t kMailAddressBytesMax =
      254;  // RFC 5321 section 4.5.3.1.3, without the brackets
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at == 0 || at + 1 == text.size() ||
      text.size() > kMailAddressBytesMax)
    return false;
  const auto plain = [](char letter) {
    return letter > ' ' && letter < '\x7f' &&
           std::string_view("<>()[]\\,;:\"").find(letter) == std::string_view::npos;
  };
  const std::string_view domain = text.substr(at + 1);
  return std::all_of(text.begin(), text.end(), plain) && text.find('@') == at && text[0] != '-' &&
         domain.front() != '.' && domain.back() != '.' && domain.front() != '-' &&
         domain.find("..") == std::string_view::npos;
}

}  // namespace carnet::service
