#pragma once
// A bounded cursor over DER (X.690): takes one value after the other and never copies. It goes only
// as deep as its caller makes a new one, so hostile nesting costs nothing. Length bytes that pass
// the end, indefinite lengths and lengths over four bytes are refused; a length that is not minimal
// is let through, as real certificates have them. Views into the caller's bytes; not thread-safe.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace carnet::inventory {

using ByteView = std::span<const std::uint8_t>;

namespace der {
inline constexpr std::uint8_t kBoolean = 0x01;
inline constexpr std::uint8_t kInteger = 0x02;
inline constexpr std::uint8_t kBitString = 0x03;
inline constexpr std::uint8_t kOctetString = 0x04;
inline constexpr std::uint8_t kNull = 0x05;
inline constexpr std::uint8_t kOid = 0x06;
inline constexpr std::uint8_t kUtf8String = 0x0C;
inline constexpr std::uint8_t kPrintableString = 0x13;
inline constexpr std::uint8_t kIa5String = 0x16;
inline constexpr std::uint8_t kUtcTime = 0x17;
inline constexpr std::uint8_t kGeneralizedTime = 0x18;
inline constexpr std::uint8_t kBmpString = 0x1E;
inline constexpr std::uint8_t kSequence = 0x30;
inline constexpr std::uint8_t kSet = 0x31;
// Context tag [n]: constructed (EXPLICIT or a constructed IMPLICIT) or primitive.
constexpr std::uint8_t context(unsigned n) { return static_cast<std::uint8_t>(0xA0U | n); }
constexpr std::uint8_t context_primitive(unsigned n) {
  return static_cast<std::uint8_t>(0x80U | n);
}
}  // namespace der

struct DerValue {
  std::uint8_t tag = 0;
  ByteView content;
  ByteView whole;  // with tag and length
};

class DerReader {
 public:
  explicit DerReader(ByteView bytes) : rest_(bytes) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  [[nodiscard]] ByteView rest() const { return rest_; }
  // The next value's tag; 0 at the end.
  [[nodiscard]] std::uint8_t peek() const { return rest_.empty() ? std::uint8_t{0} : rest_[0]; }
  // nullopt at the end and for what is not well formed; the cursor then stays.
  [[nodiscard]] std::optional<DerValue> next();
  // The next value if it has this tag.
  [[nodiscard]] std::optional<DerValue> take(std::uint8_t tag);
  // Likewise, opened.
  [[nodiscard]] std::optional<DerReader> enter(std::uint8_t tag);
  // True if a value was there and was passed over.
  bool skip() { return next().has_value(); }
  // Passes over the next value if it has this tag.
  bool skip_if(std::uint8_t tag) { return peek() == tag && skip(); }

 private:
  ByteView rest_;
};

// One value that fills `bytes` and has this tag, opened.
[[nodiscard]] std::optional<DerReader> enter_whole(ByteView bytes, std::uint8_t tag);

// Dotted text of an OBJECT IDENTIFIER's content; "?" if it is not well formed or an arc passes 64
// bits.
[[nodiscard]] std::string oid_text(ByteView content);

// Bits of an INTEGER's content taken as unsigned, 0 for zero, negative and empty ones.
[[nodiscard]] int integer_bits(ByteView content);
// A small non-negative INTEGER; nullopt if it is negative or passes 31 bits.
[[nodiscard]] std::optional<int> small_integer(ByteView content);

// The content of a BIT STRING without its count of unused bits; nullopt if some are unused.
[[nodiscard]] std::optional<ByteView> octets_of_bit_string(ByteView content);

}  // namespace carnet::inventory
