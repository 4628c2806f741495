#include "service/webhooks.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "net/http_url.h"
#include "service/audit.h"
#include "service/fields.h"
#include "service/webhook_body.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;

constexpr std::chrono::seconds kResolveTime{3};

tl::unexpected<Error> no_such_webhook() {
  return make_error(ErrorCode::kNotFound, "There is no such webhook.");
}

// Whoever changes a webhook, here or on another instance, does so alone.
std::string lock_of(const WebhookId& id) { return "webhook/" + id.str(); }

std::string events_text(const std::vector<std::string>& events) {
  bj::array out;
  for (const std::string& event : events) out.emplace_back(event);
  return json::write(out);
}

// A URL without what may be a secret in its path: for the audit trail.
std::string without_path(const std::string& url) {
  const auto parsed = net::parse_http_url(url);
  if (!parsed) return "";
  net::HttpUrl shown = *parsed;
  shown.path = "/";
  return shown.text();
}

}  // namespace

// What can be told wrong without asking the receiver. Where a name leads is judged at each call;
// here only what could never be called is refused.
Task<Result<Webhooks::Checked>> Webhooks::check(WebhookFields fields) const {
  FieldErrors bad;
  Checked out;
  if (fields.description) bad.text("description", *fields.description);
  if (fields.format && *fields.format != "carnet" && *fields.format != "slack" &&
      *fields.format != "teams")
    bad.add("format", "not_one_of", "must be one of carnet, slack, teams");
  if (fields.events) {
    if (fields.events->empty() || fields.events->size() > kWebhookEventsMax)
      bad.add("events", "out_of_range",
              fmt::format("must name from 1 to {} events", kWebhookEventsMax));
    for (std::size_t i = 0; i < fields.events->size(); ++i)
      if (!is_event_filter((*fields.events)[i]))
        bad.add("events", "not_one_of",
                "must be \"*\", a prefix such as \"alert.*\", or one of scan.completed, "
                "scan.failed, alert.raised, alert.resolved, schedule.skipped",
                fmt::format("/events/{}", i));
    out.events = events_text(*fields.events);
  }
  if (fields.url) {
    const auto url = net::parse_http_url(*fields.url);
    if (!url) {
      bad.add("url", "invalid_url", url.error().public_detail);
    } else {
      out.url = url->text();
      const SteadyTime deadline = parts_.clock.steady_now() + kResolveTime;
      const auto resolved = co_await parts_.dialer.resolve_checked(url->host, deadline);
      const bool forbidden = !resolved && resolved.error().code == ErrorCode::kTargetNotAuthorized;
      const auto open = [this](const net::IpAddress& address) {
        return parts_.policy.explicitly_allowed(address);
      };
      if (forbidden) {
        // A sentence; the faults of a request are joined to one.
        std::string detail = resolved.error().public_detail;
        if (detail.ends_with('.')) detail.pop_back();
        bad.add("url", "forbidden_address", std::move(detail));
      } else if (!url->tls && (!resolved || !std::all_of(resolved->addresses.begin(),
                                                         resolved->addresses.end(), open))) {
        bad.add("url", "needs_https",
                "must begin with https://; plain http is for addresses that the operator of this "
                "server opened with --allow-targets");
      }
    }
  }
  if (!bad.empty()) co_return bad.take();
  co_return out;
}

