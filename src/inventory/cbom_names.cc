// Names of algorithms as other tools write them.
#include <fmt/format.h>

#include <charconv>

#include "base/text.h"
#include "inventory/cbom.h"
#include "inventory/registry.h"

namespace carnet::inventory {
namespace {

constexpr std::size_t kNameBytesMax = 200;  // limit: internal

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The registry's row of a name that is written in any of the usual ways.
const Algorithm* find_exactly(std::string_view name) {
  if (const Algorithm* row = find_by_name(name)) return row;
  if (const Algorithm* row = find_by_oid(name)) return row;
  if (const Algorithm* row = find_by_jose(name)) return row;
  return find_by_ssh_name(name);
}

std::string replaced(std::string text, char from, char to) {
  for (char& c : text) c = c == from ? to : c;
  return text;
}

// "RSA-2048", "rsa4096", "DH-3072": a family and the size of its modulus.
std::optional<NamedAlgorithm> modulus_name(std::string_view name) {
  struct Family {
    std::string_view prefix, algorithm;
  };
  constexpr std::array<Family, 5> kFamilies = {{{"rsa", "RSA"},
                                                {"dsa", "DSA"},
                                                {"dh", "Diffie-Hellman"},
                                                {"ffdh", "Diffie-Hellman"},
                                                {"dhe", "DHE"}}};
  const std::string lower = to_lower_ascii(name);
  for (const Family& family : kFamilies) {
    if (!lower.starts_with(family.prefix)) continue;
    std::string_view rest = std::string_view(lower).substr(family.prefix.size());
    while (!rest.empty() && (rest.front() == '-' || rest.front() == '_' || rest.front() == ' ')) {
      rest.remove_prefix(1);
    }
    int bits = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), bits);
    if (error == std::errc{} && end == rest.data() + rest.size() && bits >= 256 && bits <= 65536) {
      return NamedAlgorithm{std::string(family.algorithm), bits};
    }
  }
  return std::nullopt;
}

// "SHA256withRSA", "SHA-384withECDSA" (Java); "RSA-SHA256" (OpenSSL).
const Algorithm* find_signature(std::string_view name) {
  std::string lower;
  for (const char c : to_lower_ascii(name)) {
    if (c != '-' && c != '_' && c != ' ' && c != '/') lower += c;
  }
  const auto has = [&](std::string_view part) { return lower.find(part) != std::string::npos; };
  if (has("pss")) return find_by_name("RSASSA-PSS");
  std::string hash;
  for (const std::string_view known :
       {"sha1", "sha224", "sha256", "sha384", "sha512", "md5", "md2"}) {
    if (has(known)) hash = known;
  }
  if (hash.empty()) return nullptr;
  if (has("ecdsa")) {
    return find_by_name("ecdsa-with-" + replaced(fmt::format("SHA{}", hash.substr(3)), ' ', '-'));
  }
  if (has("rsa")) return find_by_name(hash + "WithRSAEncryption");
  if (has("dsa")) return find_by_name("dsa-with-" + hash);
  return nullptr;
}

// "P-256", "secp256r1", "prime256v1", "brainpoolP256r1": the key on that curve.
const Algorithm* find_curve(std::string_view name) {
  struct Alias {
    std::string_view name, curve;
  };
  constexpr std::array<Alias, 10> kAliases = {{{"secp256r1", "P-256"},
                                               {"prime256v1", "P-256"},
                                               {"secp384r1", "P-384"},
                                               {"secp521r1", "P-521"},
                                               {"secp224r1", "P-224"},
                                               {"prime192v1", "P-192"},
                                               {"p256", "P-256"},
                                               {"p384", "P-384"},
                                               {"p521", "P-521"},
                                               {"nistp256", "P-256"}}};
  for (const Alias& alias : kAliases) {
    if (iequals_ascii(name, alias.name)) name = alias.curve;
  }
  return find_by_name(fmt::format("ECDSA {}", name));
}

// "EC-P256", "ECDSA-secp384r1", "ECDSA P-521", "ecdsa-p256".
const Algorithm* find_ec(std::string_view name) {
  for (const std::string_view prefix : {"ecdsa", "ecdh", "ecc", "ec"}) {
    if (name.size() <= prefix.size() + 1 || !iequals_ascii(name.substr(0, prefix.size()), prefix)) {
      continue;
    }
    const std::string_view rest = name.substr(prefix.size());
    if (rest[0] != '-' && rest[0] != '_' && rest[0] != ' ') continue;
    if (const Algorithm* row = find_curve(rest.substr(1))) return row;
  }
  return nullptr;
}

// "AES128-GCM", "AES-GCM-256", "aes_256_cbc": the digits and the mode in any order.
const Algorithm* find_aes(std::string_view name) {
  const std::string lower = to_lower_ascii(name);
  if (!lower.starts_with("aes")) return nullptr;
  for (const std::string_view bits : {"128", "192", "256"}) {
    if (lower.find(bits) == std::string::npos) continue;
    for (const std::string_view mode : {"GCM", "CBC", "CTR"}) {
      if (lower.find(to_lower_ascii(mode)) != std::string::npos) {
        return find_by_name(fmt::format("AES-{}-{}", bits, mode));
      }
    }
    return find_by_name(fmt::format("AES-{}-CBC", bits));  // the cipher without its mode
  }
  return nullptr;
}

}  // namespace

NamedAlgorithm algorithm_by_loose_name(std::string_view given) {
  const std::string_view name = trim_ascii(given.substr(0, kNameBytesMax));
  if (name.empty()) return {};
  if (const auto modulus = modulus_name(name)) return *modulus;
  const std::string dashed = replaced(std::string(name), '_', '-');
  const std::string spaced = replaced(std::string(name), '_', ' ');
  for (const std::string& form : {std::string(name), dashed, spaced}) {
    if (const Algorithm* row = find_exactly(form)) return {row->name, row->key_bits};
  }
  for (const auto find : {find_ec, find_curve, find_aes, find_signature}) {
    if (const Algorithm* row = find(name)) return {row->name, row->key_bits};
  }
  // "ML-DSA65", "MLDSA-65", "Kyber-768", "SHA3_256"
  std::string packed;
  for (const char c : dashed) {
    if (c != '-') packed += c;
  }
  std::string split;
  for (std::size_t i = 0; i < packed.size(); ++i) {
    if (i > 0 && is_digit(packed[i]) && !is_digit(packed[i - 1])) split += '-';
    split += packed[i];
  }
  for (std::string form : {packed, split}) {
    if (form.size() > 2 && iequals_ascii(form.substr(0, 2), "ML")) form.insert(2, "-");
    if (const Algorithm* row = find_exactly(form)) return {row->name, row->key_bits};
  }
  return {};
}

}  // namespace carnet::inventory
