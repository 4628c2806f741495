#include "service/json_fields.h"

#include <boost/json.hpp>

namespace carnet::service {

namespace bj = boost::json;

std::optional<double> number(const bj::object& object, std::string_view name) {
  const bj::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return std::nullopt;
  return value->to_number<double>();
}

std::string text_of(const bj::object& object, std::string_view name) {
  const bj::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return std::string(value->as_string());
}

std::vector<std::string> texts(const bj::object& object, std::string_view name) {
  std::vector<std::string> out;
  const bj::value* value = object.if_contains(name);
  if (value == nullptr || !value->is_array()) return out;
  for (const bj::value& item : value->as_array())
    if (item.is_string()) out.emplace_back(item.as_string());
  return out;
}

}  // namespace carnet::service
