#pragma once
// Runs the probes of one scan: many endpoints at once, bounded in all and per address, each with a
// deadline that holds whatever the server does. A host is resolved once; its first address that
// answers is reported, and compared with others (other_addresses.h). Memory does not grow with the
// number of endpoints beyond what the sink keeps. The engine may run several scans at once on
// several executors; it owns nothing but its limits.

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "base/task.h"
#include "inventory/model.h"
#include "net/dialer.h"
#include "net/target.h"

namespace carnet::probe {

// Numbers of docs/limits.md; every one has a setting.
struct EngineLimits {
  int probes_at_once = 256;
  int probes_per_host = 4;
  // Connections to one address: so many at once from rest, then by the second. The burst lets a
  // whole standard profile (12) pass without a wait; more than one profile a second of one address
  // is what the rate holds back.
  int connect_burst_per_host = 20;
  int connects_per_host_per_second = 20;
  std::chrono::milliseconds connect{3000};
  std::chrono::milliseconds handshake{5000};
  std::chrono::milliseconds target{20000};
  std::size_t answer_bytes_max = 256 * 1024;
  // No bound, but a setting of the engine all the same: how a probe that speaks HTTP announces
  // itself.
  std::string user_agent = "carnet";  // limit: internal
};

struct PlannedEndpoint {
  std::string host;  // name or address literal
  std::uint16_t port = 0;
  std::string kind;    // a value of PlanRequest::kinds; "" = find out (endpoint_probe.h says how)
  std::string path{};  // kind "jwks": of the key set's URL; "" = find it
};

struct PlanRequest {
  std::vector<net::Target> targets;
  // "tls", "ssh", "email" (each mail protocol on its ports) or a protocol's name (protocols.h);
  // empty: by port.
  std::vector<std::string> kinds;
  std::vector<std::uint16_t> ports;  // empty: the target's own, else those of the kind, else 443
  std::size_t endpoints_max = 10000;
};

// Expands CIDR blocks and ports to endpoints without duplicates, in the order given.
// kValidationFailed ("targets") when it would pass endpoints_max, with the number that it comes to
// and the target that brings the most; or ("kinds") when a kind is unknown.
[[nodiscard]] Result<std::vector<PlannedEndpoint>> plan(const PlanRequest& request);

struct LiveHandshake;  // prove.h

class Engine {
 public:
  using Sink =
      std::function<void(inventory::Endpoint)>;  // called on the caller's executor, one at a time

  // The three references outlive the engine; `dialer` is the guarded one.
  Engine(net::Dialer& dialer, const Clock& clock, Random& random, EngineLimits limits);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  // Probes every endpoint and hands each to `sink` as it is done (reached or not). Returns when all
  // are done, or soon after `cancelled` became true (endpoints not begun are then not handed over).
  // Endpoint ids are "ep_1" … in plan order.
  [[nodiscard]] Task<void> run(std::vector<PlannedEndpoint> endpoints, inventory::Profile profile,
                               Sink sink, const std::atomic<bool>& cancelled);

  // One endpoint's live handshake, within the same limits (prove.h).
  [[nodiscard]] Task<LiveHandshake> prove(PlannedEndpoint endpoint);

  // Connections of all probes that are open now. Any thread.
  [[nodiscard]] int connections() const;

 private:
  struct Shared;  // limits, trust store, handshake client
  std::unique_ptr<const Shared> shared_;
};

}  // namespace carnet::probe
