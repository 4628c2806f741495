#include "probe/tls_handshake.h"

#include <openssl/err.h>

#include "base/check.h"
#include "inventory/registry.h"
#include "probe/tls_parser.h"

namespace carnet::probe {
namespace {

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, FreeSsl>;
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeKey>;

constexpr std::uint8_t kNoApplicationProtocol = 120;

// Hybrids first where this OpenSSL has them (3.5); the second list is what 3.0 knows.
constexpr std::array kGroupLists{
    "X25519MLKEM768:SecP256r1MLKEM768:SecP384r1MLKEM1024:MLKEM768:MLKEM1024:MLKEM512:"
    "X25519:P-256:X448:P-384:P-521:ffdhe2048:ffdhe3072:ffdhe4096:ffdhe6144:ffdhe8192",
    "X25519:P-256:X448:P-384:P-521:brainpoolP256r1:brainpoolP384r1:brainpoolP512r1:secp256k1:"
    "ffdhe2048:ffdhe3072:ffdhe4096:ffdhe6144:ffdhe8192",
    "X25519:P-256:X448:P-384:P-521"};
constexpr std::array kAnySchemes{
    "mldsa44:mldsa65:mldsa87:ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:"
    "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pss_pss_sha256:"
    "rsa_pss_pss_sha384:rsa_pss_pss_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1:ECDSA+SHA1",
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ed25519:ed448:rsa_pss_rsae_sha256:"
    "rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pss_pss_sha256:rsa_pss_pss_sha384:"
    "rsa_pss_pss_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1:ECDSA+SHA1"};
constexpr const char* kRsaSchemes =
    "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:rsa_pss_pss_sha256:"
    "rsa_pss_pss_sha384:rsa_pss_pss_sha512:RSA+SHA256:RSA+SHA384:RSA+SHA512:RSA+SHA1";
constexpr const char* kEcdsaSchemes = "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:ECDSA+SHA1";

// Ports whose servers may refuse a client that asks for HTTP.
bool asks_for_http(std::uint16_t port) {
  constexpr std::array<std::uint16_t, 14> kOther{465, 563, 636, 853,  989,  990,  992,
                                                 993, 994, 995, 5061, 5223, 6697, 8883};
  return std::find(kOther.begin(), kOther.end(), port) == kOther.end();
}

std::optional<std::uint16_t> group_by_name(std::string name) {
  if (name == "prime256v1" || name == "P-256") name = "secp256r1";
  if (name == "P-384") name = "secp384r1";
  if (name == "P-521") name = "secp521r1";
  const inventory::Algorithm* known = inventory::find_by_name(name);
  if (known == nullptr || known->tls_groups.empty()) return std::nullopt;
  return known->tls_groups.front();
}

std::optional<std::uint16_t> negotiated_group(SSL* ssl) {
#if OPENSSL_VERSION_NUMBER >= 0x30200000L
  if (const char* name = SSL_get0_group_name(ssl)) return group_by_name(name);
#endif
  EVP_PKEY* raw = nullptr;
  // NOLINTNEXTLINE(bugprone-multi-level-implicit-pointer-conversion): OpenSSL's macro takes a void*
  if (SSL_get_peer_tmp_key(ssl, &raw) != 1 || raw == nullptr) return std::nullopt;
  const KeyPtr key(raw);
  if (EVP_PKEY_is_a(key.get(), "X25519") == 1) return 0x001D;
  if (EVP_PKEY_is_a(key.get(), "X448") == 1) return 0x001E;
  std::array<char, 64> name{};
  std::size_t length = 0;
  if (EVP_PKEY_get_group_name(key.get(), name.data(), name.size(), &length) != 1) {
    return std::nullopt;
  }
  return group_by_name(name.data());
}

// The IANA name of the scheme the server signed with, from OpenSSL's two halves of it.
std::string signature_scheme(SSL* ssl) {
  int hash = NID_undef, type = NID_undef;
  if (SSL_get_peer_signature_type_nid(ssl, &type) != 1) return {};
  if (type == EVP_PKEY_ED25519) return "ed25519";
  if (type == EVP_PKEY_ED448) return "ed448";
  SSL_get_peer_signature_nid(ssl, &hash);
  std::string hash_name;
  switch (hash) {
    case NID_sha1:
      hash_name = "sha1";
      break;
    case NID_sha256:
      hash_name = "sha256";
      break;
    case NID_sha384:
      hash_name = "sha384";
      break;
    case NID_sha512:
      hash_name = "sha512";
      break;
    case NID_md5_sha1:
      return "md5_sha1";  // TLS 1.1 and older
    default:
      return {};
  }
  switch (type) {
    case EVP_PKEY_RSA:
      return "rsa_pkcs1_" + hash_name;
    case EVP_PKEY_RSA_PSS:
      return "rsa_pss_rsae_" + hash_name;
    case EVP_PKEY_EC:
      break;
    default:
      return {};
  }
  if (SSL_version(ssl) < TLS1_3_VERSION) return "ecdsa_" + hash_name;
  if (hash == NID_sha256) return "ecdsa_secp256r1_sha256";
  return hash == NID_sha384 ? "ecdsa_secp384r1_sha384" : "ecdsa_secp521r1_sha512";
}

std::vector<Bytes> peer_chain(SSL* ssl) {
  constexpr int kCertificatesMax = 32;
  std::vector<Bytes> out;
  const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  const int count = std::min(sk_X509_num(chain), kCertificatesMax);  // -1 without a chain
  for (int i = 0; i < count; ++i) {
    unsigned char* raw = nullptr;
    const int size = i2d_X509(sk_X509_value(chain, i), &raw);
    if (size > 0) out.emplace_back(raw, raw + size);
    OPENSSL_free(raw);
  }
  return out;
}

// OpenSSL gives a received alert as a reason of 1000 + its number.
std::optional<std::uint8_t> received_alert(unsigned long error) {
  const int reason = ERR_GET_REASON(error);
  if (ERR_GET_LIB(error) != ERR_LIB_SSL || reason < SSL_AD_REASON_OFFSET ||
      reason > SSL_AD_REASON_OFFSET + 255) {
    return std::nullopt;
  }
  return static_cast<std::uint8_t>(reason - SSL_AD_REASON_OFFSET);
}

void fill_success(SSL* ssl, HandshakeResult& out) {
  out.proof.proven = true;
  switch (SSL_version(ssl)) {
    case TLS1_3_VERSION:
      out.proof.version = "TLS 1.3";
      break;
    case TLS1_2_VERSION:
      out.proof.version = "TLS 1.2";
      break;
    case TLS1_1_VERSION:
      out.proof.version = "TLS 1.1";
      break;
    case TLS1_VERSION:
      out.proof.version = "TLS 1.0";
      break;
    default:
      out.proof.version = SSL_get_version(ssl);
      break;
  }
  out.suite = static_cast<std::uint16_t>(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)));
  const inventory::TlsSuite* suite = inventory::find_tls_suite(*out.suite);
  out.proof.cipher_suite = suite != nullptr ? suite->name : fmt::format("0x{:04X}", *out.suite);
  out.group = negotiated_group(ssl);
  if (out.group) {
    const inventory::Algorithm* group = inventory::find_by_tls_group(*out.group);
    out.proof.group = group != nullptr ? group->name : fmt::format("0x{:04X}", *out.group);
  }
  out.proof.signature_scheme = signature_scheme(ssl);
  out.chain = peer_chain(ssl);
  const unsigned char* alpn = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &length);
  if (alpn != nullptr) out.alpn.assign(as_text({alpn, length}));
}

