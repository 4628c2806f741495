#pragma once
// What the targets for JSON files share.

#include <boost/json.hpp>
#include <string_view>

#include "base/check.h"
#include "base/json.h"
#include "base/text.h"
#include "inventory/model.h"

namespace carnet::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

inline void check_text(const std::string& text) {
  CARNET_CHECK(is_valid_utf8(text) && text.size() <= 4096);
}

}  // namespace carnet::fuzz
