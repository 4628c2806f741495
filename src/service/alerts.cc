#include "service/alerts.h"

#include <algorithm>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/json.h"
#include "base/text.h"
#include "service/alert_book.h"
#include "service/audit.h"
#include "service/fields.h"
#include "service/tenant_json.h"
#include "store/remediation.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

namespace bj = boost::json;

constexpr std::size_t kIdTimeChars = 10;  // of a UUIDv7 in base32: its 48 bits of milliseconds
constexpr int kPurgeAtOnce = 1000;
constexpr std::chrono::hours kPurgeEvery{1};
constexpr std::chrono::milliseconds kBetweenBatches{50};
constexpr std::chrono::milliseconds kBetweenTicks{1000};

tl::unexpected<Error> no_such_alert() {
  return make_error(ErrorCode::kNotFound, "There is no such alert.");
}

bj::value text_or_null(const std::string& text) {
  return text.empty() ? bj::value(nullptr) : bj::value(text);
}

bj::value time_or_null(const std::optional<Timestamp>& time) {
  return time ? bj::value(to_rfc3339(*time)) : bj::value(nullptr);
}

// What time alone changes, in the order in which it may depend on each other.
Result<void> look_at_time(AlertBook& book) {
  CARNET_TRY_VOID(resolve_forgotten(book));
  CARNET_TRY_VOID(look_at_certificates(book));
  CARNET_TRY_VOID(look_at_deadlines(book));
  return look_at_links(book);
}

Result<AlertBook> open_book(store::Connection& connection, Random& random,
                            const store::TenantRow& tenant, Timestamp now, bool dry) {
  return AlertBook::open(connection, random,
                         {.tenant = tenant.id,
                          .scan = {},
                          .now = now,
                          .limits = alert_thresholds(read_settings(tenant.settings)),
                          .dry = dry});
}

// What a person may change of an alert, for the trail.
std::string changing_json(const store::AlertRow& row) {
  return json::write(bj::object{
      {"status", row.status}, {"acknowledgedBy", row.acknowledged_by}, {"note", row.note}});
}

}  // namespace

const std::vector<std::string_view>& alert_kind_names() {
  static const std::vector<std::string_view> names = {
      "score_drop",    "new_quantum_vulnerable_asset",
      "hybrid_lost",   "certificate_near_expiry",
      "endpoint_gone", "deadline_near",
      "scan_failed",   "dead_link_tries"};
  return names;
}

std::string_view to_string(AlertKind kind) {
  return alert_kind_names()[static_cast<std::size_t>(kind)];
}

std::optional<AlertKind> parse_alert_kind(std::string_view text) {
  const auto& names = alert_kind_names();
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return std::nullopt;
  return static_cast<AlertKind>(found - names.begin());
}

bool AlertThresholds::on(AlertKind kind) const {
  return std::find(off.begin(), off.end(), to_string(kind)) == off.end();
}

AlertThresholds alert_thresholds(const Settings& settings) {
  AlertThresholds limits;
  limits.score_drop = settings.alert_score_drop.value_or(limits.score_drop);
  limits.certificate_days = settings.certificate_expiry_days.value_or(limits.certificate_days);
  limits.deadline_days = settings.deadline_days.value_or(limits.deadline_days);
  limits.sector_deadlines = settings.sector_deadlines;
  limits.dead_link_tries = settings.dead_link_tries.value_or(limits.dead_link_tries);
  limits.gone_scans = settings.endpoint_gone_scans.value_or(limits.gone_scans);
  limits.off = settings.alerts_off;
  return limits;
}

bj::object alert_json(const store::AlertRow& row) {
  const auto detail = json::parse(row.detail);
  return {{"alertId", row.id.str()},
          {"kind", row.kind},
          {"severity", row.severity},
          {"status", row.status},
          {"message", row.message},
          {"subject", row.subject},
          {"host", text_or_null(row.host)},
          {"port", row.host.empty() ? bj::value(nullptr) : bj::value(row.port)},
          {"detail", detail ? *detail : bj::value(bj::object{})},
          {"scanId", text_or_null(row.scan_id)},
          {"lastScanId", text_or_null(row.last_scan_id)},
          {"count", row.count},
          {"firstSeenAt", to_rfc3339(row.first_seen_at)},
          {"lastSeenAt", to_rfc3339(row.last_seen_at)},
          {"resolvedAt", time_or_null(row.resolved_at)},
          {"resolvedByScanId", text_or_null(row.resolved_scan)},
          {"resolvedReason", text_or_null(row.resolved_reason)},
          {"acknowledgedAt", time_or_null(row.acknowledged_at)},
          {"acknowledgedBy", text_or_null(row.acknowledged_by)},
          {"note", row.note}};
}

