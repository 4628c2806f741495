#include "base/terminal.h"

#include <cstdint>

#include <fmt/format.h>

#include "base/text.h"

namespace carnet {
namespace {

constexpr std::uint32_t kReplacement = 0xFFFD;

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 1;
  bool valid = true;
};

// The first code point of `text`, which is not empty; one byte if it is no UTF-8.
CodePoint first_of(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  if (first < 0x80) return {.value = first};
  const std::size_t bytes = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (!is_valid_utf8(text.substr(0, bytes))) return {.value = kReplacement, .valid = false};
  std::uint32_t value = first & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i)
    value = (value << 6) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  return {.value = value, .bytes = bytes};
}

bool acts(const CodePoint& point) {
  const std::uint32_t c = point.value;
  const auto among = [c](std::uint32_t first, std::uint32_t last) {
    return c >= first && c <= last;
  };
  return !point.valid || c < 0x20 || among(0x7F, 0x9F) || c == 0xAD || c == 0x61C || c == 0x180E ||
         c == 0x200B || c == 0x200E || c == 0x200F || among(0x2028, 0x202E) ||
         among(0x2060, 0x206F) || c == 0xFEFF || among(0xFFF9, 0xFFFB) || among(0xE0000, 0xE007F);
}

void append_escape(std::string& out, std::uint32_t value) {
  if (value < 0x10000) {
    out += fmt::format("\\u{:04x}", value);
    return;
  }
  value -= 0x10000;
  out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (value >> 10), 0xDC00 + (value & 0x3FF));
}

// Gives each stretch of harmless bytes to `keep` and each other code point to `replace`.
template <typename Keep, typename Replace>
void walk(std::string_view text, Keep keep, Replace replace) {
  std::size_t kept = 0;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = first_of(text.substr(at));
    if (acts(point)) {
      keep(text.substr(kept, at - kept));
      replace(point.value);
      kept = at + point.bytes;
    }
    at += point.bytes;
  }
  keep(text.substr(kept));
}

}  // namespace

bool is_inert(std::string_view text) {
  bool inert = true;
  walk(text, [](std::string_view) {}, [&inert](std::uint32_t) { inert = false; });
  return inert;
}

std::string terminal_text(std::string_view text) {
  std::string out;
  walk(
      text, [&out](std::string_view bytes) { out += bytes; },
      [&out](std::uint32_t) { out += '?'; });
  return out;
}

void append_inert(std::string& out, std::string_view text) {
  walk(
      text, [&out](std::string_view bytes) { out += bytes; },
      [&out](std::uint32_t value) { append_escape(out, value); });
}

}  // namespace carnet
