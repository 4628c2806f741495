#include "base/ids.h"

#include <array>

namespace carnet {
namespace {

constexpr std::string_view kCrockford = "0123456789abcdefghjkmnpqrstvwxyz";

}  // namespace

std::string new_uuid7_base32(Timestamp now, Random& random) {
  std::array<std::uint8_t, 16> uuid{};
  random.fill(uuid);
  const auto millis = static_cast<std::uint64_t>(to_millis(now));
  for (int i = 0; i < 6; ++i)
    uuid[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(millis >> (40 - 8 * i));
  uuid[6] = static_cast<std::uint8_t>(0x70 | (uuid[6] & 0x0F));  // version 7
  uuid[8] = static_cast<std::uint8_t>(0x80 | (uuid[8] & 0x3F));  // variant 10
  // 128 bits in 26 groups of 5, the first group holding the top 3 bits, so that text order is time
  // order.
  unsigned __int128 value = 0;
  for (const std::uint8_t byte : uuid) value = (value << 8) | byte;
  std::string out(26, '0');
  for (std::size_t i = 26; i-- > 0; value >>= 5)
    out[i] = kCrockford[static_cast<std::size_t>(value & 31)];
  return out;
}

bool is_uuid7_base32(std::string_view text) {
  if (text.size() != 26 || text[0] > '7') return false;
  for (const char c : text)
    if (kCrockford.find(c) == std::string_view::npos) return false;
  return true;
}

}  // namespace carnet