void AlertCounts::count(const std::vector<store::AlertRow>& raised_rows,
                        const std::vector<store::AlertRow>& resolved_rows) {
  const auto add = [](auto& counters, const std::vector<store::AlertRow>& rows) {
    for (const store::AlertRow& row : rows)
      if (const auto kind = parse_alert_kind(row.kind))
        counters.at(static_cast<std::size_t>(*kind)).fetch_add(1);
  };
  add(raised, raised_rows);
  add(resolved, resolved_rows);
}

Alerts::Alerts(store::Database& db, const Clock& clock, Random& random, const Log& log,
               const Outbox& outbox, Options options)
    : db_(db), clock_(clock), random_(random), log_(log), outbox_(outbox), options_(options) {}

Task<Result<std::vector<store::AlertRow>>> Alerts::list(TenantId tenant, Query query,
                                                        store::Page page) {
  if (query.since)
    query.filter.not_before = AlertId::generate(std::max(*query.since, Timestamp{}), random_).str();
  // Ids of one millisecond are not in the order of their random part.
  if (query.since)
    query.filter.not_before.resize(std::string_view(AlertTag::kPrefix).size() + kIdTimeChars);
  using Rows = std::vector<store::AlertRow>;
  const auto read = [tenant, query, page](store::Connection& connection) -> Result<Rows> {
    return store::alerts::list(connection, tenant, query.filter, page);
  };
  co_return co_await db_.read<Rows>(read);
}

Task<Result<store::AlertRow>> Alerts::find(TenantId tenant, AlertId id) {
  const auto read = [tenant, id](store::Connection& connection) -> Result<store::AlertRow> {
    CARNET_TRY(row, store::alerts::find(connection, tenant, id));
    if (!row) return no_such_alert();
    return std::move(*row);
  };
  co_return co_await db_.read<store::AlertRow>(read);
}

Task<Result<store::AlertRow>> Alerts::patch(const Actor& actor, AlertId id, Patch patch) {
  FieldErrors bad;
  if (!patch.status && !patch.note)
    bad.add("status", "required", "must be there, or a note: there is nothing to change");
  if (patch.status && *patch.status != "acknowledged" && *patch.status != "open")
    bad.add("status", "unknown_value",
            "must be \"acknowledged\" or \"open\"; an alert is resolved by itself");
  if (patch.note && (!is_valid_utf8(*patch.note) || has_forbidden_control(*patch.note) ||
                     utf8_length(*patch.note) > kAlertNoteMax))
    bad.add("note", "invalid_text",
            fmt::format("must be text of at most {} characters without control characters",
                        kAlertNoteMax));
  if (!bad.empty()) co_return bad.take();
  const Timestamp now = clock_.now();
  const auto work = [this, actor, id, patch,
                     now](store::Connection& connection) -> Result<store::AlertRow> {
    const TenantId& tenant = actor.tenant;
    CARNET_TRY(before, store::alerts::find(connection, tenant, id));
    if (!before) return no_such_alert();
    store::alerts::Mark mark;
    const bool was = before->status == "acknowledged";
    mark.acknowledged = patch.status ? *patch.status == "acknowledged" : was;
    mark.note = patch.note;
    // A note alone leaves who acknowledged it, and when.
    const bool keeps = was && mark.acknowledged && !patch.status;
    mark.by = keeps ? before->acknowledged_by : actor.audit_name();
    mark.at = keeps ? before->acknowledged_at.value_or(now) : now;
    CARNET_TRY(after, store::alerts::mark(connection, tenant, id, mark));
    if (!after)
      return make_error(ErrorCode::kConflict,
                        "The alert is resolved; if what it told of comes back, there will be a "
                        "new one.");
    bj::object detail{{"kind", after->kind}, {"status", after->status}};
    if (patch.note) detail["note"] = *patch.note;
    const AuditChange change{.before = changing_json(*before), .after = changing_json(*after)};
    CARNET_TRY_VOID(store::audit::insert(
        connection,
        audit_row(actor, "alert.update", id.str(), json::write(detail), now, random_, change)));
    return std::move(*after);
  };
  co_return co_await db_.write<store::AlertRow>(work);
}

