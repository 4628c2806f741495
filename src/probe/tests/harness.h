#pragma once
// An engine with everything real: system resolver, guarded dialer that may reach loopback, system
// clock.

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <vector>

#include "net/dialer.h"
#include "probe/engine.h"

namespace carnet::probe::test {

class Harness {
 public:
  explicit Harness(EngineLimits limits = {},
                   std::unique_ptr<net::Resolver> resolver = net::make_system_resolver())
      : resolver_(std::move(resolver)), engine_(*dialer_, clock_, random_, limits) {}

  std::vector<inventory::Endpoint> run(std::vector<PlannedEndpoint> endpoints,
                                       inventory::Profile profile) {
    std::vector<inventory::Endpoint> out;
    boost::asio::io_context context;
    auto sink = [&](inventory::Endpoint endpoint) {
      out.push_back(std::move(endpoint));
      if (after_each) after_each();
    };
    std::exception_ptr failure;
    boost::asio::co_spawn(context, engine_.run(std::move(endpoints), profile, sink, cancelled),
                          [&failure](std::exception_ptr error) { failure = error; });
    context.run();
    if (failure) std::rethrow_exception(failure);
    return out;
  }
  // Begins a run and tears it down, unfinished, once `until` is true: what a server's stop does.
  void abandon(std::vector<PlannedEndpoint> endpoints, const std::function<bool()>& until) {
    boost::asio::io_context context;
    const Engine::Sink sink = [](inventory::Endpoint) {};
    boost::asio::co_spawn(
        context, engine_.run(std::move(endpoints), inventory::Profile::kStandard, sink, cancelled),
        [](const std::exception_ptr&) {});
    while (!until()) context.run_one_for(std::chrono::milliseconds(10));
  }
  inventory::Endpoint one(std::uint16_t port, std::string kind = "tls",
                          inventory::Profile profile = inventory::Profile::kStandard,
                          std::string host = "127.0.0.1") {
    auto all = run({{std::move(host), port, std::move(kind)}}, profile);
    EXPECT_EQ(all.size(), 1u);
    return all.empty() ? inventory::Endpoint{} : std::move(all.front());
  }

  std::atomic<bool> cancelled{false};
  std::function<void()> after_each;

 private:
  SystemClock clock_;
  SystemRandom random_;
  std::unique_ptr<net::Resolver> resolver_;
  net::AddressPolicy policy_{net::AddressPolicy::special_purpose_ranges(),
                             {*net::Cidr::parse("127.0.0.0/8"), *net::Cidr::parse("::1/128")}};
  std::unique_ptr<net::Dialer> dialer_ = net::make_guarded_dialer(*resolver_, policy_, clock_);
  Engine engine_;
};

// Names of the groups in one of these states, in the order reported.
inline std::vector<std::string> groups_in(const inventory::TlsObservation& tls,
                                          std::initializer_list<inventory::Support> states) {
  std::vector<std::string> out;
  for (const auto& group : tls.groups) {
    for (const auto state : states) {
      if (group.state == state) out.push_back(group.name);
    }
  }
  return out;
}
inline std::vector<std::string> supported_groups(const inventory::TlsObservation& tls) {
  return groups_in(tls, {inventory::Support::kPreferred, inventory::Support::kSupported});
}
inline inventory::Support state_of(const inventory::TlsObservation& tls, std::string_view version) {
  for (const auto& entry : tls.versions) {
    if (entry.version == version) return entry.state;
  }
  return inventory::Support::kNotTested;
}
inline bool has_finding(const std::vector<inventory::Finding>& findings, std::string_view code) {
  return std::any_of(findings.begin(), findings.end(),
                     [&](const auto& finding) { return finding.code == code; });
}
inline std::vector<std::string> suite_names(const inventory::TlsObservation& tls,
                                            std::string_view version) {
  std::vector<std::string> out;
  for (const auto& suite : tls.cipher_suites) {
    if (suite.version == version) out.push_back(suite.name);
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace carnet::probe::test
