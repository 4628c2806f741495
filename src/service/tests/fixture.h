#pragma once
// What the tests of this folder share: every service over a real database of its own (SQLite or
// PostgreSQL, tests/support/test_database.h), a clock that stands still, a dialer without a
// network, and a worker on a thread of its own that can be stopped or killed.

#include <atomic>
#include <memory>
#include <semaphore>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <boost/asio/io_context.hpp>

#include "base/log.h"
#include "service/audit.h"
#include "service/idempotency.h"
#include "service/scans.h"
#include "service/sharing.h"
#include "service/signal.h"
#include "service/tenancy.h"
#include "tests/support/loaned_context.h"
#include "tests/support/run_task.h"
#include "tests/support/test_database.h"

namespace carnet::service {

using test::run_task;

inline constexpr auto kStart = std::chrono::milliseconds{1'780'000'000'000};
inline constexpr std::string_view kSample = "bank-tls-inventory";

// Names and addresses all lead to a host that refuses, hangs until it is released, or makes the
// program throw.
class FakeDialer final : public net::Dialer {
 public:
  enum class Mode { kRefuse, kHang, kThrow };
  explicit FakeDialer(Mode mode) : mode(mode) {}

  Task<Result<net::ResolvedName>> resolve_checked(const std::string& host, SteadyTime) override {
    const std::optional<net::IpAddress> literal = net::IpAddress::parse(host);
    co_return net::ResolvedName{{literal.value_or(*net::IpAddress::parse("192.0.2.1"))}, {}};
  }
  Task<Result<std::unique_ptr<net::Connection>>> dial(net::IpAddress, std::uint16_t,
                                                      SteadyTime) override {
    dials.fetch_add(1);
    if (mode == Mode::kThrow) throw std::logic_error("a bug in a probe");
    if (mode == Mode::kHang) {
      const std::uint64_t seen = released.generation();
      dialled.release();
      co_await released.wait(seen, std::chrono::hours(1));
    }
    co_return make_error(ErrorCode::kUnavailable, "connection refused");
  }

  std::atomic<Mode> mode;
  std::atomic<int> dials{0};
  Signal released;
  std::counting_semaphore<1'000'000> dialled{0};  // one per dial that hangs
};

// Everything a server has but HTTP.
class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest()
      : clock(Timestamp{kStart}),
        pepper(std::string(32, 'p')),
        null_fd(::open("/dev/null", O_WRONLY | O_CLOEXEC)),
        log(clock, null_fd, LogFormat::kJson, LogLevel::kError),
        policy(net::AddressPolicy::special_purpose_ranges(), {*net::Cidr::parse("127.0.0.0/8")}),
        db(database.must_open()),
        tenancy(*db, clock, random, pepper, {.default_rate_per_minute = 300}),
        sharing(*db, clock, random, pepper),
        scans(*db, clock, random, policy, scan_options()),
        idempotency(*db, clock, random, pepper) {}
  ~ServiceTest() override {
    db->stop();
    ::close(null_fd);
  }

  Scans::Options scan_options() {
    Scans::Options options;
    options.signals = &signals;
    return options;
  }

