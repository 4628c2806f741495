#include "inventory/der.h"

#include <charconv>
#include <limits>

namespace carnet::inventory {
namespace {

constexpr std::size_t kLengthBytesMax = 4;  // limit: internal
constexpr std::size_t kOidBytesMax = 128;   // limit: internal

void append_number(std::string& out, std::uint64_t number) {
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end);
}

}  // namespace

std::optional<DerValue> DerReader::next() {
  // Tag numbers from 31 on take more bytes; nothing that is read here has them.
  if (rest_.size() < 2 || (rest_[0] & 0x1FU) == 0x1F) return std::nullopt;
  std::size_t length = rest_[1];
  std::size_t head = 2;
  if (length >= 0x80) {
    const std::size_t count = length & 0x7FU;
    if (count == 0 || count > kLengthBytesMax || rest_.size() < 2 + count) return std::nullopt;
    length = 0;
    for (std::size_t i = 0; i < count; ++i) length = length << 8U | rest_[2 + i];
    head += count;
  }
  if (length > rest_.size() - head) return std::nullopt;
  DerValue out{
      .tag = rest_[0], .content = rest_.subspan(head, length), .whole = rest_.first(head + length)};
  rest_ = rest_.subspan(head + length);
  return out;
}

std::optional<DerValue> DerReader::take(std::uint8_t tag) {
  if (peek() != tag) return std::nullopt;
  return next();
}

std::optional<DerReader> DerReader::enter(std::uint8_t tag) {
  const auto value = take(tag);
  if (!value) return std::nullopt;
  return DerReader(value->content);
}

std::optional<DerReader> enter_whole(ByteView bytes, std::uint8_t tag) {
  DerReader reader(bytes);
  const auto inside = reader.enter(tag);
  return reader.empty() ? inside : std::nullopt;
}

std::string oid_text(ByteView content) {
  if (content.empty() || content.size() > kOidBytesMax || (content.back() & 0x80U) != 0) return "?";
  std::string out;
  std::uint64_t arc = 0;
  bool first = true;
  for (const std::uint8_t byte : content) {
    if (arc > std::numeric_limits<std::uint64_t>::max() >> 7U) return "?";
    arc = arc << 7U | (byte & 0x7FU);
    if ((byte & 0x80U) != 0) continue;
    if (first) {
      // X.690 8.19.4: the first two arcs share a number.
      const std::uint64_t root = arc < 40 ? 0 : arc < 80 ? 1 : 2;
      append_number(out, root);
      arc -= root * 40;
      first = false;
    }
    out += '.';
    append_number(out, arc);
    arc = 0;
  }
  return out;
}

int integer_bits(ByteView content) {
  if (content.empty() || (content[0] & 0x80U) != 0) return 0;
  while (!content.empty() && content[0] == 0) content = content.subspan(1);
  if (content.empty()) return 0;
  int top = 8;
  while ((content[0] >> (top - 1)) == 0) --top;
  return static_cast<int>(content.size() - 1) * 8 + top;
}

std::optional<int> small_integer(ByteView content) {
  if (content.empty() || (content[0] & 0x80U) != 0 || integer_bits(content) > 31) {
    return std::nullopt;
  }
  int value = 0;
  for (const std::uint8_t byte : content) value = value << 8 | byte;
  return value;
}

std::optional<ByteView> octets_of_bit_string(ByteView content) {
  if (content.empty() || content[0] != 0) return std::nullopt;
  return content.subspan(1);
}

}  // namespace carnet::inventory
