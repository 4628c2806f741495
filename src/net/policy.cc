#include "net/dialer.h"

#include "base/check.h"
#include "base/text.h"
#include "net/embedded.h"

namespace carnet::net {
namespace {

IpAddress mapped(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
  IpAddress out;
  out.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d};
  return out;
}

bool starts_with(const IpAddress& address, std::initializer_list<std::uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.bytes.begin());
}

// Every IPv4 address that an IPv6 address carries inside and that a translator or tunnel would
// reach in its place.
std::vector<IpAddress> inner_addresses(const IpAddress& address) {
  std::vector<IpAddress> out;
  if (address.is_v4()) return out;
  const auto& b = address.bytes;
  const bool nat64 = starts_with(address, {0x00, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0});
  const bool nat64_local = starts_with(address, {0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01});  // RFC 8215
  const bool compatible = starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  const bool translated = starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0});
  if (nat64 || nat64_local || compatible || translated) {
    out.push_back(mapped(b[12], b[13], b[14], b[15]));
  }
  if (nat64_local) {
    // The local prefix may be cut shorter than 96 bits; RFC 6052 section 2.2 then puts the address
    // around the octet 8. What reads as 0.0.0.0/8 there is the zeros of a longer prefix.
    for (const IpAddress& inner :
         {mapped(b[6], b[7], b[9], b[10]), mapped(b[7], b[9], b[10], b[11]),
          mapped(b[9], b[10], b[11], b[12])}) {
      if (inner.bytes[12] != 0) out.push_back(inner);
    }
  }
  // ISATAP, RFC 5214 section 6.1: an interface identifier of any prefix, the universal bit either
  // way.
  if ((b[8] & 0xFDU) == 0 && b[9] == 0 && b[10] == 0x5E && b[11] == 0xFE) {
    out.push_back(mapped(b[12], b[13], b[14], b[15]));
  }
  if (starts_with(address, {0x20, 0x02})) out.push_back(mapped(b[2], b[3], b[4], b[5]));  // 6to4
  if (starts_with(address, {0x20, 0x01, 0, 0})) {  // Teredo, RFC 4380: server, inverted client
    out.push_back(mapped(b[4], b[5], b[6], b[7]));
    const auto inverted = [](std::uint8_t v) { return static_cast<std::uint8_t>(v ^ 0xFFU); };
    out.push_back(mapped(inverted(b[12]), inverted(b[13]), inverted(b[14]), inverted(b[15])));
  }
  return out;
}

const Cidr* find_block(const std::vector<Cidr>& blocks, const IpAddress& address) {
  for (const Cidr& block : blocks) {
    if (block.contains(address)) return &block;
  }
  return nullptr;
}

// The entries of a data file: one a line, "#" begins a comment.
std::vector<std::string_view> entries(std::string_view file) {
  std::vector<std::string_view> out;
  for (const std::string_view line : split(file, '\n')) {
    const std::string_view text = trim_ascii(line.substr(0, line.find('#')));
    if (!text.empty()) out.push_back(text);
  }
  return out;
}

// What stands in data/cloud_metadata.txt: addresses as blocks of one, and names.
struct CloudMetadata {
  std::vector<Cidr> addresses;
  std::vector<std::string_view> names;
};

const CloudMetadata& cloud_metadata() {
  static const CloudMetadata kMetadata = [] {
    CloudMetadata out;
    for (const std::string_view text : entries(embedded::cloud_metadata_txt())) {
      if (const auto block = Cidr::parse(text)) {
        CARNET_CHECK(block->prefix_bits == 128);
        out.addresses.push_back(*block);
      } else {
        out.names.push_back(text);
      }
    }
    return out;
  }();
  return kMetadata;
}

bool holds_alone(const std::vector<Cidr>& blocks, const IpAddress& address) {
  return std::any_of(blocks.begin(), blocks.end(), [&](const Cidr& block) {
    return block.prefix_bits == 128 && block.base == address;
  });
}

}  // namespace

std::vector<Cidr> AddressPolicy::special_purpose_ranges() {
  std::vector<Cidr> out;
  for (const std::string_view text : entries(embedded::deny_ranges_txt())) {
    const auto block = Cidr::parse(text);
    CARNET_CHECK(block.has_value());  // the file is part of the program
    out.push_back(*block);
  }
  return out;
}

bool AddressPolicy::is_metadata_name(std::string_view host) {
  const auto& names = cloud_metadata().names;
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return iequals_ascii(name, host); });
}

std::optional<Cidr> AddressPolicy::denying_block(const IpAddress& address) const {
  const auto denied_by = [this](const IpAddress& judged) -> const Cidr* {
    const Cidr* metadata = find_block(cloud_metadata().addresses, judged);
    if (metadata != nullptr) return holds_alone(allowed_, judged) ? nullptr : metadata;
    const Cidr* block = find_block(denied_, judged);
    return block != nullptr && find_block(allowed_, judged) == nullptr ? block : nullptr;
  };
  if (const Cidr* block = denied_by(address)) return *block;
  // ::1 and :: look like IPv4-compatible forms of 0.0.0.0/8; once allowed as themselves, they are.
  if (find_block(allowed_, address) != nullptr &&
      starts_with(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})) {
    return std::nullopt;
  }
  for (const IpAddress& inner : inner_addresses(address)) {
    if (const Cidr* block = denied_by(inner)) return *block;
  }
  return std::nullopt;
}

bool AddressPolicy::permits(const IpAddress& address) const {
  return !denying_block(address).has_value();
}

bool AddressPolicy::explicitly_allowed(const IpAddress& address) const {
  return find_block(allowed_, address) != nullptr && permits(address);
}

}  // namespace carnet::net
