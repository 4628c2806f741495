#pragma once
// What an exception means to a caller. Exceptions are for what cannot happen, with one exception to
// that: memory can run out anywhere, and then the work is refused like any other that is too much.

#include <string_view>

#include "base/error.h"

namespace carnet {

// Only inside a catch block. kUnavailable with retry_after_s when memory ran out, else kInternal;
// `where` and the exception's own words go to the log.
[[nodiscard]] Error thrown_error(std::string_view where);

}  // namespace carnet
