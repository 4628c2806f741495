#include "base/error.h"

namespace carnet {

tl::unexpected<Error> make_error(ErrorCode code, std::string public_detail, std::string internal) {
  return tl::unexpected(Error{.code = code,
                              .public_detail = std::move(public_detail),
                              .internal = std::move(internal),
                              .fields = {},
                              .retry_after_s = {}});
}

tl::unexpected<Error> make_validation_error(std::vector<FieldError> fields) {
  std::string detail;
  for (const FieldError& field : fields) {
    if (!detail.empty()) detail += "; ";
    detail += field.field.empty() ? field.detail : field.field + " " + field.detail;
  }
  detail += '.';
  return tl::unexpected(Error{.code = ErrorCode::kValidationFailed,
                              .public_detail = std::move(detail),
                              .internal = {},
                              .fields = std::move(fields),
                              .retry_after_s = {}});
}

tl::unexpected<Error> make_internal(std::string internal) {
  return make_error(ErrorCode::kInternal,
                    "Something failed on this server; the request id finds it in the log.",
                    std::move(internal));
}

}  // namespace carnet
