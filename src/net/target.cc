#include "net/target.h"

#include <idn2.h>

#include <charconv>
#include <cstdlib>
#include <memory>

#include "base/text.h"

namespace carnet::net {
namespace {

constexpr std::size_t kTargetBytesMax = 2048;
constexpr std::size_t kNameBytesMax = 253;  // RFC 1035 section 2.3.4, without the root's dot
constexpr std::size_t kLabelBytesMax = 63;

tl::unexpected<Error> refuse(std::string phrase) {
  return make_error(ErrorCode::kValidationFailed, std::move(phrase));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

Result<std::uint16_t> parse_port(std::string_view text) {
  unsigned value = 0;
  const bool digits = all_digits(text) && text.size() <= 5;
  if (digits) std::from_chars(text.data(), text.data() + text.size(), value);
  if (!digits || value < 1 || value > 65535) {
    return refuse("must have a port from 1 to 65535 after the colon");
  }
  return static_cast<std::uint16_t>(value);
}

// WHATWG URL, "percent-decode": a stray % stays and is refused later as a character.
std::string percent_decode(std::string_view text) {
  std::string out;
  const auto hex = [](char c) {
    if (is_digit(c)) return c - '0';
    const char low = static_cast<char>(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
      out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// One part of an IPv4 number as WHATWG reads it: decimal, 0x hex or 0 octal.
std::optional<std::uint64_t> ipv4_number(std::string_view part) {
  int base = 10;
  if (part.size() >= 2 && part[0] == '0' && (part[1] == 'x' || part[1] == 'X')) {
    part.remove_prefix(2);
    base = 16;
  } else if (part.size() >= 2 && part[0] == '0') {
    part.remove_prefix(1);
    base = 8;
  }
  if (part.empty()) return 0;
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value, base);
  if (error != std::errc() || end != part.data() + part.size()) return std::nullopt;
  return value;
}

// What a browser would connect to for an odd IPv4 form such as "0x7f.1"; nullopt if it is none.
std::optional<IpAddress> odd_ipv4(std::string_view host) {
  const auto parts = split(host, '.');
  if (parts.size() > 4) return std::nullopt;
  std::uint64_t address = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].empty()) return std::nullopt;
    const auto value = ipv4_number(parts[i]);
    if (!value) return std::nullopt;
    const bool last = i + 1 == parts.size();
    const std::uint64_t limit = last ? std::uint64_t{1} << (8 * (5 - parts.size())) : 256;
    if (*value >= limit) return std::nullopt;
    address += last ? *value : *value << (8 * (3 - i));
  }
  IpAddress out = *IpAddress::parse("0.0.0.0");
  for (std::size_t i = 0; i < 4; ++i) {
    out.bytes[12 + i] = static_cast<std::uint8_t>(address >> (8 * (3 - i)));
  }
  return out;
}

// WHATWG URL, "ends in a number checker".
bool ends_in_number(std::string_view host) {
  const auto parts = split(host, '.');
  const std::string_view last = parts.back();
  if (all_digits(last)) return true;
  return last.size() >= 2 && last[0] == '0' && last[1] == 'x' && ipv4_number(last).has_value();
}

// UTS 46 to A-labels (non-transitional), by libidn2.
Result<std::string> to_a_labels(const std::string& host) {
  std::uint8_t* raw = nullptr;
  const int status = idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(host.c_str()), &raw,
                                    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<std::uint8_t, void (*)(void*)> owner(raw, idn2_free);
  if (status != IDN2_OK) {
    return refuse("is not a valid international domain name (" +
                  std::string(idn2_strerror(status)) + ")");
  }
  return std::string(reinterpret_cast<const char*>(raw));
}

Result<void> check_name(std::string_view name) {
  if (name.size() > kNameBytesMax) return refuse("must have at most 253 characters in its name");
  for (const std::string_view label : split(name, '.')) {
    if (label.empty()) return refuse("must not have an empty label (two dots in a row)");
    if (label.size() > kLabelBytesMax) {
      return refuse("must have at most 63 characters between dots");
    }
    for (const char c : label) {
      const bool fine = (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_';
      if (!fine) {
        const bool printable = c > 0x20 && c < 0x7F;
        return refuse(printable ? "has the character '" + std::string(1, c) +
                                      "' that no host name may have"
                                : "has a space or control character, which no host name may have");
      }
    }
    if (label.front() == '-' || label.back() == '-') {
      return refuse("must not have a label that begins or ends with a hyphen");
    }
  }
  return {};
}

// `host` without brackets and port. Gives the normal form.
Result<std::string> parse_host(std::string_view text) {
  if (text.empty()) return refuse("must name a host, such as example.org or example.org:443");
  if (!is_valid_utf8(text)) return refuse("must be valid UTF-8");
  std::string host = to_lower_ascii(text);
  const bool ascii = std::all_of(host.begin(), host.end(), [](char c) { return (c & 0x80) == 0; });
  if (!ascii || host.find("xn--") != std::string::npos) {
    CARNET_TRY(mapped, to_a_labels(host));
    host = to_lower_ascii(mapped);
  }
  if (host.ends_with('.')) host.pop_back();  // the root: the same name
  CARNET_TRY_VOID(check_name(host));
  if (ends_in_number(host)) {
    if (const auto address = IpAddress::parse(host)) return address->to_string();
    if (const auto meant = odd_ipv4(host)) {
      return refuse("is an unusual way to write an IPv4 address; write " + meant->to_string());
    }
    return refuse("ends in a number but is not an IPv4 address of four parts from 0 to 255");
  }
  return host;
}

Result<std::string> parse_v6(std::string_view inside) {
  if (inside.find('%') != std::string_view::npos) {
    return refuse("must not have a zone (the part from % on) in its IPv6 address");
  }
  const auto address = IpAddress::parse(inside);
  if (!address || inside.find(':') == std::string_view::npos) {
    return refuse("must have a valid IPv6 address, such as [2001:db8::1]:443");
  }
  return address->to_string();
}

// "host", "host:port", "[v6]", "[v6]:port", bare v6.
Result<Target> parse_authority(std::string_view text) {
  Target out;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos) return refuse("must close its bracket: [2001:db8::1]:443");
    CARNET_TRY(address, parse_v6(text.substr(1, close - 1)));
    out.host = std::move(address);
    const std::string_view rest = text.substr(close + 1);
    if (rest.empty()) return out;
    if (!rest.starts_with(':')) return refuse("must have :port or nothing after the bracket");
    CARNET_TRY(port, parse_port(rest.substr(1)));
    out.port = port;
    return out;
  }
  const auto colon = text.find(':');
  if (colon != std::string_view::npos && text.find(':', colon + 1) != std::string_view::npos) {
    CARNET_TRY(address, parse_v6(text));
    out.host = std::move(address);
    return out;
  }
  CARNET_TRY(host, parse_host(text.substr(0, colon)));
  out.host = std::move(host);
  if (colon != std::string_view::npos) {
    CARNET_TRY(port, parse_port(text.substr(colon + 1)));
    out.port = port;
  }
  return out;
}

Result<Target> parse_https(std::string_view rest) {
  std::string_view authority = rest.substr(0, rest.find_first_of("/?#\\"));
  if (authority.find('@') != std::string_view::npos) {
    return refuse("must not have a user name or password in its URL");
  }
  // An empty port in a URL is the scheme's (WHATWG).
  if (authority.ends_with(':')) authority.remove_suffix(1);
  const std::string decoded =
      authority.starts_with('[') ? std::string(authority) : percent_decode(authority);
  CARNET_TRY(out, parse_authority(decoded));
  if (!out.port) out.port = 443;
  const std::string_view behind = rest.substr(std::min(rest.find_first_of("/?#\\"), rest.size()));
  if (behind.starts_with('/')) out.path = behind.substr(0, behind.find('#'));
  return out;
}

}  // namespace