// Everything OpenSSL wants to send; empty if nothing.
Bytes take_output(SSL* ssl) {
  BIO* output = SSL_get_wbio(ssl);
  Bytes out(BIO_ctrl_pending(output));
  if (!out.empty()) BIO_read(output, out.data(), static_cast<int>(out.size()));
  return out;
}

// OpenSSL's macros for these calls cast const away, so the controls are called with a copy.
void set_schemes(SSL* ssl, std::string list) {
  SSL_ctrl(ssl, SSL_CTRL_SET_SIGALGS_LIST, 0, list.data());
}
bool set_context_list(SSL_CTX* context, int control, std::string list) {
  return SSL_CTX_ctrl(context, control, 0, list.data()) == 1;
}

SslPtr make_ssl(SSL_CTX* context, const Wire& wire, HandshakeClient::Certificates certificates,
                bool alpn) {
  SslPtr ssl(SSL_new(context));
  CARNET_CHECK(ssl != nullptr);
  SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
  const std::string name = wire.server_name();
  if (!name.empty()) SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  if (alpn) {
    constexpr std::array<std::uint8_t, 12> kProtocols{2,   'h', '2', 8,   'h', 't',
                                                      't', 'p', '/', '1', '.', '1'};
    SSL_set_alpn_protos(ssl.get(), kProtocols.data(), kProtocols.size());
  }
  if (certificates == HandshakeClient::Certificates::kOnlyRsa) {
    set_schemes(ssl.get(), kRsaSchemes);
  } else if (certificates == HandshakeClient::Certificates::kOnlyEcdsa) {
    set_schemes(ssl.get(), kEcdsaSchemes);
  }
  SSL_set_connect_state(ssl.get());
  return ssl;
}

}  // namespace

