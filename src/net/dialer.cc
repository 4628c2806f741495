#include "net/dialer.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

namespace carnet::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// "3 s", "1.5 s", "300 ms"
std::string describe(std::chrono::milliseconds time) {
  const auto ms = time.count();
  if (ms < 1000) return std::to_string(ms) + " ms";
  const auto tenths = (ms + 50) / 100;
  if (tenths % 10 == 0) return std::to_string(tenths / 10) + " s";
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " s";
}

std::string describe(const error_code& error) {
  switch (error.value()) {
    case ECONNREFUSED:
      return "connection refused";
    case ECONNRESET:
    case EPIPE:
    case ECONNABORTED:
      return "connection reset";
    case ENETUNREACH:
      return "network unreachable";
    case EHOSTUNREACH:
      return "host unreachable";
    case ETIMEDOUT:
      return "timed out in the network";
    case EMFILE:
    case ENFILE:
      return "this machine has no free file descriptor";
    case EADDRNOTAVAIL:
      return "this machine has no free local port";
    case ECANCELED:
      return "cancelled";
    default:
      return error.message();
  }
}

// Socket and timer together. The timer's handler holds the state, so it may fire after the
// connection is gone; it then finds a closed socket.
struct Stream : std::enable_shared_from_this<Stream> {
  Stream(const asio::any_io_executor& executor, const Clock& clock_in)
      : socket(executor), timer(executor), clock(clock_in) {}

  tcp::socket socket;
  asio::steady_timer timer;
  const Clock& clock;
  std::optional<SteadyTime> armed;
  SteadyTime armed_since{};  // when this deadline was first waited for
  bool timed_out = false;

  // Lets `deadline` cancel whatever the socket is doing. The timer stays between calls of one
  // deadline: a probe reads many times before one and the same end.
  void arm(SteadyTime deadline) {
    if (armed == deadline) return;
    armed = deadline;
    armed_since = clock.steady_now();
    timed_out = false;
    timer.expires_after(deadline - clock.steady_now());
    std::weak_ptr<Stream> weak = weak_from_this();
    timer.async_wait([weak, deadline](const error_code& error) {
      const auto self = weak.lock();
      if (error || !self || self->armed != deadline) return;
      self->timed_out = true;
      error_code ignored;
      self->socket.cancel(ignored);
    });
  }
  void close() {
    error_code ignored;
    armed.reset();
    timer.cancel();
    socket.close(ignored);
  }
  [[nodiscard]] bool expired(SteadyTime deadline) const {
    return timed_out || clock.steady_now() >= deadline;
  }
  [[nodiscard]] tl::unexpected<Error> failure(const error_code& error) const {
    if (timed_out || error.value() == ETIMEDOUT) return timeout();
    return make_error(ErrorCode::kUnavailable, describe(error));
  }
  [[nodiscard]] tl::unexpected<Error> timeout() const {
    const auto until = timed_out ? *armed : clock.steady_now();
    const auto waited = std::chrono::round<std::chrono::milliseconds>(until - armed_since);
    return make_error(
        ErrorCode::kUnavailable,
        "timed out after " + describe(std::max(waited, std::chrono::milliseconds(0))));
  }
};

class TcpConnection final : public Connection {
 public:
  TcpConnection(std::shared_ptr<Stream> stream, const IpAddress& address)
      : stream_(std::move(stream)), address_(address) {}
  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;
  ~TcpConnection() override { stream_->close(); }

  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into, SteadyTime deadline) override {
    stream_->arm(deadline);
    if (stream_->expired(deadline)) co_return stream_->timeout();
    error_code error;
    const auto buffer = asio::buffer(into.data(), into.size());
    auto token = asio::redirect_error(asio::use_awaitable, error);
    const std::size_t got = co_await stream_->socket.async_read_some(buffer, std::move(token));
    if (!error) co_return got;
    if (error == asio::error::eof) co_return std::size_t{0};
    co_return stream_->failure(error);
  }

  Task<Result<void>> write_all(std::span<const std::uint8_t> data, SteadyTime deadline) override {
    stream_->arm(deadline);
    if (stream_->expired(deadline)) co_return stream_->timeout();
    error_code error;
    const auto buffer = asio::buffer(data.data(), data.size());
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await asio::async_write(stream_->socket, buffer, std::move(token));
    if (!error) co_return Result<void>();
    co_return stream_->failure(error);
  }

  IpAddress address() const override { return address_; }
  void close() override { stream_->close(); }

 private:
  std::shared_ptr<Stream> stream_;
  IpAddress address_;
};

