#include "inventory/spki.h"

#include <fmt/format.h>

#include "inventory/ec_curves.h"
#include "inventory/registry.h"

namespace carnet::inventory {
namespace {

constexpr std::string_view kEcPublicKey = "1.2.840.10045.2.1";
constexpr std::string_view kEcDh = "1.3.132.1.12";
constexpr std::string_view kEcMqv = "1.3.132.1.13";
constexpr std::string_view kRsaEncryption = "1.2.840.113549.1.1.1";
constexpr std::string_view kRsaPss = "1.2.840.113549.1.1.10";
constexpr std::string_view kRsaOaep = "1.2.840.113549.1.1.7";
constexpr std::string_view kX500Rsa = "2.5.8.1.1";
constexpr std::string_view kDsa = "1.2.840.10040.4.1";
constexpr std::string_view kDsaOld = "1.3.14.3.2.12";
constexpr std::string_view kDhPkcs3 = "1.2.840.113549.1.3.1";
constexpr std::string_view kDhX942 = "1.2.840.10046.2.1";
constexpr std::string_view kMgf1 = "1.2.840.113549.1.1.8";

bool is_one_of(std::string_view oid, std::initializer_list<std::string_view> list) {
  return std::find(list.begin(), list.end(), oid) != list.end();
}

// RSAPublicKey (RFC 8017 A.1.1).
void read_rsa(ByteView key, KeyFacts& out) {
  out.algorithm = registry_name(std::string(kRsaEncryption));
  if (key.empty()) return;
  auto inside = enter_whole(key, der::kSequence);
  const auto modulus = inside ? inside->take(der::kInteger) : std::nullopt;
  const auto exponent = inside ? inside->take(der::kInteger) : std::nullopt;
  if (!modulus || !exponent) {
    out.findings.push_back({"malformed_key", "high", "The RSA key is not an RSAPublicKey."});
    if (modulus) out.bits = integer_bits(modulus->content);
    return;
  }
  out.bits = integer_bits(modulus->content);
  if (out.bits == 0 || (modulus->content.back() & 1U) == 0) {
    out.findings.push_back(
        {"malformed_key", "critical", "The RSA modulus is zero, negative or even."});
  }
  if (integer_bits(exponent->content) <= 1) {
    out.findings.push_back({"rsa_exponent_too_small", "critical",
                            "The RSA exponent is below 2: such a key protects nothing."});
  }
}

void check_point(ByteView key, int field_bits, KeyFacts& out) {
  if (key.empty() || field_bits == 0) return;
  const auto field = static_cast<std::size_t>((field_bits + 7) / 8);
  const bool whole = key[0] == 4 && key.size() == 1 + 2 * field;
  const bool compressed = (key[0] == 2 || key[0] == 3) && key.size() == 1 + field;
  const bool mixed = (key[0] == 6 || key[0] == 7) && key.size() == 1 + 2 * field;
  if (!whole && !compressed && !mixed) {
    out.findings.push_back(
        {"malformed_key", "high", "The public key is not a point of its curve's size."});
  }
}

void name_curve(const Algorithm& known, KeyFacts& out) {
  out.algorithm = known.name;
  out.bits = known.key_bits;
  out.curve = known.curve;
}

void read_explicit(const DerValue& parameters, KeyFacts& out) {
  out.algorithm = "ECDSA with explicit curve parameters";
  const auto curve = read_explicit_curve(parameters.content);
  if (!curve) {
    out.findings.push_back({"malformed_key", "high", "The curve's parameters cannot be read."});
    return;
  }
  out.bits = curve->field_bits;
  const Algorithm* known = curve->oid.empty() ? nullptr : find_by_oid(curve->oid);
  if (curve->other_generator) {
    out.findings.push_back(
        {"curve_generator_replaced", "critical",
         fmt::format(
             "The key spells out the curve {} with a generator or order of its own: whoever "
             "chose it may know the private key (CVE-2020-0601).",
             known != nullptr ? known->curve : curve->oid)});
    return;
  }
  if (known != nullptr) name_curve(*known, out);
  out.findings.push_back({"explicit_curve_parameters", "medium",
                          "The key spells out its curve instead of naming it, which RFC 5480 "
                          "forbids and much software refuses."});
}

void read_ec(const AlgorithmId& algorithm, ByteView key, KeyFacts& out) {
  const auto& parameters = algorithm.parameters;
  if (parameters && parameters->tag == der::kSequence) {
    read_explicit(*parameters, out);
  } else if (!parameters || parameters->tag != der::kOid) {
    out.algorithm = "ECDSA with implied curve parameters";
    out.findings.push_back(
        {"implied_curve_parameters", "medium", "The key does not say which curve it is on."});
  } else {
    const std::string curve = oid_text(parameters->content);
    const Algorithm* known = find_by_oid(curve);
    if (known != nullptr) {
      name_curve(*known, out);
    } else {
      out.algorithm = "unknown (OID " + curve + ")";
    }
  }
  check_point(key, out.bits, out);
}

// The first INTEGER of DSA's (p, q, g) or DH's (p, g, …).
int prime_bits(const AlgorithmId& algorithm) {
  if (!algorithm.parameters || algorithm.parameters->tag != der::kSequence) return 0;
  DerReader inside(algorithm.parameters->content);
  const auto prime = inside.take(der::kInteger);
  return prime ? integer_bits(prime->content) : 0;
}

// Keys that are raw bytes of one length.
void check_length(const Algorithm& row, ByteView key, KeyFacts& out) {
  const auto expected = static_cast<std::size_t>(row.public_key_bytes);
  if (expected == 0 || key.empty() || key.size() == expected) return;
  out.findings.push_back(
      {"key_size_mismatch", "high",
       fmt::format("The key has {} bytes where {} has {}.", key.size(), row.name, expected)});
}

std::string hash_name(const std::optional<DerValue>& field, std::string_view otherwise) {
  if (!field) return std::string(otherwise);
  DerReader inside(field->content);
  const auto sequence = inside.take(der::kSequence);
  const auto id = sequence ? read_algorithm_id(*sequence) : std::nullopt;
  return id ? registry_name(id->oid) : std::string("?");
}

// [1] MaskGenAlgorithm: MGF1 with the hash in its parameters.
std::string mask_name(const std::optional<DerValue>& field) {
  if (!field) return "MGF1 with SHA-1";
  DerReader inside(field->content);
  const auto sequence = inside.take(der::kSequence);
  const auto id = sequence ? read_algorithm_id(*sequence) : std::nullopt;
  if (!id || id->oid != kMgf1) return id ? registry_name(id->oid) : std::string("?");
  const auto hash = id->parameters ? read_algorithm_id(*id->parameters) : std::nullopt;
  return "MGF1 with " + (hash ? registry_name(hash->oid) : std::string("?"));
}

// RSASSA-PSS-params (RFC 4055 section 3.1): every field has a default.
void read_pss(const AlgorithmId& algorithm, SignatureFacts& out) {
  if (!algorithm.parameters || algorithm.parameters->tag != der::kSequence) {
    out.findings.push_back({"pss_parameters_missing", "medium",
                            "The RSASSA-PSS signature does not say its hash, so SHA-1 is meant."});
    return;
  }
  DerReader fields(algorithm.parameters->content);
  const auto hash = hash_name(fields.take(der::context(0)), "SHA-1");
  const auto mask = mask_name(fields.take(der::context(1)));
  int salt = 20;
  if (auto field = fields.enter(der::context(2))) {
    const auto number = field->take(der::kInteger);
    salt = number ? small_integer(number->content).value_or(-1) : -1;
  }
  out.parameters = fmt::format("{}, {}, salt of {} bytes", hash, mask, salt);
  const Algorithm* row = find_by_name(hash);
  if (row != nullptr && row->status == AssetStatus::kBroken) {
    out.findings.push_back({"weak_signature_hash", "critical",
                            fmt::format("The RSASSA-PSS signature hashes with {}.", hash)});
  }
}

}  // namespace

std::string registry_name(const std::string& oid) {
  const Algorithm* algorithm = find_by_oid(oid);
  return algorithm != nullptr ? algorithm->name : "unknown (OID " + oid + ")";
}

std::optional<AlgorithmId> read_algorithm_id(const DerValue& sequence) {
  if (sequence.tag != der::kSequence) return std::nullopt;
  DerReader inside(sequence.content);
  const auto oid = inside.take(der::kOid);
  if (!oid) return std::nullopt;
  AlgorithmId out{.oid = oid_text(oid->content), .parameters = {}};
  if (!inside.empty()) {
    out.parameters = inside.next();
    if (!out.parameters) return std::nullopt;
  }
  return out;
}

KeyFacts name_key(const AlgorithmId& algorithm, ByteView key) {
  KeyFacts out;
  const std::string& oid = algorithm.oid;
  if (is_one_of(oid, {kEcPublicKey, kEcDh, kEcMqv})) {
    read_ec(algorithm, key, out);
  } else if (is_one_of(oid, {kRsaEncryption, kRsaPss, kRsaOaep, kX500Rsa})) {
    read_rsa(key, out);
  } else if (is_one_of(oid, {kDsa, kDsaOld})) {
    out.algorithm = registry_name(std::string(kDsa));
    out.bits = prime_bits(algorithm);
  } else if (is_one_of(oid, {kDhPkcs3, kDhX942})) {
    out.algorithm = registry_name(oid);
    out.bits = prime_bits(algorithm);
  } else {
    out.algorithm = registry_name(oid);
    if (const Algorithm* known = find_by_oid(oid)) {
      out.curve = known->curve;
      check_length(*known, key, out);
    }
  }
  return out;
}

std::optional<KeyFacts> read_spki(ByteView der_bytes) {
  auto inside = enter_whole(der_bytes, der::kSequence);
  const auto sequence = inside ? inside->take(der::kSequence) : std::nullopt;
  const auto algorithm = sequence ? read_algorithm_id(*sequence) : std::nullopt;
  const auto bits = inside ? inside->take(der::kBitString) : std::nullopt;
  if (!algorithm || !bits || !inside->empty()) return std::nullopt;
  const auto key = octets_of_bit_string(bits->content);
  KeyFacts out = name_key(*algorithm, key.value_or(ByteView{}));
  if (!key || key->empty()) {
    out.findings.push_back(
        {"malformed_key", "high", "The public key is empty or not whole bytes."});
  }
  return out;
}

SignatureFacts name_signature(const AlgorithmId& algorithm) {
  SignatureFacts out;
  out.algorithm = registry_name(algorithm.oid);
  if (algorithm.oid == kRsaPss) read_pss(algorithm, out);
  return out;
}

}  // namespace carnet::inventory
