#include "service/remediation.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/csv.h"
#include "base/json.h"
#include "base/text.h"
#include "service/audit.h"
#include "service/dates.h"
#include "service/document.h"
#include "service/fields.h"
#include "service/remediation_rules.h"

namespace carnet::service {
namespace {

using States = std::map<std::string, store::RemediationRow>;

Result<States> load_states(store::Connection& connection, const TenantId& tenant) {
  CARNET_TRY(rows, store::remediation::list(connection, tenant, kRemediationStatesMax));
  States states;
  for (store::RemediationRow& row : rows) {
    std::string id = row.item_id;
    states.emplace(std::move(id), std::move(row));
  }
  return states;
}

// The scan's document and what is said of its items.
struct Loaded {
  inventory::ScanDocument document;
  States states;
  std::map<std::string_view, const inventory::Asset*> assets;

  [[nodiscard]] const inventory::BacklogItem* item(std::string_view id) const {
    for (const inventory::BacklogItem& one : document.judgement.backlog)
      if (one.id == id) return &one;
    return nullptr;
  }
};

Result<std::unique_ptr<Loaded>> load(store::Connection& connection, const TenantId& tenant,
                                     const ScanId& scan) {
  connection.as_tenant(tenant.str());
  CARNET_TRY(row, store::scans::find(connection, tenant, scan));
  if (!row) return make_error(ErrorCode::kNotFound, "There is no such scan.");
  if (row->status != "success")
    return make_error(ErrorCode::kScanNotFinished,
                      "The scan has no backlog: its status is " + row->status + ".");
  CARNET_TRY(loaded, load_document(connection, scan));
  CARNET_TRY(states, load_states(connection, tenant));
  auto out = std::make_unique<Loaded>();
  out->document = std::move(loaded.document);
  out->states = std::move(states);
  for (const inventory::Asset& asset : out->document.judgement.assets)
    out->assets.emplace(asset.id, &asset);
  return out;
}

RemediationItem item_of(const Loaded& loaded, const inventory::BacklogItem& item,
                        const std::string& today) {
  RemediationItem out;
  out.item = item;
  if (const auto asset = loaded.assets.find(item.asset_id); asset != loaded.assets.end()) {
    out.host = asset->second->host;
    out.port = asset->second->port;
    out.asset_label = asset->second->label;
  }
  out.item.status = "open";
  out.item.owner.clear();
  out.item.target_date.clear();
  if (const auto known = loaded.states.find(item.id); known != loaded.states.end()) {
    const store::RemediationRow& row = known->second;
    out.item.status = effective_status(row, today, loaded.document.scan_id);
    out.reopened = out.item.status != row.status;
    out.item.owner = row.owner;
    out.item.target_date = row.target_date;
    out.notes = row.notes;
    out.reason = row.reason;
    out.accepted_until = row.accepted_until;
    out.verified_by = row.verified_by;
    out.updated_at = row.updated_at;
  }
  out.overdue_since = overdue_since(out.item, today);
  return out;
}

void count(RemediationCounts& counts, const RemediationItem& item) {
  if (item.item.status == "open") ++counts.open;
  if (item.item.status == "in_progress") ++counts.in_progress;
  if (item.item.status == "accepted_risk") ++counts.accepted_risk;
  if (item.item.status == "done") ++counts.done;
  if (!item.overdue_since.empty()) ++counts.overdue;
}

boost::json::object state_json(const store::RemediationRow& row) {
  return {{"status", row.status},         {"owner", row.owner},
          {"notes", row.notes},           {"targetDate", row.target_date},
          {"reason", row.reason},         {"acceptedUntil", row.accepted_until},
          {"verifiedBy", row.verified_by}};
}

tl::unexpected<Error> no_such_item() {
  return make_validation_error({{.field = "remediationId",
                                 .pointer = "/remediationId",
                                 .code = "unknown_value",
                                 .detail = "must be the id of an item of this scan's backlog"}});
}

}  // namespace

Result<std::map<std::string, assess::RemediationState>> remediation_states(
    store::Connection& connection, const TenantId& tenant, const ScanId& seen_by, Timestamp now) {
  CARNET_TRY(rows, store::remediation::list(connection, tenant, kRemediationStatesMax));
  const std::string today = date_text(date_of(now));
  std::map<std::string, assess::RemediationState> states;
  for (const store::RemediationRow& row : rows)
    states.emplace(row.item_id,
                   assess::RemediationState{.status = effective_status(row, today, seen_by.str()),
                                            .owner = row.owner,
                                            .target_date = row.target_date});
  return states;
}

Task<Result<RemediationPage>> Remediation::list(TenantId tenant, ScanId scan,
                                                RemediationFilter filter) {
  const std::string today = date_text(date_of(clock_.now()));
  const auto work = [tenant, scan, filter,
                     today](store::Connection& connection) -> Result<RemediationPage> {
    CARNET_TRY(loaded, load(connection, tenant, scan));
    RemediationPage page;
    const auto& backlog = loaded->document.judgement.backlog;
    for (std::size_t i = 0; i < backlog.size(); ++i) {
      RemediationItem item = item_of(*loaded, backlog[i], today);
      count(page.counts, item);
      if (i < filter.from) continue;
      if (!filter.status.empty() && item.item.status != filter.status) continue;
      if (!filter.owner.empty() && item.item.owner != filter.owner) continue;
      if (filter.overdue_only && item.overdue_since.empty()) continue;
      if (page.items.size() == filter.limit) {
        page.more = true;
        continue;
      }
      page.items.push_back(std::move(item));
      page.places.push_back(i);
    }
    return page;
  };
  co_return co_await db_.read<RemediationPage>(work);
}

Task<Result<RemediationItem>> Remediation::find(TenantId tenant, ScanId scan, std::string item) {
  const std::string today = date_text(date_of(clock_.now()));
  const auto work = [tenant, scan, item,
                     today](store::Connection& connection) -> Result<RemediationItem> {
    CARNET_TRY(loaded, load(connection, tenant, scan));
    const inventory::BacklogItem* found = loaded->item(item);
    if (found == nullptr)
      return make_error(ErrorCode::kNotFound, "There is no such item in this scan's backlog.");
    return item_of(*loaded, *found, today);
  };
  co_return co_await db_.read<RemediationItem>(work);
}

namespace {

// What one change needs besides itself.
struct Change {
  const Actor& actor;
  const ScanId& scan;
  Timestamp now;
  Random& random;
  std::string_view action;
};

// Stores the row and its line in the audit trail; false if it says nothing new.
Result<bool> store_change(store::Connection& connection, const Change& change,
                          const std::optional<store::RemediationRow>& before,
                          store::RemediationRow& after) {
  const store::RemediationRow old = before.value_or(store::RemediationRow{.status = "open"});
  if (before && state_json(old) == state_json(after)) return false;
  if (!before) {
    CARNET_TRY_VOID(connection.lock("remediation " + change.actor.tenant.str()));
    CARNET_TRY(number, store::remediation::count(connection, change.actor.tenant));
    if (number >= kRemediationStatesMax)
      return make_error(
          ErrorCode::kConflict,
          fmt::format("The tenant keeps what is said of {} items already.", kRemediationStatesMax));
  }
  after.updated_at = change.now;
  after.updated_by = change.actor.audit_name();
  CARNET_TRY_VOID(store::remediation::put(connection, change.actor.tenant, after));
  const boost::json::object detail{{"scanId", change.scan.str()}};
  CARNET_TRY_VOID(store::audit::insert(
      connection, audit_row(change.actor, change.action, after.item_id, json::write(detail),
                            change.now, change.random,
                            {.before = before ? json::write(state_json(old)) : std::string(),
                             .after = json::write(state_json(after))})));
  return true;
}

}  // namespace

Task<Result<RemediationItem>> Remediation::update(const Actor& actor, ScanId scan,
                                                  RemediationUpdate update) {
  const Timestamp now = clock_.now();
  const std::string today = date_text(date_of(now));
  const auto read = [tenant = actor.tenant,
                     scan](store::Connection& connection) -> Result<std::shared_ptr<Loaded>> {
    CARNET_TRY(loaded, load(connection, tenant, scan));
    return std::shared_ptr<Loaded>(std::move(loaded));
  };
  CARNET_CO_TRY(loaded, co_await db_.read<std::shared_ptr<Loaded>>(read));
  const inventory::BacklogItem* item = loaded->item(update.item_id);
  if (item == nullptr) co_return no_such_item();
  if (update.asset_id && *update.asset_id != item->asset_id)
    co_return make_validation_error({{.field = "assetId",
                                      .pointer = "/assetId",
                                      .code = "unknown_value",
                                      .detail = "must be the asset of this item"}});
  const auto work = [this, actor, scan, update, now, today,
                     asset = item->asset_id](store::Connection& connection) -> Result<bool> {
    CARNET_TRY(before, store::remediation::find(connection, actor.tenant, update.item_id));
    std::optional<Timestamp> changed_at;
    if (before) changed_at = before->updated_at;
    if (update.read_at && *update.read_at != changed_at)
      return make_error(
          ErrorCode::kPreconditionFailed,
          "This was changed since you read it; read it again and repeat your change.");
    store::RemediationRow after = merged(before, update, asset, today, scan.str());
    CARNET_TRY_VOID(check_remediation(after, today));
    const Change change{.actor = actor,
                        .scan = scan,
                        .now = now,
                        .random = random_,
                        .action = "remediation.update"};
    return store_change(connection, change, before, after);
  };
  CARNET_CO_TRY_VOID(co_await db_.write<bool>(work));
  co_return co_await find(actor.tenant, std::move(scan), update.item_id);
}

Task<Result<RemediationProof>> Remediation::verify(const Actor& actor, ScanId scan,
                                                   std::string item_id, ScanId later) {
  const Timestamp now = clock_.now();
  const std::string today = date_text(date_of(now));
  const auto compare = [tenant = actor.tenant, scan, later,
                        item_id](store::Connection& connection) -> Result<RemediationProof> {
    CARNET_TRY(baseline, load(connection, tenant, scan));
    const inventory::BacklogItem* item = baseline->item(item_id);
    if (item == nullptr) return no_such_item();
    CARNET_TRY(row, store::scans::find(connection, tenant, later));
    const auto wrong = [](std::string_view code, std::string_view detail) {
      return make_validation_error({{.field = "verifyScanId",
                                     .pointer = "/verifyScanId",
                                     .code = std::string(code),
                                     .detail = std::string(detail)}});
    };
    if (!row) return wrong("unknown_value", "must be the scanId of another scan");
    if (row->status != "success") return wrong("not_finished", "must be a scan that has finished");
    CARNET_TRY(newer, load_document(connection, later));
    if (newer.document.finished_at <= baseline->document.finished_at)
      return wrong("not_later", "must be a scan that finished after the one it is compared with");
    if (newer.document.sample != baseline->document.sample)
      return wrong("other_kind", "must be a sample exactly if the other is one");
    return prove_remediation(baseline->document, *item, newer.document);
  };
  CARNET_CO_TRY(proof, co_await db_.read<RemediationProof>(compare));
  if (!proof.verified) co_return proof;
  const auto work = [this, actor, scan, later, item_id, now, today,
                     asset = proof.before->id](store::Connection& connection) -> Result<bool> {
    CARNET_TRY(before, store::remediation::find(connection, actor.tenant, item_id));
    RemediationUpdate done;
    done.item_id = item_id;
    done.status = "done";
    store::RemediationRow after = merged(before, done, asset, today, scan.str());
    after.verified_by = later.str();
    const Change change{.actor = actor,
                        .scan = scan,
                        .now = now,
                        .random = random_,
                        .action = "remediation.verify"};
    return store_change(connection, change, before, after);
  };
  CARNET_CO_TRY_VOID(co_await db_.write<bool>(work));
  co_return proof;
}

Task<Result<assess::Projection>> Remediation::project(TenantId tenant, ScanId scan,
                                                      std::vector<std::string> items) {
  const Timestamp now = clock_.now();
  const auto work = [tenant, scan, items,
                     now](store::Connection& connection) -> Result<assess::Projection> {
    CARNET_TRY(loaded, load(connection, tenant, scan));
    std::set<std::string> known;
    for (const inventory::BacklogItem& item : loaded->document.judgement.backlog)
      known.insert(item.id);
    FieldErrors errors;
    for (std::size_t i = 0; i < items.size(); ++i)
      if (!known.contains(items[i]))
        errors.add("remediationIds", "unknown_value", "must be ids of items of this scan's backlog",
                   fmt::format("/remediationIds/{}", i));
    if (!errors.empty()) return errors.take();
    CARNET_TRY(states, remediation_states(connection, tenant, scan, now));
    return assess::project(loaded->document.judgement, states, {items.begin(), items.end()});
  };
  co_return co_await db_.read<assess::Projection>(work);
}

Task<Result<std::string>> Remediation::export_csv(TenantId tenant, ScanId scan) {
  const std::string today = date_text(date_of(clock_.now()));
  const auto work = [tenant, scan, today](store::Connection& connection) -> Result<std::string> {
    CARNET_TRY(loaded, load(connection, tenant, scan));
    std::string out;
    append_csv_row(out, {"remediationId", "host", "port", "title", "severity", "priority",
                         "effortDays", "deadline", "overdueSince", "status", "owner", "targetDate",
                         "notes", "reason", "acceptedUntil"});
    for (const inventory::BacklogItem& one : loaded->document.judgement.backlog) {
      const RemediationItem row = item_of(*loaded, one, today);
      append_csv_row(
          out, {row.item.id, row.host, std::to_string(row.port), row.item.title, row.item.severity,
                fmt::format("{:g}", row.item.priority), fmt::format("{:g}", row.item.effort_days),
                row.item.deadline, row.overdue_since, row.item.status, row.item.owner,
                row.item.target_date, row.notes, row.reason, row.accepted_until});
    }
    return out;
  };
  co_return co_await db_.read<std::string>(work);
}

Task<Result<RemediationImport>> Remediation::import_csv(const Actor& actor, ScanId scan,
                                                        std::string csv, bool dry_run) {
  const Timestamp now = clock_.now();
  const std::string today = date_text(date_of(now));
  CARNET_CO_TRY(rows, read_remediation_csv(csv));
  const auto read = [tenant = actor.tenant,
                     scan](store::Connection& connection) -> Result<std::shared_ptr<Loaded>> {
    CARNET_TRY(loaded, load(connection, tenant, scan));
    return std::shared_ptr<Loaded>(std::move(loaded));
  };
  CARNET_CO_TRY(loaded, co_await db_.read<std::shared_ptr<Loaded>>(read));
  std::map<std::string, std::string, std::less<>> assets;  // by item
  for (const inventory::BacklogItem& item : loaded->document.judgement.backlog)
    assets.emplace(item.id, item.asset_id);
  const auto shared = std::make_shared<const std::vector<RemediationCsvRow>>(std::move(rows));
  const auto work = [this, actor, scan, shared, assets, now, today,
                     dry_run](store::Connection& connection) -> Result<RemediationImport> {
    RemediationImport out;
    const auto fault = [&out](std::size_t row, const FieldError& error) {
      ++out.fault_count;
      if (out.faults.size() < kRemediationCsvErrorsMax)
        out.faults.push_back(
            {.row = row, .field = error.field, .code = error.code, .detail = error.detail});
    };
    for (const RemediationCsvRow& row : *shared) {
      if (!row.faults.empty()) {
        for (const FieldError& error : row.faults) fault(row.number, error);
        continue;
      }
      const auto asset = assets.find(row.update.item_id);
      if (asset == assets.end()) {
        fault(row.number, no_such_item().value().fields.front());
        continue;
      }
      CARNET_TRY(before, store::remediation::find(connection, actor.tenant, row.update.item_id));
      if (repeats(before, row.update, today, scan.str())) {
        ++out.unchanged;
        continue;
      }
      store::RemediationRow after = merged(before, row.update, asset->second, today, scan.str());
      if (const auto checked = check_remediation(after, today); !checked) {
        for (const FieldError& error : checked.error().fields) fault(row.number, error);
        continue;
      }
      if (before && state_json(*before) == state_json(after)) {
        ++out.unchanged;
        continue;
      }
      if (!dry_run) {
        const Change change{.actor = actor,
                            .scan = scan,
                            .now = now,
                            .random = random_,
                            .action = "remediation.import"};
        CARNET_TRY_VOID(store_change(connection, change, before, after));
      }
      ++out.applied;
    }
    return out;
  };
  if (dry_run) co_return co_await db_.read<RemediationImport>(work);
  co_return co_await db_.write<RemediationImport>(work);
}

}  // namespace carnet::service
