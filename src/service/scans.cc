#include "service/scans.h"

#include <unordered_set>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "base/memory.h"
#include "evidence/diff.h"
#include "service/audit.h"
#include "service/document.h"
#include "service/fields.h"
#include "service/passports.h"
#include "service/scan_document.h"
#include "service/scan_ended.h"
#include "service/scan_request.h"
#include "service/tenant_json.h"

namespace carnet::service {
namespace {

constexpr std::chrono::milliseconds kEventPoll{500};

tl::unexpected<Error> no_such_scan() {
  return make_error(ErrorCode::kNotFound, "There is no such scan.");
}

tl::unexpected<Error> no_result(const store::ScanRow& row) {
  if (row.status == "queued" || row.status == "running")
    return make_error(ErrorCode::kScanNotFinished,
                      "The scan has not finished; it is " + row.status + ".");
  return make_error(ErrorCode::kScanNotFinished,
                    "The scan ended without a result (" + row.status + ").");
}

tl::unexpected<Error> no_such_upload() {
  return make_validation_error({{.field = "bundleSessionId",
                                 .pointer = "/bundleSessionId",
                                 .code = "unknown_value",
                                 .detail = "must be a sessionId of POST /pqc/upload-bundle that is "
                                           "not over (24 hours)"}});
}

bool is_over(const store::ScanRow& row) {
  return row.status != "queued" && row.status != "running";
}

// "3 endpoints on 2 hosts, standard profile."
std::string summarize(const std::vector<probe::PlannedEndpoint>& endpoints,
                      inventory::Profile profile, int files) {
  const std::string with_files =
      files == 0 ? std::string() : fmt::format("{} file{}", files, files == 1 ? "" : "s");
  if (endpoints.empty()) return with_files + ".";
  std::unordered_set<std::string_view> hosts;
  for (const probe::PlannedEndpoint& endpoint : endpoints) hosts.insert(endpoint.host);
  return fmt::format("{} endpoint{} on {} host{}, {} profile{}{}.", endpoints.size(),
                     endpoints.size() == 1 ? "" : "s", hosts.size(), hosts.size() == 1 ? "" : "s",
                     to_string(profile), files == 0 ? "" : ", and ", with_files);
}

std::string target_text(const std::vector<net::Target>& targets, int files) {
  if (targets.empty()) return fmt::format("{} file{}", files, files == 1 ? "" : "s");
  if (targets.size() == 1) return targets.front().key();
  return fmt::format("{} and {} more", targets.front().key(), targets.size() - 1);
}

// What the request leaves open is taken from the tenant's settings.
assess::MoscaInput merge(assess::MoscaInput mosca, const Settings& settings) {
  if (!mosca.data_shelf_life_years) mosca.data_shelf_life_years = settings.data_shelf_life_years;
  if (!mosca.migration_time_years) mosca.migration_time_years = settings.migration_time_years;
  if (!mosca.years_to_qday) mosca.years_to_qday = settings.years_to_qday;
  return mosca;
}

// plan()'s refusal as fields of the client's request.
void add_plan_error(const Error& error, std::string_view field, FieldErrors& bad) {
  if (error.fields.empty()) return bad.add(field, "too_many", error.public_detail);
  for (const FieldError& fault : error.fields)
    bad.add(fault.field == "targets" || fault.field.empty() ? field : std::string_view(fault.field),
            fault.code, fault.detail);
}

Result<ScanId> earlier_scan(store::Connection& connection, const TenantId& tenant,
                            const store::ScanRow& of) {
  CARNET_TRY(found, store::scans::finished_before(connection, tenant, of));
  if (found) return std::move(found->id);
  return make_error(ErrorCode::kNotFound, "There is no earlier finished scan to compare with.");
}

// The row of a scan of sample data: nothing to plan and nothing to authorise. Gives its summary.
std::string fill_sample_row(store::ScanRow& row, const StoredRequest& stored, Timestamp now) {
  const std::optional<assess::Scenario> scenario = assess::find_scenario(stored.scenario_id, now);
  CARNET_CHECK(scenario.has_value());
  row.sample = true;
  row.target = "Sample: " + scenario->name;
  row.progress_total = static_cast<int>(scenario->endpoints.size());
  row.request = write_request(stored);
  return fmt::format("Sample data, no network: {}, {} endpoints.", scenario->name,
                     scenario->endpoints.size());
}

}  // namespace

Scans::Scans(store::Database& db, const Clock& clock, Random& random,
             const net::AddressPolicy& policy, Options options)
    : db_(db), clock_(clock), random_(random), policy_(policy), options_(std::move(options)) {}

Task<Result<store::UploadRow>> Scans::find_upload(TenantId tenant, std::string id) {
  const auto upload_id = store::UploadId::parse(id);
  if (!upload_id) co_return no_such_upload();
  const Timestamp now = clock_.now();
  const auto find = [tenant, upload = *upload_id,
                     now](store::Connection& connection) -> Result<store::UploadRow> {
    CARNET_TRY(row, store::uploads::find(connection, tenant, upload, now));
    if (!row) return no_such_upload();
    return std::move(*row);
  };
  co_return co_await db_.read<store::UploadRow>(find);
}

Task<Result<PreparedScan>> Scans::check(TenantId tenant, const ScanRequest& request) {
  FieldErrors bad;
  std::vector<net::Target> targets = check_request(request, bad);
  if (!bad.empty()) co_return bad.take();

  PreparedScan out;
  store::ScanRow& row = out.row;
  StoredRequest stored{.targets = {},
                       .kinds = request.kinds,
                       .ports = {},
                       .profile = request.profile,
                       .mosca = request.mosca,
                       .scenario_id = request.scenario_id,
                       .listed = {},
                       .files = 0};
  if (!request.scenario_id.empty()) {
    out.summary = fill_sample_row(row, stored, clock_.now());
    co_return out;
  }

  if (!request.bundle_session_id.empty()) {
    CARNET_CO_TRY(upload, co_await find_upload(tenant, request.bundle_session_id));
    CARNET_CO_TRY(listed, read_listed(upload.targets));
    stored.listed = std::move(listed);
    stored.files = upload.file_count;
    out.upload = upload.id;
    for (const ListedTarget& listed_row : stored.listed) {
      CARNET_CO_TRY(target, net::parse_target(listed_row.target));
      targets.push_back(std::move(target));
    }
  }
  const std::size_t named = targets.size() - stored.listed.size();
  const bool jwks =
      std::find(request.kinds.begin(), request.kinds.end(), "jwks") != request.kinds.end();
  for (std::size_t i = 0; i < named; ++i)
    stored.targets.push_back(jwks && targets[i].path.size() > 1
                                 ? "https://" + targets[i].key() + targets[i].path
                                 : targets[i].key());
  for (const int port : request.ports) stored.ports.push_back(static_cast<std::uint16_t>(port));
  const Result<std::vector<probe::PlannedEndpoint>> planned =
      plan_request(stored, options_.endpoints_max);
  if (!planned) {
    if (planned.error().code != ErrorCode::kValidationFailed)
      co_return tl::unexpected(planned.error());
    const bool bundle_only = request.targets.empty() && !request.bundle_session_id.empty();
    add_plan_error(planned.error(),
                   bundle_only             ? "bundleSessionId"
                   : request.single_target ? "target"
                                           : "targets",
                   bad);
    co_return bad.take();
  }
  const auto find =
      [tenant](store::Connection& connection) -> Result<std::optional<store::TenantRow>> {
    return store::tenants::find(connection, tenant);
  };
  CARNET_CO_TRY(owner, co_await db_.read<std::optional<store::TenantRow>>(find));
  if (!owner) co_return make_error(ErrorCode::kNotFound, "There is no such tenant.");
  if (owner->state != store::TenantState::kActive)
    co_return make_error(ErrorCode::kTenantClosing, "This tenant is being closed.");
  const AuthorizedTargets attested = read_authorized_targets(owner->authorized_targets);
  const Authority authority{
      .attested = attested, .policy = policy_, .any_public_target = options_.authorize_any_target};
  CARNET_CO_TRY_VOID(authorize(targets, authority));

  stored.mosca = merge(stored.mosca, read_settings(owner->settings));
  row.target = target_text(targets, stored.files);
  row.progress_total = static_cast<int>(planned->size()) + stored.files;
  row.request = write_request(stored);
  out.summary = summarize(*planned, request.profile, stored.files);
  co_return out;
}

Task<Result<PreparedScan>> Scans::prepare(TenantId tenant, ScanRequest request) {
  CARNET_CO_TRY(prepared, co_await check(tenant, request));
  store::ScanRow& row = prepared.row;
  row.created_at = clock_.now();
  row.id = ScanId::generate(row.created_at, random_);
  row.tenant_id = tenant;
  row.status = "queued";
  row.label = std::move(request.label);
  row.profile = to_string(request.profile);
  co_return prepared;
}

store::AuditRow Scans::audit_of(const Actor& actor, const PreparedScan& scan) const {
  boost::json::object detail;
  detail["target"] = scan.row.target;
  detail["endpoints"] = scan.row.progress_total;
  detail["profile"] = scan.row.profile;
  return audit_row(actor, "scan.create", scan.row.id.str(), json::write(detail),
                   scan.row.created_at, random_);
}

Result<void> Scans::enqueue(store::Connection& connection, const PreparedScan& scan,
                            const store::AuditRow& trail) {
  const store::ScanRow& row = scan.row;
  const store::EventRow queued{.seq = 0,
                               .key = "queued",
                               .label = scan.summary,
                               .at = row.created_at,
                               .duration_ms = 0,
                               .status = "ok"};
  CARNET_TRY(tenant, store::tenants::find(connection, row.tenant_id));
  if (tenant && tenant->state != store::TenantState::kActive)
    return make_error(ErrorCode::kTenantClosing,
                      "This tenant is being closed or erased; it begins no scans.");
  CARNET_TRY_VOID(store::scans::insert(connection, row));
  if (scan.upload) {
    CARNET_TRY(there, store::uploads::copy_to_scan(connection, row.tenant_id, *scan.upload, row.id,
                                                   row.created_at));
    if (!there) return no_such_upload();
  }
  CARNET_TRY_VOID(store::scans::append_event(connection, row.id, queued));
  return store::audit::insert(connection, trail);
}

void Scans::queued() const {
  if (options_.on_queued) options_.on_queued();
}

Task<Result<SubmittedScan>> Scans::submit(const Actor& actor, ScanRequest request) {
  CARNET_CO_TRY(prepared, co_await prepare(actor.tenant, std::move(request)));
  const auto scan = std::make_shared<const PreparedScan>(std::move(prepared));
  const store::AuditRow trail = audit_of(actor, *scan);
  const auto work = [scan, trail](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(enqueue(connection, *scan, trail));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await db_.write<bool>(work));
  queued();
  co_return SubmittedScan{.id = scan->row.id, .summary = scan->summary};
}

Task<Result<ScanView>> Scans::get(TenantId tenant, ScanId id) {
  const auto work = [tenant, id](store::Connection& connection) -> Result<ScanView> {
    CARNET_TRY(row, store::scans::find(connection, tenant, id));
    if (!row) return no_such_scan();
    CARNET_TRY(events, store::scans::events_after(connection, id, 0));
    ScanView view{.row = std::move(*row), .events = std::move(events), .result = {}};
    if (is_over(view.row)) {
      CARNET_TRY(result, store::scans::find_result(connection, id));
      view.result = std::move(result);
    }
    return view;
  };
  co_return co_await db_.read<ScanView>(work);
}

Task<Result<store::ScanRow>> Scans::row(TenantId tenant, ScanId id) {
  const auto work = [tenant, id](store::Connection& connection) -> Result<store::ScanRow> {
    CARNET_TRY(row, store::scans::find(connection, tenant, id));
    if (!row) return no_such_scan();
    return std::move(*row);
  };
  co_return co_await db_.read<store::ScanRow>(work);
}

Task<Result<std::vector<store::ScanRow>>> Scans::list(TenantId tenant, store::Page page) {
  using Rows = std::vector<store::ScanRow>;
  const auto work = [tenant, page](store::Connection& connection) -> Result<Rows> {
    return store::scans::list(connection, tenant, page);
  };
  co_return co_await db_.read<Rows>(work);
}

Task<Result<void>> Scans::erase(const Actor& actor, ScanId id) {
  const store::AuditRow trail =
      audit_row(actor, "scan.delete", id.str(), "{}", clock_.now(), random_);
  const auto work = [tenant = actor.tenant, id,
                     trail](store::Connection& connection) -> Result<bool> {
    CARNET_TRY(before, store::scans::find(connection, tenant, id));
    CARNET_TRY(erased, store::scans::erase(connection, tenant, id));
    if (!erased || !before) return no_such_scan();
    store::AuditRow row = trail;
    row.before = json::write(boost::json::object{
        {"label", before->label}, {"target", before->target}, {"status", before->status}});
    CARNET_TRY_VOID(store::audit::insert(connection, row));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await db_.write<bool>(work));
  if (options_.signals != nullptr) options_.signals->poke(id);
  co_return Result<void>{};
}

Task<Result<store::ScanRow>> Scans::cancel(const Actor& actor, ScanId id) {
  const Timestamp now = clock_.now();
  const store::AuditRow trail = audit_row(actor, "scan.cancel", id.str(), "{}", now, random_);
  const auto changes = std::make_shared<AlertChanges>();
  const auto work = [this, tenant = actor.tenant, id, now, trail,
                     changes](store::Connection& connection) -> Result<store::ScanRow> {
    *changes = {};
    CARNET_TRY(before, store::scans::find(connection, tenant, id));
    if (!before) return no_such_scan();
    CARNET_TRY(marked, store::scans::request_cancel(connection, tenant, id, now));
    if (!marked)
      return make_error(ErrorCode::kConflict, "The scan is already over (" + before->status + ").");
    CARNET_TRY(after, store::scans::find(connection, tenant, id));
    if (!after) return no_such_scan();
    // A running scan's timeline is its worker's; a queued one has none.
    if (is_over(*after)) {
      const store::EventRow event{.seq = 0,
                                  .key = "finished",
                                  .label = "Cancelled before it began",
                                  .at = now,
                                  .duration_ms = 0,
                                  .status = "ok"};
      CARNET_TRY_VOID(store::scans::append_event(connection, id, event));
      if (options_.ended != nullptr) {
        ScanEnd end;
        end.scan = *after;
        end.status = after->status;
        end.at = now;
        CARNET_TRY(ended, options_.ended->apply(connection, end));
        *changes = std::move(ended);
      }
    }
    connection.as_tenant(tenant.str());
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    return std::move(*after);
  };
  CARNET_CO_TRY(after, co_await db_.write<store::ScanRow>(work));
  if (options_.ended != nullptr) options_.ended->committed(*changes);
  if (options_.signals != nullptr) options_.signals->poke(id);
  co_return after;
}

Task<Result<store::ScanRow>> Scans::pin(const Actor& actor, ScanId id) {
  const store::AuditRow trail =
      audit_row(actor, "scan.persist", id.str(), "{}", clock_.now(), random_);
  const auto work = [tenant = actor.tenant, id,
                     trail](store::Connection& connection) -> Result<store::ScanRow> {
    CARNET_TRY(before, store::scans::find(connection, tenant, id));
    if (!before) return no_such_scan();
    if (before->pinned) return std::move(*before);
    CARNET_TRY(pinned, store::scans::set_pinned(connection, tenant, id));
    if (!pinned) return no_such_scan();
    CARNET_TRY_VOID(store::audit::insert(connection, trail));
    before->pinned = true;
    return std::move(*before);
  };
  co_return co_await db_.write<store::ScanRow>(work);
}

Task<Result<boost::json::object>> Scans::diff(TenantId tenant, ScanId id,
                                              std::optional<ScanId> against) {
  const auto work = [tenant, id,
                     against](store::Connection& connection) -> Result<boost::json::object> {
    CARNET_TRY(after, store::scans::find(connection, tenant, id));
    if (!after) return no_such_scan();
    if (after->status != "success") return no_result(*after);
    ScanId other;
    if (against) {
      CARNET_TRY(before, store::scans::find(connection, tenant, *against));
      if (!before)
        return make_error(ErrorCode::kNotFound, "There is no such scan to compare with.");
      if (before->status != "success") return no_result(*before);
      other = *against;
    } else {
      CARNET_TRY(earlier, earlier_scan(connection, tenant, *after));
      other = earlier;
    }
    LargeWork guard;
    CARNET_TRY(new_one, load_document(connection, id));
    CARNET_TRY(old_one, load_document(connection, other));
    guard.is_large(new_one.result_bytes + old_one.result_bytes >= kLargeResultBytes);
    const bool quick = is_quick(new_one.document.profile);
    const bool uneven = quick != is_quick(old_one.document.profile);
    inventory::ScanDocument& deeper = quick ? old_one.document : new_one.document;
    if (uneven)
      deeper.judgement.assets =
          quick_assets(deeper.endpoints, deeper.judgement.mosca.inequality_holds);
    boost::json::object out =
        evidence::diff_json(evidence::diff(old_one.document, new_one.document));
    out["comparedProfile"] = uneven ? "quick" : new_one.document.profile;
    return out;
  };
  co_return co_await db_.read<boost::json::object>(work);
}

Task<Result<std::vector<store::scans::InventoryRow>>> Scans::inventory(
    TenantId tenant, store::scans::InventoryFilter filter) {
  using Rows = std::vector<store::scans::InventoryRow>;
  const auto work = [tenant, filter](store::Connection& connection) -> Result<Rows> {
    return store::scans::inventory(connection, tenant, filter);
  };
  co_return co_await db_.read<Rows>(work);
}

Task<Result<Scans::EventBatch>> Scans::wait_events(TenantId tenant, ScanId id, int after,
                                                   std::chrono::milliseconds wait) {
  const auto work = [tenant, id, after](store::Connection& connection) -> Result<EventBatch> {
    // The row first: a scan that is over here has all its events in the next statement.
    CARNET_TRY(row, store::scans::find(connection, tenant, id));
    if (!row) return no_such_scan();
    EventBatch batch{.events = {}, .over = is_over(*row), .status = row->status};
    CARNET_TRY(events, store::scans::events_after(connection, id, after));
    batch.events = std::move(events);
    return batch;
  };
  const std::shared_ptr<Signal> signal =
      options_.signals != nullptr ? options_.signals->watch(id) : std::make_shared<Signal>();
  const auto until = std::chrono::steady_clock::now() + wait;
  for (;;) {
    const std::uint64_t seen = signal->generation();
    Result<EventBatch> batch = co_await db_.read<EventBatch>(work);
    if (!batch || !batch->events.empty() || batch->over) co_return batch;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (left <= std::chrono::milliseconds::zero()) co_return batch;
    const std::chrono::milliseconds at_most = std::min(left, kEventPoll);
    co_await signal->wait(seen, at_most);
  }
}

Task<Result<Artifact>> Scans::report(TenantId tenant, ScanId id, ArtifactFormat format,
                                     ArtifactOptions options) {
  if (options_.passports != nullptr && options.canonical()) {
    CARNET_CO_TRY(row, co_await this->row(tenant, id));
    CARNET_CO_TRY(signed_file, co_await options_.passports->artifact(row.id, format));
    if (signed_file) co_return std::move(*signed_file);
  }
  const auto work = [tenant, id, format,
                     options](store::Connection& connection) -> Result<Artifact> {
    CARNET_TRY(row, store::scans::find(connection, tenant, id));
    if (!row) return no_such_scan();
    LargeWork guard;
    Result<LoadedDocument> loaded = load_document(connection, id);
    if (!loaded && loaded.error().code == ErrorCode::kNotFound) return no_result(*row);
    if (!loaded) return tl::unexpected(std::move(loaded).error());
    guard.is_large(loaded->result_bytes >= kLargeResultBytes);
    return make_artifact(loaded->document, format, options);
  };
  co_return co_await db_.read<Artifact>(work);
}

}  // namespace carnet::service
