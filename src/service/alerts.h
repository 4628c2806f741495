#pragma once
// What needs a person. An alert is raised once for its kind and subject, by the end of a scan
// (scan_ended.h) or by time alone (tick), stands until what it tells of is gone, and is then
// resolved by itself; a person may acknowledge it meanwhile. What comes back is a new alert.
// docs/alerts.md says what each kind means. Thread-safe. Errors: kNotFound for another tenant's
// alert, kConflict for one that is resolved, those of the store.

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric_text.h"
#include "base/random.h"
#include "base/task.h"
#include "service/context.h"
#include "service/outbox.h"
#include "service/signal.h"
#include "service/tenancy.h"
#include "store/alerts.h"
#include "store/database.h"

namespace carnet::service {

enum class AlertKind {
  kScoreDrop,
  kNewQuantumVulnerableAsset,
  kHybridLost,
  kCertificateNearExpiry,
  kEndpointGone,
  kDeadlineNear,
  kScanFailed,
  kDeadLinkTries,
};
inline constexpr int kAlertKinds = 8;
[[nodiscard]] std::string_view to_string(AlertKind kind);  // "score_drop" …
[[nodiscard]] std::optional<AlertKind> parse_alert_kind(std::string_view text);
[[nodiscard]] const std::vector<std::string_view>& alert_kind_names();

// What a tenant's settings come to with the defaults of docs/alerts.md.
struct AlertThresholds {
  double score_drop = 5;          // points between two scans of the same targets
  int certificate_days = 30;      // before its end
  int deadline_days = 365;        // before it
  bool sector_deadlines = false;  // also deadlines that speak to one sector or state
  int dead_link_tries = 10;       // at one link that is over
  int gone_scans = 2;             // in a row that did not reach it
  std::vector<std::string> off;   // kinds
  [[nodiscard]] bool on(AlertKind kind) const;
};
[[nodiscard]] AlertThresholds alert_thresholds(const Settings& settings);

inline constexpr int kAlertsStandingMax = 10'000;  // of a tenant
inline constexpr int kAlertsAtOnceMax = 1'000;     // of a kind, by one scan or one look at the time
inline constexpr int kAlertsResolvedMax = 10'000;  // kept of a tenant
inline constexpr std::chrono::days kAlertsResolvedKept{180};
inline constexpr std::chrono::days kDriftKept{366};
inline constexpr std::size_t kAlertNoteMax = 2000;     // characters
inline constexpr int kDriftKeptMax = 100'000;          // changes, of a tenant
inline constexpr std::chrono::days kDeadLinkQuiet{7};  // without a try until it counts as over

// As GET /tenant/alerts gives it.
[[nodiscard]] boost::json::object alert_json(const store::AlertRow& row);

// How often in this process, by kind.
struct AlertCounts {
  std::array<std::atomic<std::uint64_t>, kAlertKinds> raised{}, resolved{};
  void count(const std::vector<store::AlertRow>& raised_rows,
             const std::vector<store::AlertRow>& resolved_rows);
};

class Alerts {
 public:
  struct Options {
    std::chrono::milliseconds pass_every{300'000};  // from one look at all tenants to the next
    int tenants_at_once = 50;                       // in one transaction
  };
  Alerts(store::Database& db, const Clock& clock, Random& random, const Log& log,
         const Outbox& outbox, Options options);

  struct Query {
    store::alerts::Filter filter;
    std::optional<Timestamp> since;  // first seen then or later
  };
  // Newest first.
  [[nodiscard]] Task<Result<std::vector<store::AlertRow>>> list(TenantId tenant, Query query,
                                                                store::Page page);
  [[nodiscard]] Task<Result<store::AlertRow>> find(TenantId tenant, AlertId id);

  struct Patch {
    std::optional<std::string> status;  // "acknowledged" | "open"
    std::optional<std::string> note;    // at most 2000 characters; "" takes it away
  };
  // Repeating it changes nothing but the time. An acknowledgement lasts until the alert is
  // resolved.
  [[nodiscard]] Task<Result<store::AlertRow>> patch(const Actor& actor, AlertId id, Patch patch);

  // Looks at what comes by time alone, for the next few tenants if a pass is under way or due, and
  // forgets what was kept long enough. True: there is more to do at once. Only on the instance that
  // leads; two at once would do no harm.
  [[nodiscard]] Task<bool> tick(Timestamp now);
  // Ticks until stop(), on the instance that leads.
  [[nodiscard]] Task<void> run();
  void stop();

  [[nodiscard]] AlertCounts& counts() { return counts_; }
  void report(MetricText& out) const;

 private:
  [[nodiscard]] Task<Result<void>> look_at(store::TenantRow tenant, Timestamp now, bool purges);

  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  const Log& log_;
  const Outbox& outbox_;
  Options options_;
  AlertCounts counts_;
  std::atomic<std::int64_t> open_{0}, acknowledged_{0};  // of all tenants, as of the last pass
  std::atomic<std::uint64_t> passes_{0}, failures_{0};
  // Where the pass has come to; touched by tick() only.
  std::string after_;
  bool passing_ = false, purging_ = false;
  Timestamp pass_began_{}, last_purge_{};
  Signal wake_;
  std::atomic<bool> stopping_{false};
};

}  // namespace carnet::service
