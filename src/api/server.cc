// Accepting, admission and the sweeper. One client's life is in connection.cc.

#include "api/server.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <charconv>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "api/connection.h"

namespace carnet::api {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kBacklog = 4096;
// What the kernel may hold of an answer besides what is on its way. Bounds the memory that a slow
// reader costs, and makes its progress visible.
constexpr int kNotSentBytesMax = 128 * 1024;
constexpr std::size_t kRefusalsAtOnceMax =
    256;  // connections over the cap that still get an answer

// IPv4 and IPv4-mapped alike, in the 128-bit form.
net::IpAddress address_of(const asio::ip::address& address) {
  net::IpAddress out;
  if (address.is_v6()) {
    const auto bytes = address.to_v6().to_bytes();
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin());
  } else {
    const auto bytes = address.to_v4().to_bytes();
    out.bytes[10] = out.bytes[11] = 0xFF;
    std::copy(bytes.begin(), bytes.end(), out.bytes.begin() + 12);
  }
  return out;
}

// A site has a /64 of IPv6 at the least; one address of it is nobody.
net::IpAddress bucket_of(net::IpAddress address) {
  if (!address.is_v4()) std::fill(address.bytes.begin() + 8, address.bytes.end(), std::uint8_t{0});
  return address;
}

Result<tcp::endpoint> parse_endpoint(const std::string& text) {
  const auto fault = [&text] {
    return make_error(
        ErrorCode::kValidationFailed,
        fmt::format(
            "Cannot listen on \"{}\": write ADDRESS:PORT, such as 127.0.0.1:8080 or [::1]:8080.",
            text));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return fault();
  std::string host = text.substr(0, colon);
  const std::string port_text = text.substr(colon + 1);
  unsigned port = 0;
  const auto parsed = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (port_text.empty() || parsed.ec != std::errc{} ||
      parsed.ptr != port_text.data() + port_text.size() || port > 65535)
    return fault();
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty()) host = "0.0.0.0";
  if (host == "localhost") host = "127.0.0.1";
  error_code failure;
  const auto address = asio::ip::make_address(host, failure);
  if (failure || address.is_v6() != bracketed) return fault();
  return tcp::endpoint(address, static_cast<std::uint16_t>(port));
}

std::string to_text(const tcp::endpoint& endpoint) {
  return endpoint.address().is_v6()
             ? fmt::format("[{}]:{}", endpoint.address().to_string(), endpoint.port())
             : fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
}

using V6Only = asio::detail::socket_option::boolean<IPPROTO_IPV6, IPV6_V6ONLY>;
using NotSentLowAt = asio::detail::socket_option::integer<IPPROTO_TCP, TCP_NOTSENT_LOWAT>;
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

error_code bind_acceptor(tcp::acceptor& acceptor, const tcp::endpoint& endpoint, bool share_port) {
  error_code failure;
  acceptor.open(endpoint.protocol(), failure);
  if (!failure) acceptor.set_option(tcp::acceptor::reuse_address(true), failure);
  if (!failure && share_port) acceptor.set_option(ReusePort(true), failure);
  if (!failure && endpoint.address().is_v6()) acceptor.set_option(V6Only(true), failure);
  if (!failure) acceptor.bind(endpoint, failure);
  return failure;
}

tl::unexpected<Error> cannot_listen(const tcp::endpoint& endpoint, const error_code& failure) {
  return make_error(ErrorCode::kUnavailable,
                    fmt::format("Cannot listen on {}: {}.", to_text(endpoint),
                                failure == asio::error::address_in_use ? "address already in use"
                                                                       : failure.message()));
}

// The endpoint with its port known and free: a socket that does not share its port is refused where
// any process listens, even one that shares.
Result<tcp::endpoint> claim_endpoint(asio::io_context& context, const tcp::endpoint& wanted) {
  tcp::acceptor probe(context);
  if (const error_code failure = bind_acceptor(probe, wanted, false))
    return cannot_listen(wanted, failure);
  error_code failure;
  probe.listen(1, failure);
  if (failure) return cannot_listen(wanted, failure);
  return probe.local_endpoint();
}

bool out_of_descriptors(const error_code& failure) {
  return failure == boost::system::errc::too_many_files_open ||
         failure == boost::system::errc::too_many_files_open_in_system ||
         failure == boost::system::errc::no_buffer_space ||
         failure == boost::system::errc::not_enough_memory;
}

