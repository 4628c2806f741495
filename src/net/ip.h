#pragma once
// IP addresses and CIDR blocks as values. Pure functions.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

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

}  // namespace carnet::net
