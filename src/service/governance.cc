#include "service/governance.h"

#include <fmt/format.h>
#include <boost/json.hpp>
#include <map>
#include <mutex>

#include "base/json.h"
#include "service/audit.h"
#include "service/fields.h"

namespace carnet::service {
namespace {

constexpr int kWalkRowsAtOnce = 1000;
constexpr std::size_t kPackingWaitsMax = 64;  // limit: internal

tl::unexpected<Error> no_such_tenant() {
  return make_error(ErrorCode::kNotFound, "There is no such tenant.");
}

// An export that gives its place back when it is over.
class PlacedSource final : public TextSource {
 public:
  PlacedSource(std::unique_ptr<TextSource> inner, std::shared_ptr<void> place)
      : inner_(std::move(inner)), place_(std::move(place)) {}
  Task<Result<std::optional<std::string>>> next() override { return inner_->next(); }

 private:
  std::unique_ptr<TextSource> inner_;
  std::shared_ptr<void> place_;
};

}  // namespace

// The exports that run: so many in all, so many of one tenant. Thread-safe.
class Governance::ExportPlaces : public std::enable_shared_from_this<ExportPlaces> {
 public:
  // A place, which is given back with its last copy.
  Result<std::shared_ptr<void>> take(const std::string& tenant) {
    const std::lock_guard lock(mutex_);
    int& mine = of_[tenant];
    if (all_ >= kExportsMax)
      return refused("There are {} exports running on this server; try again later.", all_);
    if (mine >= kTenantExportsMax)
      return refused(
          "There are {} exports of this tenant running; wait for one, or for its connection to "
          "be given up.",
          mine);
    ++mine;
    ++all_;
    return std::shared_ptr<void>(nullptr, [self = shared_from_this(), tenant](void*) {
      const std::lock_guard again(self->mutex_);
      --self->all_;
      if (--self->of_[tenant] == 0) self->of_.erase(tenant);
    });
  }
  [[nodiscard]] int running() {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  static tl::unexpected<Error> refused(std::string_view sentence, int running) {
    constexpr int kRetry_s = 60;
    return tl::unexpected(Error{.code = ErrorCode::kUnavailable,
                                .public_detail = fmt::format(fmt::runtime(sentence), running),
                                .internal = {},
                                .fields = {},
                                .retry_after_s = kRetry_s});
  }

  std::mutex mutex_;
  std::map<std::string, int> of_;
  int all_ = 0;
};

Governance::Governance(store::Database& db, const Clock& clock, Random& random, const Log& log,
                       const SigningKeys& keys)
    : db_(db),
      clock_(clock),
      random_(random),
      log_(log),
      keys_(keys),
      signer_(keys, random),
      sealer_(db, clock, log, keys.current() ? &signer_ : nullptr),
      packing_({.threads = 1, .waiting_max = kPackingWaitsMax}),
      exports_(std::make_shared<ExportPlaces>()) {}

Governance::~Governance() = default;

Task<Result<AuditVerdict>> Governance::verify_audit(TenantId tenant) {
  // A chain that was tampered with cannot always be sealed on: that is found below.
  static_cast<void>(co_await sealer_.seal(tenant.str()));
  const std::string& id = tenant.str();
  const auto read_head = [id](store::Connection& connection) -> Result<store::AuditHeadRow> {
    return store::audit::head(connection, id);
  };
  AuditVerdict verdict;
  CARNET_CO_TRY(head, co_await db_.read<store::AuditHeadRow>(read_head));
  verdict.head = std::move(head);
  const auto walk = std::make_shared<AuditWalk>();
  for (bool more = true; more && !walk->fault();) {
    // What is sealed while this walks is behind the head that was read, and is not looked at; what
    // is behind the head that there is now was put there by somebody else.
    const auto work = [id, walk,
                       end = verdict.head.seq](store::Connection& connection) -> Result<bool> {
      CARNET_TRY(rows, store::audit::sealed_after(connection, id, walk->seq(), kWalkRowsAtOnce));
      for (const store::AuditRow& row : rows) {
        if (row.seq > end) {
          CARNET_TRY(now, store::audit::head(connection, id));
          if (now.seq > end) return false;
        }
        if (!walk->take(row)) return false;
      }
      return rows.size() == kWalkRowsAtOnce;
    };
    CARNET_CO_TRY(goes_on, co_await db_.read<bool>(work));
    more = goes_on;
  }
  const SigningKeysNow keys = keys_.current();
  walk->finish(verdict.head, keys ? keys->published : evidence::KeySet{});
  verdict.rows = walk->seq();
  verdict.fault = walk->fault();
  if (verdict.fault) {
    broken_.fetch_add(1);
    log_.error("audit_trail_broken",
               {{"tenant", id}, {"seq", verdict.fault->seq}, {"reason", verdict.fault->reason}});
  }
  co_return verdict;
}

Task<Result<store::AuditHeadRow>> Governance::write_and_seal(store::AuditRow row) {
  const std::string tenant = row.tenant_id;
  CARNET_CO_TRY(head, co_await sealer_.seal(tenant));
  const auto work = [row](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(store::audit::insert(connection, row));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await db_.write<bool>(work));
  co_return head;
}

Task<Result<std::unique_ptr<TextSource>>> Governance::export_audit(const Actor& actor,
                                                                   AuditFormat format) {
  const boost::json::object detail{{"format", format == AuditFormat::kCsv ? "csv" : "ndjson"}};
  const std::string subject = actor.platform ? actor.audit_name() : actor.tenant.str();
  CARNET_CO_TRY(
      head, co_await write_and_seal(audit_row(actor, "audit.export", subject, json::write(detail),
                                              clock_.now(), random_)));
  co_return std::make_unique<AuditExport>(db_, actor.tenant.str(), std::move(head), format);
}

Task<Result<TenantExport::Begin>> Governance::begin_export(TenantId tenant) {
  using Begin = TenantExport::Begin;
  const auto out = std::make_shared<Result<Begin>>();
  const auto work = [out, tenant, db = &db_, at = clock_.now()] {
    const auto open = [&]() -> Result<Begin> {
      CARNET_TRY(snapshot, store::open_snapshot(*db));
      const auto find = [&tenant](store::Connection& connection) -> Result<store::TenantRow> {
        CARNET_TRY(row, store::tenants::find(connection, tenant));
        if (!row) return no_such_tenant();
        return std::move(*row);
      };
      CARNET_TRY(row, snapshot->read<store::TenantRow>(find));
      return Begin{.snapshot = std::move(snapshot), .at = at, .tenant = std::move(row)};
    };
    *out = open();
  };
  CARNET_CO_TRY_VOID(co_await packing_.run(work));
  co_return std::move(*out);
}

// In this order: what the snapshot has was written down before it, and so has its place in the
// trail by the time that is sealed.
Task<Result<std::unique_ptr<TextSource>>> Governance::export_tenant(const Actor& actor) {
  CARNET_CO_TRY(place, exports_->take(actor.tenant.str()));
  const store::AuditRow row =
      audit_row(actor, "tenant.export", actor.tenant.str(), "{}", clock_.now(), random_);
  const auto write = [row](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(store::audit::insert(connection, row));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await db_.write<bool>(write));
  CARNET_CO_TRY(begun, co_await begin_export(actor.tenant));
  CARNET_CO_TRY(head, co_await sealer_.seal(actor.tenant.str()));
  co_return std::make_unique<PlacedSource>(
      std::make_unique<TenantExport>(db_, clock_, packing_, std::move(begun), std::move(head)),
      std::move(place));
}

Task<Result<void>> Governance::note_download(const Actor& actor, std::string_view subject,
                                             std::string_view format) {
  const boost::json::object detail{
      {"format", boost::json::string_view(format.data(), format.size())}};
  const store::AuditRow row =
      audit_row(actor, "report.download", subject, json::write(detail), clock_.now(), random_);
  const auto work = [row](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(store::audit::insert(connection, row));
    return true;
  };
  CARNET_CO_TRY_VOID(co_await db_.write<bool>(work));
  co_return Result<void>{};
}

void Governance::report(MetricText& out) {
  sealer_.report(out);
  packing_.report(out, "export_packing");
  out.pool("exports", static_cast<double>(exports_->running()), kExportsMax);
  out.gauge("carnet_tenant_removals_due",
            "Tenants whose data is being erased, or that are being closed, as this instance last "
            "saw",
            static_cast<double>(due_.load()));
  out.counter("carnet_tenant_removals_total", "Erasures and closings that this instance ended",
              static_cast<double>(finished_.load()), {{"outcome", "done"}});
  out.counter("carnet_tenant_removals_total", "Erasures and closings that this instance ended",
              static_cast<double>(failures_.load()), {{"outcome", "failed"}});
  out.counter("carnet_audit_broken_total", "Verifications that found a trail broken",
              static_cast<double>(broken_.load()));
}

void Governance::stop() {
  sealer_.stop();
  packing_.stop();
}

}  // namespace carnet::service
