#include "app/serve.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <thread>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "api/api.h"
#include "api/server.h"
#include "api/tls.h"
#include "app/deliveries.h"
#include "app/run_task.h"
#include "app/serve_parts.h"
#include "app/signing_key_files.h"
#include "app/version.h"
#include "base/keep_going.h"
#include "net/dialer.h"
#include "probe/engine.h"
#include "service/alerts.h"
#include "service/governance.h"
#include "service/handshakes.h"
#include "service/idempotency.h"
#include "service/passports.h"
#include "service/portfolio.h"
#include "service/retention.h"
#include "service/scan_ended.h"
#include "service/scans.h"
#include "service/scheduler.h"
#include "service/sharing.h"
#include "service/tenancy.h"
#include "service/transparency.h"
#include "service/uploads.h"
#include "service/verification.h"
#include "store/allowances.h"
#include "store/database.h"
#include "web/pages.h"

namespace carnet::app {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kHousekeepingInterval{5000};
constexpr milliseconds kVisitsInterval{1000};
constexpr milliseconds kGovernInterval{1000};
constexpr int kPurgeEveryRounds = 60;  // of housekeeping: about every five minutes
constexpr seconds kDrainTime{10};
constexpr milliseconds kDrainPoll{20};

// An io_context with a thread of its own.
class ContextThread {
 public:
  ContextThread() : context_(1), guard_(asio::make_work_guard(context_)) {}
  ContextThread(const ContextThread&) = delete;
  ContextThread& operator=(const ContextThread&) = delete;
  ~ContextThread() { stop(); }

  [[nodiscard]] asio::io_context& context() { return context_; }
  void start() {
    thread_ = std::thread([this] { context_.run(); });
  }
  void stop() {
    guard_.reset();
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

 private:
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> guard_;
  std::thread thread_;
};

// The listener must be bound before the API can know its own address (port 0), and it wants its
// handler when it is made: this stands between. The API is set before any context runs.
class LateHandler final : public api::Handler {
 public:
  void set(api::Handler& handler) { handler_ = &handler; }
  [[nodiscard]] std::size_t body_bytes_max(const api::Request& head) const override {
    return handler_->body_bytes_max(head);
  }
  [[nodiscard]] Task<api::HeadVerdict> judge_head(const api::Request& head) override {
    return handler_->judge_head(head);
  }
  [[nodiscard]] Task<api::Response> handle(const api::Request& request) override {
    return handler_->handle(request);
  }
  [[nodiscard]] api::Response refuse(const api::Request& head, const Error& error) override {
    return handler_->refuse(head, error);
  }

