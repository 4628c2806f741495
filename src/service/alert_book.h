#pragma once
// The alerts of one tenant within one transaction: raises, repeats and resolves them, and keeps
// what was new for the events. Private to service/. Lives as long as the closure that has the
// connection.

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <boost/json.hpp>

#include "base/random.h"
#include "service/alerts.h"
#include "service/outbox.h"
#include "store/alerts.h"

namespace carnet::service {

struct AlertDraft {
  AlertKind kind = AlertKind::kScoreDrop;
  std::string subject;
  std::string_view severity;
  std::string message;  // one sentence that stays true: dates, not "in 3 days"
  std::string host;
  int port = 0;
  boost::json::object detail;
};

// What a transaction changed, for events and counts.
struct AlertChanges {
  std::vector<store::AlertRow> raised, resolved;
  int left_out = 0;    // beyond kAlertsAtOnceMax of a kind, or kAlertsStandingMax
  bool would = false;  // of a dry book
};

class AlertBook {
 public:
  struct Of {
    TenantId tenant;
    std::string scan;  // "": time alone
    Timestamp now{};
    AlertThresholds limits;
    bool dry = false;  // writes nothing; changes().would says whether it would
  };
  [[nodiscard]] static Result<AlertBook> open(store::Connection& connection, Random& random, Of of);

  // Raises it, or repeats the one that stands. A kind that is switched off is left alone.
  [[nodiscard]] Result<void> raise(const AlertDraft& draft);
  // The same, but writes nothing if the one that stands says just this.
  [[nodiscard]] Result<void> keep(const AlertDraft& draft);
  // Nothing if none stands.
  [[nodiscard]] Result<void> resolve(AlertKind kind, const std::string& subject,
                                     std::string_view reason);
  // The same alert, about what took the place of its subject.
  [[nodiscard]] Result<void> move(AlertKind kind, const std::string& subject,
                                  const std::string& to);

  using Standing = std::map<std::pair<std::string, std::string>, store::AlertRow>;
  [[nodiscard]] const store::AlertRow* find(AlertKind kind, const std::string& subject) const;
  // Of one kind; a copy, so that what is looked at may be resolved.
  [[nodiscard]] std::vector<store::AlertRow> standing(AlertKind kind) const;

  // Writes alert.raised and alert.resolved for what changed.
  [[nodiscard]] Result<void> tell(const Outbox& outbox) const;
  [[nodiscard]] AlertChanges& changes() { return changes_; }
  [[nodiscard]] const Of& of() const { return of_; }
  [[nodiscard]] store::Connection& connection() { return *connection_; }

 private:
  AlertBook(store::Connection& connection, Random& random, Of of)
      : connection_(&connection), random_(&random), of_(std::move(of)) {}

  store::Connection* connection_;
  Random* random_;
  Of of_;
  Standing standing_;
  std::map<AlertKind, int> raised_of_kind_;
  AlertChanges changes_;
};

// What comes by time alone, whoever looks.
[[nodiscard]] Result<void> look_at_certificates(AlertBook& book);
[[nodiscard]] Result<void> look_at_deadlines(AlertBook& book);
[[nodiscard]] Result<void> look_at_links(AlertBook& book);
// What is switched off, and what is about endpoints, scans or links that are gone.
[[nodiscard]] Result<void> resolve_forgotten(AlertBook& book);

}  // namespace carnet::service
