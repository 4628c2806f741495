#pragma once
// The algorithm registry: every algorithm Carnet can name, as rows of data/algorithms.json and
// data/tls_cipher_suites.json. Nothing else in the program knows an algorithm by its name or code
// point; a new one is a new row.
//
// A Registry is immutable once parsed, so any number of threads may read it, and the pointers it
// hands out live as long as it does. builtin_registry() is a function-local constant: the files are
// part of the program and the same for everyone, which makes it data and not state. It is parsed on
// first use (well under 10 ms) and never freed.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "inventory/model.h"

namespace carnet::inventory {

enum class AlgorithmKind { kKeyEstablishment, kSignature, kHash, kCipher, kMac };
// kExperimental: a draft or private code point that never became a standard (Kyber drafts,
// sntrup761, OQS hybrids).
enum class AlgorithmClass { kHybrid, kPostQuantum, kClassical, kExperimental, kSymmetric };

struct Algorithm {
  std::string name;  // "X25519MLKEM768", "ECDSA P-256", "sha256WithRSAEncryption", "aes256-ctr"
  std::vector<std::string> aliases;  // compared without regard to ASCII case
  AlgorithmKind kind = AlgorithmKind::kSignature;
  AlgorithmClass family = AlgorithmClass::kClassical;
  AssetStatus status = AssetStatus::kUnknown;  // before key sizes are looked at

  std::vector<std::string> oids;                     // dotted; for EC keys the curve's OID
  std::vector<std::uint16_t> tls_groups;             // IANA "TLS Supported Groups"
  std::vector<std::uint16_t> tls_signature_schemes;  // IANA "TLS SignatureScheme"
  std::vector<std::string> ssh_kex;                  // method names in KEXINIT
  std::vector<std::string> ssh_host_key_algorithms;  // signature names in KEXINIT
  std::vector<std::string> ssh_key_types;            // the name inside the host key blob
  std::vector<std::string> ssh_ciphers, ssh_macs;
  std::vector<std::string> jose;  // RFC 7518 / RFC 8037 / ML-DSA "alg" or "crv" names

  int key_bits =
      0;  // of the algorithm itself (curve size, cipher key); 0: varies (RSA) or does not apply
  int public_key_bytes = 0;    // raw; 0: varies
  int signature_bytes = 0;     // signatures; 0: varies
  int client_share_bytes = 0;  // TLS key_share of the client (ML-KEM: encapsulation key); 0: varies
  int server_share_bytes = 0;  // TLS key_share of the server (ML-KEM: ciphertext)
  std::string curve;           // "P-256" for EC keys

  std::optional<int>
      classical_security_bits;  // nullopt: depends on the key size, see classical_bits_of_modulus()
  int nist_category = 0;        // 1–5; 0: quantum-vulnerable or broken
  std::optional<int> shor_logical_qubits;  // order of magnitude
  int shor_qubits_per_key_bit = 0;  // for RSA and finite-field DH, where the size is not fixed
  std::string shor_source;          // the paper
  int broken_below_bits = 0;  // a smaller key of this algorithm is broken whatever `status` says
  bool standard = true;       // false: report "not a standard" and name the replacement
  bool cnsa2 = false;         // meets CNSA 2.0 as far as an endpoint shows
  std::string replacement;    // registry name of what to move to; "" if nothing is needed
  std::vector<std::string> deadline_refs;  // ids in data/deadlines.json
  std::string note;                        // one sentence for people; "" if there is nothing to add
  std::string source;  // URL of the standard, draft or registry the row was taken from
};

struct TlsSuite {
  std::uint16_t codepoint = 0;
  std::string name;            // IANA: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
  std::string key_exchange;    // "ECDHE" "DHE" "RSA" "ECDH" "DH" "PSK" "SRP" … ; "any" in TLS 1.3
  std::string authentication;  // "RSA" "ECDSA" "DSS" "anon" "PSK" … ; "any" in TLS 1.3
  std::string cipher;          // "AES_128_GCM", "3DES_EDE_CBC", "NULL"
  std::string mac;             // "AEAD", "SHA", "SHA256", "MD5" …
  bool tls13 = false;          // usable in TLS 1.3 only
  bool weak = false;           // `weak_reason` says why in one phrase
  bool broken =
      false;  // a classical attacker breaks it or every current standard forbids it; implies weak
  std::string weak_reason;
};

class Registry {
 public:
  // Reads the two data files. kInternal with the row at fault if they are not well formed: a
  // duplicate name, alias, OID or code point, a row without a source, an unknown kind.
  [[nodiscard]] static Result<Registry> parse(std::string_view algorithms_json,
                                              std::string_view suites_json);

