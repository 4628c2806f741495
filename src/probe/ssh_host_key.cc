#include "probe/ssh_host_key.h"

#include <array>

#include "probe/byte_reader.h"
#include "probe/ssh_parser.h"

namespace carnet::probe {
namespace {

constexpr std::size_t kTypeBytesMax = 64;  // RFC 4251 section 6

// What the fields behind the type name are.
enum class Form {
  kRsa,      // e, n
  kDsa,      // p, q, g, y
  kEcdsa,    // curve, point
  kRaw,      // the public key in one string of `bytes`
  kSkEcdsa,  // curve, point, application
  kSkRaw,    // the public key, application
};

struct KeyType {
  std::string_view name;
  Form form;
  int bits;           // 0: from the key
  std::size_t bytes;  // kRaw and kSkRaw: of the public key; kEcdsa: of the point
  std::string_view curve{};
};

constexpr std::array<KeyType, 19> kTypes{{
    {"ssh-rsa", Form::kRsa, 0, 0},
    {"ssh-dss", Form::kDsa, 0, 0},
    {"ecdsa-sha2-nistp256", Form::kEcdsa, 256, 65, "nistp256"},
    {"ecdsa-sha2-nistp384", Form::kEcdsa, 384, 97, "nistp384"},
    {"ecdsa-sha2-nistp521", Form::kEcdsa, 521, 133, "nistp521"},
    {"ssh-ed25519", Form::kRaw, 255, 32},
    {"ssh-ed448", Form::kRaw, 448, 57},
    {"sk-ecdsa-sha2-nistp256@openssh.com", Form::kSkEcdsa, 256, 65, "nistp256"},
    {"sk-ssh-ed25519@openssh.com", Form::kSkRaw, 255, 32},
    {"ssh-mldsa44-ed25519", Form::kRaw, 1344 * 8, 1344},
    {"ssh-mldsa-44", Form::kRaw, 1312 * 8, 1312},
    {"ssh-mldsa-65", Form::kRaw, 1952 * 8, 1952},
    {"ssh-mldsa-87", Form::kRaw, 2592 * 8, 2592},
    {"ssh-mldsa44", Form::kRaw, 1312 * 8, 1312},
    {"ssh-mldsa65", Form::kRaw, 1952 * 8, 1952},
    {"ssh-mldsa87", Form::kRaw, 2592 * 8, 2592},
    {"mldsa-44", Form::kRaw, 1312 * 8, 1312},
    {"mldsa-65", Form::kRaw, 1952 * 8, 1952},
    {"mldsa-87", Form::kRaw, 2592 * 8, 2592},
}};

const KeyType* find_type(std::string_view name) {
  for (const KeyType& type : kTypes) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

// "ssh-ed25519-cert-v01@openssh.com" -> "ssh-ed25519"; the security keys' names keep their domain.
constexpr std::string_view kCertificateMark = "-cert-v01@openssh.com";
const KeyType* type_in_certificate(std::string_view name) {
  if (!name.ends_with(kCertificateMark)) return nullptr;
  const std::string plain(name.substr(0, name.size() - kCertificateMark.size()));
  if (const KeyType* type = find_type(plain)) return type;
  return find_type(plain + "@openssh.com");
}

// Reads the fields behind the name; nullopt if they do not fit the type.
std::optional<int> read_fields(ByteReader& in, const KeyType& type) {
  const auto first = in.vector(4);
  if (!first) return std::nullopt;
  switch (type.form) {
    case Form::kRsa: {
      const auto modulus = in.vector(4);
      if (!modulus || mpint_bits(*modulus) == 0) return std::nullopt;
      return mpint_bits(*modulus);
    }
    case Form::kDsa: {
      const bool rest = in.vector(4) && in.vector(4) && in.vector(4);
      if (!rest || mpint_bits(*first) == 0) return std::nullopt;
      return mpint_bits(*first);
    }
    case Form::kEcdsa:
    case Form::kSkEcdsa: {
      const auto point = in.vector(4);
      if (as_text(*first) != type.curve || !point || point->size() != type.bytes ||
          point->front() != 4) {
        return std::nullopt;
      }
      if (type.form == Form::kSkEcdsa && !in.vector(4)) return std::nullopt;
      return type.bits;
    }
    case Form::kRaw:
    case Form::kSkRaw:
      if (first->size() != type.bytes) return std::nullopt;
      if (type.form == Form::kSkRaw && !in.vector(4)) return std::nullopt;
      return type.bits;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> read_u64(ByteReader& in) {
  const auto high = in.number(4);
  const auto low = in.number(4);
  if (!high || !low) return std::nullopt;
  return (std::uint64_t{*high} << 32U) | *low;
}

// All behind the key's own fields in a certificate (PROTOCOL.certkeys).
std::optional<SshHostKeyBlob::Certificate> read_certificate(ByteReader& in) {
  constexpr std::uint32_t kHost = 2;
  SshHostKeyBlob::Certificate out;
  const auto serial = read_u64(in);
  const auto kind = in.number(4);
  const auto key_id = in.vector(4);
  const auto principals = in.vector(4);
  const auto after = read_u64(in);
  const auto before = read_u64(in);
  const bool middle = serial && kind && key_id && principals && after && before;
  if (!middle) return std::nullopt;
  const bool options = in.vector(4) && in.vector(4) && in.vector(4);
  const auto signer = in.vector(4);
  const auto signature = in.vector(4);
  if (!options || !signer || signer->empty() || !signature || !in.empty()) return std::nullopt;
  out.for_host = *kind == kHost;
  out.valid_after = *after;
  out.valid_before = *before;
  out.signer.assign(signer->begin(), signer->end());
  return out;
}

std::string printable_type(std::string_view text) {
  std::string out;
  for (const char c : text) out += c >= 0x20 && c < 0x7F ? c : '?';
  return out;
}

}  // namespace

int mpint_bits(std::span<const std::uint8_t> number) {
  while (!number.empty() && number[0] == 0) number = number.subspan(1);
  if (number.empty()) return 0;
  int top = 8;
  while ((number[0] >> (top - 1)) == 0) --top;
  return static_cast<int>(number.size() - 1) * 8 + top;
}

std::optional<SshHostKeyBlob> parse_host_key(std::span<const std::uint8_t> blob) {
  ByteReader in(blob);
  const auto name = in.vector(4);
  if (!name || name->empty() || name->size() > kTypeBytesMax) return std::nullopt;
  SshHostKeyBlob out;
  out.type = printable_type(as_text(*name));
  out.plain.assign(blob.begin(), blob.end());
  const KeyType* inside = type_in_certificate(out.type);
  const KeyType* type = inside != nullptr ? inside : find_type(out.type);
  if (type == nullptr) return out;
  if (inside != nullptr && !in.vector(4)) return std::nullopt;  // the nonce
  const std::size_t fields_at = blob.size() - in.left();
  const auto bits = read_fields(in, *type);
  if (!bits) return std::nullopt;
  const std::size_t fields_end = blob.size() - in.left();
  out.bits = *bits;
  out.known = true;
  if (inside == nullptr) {
    if (!in.empty()) return std::nullopt;
    return out;
  }
  out.certificate = read_certificate(in);
  if (!out.certificate) return std::nullopt;
  out.plain.clear();
  put_ssh_string(out.plain, as_bytes(type->name));
  const auto fields = blob.subspan(fields_at, fields_end - fields_at);
  out.plain.insert(out.plain.end(), fields.begin(), fields.end());
  return out;
}

}  // namespace carnet::probe
