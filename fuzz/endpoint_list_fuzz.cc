// Any text as a list of endpoints. A list with CR LF says the same as one with LF, unless a quoted
// cell holds a line break: there it is content.
#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "base/text.h"
#include "inventory/file_internal.h"

namespace {

carnet::inventory::FileReading read(std::string_view text) {
  carnet::inventory::FileReading out;
  carnet::inventory::FileSink sink(out, nullptr);
  [[maybe_unused]] const bool list = carnet::inventory::read_endpoint_list(text, sink);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  std::erase(text, '\r');
  const auto plain = read(text);
  CARNET_CHECK(plain.listed.size() <= carnet::inventory::kListedEndpointsMax);
  for (const auto& row : plain.listed) {
    CARNET_CHECK(!row.target.empty() && row.line > 0 && carnet::is_valid_utf8(row.target));
  }
  if (text.find('"') != std::string::npos) return 0;
  std::string other;
  for (const char c : text) {
    if (c == '\n') other += '\r';
    other += c;
  }
  const auto crlf = read(other);
  CARNET_CHECK(crlf.listed.size() == plain.listed.size());
  CARNET_CHECK(crlf.file.errors.size() == plain.file.errors.size());
  return 0;
}