Task<Result<Webhooks::Created>> Webhooks::create(const Actor& actor, WebhookFields fields) {
  CARNET_CO_TRY(checked, co_await check(fields));
  store::WebhookRow row;
  row.created_at = row.updated_at = parts_.clock.now();
  row.id = WebhookId::generate(row.created_at, parts_.random);
  row.tenant_id = actor.tenant;
  row.url = checked.url;
  row.events = checked.events;
  row.format = fields.format.value_or("carnet");
  row.description = fields.description.value_or("");
  row.paused = fields.paused.value_or(false);
  if (row.paused) row.pause_reason = "request";
  row.created_by = actor.audit_name();
  Secret secret = parts_.secrets.make();
  row.secret = parts_.secrets.seal(secret, row.id);
  const bj::object detail{
      {"url", without_path(row.url)}, {"events", row.events}, {"format", row.format}};
  const store::AuditRow trail = audit_row(actor, "webhook.create", row.id.str(),
                                          json::write(detail), row.created_at, parts_.random);
  const auto work = [row, trail](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(connection.lock("webhooks/" + row.tenant_id.str()));
    CARNET_TRY(have, store::webhooks::count(connection, row.tenant_id));
    if (have >= kWebhooksPerTenantMax)
      return make_error(ErrorCode::kConflict,
                        fmt::format("This tenant has {} webhooks already; delete one first.",
                                    kWebhooksPerTenantMax));
    CARNET_TRY_VOID(store::webhooks::insert(connection, row));
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await parts_.db.write<bool>(work));
  co_return Created{.row = std::move(row), .secret = std::move(secret)};
}

Task<Result<store::WebhookRow>> Webhooks::find(TenantId tenant, WebhookId id) {
  const auto work = [tenant, id](store::Connection& connection) -> Result<store::WebhookRow> {
    CARNET_TRY(row, store::webhooks::find(connection, tenant, id));
    if (!row) return no_such_webhook();
    return std::move(*row);
  };
  co_return co_await parts_.db.read<store::WebhookRow>(work);
}

Task<Result<std::vector<store::WebhookRow>>> Webhooks::list(TenantId tenant, store::Page page) {
  using Rows = std::vector<store::WebhookRow>;
  const auto work = [tenant, page](store::Connection& connection) -> Result<Rows> {
    return store::webhooks::list(connection, tenant, page);
  };
  co_return co_await parts_.db.read<Rows>(work);
}

namespace {

// Applies the change; holds or releases what waits where the state changes.
Result<void> apply(store::Connection& connection, store::WebhookRow& row,
                   const WebhookFields& fields, Timestamp now) {
  if (fields.format) row.format = *fields.format;
  if (fields.description) row.description = *fields.description;
  row.updated_at = now;
  const bool pausing = fields.paused.value_or(row.paused) && !row.paused;
  const bool resuming = !fields.paused.value_or(row.paused) && row.paused;
  if (pausing) {
    row.paused = true;
    row.pause_reason = "request";
  }
  if (resuming) {
    row.paused = false;
    row.pause_reason.clear();
  }
  // A new address or a person's word is a new beginning.
  if (resuming || fields.url) {
    row.failures = 0;
    row.failing_since.reset();
  }
  CARNET_TRY(there, store::webhooks::update(connection, row));
  if (!there) return no_such_webhook();
  if (pausing) CARNET_TRY_VOID(store::deliveries::hold(connection, row.tenant_id, row.id.str()));
  if (resuming)
    CARNET_TRY_VOID(store::deliveries::release(connection, row.tenant_id, row.id.str(), now,
                                               now + kDeliverFor));
  return {};
}

bj::object change_detail(const WebhookFields& fields, const std::string& url) {
  bj::object detail;
  if (fields.url) detail["url"] = without_path(url);
  if (fields.events) detail["events"] = events_text(*fields.events);
  if (fields.format) detail["format"] = *fields.format;
  if (fields.description) detail["description"] = *fields.description;
  if (fields.paused) detail["paused"] = *fields.paused;
  return detail;
}

// What of a webhook may change, for the trail.
std::string changing_json(const store::WebhookRow& row) {
  return json::write(bj::object{{"url", without_path(row.url)},
                                {"events", row.events},
                                {"format", row.format},
                                {"description", row.description},
                                {"paused", row.paused}});
}

}  // namespace