 private:
  api::Handler* handler_ = nullptr;
};

std::string listen_text(const ListenAddress& listen) {
  const std::string address = listen.address.to_string();
  return listen.address.is_v4() ? fmt::format("{}:{}", address, listen.port)
                                : fmt::format("[{}]:{}", address, listen.port);
}

bool is_loopback(const net::IpAddress& address) {
  return net::Cidr::parse("127.0.0.0/8")->contains(address) ||
         net::Cidr::parse("::1/128")->contains(address);
}

void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
}

int start_failed(const Error& error) {
  fmt::print(stderr, "carnet serve: {}\n", error.public_detail);
  return 1;
}

// Everything that lives as long as the service, in the order it is built; taken down in the
// opposite one.
class Service {
 public:
  Service(const Settings& settings, const std::function<Result<Settings>()>& reload,
          const Clock& clock, Random& random, std::unique_ptr<store::Database> db, Secret pepper,
          service::SigningKeysNow signing_keys,
          std::unique_ptr<const service::MailServer> mail_server)
      : settings_(settings),
        reload_(reload),
        random_(random),
        log_(clock, STDERR_FILENO, settings.log_format, settings.log_level),
        pepper_(std::move(pepper)),
        db_(std::move(db)),
        signing_keys_(std::move(signing_keys)),
        log_signer_(signing_keys_, random),
        transparency_(*db_, clock, random, log_, log_signer_, {.witnesses = settings.witnesses}),
        passports_(*db_, clock, random, signing_keys_, transparency_),
        verification_(clock, passports_),
        resolver_(net::make_resolver(settings.probes.name_servers)),
        policy_(net::AddressPolicy::special_purpose_ranges(), settings.allow_targets),
        dialer_(net::make_guarded_dialer(*resolver_, policy_, clock, &own_listeners_)),
        tenancy_(*db_, clock, random, pepper_,
                 {.default_rate_per_minute = settings.rate_limit_per_minute}),
        outbox_(random),
        alerts_(*db_, clock, random, log_, outbox_, {}),
        scan_ended_(outbox_, alerts_.counts(), random),
        scans_(*db_, clock, random, policy_,
               {.authorize_any_target = settings.authorize_any_target,
                .endpoints_max = settings.probes.endpoints_per_scan,
                .signals = &signals_of_scans_,
                .on_queued = [this] { worker_.wake(); },
                .passports = &passports_,
                .ended = &scan_ended_}),
        scheduler_(*db_, clock, random, log_, scans_, outbox_, {}),
        schedules_(*db_, clock, random, scans_, {.on_change = [this] { scheduler_.wake(); }}),
        sharing_(*db_, clock, random, pepper_,
                 {.open_per_scan_max = settings.links_per_scan,
                  .open_per_tenant_max = settings.links_per_tenant,
                  .passports = &passports_}),
        idempotency_(*db_, clock, random, pepper_),
        uploads_(*db_, clock, random),
        remediation_(*db_, clock, random),
        plans_(*db_, clock),
        drift_(*db_, clock, random),
        portfolio_(*db_, clock, random, pepper_),
        retention_(*db_, clock, random, log_, {.default_days = settings.retention_days}),
        governance_(*db_, clock, random, log_, signing_keys_),
        worker_(*db_, clock, random, log_, *dialer_, settings.probes.limits,
                {.signals = &signals_of_scans_, .passports = &passports_, .ended = &scan_ended_}),
        handshakes_(*db_, clock, random, policy_, worker_,
                    {.authorize_any_target = settings.authorize_any_target}),
        deliveries_({*db_, clock, random, log_, pepper_, *resolver_, *dialer_, policy_,
                     own_listeners_, outbox_},
                    std::move(mail_server), settings.deliveries.ca_file),
        clock_(clock),
        server_({.trusted_proxies = settings.trusted_proxies}, handler_, log_),
        control_(1),
        signals_(control_, SIGTERM, SIGINT, SIGHUP) {
    signals_.add(SIGUSR1);
  }

