#pragma once
// One scan that this process holds the lease of, from claim to end. Private to service/. Made and
// kept by ScanWorker; all of run() happens on the strand that it is spawned on, only stop() may be
// called from elsewhere.

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "inventory/sharing.h"
#include "probe/engine.h"
#include "service/drift.h"
#include "service/passports.h"
#include "service/remediation.h"
#include "service/scan_document.h"
#include "service/scan_ended.h"
#include "service/scan_request.h"
#include "service/scans.h"
#include "service/signal.h"
#include "store/database.h"

namespace carnet::service {

// How runs ended in this process.
struct RunCounts {
  std::atomic<std::uint64_t> success{0}, error{0}, cancelled{0};
  std::atomic<std::uint64_t> handed_back{0}, lost{0}, passports_failed{0};
  void count(std::string_view status) {
    (status == "success" ? success : status == "cancelled" ? cancelled : error).fetch_add(1);
  }
};

struct RunContext {
  store::Database& db;
  const Clock& clock;
  Random& random;
  const Log& log;
  probe::Engine& engine;  // one for all scans: its limits per host hold across them
  ScanWorker::Options options;
  RunCounts& counts;
  boost::asio::any_io_executor work;  // threads for judging and writing large documents
};

// For the log. Some errors have only the sentence for callers.
[[nodiscard]] std::string what_of(const std::exception_ptr& error);
[[nodiscard]] std::string reason_of(const Error& error);

class ScanRun : public std::enable_shared_from_this<ScanRun> {
 public:
  // `row` was claimed under `owner`, a name used for this one claim.
  ScanRun(RunContext& context, store::ScanRow row, std::string owner, Timestamp lease_began);

  [[nodiscard]] Task<void> run();
  void stop();  // hand the scan back as soon as possible

 private:
  enum class Ending { kComplete, kCancelled, kTimeout, kFailed, kHandBack, kLost };

  [[nodiscard]] Task<bool> begin();
  [[nodiscard]] Task<bool> take_files();
  [[nodiscard]] Task<void> observe();
  [[nodiscard]] Task<void> tick();
  [[nodiscard]] Task<void> look_for_cancel();
  // Writes progress and waiting events under the lease. False: the database did not take it; they
  // wait on.
  [[nodiscard]] Task<bool> flush();
  [[nodiscard]] Task<bool> flush_surely();
  [[nodiscard]] Task<void> conclude();
  [[nodiscard]] Task<void> hand_back();
  [[nodiscard]] Task<void> give_up(std::string detail);
  [[nodiscard]] Task<Result<bool>> record(std::shared_ptr<const inventory::ScanDocument> whole,
                                          store::EventRow last, store::scans::Finish finish);
  // What a scan that ended in success is signed with; null where there is nothing to sign or it
  // failed. Keeps the lease meanwhile.
  [[nodiscard]] Task<PassportDraftPtr> draft_passport(
      std::shared_ptr<const inventory::ScanDocument> document);
  [[nodiscard]] Task<std::map<std::string, assess::RemediationState>> known_remediation();
  // What differs from before, and what alerts go by, both of one snapshot.
  struct Compared {
    std::shared_ptr<const DriftRecord> drift;
    std::shared_ptr<const ScanFacts> facts;  // null: nobody is told
  };
  [[nodiscard]] Task<Result<Compared>> compare(
      std::shared_ptr<const inventory::ScanDocument> whole);
  [[nodiscard]] ScanEnd end_of(const store::scans::Finish& finish) const;
  // Everything that the last transaction writes.
  struct Final {
    std::shared_ptr<const inventory::ScanDocument> whole;
    std::shared_ptr<const FinalRows> rows;
    store::EventRow last;
    store::scans::Finish finish;
    bool keep = false;  // the result; else only how it ended
    PassportDraftPtr draft;
    SignedPassportPtr passport;
    Compared compared;
    bool tells = false;  // alerts and events
  };
  enum class Recorded { kDone, kLeaseLost, kChainMoved, kInventoryMoved };
  [[nodiscard]] Result<Recorded> write_final(store::Connection& connection, const Final& final,
                                             AlertChanges& told) const;
  [[nodiscard]] Task<Result<SignedPassportPtr>> sign(PassportDraftPtr& draft);
  [[nodiscard]] Task<bool> pause_before_retry(int attempt);

  void took_endpoint(inventory::Endpoint endpoint);
  void end_with(Ending ending);
  void note(std::string_view key, std::string label, std::int64_t duration_ms,
            std::string_view status);
  [[nodiscard]] store::EventRow finished_event(const inventory::ScanDocument* document) const;
  [[nodiscard]] store::scans::Finish finish_of(const inventory::ScanDocument& document) const;
  [[nodiscard]] DocumentHead head_of() const;

  RunContext& context_;
  const store::ScanRow row_;
  const std::string owner_;
  StoredRequest request_;
  std::vector<probe::PlannedEndpoint> planned_;

  Signal wake_;
  std::atomic<bool> cancelled_{false};  // tells the engine to begin nothing more
  std::atomic<bool> stop_requested_{false};
  std::optional<Ending> ending_;  // the first reason to end counts
  std::string failure_;           // kFailed: for the log
  bool engine_done_ = false;
  std::vector<inventory::Endpoint> endpoints_;  // until they are judged
  inventory::EndpointLists lists_;              // what they say alike, likewise
  int done_ = 0, reached_ = 0;                  // how many there were
  std::vector<store::EventRow> events_;         // the timeline as stored
  std::vector<store::EventRow> pending_;        // not stored yet
  int total_ = 0;
  int flushed_done_ = -1;
  int noted_percent_ = 0;
  Timestamp lease_began_;
  Timestamp started_at_;
  SteadyTime started_{};
};

}  // namespace carnet::service
