#include "api/multipart.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "base/text.h"

namespace carnet::api {
namespace {

constexpr std::size_t kBoundaryCharsMax = 70;  // RFC 2046 section 5.1.1

tl::unexpected<Error> bad(std::string_view what) {
  return make_error(ErrorCode::kMalformedRequest,
                    fmt::format("The form is not multipart/form-data: {}.", what));
}

// The text between quotes at the start of `rest`, which is moved behind them; nullopt if they do
// not close. Only \" stands for another character: browsers send a backslash as it is.
std::optional<std::string> take_quoted(std::string_view& rest) {
  std::string out;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '"') {
      rest.remove_prefix(i + 1);
      return out;
    }
    if (rest[i] == '\\' && i + 1 < rest.size() && rest[i + 1] == '"') ++i;
    out += rest[i];
  }
  return std::nullopt;
}

// The value of the first parameter of that name behind a ';', with or without quotes; "" if it is
// not there, or if quotes before it do not close.
std::string parameter(std::string_view header, std::string_view name) {
  for (std::size_t at = header.find(';'); at != std::string_view::npos; at = header.find(';')) {
    header = trim_ascii(header.substr(at + 1));
    const std::size_t end = std::min(header.find_first_of("=;"), header.size());
    const bool wanted = iequals_ascii(header.substr(0, end), name);
    header.remove_prefix(end);
    if (!header.starts_with('=')) continue;
    header.remove_prefix(1);
    if (header.starts_with('"')) {
      std::optional<std::string> value = take_quoted(header);
      if (!value) return {};
      if (wanted) return std::move(*value);
    } else if (wanted) {
      return std::string(trim_ascii(header.substr(0, header.find(';'))));
    }
  }
  return {};
}

constexpr std::size_t kFileNameMax = 255;  // limit: internal

// Browsers may send a path; what is shown is its last part, as text.
std::string last_of_path(std::string_view path) {
  const std::size_t slash = path.find_last_of("/\\");
  if (slash != std::string_view::npos) path.remove_prefix(slash + 1);
  std::string out(path.substr(0, kFileNameMax));
  if (!is_valid_utf8(out) || has_forbidden_control(out)) return "file";
  return out;
}

// The value of a parameter of the Content-Disposition in the head of a part.
std::string name_in(std::string_view head, std::string_view which) {
  constexpr std::string_view kDisposition = "content-disposition:";
  while (!head.empty()) {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head = end == std::string_view::npos ? std::string_view{} : head.substr(end + 2);
    if (line.size() > kDisposition.size() &&
        iequals_ascii(line.substr(0, kDisposition.size()), kDisposition))
      return parameter(line.substr(kDisposition.size()), which);
  }
  return {};
}

}  // namespace

bool is_multipart(std::string_view content_type) {
  return iequals_ascii(trim_ascii(split(content_type, ';').front()), "multipart/form-data");
}

Result<std::vector<FormPart>> read_multipart(std::string_view content_type, std::string_view body,
                                             std::size_t parts_at_most) {
  if (!iequals_ascii(trim_ascii(split(content_type, ';').front()), "multipart/form-data"))
    return bad("its type is another");
  const std::string boundary = parameter(content_type, "boundary");
  if (boundary.empty() || boundary.size() > kBoundaryCharsMax) return bad("it has no boundary");
  const std::string open = fmt::format("--{}", boundary);
  const std::string next = "\r\n" + open;
  if (!body.starts_with(open)) return bad("it does not begin with its boundary");
  body.remove_prefix(open.size());
  std::vector<FormPart> parts;
  for (;;) {
    if (body.starts_with("--")) return parts;
    if (!body.starts_with("\r\n")) return bad("a boundary is not on a line of its own");
    body.remove_prefix(2);
    const std::size_t head = body.find("\r\n\r\n");
    if (head == std::string_view::npos || head > kFormHeadBytesMax)
      return bad("a part has no end of its head");
    const std::size_t end = body.find(next, head + 4);
    if (end == std::string_view::npos) return bad("its last boundary is missing");
    const std::string name = name_in(body.substr(0, head), "name");
    const std::string file = name_in(body.substr(0, head), "filename");
    if (name.empty()) return bad("a part has no name");
    if (parts.size() == parts_at_most) return bad("it has too many parts");
    parts.push_back({.name = last_of_path(name),
                     .file_name = last_of_path(file),
                     .bytes = body.substr(head + 4, end - head - 4)});
    body.remove_prefix(end + next.size());
  }
}

}  // namespace carnet::api
