#include "probe/engine.h"

#include <malloc.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <deque>

#include "base/check.h"
#include "probe/endpoint_probe.h"
#include "probe/other_addresses.h"
#include "probe/prove.h"
#include "probe/schedule.h"
#include "probe/tls_probe.h"
#include "probe/wire.h"

namespace carnet::probe {

namespace asio = boost::asio;
using inventory::Endpoint;
using inventory::Profile;

struct Engine::Shared {
  Shared(net::Dialer& dialer, const Clock& clock, Random& random, EngineLimits limits_in)
      : limits(limits_in),
        services{dialer,
                 clock,
                 random,
                 limits,
                 std::make_shared<Slots>(limits.probes_at_once),
                 std::make_shared<Slots>(limits.probes_per_host),
                 std::make_shared<RateLimit>(limits.connects_per_host_per_second,
                                             limits.connect_burst_per_host)},
        // Half as many endpoints of one address as connections: each must get its share of the
        // connections per second within its own time limit.
        endpoints_per_address_max(std::max(1, limits.probes_per_host / 2)),
        endpoints_per_address(std::make_shared<Slots>(endpoints_per_address_max)) {
    CARNET_CHECK(limits.probes_at_once > 0 && limits.probes_per_host > 0);
    CARNET_CHECK(limits.connects_per_host_per_second > 0 && limits.connect_burst_per_host > 0);
  }

  EngineLimits limits;
  Services services;
  const int endpoints_per_address_max;
  std::shared_ptr<Slots> endpoints_per_address;
  TrustStore trust;
};

namespace {

constexpr auto kCancelCheck = std::chrono::milliseconds(50);
constexpr std::size_t kEndpointsWorthTrimming = 1000;

// What one run needs besides the engine's own.
struct Run {
  const Services& services;
  const TlsTools tools;
  const std::shared_ptr<Slots> endpoints_per_address;
  const std::vector<PlannedEndpoint> endpoints;
  const Profile profile;
  const Engine::Sink& sink;
  const std::atomic<bool>& cancelled;
  Schedule schedule;
  std::deque<asio::steady_timer*> idle;  // workers that wait for an address to have room

  void wake_one() {
    if (idle.empty()) return;
    idle.front()->cancel();
    idle.pop_front();
  }
  void wake_all() {
    while (!idle.empty()) wake_one();
  }
};

// Gives an address's room back, whatever ends the probe.
class RunningJob {
 public:
  RunningJob(Run& run, net::IpAddress address) : run_(run), address_(address) {}
  RunningJob(const RunningJob&) = delete;
  RunningJob& operator=(const RunningJob&) = delete;
  ~RunningJob() {
    run_.schedule.done(address_);
    run_.wake_one();
  }

 private:
  Run& run_;
  const net::IpAddress address_;
};

// An observation's vectors have grown step by step; of ten thousand the slack would count.
void trim(Endpoint& endpoint) {
  if (!endpoint.tls) return;
  inventory::TlsObservation& tls = *endpoint.tls;
  tls.versions.shrink_to_fit();
  tls.groups.shrink_to_fit();
  tls.cipher_suites.shrink_to_fit();
  tls.certificates.shrink_to_fit();
  tls.findings.shrink_to_fit();
}

// Stands in the queue of idle workers for as long as its worker waits, however the wait ends: a run
// that is torn down destroys its workers in any order.
class IdlePlace {
 public:
  IdlePlace(Run& run, asio::steady_timer& timer) : run_(run), timer_(&timer) {
    run_.idle.push_back(timer_);
  }
  IdlePlace(const IdlePlace&) = delete;
  IdlePlace& operator=(const IdlePlace&) = delete;
  ~IdlePlace() { std::erase(run_.idle, timer_); }

