#pragma once
// What the tests of this folder share.

#include <boost/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/encoding.h"
#include "base/random.h"
#include "base/secret.h"

namespace carnet::crypto {

// Gives the bytes of a vector; a test that draws more or fewer than those fails.
class FixedRandom final : public Random {
 public:
  explicit FixedRandom(Bytes bytes) : bytes_(std::move(bytes)) {}
  void fill(std::span<std::uint8_t> out) override {
    CARNET_CHECK(out.size() == bytes_.size());
    std::ranges::copy(bytes_, out.begin());
    bytes_.clear();
  }

 private:
  Bytes bytes_;
};

inline Bytes unhex(std::string_view text) {
  auto bytes = from_hex(text);
  CARNET_CHECK(bytes.has_value());
  return std::move(*bytes);
}

inline Secret secret_of(std::span<const std::uint8_t> bytes) {
  return Secret(std::string(as_text(bytes)));
}
inline std::string hex_of(const Secret& secret) { return to_hex(as_bytes(secret.expose())); }

inline std::string text_of(const boost::json::object& object, std::string_view member) {
  const auto* value = object.if_contains(member);
  return value == nullptr ? std::string() : std::string(value->as_string());
}

inline std::optional<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace carnet::crypto
