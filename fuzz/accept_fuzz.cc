// Any text as an Accept header, and as a list of entity tags.
#include <cstddef>
#include <cstdint>
#include <string>

#include "api/pipeline.h"
#include "base/check.h"
#include "base/encoding.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using carnet::api::negotiate;
  const std::string text(carnet::as_text({data, size}));
  for (const std::string_view offered :
       {"application/json", "text/html; charset=utf-8, application/json",
        "application/zip, application/pdf, text/csv; charset=utf-8"}) {
    const std::string_view first = offered.substr(0, offered.find(", "));
    const std::string_view chosen = negotiate(text, offered);
    // One of those offered, or none.
    CARNET_CHECK(chosen.empty() ||
                 (", " + std::string(offered) + ", ").find(", " + std::string(chosen) + ", ") !=
                     std::string::npos);
    CARNET_CHECK(negotiate(text, offered) == chosen);
    // Who takes just what was chosen gets it.
    if (!chosen.empty()) {
      const std::string_view bare = chosen.substr(0, chosen.find(';'));
      CARNET_CHECK(negotiate(bare, offered) == chosen);
    }
    // What is no Accept header does not keep anybody from an answer.
    if (text.find('/') == std::string::npos &&
        text.find_first_not_of(" \t\r\n,") != std::string::npos)
      CARNET_CHECK(chosen == first);
  }
  const std::string etag = "\"" + carnet::to_hex(carnet::as_bytes(text)) + "\"";
  CARNET_CHECK(carnet::api::etag_matches(text + ", W/" + etag, etag));
  CARNET_CHECK(carnet::api::etag_matches(etag + "," + text, etag));
  if (text.find('*') == std::string::npos && text.find('"') == std::string::npos)
    CARNET_CHECK(!carnet::api::etag_matches(text, etag));
  return 0;
}
