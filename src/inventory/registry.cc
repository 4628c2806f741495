#include "inventory/registry.h"

#include <boost/json.hpp>
#include <charconv>
#include <utility>

#include "base/check.h"
#include "base/json.h"
#include "base/text.h"
#include "inventory/embedded.h"
#include "inventory/names.h"

namespace carnet::inventory {
namespace {

namespace bj = boost::json;

std::string text_of(const bj::object& row, std::string_view key) {
  const bj::value* value = row.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

int int_of(const bj::object& row, std::string_view key) {
  const bj::value* value = row.if_contains(key);
  return value != nullptr && value->is_int64() ? static_cast<int>(value->get_int64()) : 0;
}

bool bool_of(const bj::object& row, std::string_view key, bool fallback) {
  const bj::value* value = row.if_contains(key);
  return value != nullptr && value->is_bool() ? value->get_bool() : fallback;
}

std::optional<int> optional_int_of(const bj::object& row, std::string_view key) {
  if (!row.contains(key)) return std::nullopt;
  return int_of(row, key);
}

std::vector<std::string> texts_of(const bj::object& row, std::string_view key) {
  std::vector<std::string> texts;
  const bj::value* value = row.if_contains(key);
  if (value == nullptr || !value->is_array()) return texts;
  for (const bj::value& entry : value->get_array()) {
    if (entry.is_string()) texts.emplace_back(entry.get_string());
  }
  return texts;
}

std::optional<std::uint16_t> codepoint_of(std::string_view hex) {
  std::uint16_t code = 0;
  const char* end = hex.data() + hex.size();
  const auto [stop, error] = std::from_chars(hex.data(), end, code, 16);
  if (hex.size() != 4 || error != std::errc{} || stop != end) return std::nullopt;
  return code;
}

Result<std::vector<std::uint16_t>> codepoints_of(const bj::object& row, std::string_view key) {
  std::vector<std::uint16_t> codes;
  for (const std::string& hex : texts_of(row, key)) {
    const auto code = codepoint_of(hex);
    if (!code) return make_internal("algorithms.json: bad code point " + hex);
    codes.push_back(*code);
  }
  return codes;
}

constexpr std::array kKinds = {AlgorithmKind::kKeyEstablishment, AlgorithmKind::kSignature,
                               AlgorithmKind::kHash, AlgorithmKind::kCipher, AlgorithmKind::kMac};
constexpr std::array kFamilies = {AlgorithmClass::kHybrid, AlgorithmClass::kPostQuantum,
                                  AlgorithmClass::kClassical, AlgorithmClass::kExperimental,
                                  AlgorithmClass::kSymmetric};
constexpr std::array kStatuses = {AssetStatus::kBroken, AssetStatus::kAtRisk, AssetStatus::kSafe,
                                  AssetStatus::kUnknown};

template <class Enum, std::size_t N>
std::optional<Enum> word_of(const std::array<Enum, N>& words, std::string_view text) {
  for (const Enum word : words) {
    if (to_string(word) == text) return word;
  }
  return std::nullopt;
}

void read_names(const bj::object& row, Algorithm& algorithm) {
  algorithm.aliases = texts_of(row, "aliases");
  algorithm.oids = texts_of(row, "oids");
  algorithm.ssh_kex = texts_of(row, "sshKex");
  algorithm.ssh_host_key_algorithms = texts_of(row, "sshHostKeyAlgorithms");
  algorithm.ssh_key_types = texts_of(row, "sshKeyTypes");
  algorithm.ssh_ciphers = texts_of(row, "sshCiphers");
  algorithm.ssh_macs = texts_of(row, "sshMacs");
  algorithm.jose = texts_of(row, "jose");
  algorithm.curve = text_of(row, "curve");
  algorithm.shor_source = text_of(row, "shorSource");
  algorithm.replacement = text_of(row, "replacement");
  algorithm.deadline_refs = texts_of(row, "deadlineRefs");
  algorithm.note = text_of(row, "note");
  algorithm.source = text_of(row, "source");
}

void read_sizes(const bj::object& row, Algorithm& algorithm) {
  algorithm.key_bits = int_of(row, "keyBits");
  algorithm.public_key_bytes = int_of(row, "publicKeyBytes");
  algorithm.signature_bytes = int_of(row, "signatureBytes");
  algorithm.client_share_bytes = int_of(row, "clientShareBytes");
  algorithm.server_share_bytes = int_of(row, "serverShareBytes");
  algorithm.classical_security_bits = optional_int_of(row, "classicalSecurityBits");
  algorithm.nist_category = int_of(row, "nistCategory");
  algorithm.shor_logical_qubits = optional_int_of(row, "shorLogicalQubits");
  algorithm.shor_qubits_per_key_bit = int_of(row, "shorQubitsPerKeyBit");
  algorithm.broken_below_bits = int_of(row, "brokenBelowBits");
  algorithm.standard = bool_of(row, "standard", true);
  algorithm.cnsa2 = bool_of(row, "cnsa2", false);
}

Result<Algorithm> read_algorithm(const bj::object& row) {
  Algorithm algorithm;
  algorithm.name = text_of(row, "name");
  const auto kind = word_of(kKinds, text_of(row, "kind"));
  const auto family = word_of(kFamilies, text_of(row, "class"));
  const auto status = word_of(kStatuses, text_of(row, "status"));
  read_names(row, algorithm);
  read_sizes(row, algorithm);
  if (algorithm.name.empty() || !kind || !family || !status || algorithm.source.empty()) {
    return make_internal("algorithms.json: row \"" + algorithm.name +
                         "\" needs name, kind, class, status and source");
  }
  algorithm.kind = *kind;
  algorithm.family = *family;
  algorithm.status = *status;
  CARNET_TRY(groups, codepoints_of(row, "tlsGroups"));
  CARNET_TRY(schemes, codepoints_of(row, "tlsSignatureSchemes"));
  algorithm.tls_groups = std::move(groups);
  algorithm.tls_signature_schemes = std::move(schemes);
  return algorithm;
}

Result<TlsSuite> read_suite(const bj::object& row) {
  TlsSuite suite;
  suite.name = text_of(row, "name");
  const auto code = codepoint_of(text_of(row, "codepoint"));
  if (!code || suite.name.empty()) {
    return make_internal("tls_cipher_suites.json: row \"" + suite.name + "\" has no code point");
  }
  suite.codepoint = *code;
  suite.key_exchange = text_of(row, "keyExchange");
  suite.authentication = text_of(row, "authentication");
  suite.cipher = text_of(row, "cipher");
  suite.mac = text_of(row, "mac");
  suite.tls13 = bool_of(row, "tls13", false);
  suite.weak = bool_of(row, "weak", false);
  suite.broken = bool_of(row, "broken", false);
  suite.weak_reason = text_of(row, "reason");
  return suite;
}

Result<bj::array> rows_of(std::string_view text, std::string_view member) {
  CARNET_TRY(document, json::parse(text));
  bj::value* rows = document.is_object() ? document.get_object().if_contains(member) : nullptr;
  if (rows == nullptr || !rows->is_array()) {
    return make_internal("data file without the array \"" + std::string(member) + "\"");
  }
  return std::move(rows->get_array());
}

}  // namespace

Result<Registry> Registry::parse(std::string_view algorithms_json, std::string_view suites_json) {
  Registry registry;
  CARNET_TRY(algorithm_rows, rows_of(algorithms_json, "algorithms"));
  registry.algorithms_.reserve(algorithm_rows.size());
  for (const bj::value& row : algorithm_rows) {
    if (!row.is_object()) return make_internal("algorithms.json: a row that is no object");
    CARNET_TRY(algorithm, read_algorithm(row.get_object()));
    registry.algorithms_.push_back(std::move(algorithm));
  }
  CARNET_TRY(suite_rows, rows_of(suites_json, "suites"));
  registry.suites_.reserve(suite_rows.size());
  for (const bj::value& row : suite_rows) {
    if (!row.is_object()) return make_internal("tls_cipher_suites.json: a row that is no object");
    CARNET_TRY(suite, read_suite(row.get_object()));
    registry.suites_.push_back(std::move(suite));
  }
  CARNET_TRY_VOID(registry.index());
  return registry;
}

Result<void> Registry::index() {
  std::string duplicate;
  const auto put = [&duplicate](auto& map, auto key, std::size_t row, const std::string& name) {
    if (!map.emplace(std::move(key), row).second && duplicate.empty()) duplicate = name;
  };
  for (std::size_t i = 0; i < algorithms_.size(); ++i) {
    const Algorithm& row = algorithms_[i];
    put(by_name_, to_lower_ascii(row.name), i, row.name);
    for (const auto& alias : row.aliases) put(by_name_, to_lower_ascii(alias), i, row.name);
    for (const auto& oid : row.oids) put(by_oid_, oid, i, row.name);
    for (const auto code : row.tls_groups) put(by_group_, code, i, row.name);
    for (const auto code : row.tls_signature_schemes) put(by_scheme_, code, i, row.name);
    for (const auto& type : row.ssh_key_types) put(by_ssh_key_type_, type, i, row.name);
    for (const auto& name : row.jose) put(by_jose_, name, i, row.name);
    for (const auto* names :
         {&row.ssh_kex, &row.ssh_host_key_algorithms, &row.ssh_ciphers, &row.ssh_macs}) {
      for (const auto& name : *names) put(by_ssh_name_, name, i, row.name);
    }
  }
  for (std::size_t i = 0; i < suites_.size(); ++i) {
    put(suite_by_code_, suites_[i].codepoint, i, suites_[i].name);
    put(suite_by_name_, suites_[i].name, i, suites_[i].name);
  }
  if (!duplicate.empty()) {
    return make_internal("registry: a name, OID or code point of \"" + duplicate +
                         "\" is taken by another row");
  }
  return {};
}

const Algorithm* Registry::at(const NameIndex& names, std::string_view key) const {
  const auto found = names.find(std::string(key));
  return found == names.end() ? nullptr : &algorithms_[found->second];
}

const Algorithm* Registry::at(const CodeIndex& codes, std::uint16_t key) const {
  const auto found = codes.find(key);
  return found == codes.end() ? nullptr : &algorithms_[found->second];
}

const Algorithm* Registry::find_by_name(std::string_view name_or_alias) const {
  return at(by_name_, to_lower_ascii(name_or_alias));
}
const Algorithm* Registry::find_by_oid(std::string_view dotted) const {
  return at(by_oid_, dotted);
}
const Algorithm* Registry::find_by_tls_group(std::uint16_t codepoint) const {
  return at(by_group_, codepoint);
}
const Algorithm* Registry::find_by_signature_scheme(std::uint16_t codepoint) const {
  return at(by_scheme_, codepoint);
}
const Algorithm* Registry::find_by_ssh_name(std::string_view name) const {
  return at(by_ssh_name_, name);
}
const Algorithm* Registry::find_by_ssh_key_type(std::string_view type) const {
  return at(by_ssh_key_type_, type);
}
const Algorithm* Registry::find_by_jose(std::string_view name) const { return at(by_jose_, name); }

const TlsSuite* Registry::find_tls_suite(std::uint16_t codepoint) const {
  const auto found = suite_by_code_.find(codepoint);
  return found == suite_by_code_.end() ? nullptr : &suites_[found->second];
}
const TlsSuite* Registry::find_tls_suite(std::string_view iana_name) const {
  const auto found = suite_by_name_.find(std::string(iana_name));
  return found == suite_by_name_.end() ? nullptr : &suites_[found->second];
}

const Registry& builtin_registry() {
  static const Registry registry = [] {
    auto parsed = Registry::parse(embedded::algorithms_json(), embedded::tls_cipher_suites_json());
    // The files are compiled in and a test reads them: a fault here is a bug, not input.
    CARNET_CHECK(parsed.has_value());
    return std::move(*parsed);
  }();
  return registry;
}

const Algorithm* find_by_name(std::string_view name_or_alias) {
  return builtin_registry().find_by_name(name_or_alias);
}
const Algorithm* find_by_oid(std::string_view dotted) {
  return builtin_registry().find_by_oid(dotted);
}
const Algorithm* find_by_tls_group(std::uint16_t codepoint) {
  return builtin_registry().find_by_tls_group(codepoint);
}
const Algorithm* find_by_signature_scheme(std::uint16_t codepoint) {
  return builtin_registry().find_by_signature_scheme(codepoint);
}
const Algorithm* find_by_ssh_name(std::string_view name) {
  return builtin_registry().find_by_ssh_name(name);
}
const Algorithm* find_by_ssh_key_type(std::string_view type) {
  return builtin_registry().find_by_ssh_key_type(type);
}
const Algorithm* find_by_jose(std::string_view name) {
  return builtin_registry().find_by_jose(name);
}
const TlsSuite* find_tls_suite(std::uint16_t codepoint) {
  return builtin_registry().find_tls_suite(codepoint);
}

int classical_bits_of_modulus(int modulus_bits) {
  struct Row {
    int modulus_bits;
    int strength_bits;
  };
  constexpr std::array<Row, 8> kRows = {{{15360, 256},
                                         {8192, 200},
                                         {7680, 192},
                                         {6144, 176},
                                         {4096, 152},
                                         {3072, 128},
                                         {2048, 112},
                                         {1024, 80}}};
  for (const Row& row : kRows) {
    if (modulus_bits >= row.modulus_bits) return row.strength_bits;
  }
  return 0;
}

std::string_view to_string(AlgorithmKind kind) {
  switch (kind) {
    case AlgorithmKind::kKeyEstablishment:
      return "key-establishment";
    case AlgorithmKind::kSignature:
      return "signature";
    case AlgorithmKind::kHash:
      return "hash";
    case AlgorithmKind::kCipher:
      return "cipher";
    case AlgorithmKind::kMac:
      return "mac";
  }
  return "signature";
}

std::string_view to_string(AlgorithmClass family) {
  switch (family) {
    case AlgorithmClass::kHybrid:
      return "hybrid";
    case AlgorithmClass::kPostQuantum:
      return "pq";
    case AlgorithmClass::kClassical:
      return "classical";
    case AlgorithmClass::kExperimental:
      return "experimental";
    case AlgorithmClass::kSymmetric:
      return "symmetric";
  }
  return "classical";
}

}  // namespace carnet::inventory
