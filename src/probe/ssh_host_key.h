#pragma once
// Inside of ssh_parser.cc and ssh_host_key.cc; parse_host_key() itself is in ssh_parser.h.

#include <cstdint>
#include <span>

namespace carnet::probe {

// The bits of a positive number as SSH writes it (RFC 4251 section 5); 0 for zero.
[[nodiscard]] int mpint_bits(std::span<const std::uint8_t> number);

}  // namespace carnet::probe
