#include "inventory/x509.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/encoding.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "inventory/registry.h"

namespace carnet::inventory {
namespace {

constexpr std::size_t kCertificateBytesMax = 256 * 1024;
constexpr int kAlternativeNamesMax = 500;
constexpr std::size_t kTextBytesMax = 1024;
constexpr int kSerialBytesMax = 64;  // RFC 5280 allows 20; real ones are sometimes longer

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;

X509Ptr decode(std::span<const std::uint8_t> der) {
  if (der.empty() || der.size() > kCertificateBytesMax) return nullptr;
  const unsigned char* at = der.data();
  X509Ptr out(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (out && at != der.data() + der.size()) out.reset();
  ERR_clear_error();
  return out;
}

// Text from a stranger: valid UTF-8 without control characters, bounded.
std::string clean(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kTextBytesMax)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7F ? '?' : c;
  }
  while (!out.empty() && !is_valid_utf8(out) && text.size() > kTextBytesMax &&
         out.size() > kTextBytesMax - 4) {
    out.pop_back();  // a character cut in two by the bound
  }
  if (is_valid_utf8(out)) return out;
  for (char& c : out) c = (c & 0x80) != 0 ? '?' : c;
  return out;
}

std::string name_text(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  constexpr unsigned long kFlags =
      XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
  X509_NAME_print_ex(bio.get(), name, 0, kFlags);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return clean({data, static_cast<std::size_t>(std::max(size, 0L))});
}

std::string oid_text(const ASN1_OBJECT* object) {
  std::array<char, 256> text{};
  const int length = OBJ_obj2txt(text.data(), text.size(), object, 1);
  if (length <= 0 || static_cast<std::size_t>(length) >= text.size()) return "?";
  return text.data();
}

std::string registry_name(const std::string& oid) {
  const Algorithm* algorithm = find_by_oid(oid);
  return algorithm != nullptr ? algorithm->name : "unknown (OID " + oid + ")";
}

Timestamp time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  const auto day = std::chrono::year(parts.tm_year + 1900) / (parts.tm_mon + 1) / parts.tm_mday;
  const auto whole = std::chrono::sys_days(day) + std::chrono::hours(parts.tm_hour) +
                     std::chrono::minutes(parts.tm_min) + std::chrono::seconds(parts.tm_sec);
  return std::chrono::time_point_cast<std::chrono::milliseconds>(whole);
}

std::string ip_text(const ASN1_OCTET_STRING* value) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = value->length == 4 ? AF_INET : AF_INET6;
  if (value->length != 4 && value->length != 16) return "?";
  inet_ntop(family, value->data, text.data(), text.size());
  return text.data();
}

std::string_view ia5(const ASN1_STRING* value) {
  return as_text(
      {ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))});
}

void read_alternative_names(const X509* certificate, std::vector<std::string>& out) {
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (!names) return;
  const int count = std::min(sk_GENERAL_NAME_num(names.get()), kAlternativeNamesMax);
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    switch (name->type) {
      case GEN_DNS:
        out.push_back("dns:" + clean(ia5(name->d.dNSName)));
        break;
      case GEN_IPADD:
        out.push_back("ip:" + ip_text(name->d.iPAddress));
        break;
      case GEN_EMAIL:
        out.push_back("email:" + clean(ia5(name->d.rfc822Name)));
        break;
      case GEN_URI:
        out.push_back("uri:" + clean(ia5(name->d.uniformResourceIdentifier)));
        break;
      default:
        break;
    }
  }
}

// Bits of the modulus in an RSAPublicKey, or of any first INTEGER in a SEQUENCE (RFC 8017 A.1.1).
int first_integer_bits(std::span<const std::uint8_t> der) {
  const auto head = [&der](std::uint8_t tag) -> std::optional<std::size_t> {
    if (der.size() < 2 || der[0] != tag) return std::nullopt;
    std::size_t length = der[1];
    std::size_t used = 2;
    if (length >= 0x80) {
      const std::size_t count = length & 0x7F;
      if (count == 0 || count > 3 || der.size() < 2 + count) return std::nullopt;
      length = 0;
      for (std::size_t i = 0; i < count; ++i) length = length << 8 | der[2 + i];
      used += count;
    }
    der = der.subspan(used);
    if (length > der.size()) return std::nullopt;
    return length;
  };
  if (!head(0x30)) return 0;
  const auto length = head(0x02);
  if (!length) return 0;
  auto number = der.first(*length);
  while (!number.empty() && number[0] == 0) number = number.subspan(1);
  if (number.empty()) return 0;
  int top = 8;
  while ((number[0] >> (top - 1)) == 0) --top;
  return static_cast<int>(number.size() - 1) * 8 + top;
}