Task<Result<void>> Alerts::look_at(store::TenantRow tenant, Timestamp now, bool purges) {
  const auto dry = [this, tenant, now](store::Connection& connection) -> Result<bool> {
    CARNET_TRY(book, open_book(connection, random_, tenant, now, true));
    CARNET_TRY_VOID(look_at_time(book));
    return book.changes().would;
  };
  CARNET_CO_TRY(would, co_await db_.read<bool>(dry));
  if (!would && !purges) co_return Result<void>{};
  const auto changes = std::make_shared<AlertChanges>();
  const auto work = [this, tenant, now, would, purges,
                     changes](store::Connection& connection) -> Result<bool> {
    *changes = {};
    if (would) {
      // As it is now: settings may have changed, and the tenant may be gone.
      CARNET_TRY(row, store::tenants::find(connection, tenant.id));
      if (!row || row->state == store::TenantState::kErasing) return false;
      CARNET_TRY(book, open_book(connection, random_, *row, now, false));
      CARNET_TRY_VOID(look_at_time(book));
      CARNET_TRY_VOID(book.tell(outbox_));
      *changes = std::move(book.changes());
    }
    if (!purges) return true;
    CARNET_TRY_VOID(store::alerts::purge(connection, tenant.id, now - kAlertsResolvedKept,
                                         kAlertsResolvedMax, kPurgeAtOnce));
    const std::string oldest = store::DriftId::generate(now - kDriftKept, random_).str();
    CARNET_TRY_VOID(
        store::drift::purge(connection, tenant.id, oldest, kDriftKeptMax, kPurgeAtOnce));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await db_.write<bool>(work));
  counts_.count(changes->raised, changes->resolved);
  co_return Result<void>{};
}

Task<bool> Alerts::tick(Timestamp now) {
  if (!passing_) {
    if (pass_began_ != Timestamp{} && now - pass_began_ < options_.pass_every && now >= pass_began_)
      co_return false;
    passing_ = true;
    pass_began_ = now;
    after_.clear();
    purging_ = last_purge_ == Timestamp{} || now - last_purge_ >= kPurgeEvery || now < last_purge_;
    if (purging_) last_purge_ = now;
  }
  const store::Page page{.before = after_, .limit = options_.tenants_at_once};
  using Rows = std::vector<store::TenantRow>;
  const auto read = [page](store::Connection& connection) -> Result<Rows> {
    connection.as_system();
    return store::tenants::list(connection, page);
  };
  Result<Rows> tenants = co_await db_.read<Rows>(read);
  if (!tenants) {
    failures_.fetch_add(1);
    co_return false;
  }
  for (store::TenantRow& tenant : *tenants) {
    after_ = tenant.id.str();
    const std::string id = after_;
    // What is being erased raises nothing; what is being closed can be taken away whole until then.
    if (tenant.state == store::TenantState::kErasing) continue;
    const bool purges = purging_ && tenant.state == store::TenantState::kActive;
    const Result<void> done = co_await look_at(std::move(tenant), now, purges);
    if (done) continue;
    failures_.fetch_add(1);
    log_.warn("alerts_not_looked_at", {{"tenant", id}, {"error", done.error().internal}});
  }
  if (static_cast<int>(tenants->size()) == options_.tenants_at_once) co_return true;
  passing_ = false;
  passes_.fetch_add(1);
  const auto count = [](store::Connection& connection) -> Result<store::alerts::Standing> {
    return store::alerts::count_standing_of_all(connection);
  };
  if (const auto standing = co_await db_.read<store::alerts::Standing>(count)) {
    open_.store(standing->open);
    acknowledged_.store(standing->acknowledged);
  }
  co_return false;
}

Task<void> Alerts::run() {
  while (!stopping_.load()) {
    const std::uint64_t seen = wake_.generation();
    bool more = false;
    if (db_.leads("alerts")) more = co_await tick(clock_.now());
    if (stopping_.load()) break;
    co_await wake_.wait(seen, more ? kBetweenBatches : kBetweenTicks);
  }
}

void Alerts::stop() {
  stopping_.store(true);
  wake_.poke();
}

void Alerts::report(MetricText& out) const {
  for (std::size_t kind = 0; kind < alert_kind_names().size(); ++kind) {
    const std::string_view name = alert_kind_names()[kind];
    out.counter("carnet_alerts_raised_total", "Alerts raised by this process, by kind.",
                static_cast<double>(counts_.raised.at(kind).load()), {{"kind", name}});
  }
  for (std::size_t kind = 0; kind < alert_kind_names().size(); ++kind) {
    const std::string_view name = alert_kind_names()[kind];
    out.counter("carnet_alerts_resolved_total", "Alerts resolved by this process, by kind.",
                static_cast<double>(counts_.resolved.at(kind).load()), {{"kind", name}});
  }
  out.gauge("carnet_alerts_open",
            "Open alerts of all tenants, as of the last look at the time; 0 where another "
            "instance looks.",
            static_cast<double>(open_.load()));
  out.gauge("carnet_alerts_acknowledged", "Likewise those that are acknowledged and still stand.",
            static_cast<double>(acknowledged_.load()));
  out.counter("carnet_alerts_passes_total", "Looks at all tenants for what comes by time alone.",
              static_cast<double>(passes_.load()));
  out.counter("carnet_alerts_failures_total", "Tenants whose look failed; it is tried again.",
              static_cast<double>(failures_.load()));
}

}  // namespace carnet::service
