#include "store/errors.h"

namespace carnet::store {

Error unavailable(std::string_view public_detail, int retry_after_s, std::string_view internal) {
  Error error =
      make_error(ErrorCode::kUnavailable, std::string(public_detail), std::string(internal))
          .value();
  error.retry_after_s = retry_after_s;
  return error;
}

Error stored_conflict(std::string internal) {
  return make_error(ErrorCode::kConflict, "This conflicts with what is already stored.",
                    std::move(internal))
      .value();
}

Error queue_full() {
  return unavailable("The server has more work waiting than it takes; try again.", kRetryBusy_s,
                     "the database queue is full");
}

Error shutting_down() {
  return unavailable("The server is shutting down.", kRetryBusy_s, "the database has been stopped");
}

}  // namespace carnet::store
