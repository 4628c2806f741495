// Private keys, told by their public facts alone.
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include <memory>

#include "inventory/file_internal.h"
#include "inventory/registry.h"
#include "inventory/x509_text.h"

namespace carnet::inventory {
namespace {

constexpr int kScryptCostMax = 1 << 16;  // limit: internal
constexpr int kScryptRounds = 500'000;   // what one scrypt is counted as
constexpr std::string_view kPbes2 = "1.2.840.113549.1.5.13";
constexpr std::string_view kPbkdf2 = "1.2.840.113549.1.5.12";
constexpr std::string_view kScrypt = "1.3.6.1.4.1.11591.4.11";
constexpr std::string_view kRsaEncryption = "1.2.840.113549.1.1.1";
constexpr std::string_view kRsaPss = "1.2.840.113549.1.1.10";
constexpr std::string_view kEcPublicKey = "1.2.840.10045.2.1";

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Pkcs8Ptr = std::unique_ptr<PKCS8_PRIV_KEY_INFO, Deleter<PKCS8_PRIV_KEY_INFO_free>>;
using SigPtr = std::unique_ptr<X509_SIG, Deleter<X509_SIG_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;

// The little DER that is written here: SubjectPublicKeyInfo out of its parts.
Bytes wrap(std::uint8_t tag, ByteView content) {
  Bytes out{tag};
  std::size_t length = content.size();
  if (length < 0x80) {
    out.push_back(static_cast<std::uint8_t>(length));
  } else {
    Bytes digits;
    for (; length > 0; length >>= 8U) digits.push_back(static_cast<std::uint8_t>(length));
    out.push_back(static_cast<std::uint8_t>(0x80U | digits.size()));
    out.insert(out.end(), digits.rbegin(), digits.rend());
  }
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

Bytes make_spki(ByteView algorithm_whole, ByteView public_key) {
  Bytes bits{0};
  bits.insert(bits.end(), public_key.begin(), public_key.end());
  Bytes inside(algorithm_whole.begin(), algorithm_whole.end());
  const Bytes wrapped = wrap(der::kBitString, bits);
  inside.insert(inside.end(), wrapped.begin(), wrapped.end());
  return wrap(der::kSequence, inside);
}

// RSAPrivateKey (RFC 8017 A.1.2) begins with version, n, e.
std::optional<Bytes> rsa_public(ByteView private_key) {
  auto inside = enter_whole(private_key, der::kSequence);
  if (!inside || !inside->skip_if(der::kInteger)) return std::nullopt;
  const auto n = inside->take(der::kInteger);
  const auto e = inside->take(der::kInteger);
  if (!n || !e) return std::nullopt;
  Bytes both(n->whole.begin(), n->whole.end());
  both.insert(both.end(), e->whole.begin(), e->whole.end());
  return wrap(der::kSequence, both);
}

struct EcParts {
  std::optional<DerValue> parameters;
  std::optional<ByteView> point;
};
// ECPrivateKey (RFC 5915 section 3).
std::optional<EcParts> ec_parts(ByteView private_key) {
  auto inside = enter_whole(private_key, der::kSequence);
  if (!inside || !inside->skip_if(der::kInteger) || !inside->skip_if(der::kOctetString)) {
    return std::nullopt;
  }
  EcParts out;
  if (auto parameters = inside->enter(der::context(0))) out.parameters = parameters->next();
  if (auto key = inside->enter(der::context(1))) {
    const auto bits = key->take(der::kBitString);
    if (bits) out.point = octets_of_bit_string(bits->content);
  }
  return out;
}

// FIPS 203 section 7.1: dk = dkPKE ‖ ek ‖ H(ek) ‖ z. RFC 9935 has it as an OCTET STRING, alone or
// behind the seed.
std::optional<Bytes> mlkem_public(ByteView private_key, std::size_t ek_bytes) {
  DerReader reader(private_key);
  auto value = reader.take(der::kOctetString);
  if (!value) {
    auto both = reader.enter(der::kSequence);
    if (!both || !both->skip_if(der::kOctetString)) return std::nullopt;
    value = both->take(der::kOctetString);
  }
  if (!value || value->content.size() != 2 * ek_bytes + 32) return std::nullopt;
  const ByteView ek = value->content.subspan(ek_bytes - 32, ek_bytes);
  return Bytes(ek.begin(), ek.end());
}

// The public key inside a private one, where the format has it; no arithmetic.
std::optional<Bytes> public_inside(const AlgorithmId& algorithm, ByteView private_key) {
  if (algorithm.oid == kRsaEncryption || algorithm.oid == kRsaPss) return rsa_public(private_key);
  if (algorithm.oid == kEcPublicKey) {
    const auto parts = ec_parts(private_key);
    if (!parts || !parts->point) return std::nullopt;
    return Bytes(parts->point->begin(), parts->point->end());
  }
  const Algorithm* row = find_by_oid(algorithm.oid);
  if (row == nullptr) return std::nullopt;
  const auto size = static_cast<std::size_t>(row->public_key_bytes);
  if (row->name.find("SLH-DSA") != std::string::npos) {
    // FIPS 205 section 9.1: the second half of the private key is the public one.
    if (private_key.size() != 2 * size) return std::nullopt;
    return Bytes(private_key.begin() + static_cast<std::ptrdiff_t>(size), private_key.end());
  }
  if (row->kind == AlgorithmKind::kKeyEstablishment &&
      row->family == AlgorithmClass::kPostQuantum) {
    return mlkem_public(private_key, size);
  }
  return std::nullopt;
}

// Classical keys whose public part has to be computed (Ed25519, an EC key without its point, DSA):
// here the system's OpenSSL helps, and where it cannot the fingerprint stays open.
std::optional<Bytes> computed_spki(ByteView pkcs8) {
  const unsigned char* at = pkcs8.data();
  const Pkcs8Ptr info(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(pkcs8.size())));
  const KeyPtr key(info ? EVP_PKCS82PKEY(info.get()) : nullptr);
  unsigned char* out = nullptr;
  const int size = key ? i2d_PUBKEY(key.get(), &out) : 0;
  ERR_clear_error();
  if (size <= 0) return std::nullopt;
  Bytes bytes(out, out + size);
  OPENSSL_free(out);
  return bytes;
}

void add_private(std::string_view format, std::string_view label, Place place, KeyFacts facts,
                 const std::optional<Bytes>& spki, FileSink& sink) {
  FileEntry entry;
  entry.kind = "private-key";
  entry.format = format;
  entry.line = place.line;
  entry.offset = place.offset;
  entry.label = clean_text(label);
  entry.algorithm = std::move(facts.algorithm);
  entry.bits = facts.bits;
  entry.curve = std::move(facts.curve);
  if (spki) entry.fingerprint = fingerprint_of(*spki);
  for (Finding& finding : facts.findings) sink.finding(std::move(finding));
  sink.entry(std::move(entry));
}

// An AlgorithmIdentifier of rsaEncryption with NULL (RFC 3279 section 2.3.1).
constexpr std::array<std::uint8_t, 15> kRsaAlgorithm = {
    0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00};

int rounds_of(const AlgorithmId& derivation) {
  if (!derivation.parameters || derivation.parameters->tag != der::kSequence) return 0;
  DerReader fields(derivation.parameters->content);
  if (!fields.skip_if(der::kOctetString)) return 0;
  const auto rounds = fields.take(der::kInteger);
  return rounds ? small_integer(rounds->content).value_or(kDerivationRoundsMax + 1) : 0;
}

}  // namespace

bool may_derive(const AlgorithmId& algorithm, FileSink& sink) {
  if (algorithm.oid != kPbes2) return sink.spend(rounds_of(algorithm));
  if (!algorithm.parameters) return false;
  DerReader fields(algorithm.parameters->content);
  const auto sequence = fields.take(der::kSequence);
  const auto derivation = sequence ? read_algorithm_id(*sequence) : std::nullopt;
  if (!derivation) return false;
  if (derivation->oid == kPbkdf2) return sink.spend(rounds_of(*derivation));
  const bool scrypt = derivation->oid == kScrypt && rounds_of(*derivation) <= kScryptCostMax;
  return scrypt && sink.spend(kScryptRounds);
}

void read_pkcs8(ByteView bytes, Place place, std::string_view label, FileSink& sink) {
  auto inside = enter_whole(bytes, der::kSequence);
  const bool begins = inside && inside->skip_if(der::kInteger);
  const auto sequence = begins ? inside->take(der::kSequence) : std::nullopt;
  const auto algorithm = sequence ? read_algorithm_id(*sequence) : std::nullopt;
  const auto key = algorithm ? inside->take(der::kOctetString) : std::nullopt;
  if (!key) return sink.error(place, "bad_private_key", "This is not a PKCS #8 private key.");
  inside->skip_if(der::context(0));
  std::optional<Bytes> public_key;
  // OneAsymmetricKey (RFC 5958) may bring the public key along.
  if (const auto given = inside->take(der::context_primitive(1))) {
    if (const auto octets = octets_of_bit_string(given->content)) {
      public_key = Bytes(octets->begin(), octets->end());
    }
  }
  if (!public_key) public_key = public_inside(*algorithm, key->content);
  KeyFacts facts = name_key(*algorithm, public_key ? ByteView(*public_key) : ByteView{});
  std::optional<Bytes> spki;
  if (public_key) {
    spki = make_spki(sequence->whole, *public_key);
  } else {
    spki = computed_spki(bytes);
  }
  add_private("PKCS #8", label, place, std::move(facts), spki, sink);
}

void read_encrypted_pkcs8(ByteView bytes, Place place, std::string_view label, FileSink& sink) {
  auto inside = enter_whole(bytes, der::kSequence);
  const auto sequence = inside ? inside->take(der::kSequence) : std::nullopt;
  const auto algorithm = sequence ? read_algorithm_id(*sequence) : std::nullopt;
  if (!algorithm || !inside->take(der::kOctetString)) {
    return sink.error(place, "bad_private_key", "This is not an encrypted PKCS #8 private key.");
  }
  if (sink.passphrase() != nullptr && may_derive(*algorithm, sink)) {
    const std::string_view passphrase = sink.passphrase()->expose();
    const unsigned char* at = bytes.data();
    const SigPtr sealed(d2i_X509_SIG(nullptr, &at, static_cast<long>(bytes.size())));
    const Pkcs8Ptr opened(
        sealed ? PKCS8_decrypt(sealed.get(), passphrase.data(), static_cast<int>(passphrase.size()))
               : nullptr);
    unsigned char* out = nullptr;
    const int size = opened ? i2d_PKCS8_PRIV_KEY_INFO(opened.get(), &out) : 0;
    ERR_clear_error();
    if (size > 0) {
      read_pkcs8({out, static_cast<std::size_t>(size)}, place, label, sink);
      OPENSSL_clear_free(out, static_cast<std::size_t>(size));
      return;
    }
    sink.error(place, "passphrase_wrong", "The passphrase does not open this private key.");
  }
  FileEntry entry;
  entry.kind = "encrypted-private-key";
  entry.format = "PKCS #8, encrypted";
  entry.line = place.line;
  entry.offset = place.offset;
  entry.label = clean_text(label);
  sink.entry(std::move(entry));
}

void read_rsa_private(ByteView bytes, Place place, FileSink& sink) {
  const auto public_key = rsa_public(bytes);
  if (!public_key) return sink.error(place, "bad_private_key", "This is not an RSA private key.");
  const AlgorithmId algorithm{.oid = std::string(kRsaEncryption), .parameters = {}};
  add_private("PKCS #1", "", place, name_key(algorithm, *public_key),
              make_spki(kRsaAlgorithm, *public_key), sink);
}

void read_rsa_public(ByteView bytes, Place place, FileSink& sink) {
  const AlgorithmId algorithm{.oid = std::string(kRsaEncryption), .parameters = {}};
  KeyFacts facts = name_key(algorithm, bytes);
  if (facts.bits == 0) {
    return sink.error(place, "bad_public_key", "This is not an RSA public key.");
  }
  FileEntry entry;
  entry.kind = "public-key";
  entry.format = "PKCS #1";
  entry.line = place.line;
  entry.offset = place.offset;
  entry.algorithm = std::move(facts.algorithm);
  entry.bits = facts.bits;
  entry.fingerprint = fingerprint_of(make_spki(kRsaAlgorithm, bytes));
  for (Finding& finding : facts.findings) sink.finding(std::move(finding));
  sink.entry(std::move(entry));
}

void read_ec_private(ByteView bytes, Place place, FileSink& sink) {
  const auto parts = ec_parts(bytes);
  if (!parts) return sink.error(place, "bad_private_key", "This is not an EC private key.");
  const AlgorithmId algorithm{.oid = std::string(kEcPublicKey), .parameters = parts->parameters};
  KeyFacts facts = name_key(algorithm, parts->point.value_or(ByteView{}));
  // AlgorithmIdentifier{id-ecPublicKey, parameters}
  Bytes id = wrap(der::kOid, as_bytes(std::string_view("\x2A\x86\x48\xCE\x3D\x02\x01", 7)));
  if (parts->parameters) {
    id.insert(id.end(), parts->parameters->whole.begin(), parts->parameters->whole.end());
  }
  const Bytes whole_id = wrap(der::kSequence, id);
  std::optional<Bytes> spki;
  if (parts->point) {
    spki = make_spki(whole_id, *parts->point);
  } else if (parts->parameters) {
    Bytes info = {0x02, 0x01, 0x00};
    info.insert(info.end(), whole_id.begin(), whole_id.end());
    const WipedBytes wrapped(wrap(der::kOctetString, bytes));
    info.insert(info.end(), wrapped.view().begin(), wrapped.view().end());
    const WipedBytes inside(std::move(info));
    const WipedBytes whole(wrap(der::kSequence, inside.view()));
    spki = computed_spki(whole.view());
  }
  add_private("SEC 1", "", place, std::move(facts), spki, sink);
}

// SEQUENCE of version, p, q, g, y, x, OpenSSL's form.
void read_dsa_private(ByteView bytes, Place place, FileSink& sink) {
  auto inside = enter_whole(bytes, der::kSequence);
  const bool begins = inside && inside->skip_if(der::kInteger);
  std::array<std::optional<DerValue>, 4> numbers;  // p, q, g, y
  for (auto& number : numbers) number = begins ? inside->take(der::kInteger) : std::nullopt;
  if (!numbers[3]) return sink.error(place, "bad_private_key", "This is not a DSA private key.");
  Bytes domain;
  for (int i = 0; i < 3; ++i) {
    domain.insert(domain.end(), numbers[i]->whole.begin(), numbers[i]->whole.end());
  }
  Bytes id = wrap(der::kOid, as_bytes(std::string_view("\x2A\x86\x48\xCE\x38\x04\x01", 7)));
  const Bytes parameters = wrap(der::kSequence, domain);
  id.insert(id.end(), parameters.begin(), parameters.end());
  const Bytes whole_id = wrap(der::kSequence, id);
  DerReader reader(whole_id);
  const auto sequence = reader.take(der::kSequence);
  const auto algorithm = read_algorithm_id(*sequence);
  add_private("DSA", "", place, name_key(*algorithm, {}), make_spki(whole_id, numbers[3]->whole),
              sink);
}

}  // namespace carnet::inventory
