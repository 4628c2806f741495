#pragma once
// What happened, on its way to those who asked to be told: written in the same transaction as what
// it tells of, delivered later by service/dispatcher.h, at least once. Thread-safe once set up.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "store/database.h"

namespace carnet::service {

// The events that a webhook may ask for.
inline constexpr std::string_view kScanCompleted = "scan.completed";
inline constexpr std::string_view kScanFailed = "scan.failed";
inline constexpr std::string_view kAlertRaised = "alert.raised";
inline constexpr std::string_view kAlertResolved = "alert.resolved";
inline constexpr std::string_view kScheduleSkipped = "schedule.skipped";

// No attempt later than this after the event, the replay or the resumption.
inline constexpr std::chrono::hours kDeliverFor{24};
// Deliveries that wait for one webhook, or of one tenant's mail; what comes beyond goes to the dead
// letters at once, where it can be replayed from.
inline constexpr int kQueuedPerLaneMax = 50'000;
// Dead letters that what happens while a webhook is paused adds to: no more beyond.
inline constexpr int kMissedPerWebhookMax = 10'000;
inline constexpr int kMailRecipientsMax = 20;  // of one message; others are left out

struct Event {
  std::string_view name;
  TenantId tenant;
  std::optional<ScanId> scan;
  std::optional<double> readiness_score;
  boost::json::array alerts;  // as GET /tenant/alerts gives each
  std::string message;        // one or two sentences for a person
};

struct Mail {
  TenantId tenant;
  std::vector<std::string> to;
  std::string subject;
  std::string text;  // plain text, UTF-8, lines with \n
};

class Outbox {
 public:
  explicit Outbox(Random& random) : random_(random) {}
  // Before the first event: what links in messages begin with, and whether there is a mail server.
  void set_public_url(std::string url) { public_url_ = std::move(url); }
  void set_mail(bool on) { mail_ = on; }

  // One delivery for each webhook of the tenant that asked for this event; for one that is paused a
  // dead letter, to be replayed once it is resumed. Call it within the transaction of what
  // happened; it leaves the connection in the tenant's scope.
  [[nodiscard]] Result<void> emit(store::Connection& connection, const Event& event,
                                  Timestamp now) const;
  // One delivery for each recipient. Dropped, with nothing kept, where no SMTP server is set.
  [[nodiscard]] Result<void> mail(store::Connection& connection, const Mail& mail,
                                  Timestamp now) const;

 private:
  Random& random_;
  std::string public_url_;
  bool mail_ = false;
};

// Whether a message can be sent to it: local@domain in ASCII without spaces, quotes or controls, at
// most 254 bytes. What is asked of a recipient when it is given.
[[nodiscard]] bool is_mail_address(std::string_view text);

}  // namespace carnet::service
