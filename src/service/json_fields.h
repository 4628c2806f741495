#pragma once
// Lenient reading of JSON that this program wrote into its own rows: what is missing or odd counts
// as not set. Private to service/. Pure functions.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

namespace carnet::service {

[[nodiscard]] std::optional<double> number(const boost::json::object& object,
                                           std::string_view name);
[[nodiscard]] std::string text_of(const boost::json::object& object, std::string_view name);
[[nodiscard]] std::vector<std::string> texts(const boost::json::object& object,
                                             std::string_view name);

}  // namespace carnet::service
