#include "net/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace carnet::net {
namespace {

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr std::size_t kTextMax = 45;  // the longest IPv6 text form

void clear_host_bits(IpAddress& address, int prefix_bits) {
  for (int bit = prefix_bits; bit < 128; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    address.bytes[static_cast<std::size_t>(bit / 8)] &= static_cast<std::uint8_t>(~mask);
  }
}

}  // namespace

bool IpAddress::is_v4() const {
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin());
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.empty() || text.size() > kTextMax || text.find('\0') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string copy(text);
  IpAddress out;
  if (copy.find(':') != std::string::npos) {
    if (inet_pton(AF_INET6, copy.c_str(), out.bytes.data()) != 1) return std::nullopt;
    return out;
  }
  std::copy(kMappedPrefix.begin(), kMappedPrefix.end(), out.bytes.begin());
  if (inet_pton(AF_INET, copy.c_str(), out.bytes.data() + kMappedPrefix.size()) != 1) {
    return std::nullopt;
  }
  return out;
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4()) {
    inet_ntop(AF_INET, bytes.data() + kMappedPrefix.size(), text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, bytes.data(), text.data(), text.size());
  }
  return text.data();
}

std::optional<Cidr> Cidr::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto base = IpAddress::parse(text.substr(0, slash));
  if (!base) return std::nullopt;
  Cidr out{*base, 128};
  if (slash == std::string_view::npos) return out;
  const std::string_view digits = text.substr(slash + 1);
  const bool plain =
      !digits.empty() && digits.size() <= 3 &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
      (digits.size() == 1 || digits.front() != '0');
  if (!plain) return std::nullopt;
  int bits = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  // A block written with a colon counts in IPv6 bits even if it lies inside the mapped range.
  const bool written_as_v4 = text.find(':') == std::string_view::npos;
  if (bits > (written_as_v4 ? 32 : 128)) return std::nullopt;
  out.prefix_bits = written_as_v4 ? bits + 96 : bits;
  clear_host_bits(out.base, out.prefix_bits);
  return out;
}

bool Cidr::contains(const IpAddress& address) const {
  const auto whole = static_cast<std::size_t>(prefix_bits / 8);
  if (std::memcmp(base.bytes.data(), address.bytes.data(), whole) != 0) return false;
  const int rest = prefix_bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<std::uint8_t>(0xFFU << (8 - rest));
  return (base.bytes[whole] & mask) == (address.bytes[whole] & mask);
}

std::string Cidr::to_string() const {
  const bool v4 = base.is_v4() && prefix_bits >= 96;
  return base.to_string() + "/" + std::to_string(v4 ? prefix_bits - 96 : prefix_bits);
}

IpAddress next_address(IpAddress address) {
  for (auto byte = address.bytes.rbegin(); byte != address.bytes.rend(); ++byte) {
    if (++*byte != 0) break;
  }
  return address;
}

BlockHosts hosts_of(const Cidr& block) {
  const int bits = 128 - block.prefix_bits;
  const std::uint64_t all = bits >= 64 ? UINT64_MAX : std::uint64_t{1} << bits;
  const bool v4 = block.base.is_v4() && block.prefix_bits >= 96;
  if (!v4 || bits < 2) return {block.base, all};
  return {next_address(block.base), all - 2};
}

std::vector<IpAddress> dial_order(std::vector<IpAddress> addresses) {
  if (addresses.empty()) return addresses;
  const bool v4_first = addresses.front().is_v4();
  const auto in_first = [v4_first](const IpAddress& address) {
    return address.is_v4() == v4_first;
  };
  std::sort(addresses.begin(), addresses.end(), [&](const IpAddress& a, const IpAddress& b) {
    return in_first(a) != in_first(b) ? in_first(a) : a < b;
  });
  const auto middle = std::find_if_not(addresses.begin(), addresses.end(), in_first);
  std::vector<IpAddress> out;
  out.reserve(addresses.size());
  auto first = addresses.begin();
  auto second = middle;
  while (first != middle || second != addresses.end()) {
    if (first != middle) out.push_back(*first++);
    if (second != addresses.end()) out.push_back(*second++);
  }
  return out;
}

}  // namespace carnet::net
