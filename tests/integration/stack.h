#pragma once
// The whole server in this process: a database of its own, every service, the API and the
// listener on a loopback port that the kernel chose, with a clock that stands still. Scans are of
// the sample scenarios, so nothing is dialled outside. The log goes to a file that tests read.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/json/fwd.hpp>

#include "api/api.h"
#include "evidence/tests/log_samples.h"
#include "net/dialer.h"
#include "net/sender.h"
#include "service/alerts.h"
#include "service/governance.h"
#include "service/outbox.h"
#include "service/portfolio.h"
#include "service/retention.h"
#include "service/scan_ended.h"
#include "service/scheduler.h"
#include "service/webhooks.h"
#include "tests/support/http_client.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_database.h"

namespace carnet::test {

// Passes everything on to a real database, or fails as it is told. Work runs on the caller's
// thread.
class FaultyDatabase final : public store::Database {
 public:
  enum class Mode { kPass, kThrow, kInternal };
  explicit FaultyDatabase(store::Database& inner) : inner_(inner) {}
  std::atomic<Mode> mode{Mode::kPass};

  bool healthy() override { return inner_.healthy(); }
  void stop() override { inner_.stop(); }
  std::string description() const override { return inner_.description(); }
  bool persistent() const override { return inner_.persistent(); }

 protected:
  void submit_write(Work work, Done done) override;
  void submit_read(Work work, Done done) override;
  Result<void> run_point_read(const Work& work) override;

 private:
  store::Database& inner_;
};

// The object that an answer carries, and the code of a problem; fail the test if it is no such.
[[nodiscard]] boost::json::object parsed(const HttpAnswer& answer);
[[nodiscard]] std::string code_of(const HttpAnswer& answer);

inline constexpr std::string_view kInjectedText = "internal-text-that-must-not-leave";

struct Tenant {
  TenantId id;
  std::string viewer, operator_key, admin;  // keys
  std::string scan_id, share_id, share_token, webhook_id, alert_id, schedule_id;
  TenantId child;                     // of add_child()
  std::string link_id, partner_code;  // likewise: the agreement, and an invitation of its own
};

struct StackOptions {
  bool database = true;
  bool faulty = false;
  bool admin_key = true;
  bool worker = true;  // false: scans stay queued
  std::vector<evidence::NoteKey> witnesses;
  LogLevel log_level = LogLevel::kDebug;
  api::ApiOptions api;
  api::Server::Options server;
  service::SharingOptions sharing;
  int threads = 1;
};

// The log's keys, as somebody who trusts them has them.
class LogSignerOfStack final : public evidence::Signer {
 public:
  LogSignerOfStack(const service::SigningKeys& keys, Random& random)
      : keys_(keys), signer_(keys, random) {}
  [[nodiscard]] Result<evidence::HybridSignature> sign(std::string_view message) const override {
    return signer_.sign(message);
  }
  [[nodiscard]] evidence::TrustedLogKey trusted() const {
    const service::SigningKeysNow now = keys_.current();
    return {.ed25519 = now->log.ed25519.public_key, .mldsa65 = now->log.mldsa.public_key};
  }

 private:
  const service::SigningKeys& keys_;
  service::LogSigner signer_;
};

class Stack {
 public:
  explicit Stack(StackOptions options = {});
  ~Stack();
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  [[nodiscard]] HttpClient connect() const { return {"127.0.0.1", port}; }
  // One request on a connection of its own; fails the test if there is no answer.
  [[nodiscard]] HttpAnswer ask(std::string_view method, std::string_view target,
                               const HttpHeaders& headers = {}, std::string_view body = {}) const;
  [[nodiscard]] static HttpHeaders bearer(const std::string& key) {
    return {{"Authorization", "Bearer " + key}};
  }
  // A tenant with a key of each role, one finished sample scan and one link to it.
  [[nodiscard]] Tenant make_tenant(const std::string& name, int rate_per_minute = 1000000);
  // A tenant that agreed to be seen by this one with its list of scans, and one more invitation.
  void add_child(Tenant& parent);
  [[nodiscard]] std::string make_key(const TenantId& tenant, store::Role role, int rate_per_minute);
  // Its id.
  [[nodiscard]] std::string raise_alert(const TenantId& tenant, const std::string& subject,
                                        const std::string& severity = "medium");
  [[nodiscard]] std::string make_scan(const std::string& key);  // waits until it has ended
  [[nodiscard]] std::string log_text() const;

  static constexpr std::string_view kAdminKey = "platform-key-for-tests-0123456789abcdef";

  StackOptions options;
  TempDir dir;
  ManualClock clock;
  SystemRandom random;
  Secret pepper;
  int log_fd;
  Log log;
  net::AddressPolicy policy;
  std::unique_ptr<net::Resolver> resolver;
  std::unique_ptr<net::Dialer> dialer;
  std::optional<TestDatabase> database;  // nullopt: --database none
  std::unique_ptr<store::Database> real_db;
  std::unique_ptr<FaultyDatabase> faulty_db;
  store::Database& db;
  service::SigningKeys signing_keys;  // none without a database
  LogSignerOfStack log_signer;
  std::unique_ptr<service::Transparency> transparency;
  service::Passports passports;
  service::Verification verification;
  service::Tenancy tenancy;
  service::Scans scans;
  service::Sharing sharing;
  service::Idempotency idempotency;
  service::Uploads uploads;
  service::Remediation remediation;
  service::Plans plans;
  service::Drift drift;
  service::Portfolio portfolio;
  service::Retention retention;  // not run: a test ticks
  service::Governance governance;
  service::WebhookSecrets webhook_secrets;
  std::unique_ptr<net::Sender> sender;
  service::Courier courier;
  service::Dispatcher dispatcher;  // not run: a test asks for its rounds
  service::Outbox outbox;
  service::Alerts alerts;  // not run: a test ticks
  service::ScanEnded ended;
  service::Schedules schedules;
  service::Scheduler scheduler;  // not run: a test ticks
  service::Webhooks webhooks;
  web::Pages pages;
  std::unique_ptr<service::ScanWorker> worker;
  std::unique_ptr<service::Handshakes> handshakes;
  std::unique_ptr<api::Api> api;
  std::unique_ptr<api::Server> server;
  std::uint16_t port = 0;

 private:
  store::Database& open_database();
  service::SigningKeysNow make_signing_keys();
  service::SharingOptions sharing_options();
  std::vector<std::unique_ptr<boost::asio::io_context>> contexts_;
  std::vector<std::thread> threads_;
};

}  // namespace carnet::test
