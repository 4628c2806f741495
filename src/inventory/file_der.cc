// What a DER value may be: certificate, request, revocation list, key, PKCS #7 or PKCS #12.
#include <fmt/format.h>

#include "inventory/file_internal.h"
#include "inventory/x509_text.h"

namespace carnet::inventory {
namespace {

constexpr std::string_view kSignedData = "1.2.840.113549.1.7.2";

FileEntry placed(std::string_view kind, std::string_view format, Place place) {
  FileEntry out;
  out.kind = kind;
  out.format = format;
  out.line = place.line;
  out.offset = place.offset;
  return out;
}

void take(KeyFacts facts, FileEntry& entry, FileSink& sink) {
  entry.algorithm = std::move(facts.algorithm);
  entry.bits = facts.bits;
  entry.curve = std::move(facts.curve);
  for (Finding& finding : facts.findings) sink.finding(std::move(finding));
}

// Both end as SIGNED{…}: the signature algorithm is the value behind the signed part.
std::string outer_signature(DerReader& signed_value) {
  const auto sequence = signed_value.take(der::kSequence);
  const auto id = sequence ? read_algorithm_id(*sequence) : std::nullopt;
  return id ? name_signature(*id).algorithm : std::string();
}

// The elements of a SEQUENCE, as far as they tell kinds apart.
struct Shape {
  std::vector<DerValue> parts;  // the first eight
  explicit Shape(ByteView content) {
    DerReader reader(content);
    while (!reader.empty() && parts.size() < 8) {
      const auto value = reader.next();
      if (!value) break;
      parts.push_back(*value);
    }
  }
  [[nodiscard]] bool is(std::initializer_list<std::uint8_t> tags) const {
    if (parts.size() < tags.size()) return false;
    std::size_t i = 0;
    for (const std::uint8_t tag : tags) {
      if (parts[i++].tag != tag) return false;
    }
    return true;
  }
  [[nodiscard]] bool exactly(std::initializer_list<std::uint8_t> tags) const {
    return parts.size() == tags.size() && is(tags);
  }
};

// Certificates, requests and revocation lists are all SIGNED{SEQUENCE}; the first values of the
// signed part tell them apart.
bool read_signed(ByteView bytes, const DerValue& body, Place place, FileSink& sink) {
  const Shape inside(body.content);
  const bool versioned = inside.is({der::context(0), der::kInteger, der::kSequence});
  const bool plain = inside.is({der::kInteger, der::kSequence, der::kSequence, der::kSequence,
                                der::kSequence, der::kSequence});
  if (versioned || plain) {
    sink.certificate(bytes, "DER", place, "");
    return true;
  }
  if (inside.is({der::kInteger, der::kSequence, der::kSequence, der::context(0)})) {
    read_request(bytes, place, sink);
    return true;
  }
  DerReader reader(body.content);
  reader.skip_if(der::kInteger);
  const bool list = reader.skip_if(der::kSequence) && reader.skip_if(der::kSequence) &&
                    (reader.peek() == der::kUtcTime || reader.peek() == der::kGeneralizedTime);
  if (list) read_revocation_list(bytes, place, sink);
  return list;
}

bool is_algorithm(const DerValue& value) { return read_algorithm_id(value).has_value(); }

}  // namespace

void read_request(ByteView bytes, Place place, FileSink& sink) {
  auto request = enter_whole(bytes, der::kSequence);
  auto info = request ? request->enter(der::kSequence) : std::nullopt;
  const bool begins = info && info->skip_if(der::kInteger);
  const auto subject = begins ? info->take(der::kSequence) : std::nullopt;
  const auto spki = begins ? info->take(der::kSequence) : std::nullopt;
  auto key = spki ? read_spki(spki->whole) : std::nullopt;
  if (!subject || !key) {
    return sink.error(place, "bad_request", "This is not a PKCS #10 certificate request.");
  }
  FileEntry entry = placed("certificate-request", "PKCS #10", place);
  entry.label = name_text(subject->whole);
  take(std::move(*key), entry, sink);
  entry.fingerprint = fingerprint_of(spki->whole);
  entry.signature_algorithm = outer_signature(*request);
  sink.entry(std::move(entry));
}

void read_revocation_list(ByteView bytes, Place place, FileSink& sink) {
  auto list = enter_whole(bytes, der::kSequence);
  auto body = list ? list->enter(der::kSequence) : std::nullopt;
  if (body) body->skip_if(der::kInteger);
  const bool begins = body && body->skip_if(der::kSequence);
  const auto issuer = begins ? body->take(der::kSequence) : std::nullopt;
  const std::string signature = list && issuer ? outer_signature(*list) : std::string();
  if (signature.empty()) {
    return sink.error(place, "bad_revocation_list", "This is not an X.509 revocation list.");
  }
  FileEntry entry = placed("revocation-list", "X.509 CRL", place);
  entry.label = name_text(issuer->whole);
  entry.algorithm = signature;
  entry.signature_algorithm = signature;
  sink.entry(std::move(entry));
}

void read_public_key(ByteView bytes, Place place, FileSink& sink) {
  auto key = read_spki(bytes);
  if (!key) {
    return sink.error(place, "bad_public_key", "This is not a SubjectPublicKeyInfo.");
  }
  FileEntry entry = placed("public-key", "SubjectPublicKeyInfo", place);
  take(std::move(*key), entry, sink);
  entry.fingerprint = fingerprint_of(bytes);
  sink.entry(std::move(entry));
}

// ContentInfo with SignedData (RFC 5652 section 5.1), of which only the certificates and the
// revocation lists are taken.
void read_pkcs7(ByteView bytes, Place place, FileSink& sink) {
  auto content_info = enter_whole(bytes, der::kSequence);
  const auto type = content_info ? content_info->take(der::kOid) : std::nullopt;
  if (!type) return sink.error(place, "bad_pkcs7", "This is not a PKCS #7 structure.");
  const std::string oid = oid_text(type->content);
  if (oid != kSignedData) {
    return sink.error(place, "pkcs7_without_certificates",
                      fmt::format("This PKCS #7 structure (OID {}) holds no certificates.", oid));
  }
  auto explicit_content = content_info->enter(der::context(0));
  auto data = explicit_content ? explicit_content->enter(der::kSequence) : std::nullopt;
  const bool begins = data && data->skip_if(der::kInteger) && data->skip_if(der::kSet) &&
                      data->skip_if(der::kSequence);
  if (!begins) return sink.error(place, "bad_pkcs7", "The SignedData cannot be read.");
  const auto read_all = [&](std::uint8_t tag, bool lists) {
    auto set = data->enter(tag);
    while (set && !set->empty() && !sink.full()) {
      const auto value = set->next();
      if (!value) return sink.error(place, "bad_pkcs7", "The PKCS #7 structure is cut short.");
      const Place at{place.line, place.offset + (value->whole.data() - bytes.data())};
      if (lists) {
        read_revocation_list(value->whole, at, sink);
      } else if (value->tag == der::kSequence) {
        sink.certificate(value->whole, "PKCS #7", at, "");
      }
    }
  };
  const std::size_t before = sink.entries();
  read_all(der::context(0), false);
  read_all(der::context(1), true);
  if (sink.entries() == before) {
    sink.error(place, "pkcs7_without_certificates",
               "This PKCS #7 structure holds neither a certificate nor a revocation list.");
  }
}

bool read_der(ByteView bytes, Place place, FileSink& sink) {
  DerReader outer(bytes);
  const auto whole = outer.take(der::kSequence);
  if (!whole || !outer.empty()) return false;
  const Shape shape(whole->content);
  if (looks_like_pkcs12(bytes)) {
    read_pkcs12(bytes, place, sink);
  } else if (shape.exactly({der::kOid, der::context(0)})) {
    read_pkcs7(bytes, place, sink);
  } else if (shape.exactly({der::kSequence, der::kSequence, der::kBitString})) {
    return read_signed(bytes, shape.parts[0], place, sink);
  } else if (shape.exactly({der::kSequence, der::kBitString}) && is_algorithm(shape.parts[0])) {
    read_public_key(bytes, place, sink);
  } else if (shape.exactly({der::kSequence, der::kOctetString}) && is_algorithm(shape.parts[0])) {
    read_encrypted_pkcs8(bytes, place, "", sink);
  } else if (shape.is({der::kInteger, der::kSequence, der::kOctetString}) &&
             is_algorithm(shape.parts[1])) {
    read_pkcs8(bytes, place, "", sink);
  } else if (shape.is({der::kInteger, der::kOctetString})) {
    read_ec_private(bytes, place, sink);
  } else if (shape.exactly({der::kInteger, der::kInteger})) {
    read_rsa_public(bytes, place, sink);
  } else if (shape.exactly({der::kInteger, der::kInteger, der::kInteger, der::kInteger,
                            der::kInteger, der::kInteger})) {
    read_dsa_private(bytes, place, sink);
  } else if (shape.is({der::kInteger, der::kInteger, der::kInteger, der::kInteger, der::kInteger,
                       der::kInteger, der::kInteger, der::kInteger})) {
    read_rsa_private(bytes, place, sink);
  } else {
    return false;
  }
  return true;
}

}  // namespace carnet::inventory
