#include "inventory/x509_shape.h"

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/x509.h>

namespace carnet::inventory {
namespace {

// The structures of OpenSSL's x_x509.c and x_pubkey.c, except that the key stays bytes. What
// d2i_X509 does with a key it cannot decode is nothing: such a certificate is one all the same.
struct KeyShape {
  X509_ALGOR* algorithm;
  ASN1_BIT_STRING* key;
};

struct BodyShape {
  ASN1_INTEGER* version;
  ASN1_INTEGER* serial;
  X509_ALGOR* signature;
  X509_NAME* issuer;
  X509_VAL* validity;
  X509_NAME* subject;
  KeyShape* key;
  ASN1_BIT_STRING* issuer_id;
  ASN1_BIT_STRING* subject_id;
  STACK_OF(X509_EXTENSION) * extensions;
};

struct CertificateShape {
  BodyShape* body;
  X509_ALGOR* signature_algorithm;
  ASN1_BIT_STRING* signature;
};

// clang-format off
ASN1_SEQUENCE(KeyShape) = {
  ASN1_SIMPLE(KeyShape, algorithm, X509_ALGOR),
  ASN1_SIMPLE(KeyShape, key, ASN1_BIT_STRING)
} static_ASN1_SEQUENCE_END(KeyShape)

ASN1_SEQUENCE(BodyShape) = {
  ASN1_EXP_OPT(BodyShape, version, ASN1_INTEGER, 0),
  ASN1_SIMPLE(BodyShape, serial, ASN1_INTEGER),
  ASN1_SIMPLE(BodyShape, signature, X509_ALGOR),
  ASN1_SIMPLE(BodyShape, issuer, X509_NAME),
  ASN1_SIMPLE(BodyShape, validity, X509_VAL),
  ASN1_SIMPLE(BodyShape, subject, X509_NAME),
  ASN1_SIMPLE(BodyShape, key, KeyShape),
  ASN1_IMP_OPT(BodyShape, issuer_id, ASN1_BIT_STRING, 1),
  ASN1_IMP_OPT(BodyShape, subject_id, ASN1_BIT_STRING, 2),
  ASN1_EXP_SEQUENCE_OF_OPT(BodyShape, extensions, X509_EXTENSION, 3)
} static_ASN1_SEQUENCE_END(BodyShape)

ASN1_SEQUENCE(CertificateShape) = {
  ASN1_SIMPLE(CertificateShape, body, BodyShape),
  ASN1_SIMPLE(CertificateShape, signature_algorithm, X509_ALGOR),
  ASN1_SIMPLE(CertificateShape, signature, ASN1_BIT_STRING)
} static_ASN1_SEQUENCE_END(CertificateShape)
// clang-format on

}  // namespace

bool has_certificate_shape(ByteView bytes) {
  const unsigned char* at = bytes.data();
  ASN1_VALUE* value =
      ASN1_item_d2i(nullptr, &at, static_cast<long>(bytes.size()), CertificateShape_it());
  const bool whole = value != nullptr && at == bytes.data() + bytes.size();
  ASN1_item_free(value, CertificateShape_it());
  ERR_clear_error();
  return whole;
}

}  // namespace carnet::inventory
