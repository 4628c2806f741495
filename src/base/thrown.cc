#include "base/thrown.h"

#include <exception>
#include <new>

namespace carnet {

Error thrown_error(std::string_view where) {
  std::string internal(where);
  try {
    throw;
  } catch (const std::bad_alloc&) {
    internal += ": out of memory";
    return Error{.code = ErrorCode::kUnavailable,
                 .public_detail = "The server is short of memory for this; try again shortly.",
                 .internal = std::move(internal),
                 .fields = {},
                 .retry_after_s = 1};
  } catch (const std::exception& known) {
    internal += ": ";
    internal += known.what();
  } catch (...) {
    internal += ": not a std::exception";
  }
  return make_internal(std::move(internal)).value();
}

}  // namespace carnet
