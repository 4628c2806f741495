#pragma once
// JSON in and out. Parsing is Boost.JSON made strict: valid UTF-8, no duplicate member, no number
// outside the finite doubles, at most 32 levels. Writing is our own because Boost.JSON 1.81 prints
// 100.0 as 1E2 and loses an ulp on some doubles: numbers go through std::to_chars (shortest form
// that reads back equal). Pure functions.

#include <string>
#include <string_view>

#include <boost/json/fwd.hpp>

#include "base/error.h"

namespace carnet::json {

// kMalformedJson with the line and column of the first fault.
[[nodiscard]] Result<boost::json::value> parse(std::string_view text);

// Compact text; members in the order they were added.
[[nodiscard]] std::string write(const boost::json::value& value);
void write_to(std::string& out, const boost::json::value& value);
// Members sorted, numbers per RFC 8785 (JCS): the canonical bytes that digests are taken over.
[[nodiscard]] std::string write_canonical(const boost::json::value& value);
// Indented by two, for people.
[[nodiscard]] std::string write_pretty(const boost::json::value& value);
// `text` as a JSON string with its quotes, appended.
void append_string(std::string& out, std::string_view text);

}  // namespace carnet::json
