#include "inventory/ssh_key.h"

#include "base/encoding.h"
#include "base/text.h"
#include "inventory/file_internal.h"
#include "inventory/registry.h"

namespace carnet::inventory {
namespace {

constexpr std::size_t kTypeBytesMax = 100;  // limit: internal

bool is_type_name(ByteView name) {
  if (name.empty() || name.size() > kTypeBytesMax) return false;
  return std::ranges::all_of(name, [](std::uint8_t byte) { return byte > 0x20 && byte < 0x7F; });
}

// RSA: e, n. DSA: p, q, g, y. A certificate has a nonce before them.
int number_bits(ByteView rest, int index) {
  std::optional<ByteView> number;
  for (int i = 0; i <= index; ++i) number = take_ssh_string(rest);
  return number ? integer_bits(*number) : 0;
}

}  // namespace

std::optional<ByteView> take_ssh_string(ByteView& rest) {
  if (rest.size() < 4) return std::nullopt;
  const std::size_t size = static_cast<std::size_t>(rest[0]) << 24U |
                           static_cast<std::size_t>(rest[1]) << 16U |
                           static_cast<std::size_t>(rest[2]) << 8U | rest[3];
  if (size > rest.size() - 4) return std::nullopt;
  const ByteView out = rest.subspan(4, size);
  rest = rest.subspan(4 + size);
  return out;
}

std::optional<SshKeyFacts> read_ssh_key(ByteView blob) {
  ByteView rest = blob;
  const auto name = take_ssh_string(rest);
  if (!name || !is_type_name(*name)) return std::nullopt;
  SshKeyFacts out;
  out.type = as_text(*name);
  out.fingerprint = fingerprint_of(blob);
  std::string plain = out.type;
  int first = 0;
  if (const std::size_t suffix = plain.find("-cert-v0"); suffix != std::string::npos) {
    plain.resize(suffix);
    first = 1;
  }
  // Security keys: the same keys, held by a token ("sk-ssh-ed25519@openssh.com").
  if (plain.starts_with("sk-")) plain.erase(0, 3);
  if (const std::size_t at = plain.find('@'); at != std::string::npos && first == 0) {
    const bool sk = out.type.starts_with("sk-");
    if (sk) plain.resize(at);
  }
  const Algorithm* row = find_by_ssh_key_type(plain);
  if (row == nullptr) row = find_by_ssh_key_type(out.type);
  out.algorithm = row != nullptr ? row->name : out.type;
  if (row != nullptr) {
    out.bits = row->key_bits;
    out.curve = row->curve;
  }
  if (plain == "ssh-rsa") out.bits = number_bits(rest, first + 1);
  if (plain == "ssh-dss") out.bits = number_bits(rest, first);
  return out;
}

}  // namespace carnet::inventory
