#pragma once
// One endpoint's way to the network: connections within the limits and the target's deadline.
// Created by the engine for one endpoint and used by its coroutines on one strand; not thread-safe.

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/random.h"
#include "base/task.h"
#include "net/dialer.h"
#include "probe/engine.h"
#include "probe/limiter.h"

namespace carnet::probe {

// What every probe of an engine shares.
struct Services {
  net::Dialer& dialer;
  const Clock& clock;
  Random& random;
  const EngineLimits& limits;
  std::shared_ptr<Slots> in_all, per_host;
  std::shared_ptr<RateLimit> rate;
};

// A connection with its place in the limits; `deadline` is for the whole exchange.
struct Channel {
  Slots::Slot host_slot, slot;
  std::unique_ptr<net::Connection> connection;
  SteadyTime deadline;
};

// What an endpoint's protocol says before its first TLS byte: the dialogue that ends with the
// server's go-ahead for STARTTLS. One object serves all connections of an endpoint, several at
// once; it lives as long as the Wire and runs on the same strand.
class Preamble {
 public:
  virtual ~Preamble() = default;
  // Speaks on a fresh connection until the next byte may be a ClientHello. Nothing that the server
  // sent before that may be left for TLS: the preamble reads, judges and drops it. An error's
  // public_detail is the phrase for people ("the server does not offer STARTTLS").
  [[nodiscard]] virtual Task<Result<void>> run(net::Connection& connection,
                                               SteadyTime deadline) = 0;
};

class Wire {
 public:
  // Room for what one read brings. It goes back to the wire that lent it, which keeps it for the
  // next connection: clearing and freeing it would cost as much as the parsing.
  class ReadRoom {
   public:
    explicit ReadRoom(Wire& wire);
    ReadRoom(const ReadRoom&) = delete;
    ReadRoom& operator=(const ReadRoom&) = delete;
    ~ReadRoom() { wire_.read_rooms_.push_back(std::move(bytes_)); }
    [[nodiscard]] std::span<std::uint8_t> all() { return bytes_; }
    [[nodiscard]] std::span<const std::uint8_t> first(std::size_t count) const {
      return std::span(bytes_).first(count);
    }

   private:
    Wire& wire_;
    Bytes bytes_;
  };

  Wire(const Services& services, std::string host, std::uint16_t port, SteadyTime target_deadline)
      : services_(services),
        host_(std::move(host)),
        port_(port),
        target_deadline_(target_deadline) {}

  // Resolves (unless the addresses are known) and connects to the first address that answers, each
  // with the connect limit for itself; the connection is kept for the first open(). The error's
  // public_detail is the unreached_reason.
  [[nodiscard]] Task<Result<void>> reach();
  // What resolve_checked() gave before; each is checked again when it is dialled.
  void set_addresses(std::vector<net::IpAddress> addresses) { addresses_ = std::move(addresses); }
  // A fresh connection to the address that reach() found, nothing said on it.
  [[nodiscard]] Task<Result<Channel>> open();
  // The one way to a connection for TLS: open(), then the preamble if there is one. The channel's
  // deadline counts from the end of the preamble, which has as much time for itself.
  [[nodiscard]] Task<Result<Channel>> open_tls();
  // Keeps a connection for the next open(), which gives it a deadline of its own; one that was kept
  // before is closed.
  void put_back(Channel channel) { first_ = std::move(channel); }
  // Every open_tls() from here on begins with it; null (as at first) for implicit TLS.
  void set_preamble(Preamble* preamble) { preamble_ = preamble; }
  [[nodiscard]] bool has_preamble() const { return preamble_ != nullptr; }

  [[nodiscard]] const std::string& host() const { return host_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string server_name() const;  // for SNI: "" for an address
  [[nodiscard]] const net::IpAddress& address() const { return address_; }
  // What the last connect took, which is about one round trip.
  [[nodiscard]] std::chrono::steady_clock::duration connect_took() const { return connect_took_; }
  // The addresses that reach() tried in vain before, with the reason of each.
  struct PassedOver {
    net::IpAddress address;
    std::string reason;
  };
  [[nodiscard]] const std::vector<PassedOver>& passed_over() const { return passed_over_; }
  [[nodiscard]] int connections() const { return connections_; }
  [[nodiscard]] bool out_of_time() const {
    return services_.clock.steady_now() >= target_deadline_;
  }
  [[nodiscard]] const Services& services() const { return services_; }

 private:
  [[nodiscard]] Task<Result<Channel>> dial(net::IpAddress address);

  const Services& services_;
  std::string host_;
  std::uint16_t port_;
  SteadyTime target_deadline_;
  std::vector<net::IpAddress> addresses_;
  std::vector<PassedOver> passed_over_;
  net::IpAddress address_;
  std::optional<Channel> first_;
  Preamble* preamble_ = nullptr;
  int connections_ = 0;
  std::chrono::steady_clock::duration connect_took_{};
  std::vector<Bytes> read_rooms_;  // as many as there were reads at once
};

// Runs all of them at once on the awaiting executor and returns when the last is done; the first
// exception is rethrown then. A cancellation reaches every one.
[[nodiscard]] Task<void> run_all(std::vector<Task<void>> tasks);

}  // namespace carnet::probe
