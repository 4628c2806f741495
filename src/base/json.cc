#include "base/json.h"

#include <charconv>
#include <cmath>
#include <unordered_set>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/check.h"

namespace carnet::json {
namespace {

namespace bj = boost::json;

constexpr std::size_t kDepthMax = 32;

struct Place {
  std::size_t line = 1;
  std::size_t column = 1;
};

Place place_of(std::string_view text, std::size_t offset) {
  Place place;
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++place.line;
      place.column = 1;
    } else {
      ++place.column;
    }
  }
  return place;
}

// Boost's SAX interface would see duplicates itself; counting members of the finished objects
// against the text is not possible, so a handler that wraps value_stack would be needed. The
// scanner below walks the text once, which is known to be valid JSON by then, and looks only at
// member names.
class DuplicateFinder {
 public:
  explicit DuplicateFinder(std::string_view text) : text_(text) {}

  // The first member name that stands twice in one object, or empty.
  std::string find() {
    value();
    return duplicate_;
  }

 private:
  void space() {
    while (pos_ < text_.size() && (text_[pos_] == ' ' || text_[pos_] == '\t' ||
                                   text_[pos_] == '\n' || text_[pos_] == '\r'))
      ++pos_;
  }

  std::string_view string() {
    const std::size_t first = pos_++;
    while (text_[pos_] != '"') pos_ += text_[pos_] == '\\' ? 2 : 1;
    ++pos_;
    return text_.substr(first, pos_ - first);
  }

  void object() {
    std::unordered_set<std::string> names;
    ++pos_;
    space();
    while (text_[pos_] != '}') {
      const std::string_view raw = string();
      // Names are compared by value: "a" and "\u0061" are one.
      std::string name =
          raw.find('\\') == std::string_view::npos
              ? std::string(raw.substr(1, raw.size() - 2))
              : std::string(bj::parse(bj::string_view(raw.data(), raw.size())).as_string());
      if (!names.insert(name).second && duplicate_.empty()) duplicate_ = std::move(name);
      space();
      ++pos_;  // ':'
      value();
      space();
      if (text_[pos_] == ',') {
        ++pos_;
        space();
      }
    }
    ++pos_;
  }

  void array() {
    ++pos_;
    space();
    while (text_[pos_] != ']') {
      value();
      space();
      if (text_[pos_] == ',') {
        ++pos_;
        space();
      }
    }
    ++pos_;
  }

  void value() {
    space();
    switch (text_[pos_]) {
      case '{':
        object();
        return;
      case '[':
        array();
        return;
      case '"':
        string();
        return;
      default:
        while (pos_ < text_.size() &&
               std::string_view(",]} \t\r\n").find(text_[pos_]) == std::string_view::npos)
          ++pos_;
    }
  }

  std::string_view text_;
  std::size_t pos_ = 0;
  std::string duplicate_;
};

bool all_finite(const bj::value& value) {
  switch (value.kind()) {
    case bj::kind::double_:
      return std::isfinite(value.get_double());
    case bj::kind::array:
      for (const auto& item : value.get_array())
        if (!all_finite(item)) return false;
      return true;
    case bj::kind::object:
      for (const auto& member : value.get_object())
        if (!all_finite(member.value())) return false;
      return true;
    case bj::kind::null:
    case bj::kind::bool_:
    case bj::kind::int64:
    case bj::kind::uint64:
    case bj::kind::string:
      return true;
  }
  return false;
}

// RFC 8785 section 3.2.2.3 (ECMAScript Number::toString): the shortest digits that read back equal,
// written plainly between 1e-6 and 1e21 and with an exponent beyond.
void append_double(std::string& out, double number) {
  CARNET_CHECK(std::isfinite(number));
  if (number == 0) {
    out += '0';
    return;
  }
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::fabs(number),
                                 std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<std::size_t>(end.ptr - buffer));
  const std::size_t e = text.find('e');
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  int exponent = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(),
                  exponent);
  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // digits before the decimal point
  if (number < 0) out += '-';
  if (point > 21 || point < -5) {
    out += digits[0];
    if (count > 1) out += '.' + digits.substr(1);
    out += fmt::format("e{:+}", exponent);
  } else if (point <= 0) {
    out += "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
  } else if (point >= count) {
    out += digits + std::string(static_cast<std::size_t>(point - count), '0');
  } else {
    out += digits.substr(0, static_cast<std::size_t>(point)) + '.' +
           digits.substr(static_cast<std::size_t>(point));
  }
}

struct Style {
  bool sorted = false;
  int indent = -1;  // -1: compact
};

