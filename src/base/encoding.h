#pragma once
// Text forms of bytes, and CRC-32. Pure functions; decoders are strict (no white space, no missing
// or surplus padding) and give nullopt for anything that is not the exact form.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace carnet {

using Bytes = std::vector<std::uint8_t>;

[[nodiscard]] inline std::span<const std::uint8_t> as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);  // lower case
[[nodiscard]] std::optional<Bytes> from_hex(std::string_view text);     // either case
[[nodiscard]] std::string to_base64(
    std::span<const std::uint8_t> bytes);  // RFC 4648 section 4, padded
[[nodiscard]] std::optional<Bytes> from_base64(std::string_view text);
[[nodiscard]] std::string to_base64url(
    std::span<const std::uint8_t> bytes);  // RFC 4648 section 5, no padding
[[nodiscard]] std::optional<Bytes> from_base64url(std::string_view text);
// CRC-32 of IEEE 802.3 (as in zlib and PNG).
[[nodiscard]] std::uint32_t crc32(std::string_view text);

// `value` in base62 (0-9A-Za-z), left-padded with '0' to `width`; the low digits if it does not
// fit.
[[nodiscard]] std::string to_base62(std::uint64_t value, std::size_t width);
[[nodiscard]] bool is_base62(std::string_view text);

}  // namespace carnet
