#include "probe/replay.h"

#include <algorithm>

namespace carnet::probe {
namespace {

class ReplayingConnection final : public net::Connection {
 public:
  ReplayingConnection(std::unique_ptr<net::Connection> inner, Bytes pending)
      : inner_(std::move(inner)), pending_(std::move(pending)) {}

  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into, SteadyTime deadline) override {
    if (pending_.empty()) {
      auto got = co_await inner_->read_some(into, deadline);
      co_return got;
    }
    const std::size_t count = std::min(into.size(), pending_.size());
    const auto end = pending_.begin() + static_cast<std::ptrdiff_t>(count);
    std::copy(pending_.begin(), end, into.begin());
    pending_.erase(pending_.begin(), end);
    co_return count;
  }
  Task<Result<void>> write_all(std::span<const std::uint8_t> data, SteadyTime deadline) override {
    auto written = co_await inner_->write_all(data, deadline);
    co_return written;
  }
  net::IpAddress address() const override { return inner_->address(); }
  void close() override { inner_->close(); }

 private:
  std::unique_ptr<net::Connection> inner_;
  Bytes pending_;
};

class RememberingConnection final : public net::Connection {
 public:
  RememberingConnection(std::unique_ptr<net::Connection> inner, std::shared_ptr<Bytes> heard)
      : inner_(std::move(inner)), heard_(std::move(heard)) {}

  Task<Result<std::size_t>> read_some(std::span<std::uint8_t> into, SteadyTime deadline) override {
    auto got = co_await inner_->read_some(into, deadline);
    if (got && heard_->size() < kHeardBytesMax) {
      const std::size_t count = std::min(*got, kHeardBytesMax - heard_->size());
      heard_->insert(heard_->end(), into.begin(),
                     into.begin() + static_cast<std::ptrdiff_t>(count));
    }
    co_return got;
  }
  Task<Result<void>> write_all(std::span<const std::uint8_t> data, SteadyTime deadline) override {
    auto written = co_await inner_->write_all(data, deadline);
    co_return written;
  }
  net::IpAddress address() const override { return inner_->address(); }
  void close() override { inner_->close(); }

 private:
  std::unique_ptr<net::Connection> inner_;
  std::shared_ptr<Bytes> heard_;
};

}  // namespace

std::unique_ptr<net::Connection> remembering(std::unique_ptr<net::Connection> connection,
                                             std::shared_ptr<Bytes> heard) {
  return std::make_unique<RememberingConnection>(std::move(connection), std::move(heard));
}

std::unique_ptr<net::Connection> replaying(std::unique_ptr<net::Connection> connection,
                                           Bytes already_read) {
  if (already_read.empty()) return connection;
  return std::make_unique<ReplayingConnection>(std::move(connection), std::move(already_read));
}

}  // namespace carnet::probe
