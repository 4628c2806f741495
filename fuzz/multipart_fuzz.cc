// Any bytes as an HTML form with files: the first line is the boundary, the rest the body.
#include <cstddef>
#include <cstdint>
#include <string>

#include "api/multipart.h"
#include "base/check.h"
#include "base/encoding.h"
#include "base/text.h"

namespace {

using carnet::api::FormPart;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string written(const std::vector<FormPart>& parts, const std::string& boundary) {
  std::string out;
  for (const FormPart& part : parts) {
    out += "--" + boundary + "\r\nContent-Disposition: form-data; name=" + quoted(part.name);
    if (!part.file_name.empty()) out += "; filename=" + quoted(part.file_name);
    out += "\r\n\r\n";
    out += part.bytes;
    out += "\r\n";
  }
  return out + "--" + boundary + "--\r\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = carnet::as_text({data, size});
  const std::size_t line = text.find('\n');
  if (line == std::string_view::npos) return 0;
  const std::string boundary(text.substr(0, line));
  const std::string_view body = text.substr(line + 1);
  const std::string type = "multipart/form-data; boundary=" + quoted(boundary);
  const auto parts = carnet::api::read_multipart(type, body);
  if (!parts) {
    CARNET_CHECK(!parts.error().public_detail.empty());
    return 0;
  }
  CARNET_CHECK(carnet::api::is_multipart(type));
  CARNET_CHECK(parts->size() <= carnet::api::kFormPartsMax);
  bool named = true;
  for (const FormPart& part : *parts) {
    CARNET_CHECK(part.bytes.data() >= body.data() &&
                 part.bytes.data() + part.bytes.size() <= body.data() + body.size());
    for (const std::string& name : {part.name, part.file_name}) {
      CARNET_CHECK(name.size() <= 255 && carnet::is_valid_utf8(name));
      CARNET_CHECK(!carnet::has_forbidden_control(name));
      CARNET_CHECK(name.find_first_of("/\\") == std::string::npos);
      // A line end in a name (a lone one is no control here) would end its line in the head.
      named = named && name.find_first_of("\r\n") == std::string::npos;
    }
    named = named && !part.name.empty();
  }
  if (!named) return 0;
  // Written again, the same form is read.
  const std::string copy = written(*parts, boundary);
  const auto again = carnet::api::read_multipart(type, copy);
  CARNET_CHECK(again && again->size() == parts->size());
  for (std::size_t i = 0; i < parts->size(); ++i) {
    CARNET_CHECK((*again)[i].name == (*parts)[i].name);
    CARNET_CHECK((*again)[i].file_name == (*parts)[i].file_name);
    CARNET_CHECK((*again)[i].bytes == (*parts)[i].bytes);
  }
  return 0;
}
