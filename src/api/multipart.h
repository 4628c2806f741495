#pragma once
// Bodies of HTML forms with files (multipart/form-data, RFC 7578), already read whole. Strict and
// bounded: what is not exactly this form is refused. Views point into the body. Pure function.

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace carnet::api {

// Whether a Content-Type is that of a form with parts.
[[nodiscard]] bool is_multipart(std::string_view content_type);

struct FormPart {
  std::string name;
  std::string file_name;  // the last part of a path, at most 255 bytes; "" if it is no file
  std::string_view bytes;
};

inline constexpr std::size_t kFormPartsMax = 16;
inline constexpr std::size_t kFormHeadBytesMax = 4096;  // of one part

// `content_type` is the request's. kMalformedRequest with a sentence.
[[nodiscard]] Result<std::vector<FormPart>> read_multipart(
    std::string_view content_type, std::string_view body,
    std::size_t parts_at_most = kFormPartsMax);

}  // namespace carnet::api
