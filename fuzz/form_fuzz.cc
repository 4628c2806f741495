// Any bytes as a query or an HTML form (application/x-www-form-urlencoded).
#include <cstddef>
#include <cstdint>
#include <string>

#include "api/http.h"
#include "base/check.h"
#include "base/encoding.h"

namespace {

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    out += '%';
    out += carnet::to_hex(carnet::as_bytes(std::string_view(&c, 1)));
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using carnet::api::form_value;
  const std::string text(carnet::as_text({data, size}));
  for (const bool plus : {false, true}) {
    const auto decoded = carnet::api::percent_decode(text, plus);
    if (!decoded) continue;
    CARNET_CHECK(decoded->size() <= size);
    CARNET_CHECK(carnet::api::percent_decode(encoded(*decoded), plus) == decoded);
  }
  // Any text is a value, and a name, that comes back.
  CARNET_CHECK(form_value("a=" + encoded(text), "a") == text);
  CARNET_CHECK(form_value(encoded(text) + "=b&x=y", text) == "b");
  // The first of a name counts, whatever stands behind it; what stands before it is passed over.
  CARNET_CHECK(form_value("passcode=p&" + text, "passcode") == "p");
  const auto value = form_value(text, "passcode");
  if (value) CARNET_CHECK(form_value(text + "&passcode=other", "passcode") == value);
  if (text.find('p') == std::string::npos && text.find('%') == std::string::npos) {
    CARNET_CHECK(form_value(text + "&passcode=%70", "passcode") == "p");
  }
  return 0;
}
