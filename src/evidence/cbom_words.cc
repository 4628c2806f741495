#include "evidence/cbom_words.h"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "crypto/hash.h"

namespace carnet::evidence {

namespace bj = boost::json;
using inventory::Endpoint;
using inventory::ScanDocument;
using inventory::Support;

namespace {

bool is_plain_host(std::string_view host) {
  return !host.empty() &&
         host.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:_-") ==
             std::string_view::npos;
}

}  // namespace

std::string serial_number(const ScanDocument& document, CbomVersion version) {
  const std::string identity = fmt::format("cbom\n{}\n{}\n{}", document.scan_id,
                                           to_rfc3339(document.finished_at), to_string(version));
  crypto::Digest256 digest = crypto::sha256(identity);
  digest[6] = static_cast<std::uint8_t>((digest[6] & 0x0FU) | 0x80U);
  digest[8] = static_cast<std::uint8_t>((digest[8] & 0x3FU) | 0x80U);
  const std::string hex = to_hex(digest).substr(0, 32);
  return fmt::format("urn:uuid:{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4),
                     hex.substr(12, 4), hex.substr(16, 4), hex.substr(20));
}

std::string slug(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '+' || c == '@' || c == '_';
    out += plain ? c : '-';
  }
  return out;
}

std::string short_hash(const std::string& identity) {
  return crypto::sha256_hex(identity).substr(0, 24);
}

bj::array array_of(const std::vector<std::string>& texts) {
  bj::array array;
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

bj::array list_of(bj::value only) {
  bj::array array;
  array.push_back(std::move(only));
  return array;
}

bj::object property(std::string_view name, std::string_view value) {
  return {{"name", name}, {"value", value}};
}

std::string place_of(const Endpoint& endpoint) {
  if (endpoint.file) return endpoint.host;
  const bool ipv6 = endpoint.host.find(':') != std::string::npos;
  return ipv6 ? fmt::format("[{}]:{}", endpoint.host, endpoint.port)
              : fmt::format("{}:{}", endpoint.host, endpoint.port);
}

bool is_there(Support state) {
  return state == Support::kPreferred || state == Support::kSupported;
}

std::string uri_of(const Endpoint& endpoint, const std::string& place) {
  if (endpoint.file || !is_plain_host(endpoint.host)) return {};
  return fmt::format("{}://{}", endpoint.ssh ? "ssh" : endpoint.jwks ? "https" : "tls", place);
}

}  // namespace carnet::evidence