  // All of them give nullptr for what is not in the registry.
  [[nodiscard]] const Algorithm* find_by_name(std::string_view name_or_alias) const;
  [[nodiscard]] const Algorithm* find_by_oid(std::string_view dotted) const;
  [[nodiscard]] const Algorithm* find_by_tls_group(std::uint16_t codepoint) const;
  [[nodiscard]] const Algorithm* find_by_signature_scheme(std::uint16_t codepoint) const;
  // kex, host key algorithm, cipher or MAC name as it stands in SSH_MSG_KEXINIT. "ssh-rsa" is RSA
  // with SHA-1 here.
  [[nodiscard]] const Algorithm* find_by_ssh_name(std::string_view name) const;
  // The name inside a host key blob. "ssh-rsa" is an RSA key here, whatever hash it signs with.
  [[nodiscard]] const Algorithm* find_by_ssh_key_type(std::string_view type) const;
  [[nodiscard]] const Algorithm* find_by_jose(std::string_view name) const;
  [[nodiscard]] const TlsSuite* find_tls_suite(std::uint16_t codepoint) const;
  [[nodiscard]] const TlsSuite* find_tls_suite(std::string_view iana_name) const;

  [[nodiscard]] const std::vector<Algorithm>& algorithms() const { return algorithms_; }
  [[nodiscard]] const std::vector<TlsSuite>& tls_suites() const { return suites_; }

 private:
  using NameIndex = std::unordered_map<std::string, std::size_t>;
  using CodeIndex = std::unordered_map<std::uint16_t, std::size_t>;
  Result<void> index();
  [[nodiscard]] const Algorithm* at(const NameIndex& names, std::string_view key) const;
  [[nodiscard]] const Algorithm* at(const CodeIndex& codes, std::uint16_t key) const;

  std::vector<Algorithm> algorithms_;
  std::vector<TlsSuite> suites_;
  NameIndex by_name_, by_oid_, by_ssh_name_, by_ssh_key_type_, by_jose_, suite_by_name_;
  CodeIndex by_group_, by_scheme_, suite_by_code_;
};

[[nodiscard]] const Registry& builtin_registry();

// Forward to builtin_registry().
[[nodiscard]] const Algorithm* find_by_name(std::string_view name_or_alias);
[[nodiscard]] const Algorithm* find_by_oid(std::string_view dotted);
[[nodiscard]] const Algorithm* find_by_tls_group(std::uint16_t codepoint);
[[nodiscard]] const Algorithm* find_by_signature_scheme(std::uint16_t codepoint);
[[nodiscard]] const Algorithm* find_by_ssh_name(std::string_view name);
[[nodiscard]] const Algorithm* find_by_ssh_key_type(std::string_view type);
[[nodiscard]] const Algorithm* find_by_jose(std::string_view name);
[[nodiscard]] const TlsSuite* find_tls_suite(std::uint16_t codepoint);

// GREASE values (RFC 8701: 0x0A0A, 0x1A1A, … 0xFAFA) carry no meaning and are ignored wherever code
// points are read.
[[nodiscard]] constexpr bool is_grease(std::uint16_t codepoint) {
  return (codepoint & 0x0F0FU) == 0x0A0AU && (codepoint >> 8U) == (codepoint & 0xFFU);
}

// Classical strength in bits of an RSA or finite-field DH modulus (NIST SP 800-57 part 1 rev. 5,
// table 2).
[[nodiscard]] int classical_bits_of_modulus(int modulus_bits);

[[nodiscard]] std::string_view to_string(
    AlgorithmKind kind);  // "key-establishment" "signature" "hash" …
[[nodiscard]] std::string_view to_string(
    AlgorithmClass family);  // "hybrid" "pq" "classical" "experimental" "symmetric"

}  // namespace carnet::inventory
