#include <algorithm>
#include <mutex>
#include <unordered_map>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "service/owner_name.h"
#include "service/scan_ended.h"
#include "service/scan_run.h"
#include "service/scans.h"

namespace carnet::service {
namespace {

constexpr std::chrono::milliseconds kBackoffMax{10'000};

}  // namespace

struct ScanWorker::State {
  State(store::Database& db, const Clock& clock, Random& random, const Log& log,
        net::Dialer& dialer, probe::EngineLimits limits, Options options)
      : name(new_owner_name(random)),
        probes_at_once(limits.probes_at_once),
        engine(dialer, clock, random, limits),
        context{.db = db,
                .clock = clock,
                .random = random,
                .log = log,
                .engine = engine,
                .options = options,
                .counts = counts,
                .work = pool->get_executor()} {}

  [[nodiscard]] Task<Result<std::vector<store::ScanRow>>> claim(std::string owner, Timestamp now,
                                                                int limit);
  [[nodiscard]] Result<void> tell_of(store::Connection& connection,
                                     const std::vector<store::ScanRow>& reaped, Timestamp now,
                                     std::vector<AlertChanges>& changes);
  void start(const boost::asio::any_io_executor& executor, store::ScanRow row, std::string owner,
             Timestamp now);
  void stop_runs();
  void over(const std::string& key, const std::exception_ptr& error);

