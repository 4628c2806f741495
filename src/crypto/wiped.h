#pragma once
// A small array on the stack that wipes itself: seeds and nonces between the random source and the
// algorithm. Not copied, not shared between threads. Internal to src/crypto.

#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace carnet::crypto {

template <std::size_t N>
class WipedArray {
 public:
  WipedArray() = default;
  WipedArray(const WipedArray&) = delete;
  WipedArray& operator=(const WipedArray&) = delete;
  ~WipedArray() { ::explicit_bzero(bytes_.data(), N); }

  [[nodiscard]] std::span<std::uint8_t, N> span() { return bytes_; }
  [[nodiscard]] std::span<const std::uint8_t, N> span() const { return bytes_; }

 private:
  std::array<std::uint8_t, N> bytes_{};
};

}  // namespace carnet::crypto