// JCS sorts by UTF-16 code units; this differs from bytes only where a surrogate pair meets
// U+E000–U+FFFF.
std::u16string utf16(std::string_view text) {
  std::u16string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const std::size_t length = c < 0x80 ? 1 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
    std::uint32_t point = length == 1   ? c
                          : length == 2 ? c & 0x1Fu
                          : length == 3 ? c & 0x0Fu
                                        : c & 0x07u;
    for (std::size_t k = 1; k < length; ++k)
      point = (point << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3Fu);
    if (point >= 0x10000) {
      out += static_cast<char16_t>(0xD800 + ((point - 0x10000) >> 10));
      out += static_cast<char16_t>(0xDC00 + ((point - 0x10000) & 0x3FF));
    } else {
      out += static_cast<char16_t>(point);
    }
    i += length;
  }
  return out;
}

void append(std::string& out, const bj::value& value, Style style, int depth);

void new_line(std::string& out, Style style, int depth) {
  if (style.indent < 0) return;
  out += '\n';
  out.append(static_cast<std::size_t>(style.indent) * static_cast<std::size_t>(depth), ' ');
}

void append_object(std::string& out, const bj::object& object, Style style, int depth) {
  std::vector<const bj::key_value_pair*> members;
  members.reserve(object.size());
  for (const auto& member : object) members.push_back(&member);
  if (style.sorted) {
    std::sort(members.begin(), members.end(), [](const auto* a, const auto* b) {
      return utf16({a->key().data(), a->key().size()}) < utf16({b->key().data(), b->key().size()});
    });
  }
  out += '{';
  bool first = true;
  for (const auto* member : members) {
    if (!first) out += ',';
    first = false;
    new_line(out, style, depth + 1);
    append_string(out, {member->key().data(), member->key().size()});
    out += style.indent < 0 ? ":" : ": ";
    append(out, member->value(), style, depth + 1);
  }
  if (!first) new_line(out, style, depth);
  out += '}';
}

void append(std::string& out, const bj::value& value, Style style, int depth) {
  switch (value.kind()) {
    case bj::kind::null:
      out += "null";
      return;
    case bj::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return;
    case bj::kind::int64:
      out += fmt::to_string(value.get_int64());
      return;
    case bj::kind::uint64:
      out += fmt::to_string(value.get_uint64());
      return;
    case bj::kind::double_:
      append_double(out, value.get_double());
      return;
    case bj::kind::string:
      append_string(out, {value.get_string().data(), value.get_string().size()});
      return;
    case bj::kind::array: {
      out += '[';
      bool first = true;
      for (const auto& item : value.get_array()) {
        if (!first) out += ',';
        first = false;
        new_line(out, style, depth + 1);
        append(out, item, style, depth + 1);
      }
      if (!first) new_line(out, style, depth);
      out += ']';
      return;
    }
    case bj::kind::object:
      append_object(out, value.get_object(), style, depth);
      return;
  }
}

}  // namespace

Result<bj::value> parse(std::string_view text) {
  bj::stream_parser parser({}, bj::parse_options{.max_depth = kDepthMax,
                                                 .allow_comments = false,
                                                 .allow_trailing_commas = false,
                                                 .allow_invalid_utf8 = false});
  boost::system::error_code failure;
  std::size_t used = parser.write_some(text.data(), text.size(), failure);
  if (!failure && used < text.size()) {
    const std::string_view rest = text.substr(used);
    if (rest.find_first_not_of(" \t\r\n") != std::string_view::npos)
      failure = make_error_code(bj::error::extra_data);
  }
  if (!failure) parser.finish(failure);
  if (failure) {
    const Place place = place_of(text, used);
    return make_error(ErrorCode::kMalformedJson,
                      text.empty()
                          ? "The body is empty; send a JSON object."
                          : fmt::format("The body is not valid JSON: {} at line {}, column {}.",
                                        failure.message(), place.line, place.column));
  }
  if (const std::string name = DuplicateFinder(text).find(); !name.empty())
    return make_error(
        ErrorCode::kMalformedJson,
        fmt::format("The body has the member \"{}\" twice in one object; send it once.", name));
  bj::value value = parser.release();
  if (!all_finite(value))
    return make_error(ErrorCode::kMalformedJson, "The body has a number too large to represent.");
  return value;
}

void append_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += kHex[static_cast<unsigned char>(c) >> 4];
          out += kHex[static_cast<unsigned char>(c) & 15];
        } else {
          out += c;
        }
    }
  }
  out += '"';
}

void write_to(std::string& out, const bj::value& value) { append(out, value, {}, 0); }

std::string write(const bj::value& value) {
  std::string out;
  append(out, value, {}, 0);
  return out;
}

std::string write_canonical(const bj::value& value) {
  std::string out;
  append(out, value, {.sorted = true}, 0);
  return out;
}

std::string write_pretty(const bj::value& value) {
  std::string out;
  append(out, value, {.indent = 2}, 0);
  out += '\n';
  return out;
}

}  // namespace carnet::json
