#pragma once
// The name under which a process holds what it claimed (scans, deliveries, requests): 128 random
// bits as 32 hexadecimal digits, so that no two processes ever share one. Private to service/.

#include <array>
#include <cstdint>
#include <string>

#include "base/encoding.h"
#include "base/random.h"

namespace carnet::service {

[[nodiscard]] inline std::string new_owner_name(Random& random) {
  std::array<std::uint8_t, 16> bytes{};
  random.fill(bytes);
  return to_hex(bytes);
}

}  // namespace carnet::service