constexpr std::string_view kEcPublicKey = "1.2.840.10045.2.1";
constexpr std::string_view kRsaEncryption = "1.2.840.113549.1.1.1";
constexpr std::string_view kRsaPss = "1.2.840.113549.1.1.10";
constexpr std::string_view kRsaOaep = "1.2.840.113549.1.1.7";
constexpr std::string_view kDsa = "1.2.840.10040.4.1";

// The curve's OID, or empty for explicit or implicit parameters (RFC 5480 section 2.1.1).
std::string curve_oid(const X509_ALGOR* algorithm) {
  int type = V_ASN1_UNDEF;
  const void* value = nullptr;
  X509_ALGOR_get0(nullptr, &type, &value, algorithm);
  if (type != V_ASN1_OBJECT) return {};
  return oid_text(static_cast<const ASN1_OBJECT*>(value));
}

int dsa_bits(const X509_ALGOR* algorithm) {
  int type = V_ASN1_UNDEF;
  const void* value = nullptr;
  X509_ALGOR_get0(nullptr, &type, &value, algorithm);
  if (type != V_ASN1_SEQUENCE) return 0;
  const auto* text = static_cast<const ASN1_STRING*>(value);
  return first_integer_bits(as_bytes(ia5(text)));
}

void read_key(const X509* certificate, Certificate& out) {
  ASN1_OBJECT* object = nullptr;
  const unsigned char* key = nullptr;
  int key_size = 0;
  X509_ALGOR* algorithm = nullptr;
  const X509_PUBKEY* spki = X509_get_X509_PUBKEY(certificate);
  if (X509_PUBKEY_get0_param(&object, &key, &key_size, &algorithm, spki) != 1) {
    out.key_algorithm = "unknown";
    return;
  }
  const std::string oid = oid_text(object);
  const std::span<const std::uint8_t> bits(key, static_cast<std::size_t>(std::max(key_size, 0)));
  if (oid == kEcPublicKey) {
    const std::string curve = curve_oid(algorithm);
    const Algorithm* known = curve.empty() ? nullptr : find_by_oid(curve);
    if (known != nullptr) {
      out.key_algorithm = known->name;
      out.key_bits = known->key_bits;
      out.curve = known->curve;
    } else {
      out.key_algorithm =
          curve.empty() ? "ECDSA with explicit curve parameters" : "unknown (OID " + curve + ")";
    }
    return;
  }
  out.key_algorithm = registry_name(oid);
  if (oid == kRsaEncryption || oid == kRsaPss || oid == kRsaOaep) {
    out.key_algorithm = registry_name(std::string(kRsaEncryption));
    out.key_bits = first_integer_bits(bits);
  } else if (oid == kDsa) {
    out.key_bits = dsa_bits(algorithm);
  } else if (const Algorithm* known = find_by_oid(oid)) {
    out.curve = known->curve;
  }
}

std::string serial_hex(const X509* certificate) {
  const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
  const int length = std::min(ASN1_STRING_length(serial), kSerialBytesMax);
  const std::string hex = to_hex({ASN1_STRING_get0_data(serial), static_cast<std::size_t>(length)});
  const bool negative = ASN1_STRING_type(serial) == V_ASN1_NEG_INTEGER;
  return (negative ? "-" : "") + hex;
}

}  // namespace

Result<Certificate> parse_certificate(std::span<const std::uint8_t> der) {
  const X509Ptr certificate = decode(der);
  if (!certificate) {
    return make_error(ErrorCode::kValidationFailed, "This is not a DER-encoded X.509 certificate.");
  }
  Certificate out;
  out.subject = name_text(X509_get_subject_name(certificate.get()));
  out.issuer = name_text(X509_get_issuer_name(certificate.get()));
  out.serial_number = serial_hex(certificate.get());
  out.not_before = time_of(X509_get0_notBefore(certificate.get()));
  out.not_after = time_of(X509_get0_notAfter(certificate.get()));
  read_alternative_names(certificate.get(), out.sans);
  read_key(certificate.get(), out);
  const X509_ALGOR* signature = nullptr;
  X509_get0_signature(nullptr, &signature, certificate.get());
  const ASN1_OBJECT* object = nullptr;
  X509_ALGOR_get0(&object, nullptr, nullptr, signature);
  out.signature_algorithm = registry_name(oid_text(object));
  out.sha256 = crypto::sha256_hex(as_text(der));
  ERR_clear_error();
  return out;
}

bool certificate_matches_host(std::span<const std::uint8_t> der, const std::string& host) {
  const X509Ptr certificate = decode(der);
  if (!certificate || host.empty()) return false;
  std::array<std::uint8_t, 16> address{};
  const bool literal = inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
                       inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
  const int verdict = literal ? X509_check_ip_asc(certificate.get(), host.c_str(), 0)
                              : X509_check_host(certificate.get(), host.data(), host.size(),
                                                X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr);
  ERR_clear_error();
  return verdict == 1;
}

}  // namespace carnet::inventory