Task<Result<store::WebhookRow>> Webhooks::patch(const Actor& actor, WebhookId id,
                                                WebhookFields fields) {
  CARNET_CO_TRY(checked, co_await check(fields));
  const Timestamp now = parts_.clock.now();
  const store::AuditRow trail =
      audit_row(actor, "webhook.update", id.str(), json::write(change_detail(fields, checked.url)),
                now, parts_.random);
  const auto work = [tenant = actor.tenant, id, fields, checked, trail,
                     now](store::Connection& connection) -> Result<store::WebhookRow> {
    CARNET_TRY_VOID(connection.lock(lock_of(id)));
    CARNET_TRY(row, store::webhooks::find(connection, tenant, id));
    if (!row) return no_such_webhook();
    const std::string before = changing_json(*row);
    if (fields.url) row->url = checked.url;
    if (fields.events) row->events = checked.events;
    CARNET_TRY_VOID(apply(connection, *row, fields, now));
    CARNET_TRY_VOID(store::audit::insert(
        connection, with_change(trail, {.before = before, .after = changing_json(*row)})));
    return std::move(*row);
  };
  CARNET_CO_TRY(row, co_await parts_.db.write<store::WebhookRow>(work));
  parts_.dispatcher.wake();
  co_return std::move(row);
}

Task<Result<void>> Webhooks::remove(const Actor& actor, WebhookId id) {
  const store::AuditRow trail =
      audit_row(actor, "webhook.delete", id.str(), "{}", parts_.clock.now(), parts_.random);
  const auto work = [tenant = actor.tenant, id,
                     trail](store::Connection& connection) -> Result<bool> {
    CARNET_TRY(erased, store::webhooks::erase(connection, tenant, id));
    if (!erased) return no_such_webhook();
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await parts_.db.write<bool>(work));
  co_return Result<void>{};
}

Task<Result<Webhooks::Created>> Webhooks::rotate(const Actor& actor, WebhookId id,
                                                 int overlap_hours) {
  FieldErrors bad;
  bad.integer("overlapHours", overlap_hours, 0, kSecretOverlapHoursMax);
  if (!bad.empty()) co_return bad.take();
  const Timestamp now = parts_.clock.now();
  Secret secret = parts_.secrets.make();
  const std::string sealed = parts_.secrets.seal(secret, id);
  const bj::object detail{{"overlapHours", overlap_hours}};
  const store::AuditRow trail =
      audit_row(actor, "webhook.rotate_secret", id.str(), json::write(detail), now, parts_.random);
  const auto work = [tenant = actor.tenant, id, sealed, overlap_hours, trail,
                     now](store::Connection& connection) -> Result<store::WebhookRow> {
    CARNET_TRY_VOID(connection.lock(lock_of(id)));
    CARNET_TRY(row, store::webhooks::find(connection, tenant, id));
    if (!row) return no_such_webhook();
    row->previous_secret = overlap_hours > 0 ? std::exchange(row->secret, sealed) : std::string();
    row->secret = sealed;
    row->previous_until.reset();
    if (overlap_hours > 0) row->previous_until = now + std::chrono::hours(overlap_hours);
    row->updated_at = now;
    CARNET_TRY(there, store::webhooks::update(connection, *row));
    if (!there) return no_such_webhook();
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    return std::move(*row);
  };
  CARNET_CO_TRY(row, co_await parts_.db.write<store::WebhookRow>(work));
  co_return Created{.row = std::move(row), .secret = std::move(secret)};
}

Task<Result<Webhooks::Tested>> Webhooks::test(const Actor& actor, WebhookId id) {
  CARNET_CO_TRY(row, co_await find(actor.tenant, id));
  const Timestamp now = parts_.clock.now();
  const SteadyTime begun = parts_.clock.steady_now();
  const Event event{.name = kTestEvent,
                    .tenant = actor.tenant,
                    .scan = {},
                    .readiness_score = {},
                    .alerts = {},
                    .message = "This is a test call from Carnet. Nothing has happened."};
  store::DeliveryRow delivery;
  delivery.id = DeliveryId::generate(now, parts_.random);
  delivery.tenant_id = actor.tenant;
  delivery.webhook_id = id;
  delivery.event = std::string(kTestEvent);
  delivery.attempts = 1;
  delivery.body = webhook_body(event, {.format = row.format,
                                       .public_url = public_url_,
                                       .delivery = delivery.id,
                                       .created_at = now});
  Tested out{.delivery = delivery.id, .outcome = {}};
  const net::Sent sent = co_await parts_.courier.call(std::move(row), std::move(delivery));
  out.outcome = sent.outcome;
  out.took =
      std::chrono::duration_cast<std::chrono::milliseconds>(parts_.clock.steady_now() - begun);
  const bj::object detail{{"deliveryId", out.delivery.str()}, {"outcome", out.outcome}};
  const store::AuditRow trail = audit_row(actor, "webhook.test", id.str(), json::write(detail),
                                          parts_.clock.now(), parts_.random);
  const auto work = [trail](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await parts_.db.write<bool>(work));
  co_return out;
}