  static Actor platform() {
    Actor actor;
    actor.role = Role::kAdmin;
    actor.platform = true;
    actor.request_id = "req-platform";
    return actor;
  }
  // A tenant with an operator's key; the actor is that key's.
  Actor make_tenant(const std::string& name) {
    const auto tenant = run_task(tenancy.create_tenant(platform(), {.name = name, .slug = {}}));
    EXPECT_TRUE(tenant.has_value());
    Actor actor;
    actor.tenant = tenant->id;
    actor.tenant_name = tenant->name;
    actor.role = Role::kOperator;
    actor.key = KeyId::generate(clock.now(), random);
    actor.request_id = "req-" + name;
    return actor;
  }
  ScanId submit_sample(const Actor& actor, const std::string& label = "") {
    ScanRequest request;
    request.scenario_id = kSample;
    request.use_fixture = true;
    request.label = label;
    const auto submitted = run_task(scans.submit(actor, request));
    EXPECT_TRUE(submitted.has_value()) << submitted.error().public_detail;
    return submitted->id;
  }
  ScanId submit_loopback(const Actor& actor, std::vector<int> ports) {
    ScanRequest request;
    request.targets = {"127.0.0.1"};
    request.kinds = {"tls"};
    request.ports = std::move(ports);
    const auto submitted = run_task(scans.submit(actor, request));
    EXPECT_TRUE(submitted.has_value()) << submitted.error().public_detail;
    return submitted->id;
  }
  // The row once the scan is over; waits for events, never by the clock.
  store::ScanRow wait_until_over(const Actor& actor, const ScanId& id) {
    int seen = 0;
    for (int round = 0; round < 100; ++round) {
      const auto batch =
          run_task(scans.wait_events(actor.tenant, id, seen, std::chrono::seconds(1)));
      EXPECT_TRUE(batch.has_value());
      if (!batch) break;
      if (!batch->events.empty()) seen = batch->events.back().seq;
      if (batch->over) break;
    }
    return run_task(scans.row(actor.tenant, id)).value();
  }
  std::vector<store::AuditRow> audit_of(const TenantId& tenant, const std::string& action) {
    return run_task(list_audit(*db, tenant, {.action_prefix = action, .since = {}},
                               {.before = "", .limit = 100}))
        .value();
  }
  bool on_disk(std::string_view bytes) const { return database.holds(bytes); }
  // Beside the services, for whoever's rows.
  template <class T>
  Result<T> in_db(std::function<Result<T>(store::Connection&)> work) {
    const std::function<Result<T>(store::Connection&)> everywhere =
        [work = std::move(work)](store::Connection& connection) {
          connection.as_system();
          return work(connection);
        };
    return run_task(db->write<T>(everywhere));
  }

  test::TestDatabase database;
  ManualClock clock;
  SystemRandom random;
  Secret pepper;
  int null_fd;
  Log log;
  net::AddressPolicy policy;
  ScanSignals signals;
  std::unique_ptr<store::Database> db;
  Tenancy tenancy;
  Sharing sharing;
  Scans scans;
  Idempotency idempotency;
};

// A worker on its own thread, as in another process.
class WorkerHost {
 public:
  // With a database of its own, as another process has it: this one can be killed.
  WorkerHost(std::unique_ptr<store::Database> db, const Clock& clock, Random& random,
             const Log& log, net::Dialer& dialer, ScanWorker::Options options)
      : WorkerHost(*db, clock, random, log, dialer, options) {
    own = std::move(db);
  }
  WorkerHost(store::Database& db, const Clock& clock, Random& random, const Log& log,
             net::Dialer& dialer, ScanWorker::Options options)
      : worker(db, clock, random, log, dialer, probe::EngineLimits{}, options),
        context(std::make_unique<boost::asio::io_context>()) {
    const auto done = [](std::exception_ptr error) {
      if (error) std::rethrow_exception(error);
    };
    boost::asio::co_spawn(*context, worker.run(), done);
    thread = std::thread([this] { context->run(); });
  }
  ~WorkerHost() {
    stop();
    end();
  }

  void stop() {
    worker.stop();
    if (thread.joinable()) thread.join();
  }
  // Ends without a word to anyone, as kill -9 would: leases stay.
  void kill() {
    context->stop();
    thread.join();
    end();
  }

  // What still works for the context ends before the context does; a database that others use too
  // outlives this, so the context is kept.
  void end() {
    if (own) own->stop();
    worker.end();
    if (own)
      context.reset();
    else
      test::LoanedContext::keep(std::move(context));
  }

  std::unique_ptr<store::Database> own;
  ScanWorker worker;
  std::unique_ptr<boost::asio::io_context> context;
  std::thread thread;
};

}  // namespace carnet::service