  // Also of a start that was refused: the server's connections and timers live in the contexts of
  // io_, which end before it.
  ~Service() { server_.stop(); }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  // Binds and makes the API. The admin key comes from admin_key_for(), the identity from
  // tls_identity_for().
  Result<void> listen(std::optional<Secret> admin_key, TlsIdentityPtr identity) {
    tls_ = identity != nullptr;
    if (tls_) use_tls(std::move(identity));
    for (int i = 0; i < settings_.workers; ++i) io_.push_back(std::make_unique<ContextThread>());
    std::vector<asio::io_context*> contexts;
    contexts.reserve(io_.size());
    for (const auto& thread : io_) contexts.push_back(&thread->context());
    std::vector<std::string> wanted;
    wanted.reserve(settings_.listen.size());
    for (const ListenAddress& address : settings_.listen) wanted.push_back(listen_text(address));
    CARNET_TRY(bound, server_.listen(wanted, contexts));
    bound_ = std::move(bound);
    for (std::size_t i = 0; i < bound_.size(); ++i) {
      const std::string port = bound_[i].substr(bound_[i].rfind(':') + 1);
      own_listeners_.add(settings_.listen[i].address, static_cast<std::uint16_t>(std::stoi(port)));
    }
    api::ApiOptions options;
    options.version = version();
    options.public_url =
        settings_.public_url.empty() ? url_of(bound_.front()) : settings_.public_url;
    options.cors_origins = settings_.cors_origins;
    CARNET_TRY_VOID(name_log(options.public_url));
    passports_.set_issuer_url(options.public_url);
    deliveries_.set_public_url(options.public_url);
    scan_ended_.set_public_url(options.public_url);
    options.public_rate_per_minute = settings_.public_rate_limit_per_minute;
    options.log_rate_per_minute = settings_.transparency_rate_limit_per_minute;
    api_.emplace(
        api::ApiDependencies{.clock = clock_,
                             .random = random_,
                             .log = log_,
                             .db = *db_,
                             .tenancy = tenancy_,
                             .scans = scans_,
                             .sharing = sharing_,
                             .idempotency = idempotency_,
                             .pages = pages_,
                             .pepper = pepper_,
                             .worker = db_->persistent() ? &worker_ : nullptr,
                             .transparency = db_->persistent() ? &transparency_ : nullptr,
                             .passports = db_->persistent() ? &passports_ : nullptr,
                             .verification = db_->persistent() ? &verification_ : nullptr,
                             .handshakes = db_->persistent() ? &handshakes_ : nullptr,
                             .uploads = db_->persistent() ? &uploads_ : nullptr,
                             .remediation = db_->persistent() ? &remediation_ : nullptr,
                             .plans = db_->persistent() ? &plans_ : nullptr,
                             .drift = db_->persistent() ? &drift_ : nullptr,
                             .schedules = db_->persistent() ? &schedules_ : nullptr,
                             .scheduler = db_->persistent() ? &scheduler_ : nullptr,
                             .alerts = db_->persistent() ? &alerts_ : nullptr,
                             .webhooks = db_->persistent() ? &deliveries_.webhooks() : nullptr,
                             .governance = db_->persistent() ? &governance_ : nullptr,
                             .portfolio = db_->persistent() ? &portfolio_ : nullptr,
                             .retention = db_->persistent() ? &retention_ : nullptr},
        std::move(options));
    api_->set_admin_key(std::move(admin_key));
    api_->set_connection_counts([this] { return server_.counts(); });
    handler_.set(*api_);
    return {};
  }

  int run() {
    warn_about_exposure();
    for (const auto& thread : io_) thread->start();
    if (db_->persistent()) {
      asio::co_spawn(probes_.context(), worker_.run(),
                     [this](std::exception_ptr) { worker_done_.store(true); });
    } else {
      worker_done_.store(true);
    }
    if (db_->persistent()) deliveries_.start();
    probes_.start();
    keep("housekeeping", [this] { return housekeeping(); });
    keep("visits", [this] { return write_visits(); });
    if (db_->persistent()) {
      keep("alerts", [this] { return alerts_.run(); });
      keep("governance", [this] { return govern(); });
      keep("retention", [this] { return retention_.run(); });
      keep("schedules", [this] { return scheduler_.run(); });
    }
    asio::co_spawn(control_, watch_signals(), asio::detached);
    log_.info(
        "started",
        {{"version", version()}, {"database", db_->description()}, {"workers", settings_.workers}});
    for (const std::string& address : bound_) fmt::print("carnet ready on {}\n", url_of(address));
    std::fflush(stdout);
    control_.run();
    return finish();
  }

 private:
  // The log is known by the address that it is found at (C2SP tlog-checkpoint), unless it has got
  // its name before.
  Result<void> name_log(const std::string& public_url) {
    const std::string& wanted = settings_.log_origin;
    transparency_.set_origin(wanted.empty() ? service::Transparency::origin_of(public_url)
                                            : wanted);
    if (wanted.empty() || !db_->persistent()) return {};
    return transparency_.require_origin(wanted);
  }

  [[nodiscard]] std::string url_of(const std::string& address) const {
    return (tls_ ? "https://" : "http://") + address;
  }

  void use_tls(TlsIdentityPtr identity) {
    for (const std::string& warning : identity->warnings())
      log_.warn("tls_certificate", {{"reason", warning}});
    log_.info("tls", {{"subject", identity->subject()},
                      {"not_after", to_rfc3339(identity->not_after())},
                      {"hybrid_key_exchange", identity->hybrid()}});
    server_.use_tls(std::move(identity));
  }

  void warn_about_exposure() const {
    for (const ListenAddress& listen : settings_.listen)
      if (!tls_ && !is_loopback(listen.address))
        log_.warn(
            "listening on a network without TLS: keys and links travel in the clear; give "
            "--tls-cert and --tls-key, or put a TLS proxy in front",
            {{"address", listen_text(listen)}});
    if (db_->persistent() && !settings_.public_url.starts_with("https://") &&
        !settings_.public_url.empty())
      log_.warn("the public URL is not https: share links travel in the clear",
                {{"public_url", settings_.public_url}});
  }

