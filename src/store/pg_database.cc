#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <future>

#include "store/database.h"
#include "store/errors.h"
#include "store/pg_lookups.h"
#include "store/pg_migrate.h"
#include "store/pg_monitor.h"
#include "store/pg_pool.h"
#include "store/snapshot.h"

namespace carnet::store {
namespace {

constexpr std::chrono::milliseconds kAnswerGrace{10'000};  // beyond the server's own time-out
constexpr std::chrono::milliseconds kMonitorTimeout{3'000};
constexpr int kReadersShare = 3;

// A session in a REPEATABLE READ transaction that lasts as long as the object.
class PgSnapshot final : public Snapshot {
 public:
  explicit PgSnapshot(std::unique_ptr<PgConnection> session) : session_(std::move(session)) {}

  Result<void> begin() {
    session_->begin(PgConnection::Mode::kRead);
    // The first statement is what fixes the state; BEGIN alone does not.
    CARNET_TRY_VOID(session_->run("SELECT 1"));
    return {};
  }
  Result<void> run(const Database::Work& work) override { return run_guarded(work, *session_); }

 private:
  std::unique_ptr<PgConnection> session_;
};

class PgDatabase final : public Database, public SnapshotSource {
 public:
  PgDatabase(const PostgresOptions& options, int server_version)
      : server_version_(server_version),
        writers_(pool(options, PgConnection::Mode::kWrite), health_),
        readers_(pool(options, PgConnection::Mode::kRead), health_),
        snapshots_(snapshot_options(options)),
        lookups_(lookup_options(options), options.queue_max, health_),
        monitor_(monitor_options(options), health_) {}
  ~PgDatabase() override { shut_down(); }

  bool healthy() override {
    return !stopped_.load(std::memory_order_relaxed) && health_.reachable() &&
           !health_.write_fault();
  }
  void stop() override { shut_down(); }
  bool shared() const override { return true; }
  std::string description() const override {
    constexpr int kMajor = 10'000;
    return fmt::format("PostgreSQL {}.{}", server_version_ / kMajor, server_version_ % kMajor);
  }
  void report(MetricText& out) override {
    writers_.report(out, "database_write");
    readers_.report(out, "database_read");
    out.queue("database_point", lookups_.state());
  }
  void on_notification(std::string channel, OnNotification callback) override {
    monitor_.on_notification(std::move(channel), std::move(callback));
  }
  bool leads(std::string_view name) override { return monitor_.leads(name); }
  Result<std::unique_ptr<Snapshot>> open_snapshot() override {
    if (stopped_.load(std::memory_order_relaxed)) return tl::unexpected(shutting_down());
    if (!health_.may_connect())
      return tl::unexpected(
          unavailable(kNotReachable, kRetryBusy_s, "PostgreSQL could not be reached a moment ago"));
    auto session = PgConnection::open(snapshots_);
    if (!session) {
      health_.connect_failed();
      return tl::unexpected(std::move(session).error());
    }
    auto snapshot = std::make_unique<PgSnapshot>(std::move(*session));
    CARNET_TRY_VOID(snapshot->begin());
    return snapshot;
  }

 protected:
  void submit_write(Work work, Done done) override {
    writers_.submit(std::move(work), std::move(done));
  }
  void submit_read(Work work, Done done) override {
    readers_.submit(std::move(work), std::move(done));
  }
  void submit_find(std::string_view sql, std::string key, Connection::OnRow on_row,
                   Done done) override {
    lookups_.submit(
        {.sql = sql, .key = std::move(key), .on_row = std::move(on_row), .done = std::move(done)});
  }
  Result<void> run_point_read(const Work& work) override {
    auto promise = std::make_shared<std::promise<Result<void>>>();
    std::future<Result<void>> future = promise->get_future();
    readers_.submit(work,
                    [promise](Result<void> result) { promise->set_value(std::move(result)); });
    return future.get();
  }
  bool points_inline() const override { return false; }

 private:
  static PgConnectOptions connect_options(const PostgresOptions& options,
                                          std::chrono::milliseconds statement_timeout) {
    return {.url = options.url,
            .setup = pg_session_setup(static_cast<int>(statement_timeout.count())),
            .answer_timeout = statement_timeout + kAnswerGrace};
  }
  PgPool::Options pool(const PostgresOptions& options, PgConnection::Mode mode) const {
    const int readers = std::max(1, options.connections / kReadersShare);
    const bool writes = mode == PgConnection::Mode::kWrite;
    PgConnectOptions connect = connect_options(options, options.statement_timeout);
    connect.health = &health_;
    return {.connect = std::move(connect),
            .mode = mode,
            .threads = writes ? std::max(1, options.connections - readers) : readers,
            .queue_max = options.queue_max};
  }
  static PgConnectOptions lookup_options(const PostgresOptions& options) {
    PgConnectOptions out = connect_options(options, options.statement_timeout);
    out.setup += "; SET carnet.tenant = '*'";  // for the whole session, see PointQuery
    return out;
  }
  PgConnectOptions snapshot_options(const PostgresOptions& options) const {
    PgConnectOptions out = connect_options(options, options.statement_timeout);
    // Its reader may be slow; how long it lives is the bound of whoever opened it.
    out.setup += "; SET idle_in_transaction_session_timeout = 0";
    out.health = &health_;
    return out;
  }
  static PgConnectOptions monitor_options(const PostgresOptions& options) {
    PgConnectOptions out = connect_options(options, kMonitorTimeout);
    out.answer_timeout = kMonitorTimeout;
    return out;
  }

  void shut_down() {
    const std::lock_guard lock(stop_mutex_);
    if (stopped_.exchange(true)) return;
    monitor_.stop();
    lookups_.drain();
    writers_.drain();
    readers_.drain();
  }

  const int server_version_;
  std::mutex stop_mutex_;
  std::atomic<bool> stopped_{false};
  PgHealth health_;
  PgPool writers_;
  PgPool readers_;
  const PgConnectOptions snapshots_;
  PgLookups lookups_;
  PgMonitor monitor_;
};

}  // namespace

Result<std::unique_ptr<Database>> open_postgres(const PostgresOptions& options) {
  CARNET_TRY_VOID(migrate_postgres(options.url));
  CARNET_TRY(version, check_serving_role(options.url));
  return std::make_unique<PgDatabase>(options, version);
}

}  // namespace carnet::store