tcp::endpoint endpoint_of(const IpAddress& address, std::uint16_t port) {
  if (address.is_v4()) {
    asio::ip::address_v4::bytes_type bytes{};
    std::copy(address.bytes.begin() + 12, address.bytes.end(), bytes.begin());
    return {asio::ip::address_v4(bytes), port};
  }
  asio::ip::address_v6::bytes_type bytes{};
  std::copy(address.bytes.begin(), address.bytes.end(), bytes.begin());
  return {asio::ip::address_v6(bytes), port};
}

class GuardedDialer final : public Dialer {
 public:
  GuardedDialer(Resolver& resolver, const AddressPolicy& policy, const Clock& clock,
                const OwnListeners* own)
      : resolver_(resolver), policy_(policy), clock_(clock), own_(own) {}

  Task<Result<ResolvedName>> resolve_checked(const std::string& host,
                                             SteadyTime deadline) override {
    auto found = co_await resolver_.resolve(host, deadline);
    if (!found) co_return found;
    const bool metadata = AddressPolicy::is_metadata_name(host);
    for (const IpAddress& address : found->addresses) {
      CARNET_CO_TRY_VOID(check(address, host));
      if (metadata && !policy_.explicitly_allowed(address)) {
        co_return make_error(ErrorCode::kTargetNotAuthorized,
                             host +
                                 " is the name of a cloud's metadata service, which is not "
                                 "scanned; the operator of this server can allow its address.");
      }
    }
    found->addresses = dial_order(std::move(found->addresses));
    co_return found;
  }

  Task<Result<std::unique_ptr<Connection>>> dial(IpAddress address, std::uint16_t port,
                                                 SteadyTime deadline) override {
    CARNET_CO_TRY_VOID(check(address, address.to_string()));
    if (own_ != nullptr && own_->holds(address, port)) {
      co_return make_error(ErrorCode::kTargetNotAuthorized,
                           "Port " + std::to_string(port) + " of " + address.to_string() +
                               " is this server itself, which it does not scan.");
    }
    const auto executor = co_await asio::this_coro::executor;
    auto stream = std::make_shared<Stream>(executor, clock_);
    std::unique_ptr<Connection> connection = std::make_unique<TcpConnection>(stream, address);
    stream->arm(deadline);
    if (stream->expired(deadline)) co_return stream->timeout();
    error_code error;
    const auto endpoint = endpoint_of(address, port);
    auto token = asio::redirect_error(asio::use_awaitable, error);
    co_await stream->socket.async_connect(endpoint, std::move(token));
    if (error) co_return stream->failure(error);
    stream->socket.set_option(tcp::no_delay(true), error);
    co_return connection;
  }

 private:
  Result<void> check(const IpAddress& address, const std::string& host) const {
    const auto block = policy_.denying_block(address);
    if (!block) return {};
    const std::string text = address.to_string();
    const std::string who =
        host == text ? "The address " + text : host + " has the address " + text + ", which";
    return make_error(ErrorCode::kTargetNotAuthorized,
                      who + " is in the special-purpose block " + block->to_string() +
                          "; the operator of this server can allow it with --allow-targets " +
                          text + (address.is_v4() ? "/32." : "/128."));
  }

  Resolver& resolver_;
  const AddressPolicy& policy_;
  const Clock& clock_;
  const OwnListeners* own_;
};

}  // namespace

std::unique_ptr<Dialer> make_guarded_dialer(Resolver& resolver, const AddressPolicy& policy,
                                            const Clock& clock, const OwnListeners* own) {
  return std::make_unique<GuardedDialer>(resolver, policy, clock, own);
}

}  // namespace carnet::net