// Ends the connection of this core that has waited for a request the longest. The others of the
// process are not looked at: the kernel spreads connections evenly.
bool make_room(Core& core) {
  if (core.waiting_first == nullptr) return false;
  core.waiting_first->give_way();
  core.state->made_room.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void start_connection(const std::shared_ptr<Core>& core, tcp::socket socket) {
  Server::State& state = *core->state;
  state.accepted.fetch_add(1, std::memory_order_relaxed);
  error_code failure;
  const tcp::endpoint peer = socket.remote_endpoint(failure);
  if (failure) return;
  socket.non_blocking(true, failure);
  socket.set_option(tcp::no_delay(true), failure);
  socket.set_option(NotSentLowAt(kNotSentBytesMax), failure);
  const net::IpAddress address = address_of(peer.address());
  const std::uint64_t open = state.open.load(std::memory_order_relaxed);
  if (open >= state.options.connections_max + kRefusalsAtOnceMax)
    return;  // no answer: that would cost what is short
  Admission admission = Admission::kWelcome;
  bool counted = false;
  const auto is_proxy = [&address](const net::Cidr& block) { return block.contains(address); };
  const auto& proxies = state.options.trusted_proxies;
  if (std::none_of(proxies.begin(), proxies.end(), is_proxy)) {
    counted = state.take_address(address);
    if (!counted) admission = Admission::kTooManyFromAddress;
  }
  // Behind the address's own limit: who has too many takes nobody's place.
  if (admission == Admission::kWelcome && open >= state.options.connections_max &&
      !make_room(*core))
    admission = Admission::kTooMany;
  auto connection = std::make_unique<Connection>(core, std::move(socket), address, counted);
  asio::co_spawn(core->context, Connection::run(std::move(connection), admission), asio::detached);
}

// No descriptor is left: give up the reserve for a moment, so that this client is closed instead of
// left hanging.
void shed_one(Core& core, tcp::acceptor& acceptor) {
  if (core.reserve_fd >= 0) ::close(core.reserve_fd);
  const int victim =
      ::accept4(acceptor.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (victim >= 0 && core.state->tls.load(std::memory_order_relaxed)) {
    ::close(victim);
    core.state->refused.fetch_add(1, std::memory_order_relaxed);
  } else if (victim >= 0) {
    constexpr std::string_view kAnswer =
        "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: "
        "close\r\n\r\n";
    [[maybe_unused]] const ssize_t sent = ::write(victim, kAnswer.data(), kAnswer.size());
    ::close(victim);
    core.state->refused.fetch_add(1, std::memory_order_relaxed);
  }
  core.reserve_fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

Task<void> accept_loop(std::shared_ptr<Core> core, std::size_t index) {
  asio::steady_timer pause(core->context);
  while (!core->stopped) {
    error_code failure;
    tcp::acceptor& acceptor = core->acceptors[index];
    tcp::socket socket =
        co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, failure));
    if (core->stopped || failure == asio::error::operation_aborted ||
        failure == asio::error::bad_descriptor)
      co_return;
    if (!failure) {
      start_connection(core, std::move(socket));
      continue;
    }
    if (!out_of_descriptors(failure)) continue;  // the client went away again
    if (make_room(*core)) {
      // Its descriptor is free once it has run.
      co_await asio::post(core->context, asio::use_awaitable);
      continue;
    }
    core->state->log.warn("accept_failed", {{"reason", failure.message()}});
    shed_one(*core, acceptor);
    pause.expires_after(std::chrono::milliseconds(50));
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, failure));
  }
}

Task<void> sweep_loop(std::shared_ptr<Core> core) {
  while (!core->stopped) {
    error_code failure;
    core->sweeper.expires_after(core->state->options.sweep_interval);
    co_await core->sweeper.async_wait(asio::redirect_error(asio::use_awaitable, failure));
    core->now = std::chrono::steady_clock::now();
    const bool draining = core->state->draining.load(std::memory_order_relaxed);
    for (Connection* connection = core->first; connection != nullptr;
         connection = connection->next())
      connection->sweep(core->now, draining);
  }
}

void close_acceptors(Core& core) {
  for (tcp::acceptor& acceptor : core.acceptors) {
    error_code ignored;
    acceptor.close(ignored);
  }
}

}  // namespace

std::string_view Core::date_text() {
  const std::int64_t second = ::time(nullptr);
  if (second != date_second) {
    date_second = second;
    date = imf_fixdate(second);
  }
  return date;
}

