#pragma once
// What a user may name as something to scan. Pure functions.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/ip.h"

namespace carnet::net {

struct Target {
  std::string original;  // as given
  std::string host;      // lower-case A-label name, or an address without brackets; "" for a CIDR
  std::optional<std::uint16_t> port;  // from host:port or the URL (443 for https without a port)
  std::optional<Cidr> cidr;           // set for a block
  std::string path;                   // of an https URL, with its query: "/keys?v=2"; else ""
  [[nodiscard]] std::string key() const;  // normal form: "example.org:443", "10.0.0.0/24"
};

// Takes "host", "host:port", "[v6]:port", a bare IPv6 address, "https://host[:port]/…" or a CIDR
// block, parsed once by the WHATWG host rules (IDN by UTS 46, odd IPv4 forms refused with a hint).
// kValidationFailed with no field name (the caller adds it) and a phrase that says what would be
// right.
[[nodiscard]] Result<Target> parse_target(std::string_view text);

// For people: a host with what follows it (":443"), an A-label name with its U-label form:
// "bücher.example:443 (xn--bcher-kva.example)". Both, because a name of another script may look
// like a different one.
[[nodiscard]] std::string display_host(std::string_view host, std::string_view suffix = {});

}  // namespace carnet::net
