#include "probe/wire.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace carnet::probe {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kAddressesTriedMax = 4;
constexpr std::size_t kReadBytes = 8 * 1024;

}  // namespace

Wire::ReadRoom::ReadRoom(Wire& wire) : wire_(wire) {
  if (wire.read_rooms_.empty()) {
    bytes_.resize(kReadBytes);
    return;
  }
  bytes_ = std::move(wire.read_rooms_.back());
  wire.read_rooms_.pop_back();
}

std::string Wire::server_name() const {
  return net::IpAddress::parse(host_) ? std::string() : host_;  // RFC 6066: no addresses in SNI
}

Task<Result<Channel>> Wire::dial(net::IpAddress address) {
  const std::string key = address.to_string();
  const Clock& clock = services_.clock;
  const SteadyTime due = services_.rate->reserve(key, clock.steady_now());
  if (due >= target_deadline_) {
    co_return make_error(ErrorCode::kUnavailable, "no time left within this target's limit");
  }
  if (due > clock.steady_now()) {
    asio::steady_timer timer(co_await asio::this_coro::executor);
    timer.expires_after(due - clock.steady_now());
    boost::system::error_code ignored;
    auto token = asio::redirect_error(asio::use_awaitable, ignored);
    co_await timer.async_wait(std::move(token));
  }
  Channel channel;
  const auto left = [&] { return target_deadline_ - clock.steady_now(); };
  auto host_slot = co_await services_.per_host->acquire(key, left());
  if (!host_slot) {
    co_return make_error(ErrorCode::kUnavailable, "no time left within this target's limit");
  }
  auto slot = co_await services_.in_all->acquire("", left());
  if (!slot) {
    co_return make_error(ErrorCode::kUnavailable, "no time left within this target's limit");
  }
  channel.host_slot = std::move(*host_slot);
  channel.slot = std::move(*slot);
  const SteadyTime began = clock.steady_now();
  const SteadyTime connect_by = std::min(began + services_.limits.connect, target_deadline_);
  auto connection = co_await services_.dialer.dial(address, port_, connect_by);
  if (!connection) co_return tl::unexpected(std::move(connection).error());
  ++connections_;
  connect_took_ = clock.steady_now() - began;
  channel.connection = std::move(*connection);
  channel.deadline = std::min(clock.steady_now() + services_.limits.handshake, target_deadline_);
  co_return channel;
}

Task<Result<void>> Wire::reach() {
  if (addresses_.empty()) {
    const SteadyTime resolve_by = std::min(
        services_.clock.steady_now() + services_.limits.connect + services_.limits.handshake,
        target_deadline_);
    auto found = co_await services_.dialer.resolve_checked(host_, resolve_by);
    if (!found) co_return tl::unexpected(std::move(found).error());
    addresses_ = std::move(found->addresses);
  }
  if (addresses_.empty()) co_return make_error(ErrorCode::kUnavailable, "the name has no address");
  if (addresses_.size() > kAddressesTriedMax) addresses_.resize(kAddressesTriedMax);
  std::optional<Error> first_error;
  for (const net::IpAddress& address : addresses_) {
    address_ = address;
    auto channel = co_await dial(address);
    if (channel) {
      first_ = std::move(*channel);
      co_return Result<void>();
    }
    passed_over_.push_back({address, channel.error().public_detail});
    if (!first_error) first_error = std::move(channel).error();
    if (out_of_time()) break;
  }
  if (passed_over_.size() < 2) co_return tl::unexpected(std::move(*first_error));
  std::string all;
  for (const PassedOver& one : passed_over_) {
    all += (all.empty() ? "" : ", ") + one.address.to_string() + " (" + one.reason + ")";
  }
  co_return make_error(first_error->code, "none of its addresses answered: " + all);
}

Task<Result<Channel>> Wire::open() {
  if (first_) {
    Channel kept = std::move(*first_);
    first_.reset();
    kept.deadline =
        std::min(services_.clock.steady_now() + services_.limits.handshake, target_deadline_);
    co_return kept;
  }
  auto channel = co_await dial(address_);
  co_return channel;
}

Task<Result<Channel>> Wire::open_tls() {
  auto channel = co_await open();
  if (!channel || preamble_ == nullptr) co_return channel;
  const auto ready = co_await preamble_->run(*channel->connection, channel->deadline);
  if (!ready) co_return tl::unexpected(ready.error());
  channel->deadline =
      std::min(services_.clock.steady_now() + services_.limits.handshake, target_deadline_);
  co_return channel;
}

Task<void> run_all(std::vector<Task<void>> tasks) {
  if (tasks.empty()) co_return;
  const auto executor = co_await asio::this_coro::executor;
  using Operation = decltype(asio::co_spawn(executor, std::move(tasks.front()), asio::deferred));
  std::vector<Operation> operations;
  operations.reserve(tasks.size());
  for (Task<void>& task : tasks) {
    operations.push_back(asio::co_spawn(executor, std::move(task), asio::deferred));
  }
  auto group = asio::experimental::make_parallel_group(std::move(operations));
  auto token = asio::use_awaitable_t<>();
  const auto [order, errors] =
      co_await group.async_wait(asio::experimental::wait_for_all(), std::move(token));
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace carnet::probe