HandshakeClient::HandshakeClient() : context_(SSL_CTX_new(TLS_client_method())) {
  SSL_CTX* context = context_.get();
  CARNET_CHECK(context != nullptr);
  // The probe looks at what is there, so the system's policy for our own safety does not apply.
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  CARNET_CHECK(SSL_CTX_set_min_proto_version(context, TLS1_VERSION) == 1);
  CARNET_CHECK(SSL_CTX_set_max_proto_version(context, 0) == 1);
  CARNET_CHECK(SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0") == 1);
  SSL_CTX_set_options(context, SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_TICKET);
  const auto first_that_fits = [context](int control, const auto& lists) {
    return std::any_of(lists.begin(), lists.end(),
                       [&](const char* list) { return set_context_list(context, control, list); });
  };
  CARNET_CHECK(first_that_fits(SSL_CTRL_SET_GROUPS_LIST, kGroupLists));
  CARNET_CHECK(first_that_fits(SSL_CTRL_SET_SIGALGS_LIST, kAnySchemes));
  ERR_clear_error();
}

Task<HandshakeResult> HandshakeClient::run(Wire& wire, Certificates certificates) const {
  const bool alpn = asks_for_http(wire.port());
  auto result = co_await attempt(wire, certificates, alpn);
  if (result.alert == kNoApplicationProtocol && alpn) {
    result = co_await attempt(wire, certificates, false);
  }
  co_return result;
}

Task<HandshakeResult> HandshakeClient::attempt(Wire& wire, Certificates certificates,
                                               bool alpn) const {
  HandshakeResult out;
  auto channel = co_await wire.open_tls();
  if (!channel) {
    out.failure = channel.error().public_detail;
    co_return out;
  }
  const SslPtr ssl = make_ssl(context_.get(), wire, certificates, alpn);
  Bytes buffer(16 * 1024);
  std::size_t received = 0;
  while (true) {
    ERR_clear_error();  // other coroutines of this thread use the same queue between our steps
    const int status = SSL_do_handshake(ssl.get());
    const int reason = SSL_get_error(ssl.get(), status);
    const unsigned long error = ERR_peek_last_error();
    const Bytes output = take_output(ssl.get());
    constexpr int kRecordHeader = 5;
    if (out.proof.client_hello_bytes == 0) {
      out.proof.client_hello_bytes = static_cast<int>(output.size()) - kRecordHeader;
    }
    if (!output.empty()) {
      const auto sent = co_await channel->connection->write_all(output, channel->deadline);
      if (!sent && status != 1) {
        out.failure = sent.error().public_detail;
        co_return out;
      }
    }
    if (status == 1) break;
    if (reason != SSL_ERROR_WANT_READ) {
      out.alert = received_alert(error);
      const char* text = ERR_reason_error_string(error);
      out.failure = out.alert ? "the server sent the alert " + alert_name(*out.alert)
                              : std::string(text != nullptr ? text : "the handshake broke off");
      co_return out;
    }
    const auto got = co_await channel->connection->read_some(buffer, channel->deadline);
    if (!got || *got == 0) {
      out.failure = got ? "the server closed the connection" : got.error().public_detail;
      co_return out;
    }
    out.server_spoke = true;
    received += *got;
    if (received > wire.services().limits.answer_bytes_max) {
      out.failure = "the answer was over the limit";
      co_return out;
    }
    BIO_write(SSL_get_rbio(ssl.get()), buffer.data(), static_cast<int>(*got));
  }
  fill_success(ssl.get(), out);
  SSL_shutdown(ssl.get());
  const Bytes goodbye = take_output(ssl.get());
  [[maybe_unused]] const auto sent =
      co_await channel->connection->write_all(goodbye, channel->deadline);
  co_return out;
}

}  // namespace carnet::probe
