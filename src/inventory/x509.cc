#include "inventory/x509.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "base/encoding.h"
#include "crypto/hash.h"
#include "inventory/der.h"
#include "inventory/spki.h"
#include "inventory/x509_shape.h"
#include "inventory/x509_text.h"

namespace carnet::inventory {
namespace {

constexpr std::size_t kCertificateBytesMax = 256 * 1024;
constexpr std::size_t kAlternativeNamesMax = 500;
constexpr std::size_t kExtensionsMax = 200;       // limit: internal
constexpr std::size_t kSerialBytesStandard = 20;  // RFC 5280 section 4.1.2.2

struct X509Deleter {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using X509Ptr = std::unique_ptr<X509, X509Deleter>;

X509Ptr decode(ByteView bytes) {
  if (bytes.empty() || bytes.size() > kCertificateBytesMax) return nullptr;
  const unsigned char* at = bytes.data();
  X509Ptr out(d2i_X509(nullptr, &at, static_cast<long>(bytes.size())));
  if (out && at != bytes.data() + bytes.size()) out.reset();
  ERR_clear_error();
  return out;
}

std::string ip_text(ByteView address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.size() != 4 && address.size() != 16) return "?";
  inet_ntop(address.size() == 4 ? AF_INET : AF_INET6, address.data(), text.data(), text.size());
  return text.data();
}

// GeneralName (RFC 5280 section 4.2.1.6): the four kinds that name an endpoint.
void read_alternative_names(ByteView value, Certificate& out) {
  auto names = enter_whole(value, der::kSequence);
  if (!names) {
    out.findings.push_back(
        {"malformed_extension", "medium", "The alternative names cannot be read."});
    return;
  }
  while (!names->empty()) {
    const auto name = names->next();
    if (!name) break;
    if (out.sans.size() == kAlternativeNamesMax) {
      out.findings.push_back(
          {"too_many_names", "low",
           fmt::format("Only the first {} alternative names were read.", kAlternativeNamesMax)});
      break;
    }
    if (name->tag == der::context_primitive(2)) {
      out.sans.push_back("dns:" + clean_text(as_text(name->content)));
    } else if (name->tag == der::context_primitive(7)) {
      out.sans.push_back("ip:" + ip_text(name->content));
    } else if (name->tag == der::context_primitive(1)) {
      out.sans.push_back("email:" + clean_text(as_text(name->content)));
    } else if (name->tag == der::context_primitive(6)) {
      out.sans.push_back("uri:" + clean_text(as_text(name->content)));
    }
  }
}

// subjectAltPublicKeyInfo (X.509 2019 clause 9.8.2).
void read_alternative_key(ByteView value, Certificate& out) {
  auto key = read_spki(value);
  if (!key) {
    out.findings.push_back({"malformed_extension", "medium",
                            "The alternative public key (X.509 2019) cannot be read."});
    return;
  }
  out.alt_key_algorithm = std::move(key->algorithm);
  for (Finding& finding : key->findings) out.findings.push_back(std::move(finding));
}

// altSignatureAlgorithm (clause 9.8.3).
void read_alternative_signature(ByteView value, Certificate& out) {
  DerReader reader(value);
  const auto sequence = reader.take(der::kSequence);
  const auto id = sequence ? read_algorithm_id(*sequence) : std::nullopt;
  if (!id) {
    out.findings.push_back({"malformed_extension", "medium",
                            "The alternative signature algorithm (X.509 2019) cannot be read."});
    return;
  }
  out.alt_signature_algorithm = name_signature(*id).algorithm;
}

void read_extension(std::string_view oid, ByteView value, Certificate& out) {
  if (oid == std::string_view("\x55\x1D\x11", 3)) {  // 2.5.29.17
    read_alternative_names(value, out);
  } else if (oid == std::string_view("\x55\x1D\x48", 3)) {  // 2.5.29.72
    read_alternative_key(value, out);
  } else if (oid == std::string_view("\x55\x1D\x49", 3)) {  // 2.5.29.73
    read_alternative_signature(value, out);
  } else if (oid == std::string_view("\x2B\x06\x01\x05\x05\x07\x01\x24", 8)) {
    // id-pe-relatedCert, RFC 9763.
    out.findings.push_back({"related_certificate", "info",
                            "The certificate names a related one (RFC 9763), which belongs to the "
                            "same holder and usually has a key of another kind."});
  } else if (oid == std::string_view("\x60\x86\x48\x01\x86\xFA\x6B\x50\x06\x01", 10)) {
    // deltaCertificateDescriptor, draft-bonnell-lamps-chameleon-certs: 2.16.840.1.114027.80.6.1.
    out.findings.push_back({"delta_certificate", "info",
                            "The certificate carries the difference to a second one (a Chameleon "
                            "certificate), usually with a key of another kind."});
  }
}

void read_extensions(DerReader& tbs, Certificate& out) {
  auto wrapper = tbs.enter(der::context(3));
  auto list = wrapper ? wrapper->enter(der::kSequence) : std::nullopt;
  if (!list) return;
  for (std::size_t count = 0; !list->empty() && count < kExtensionsMax; ++count) {
    auto extension = list->enter(der::kSequence);
    const auto oid = extension ? extension->take(der::kOid) : std::nullopt;
    if (!oid) return;
    extension->skip_if(der::kBoolean);
    const auto value = extension->take(der::kOctetString);
    if (value) read_extension(as_text(oid->content), value->content, out);
  }
}

void read_serial(const DerValue& serial, Certificate& out) {
  out.serial_number = serial_text(serial.content);
  const bool negative = !serial.content.empty() && (serial.content[0] & 0x80U) != 0;
  if (negative || out.serial_number == "00") {
    out.findings.push_back({"serial_number_not_positive", "low",
                            "The serial number is not positive, which RFC 5280 asks for."});
  } else if (serial.content.size() > kSerialBytesStandard) {
    out.findings.push_back({"serial_number_too_long", "low",
                            "The serial number is longer than the 20 bytes that RFC 5280 allows."});
  }
}

void read_validity(DerReader& tbs, Certificate& out) {
  auto validity = tbs.enter(der::kSequence);
  const auto before = validity ? validity->next() : std::nullopt;
  const auto after = validity ? validity->next() : std::nullopt;
  const auto not_before = before ? time_value(*before) : std::nullopt;
  const auto not_after = after ? time_value(*after) : std::nullopt;
  out.not_before = not_before.value_or(Timestamp{});
  out.not_after = not_after.value_or(Timestamp{});
  if (!not_before || !not_after) {
    out.findings.push_back({"validity_unreadable", "medium", "A date of the validity is no date."});
  } else if (out.not_after < out.not_before) {
    out.findings.push_back(
        {"validity_reversed", "medium", "The certificate ends before it begins to be valid."});
  }
}

void take_key(ByteView spki, Certificate& out) {
  out.spki_sha256 = crypto::sha256_hex(as_text(spki));
  auto key = read_spki(spki);
  if (!key) {
    out.key_algorithm = "unknown";
    out.findings.push_back({"malformed_key", "high", "The public key cannot be read."});
    return;
  }
  out.key_algorithm = std::move(key->algorithm);
  out.key_bits = key->bits;
  out.curve = std::move(key->curve);
  for (Finding& finding : key->findings) out.findings.push_back(std::move(finding));
}

void take_signature(const DerValue& inner, const DerValue& outer, Certificate& out) {
  const auto id = read_algorithm_id(outer);
  if (!id) {
    out.signature_algorithm = "unknown";
    return;
  }
  SignatureFacts facts = name_signature(*id);
  out.signature_algorithm = std::move(facts.algorithm);
  out.signature_parameters = std::move(facts.parameters);
  for (Finding& finding : facts.findings) out.findings.push_back(std::move(finding));
  if (!std::ranges::equal(inner.whole, outer.whole)) {
    out.findings.push_back({"signature_algorithm_mismatch", "high",
                            "The signed part of the certificate names another signature algorithm "
                            "than the signature itself."});
  }
}

// TBSCertificate (RFC 5280 section 4.1). False where it is not what DER says.
bool read_fields(ByteView bytes, Certificate& out) {
  auto certificate = enter_whole(bytes, der::kSequence);
  auto tbs = certificate ? certificate->enter(der::kSequence) : std::nullopt;
  const auto outer = certificate ? certificate->take(der::kSequence) : std::nullopt;
  if (!tbs || !outer) return false;
  tbs->skip_if(der::context(0));
  const auto serial = tbs->take(der::kInteger);
  const auto inner = tbs->take(der::kSequence);
  const auto issuer = tbs->take(der::kSequence);
  if (!serial || !inner || !issuer) return false;
  read_serial(*serial, out);
  out.issuer = name_text(issuer->whole);
  read_validity(*tbs, out);
  const auto subject = tbs->take(der::kSequence);
  const auto spki = tbs->take(der::kSequence);
  if (!subject || !spki) return false;
  const bool self = std::ranges::equal(subject->whole, issuer->whole);
  out.subject = self ? out.issuer : name_text(subject->whole);
  take_key(spki->whole, out);
  take_signature(*inner, *outer, out);
  tbs->skip_if(der::context_primitive(1));
  tbs->skip_if(der::context_primitive(2));
  read_extensions(*tbs, out);
  return true;
}

}  // namespace

Result<Certificate> parse_certificate(std::span<const std::uint8_t> bytes) {
  Certificate out;
  const bool bounded = !bytes.empty() && bytes.size() <= kCertificateBytesMax;
  if (!bounded || !has_certificate_shape(bytes) || !read_fields(bytes, out)) {
    return make_error(ErrorCode::kValidationFailed, "This is not a DER-encoded X.509 certificate.");
  }
  out.sha256 = crypto::sha256_hex(as_text(bytes));
  return out;
}

bool certificate_matches_host(std::span<const std::uint8_t> bytes, const std::string& host) {
  const X509Ptr certificate = decode(bytes);
  return certificate && certificate_matches_host(certificate.get(), host);
}

bool certificate_matches_host(X509* certificate, const std::string& host) {
  if (host.empty()) return false;
  std::array<std::uint8_t, 16> address{};
  const bool literal = inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
                       inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
  const int verdict = literal ? X509_check_ip_asc(certificate, host.c_str(), 0)
                              : X509_check_host(certificate, host.data(), host.size(),
                                                X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, nullptr);
  ERR_clear_error();
  return verdict == 1;
}

std::span<const std::uint8_t> public_key_info_of(std::span<const std::uint8_t> bytes) {
  const bool bounded = !bytes.empty() && bytes.size() <= kCertificateBytesMax;
  if (!bounded || !has_certificate_shape(bytes)) return {};
  auto certificate = enter_whole(bytes, der::kSequence);
  auto tbs = certificate ? certificate->enter(der::kSequence) : std::nullopt;
  if (!tbs) return {};
  tbs->skip_if(der::context(0));
  constexpr int kBeforeTheKey = 5;  // serial number, signature, issuer, validity, subject
  for (int i = 0; i < kBeforeTheKey; ++i) tbs->skip();
  const auto spki = tbs->take(der::kSequence);
  return spki ? spki->whole : std::span<const std::uint8_t>();
}

}  // namespace carnet::inventory