Task<Result<std::vector<store::DeliveryRow>>> Webhooks::deliveries(TenantId tenant, WebhookId id,
                                                                   std::string state,
                                                                   store::Page page) {
  using Rows = std::vector<store::DeliveryRow>;
  const auto work = [tenant, id, state, page](store::Connection& connection) -> Result<Rows> {
    CARNET_TRY(row, store::webhooks::find(connection, tenant, id));
    if (!row) return no_such_webhook();
    return store::deliveries::list(connection, tenant, {.webhook = id, .state = state}, page);
  };
  co_return co_await parts_.db.read<Rows>(work);
}

Task<Result<std::vector<store::DeliveryRow>>> Webhooks::mail(TenantId tenant, std::string state,
                                                             store::Page page) {
  using Rows = std::vector<store::DeliveryRow>;
  const auto work = [tenant, state, page](store::Connection& connection) -> Result<Rows> {
    return store::deliveries::list(connection, tenant, {.webhook = {}, .state = state}, page);
  };
  co_return co_await parts_.db.read<Rows>(work);
}

namespace {

struct ReplayWork {
  TenantId tenant;
  std::optional<WebhookId> webhook;
  std::string lane;
  std::optional<DeliveryId> letter;
  Timestamp now{};
  store::AuditRow trail;

  Result<int> operator()(store::Connection& connection) const {
    if (webhook) {
      CARNET_TRY_VOID(connection.lock(lock_of(*webhook)));
      CARNET_TRY(row, store::webhooks::find(connection, tenant, *webhook));
      if (!row) return no_such_webhook();
      if (row->paused)
        return make_error(ErrorCode::kConflict,
                          "This webhook is paused; resume it before you replay.");
    }
    const std::string id = letter ? letter->str() : std::string();
    CARNET_TRY(again, store::deliveries::replay(connection, tenant,
                                                {.lane = lane,
                                                 .id = id,
                                                 .now = now,
                                                 .expires_at = now + kDeliverFor,
                                                 .limit = kReplayAtOnceMax}));
    if (letter && again == 0)
      return make_error(ErrorCode::kNotFound, "There is no such dead letter.");
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    return again;
  }
};

std::string replay_detail(const std::optional<DeliveryId>& letter) {
  const bj::object detail{{"deadLetterId", letter ? bj::value(letter->str()) : bj::value("all")}};
  return json::write(detail);
}

}  // namespace

Task<Result<int>> Webhooks::replay(const Actor& actor, WebhookId id,
                                   std::optional<DeliveryId> letter) {
  const Timestamp now = parts_.clock.now();
  const ReplayWork work{.tenant = actor.tenant,
                        .webhook = id,
                        .lane = id.str(),
                        .letter = letter,
                        .now = now,
                        .trail = audit_row(actor, "webhook.replay", id.str(), replay_detail(letter),
                                           now, parts_.random)};
  CARNET_CO_TRY(again, co_await parts_.db.write<int>(work));
  parts_.dispatcher.wake();
  co_return again;
}

Task<Result<int>> Webhooks::replay_mail(const Actor& actor, std::optional<DeliveryId> letter) {
  const Timestamp now = parts_.clock.now();
  const ReplayWork work{.tenant = actor.tenant,
                        .webhook = {},
                        .lane = store::mail_lane(actor.tenant),
                        .letter = letter,
                        .now = now,
                        .trail = audit_row(actor, "mail.replay", actor.tenant.str(),
                                           replay_detail(letter), now, parts_.random)};
  CARNET_CO_TRY(again, co_await parts_.db.write<int>(work));
  parts_.dispatcher.wake();
  co_return again;
}

}  // namespace carnet::service
