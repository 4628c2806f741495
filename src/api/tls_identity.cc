#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509err.h>

#include "api/tls.h"

namespace carnet::api {
namespace {

constexpr const char* kSuites13 =
    "TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256";
constexpr const char* kSuites12 =
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"
    "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256";
// The slash (OpenSSL 3.5) ends a tuple: a client that knows a group of the first is asked for it
// again (HelloRetryRequest) even if it guessed one of the second.
constexpr std::string_view kHybridGroups = "X25519MLKEM768/X25519:P-256:P-384";
constexpr std::string_view kClassicalGroups = "X25519:P-256:P-384";
constexpr std::chrono::hours kExpirySoon{24 * 14};

using BioPtr = std::unique_ptr<BIO, void (*)(BIO*)>;
using KeyPtr = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using CertificatePtr = std::unique_ptr<X509, void (*)(X509*)>;

BioPtr open_file(const std::string& path) {
  ERR_clear_error();
  errno = 0;
  return {BIO_new_file(path.c_str(), "r"), [](BIO* bio) { BIO_free(bio); }};
}

tl::unexpected<Error> unreadable(std::string_view what, const std::string& path) {
  const int reason = errno;
  return make_error(ErrorCode::kUnavailable,
                    fmt::format("Cannot read the TLS {} file {}: {}.", what, path,
                                reason == 0 ? "it is no file" : std::strerror(reason)));
}

bool is_folder(const std::string& path) {
  struct stat found{};
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

std::string last_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* const text = code == 0 ? nullptr : ERR_reason_error_string(code);
  return text == nullptr ? "unknown reason" : text;
}

// Called when a key is encrypted: there is nobody to ask.
int note_passphrase(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
  static constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, kHttp11, sizeof kHttp11, in, in_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;  // RFC 7301 section 3.2
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

Timestamp time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return Timestamp{std::chrono::seconds{::timegm(&parts)}};
}

std::string day_of(Timestamp time) {
  const std::chrono::year_month_day day{std::chrono::floor<std::chrono::days>(time)};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(day.year()),
                     static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day()));
}

std::string subject_of(const X509* certificate) {
  const BioPtr out(BIO_new(BIO_s_mem()), [](BIO* bio) { BIO_free(bio); });
  if (!out) return {};
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

bool set_groups(SSL_CTX* context, std::string_view list) {
  std::string text(list);  // OpenSSL's macro takes no constant
  return SSL_CTX_set1_groups_list(context, text.data()) == 1;
}

bool configure(SSL_CTX* context, bool& hybrid) {
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  hybrid = set_groups(context, kHybridGroups);
  if (!hybrid && !set_groups(context, kClassicalGroups)) return false;
  ERR_clear_error();
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1 &&
         SSL_CTX_set_num_tickets(context, 0) == 1 &&
         SSL_CTX_set_ciphersuites(context, kSuites13) == 1 &&
         SSL_CTX_set_cipher_list(context, kSuites12) == 1;
}

}  // namespace

TlsIdentity::~TlsIdentity() = default;

Result<std::shared_ptr<const TlsIdentity>> TlsIdentity::load(const Files& files, Timestamp now) {
  std::shared_ptr<TlsIdentity> out(new TlsIdentity());
  out->context_ = {SSL_CTX_new(TLS_server_method()), [](SSL_CTX* held) { SSL_CTX_free(held); }};
  if (!out->context_ || !configure(out->context_.get(), out->hybrid_))
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("OpenSSL cannot be set up for TLS: {}.", last_reason()));
  CARNET_TRY_VOID(out->load_certificate(files.certificate, now));
  CARNET_TRY_VOID(out->load_key(files));
  ERR_clear_error();
  return std::shared_ptr<const TlsIdentity>(std::move(out));
}

Result<void> TlsIdentity::load_certificate(const std::string& path, Timestamp now) {
  if (const BioPtr file = open_file(path); !file) return unreadable("certificate", path);
  if (is_folder(path))
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("The TLS certificate file {} is a folder.", path));
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context_.get(), path.c_str()) != 1) {
    const int reason = ERR_GET_REASON(ERR_peek_last_error());
    const bool no_pem = ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_PEM;
    if (no_pem)
      return make_error(ErrorCode::kUnavailable,
                        fmt::format("The TLS certificate file {} holds no certificate in PEM form "
                                    "(-----BEGIN CERTIFICATE-----).",
                                    path));
    return make_error(
        ErrorCode::kUnavailable,
        fmt::format(
            "The TLS certificate in {} cannot be used: {}{}.", path, last_reason(),
            reason == SSL_R_EE_KEY_TOO_SMALL ? "; take RSA of 2048 bits or an EC key" : ""));
  }
  const X509* const leaf = SSL_CTX_get0_certificate(context_.get());
  subject_ = subject_of(leaf);
  not_after_ = time_of(X509_get0_notAfter(leaf));
  const Timestamp not_before = time_of(X509_get0_notBefore(leaf));
  if (not_after_ < now) {
    warnings_.push_back(
        fmt::format("The TLS certificate in {} expired on {}: clients will refuse "
                    "it; replace it and send SIGHUP.",
                    path, day_of(not_after_)));
  } else if (not_after_ < now + kExpirySoon) {
    warnings_.push_back(
        fmt::format("The TLS certificate in {} expires on {}.", path, day_of(not_after_)));
  }
  if (not_before > now)
    warnings_.push_back(
        fmt::format("The TLS certificate in {} is not valid before {}.", path, day_of(not_before)));
  return {};
}

Result<void> TlsIdentity::load_key(const Files& files) {
  const BioPtr file = open_file(files.key);
  if (!file) return unreadable("key", files.key);
  bool encrypted = false;
  const KeyPtr key(PEM_read_bio_PrivateKey(file.get(), nullptr, note_passphrase, &encrypted),
                   [](EVP_PKEY* held) { EVP_PKEY_free(held); });
  if (encrypted)
    return make_error(
        ErrorCode::kUnavailable,
        fmt::format("The TLS key in {} is encrypted with a passphrase. Write it without one to a "
                    "file that only the server's user may read: openssl pkey -in {} -out NEW.",
                    files.key, files.key));
  if (!key)
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("The TLS key file {} holds no private key in PEM form "
                                  "(-----BEGIN PRIVATE KEY-----).",
                                  files.key));
  ERR_clear_error();
  if (SSL_CTX_use_PrivateKey(context_.get(), key.get()) != 1 ||
      SSL_CTX_check_private_key(context_.get()) != 1)
    return make_error(ErrorCode::kUnavailable,
                      fmt::format("The TLS key in {} does not belong to the certificate in {}.",
                                  files.key, files.certificate));
  struct stat found{};
  if (::stat(files.key.c_str(), &found) == 0 && (found.st_mode & S_IROTH) != 0)
    warnings_.push_back(fmt::format(
        "Everybody on this machine may read the TLS key in {}: chmod 600 it.", files.key));
  return {};
}

}  // namespace carnet::api
