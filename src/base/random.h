#pragma once
// The source of randomness, passed in. SystemRandom reads the kernel's CSPRNG (getrandom) and is
// thread-safe.

#include <cstdint>
#include <span>

namespace carnet {

class Random {
 public:
  virtual ~Random() = default;
  // Fills `out` with bytes fit for keys. Does not fail: a kernel without randomness is a broken
  // invariant.
  virtual void fill(std::span<std::uint8_t> out) = 0;
};

class SystemRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

}  // namespace carnet
