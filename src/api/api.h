#pragma once
// The whole HTTP interface behind the listener: route table, pipeline and handlers as one Handler.
// Made by app/ from references that must outlive it. Thread-safe.

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/server.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/secret.h"
#include "service/drift.h"
#include "service/handshakes.h"
#include "service/idempotency.h"
#include "service/passports.h"
#include "service/plans.h"
#include "service/remediation.h"
#include "service/scans.h"
#include "service/sharing.h"
#include "service/tenancy.h"
#include "service/transparency.h"
#include "service/uploads.h"
#include "service/verification.h"
#include "store/database.h"
#include "web/pages.h"

namespace carnet::service {
class Alerts;
class Governance;
class Portfolio;
class Retention;
class Scheduler;
class Schedules;
class Webhooks;
}  // namespace carnet::service

namespace carnet::api {

struct ApiDependencies {
  const Clock& clock;
  Random& random;
  const Log& log;
  store::Database& db;
  service::Tenancy& tenancy;
  service::Scans& scans;
  service::Sharing& sharing;
  service::Idempotency& idempotency;
  const web::Pages& pages;
  const Secret& pepper;                   // cursors are authenticated by a key derived from it
  service::ScanWorker* worker = nullptr;  // for /metrics; may be absent
  service::Transparency* transparency = nullptr;  // without it the log's routes answer 503
  service::Passports* passports = nullptr;        // likewise for keys and passports
  service::Verification* verification = nullptr;  // likewise for verifying
  service::Handshakes* handshakes = nullptr;      // likewise for proving a handshake
  service::Uploads* uploads = nullptr;            // likewise for files
  service::Remediation* remediation = nullptr;    // likewise for the backlog's state
  service::Plans* plans = nullptr;                // likewise for migration plans
  service::Drift* drift = nullptr;                // likewise for what changed
  service::Schedules* schedules = nullptr;        // likewise for scans at their time
  service::Scheduler* scheduler = nullptr;        // for /metrics; may be absent
  service::Alerts* alerts = nullptr;              // likewise for what needs a person
  service::Webhooks* webhooks = nullptr;          // likewise for who is told
  service::Governance* governance = nullptr;      // likewise for export, erasure and closing
  service::Portfolio* portfolio = nullptr;        // likewise for a parent's children
  service::Retention* retention = nullptr;        // likewise for how long scans are kept
};

struct ApiOptions {
  std::string version = "0.0.0";
  std::string public_url =
      "http://127.0.0.1:8080";   // no slash at the end; links and problem types begin with it
  std::string security_contact;  // for security.txt: "mailto:…" or "https://…"; "" = /docs
  std::vector<std::string> cors_origins;  // "https://app.example.org"; empty: CORS is closed
  int public_rate_per_minute = 60;        // per address on /r/; 0 = no limit
  int log_rate_per_minute = 600;          // per address on the log; 0 = no limit
  int failed_auth_per_minute = 30;        // per address
  bool access_log = true;                 // one "request" line per answer
};

struct Site;  // site.h

class Api final : public Handler {
 public:
  Api(ApiDependencies dependencies, ApiOptions options);
  ~Api() override;

  [[nodiscard]] std::size_t body_bytes_max(const Request& head) const override;
  [[nodiscard]] Task<HeadVerdict> judge_head(const Request& head) override;
  [[nodiscard]] Task<Response> handle(const Request& request) override;
  [[nodiscard]] Response refuse(const Request& head, const Error& error) override;

  // The platform's key for /admin/* and /metrics; nullopt: not configured (503). Also at SIGHUP.
  void set_admin_key(std::optional<Secret> key);
  // From now on /readyz says 503 and event streams end.
  void set_draining();
  // Where /metrics takes connection counts from; call before the listener starts.
  void set_connection_counts(std::function<Server::Counts()> counts);

 private:
  std::unique_ptr<Site> site_;
};

}  // namespace carnet::api
