#pragma once
// Opaque cursors: the place in a list, authenticated together with the tenant, the list and its
// filter, so that one made for another tenant or filter is refused. Thread-safe.

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/secret.h"

namespace carnet::api {

class CursorCodec {
 public:
  explicit CursorCodec(const Secret& pepper);
  // `scope` is everything the cursor is bound to: tenant, operation, filter.
  [[nodiscard]] std::string encode(std::string_view scope, std::string_view place) const;
  // kValidationFailed naming "cursor" for anything that encode() did not make for this scope.
  [[nodiscard]] Result<std::string> decode(std::string_view scope, std::string_view cursor) const;

 private:
  [[nodiscard]] std::string mac(std::string_view scope, std::string_view place) const;
  Secret key_;
};

}  // namespace carnet::api