std::string Target::key() const {
  if (cidr) return cidr->to_string() + (port ? ":" + std::to_string(*port) : "");
  const bool v6 = host.find(':') != std::string::npos;
  const std::string shown = v6 && port ? "[" + host + "]" : host;
  return port ? shown + ":" + std::to_string(*port) : shown;
}

Result<Target> parse_target(std::string_view text) {
  const std::string_view trimmed = trim_ascii(text);
  if (trimmed.empty()) return refuse("must name a host, such as example.org or example.org:443");
  if (trimmed.size() > kTargetBytesMax) return refuse("must have at most 2048 bytes");
  Target out;
  const auto scheme_end = trimmed.find("://");
  if (scheme_end != std::string_view::npos) {
    if (!iequals_ascii(trimmed.substr(0, scheme_end), "https")) {
      return refuse("must be an https:// URL, or a host and port such as example.org:22");
    }
    CARNET_TRY(parsed, parse_https(trimmed.substr(scheme_end + 3)));
    out = std::move(parsed);
  } else if (const auto slash = trimmed.find('/'); slash != std::string_view::npos) {
    const auto block = Cidr::parse(trimmed);
    if (!block) {
      if (IpAddress::parse(trimmed.substr(0, slash))) {
        return refuse("must be a block such as 192.0.2.0/24 or 2001:db8::/120");
      }
      return refuse("has a path; write the whole URL with https://, or only host:port");
    }
    out.cidr = block;
  } else {
    if (trimmed.find('@') != std::string_view::npos) {
      return refuse("must not have a user name; write host:port");
    }
    CARNET_TRY(parsed, parse_authority(trimmed));
    out = std::move(parsed);
  }
  out.original = std::string(text);
  return out;
}

std::string display_host(std::string_view host, std::string_view suffix) {
  const std::string ascii(host);
  std::string plain = ascii + std::string(suffix);
  if (ascii.find("xn--") == std::string::npos) return plain;
  char* raw = nullptr;
  const int status = idn2_to_unicode_8z8z(ascii.c_str(), &raw, 0);
  const std::unique_ptr<char, void (*)(void*)> owner(raw, idn2_free);
  if (status != IDN2_OK || raw == nullptr || ascii == raw || !is_valid_utf8(raw)) return plain;
  // Only what would be read back as this name: no controls, nothing that UTS 46 would change.
  const auto back = to_a_labels(raw);
  if (!back || *back != ascii) return plain;
  return std::string(raw) + std::string(suffix) + " (" + ascii + ")";
}

}  // namespace carnet::net