Core::~Core() {
  if (reserve_fd >= 0) ::close(reserve_fd);
}

bool Server::State::take_address(const net::IpAddress& address) {
  const std::lock_guard lock(address_mutex);
  std::size_t& count = per_address[bucket_of(address)];
  if (count >= options.connections_per_address_max) return false;
  ++count;
  return true;
}

void Server::State::release_address(const net::IpAddress& address) {
  const std::lock_guard lock(address_mutex);
  const auto found = per_address.find(bucket_of(address));
  if (found != per_address.end() && --found->second == 0) per_address.erase(found);
}

Server::Server(Options options, Handler& handler, const Log& log)
    : state_(std::make_shared<State>(std::move(options), handler, log)) {}

Server::~Server() { stop(); }

std::shared_ptr<const TlsIdentity> Server::State::current_identity() {
  const std::lock_guard lock(identity_mutex);
  return identity;
}

void Server::use_tls(std::shared_ptr<const TlsIdentity> identity) {
  {
    const std::lock_guard lock(state_->identity_mutex);
    state_->identity = std::move(identity);
  }
  const std::lock_guard lock(state_->listen_mutex);
  if (state_->cores.empty()) state_->tls = true;
}

Result<std::vector<std::string>> Server::listen(const std::vector<std::string>& endpoints,
                                                const std::vector<asio::io_context*>& contexts) {
  std::vector<std::shared_ptr<Core>> cores;
  cores.reserve(contexts.size());
  for (asio::io_context* context : contexts)
    cores.push_back(std::make_shared<Core>(state_, *context));
  std::vector<std::string> bound;
  for (const std::string& text : endpoints) {
    CARNET_TRY(wanted, parse_endpoint(text));
    CARNET_TRY(endpoint, claim_endpoint(*contexts.front(), wanted));
    for (const auto& core : cores) {
      tcp::acceptor acceptor(core->context);
      error_code failure = bind_acceptor(acceptor, endpoint, true);
      if (!failure) acceptor.listen(kBacklog, failure);
      if (failure) return cannot_listen(endpoint, failure);
      core->acceptors.push_back(std::move(acceptor));
    }
    bound.push_back(to_text(endpoint));
  }
  for (const auto& core : cores) {
    core->reserve_fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (std::size_t i = 0; i < core->acceptors.size(); ++i)
      asio::co_spawn(core->context, accept_loop(core, i), asio::detached);
    asio::co_spawn(core->context, sweep_loop(core), asio::detached);
  }
  const std::lock_guard lock(state_->listen_mutex);
  state_->cores = std::move(cores);
  return bound;
}

void Server::drain() {
  state_->draining = true;
  const std::lock_guard lock(state_->listen_mutex);
  for (const auto& core : state_->cores) {
    asio::post(core->context, [core] {
      close_acceptors(*core);
      for (Connection* connection = core->first; connection != nullptr;
           connection = connection->next())
        connection->sweep(core->now, true);
    });
  }
}

void Server::stop() {
  state_->draining = true;
  std::vector<std::shared_ptr<Core>> cores;
  {
    const std::lock_guard lock(state_->listen_mutex);
    cores.swap(state_->cores);  // breaks the cycle between the state and its cores
  }
  for (const auto& core : cores) {
    asio::post(core->context, [core] {
      core->stopped = true;
      close_acceptors(*core);
      core->sweeper.cancel();
      for (Connection* connection = core->first; connection != nullptr;
           connection = connection->next())
        connection->abort();
    });
  }
}

Server::Counts Server::counts() const {
  return {.open = state_->open.load(std::memory_order_relaxed),
          .accepted = state_->accepted.load(std::memory_order_relaxed),
          .refused = state_->refused.load(std::memory_order_relaxed),
          .timed_out = state_->timed_out.load(std::memory_order_relaxed),
          .handshakes = state_->handshakes.load(std::memory_order_relaxed),
          .handshakes_failed = state_->handshakes_failed.load(std::memory_order_relaxed),
          .open_max = state_->options.connections_max,
          .made_room = state_->made_room.load(std::memory_order_relaxed),
          .body_bytes = state_->body_memory.load(std::memory_order_relaxed),
          .body_bytes_max = state_->options.body_memory_max,
          .unknown_body_bytes = state_->unknown_body_memory.load(std::memory_order_relaxed),
          .unknown_body_bytes_max = state_->options.unknown_body_memory_max};
}

}  // namespace carnet::api