  const std::string name;
  const int probes_at_once;
  // One thread: judging is short beside probing, and a burst of ending scans must not take the
  // cores from requests. Empty after end().
  std::optional<boost::asio::thread_pool> pool{1};
  RunCounts counts;
  std::atomic<std::int64_t> queued{0}, oldest_queued_ms{0};  // as of the last reaping
  probe::Engine engine;
  RunContext context;
  Signal wake;
  std::atomic<bool> stopping{false};
  std::uint64_t claims = 0;  // touched by run() only
  Timestamp last_reap{};
  bool tells = true;  // of reaped scans that are over; touched by claim() only
  mutable std::mutex mutex;
  std::optional<boost::asio::any_io_executor> home;                // of run(); guarded by mutex
  std::unordered_map<std::string, std::shared_ptr<ScanRun>> runs;  // by scan id and claim
};

Task<Result<std::vector<store::ScanRow>>> ScanWorker::State::claim(std::string owner, Timestamp now,
                                                                   int limit) {
  using Rows = std::vector<store::ScanRow>;
  const bool reap = now - last_reap >= context.options.lease / 3 || now < last_reap;
  const auto changes = std::make_shared<std::vector<AlertChanges>>();
  const auto work = [this, owner, now, limit, reap,
                     changes](store::Connection& connection) -> Result<Rows> {
    changes->clear();
    if (reap) {
      CARNET_TRY(reaped, store::scans::reap(connection, now, context.options.attempts_max));
      if (!reaped.empty()) context.log.warn("scans_reaped", {{"count", reaped.size()}});
      CARNET_TRY_VOID(tell_of(connection, reaped, now, *changes));
      CARNET_TRY(waiting, store::scans::queue_state(connection));
      queued.store(waiting.count);
      oldest_queued_ms.store(waiting.oldest_created_at ? to_millis(*waiting.oldest_created_at) : 0);
    }
    return store::scans::claim(connection, owner, now, now + context.options.lease, limit);
  };
  Result<Rows> rows = co_await context.db.write<Rows>(work);
  if (rows && reap) last_reap = now;
  // No scan waits because somebody cannot be told of another: the next time without a word.
  tells = rows || !reap || rows.error().code == ErrorCode::kUnavailable;
  if (rows)
    for (const AlertChanges& ended : *changes) context.options.ended->committed(ended);
  co_return rows;
}

// Of the reaped scans those that are over.
Result<void> ScanWorker::State::tell_of(store::Connection& connection,
                                        const std::vector<store::ScanRow>& reaped, Timestamp now,
                                        std::vector<AlertChanges>& changes) {
  if (context.options.ended == nullptr || !tells) return {};
  for (const store::ScanRow& row : reaped) {
    if (row.status == "queued") continue;
    ScanEnd end;
    end.scan = row;
    end.status = row.status;
    end.error_detail = row.error_detail;
    end.endpoints = row.progress_total;
    end.at = now;
    CARNET_TRY(ended, context.options.ended->apply(connection, end));
    changes.push_back(std::move(ended));
  }
  return {};
}

void ScanWorker::State::start(const boost::asio::any_io_executor& executor, store::ScanRow row,
                              std::string owner, Timestamp now) {
  const std::string key = row.id.str() + "/" + owner;
  context.log.info("scan_started", {{"scan", row.id.str()}, {"attempt", row.attempts}});
  const auto run = std::make_shared<ScanRun>(context, std::move(row), std::move(owner), now);
  {
    const std::lock_guard lock(mutex);
    runs.emplace(key, run);
  }
  if (stopping.load()) run->stop();
  const auto strand = boost::asio::make_strand(executor);
  const auto done = [this, key](std::exception_ptr error) { over(key, error); };
  Task<void> running = run->run();
  boost::asio::co_spawn(strand, std::move(running), done);
}

void ScanWorker::State::over(const std::string& key, const std::exception_ptr& error) {
  if (error) {
    // Only a bug comes here. The lease runs out, and the next attempt, or the last of them, ends
    // the scan.
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& known) {
      context.log.error("scan_run_threw", {{"scan", key}, {"error", known.what()}});
    } catch (...) {
      context.log.error("scan_run_threw", {{"scan", key}, {"error", "not a std::exception"}});
    }
  }
  {
    const std::lock_guard lock(mutex);
    runs.erase(key);
  }
  wake.poke();
}

void ScanWorker::State::stop_runs() {
  const std::lock_guard lock(mutex);
  for (const auto& [key, run] : runs) run->stop();
}

ScanWorker::ScanWorker(store::Database& db, const Clock& clock, Random& random, const Log& log,
                       net::Dialer& dialer, probe::EngineLimits limits, Options options)
    : state_(std::make_unique<State>(db, clock, random, log, dialer, limits, options)) {}

ScanWorker::~ScanWorker() = default;

Task<void> ScanWorker::run() {
  State& state = *state_;
  const Options& options = state.context.options;
  const boost::asio::any_io_executor executor = co_await boost::asio::this_coro::executor;
  {
    const std::lock_guard lock(state.mutex);
    state.home = executor;
  }
  std::chrono::milliseconds pause = options.poll;
  while (!state.stopping.load()) {
    const std::uint64_t seen = state.wake.generation();
    const int room = options.scans_at_once - running();
    if (room > 0 && !state.stopping.load()) {
      // A name per claim: a run that lost its lease can never finish for the one that took over,
      // not even in one process.
      const std::string owner = fmt::format("{}.{}", state.name, ++state.claims);
      const Timestamp now = state.context.clock.now();
      Result<std::vector<store::ScanRow>> rows = co_await state.claim(owner, now, room);
      if (rows) {
        for (store::ScanRow& row : *rows) state.start(executor, std::move(row), owner, now);
        pause = options.poll;
      } else {
        // No scan is lost meanwhile: they wait in the database that is away.
        pause = std::min(kBackoffMax, pause * 2);
        state.context.log.warn("scan_queue_unreachable",
                               {{"error", rows.error().internal}, {"retry_ms", pause.count()}});
      }
    }
    co_await state.wake.wait(seen, pause);
  }
  for (;;) {
    const std::uint64_t seen = state.wake.generation();
    state.stop_runs();
    if (running() == 0) co_return;
    co_await state.wake.wait(seen, options.poll);
  }
}

Task<Result<probe::LiveHandshake>> ScanWorker::prove(probe::PlannedEndpoint endpoint) {
  std::optional<boost::asio::any_io_executor> executor;
  {
    const std::lock_guard lock(state_->mutex);
    executor = state_->home;
  }
  if (!executor || state_->stopping.load()) {
    co_return make_error(ErrorCode::kUnavailable, "This server probes nothing at the moment.");
  }
  auto proving = state_->engine.prove(std::move(endpoint));
  auto token = boost::asio::use_awaitable_t<>();
  auto live = co_await boost::asio::co_spawn(*executor, std::move(proving), std::move(token));
  co_return live;
}

void ScanWorker::wake() { state_->wake.poke(); }

void ScanWorker::stop() {
  state_->stopping.store(true);
  state_->wake.poke();
}

void ScanWorker::report(MetricText& out) const {
  const RunCounts& counts = state_->counts;
  const auto ended = [&](std::string_view outcome, const std::atomic<std::uint64_t>& count) {
    out.counter("carnet_scans_ended_total", "Runs of scans in this process, by how they ended.",
                static_cast<double>(count.load()), {{"outcome", outcome}});
  };
  ended("success", counts.success);
  ended("error", counts.error);
  ended("cancelled", counts.cancelled);
  ended("handed_back", counts.handed_back);
  ended("lease_lost", counts.lost);
  out.counter("carnet_passports_failed_total", "Scans that got no passport because of a failure.",
              static_cast<double>(counts.passports_failed.load()));
  out.pool("probes", state_->engine.connections(), state_->probes_at_once);
  out.pool("scans", running(), state_->context.options.scans_at_once);
  constexpr double kMilliseconds = 1000;
  const std::int64_t oldest = state_->oldest_queued_ms.load();
  const std::int64_t now = to_millis(state_->context.clock.now());
  out.gauge("carnet_scans_queued", "Scans that wait in the database, for any instance.",
            static_cast<double>(state_->queued.load()));
  out.gauge("carnet_scans_oldest_queued_seconds", "How long the oldest of them has waited.",
            oldest == 0
                ? 0.0
                : static_cast<double>(std::max<std::int64_t>(0, now - oldest)) / kMilliseconds);
}

void ScanWorker::end() {
  if (!state_->pool) return;
  state_->pool->stop();
  state_->pool->join();
  state_->pool.reset();  // what waited there holds work of the executor of run()
}

int ScanWorker::running() const {
  const std::lock_guard lock(state_->mutex);
  return static_cast<int>(state_->runs.size());
}

}  // namespace carnet::service
