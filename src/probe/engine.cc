#include "probe/engine.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/check.h"
#include "probe/ssh_probe.h"
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
                 std::make_shared<RateLimit>(limits.connects_per_host_per_second)},
        // Half as many endpoints of one host as connections: each must get its share of the
        // connections per second within its own time limit.
        endpoints_per_host(std::make_shared<Slots>(std::max(1, limits.probes_per_host / 2))) {
    CARNET_CHECK(limits.probes_at_once > 0 && limits.probes_per_host > 0);
    CARNET_CHECK(limits.connects_per_host_per_second > 0);
  }

  EngineLimits limits;
  Services services;
  std::shared_ptr<Slots> endpoints_per_host;
  HandshakeClient handshake;
  TrustStore trust;
};

namespace {

constexpr auto kCancelCheck = std::chrono::milliseconds(50);
constexpr auto kServerFirstWait = std::chrono::milliseconds(300);

bool is_ssh_port(std::uint16_t port) { return port == 22 || port == 2222 || port == 22222; }
// Ports whose servers wait for the client's hello, so that nothing is to be heard first.
bool is_tls_port(std::uint16_t port) {
  constexpr std::array<std::uint16_t, 14> kPorts{443, 465, 563, 636, 853,  989,  990,
                                                 992, 993, 994, 995, 5061, 5223, 8443};
  return std::find(kPorts.begin(), kPorts.end(), port) != kPorts.end();
}

// What one run needs besides the engine's own.
struct Run {
  const Services& services;
  const TlsTools tools;
  const std::shared_ptr<Slots> endpoints_per_host;
  const std::vector<PlannedEndpoint> endpoints;
  const Profile profile;
  const Engine::Sink& sink;
  const std::atomic<bool>& cancelled;
  std::size_t next = 0;
};

class EndpointProbe {
 public:
  EndpointProbe(Run& run, std::size_t index)
      : run_(run),
        planned_(run.endpoints[index]),
        began_(run.services.clock.steady_now()),
        wire_(run.services, planned_.host, planned_.port, began_ + run.services.limits.target) {
    out_.id = "ep_" + std::to_string(index + 1);
    out_.host = planned_.host;
    out_.port = planned_.port;
  }

  Task<Endpoint> probe() {
    const auto reached = co_await wire_.reach();
    if (!reached) {
      out_.unreached_reason = reached.error().public_detail;
    } else {
      out_.address = wire_.address().to_string();
      co_await identify_and_probe();
    }
    out_.reached = !out_.protocol.empty();
    if (out_.reached) out_.unreached_reason.clear();
    out_.connections = wire_.connections();
    const auto took = run_.services.clock.steady_now() - began_;
    out_.duration_ms = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
    co_return std::move(out_);
  }

 private:
  Task<void> identify_and_probe() {
    if (planned_.kind == "ssh") {
      co_await try_ssh();
      co_return;
    }
    if (planned_.kind.empty()) {
      if (is_ssh_port(planned_.port)) {
        if (co_await try_ssh()) co_return;
      } else if (!is_tls_port(planned_.port)) {
        const bool ssh = co_await server_greets_with_ssh();
        if (ssh && co_await try_ssh()) co_return;
      }
    }
    const auto tls = co_await probe_tls(wire_, run_.tools, run_.profile);
    if (tls.observation) {
      out_.protocol = "tls";
      out_.tls = tls.observation;
      co_return;
    }
    out_.unreached_reason = tls.reason;
    if (planned_.kind.empty() && tls.speaks_ssh) co_await try_ssh();
  }

  Task<bool> try_ssh() {
    auto ssh = co_await probe_ssh(wire_);
    if (!ssh.observation) {
      out_.unreached_reason = ssh.reason;
      co_return false;
    }
    out_.protocol = "ssh";
    out_.ssh = std::move(ssh.observation);
    co_return true;
  }

  Task<bool> server_greets_with_ssh() {
    auto channel = co_await wire_.open();
    if (!channel) co_return false;
    std::array<std::uint8_t, 4> start{};
    std::size_t have = 0;
    const SteadyTime until =
        std::min(run_.services.clock.steady_now() + kServerFirstWait, channel->deadline);
    while (have < start.size()) {
      const auto rest = std::span(start).subspan(have);
      const auto got = co_await channel->connection->read_some(rest, until);
      if (!got || *got == 0) co_return false;
      have += *got;
    }
    co_return as_text(start) == "SSH-";
  }

  Run& run_;
  const PlannedEndpoint& planned_;
  SteadyTime began_;
  Wire wire_;
  Endpoint out_;
};

Task<void> probe_one(Run& run, std::size_t index) {
  // Waiting for other ports of the same host is not the target's own time.
  constexpr auto kPatience = std::chrono::hours(24);
  auto slot = co_await run.endpoints_per_host->acquire(run.endpoints[index].host, kPatience);
  if (!slot || run.cancelled) co_return;
  EndpointProbe probe(run, index);
  Endpoint endpoint = co_await probe.probe();
  if (!run.cancelled) run.sink(std::move(endpoint));
}

Task<void> work(Run& run) {
  while (!run.cancelled && run.next < run.endpoints.size()) {
    const std::size_t index = run.next++;
    co_await probe_one(run, index);
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
Engine::~Engine() = default;

Task<void> Engine::run(std::vector<PlannedEndpoint> endpoints, Profile profile, Sink sink,
                       const std::atomic<bool>& cancelled) {
  if (endpoints.empty()) co_return;
  Run run{shared_->services,
          {shared_->handshake, shared_->trust},
          shared_->endpoints_per_host,
          std::move(endpoints),
          profile,
          sink,
          cancelled};
  const auto strand = asio::make_strand(co_await asio::this_coro::executor);
  auto body = run_on_strand(run);
  auto token = asio::use_awaitable_t<>();
  co_await asio::co_spawn(strand, std::move(body), std::move(token));
}

}  // namespace carnet::probe