  void keep(std::string name, std::function<Task<void>()> loop) {
    asio::co_spawn(control_, keep_going(log_, std::move(name), std::move(loop)), asio::detached);
  }

  Task<void> housekeeping() {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (int round = 1;; ++round) {
      timer.expires_after(kHousekeepingInterval);
      co_await timer.async_wait(asio::use_awaitable);
      co_await tenancy_.flush_last_used();
      if (db_->shared() && db_->leads("housekeeping")) {
        const auto forget = [](store::Connection& connection) {
          return store::allowances::purge(connection);
        };
        static_cast<void>(co_await db_->write<std::int64_t>(forget));
      }
      if (round % kPurgeEveryRounds == 0) {
        co_await idempotency_.purge();
        co_await uploads_.purge();
        co_await deliveries_.purge();
      }
    }
  }

  // What visitors of links did is written together, soon after.
  Task<void> write_visits() {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (bool failed = false;;) {
      timer.expires_after(kVisitsInterval);
      co_await timer.async_wait(asio::use_awaitable);
      const Result<void> written = co_await sharing_.flush_visits();
      if (!written && !failed)
        log_.warn("visits_not_written", {{"reason", written.error().internal}});
      failed = !written;
    }
  }

  // Seals the audit trail, and deletes what is to be deleted.
  Task<void> govern() {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    for (;;) {
      timer.expires_after(kGovernInterval);
      co_await timer.async_wait(asio::use_awaitable);
      if (!db_->leads("audit")) continue;
      static_cast<void>(co_await governance_.sealer().tick());
      static_cast<void>(co_await governance_.tick());
    }
  }

