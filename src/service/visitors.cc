#include "service/visitors.h"

#include "base/encoding.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "net/ip.h"

namespace carnet::service {
namespace {

constexpr std::size_t kUserAgentMax = 255;  // bytes
constexpr std::size_t kNameDigits = 32;

std::string network_of(std::string_view address) {
  const auto parsed = net::IpAddress::parse(address);
  if (!parsed) return "unknown";
  const std::string block = parsed->to_string() + (parsed->is_v4() ? "/24" : "/48");
  const auto cidr = net::Cidr::parse(block);
  return cidr ? cidr->to_string() : "unknown";
}

}  // namespace

VisitorNames::VisitorNames(const Secret& pepper)
    : key_(crypto::derive_key(pepper, "carnet visitor v1")) {}

std::string VisitorNames::name(const TenantId& tenant, std::string_view setting,
                               std::string_view address) const {
  if (setting == "truncated") return network_of(address);
  std::string text = tenant.str();
  text += '\n';
  text += address;
  return to_hex(crypto::hmac_sha256(key_, text)).substr(0, kNameDigits);
}

std::string clean_user_agent(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size() && out.size() < kUserAgentMax;) {
    std::size_t length = 1;
    while (length <= 4 && i + length <= text.size() && !is_valid_utf8(text.substr(i, length)))
      ++length;
    if (length > 4 || i + length > text.size()) {
      out += '?';
      ++i;
      continue;
    }
    const std::string_view character = text.substr(i, length);
    i += length;
    if (has_forbidden_control(character) || character == "\t" || character == "\n") continue;
    if (out.size() + length > kUserAgentMax) break;
    out += character;
  }
  return out;
}

}  // namespace carnet::service
