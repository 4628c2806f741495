#pragma once
// Scans as a client sees them, and the worker that runs them. Thread-safe.
//
// submit() validates, authorises and stores a queued row; it answers only after the commit. Workers
// claim rows by lease, run the probe engine, append timeline events, and write result, assets,
// score and final state in one transaction. A worker that dies loses its lease; the reaper hands
// the scan to another. Completion only by the lease's owner.

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/fwd.hpp>

#include "assess/judge.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/metric_text.h"
#include "base/random.h"
#include "base/task.h"
#include "net/dialer.h"
#include "net/target.h"
#include "probe/engine.h"
#include "probe/prove.h"
#include "service/artifacts.h"
#include "service/context.h"
#include "service/signal.h"
#include "store/database.h"
#include "store/repositories.h"
#include "store/rows.h"
#include "store/uploads.h"

namespace carnet::service {

class Passports;
class ScanEnded;

// "quick" "standard" "deep"
[[nodiscard]] std::string_view to_string(inventory::Profile profile);
[[nodiscard]] std::optional<inventory::Profile> parse_profile(std::string_view text);

struct ScanRequest {
  std::vector<std::string> targets;  // as given; 1–10,000
  bool single_target = false;        // came as "target": errors name that member
  std::vector<std::string> kinds;    // values of probe/protocols.h
  std::vector<int> ports;            // 1–65535, at most 64
  inventory::Profile profile = inventory::Profile::kStandard;
  assess::MoscaInput mosca;
  std::string label;        // ≤ 255 characters
  std::string scenario_id;  // with use_fixture: a sample
  bool use_fixture = false;
  std::string bundle_session_id;  // of an upload (service/uploads.h)
};

struct SubmittedScan {
  ScanId id;
  std::string summary;  // "3 endpoints on 2 hosts, standard profile."
};

// A request that passed every check of Scans::submit(), as the row it becomes; not stored yet.
struct PreparedScan {
  store::ScanRow row;
  std::string summary;
  std::optional<store::UploadId> upload;  // whose files go with the scan
};

struct ScanView {
  store::ScanRow row;
  std::vector<store::EventRow> events;
  // Of a scan that ended in success; also of one that was cancelled or ran out of time after it had
  // found something: then it is partial, its notes say so, and every endpoint that was not begun
  // counts as not reached.
  std::optional<store::scans::StoredResult> result;
};

class Scans {
 public:
  struct Options {
    bool authorize_any_target = false;
    std::size_t endpoints_max = 10000;
    ScanSignals* signals =
        nullptr;  // shared with the worker of this process; without it, events are polled
    std::function<void()> on_queued;  // ScanWorker::wake
    Passports* passports = nullptr;   // where the files are that were signed
    ScanEnded* ended = nullptr;       // told of a scan that is cancelled before it began
  };
  Scans(store::Database& db, const Clock& clock, Random& random, const net::AddressPolicy& policy,
        Options options);

  // kValidationFailed naming each bad field (an unknown scenario too); kTargetNotAuthorized naming
  // the targets that neither the tenant attested to nor the operator allowed (--allow-targets,
  // --authorize-any-target).
  [[nodiscard]] Task<Result<SubmittedScan>> submit(const Actor& actor, ScanRequest request);
  // submit() in its parts, for those who store more in the scan's transaction: prepare() checks and
  // authorises, with the same errors, and kTenantClosing; enqueue() within the transaction stores
  // the queued scan, its first event and the audit row; queued() after the commit wakes a worker.
  [[nodiscard]] Task<Result<PreparedScan>> prepare(TenantId tenant, ScanRequest request);
  [[nodiscard]] static Result<void> enqueue(store::Connection& connection, const PreparedScan& scan,
                                            const store::AuditRow& trail);
  void queued() const;
  [[nodiscard]] store::AuditRow audit_of(const Actor& actor, const PreparedScan& scan) const;
  [[nodiscard]] Task<Result<ScanView>> get(TenantId tenant, ScanId id);
  [[nodiscard]] Task<Result<store::ScanRow>> row(TenantId tenant, ScanId id);
  [[nodiscard]] Task<Result<std::vector<store::ScanRow>>> list(TenantId tenant, store::Page page);
  // Also a running one: its worker notices that it is gone and drops it.
  [[nodiscard]] Task<Result<void>> erase(const Actor& actor, ScanId id);
  // kConflict: it is already over. A queued scan is over at once, a running one within a second.
  [[nodiscard]] Task<Result<store::ScanRow>> cancel(const Actor& actor, ScanId id);
  [[nodiscard]] Task<Result<store::ScanRow>> pin(const Actor& actor, ScanId id);
  // {"against", "added", "removed", "changed", "scoreDelta"} (shape: evidence/diff.h) and
  // "comparedProfile": of a quick scan and another only what a quick one looks at. Without
  // `against`: the newest earlier scan that ended in success (samples with samples).
  // kScanNotFinished: one of the two has no result.
  [[nodiscard]] Task<Result<boost::json::object>> diff(TenantId tenant, ScanId id,
                                                       std::optional<ScanId> against);
  [[nodiscard]] Task<Result<std::vector<store::scans::InventoryRow>>> inventory(
      TenantId tenant, store::scans::InventoryFilter filter);
  // Events with seq > after: at once if there are some, else when one comes or `wait` has passed
  // (then empty). `over` is true when the scan has ended and all its events were given. Waits in
  // real time, not by the clock.
  struct EventBatch {
    std::vector<store::EventRow> events;
    bool over = false;
    std::string status;
  };
  [[nodiscard]] Task<Result<EventBatch>> wait_events(TenantId tenant, ScanId id, int after,
                                                     std::chrono::milliseconds wait);
  // kScanNotFinished while nothing is kept.
  [[nodiscard]] Task<Result<Artifact>> report(TenantId tenant, ScanId id, ArtifactFormat format,
                                              ArtifactOptions options = {});