  Task<void> watch_signals() {
    for (;;) {
      const int signal = co_await signals_.async_wait(asio::use_awaitable);
      if (signal == SIGHUP) {
        reload();
      } else if (signal == SIGUSR1) {
        print_state();
      } else {
        log_.info("stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
        break;
      }
    }
    co_await drain();
    control_.stop();
  }

  // New requests are refused, those in flight finish, scans in flight are handed back.
  Task<void> drain() {
    api_->set_draining();
    server_.drain();
    worker_.stop();
    deliveries_.drain();
    alerts_.stop();
    scheduler_.stop();
    asio::steady_timer timer(co_await asio::this_coro::executor);
    const auto deadline = std::chrono::steady_clock::now() + kDrainTime;
    while ((server_.counts().open > 0 || !worker_done_.load()) &&
           std::chrono::steady_clock::now() < deadline) {
      timer.expires_after(kDrainPoll);
      co_await timer.async_wait(asio::use_awaitable);
    }
  }

  void reload() {
    const auto fresh = reload_();
    if (!fresh) {
      log_.error("reload refused; the old settings stay",
                 {{"reason", fresh.error().public_detail}});
      return;
    }
    auto key = admin_key_for(*fresh);
    if (!key) {
      log_.error("reload refused; the old settings stay", {{"reason", key.error().public_detail}});
      return;
    }
    auto identity = tls_identity_for(*fresh, clock_);
    if (identity && (*identity != nullptr) != tls_)
      identity = make_error(ErrorCode::kUnavailable,
                            "TLS is switched on or off only by a restart of the server.");
    if (!identity) {
      log_.error("reload refused; the old settings stay",
                 {{"reason", identity.error().public_detail}});
      return;
    }
    if (settings_.persistence) {
      auto keys = load_signing_keys(key_places(*fresh));
      if (!keys) {
        log_.error("reload refused; the old settings stay",
                   {{"reason", keys.error().public_detail}});
        return;
      }
      signing_keys_.replace(std::move(*keys));
    }
    api_->set_admin_key(std::move(*key));
    if (*identity) use_tls(std::move(*identity));
    log_.set_level(fresh->log_level);
    log_.info("reloaded the admin key, the signing keys, the TLS certificate and the log level");
  }

  void print_state() {
    const api::Server::Counts counts = server_.counts();
    log_.info("state", {{"connections", counts.open},
                        {"accepted", counts.accepted},
                        {"refused", counts.refused},
                        {"tls_handshakes", counts.handshakes},
                        {"tls_handshakes_failed", counts.handshakes_failed},
                        {"scans_running", worker_.running()},
                        {"database", db_->description()},
                        {"database_healthy", db_->healthy()}});
  }

  int finish() {
    server_.stop();
    for (const auto& thread : io_) thread->stop();
    probes_.stop();
    TaskRunner tasks;
    if (!tasks.run(flush_all())) log_.warn("last-used times or visits were not written");
    deliveries_.stop();
    sharing_.stop();
    verification_.stop();
    uploads_.stop();
    plans_.stop();
    governance_.stop();
    db_->stop();
    transparency_.stop();
    // Scans that outlasted the drain: what is being judged, and names that are being resolved, hold
    // coroutines of the probes' context, so they end before it.
    worker_.end();
    resolver_.reset();
    log_.info("stopped");
    return 0;
  }

  Task<bool> flush_all() {
    co_await tenancy_.flush_last_used();
    const Result<void> visits = co_await sharing_.flush_visits();
    co_return visits.has_value();
  }

  const Settings& settings_;
  const std::function<Result<Settings>()>& reload_;
  Random& random_;
  Log log_;
  Secret pepper_;
  std::unique_ptr<store::Database> db_;
  service::SigningKeys signing_keys_;
  service::LogSigner log_signer_;
  service::Transparency transparency_;
  service::Passports passports_;
  service::Verification verification_;
  net::OwnListeners own_listeners_;
  std::unique_ptr<net::Resolver> resolver_;
  net::AddressPolicy policy_;
  std::unique_ptr<net::Dialer> dialer_;
  web::Pages pages_;
  service::ScanSignals signals_of_scans_;
  service::Tenancy tenancy_;
  service::Outbox outbox_;
  service::Alerts alerts_;
  service::ScanEnded scan_ended_;
  service::Scans scans_;
  service::Scheduler scheduler_;
  service::Schedules schedules_;
  service::Sharing sharing_;
  service::Idempotency idempotency_;
  service::Uploads uploads_;
  service::Remediation remediation_;
  service::Plans plans_;
  service::Drift drift_;
  service::Portfolio portfolio_;
  service::Retention retention_;
  service::Governance governance_;
  service::ScanWorker worker_;
  service::Handshakes handshakes_;
  Deliveries deliveries_;
  const Clock& clock_;
  std::optional<api::Api> api_;
  LateHandler handler_;
  api::Server server_;
  std::vector<std::unique_ptr<ContextThread>> io_;
  // Probes have a thread of their own: an endpoint's handshakes must not lengthen the answers of
  // the API.
  ContextThread probes_;
  asio::io_context control_;
  asio::signal_set signals_;
  std::atomic<bool> worker_done_{false};
  std::vector<std::string> bound_;
  bool tls_ = false;
};

}  // namespace

int serve(const Settings& settings, const std::function<Result<Settings>()>& reload,
          const Clock& clock, Random& random) {
  std::signal(SIGPIPE, SIG_IGN);
  raise_file_limit();
  auto pepper = pepper_for(settings, random);
  if (!pepper) return start_failed(pepper.error());
  auto admin_key = admin_key_for(settings);
  if (!admin_key) return start_failed(admin_key.error());
  auto identity = tls_identity_for(settings, clock);
  if (!identity) return start_failed(identity.error());
  auto db = open_database(settings);
  if (!db) return start_failed(db.error());
  auto signing_keys = signing_keys_for(settings, clock, random);
  if (!signing_keys) return start_failed(signing_keys.error());
  auto mail_server = mail_server_for(settings.deliveries);
  if (!mail_server) return start_failed(mail_server.error());
  Service service(settings, reload, clock, random, std::move(*db), std::move(*pepper),
                  std::move(*signing_keys), std::move(*mail_server));
  if (auto bound = service.listen(std::move(*admin_key), std::move(*identity)); !bound)
    return start_failed(bound.error());
  return service.run();
}

}  // namespace carnet::app
