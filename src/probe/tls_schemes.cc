#include "probe/tls_schemes.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace carnet::probe {
namespace {

using Kind = CertificateKind;

struct Scheme {
  std::uint16_t code_point;
  Kind kind;
  std::string_view name;
};

// In the order in which they are offered. SHA-1, SHA-224 and DSA stand last, for old servers.
constexpr std::array<Scheme, 40> kSchemes{{
    {0x0904, Kind::kMlDsa, "mldsa44"},
    {0x0905, Kind::kMlDsa, "mldsa65"},
    {0x0906, Kind::kMlDsa, "mldsa87"},
    {0x0403, Kind::kEcdsa, "ecdsa_secp256r1_sha256"},
    {0x0503, Kind::kEcdsa, "ecdsa_secp384r1_sha384"},
    {0x0603, Kind::kEcdsa, "ecdsa_secp521r1_sha512"},
    {0x0807, Kind::kEd25519, "ed25519"},
    {0x0808, Kind::kEd448, "ed448"},
    {0x081A, Kind::kEcdsa, "ecdsa_brainpoolP256r1tls13_sha256"},
    {0x081B, Kind::kEcdsa, "ecdsa_brainpoolP384r1tls13_sha384"},
    {0x081C, Kind::kEcdsa, "ecdsa_brainpoolP512r1tls13_sha512"},
    {0x0804, Kind::kRsa, "rsa_pss_rsae_sha256"},
    {0x0805, Kind::kRsa, "rsa_pss_rsae_sha384"},
    {0x0806, Kind::kRsa, "rsa_pss_rsae_sha512"},
    {0x0809, Kind::kRsa, "rsa_pss_pss_sha256"},
    {0x080A, Kind::kRsa, "rsa_pss_pss_sha384"},
    {0x080B, Kind::kRsa, "rsa_pss_pss_sha512"},
    {0x0401, Kind::kRsa, "rsa_pkcs1_sha256"},
    {0x0501, Kind::kRsa, "rsa_pkcs1_sha384"},
    {0x0601, Kind::kRsa, "rsa_pkcs1_sha512"},
    {0x0708, Kind::kOther, "sm2sig_sm3"},
    {0x0911, Kind::kSlhDsa, "slhdsa_sha2_128s"},
    {0x0912, Kind::kSlhDsa, "slhdsa_sha2_128f"},
    {0x0913, Kind::kSlhDsa, "slhdsa_sha2_192s"},
    {0x0914, Kind::kSlhDsa, "slhdsa_sha2_192f"},
    {0x0915, Kind::kSlhDsa, "slhdsa_sha2_256s"},
    {0x0916, Kind::kSlhDsa, "slhdsa_sha2_256f"},
    {0x0917, Kind::kSlhDsa, "slhdsa_shake_128s"},
    {0x0918, Kind::kSlhDsa, "slhdsa_shake_128f"},
    {0x0919, Kind::kSlhDsa, "slhdsa_shake_192s"},
    {0x091A, Kind::kSlhDsa, "slhdsa_shake_192f"},
    {0x091B, Kind::kSlhDsa, "slhdsa_shake_256s"},
    {0x091C, Kind::kSlhDsa, "slhdsa_shake_256f"},
    {0x0303, Kind::kEcdsa, "ecdsa_sha224"},
    {0x0301, Kind::kRsa, "rsa_pkcs1_sha224"},
    {0x0203, Kind::kEcdsa, "ecdsa_sha1"},
    {0x0201, Kind::kRsa, "rsa_pkcs1_sha1"},
    {0x0402, Kind::kOther, "dsa_sha256"},
    {0x0202, Kind::kOther, "dsa_sha1"},
    {0x0101, Kind::kRsa, "rsa_pkcs1_md5"},
}};
constexpr std::uint16_t kMd5 = 0x0101;  // named if a server uses it, never offered

}  // namespace

const std::vector<std::uint16_t>& all_signature_schemes() {
  static const std::vector<std::uint16_t> kAll = signature_schemes_without({});
  return kAll;
}

std::vector<std::uint16_t> signature_schemes_without(const std::vector<CertificateKind>& kinds) {
  std::vector<std::uint16_t> out;
  for (const Scheme& scheme : kSchemes) {
    const bool excluded = std::find(kinds.begin(), kinds.end(), scheme.kind) != kinds.end();
    if (!excluded && scheme.code_point != kMd5) out.push_back(scheme.code_point);
  }
  return out;
}

CertificateKind kind_of_scheme(std::uint16_t scheme) {
  for (const Scheme& known : kSchemes) {
    if (known.code_point == scheme) return known.kind;
  }
  return Kind::kOther;
}

CertificateKind kind_of_key(const std::string& key_algorithm) {
  constexpr std::array<std::pair<std::string_view, Kind>, 6> kPrefixes{{
      {"RSA", Kind::kRsa},
      {"ECDSA", Kind::kEcdsa},
      {"Ed25519", Kind::kEd25519},
      {"Ed448", Kind::kEd448},
      {"ML-DSA", Kind::kMlDsa},
      {"SLH-DSA", Kind::kSlhDsa},
  }};
  for (const auto& [prefix, kind] : kPrefixes) {
    if (key_algorithm.starts_with(prefix)) return kind;
  }
  return Kind::kOther;
}

std::string scheme_name(std::uint16_t scheme) {
  for (const Scheme& known : kSchemes) {
    if (known.code_point == scheme) return std::string(known.name);
  }
  return fmt::format("0x{:04X}", scheme);
}

}  // namespace carnet::probe