 private:
  // Of the tenant's own and not over; else kValidationFailed naming bundleSessionId.
  [[nodiscard]] Task<Result<store::UploadRow>> find_upload(TenantId tenant, std::string id);
  [[nodiscard]] Task<Result<PreparedScan>> check(TenantId tenant, const ScanRequest& request);

  store::Database& db_;
  const Clock& clock_;
  Random& random_;
  const net::AddressPolicy& policy_;
  Options options_;
};

// Runs scans. One per process; run() is spawned on an io thread and returns after stop(), when
// every running scan has been finished or handed back. Destroy it after its io_context or after
// run() has returned.
//
// How a scan ends: success; "cancelled" when somebody asked for it; "error" when it ran out of
// time, when something in the program failed, or when attempts_max workers died of it. What was
// found until then is kept in every case but the last. A scan that is handed back at shutdown, or
// whose worker died, is begun anew by the next worker: endpoints are probed again.
class ScanWorker {
 public:
  struct Options {
    int scans_at_once = 4;
    std::chrono::milliseconds lease{15000};
    std::chrono::milliseconds poll{500};  // how often it looks for work that another process queued
    std::chrono::milliseconds scan_timeout{3600 * 1000};
    int attempts_max = 5;
    std::chrono::milliseconds tick{500};  // how soon a running scan notices that it was cancelled
    ScanSignals* signals = nullptr;       // poked when a timeline grows
    Passports* passports = nullptr;       // makes one of every scan that ends in success
    ScanEnded* ended = nullptr;           // raises alerts and tells who asked to be told
  };
  ScanWorker(store::Database& db, const Clock& clock, Random& random, const Log& log,
             net::Dialer& dialer, probe::EngineLimits limits, Options options);
  ~ScanWorker();

  [[nodiscard]] Task<void> run();
  void wake();  // a scan was submitted here: look at once. Any thread.
  void stop();  // claim nothing more, hand running scans back with their lease freed. Any thread.
  // Ends the threads that judge, once the executor of run() no longer runs and before it is
  // destroyed: what is being judged is waited for, what waits is dropped. Nothing but the
  // destructor may follow. Idempotent.
  void end();
  [[nodiscard]] int running() const;
  // The queue, what runs, and how scans ended, for /metrics.
  void report(MetricText& out) const;
  // One live handshake by the engine of the scans, on the executor of run(), within the limits that
  // both share. kUnavailable if run() has not begun or is to end.
  [[nodiscard]] Task<Result<probe::LiveHandshake>> prove(probe::PlannedEndpoint endpoint);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The same engine without a server or database (carnet scan): probes, judges, gives the document.
struct DirectScan {
  std::vector<probe::PlannedEndpoint> endpoints;
  // Files that were read already; their ids come after those of the plan.
  std::vector<inventory::Endpoint> observed;
  std::vector<std::string> notes;
  inventory::Profile profile = inventory::Profile::kStandard;
  assess::MoscaInput mosca;
  std::string label;
  std::function<void(int done, int total, const inventory::Endpoint&)> on_progress;
};
[[nodiscard]] Task<inventory::ScanDocument> scan_directly(DirectScan request, net::Dialer& dialer,
                                                          const Clock& clock, Random& random,
                                                          probe::EngineLimits limits,
                                                          const std::atomic<bool>& cancelled);

}  // namespace carnet::service
