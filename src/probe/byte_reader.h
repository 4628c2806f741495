#pragma once
// A bounded cursor over bytes from a stranger. A read past the end gives nullopt and leaves the
// cursor where it is. Views point into the caller's buffer. A value type; no thread-safety
// concerns.

#include <cstdint>
#include <optional>
#include <span>

namespace carnet::probe {

class ByteReader {
 public:
  explicit ByteReader(std::span<const std::uint8_t> data) : data_(data) {}

  [[nodiscard]] std::size_t left() const { return data_.size() - at_; }
  [[nodiscard]] bool empty() const { return left() == 0; }

  // A big-endian number of `width` bytes (1 to 4).
  [[nodiscard]] std::optional<std::uint32_t> number(std::size_t width) {
    if (left() < width) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < width; ++i) value = (value << 8) | data_[at_ + i];
    at_ += width;
    return value;
  }
  [[nodiscard]] std::optional<std::uint8_t> u8() {
    const auto value = number(1);
    if (!value) return std::nullopt;
    return static_cast<std::uint8_t>(*value);
  }
  [[nodiscard]] std::optional<std::uint16_t> u16() {
    const auto value = number(2);
    if (!value) return std::nullopt;
    return static_cast<std::uint16_t>(*value);
  }
  [[nodiscard]] std::optional<std::span<const std::uint8_t>> take(std::size_t count) {
    if (left() < count) return std::nullopt;
    const auto view = data_.subspan(at_, count);
    at_ += count;
    return view;
  }
  // A vector whose length stands before it in `width` bytes.
  [[nodiscard]] std::optional<std::span<const std::uint8_t>> vector(std::size_t width) {
    const std::size_t start = at_;
    const auto count = number(width);
    if (count && left() >= *count) return take(*count);
    at_ = start;
    return std::nullopt;
  }

 private:
  std::span<const std::uint8_t> data_;
  std::size_t at_ = 0;
};

}  // namespace carnet::probe
