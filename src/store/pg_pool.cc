#include "store/pg_pool.h"

#include "store/errors.h"

namespace carnet::store {
namespace {

constexpr int kTries = 5;  // of a closure that met a deadlock
constexpr std::chrono::milliseconds kPauseBetweenTries{5};

}  // namespace

PgPool::PgPool(const Options& options, PgHealth& health)
    : options_(options), health_(health), queue_(options.queue_max) {
  threads_.reserve(static_cast<std::size_t>(options.threads));
  for (int i = 0; i < options.threads; ++i) threads_.emplace_back([this] { loop(); });
}

PgPool::~PgPool() { drain(); }

void PgPool::submit(Database::Work work, Database::Done done) {
  queue_.push({.work = std::move(work), .done = std::move(done)});
}

void PgPool::drain() {
  queue_.close();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void PgPool::report(MetricText& out, std::string_view name) const {
  out.queue(name, queue_.state());
  out.pool(name, busy_.load(std::memory_order_relaxed), options_.threads);
  out.counter("carnet_database_connects_total", "Sessions that were opened.",
              static_cast<double>(connects_.load(std::memory_order_relaxed)), {{"pool", name}});
  out.counter("carnet_database_connect_failures_total", "Sessions that could not be opened.",
              static_cast<double>(connects_failed_.load(std::memory_order_relaxed)),
              {{"pool", name}});
}

void PgPool::loop() {
  std::unique_ptr<PgConnection> session;
  for (;;) {
    std::vector<Job> jobs = queue_.take(1, std::nullopt);
    if (jobs.empty()) return;
    busy_.fetch_add(1, std::memory_order_relaxed);
    Result<void> result = run(session, jobs.front().work);
    busy_.fetch_sub(1, std::memory_order_relaxed);
    note(result);
    jobs.front().work = nullptr;  // what the closure holds is released before its caller goes on
    jobs.front().done(std::move(result));
  }
}

Result<void> PgPool::ensure(std::unique_ptr<PgConnection>& session) {
  if (session && !session->spent()) return {};
  session.reset();
  if (!health_.may_connect())
    return tl::unexpected(
        unavailable(kNotReachable, kRetryBusy_s, "PostgreSQL could not be reached a moment ago"));
  auto opened = PgConnection::open(options_.connect);
  (opened ? connects_ : connects_failed_).fetch_add(1, std::memory_order_relaxed);
  if (!opened) {
    health_.connect_failed();
    return tl::unexpected(std::move(opened).error());
  }
  session = std::move(*opened);
  return {};
}

Result<void> PgPool::run(std::unique_ptr<PgConnection>& session, const Database::Work& work) {
  for (int attempt = 1;; ++attempt) {
    CARNET_TRY_VOID(ensure(session));
    session->begin(options_.mode);
    // The answer to the last ROLLBACK may have told that the session is gone.
    if (session->spent()) {
      CARNET_TRY_VOID(ensure(session));
      session->begin(options_.mode);
    }
    Result<void> result = run_guarded(work, *session);
    if (result && options_.mode == PgConnection::Mode::kWrite)
      result = session->commit();
    else
      session->rollback();
    if (result || !session->may_run_again()) return result;
    // A broken session is tried once more, on a new one: the server may have been restarted since
    // it was used last.
    const bool again = session->spent() ? attempt == 1 : attempt < kTries;
    if (!again) return result;
    if (!session->spent()) std::this_thread::sleep_for(kPauseBetweenTries * attempt);
  }
}

void PgPool::note(const Result<void>& result) {
  if (options_.mode != PgConnection::Mode::kWrite) return;
  if (result)
    health_.set_write_fault(false);
  else if (result.error().code == ErrorCode::kUnavailable &&
           result.error().retry_after_s == kRetryBroken_s)
    health_.set_write_fault(true);
}

}  // namespace carnet::store
