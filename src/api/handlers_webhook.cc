// Who is told of what happens, and what became of telling them.

#include "api/handlers_webhook.h"

#include <algorithm>
#include <array>

#include "base/json.h"
#include "net/http_url.h"
#include "service/webhooks.h"

namespace carnet::api {
namespace {

namespace bj = boost::json;

constexpr Members::Length kEventName{.min = 1, .max = 64};

Result<service::Webhooks*> webhooks_of(const Site& site) {
  if (site.deps.webhooks == nullptr)
    return make_error(ErrorCode::kPersistenceOff, "This server delivers nothing.");
  return site.deps.webhooks;
}

// "" is a body without members.
Result<bj::object> object_of(std::string_view text) {
  if (text.empty()) return bj::object{};
  CARNET_TRY(value, json::parse(text));
  if (!value.is_object())
    return make_validation_error({FieldError{
        .field = "body", .pointer = "", .code = "wrong_type", .detail = "must be a JSON object"}});
  return std::move(value.get_object());
}

Result<service::WebhookFields> decode_webhook(std::string_view text, bool fresh) {
  CARNET_TRY(body, object_of(text));
  service::FieldErrors errors;
  Members members(body, errors);
  service::WebhookFields out;
  if (fresh) {
    members.required("url");
    members.required("events");
  }
  out.url = members.text("url", {.min = 1, .max = net::kHttpUrlBytesMax});
  out.events = members.texts("events", service::kWebhookEventsMax, kEventName);
  out.format = members.one_of("format", {"carnet", "slack", "teams"});
  out.description = members.text("description", {});
  out.paused = members.flag("paused");
  members.done();
  if (!errors.empty()) return errors.take();
  return out;
}

Result<int> decode_rotation(std::string_view text) {
  CARNET_TRY(body, object_of(text));
  service::FieldErrors errors;
  Members members(body, errors);
  const auto hours = members.integer("overlapHours", 0, service::kSecretOverlapHoursMax);
  members.done();
  if (!errors.empty()) return errors.take();
  return hours.value_or(service::kSecretOverlapHours);
}

// Nullopt stands for all dead letters.
Result<std::optional<DeliveryId>> decode_replay(std::string_view text) {
  constexpr Members::Length kId{.min = 1, .max = 40};
  CARNET_TRY(body, object_of(text));
  service::FieldErrors errors;
  Members members(body, errors);
  const auto one = members.text("deadLetterId", kId);
  const bool all = members.flag("all").value_or(false);
  if (one.has_value() == all)
    errors.add("deadLetterId", "required", "name one dead letter, or send \"all\": true");
  std::optional<DeliveryId> id;
  if (one) {
    id = DeliveryId::parse(*one);
    if (!id) errors.add("deadLetterId", "invalid_id", "must be the id of a dead letter (dlv_…)");
  }
  members.done();
  if (!errors.empty()) return errors.take();
  return id;
}

bj::value text_or_null(const std::string& text) {
  return text.empty() ? bj::value(nullptr) : bj::value(text);
}

bj::object webhook_json(const store::WebhookRow& row, Timestamp now) {
  bj::value events = bj::array{};
  if (auto parsed = json::parse(row.events); parsed && parsed->is_array())
    events = std::move(*parsed);
  const bool overlap =
      !row.previous_secret.empty() && row.previous_until && *row.previous_until > now;
  return {{"id", row.id.str()},
          {"url", row.url},
          {"events", std::move(events)},
          {"format", row.format},
          {"description", row.description},
          {"state", row.paused ? "paused" : "active"},
          {"pauseReason", text_or_null(row.pause_reason)},
          {"failures", row.failures},
          {"failingSince", time_or_null(row.failing_since)},
          {"lastAttemptAt", time_or_null(row.last_attempt_at)},
          {"lastSuccessAt", time_or_null(row.last_success_at)},
          {"lastOutcome", text_or_null(row.last_outcome)},
          {"previousSecretUntil", overlap ? time_or_null(row.previous_until) : bj::value(nullptr)},
          {"createdBy", row.created_by},
          {"createdAt", to_rfc3339(row.created_at)},
          {"updatedAt", to_rfc3339(row.updated_at)}};
}

std::string_view delivery_state(const store::DeliveryRow& row) {
  return row.state == "sending" ? std::string_view("queued") : std::string_view(row.state);
}

bj::object delivery_json(const store::DeliveryRow& row) {
  const bool waits = row.state == "queued" || row.state == "sending";
  bj::object out{{"id", row.id.str()},
                 {"event", row.event},
                 {"scanId", text_or_null(row.scan_id)},
                 {"state", delivery_state(row)},
                 {"attempts", row.attempts},
                 {"replays", row.replays},
                 {"createdAt", to_rfc3339(row.created_at)},
                 {"nextAttemptAt", waits ? bj::value(to_rfc3339(row.due_at)) : bj::value(nullptr)},
                 {"lastAttemptAt", time_or_null(row.last_attempt_at)},
                 {"lastOutcome", text_or_null(row.last_outcome)},
                 {"finishedAt", time_or_null(row.finished_at)}};
  if (row.webhook_id.empty()) out["recipient"] = row.recipient;
  return out;
}

Result<std::string> state_query(const Request& request) {
  constexpr std::array<std::string_view, 4> kStates = {"queued", "held", "delivered", "dead"};
  CARNET_TRY(state, query_text(request, "state"));
  if (state.empty() || std::find(kStates.begin(), kStates.end(), state) != kStates.end())
    return state;
  return query_error("state", "not_one_of", "must be one of queued, held, delivered, dead");
}

Response deliveries_response(const Site& site, const Call& call, const ListRequest& list,
                             std::string_view name, const std::vector<store::DeliveryRow>& rows) {
  const auto place = [](const store::DeliveryRow& row) { return row.id.str(); };
  return rows_response(site, call, list, name, rows, delivery_json, place);
}

}  // namespace

Task<Answer> create_webhook(Site& site, Call& call) {
  CARNET_CO_TRY(webhooks, webhooks_of(site));
  CARNET_CO_TRY(fields, decode_webhook(call.request.body, true));
  CARNET_CO_TRY(created, co_await webhooks->create(call.actor, std::move(fields)));
  bj::object body = webhook_json(created.row, site.deps.clock.now());
  body["secret"] = created.secret.expose();
  Response response = json_response(body, 201);
  response.headers.emplace_back("Location", "/tenant/webhooks/" + created.row.id.str());
  co_return response;
}

Task<Answer> list_webhooks(Site& site, Call& call) {
  CARNET_CO_TRY(webhooks, webhooks_of(site));
  CARNET_CO_TRY(list, list_request(site, call));
  CARNET_CO_TRY(rows, co_await webhooks->list(call.actor.tenant, page_of(list)));
  const auto encode = [now = site.deps.clock.now()](const store::WebhookRow& row) {
    return webhook_json(row, now);
  };
  const auto place = [](const store::WebhookRow& row) { return row.id.str(); };
  co_return rows_response(site, call, list, "webhooks", rows, encode, place);
}

Task<Answer> get_webhook(Site& site, Call& call) {
  CARNET_CO_TRY(webhooks, webhooks_of(site));
  CARNET_CO_TRY(id, id_param<WebhookId>(call, 0));
  CARNET_CO_TRY(row, co_await webhooks->find(call.actor.tenant, id));
  co_return json_response(webhook_json(row, site.deps.clock.now()));
}

Task<Answer> patch_webhook(Site& site, Call& call) {
  CARNET_CO_TRY(webhooks, webhooks_of(site));
  CARNET_CO_TRY(id, id_param<WebhookId>(call, 0));
  CARNET_CO_TRY(fields, decode_webhook(call.request.body, false));
  if (call.request.header_count("If-Match") > 0) {
    CARNET_CO_TRY(current, co_await webhooks->find(call.actor.tenant, id));
    CARNET_CO_TRY_VOID(
        check_if_match(call, json_response(webhook_json(current, site.deps.clock.now()))));
  }
  CARNET_CO_TRY(row, co_await webhooks->patch(call.actor, id, std::move(fields)));
  co_return json_response(webhook_json(row, site.deps.clock.now()));
}

Task<Answer> delete_webhook(Site& site, Call& call) {
  CARNET_CO_TRY(webhooks, webhooks_of(site));
  CARNET_CO_TRY(id, id_param<WebhookId>(call, 0));
  CARNET_CO_TRY_VOID(co_await webhooks->remove(call.actor, id));
  const bj::object body{{"id", id.str()}, {"deleted", true}};
  co_return json_response(body);
}

Task<Answer> test_webhook(Site& site, Call& call) {
  CARNET_CO_TRY(webhooks, webhooks_of(site));
  CARNET_CO_TRY(id, id_param<WebhookId>(call, 0));
  CARNET_CO_TRY(tested, co_await webhooks->test(call.actor, id));
  const bj::object body{{"id", id.str()},
                        {"deliveryId", tested.delivery.str()},
                        {"delivered", tested.outcome == "2xx"},
                        {"outcome", tested.outcome},
                        {"durationMs", tested.took.count()}};
  co_return json_response(body);
}

Task<Answer> rotate_webhook_secret(Site& site, Call& call) {
  CARNET_CO_TRY(webhooks, webhooks_of(site));
  CARNET_CO_TRY(id, id_param<WebhookId>(call, 0));
  CARNET_CO_TRY(hours, decode_rotation(call.request.body));
  CARNET_CO_TRY(rotated, co_await webhooks->rotate(call.actor, id, hours));
  bj::object body = webhook_json(rotated.row, site.deps.clock.now());
  body["secret"] = rotated.secret.expose();
  co_return json_response(body);
}

Task<Answer> list_webhook_deliveries(Site& site, Call& call) {
  CARNET_CO_TRY(webhooks, webhooks_of(site));
  CARNET_CO_TRY(id, id_param<WebhookId>(call, 0));
  CARNET_CO_TRY(state, state_query(call.request));
  CARNET_CO_TRY(list, list_request(site, call, state));
  CARNET_CO_TRY(rows, co_await webhooks->deliveries(call.actor.tenant, id, state, page_of(list)));
  co_return deliveries_response(site, call, list, "deliveries", rows);
}

Task<Answer> list_dead_letters(Site& site, Call& call) {
  CARNET_CO_TRY(webhooks, webhooks_of(site));
  CARNET_CO_TRY(id, id_param<WebhookId>(call, 0));
  CARNET_CO_TRY(list, list_request(site, call));
  CARNET_CO_TRY(rows, co_await webhooks->deliveries(call.actor.tenant, id, "dead", page_of(list)));
  co_return deliveries_response(site, call, list, "deadLetters", rows);
}

Task<Answer> replay_dead_letters(Site& site, Call& call) {
  CARNET_CO_TRY(webhooks, webhooks_of(site));
  CARNET_CO_TRY(id, id_param<WebhookId>(call, 0));
  CARNET_CO_TRY(letter, decode_replay(call.request.body));
  CARNET_CO_TRY(again, co_await webhooks->replay(call.actor, id, letter));
  const bj::object body{{"replayed", again}};
  co_return json_response(body, 202);
}

Task<Answer> list_mail(Site& site, Call& call) {
  CARNET_CO_TRY(webhooks, webhooks_of(site));
  CARNET_CO_TRY(state, state_query(call.request));
  CARNET_CO_TRY(list, list_request(site, call, state));
  CARNET_CO_TRY(rows, co_await webhooks->mail(call.actor.tenant, state, page_of(list)));
  const auto shown = std::min(rows.size(), static_cast<std::size_t>(list.limit));
  bj::array items;
  for (std::size_t i = 0; i < shown; ++i) items.push_back(delivery_json(rows[i]));
  const std::string next = rows.size() > shown && shown > 0 ? rows[shown - 1].id.str() : "";
  const bj::object beside{{"mailServer", webhooks->has_mail_server()}};
  co_return list_response(site, call, list, "deliveries", std::move(items), next, beside);
}

Task<Answer> replay_mail(Site& site, Call& call) {
  CARNET_CO_TRY(webhooks, webhooks_of(site));
  CARNET_CO_TRY(letter, decode_replay(call.request.body));
  CARNET_CO_TRY(again, co_await webhooks->replay_mail(call.actor, letter));
  const bj::object body{{"replayed", again}};
  co_return json_response(body, 202);
}

}  // namespace carnet::api
