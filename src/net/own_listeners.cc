#include <ifaddrs.h>
#include <netinet/in.h>

#include <cstring>

#include "net/dialer.h"

namespace carnet::net {
namespace {

bool is_unspecified(const IpAddress& address) {
  return address == IpAddress{} || address == *IpAddress::parse("0.0.0.0");
}

bool is_loopback(const IpAddress& address) {
  static constexpr auto kOne =
      std::array<std::uint8_t, 16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return address.bytes == kOne || (address.is_v4() && address.bytes[12] == 127);
}

std::optional<IpAddress> from_sockaddr(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, address, sizeof(v6));
    IpAddress out;
    std::memcpy(out.bytes.data(), &v6.sin6_addr, 16);
    return out;
  }
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof(v4));
    IpAddress out = *IpAddress::parse("0.0.0.0");
    std::memcpy(out.bytes.data() + 12, &v4.sin_addr, 4);
    return out;
  }
  return std::nullopt;
}

// Asked only when the port is one of ours, so rarely. An unreadable list counts as "yes".
bool is_of_this_machine(const IpAddress& address) {
  if (is_unspecified(address) || is_loopback(address)) return true;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return true;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (from_sockaddr(entry->ifa_addr) == address) return true;
  }
  return false;
}

}  // namespace

void OwnListeners::add(const IpAddress& address, std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  entries_.push_back({address, port});
}

void OwnListeners::remove(const IpAddress& address, std::uint16_t port) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find(entries_.begin(), entries_.end(), Entry{address, port});
  if (found != entries_.end()) entries_.erase(found);
}

bool OwnListeners::holds(const IpAddress& address, std::uint16_t port) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    if (entry.port != port) return false;
    if (entry.address == address || is_unspecified(address)) return true;
    return is_unspecified(entry.address) && is_of_this_machine(address);
  });
}

}  // namespace carnet::net
