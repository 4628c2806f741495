#pragma once
// Typed reading of members of a JSON object that Carnet itself wrote. The first fault is kept and
// every later read gives a default, so that a reader asks once at its end instead of after each
// member. Not thread-safe; lives on the stack.

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace carnet::inventory {

class JsonReader {
 public:
  explicit JsonReader(std::size_t list_max) : list_max_(list_max) {}

  // A missing member gives the default without a fault; one of another type is a fault.
  [[nodiscard]] std::string text(const boost::json::object& from, std::string_view key);
  [[nodiscard]] std::int64_t integer(const boost::json::object& from, std::string_view key);
  [[nodiscard]] int small(const boost::json::object& from, std::string_view key);
  [[nodiscard]] double number(const boost::json::object& from, std::string_view key);
  [[nodiscard]] std::optional<double> optional_number(const boost::json::object& from,
                                                      std::string_view key);
  [[nodiscard]] std::optional<int> optional_small(const boost::json::object& from,
                                                  std::string_view key);
  [[nodiscard]] bool boolean(const boost::json::object& from, std::string_view key);
  [[nodiscard]] std::optional<bool> optional_boolean(const boost::json::object& from,
                                                     std::string_view key);
  [[nodiscard]] std::uint16_t port(const boost::json::object& from, std::string_view key);
  [[nodiscard]] std::uint16_t codepoint(const boost::json::object& from, std::string_view key);
  [[nodiscard]] Timestamp time(const boost::json::object& from, std::string_view key);
  [[nodiscard]] std::vector<std::string> texts(const boost::json::object& from,
                                               std::string_view key);
  // nullptr if missing or null.
  [[nodiscard]] const boost::json::object* object(const boost::json::object& from,
                                                  std::string_view key);
  // Calls `each` for every object of an array member.
  template <class Each>
  void objects(const boost::json::object& from, std::string_view key, Each each) {
    const boost::json::array* entries = array(from, key);
    if (entries == nullptr) return;
    for (const boost::json::value& entry : *entries) {
      if (!entry.is_object()) return fail(key);
      each(entry.get_object());
    }
  }
  void fail(std::string_view key) {
    if (fault_.empty()) fault_ = key;
  }
  [[nodiscard]] bool ok() const { return fault_.empty(); }
  // The name of the first member at fault.
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  [[nodiscard]] const boost::json::array* array(const boost::json::object& from,
                                                std::string_view key);
  [[nodiscard]] const boost::json::value* find(const boost::json::object& from,
                                               std::string_view key) const;

  std::size_t list_max_;
  std::string fault_;
};

// Text of a code point as the interface shows it: "11EC".
[[nodiscard]] std::string codepoint_text(std::uint16_t codepoint);
[[nodiscard]] boost::json::array to_json_array(const std::vector<std::string>& texts);

}  // namespace carnet::inventory