 private:
  Run& run_;
  asio::steady_timer* timer_;
};

std::string endpoint_id(std::size_t index) { return "ep_" + std::to_string(index + 1); }

// One endpoint at the first of these addresses that answers; nullopt once the run is cancelled.
Task<std::optional<Endpoint>> look_at(Run& run, std::size_t index, EndpointProbe::Start start) {
  // Other scans of this address are let finish; that is not the target's own time.
  constexpr auto kPatience = std::chrono::hours(24);
  std::string key = start.addresses.front().to_string();
  auto slot = co_await run.endpoints_per_address->acquire(std::move(key), kPatience);
  if (!slot || run.cancelled) co_return std::nullopt;
  EndpointProbe probe(run.services, run.tools, run.profile, run.endpoints[index], std::move(start));
  auto endpoint = co_await probe.probe();
  co_return endpoint;
}

// The name's other addresses, one after the other and each with the target's time for itself.
Task<void> look_at_others(Run& run, const Schedule::Job& job, Endpoint& reported) {
  for (const net::IpAddress& address : addresses_to_compare(job.addresses, reported, run.profile)) {
    EndpointProbe::Start start{reported.id, {address}, {}};
    const auto other = co_await look_at(run, job.index, std::move(start));
    if (!other) co_return;
    reported.other_addresses.push_back(compare_address(reported, address, *other));
    reported.connections += other->connections;
    reported.duration_ms += other->duration_ms;
  }
  note_other_addresses(job.addresses, reported);
}

Task<void> probe_one(Run& run, Schedule::Job job) {
  const RunningJob running(run, job.addresses.front());
  EndpointProbe::Start start{endpoint_id(job.index), job.addresses, job.resolving};
  auto endpoint = co_await look_at(run, job.index, std::move(start));
  if (!endpoint) co_return;
  if (endpoint->reached && job.addresses.size() > 1) {
    co_await look_at_others(run, job, *endpoint);
  }
  endpoint->aliases = std::move(job.aliases);
  trim(*endpoint);
  if (!run.cancelled) run.sink(std::move(*endpoint));
}

Task<void> resolve_one(Run& run, std::size_t index) {
  const Services& services = run.services;
  const SteadyTime began = services.clock.steady_now();
  const auto budget =
      std::min(services.limits.connect + services.limits.handshake, services.limits.target);
  auto found = co_await services.dialer.resolve_checked(run.endpoints[index].host, began + budget);
  const auto took = services.clock.steady_now() - began;
  if (found && !found->addresses.empty()) {
    run.schedule.put({index, std::move(found->addresses), took, std::move(found->aliases)});
    run.wake_one();
    co_return;
  }
  run.schedule.drop();
  if (run.cancelled) co_return;
  Endpoint endpoint;
  endpoint.id = endpoint_id(index);
  endpoint.host = run.endpoints[index].host;
  endpoint.port = run.endpoints[index].port;
  endpoint.unreached_reason = found ? "the name has no address" : found.error().public_detail;
  endpoint.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  run.sink(std::move(endpoint));
}

Task<void> work(Run& run) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor);
  while (!run.cancelled) {
    if (auto job = run.schedule.take()) {
      co_await probe_one(run, std::move(*job));
    } else if (const auto index = run.schedule.begin()) {
      co_await resolve_one(run, *index);
    } else if (run.schedule.exhausted()) {
      run.wake_all();
      co_return;
    } else {
      timer.expires_at(asio::steady_timer::time_point::max());
      const IdlePlace place(run, timer);
      boost::system::error_code woken;
      auto token = asio::redirect_error(asio::use_awaitable, woken);
      co_await timer.async_wait(std::move(token));
    }
  }
}

Task<void> all_workers(Run& run) {
  const auto at_once = static_cast<std::size_t>(run.services.limits.probes_at_once);
  const std::size_t count = std::min(at_once, run.endpoints.size());
  std::vector<Task<void>> workers;
  workers.reserve(count);
  for (std::size_t i = 0; i < count; ++i) workers.push_back(work(run));
  co_await run_all(std::move(workers));
}

Task<void> watch_for_cancel(const std::atomic<bool>& cancelled) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (!cancelled) {
    timer.expires_after(kCancelCheck);
    co_await timer.async_wait(asio::use_awaitable);
  }
}

Task<void> run_on_strand(Run& run) {
  // Whichever ends first cancels the other; a cancelled probe closes its connections at once.
  const auto executor = co_await asio::this_coro::executor;
  auto workers = asio::co_spawn(executor, all_workers(run), asio::deferred);
  auto watcher = asio::co_spawn(executor, watch_for_cancel(run.cancelled), asio::deferred);
  auto group = asio::experimental::make_parallel_group(std::move(workers), std::move(watcher));
  auto token = asio::use_awaitable_t<>();
  const auto [order, workers_error, watcher_error] =
      co_await group.async_wait(asio::experimental::wait_for_one(), std::move(token));
  if (order.front() == 0 && workers_error) std::rethrow_exception(workers_error);
}

}  // namespace

Engine::Engine(net::Dialer& dialer, const Clock& clock, Random& random, EngineLimits limits)
    : shared_(std::make_unique<Shared>(dialer, clock, random, limits)) {}
int Engine::connections() const { return shared_->services.in_all->used(); }

Engine::~Engine() = default;

Task<void> Engine::run(std::vector<PlannedEndpoint> endpoints, Profile profile, Sink sink,
                       const std::atomic<bool>& cancelled) {
  if (endpoints.empty()) co_return;
  const std::size_t endpoint_count = endpoints.size();
  Run run{shared_->services,
          {shared_->trust},
          shared_->endpoints_per_address,
          std::move(endpoints),
          profile,
          sink,
          cancelled,
          Schedule(endpoint_count, shared_->endpoints_per_address_max),
          {}};
  const auto strand = asio::make_strand(co_await asio::this_coro::executor);
  auto body = run_on_strand(run);
  auto token = asio::use_awaitable_t<>();
  co_await asio::co_spawn(strand, std::move(body), std::move(token));
  // What hundreds of probes at once left behind, scattered between results that stay, goes back to
  // the system before the results are judged.
  if (endpoint_count >= kEndpointsWorthTrimming) ::malloc_trim(0);
}

Task<LiveHandshake> Engine::prove(PlannedEndpoint endpoint) {
  const auto strand = asio::make_strand(co_await asio::this_coro::executor);
  auto body = prove_endpoint(shared_->services, std::move(endpoint));
  auto token = asio::use_awaitable_t<>();
  auto result = co_await asio::co_spawn(strand, std::move(body), std::move(token));
  co_return result;
}

}  // namespace carnet::probe
