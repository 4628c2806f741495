#include "store/copy_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace carnet::store {
namespace {

constexpr std::string_view kNull = "\\N";
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kNul = "\\000";  // SQLite can hold one in a text, PostgreSQL refuses it

struct Escape {
  char plain;
  char letter;
};
constexpr std::array<Escape, 7> kEscapes = {{{.plain = '\b', .letter = 'b'},
                                             {.plain = '\f', .letter = 'f'},
                                             {.plain = '\n', .letter = 'n'},
                                             {.plain = '\r', .letter = 'r'},
                                             {.plain = '\t', .letter = 't'},
                                             {.plain = '\v', .letter = 'v'},
                                             {.plain = '\\', .letter = '\\'}}};

bool needs_escape(char c) { return c == '\\' || c == '\0' || (c >= '\b' && c <= '\r'); }

tl::unexpected<Error> malformed(std::string_view what) {
  return make_error(ErrorCode::kValidationFailed, fmt::format("A row of it {}.", what));
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number value{};
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

int nibble(char c) {
  const std::size_t place = kHexDigits.find(c);
  return place == std::string_view::npos ? -1 : static_cast<int>(place);
}

}  // namespace

void append_copy_null(std::string& out) { out += kNull; }

void append_copy_integer(std::string& out, std::int64_t value) {
  fmt::format_to(std::back_inserter(out), "{}", value);
}

void append_copy_real(std::string& out, double value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), end.ptr);
}

void append_copy_text(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const auto* const stop = std::find_if(text.begin(), text.end(), needs_escape);
    const auto plain = static_cast<std::size_t>(stop - text.begin());
    out.append(text.data(), plain);
    if (plain == text.size()) return;
    const auto* const escape = std::find_if(kEscapes.begin(), kEscapes.end(),
                                            [&](const Escape& e) { return e.plain == *stop; });
    if (escape == kEscapes.end()) {
      out += kNul;
    } else {
      out += '\\';
      out += escape->letter;
    }
    text.remove_prefix(plain + 1);
  }
}

void append_copy_blob(std::string& out, std::string_view bytes) {
  out += R"(\\x)";
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += kHexDigits[byte >> 4U];
    out += kHexDigits[byte & 0xFU];
  }
}

Result<void> CopyRow::parse(std::string_view line, std::size_t columns) {
  bytes_.clear();
  fields_.clear();
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find('\t', begin), line.size());
    const std::string_view field = line.substr(begin, end - begin);
    Field out{.begin = bytes_.size(), .size = 0, .null = field == kNull};
    if (!out.null && !unescape(field)) return malformed("has an escape that is not known");
    out.size = bytes_.size() - out.begin;
    fields_.push_back(out);
    begin = end + 1;
  }
  if (fields_.size() != columns)
    return malformed(fmt::format("has {} fields and its table {}", fields_.size(), columns));
  return {};
}

bool CopyRow::unescape(std::string_view field) {
  while (!field.empty()) {
    const std::size_t plain = std::min(field.find('\\'), field.size());
    bytes_.append(field.substr(0, plain));
    field.remove_prefix(plain);
    if (field.empty()) return true;
    if (field.starts_with(kNul)) {
      bytes_ += '\0';
      field.remove_prefix(kNul.size());
      continue;
    }
    const auto* const escape = std::find_if(kEscapes.begin(), kEscapes.end(), [&](const Escape& e) {
      return field.size() > 1 && e.letter == field[1];
    });
    if (escape == kEscapes.end()) return false;
    bytes_ += escape->plain;
    field.remove_prefix(2);
  }
  return true;
}

std::optional<std::int64_t> CopyRow::integer(std::size_t column) const {
  return number_of<std::int64_t>(text(column));
}

std::optional<double> CopyRow::real(std::size_t column) const {
  return number_of<double>(text(column));
}

std::optional<std::string> CopyRow::blob(std::size_t column) const {
  std::string_view hex = text(column);
  if (!hex.starts_with("\\x") || hex.size() % 2 != 0) return std::nullopt;
  hex.remove_prefix(2);
  std::string out;
  out.reserve(hex.size() / 2);
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const int high = nibble(hex[i]);
    const int low = nibble(hex[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out += static_cast<char>(high * 16 + low);
  }
  return out;
}

}  // namespace carnet::store
