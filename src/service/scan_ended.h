#pragma once
// What follows from the end of a scan, whichever way it ended: alerts, events for webhooks, a mail
// for the schedule that started it. Whoever ends a scan calls look() on a database thread, ahead of
// its transaction, if it has a document, and apply() within it. Thread-safe.

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "inventory/model.h"
#include "service/alert_book.h"
#include "service/alert_facts.h"
#include "service/drift.h"
#include "service/outbox.h"
#include "store/alerts.h"
#include "store/database.h"

namespace carnet::service {

// What a real scan's document says beside what was known before it.
struct ScanFacts {
  std::shared_ptr<const inventory::ScanDocument> document;
  std::shared_ptr<const DriftRecord> drift;
  bool complete = false;  // what it did not reach cannot be reached
  std::string target_set;
  FactsByPlace facts;  // without what a newer scan has reached
  std::vector<std::pair<store::watch::Place, store::WatchedRow>> changed;
  std::vector<store::watch::Place> hybrid_lost;
  std::vector<const inventory::Asset*> newly_vulnerable;
  std::map<store::watch::Place, int> missed;  // of the inventory: how often in a row by now
};

struct ScanEnd {
  store::ScanRow scan;  // as it was claimed or reaped
  std::string status;   // success | error | cancelled
  std::string error_detail;
  std::optional<double> score;
  std::string band;
  int reached = 0, endpoints = 0;
  Timestamp at{};
  std::shared_ptr<const ScanFacts> facts;  // null: nothing of it is kept, or it is a sample
};

class ScanEnded {
 public:
  ScanEnded(const Outbox& outbox, AlertCounts& counts, Random& random)
      : outbox_(outbox), counts_(counts), random_(random) {}
  // What links in mails begin with, without a slash at its end; before the first scan ends.
  void set_public_url(std::string url) { public_url_ = std::move(url); }

  // Reads what is known of the document's endpoints. `drift` was made of the same snapshot or an
  // older one.
  [[nodiscard]] static Result<std::shared_ptr<const ScanFacts>> look(
      store::Connection& connection, const TenantId& tenant,
      std::shared_ptr<const inventory::ScanDocument> document,
      std::shared_ptr<const DriftRecord> drift, bool complete);
  // Row writes only, once the inventory has the scan's endpoints. It may run again, with its
  // transaction.
  [[nodiscard]] Result<AlertChanges> apply(store::Connection& connection, const ScanEnd& end) const;
  // After the commit, for the metrics.
  void committed(const AlertChanges& changes) const {
    counts_.count(changes.raised, changes.resolved);
  }

 private:
  [[nodiscard]] Result<void> mail(store::Connection& connection, const ScanEnd& end,
                                  const AlertChanges& changes) const;

  const Outbox& outbox_;
  AlertCounts& counts_;
  Random& random_;
  std::string public_url_;
};

}  // namespace carnet::service
