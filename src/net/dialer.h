#pragma once
// The only way out. Every outbound byte of Carnet goes through a Dialer; the guarded one resolves a
// name once, lets every address pass the policy, and connects to a checked address. Objects are
// created by app/ and outlive their users. A Dialer may be used from any thread; a Connection
// belongs to the coroutine that dialled it.

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/task.h"
#include "net/ip.h"

namespace carnet::net {

// One byte stream. Every call ends by `deadline` with kUnavailable "timed out after …".
class Connection {
 public:
  virtual ~Connection() = default;
  // At least one byte; 0 means the peer closed in order. A reset is an error whose public_detail is
  // "connection reset".
  [[nodiscard]] virtual Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into,
                                                            SteadyTime deadline) = 0;
  [[nodiscard]] virtual Task<Result<void>> write_all(std::span<const std::uint8_t> data,
                                                     SteadyTime deadline) = 0;
  [[nodiscard]] virtual IpAddress address() const = 0;
  virtual void close() = 0;  // at once; destruction closes too
};

// What a name leads to.
struct ResolvedName {
  std::vector<IpAddress> addresses;  // each once; never empty in an answer
  // The names that it is an alias of (CNAME), one of the other, the last being the one that has the
  // addresses. As the name server wrote them, but in lower case and without control characters; at
  // most 16.
  std::vector<std::string> aliases;
};

class Resolver {
 public:
  virtual ~Resolver() = default;
  // Every address of a name, or the address itself for a literal; public_detail says "no such
  // name", "no address" …
  [[nodiscard]] virtual Task<Result<ResolvedName>> resolve(const std::string& host,
                                                           SteadyTime deadline) = 0;
};

struct NameServer {
  IpAddress address;
  std::uint16_t port = 53;
};
// "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:5353". kValidationFailed with a
// phrase that says what would be right.
[[nodiscard]] Result<NameServer> parse_name_server(std::string_view text);

// c-ares on a thread of its own that ends with it. It asks `servers` over UDP, and over TCP where
// an answer was cut short; none means those of resolv.conf. The hosts file counts before either.
// Names are absolute: the search list of resolv.conf is not used, so that a name somebody attested
// to never becomes another one. Nothing is cached: what a name leads to is asked anew each time.
// Works from any executor. Bounds: 4,096 names in work, 64 addresses a name. What is pending
// when it is destroyed fails; the executors that wait for it must still be there.
[[nodiscard]] std::unique_ptr<Resolver> make_resolver(std::vector<NameServer> servers);
[[nodiscard]] inline std::unique_ptr<Resolver> make_system_resolver() { return make_resolver({}); }

// Which addresses may be dialled: public space, and special-purpose space only where the operator
// allowed the block. A cloud's metadata service (data/cloud_metadata.txt) is opened only by a block
// that is its very address: whoever opens a private network does not mean the credentials in it.
class AddressPolicy {
 public:
  // `denied` comes from data/deny_ranges.txt; `allowed` from --allow-targets.
  AddressPolicy(std::vector<Cidr> denied, std::vector<Cidr> allowed)
      : denied_(std::move(denied)), allowed_(std::move(allowed)) {}
  [[nodiscard]] static std::vector<Cidr> special_purpose_ranges();  // the embedded data file
  // True if dialling is fine. IPv4-mapped, NAT64, 6to4, Teredo and ISATAP forms are judged by the
  // IPv4 address inside too.
  [[nodiscard]] bool permits(const IpAddress& address) const;
  // The block that forbids the address (or the IPv4 address inside it); nullopt if dialling is
  // fine.
  [[nodiscard]] std::optional<Cidr> denying_block(const IpAddress& address) const;
  // Names under which clouds serve their metadata; what they lead to must be explicitly allowed.
  [[nodiscard]] static bool is_metadata_name(std::string_view host);
  // True only if an operator's --allow-targets block holds it (used to skip the tenant's
  // attestation on own networks).
  [[nodiscard]] bool explicitly_allowed(const IpAddress& address) const;

 private:
  std::vector<Cidr> denied_, allowed_;
};

// Where this process itself listens. A listener is never dialled, not even if its block is allowed:
// nobody scans Carnet through Carnet. Thread-safe.
class OwnListeners {
 public:
  // The unspecified address (0.0.0.0, ::) stands for every address of this machine.
  void add(const IpAddress& address, std::uint16_t port);
  void remove(const IpAddress& address, std::uint16_t port);
  [[nodiscard]] bool holds(const IpAddress& address, std::uint16_t port) const;

 private:
  struct Entry {
    IpAddress address;
    std::uint16_t port = 0;
    auto operator<=>(const Entry&) const = default;
  };
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

class Dialer {
 public:
  virtual ~Dialer() = default;
  // Resolves once; the addresses, every one of which passed the policy, in the order in which they
  // are to be tried (dial_order). kTargetNotAuthorized if one does not pass.
  [[nodiscard]] virtual Task<Result<ResolvedName>> resolve_checked(const std::string& host,
                                                                   SteadyTime deadline) = 0;
  // Connects to an address that is checked again. kUnavailable with "connection refused", "timed
  // out after 3 s", …
  [[nodiscard]] virtual Task<Result<std::unique_ptr<Connection>>> dial(IpAddress address,
                                                                       std::uint16_t port,
                                                                       SteadyTime deadline) = 0;
};

// All arguments outlive the dialer. `own` may be null (a command line without a server). The
// executor that awaits must run one handler at a time (a single-threaded io_context or a strand):
// the connection's timer and socket share it.
[[nodiscard]] std::unique_ptr<Dialer> make_guarded_dialer(Resolver& resolver,
                                                          const AddressPolicy& policy,
                                                          const Clock& clock,
                                                          const OwnListeners* own = nullptr);

}  // namespace carnet::net
