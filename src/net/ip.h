#pragma once
// IP addresses and CIDR blocks as values. Pure functions.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carnet::net {

// IPv4 is held in its IPv4-mapped IPv6 form, so one comparison serves both.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const IpAddress&) const = default;
  [[nodiscard]] bool is_v4() const;
  [[nodiscard]] static std::optional<IpAddress> parse(
      std::string_view text);                   // no brackets, no zone
  [[nodiscard]] std::string to_string() const;  // RFC 5952
};

struct Cidr {
  IpAddress base;
  int prefix_bits = 128;  // over the 128-bit form
  [[nodiscard]] static std::optional<Cidr> parse(
      std::string_view text);  // "10.0.0.0/8", "::1/128", "192.0.2.1"
  [[nodiscard]] bool contains(const IpAddress& address) const;
  [[nodiscard]] std::string to_string() const;
};

// The address after this one; all ones is followed by all zeros.
[[nodiscard]] IpAddress next_address(IpAddress address);

// The hosts of a block: all its addresses, without the network's and the broadcast address of an
// IPv4 block of 30 bits or fewer, which are no hosts (RFC 3021 for 31). `count` stops at 2^64-1.
struct BlockHosts {
  IpAddress first;
  std::uint64_t count = 0;
};
[[nodiscard]] BlockHosts hosts_of(const Cidr& block);

// In which order the addresses of one name are tried: the families in turn, beginning with that of
// the first (a resolver puts first what this machine reaches best, RFC 6724), within a family by
// number. So the same answers in any order lead to the same address (RFC 8305 section 4 without
// its race).
[[nodiscard]] std::vector<IpAddress> dial_order(std::vector<IpAddress> addresses);

}  // namespace carnet::net
