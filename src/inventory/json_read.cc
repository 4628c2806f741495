#include "inventory/json_read.h"

#include <fmt/format.h>

#include <charconv>
#include <limits>

namespace carnet::inventory {

namespace bj = boost::json;

const bj::value* JsonReader::find(const bj::object& from, std::string_view key) const {
  const bj::value* value = from.if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

std::string JsonReader::text(const bj::object& from, std::string_view key) {
  const bj::value* value = find(from, key);
  if (value == nullptr) return {};
  if (!value->is_string()) {
    fail(key);
    return {};
  }
  return std::string(value->get_string());
}

std::int64_t JsonReader::integer(const bj::object& from, std::string_view key) {
  const bj::value* value = find(from, key);
  if (value == nullptr) return 0;
  // Parsed text holds int64; a value that was made from an unsigned member and never written holds
  // uint64.
  if (value->is_uint64() && value->get_uint64() <= std::numeric_limits<std::int64_t>::max()) {
    return static_cast<std::int64_t>(value->get_uint64());
  }
  if (!value->is_int64()) {
    fail(key);
    return 0;
  }
  return value->get_int64();
}

int JsonReader::small(const bj::object& from, std::string_view key) {
  const std::int64_t value = integer(from, key);
  if (value < std::numeric_limits<int>::min() || value > std::numeric_limits<int>::max()) {
    fail(key);
    return 0;
  }
  return static_cast<int>(value);
}

double JsonReader::number(const bj::object& from, std::string_view key) {
  return optional_number(from, key).value_or(0);
}

std::optional<double> JsonReader::optional_number(const bj::object& from, std::string_view key) {
  const bj::value* value = find(from, key);
  if (value == nullptr) return std::nullopt;
  if (value->is_double()) return value->get_double();
  if (value->is_int64()) return static_cast<double>(value->get_int64());
  if (value->is_uint64()) return static_cast<double>(value->get_uint64());
  fail(key);
  return std::nullopt;
}

std::optional<int> JsonReader::optional_small(const bj::object& from, std::string_view key) {
  if (find(from, key) == nullptr) return std::nullopt;
  return small(from, key);
}

bool JsonReader::boolean(const bj::object& from, std::string_view key) {
  return optional_boolean(from, key).value_or(false);
}

std::optional<bool> JsonReader::optional_boolean(const bj::object& from, std::string_view key) {
  const bj::value* value = find(from, key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_bool()) {
    fail(key);
    return std::nullopt;
  }
  return value->get_bool();
}

std::uint16_t JsonReader::port(const bj::object& from, std::string_view key) {
  const std::int64_t value = integer(from, key);
  if (value < 0 || value > 65535) {
    fail(key);
    return 0;
  }
  return static_cast<std::uint16_t>(value);
}

std::uint16_t JsonReader::codepoint(const bj::object& from, std::string_view key) {
  const std::string hex = text(from, key);
  std::uint16_t code = 0;
  const char* end = hex.data() + hex.size();
  const auto [stop, error] = std::from_chars(hex.data(), end, code, 16);
  if (hex.size() != 4 || error != std::errc{} || stop != end) fail(key);
  return code;
}

Timestamp JsonReader::time(const bj::object& from, std::string_view key) {
  const std::string written = text(from, key);
  if (written.empty()) return {};
  const auto parsed = parse_rfc3339(written);
  if (!parsed) fail(key);
  return parsed.value_or(Timestamp{});
}

const bj::array* JsonReader::array(const bj::object& from, std::string_view key) {
  const bj::value* value = find(from, key);
  if (value == nullptr) return nullptr;
  if (!value->is_array() || value->get_array().size() > list_max_) {
    fail(key);
    return nullptr;
  }
  return &value->get_array();
}

std::vector<std::string> JsonReader::texts(const bj::object& from, std::string_view key) {
  std::vector<std::string> texts;
  const bj::array* entries = array(from, key);
  if (entries == nullptr) return texts;
  texts.reserve(entries->size());
  for (const bj::value& entry : *entries) {
    if (!entry.is_string()) {
      fail(key);
      return {};
    }
    texts.emplace_back(entry.get_string());
  }
  return texts;
}

const bj::object* JsonReader::object(const bj::object& from, std::string_view key) {
  const bj::value* value = find(from, key);
  if (value == nullptr) return nullptr;
  if (!value->is_object()) {
    fail(key);
    return nullptr;
  }
  return &value->get_object();
}

std::string codepoint_text(std::uint16_t codepoint) { return fmt::format("{:04X}", codepoint); }

bj::array to_json_array(const std::vector<std::string>& texts) {
  bj::array array;
  array.reserve(texts.size());
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

}  // namespace carnet::inventory
