#include "api/handlers_governance.h"

#include "base/json.h"
#include "service/audit.h"
#include "service/governance.h"

namespace carnet::api {
namespace {

tl::unexpected<Error> no_governance() {
  return make_error(ErrorCode::kPersistenceOff,
                    "This server keeps nothing, so there is nothing to administer.");
}

// A source of the service as the body of an answer. One that breaks off is cut off, so that nobody
// takes it for whole.
class SourceStream final : public BodyStream {
 public:
  SourceStream(std::unique_ptr<service::TextSource> source, const Log& log, std::string request_id)
      : source_(std::move(source)), log_(log), request_id_(std::move(request_id)) {}

  Task<std::optional<std::string>> next() override {
    auto piece = co_await source_->next();
    if (piece) co_return std::move(*piece);
    broken_ = true;
    log_.error("export_broken_off", {{"request_id", request_id_},
                                     {"reason", piece.error().public_detail},
                                     {"internal", piece.error().internal}});
    co_return std::nullopt;
  }
  [[nodiscard]] bool broken() const override { return broken_; }

 private:
  std::unique_ptr<service::TextSource> source_;
  const Log& log_;
  std::string request_id_;
  bool broken_ = false;
};

// What HEAD has instead of a source: the same headers, and nothing to be written down.
class NothingToSend final : public BodyStream {
 public:
  Task<std::optional<std::string>> next() override { co_return std::nullopt; }
};

Response attachment(std::string_view type, std::string_view name) {
  Response response;
  response.content_type = type;
  response.headers.emplace_back("Content-Disposition",
                                fmt::format("attachment; filename=\"{}\"", name));
  return response;
}

Response streamed(Site& site, const Call& call, Response response,
                  std::unique_ptr<service::TextSource> source) {
  response.stream =
      std::make_unique<SourceStream>(std::move(source), site.deps.log, call.request_id);
  return response;
}

struct RemovalRequest {
  bool dry_run = false;
  std::string confirm;
  int grace_days = service::kGraceDaysDefault;
};

Result<RemovalRequest> decode_removal(std::string_view text, bool with_grace) {
  CARNET_TRY(value, json::parse(text.empty() ? std::string_view("{}") : text));
  if (!value.is_object())
    return make_validation_error({FieldError{
        .field = "body", .pointer = "", .code = "wrong_type", .detail = "must be a JSON object"}});
  service::FieldErrors errors;
  Members members(value.get_object(), errors);
  RemovalRequest out;
  out.dry_run = members.flag("dryRun").value_or(false);
  if (!out.dry_run) members.required("confirm");
  out.confirm = members.text("confirm", {}).value_or("");
  if (with_grace)
    out.grace_days = members.integer("graceDays", 0, service::kGraceDaysMax)
                         .value_or(service::kGraceDaysDefault);
  members.done();
  if (!errors.empty()) return errors.take();
  return out;
}

boost::json::object plan_json(const service::RemovalPlan& plan, bool everything) {
  return {{"confirm", plan.tenant.slug},
          {"deletedScans", plan.counts.scans},
          {"deletedAssets", plan.counts.assets},
          {"deletedLinks", plan.counts.shares},
          {"deletedKeys", everything ? plan.counts.keys : 0},
          {"deletedAudit", everything ? plan.counts.audit : 0}};
}

// What is to be deleted, and when.
Response removal_response(const service::RemovalPlan& plan, bool dry_run, store::RemovalKind kind,
                          const std::optional<store::RemovalRow>& removal) {
  const bool everything = kind == store::RemovalKind::kOffboard;
  boost::json::object body{{"kind", store::to_string(kind)},
                           {"dryRun", dry_run},
                           {"state", store::to_string(dry_run      ? plan.tenant.state
                                                      : everything ? store::TenantState::kClosing
                                                                   : store::TenantState::kErasing)},
                           {"dueAt", removal ? boost::json::value(to_rfc3339(removal->due_at))
                                             : boost::json::value(nullptr)}};
  for (const auto& member : plan_json(plan, everything)) body[member.key()] = member.value();
  return json_response(body);
}

}  // namespace

Task<Answer> list_audit_entries(Site& site, Call& call) {
  store::audit::Filter filter;
  CARNET_CO_TRY(action, query_text(call.request, "action"));
  CARNET_CO_TRY(actor, query_text(call.request, "actor"));
  CARNET_CO_TRY(subject, query_text(call.request, "subject"));
  const std::string narrowed = actor + "\n" + subject;
  filter.action_prefix = std::move(action);
  filter.actor = std::move(actor);
  filter.subject = std::move(subject);
  std::string times;
  for (const std::string_view name : {"since", "until"}) {
    CARNET_CO_TRY(text, query_text(call.request, name));
    times += "\n" + text;
    if (text.empty()) continue;
    const std::optional<Timestamp> time = parse_rfc3339(text);
    if (!time)
      co_return query_error(name, "invalid_time", "must be a time such as 2026-11-24T05:30:54Z");
    (name == "since" ? filter.since : filter.until) = time;
  }
  CARNET_CO_TRY(list,
                list_request(site, call, filter.action_prefix + times + "\n" + narrowed, 500, 50));
  CARNET_CO_TRY(rows, co_await service::list_audit(site.deps.db, call.actor.tenant,
                                                   std::move(filter), page_of(list)));
  const auto place = [](const store::AuditRow& row) { return row.id.str(); };
  co_return rows_response(site, call, list, "entries", rows, audit_json, place);
}

Task<Answer> verify_audit(Site& site, Call& call) {
  if (site.deps.governance == nullptr) co_return no_governance();
  CARNET_CO_TRY(verdict, co_await site.deps.governance->verify_audit(call.actor.tenant));
  const auto signed_head = json::parse(verdict.head.signature);
  const bool is_signed = signed_head && signed_head->is_object();
  boost::json::value fault;
  if (verdict.fault)
    fault = boost::json::object{{"seq", verdict.fault->seq}, {"reason", verdict.fault->reason}};
  co_return json_response(
      boost::json::object{{"intact", !verdict.fault.has_value()},
                          {"rows", verdict.rows},
                          {"fault", std::move(fault)},
                          {"head", {{"seq", verdict.head.seq}, {"hash", verdict.head.hash}}},
                          {"signedHead", is_signed ? *signed_head : boost::json::value(nullptr)}});
}

Task<Answer> export_audit(Site& site, Call& call) {
  if (site.deps.governance == nullptr) co_return no_governance();
  CARNET_CO_TRY(format, query_text(call.request, "format"));
  if (!format.empty() && format != "ndjson" && format != "csv")
    co_return query_error("format", "not_one_of", "must be one of ndjson, csv");
  const bool csv = format == "csv";
  const std::string_view type = csv ? "text/csv; charset=utf-8" : "application/x-ndjson";
  if (negotiate(call.request.header("Accept"), csv ? "text/csv" : type).empty())
    co_return make_error(ErrorCode::kNotAcceptable, fmt::format("This format is {}.", type));
  Response head = attachment(type, csv ? "audit.csv" : "audit.ndjson");
  if (call.request.method == Method::kHead) {
    head.stream = std::make_unique<NothingToSend>();
    co_return head;
  }
  CARNET_CO_TRY(source,
                co_await site.deps.governance->export_audit(
                    call.actor, csv ? service::AuditFormat::kCsv : service::AuditFormat::kNdjson));
  co_return streamed(site, call, std::move(head), std::move(source));
}

Task<Answer> export_tenant(Site& site, Call& call) {
  if (site.deps.governance == nullptr) co_return no_governance();
  const std::string day = to_rfc3339(site.deps.clock.now()).substr(0, 10);
  Response head = attachment("application/zip", fmt::format("carnet-export-{}.zip", day));
  if (call.request.method == Method::kHead) {
    head.stream = std::make_unique<NothingToSend>();
    co_return head;
  }
  CARNET_CO_TRY(source, co_await site.deps.governance->export_tenant(call.actor));
  co_return streamed(site, call, std::move(head), std::move(source));
}

Task<Answer> erase_tenant_data(Site& site, Call& call) {
  if (site.deps.governance == nullptr) co_return no_governance();
  CARNET_CO_TRY(wanted, decode_removal(call.request.body, false));
  CARNET_CO_TRY(plan, co_await site.deps.governance->plan(call.actor.tenant));
  if (wanted.dry_run)
    co_return removal_response(plan, true, store::RemovalKind::kErase, std::nullopt);
  CARNET_CO_TRY(removal, co_await site.deps.governance->erase_data(call.actor, wanted.confirm));
  co_return removal_response(plan, false, store::RemovalKind::kErase, std::move(removal));
}

Task<Answer> offboard_tenant(Site& site, Call& call) {
  if (site.deps.governance == nullptr) co_return no_governance();
  CARNET_CO_TRY(wanted, decode_removal(call.request.body, true));
  CARNET_CO_TRY(plan, co_await site.deps.governance->plan(call.actor.tenant));
  if (wanted.dry_run)
    co_return removal_response(plan, true, store::RemovalKind::kOffboard, std::nullopt);
  CARNET_CO_TRY(removal, co_await site.deps.governance->offboard(call.actor, wanted.confirm,
                                                                 wanted.grace_days));
  co_return removal_response(plan, false, store::RemovalKind::kOffboard, std::move(removal));
}

Task<Answer> get_removal(Site& site, Call& call) {
  if (site.deps.governance == nullptr) co_return no_governance();
  CARNET_CO_TRY(removal, co_await site.deps.governance->removal(call.actor.tenant));
  boost::json::object body{{"state", store::to_string(call.actor.tenant_state)},
                           {"kind", nullptr},
                           {"requestedAt", nullptr},
                           {"dueAt", nullptr},
                           {"deletedScans", 0},
                           {"deletedRows", 0}};
  if (removal) {
    body["kind"] = store::to_string(removal->kind);
    body["requestedAt"] = to_rfc3339(removal->requested_at);
    body["dueAt"] = to_rfc3339(removal->due_at);
    body["deletedScans"] = removal->deleted_scans;
    body["deletedRows"] = removal->deleted_rows;
  }
  co_return json_response(body);
}

Task<Answer> cancel_offboarding(Site& site, Call& call) {
  if (site.deps.governance == nullptr) co_return no_governance();
  CARNET_CO_TRY(removal, co_await site.deps.governance->cancel_offboarding(call.actor));
  co_return json_response(
      boost::json::object{{"state", store::to_string(store::TenantState::kActive)},
                          {"cancelledAt", to_rfc3339(site.deps.clock.now())},
                          {"dueAt", to_rfc3339(removal.due_at)}});
}

Task<Result<void>> note_download(Site& site, const Call& call, const Response& response,
                                 const service::Artifact& artifact, std::string_view format) {
  if (site.deps.governance == nullptr || call.request.method != Method::kGet ||
      response.status >= 300 || is_unchanged(call, artifact))
    co_return Result<void>{};
  co_return co_await site.deps.governance->note_download(call.actor, call.param(0), format);
}

}  // namespace carnet::api
