#include "crypto/tls13.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include <algorithm>

#include "base/check.h"
#include "crypto/evp.h"

namespace carnet::crypto {
namespace {

constexpr std::size_t kTagBytes = 16;
constexpr std::uint8_t kApplicationData = 23;
constexpr std::uint8_t kMessageHash = 254;
constexpr std::uint64_t kRecordsMax = 1ULL << 24;

// Fetched once; OpenSSL's objects are reference-counted and safe to share.
const EVP_MD* method_of(Tls13Hash hash) {
  static const EVP_MD* const sha256 = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  static const EVP_MD* const sha384 = EVP_MD_fetch(nullptr, "SHA384", nullptr);
  return hash == Tls13Hash::kSha256 ? sha256 : sha384;
}

const char* method_name_of(Tls13Hash hash) {
  return hash == Tls13Hash::kSha256 ? "SHA256" : "SHA384";
}

const EVP_CIPHER* method_of(Tls13Suite suite) {
  static const EVP_CIPHER* const aes128 = EVP_CIPHER_fetch(nullptr, "AES-128-GCM", nullptr);
  static const EVP_CIPHER* const aes256 = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  static const EVP_CIPHER* const chacha = EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr);
  switch (suite) {
    case Tls13Suite::kAes128GcmSha256:
      return aes128;
    case Tls13Suite::kAes256GcmSha384:
      return aes256;
    case Tls13Suite::kChacha20Poly1305Sha256:
      return chacha;
  }
}

// OSSL_PARAM takes non-const pointers for values that it only reads.
OSSL_PARAM octets(const char* name, std::span<const std::uint8_t> value) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(value.data()),
                                           value.size());
}
OSSL_PARAM word(const char* name, const char* value) {
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);
}

unsigned char* data_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

Secret run_hkdf(const OSSL_PARAM* params, std::size_t length_bytes) {
  static EVP_KDF* const method = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  const EvpKdfContext context(EVP_KDF_CTX_new(method));
  std::string out(length_bytes, '\0');
  CARNET_CHECK(EVP_KDF_derive(context.get(), data_of(out), out.size(), params) == 1);
  return Secret(std::move(out));
}

Secret zeros(std::size_t count) { return Secret(std::string(count, '\0')); }

Bytes digest_of_nothing(Tls13Hash hash) { return Tls13Transcript(hash).digest(); }

std::array<std::uint8_t, kTls13RecordHeaderBytes> header_of(std::size_t ciphertext_bytes) {
  return {kApplicationData, 3, 3, static_cast<std::uint8_t>(ciphertext_bytes >> 8),
          static_cast<std::uint8_t>(ciphertext_bytes)};
}

}  // namespace

std::optional<Tls13Suite> tls13_suite_of(std::uint16_t code_point) {
  if (code_point < 0x1301 || code_point > 0x1303) return std::nullopt;
  return static_cast<Tls13Suite>(code_point);
}

Tls13Hash hash_of(Tls13Suite suite) {
  return suite == Tls13Suite::kAes256GcmSha384 ? Tls13Hash::kSha384 : Tls13Hash::kSha256;
}

std::size_t hash_bytes_of(Tls13Hash hash) { return hash == Tls13Hash::kSha256 ? 32 : 48; }

void Tls13Transcript::Deleter::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

Tls13Transcript::Tls13Transcript(Tls13Hash hash) : hash_(hash), context_(EVP_MD_CTX_new()) {
  start();
}

void Tls13Transcript::start() {
  CARNET_CHECK(EVP_DigestInit_ex2(context_.get(), method_of(hash_), nullptr) == 1);
}

void Tls13Transcript::add(std::span<const std::uint8_t> message) {
  CARNET_CHECK(EVP_DigestUpdate(context_.get(), message.data(), message.size()) == 1);
}

Bytes Tls13Transcript::digest() const {
  const EvpDigestContext copy(EVP_MD_CTX_new());
  Bytes digest(hash_bytes_of(hash_));
  CARNET_CHECK(EVP_MD_CTX_copy_ex(copy.get(), context_.get()) == 1 &&
               EVP_DigestFinal_ex(copy.get(), digest.data(), nullptr) == 1);
  return digest;
}

void Tls13Transcript::restart_for_retry() {
  const Bytes first_hello = digest();
  start();
  add(std::array<std::uint8_t, 4>{kMessageHash, 0, 0,
                                  static_cast<std::uint8_t>(first_hello.size())});
  add(first_hello);
}

Secret hkdf_extract(Tls13Hash hash, const Secret& salt, const Secret& key_material) {
  CARNET_CHECK(!salt.empty() && !key_material.empty());
  int mode = EVP_KDF_HKDF_MODE_EXTRACT_ONLY;
  const OSSL_PARAM params[] = {word(OSSL_KDF_PARAM_DIGEST, method_name_of(hash)),
                               OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
                               octets(OSSL_KDF_PARAM_SALT, as_bytes(salt.expose())),
                               octets(OSSL_KDF_PARAM_KEY, as_bytes(key_material.expose())),
                               OSSL_PARAM_construct_end()};
  return run_hkdf(params, hash_bytes_of(hash));
}

Secret hkdf_expand_label(Tls13Hash hash, const Secret& secret, const HkdfLabel& label) {
  constexpr std::string_view kPrefix = "tls13 ";
  CARNET_CHECK(kPrefix.size() + label.label.size() <= 255 && label.context.size() <= 255 &&
               label.length_bytes > 0 && label.length_bytes <= 255 * hash_bytes_of(hash));
  std::string info{static_cast<char>(label.length_bytes >> 8),
                   static_cast<char>(label.length_bytes),
                   static_cast<char>(kPrefix.size() + label.label.size())};
  info += kPrefix;
  info += label.label;
  info += static_cast<char>(label.context.size());
  info += as_text(label.context);
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  const OSSL_PARAM params[] = {word(OSSL_KDF_PARAM_DIGEST, method_name_of(hash)),
                               OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
                               octets(OSSL_KDF_PARAM_KEY, as_bytes(secret.expose())),
                               octets(OSSL_KDF_PARAM_INFO, as_bytes(info)),
                               OSSL_PARAM_construct_end()};
  return run_hkdf(params, label.length_bytes);
}

Secret tls13_derive_secret(Tls13Hash hash, const Secret& secret, std::string_view label,
                           std::span<const std::uint8_t> transcript_hash) {
  return hkdf_expand_label(
      hash, secret,
      {.label = label, .context = transcript_hash, .length_bytes = hash_bytes_of(hash)});
}

Bytes tls13_finished(Tls13Hash hash, const Secret& traffic_secret,
                     std::span<const std::uint8_t> transcript_hash) {
  const Secret key = tls13_derive_secret(hash, traffic_secret, "finished", {});
  // HMAC is what HKDF-Extract is: the key as salt, the text as key material.
  const Secret mac = hkdf_extract(hash, key, Secret(std::string(as_text(transcript_hash))));
  const auto bytes = as_bytes(mac.expose());
  return {bytes.begin(), bytes.end()};
}

Tls13KeySchedule::Tls13KeySchedule(Tls13Hash hash)
    : hash_(hash),
      secret_(hkdf_extract(hash, zeros(hash_bytes_of(hash)), zeros(hash_bytes_of(hash)))) {}

void Tls13KeySchedule::advance(const Secret& key_material) {
  const Secret salt = tls13_derive_secret(hash_, secret_, "derived", digest_of_nothing(hash_));
  secret_ = hkdf_extract(hash_, salt, key_material);
}

Tls13TrafficSecrets Tls13KeySchedule::handshake(const Secret& shared_secret,
                                                std::span<const std::uint8_t> transcript_hash) {
  advance(shared_secret);
  return {.client = tls13_derive_secret(hash_, secret_, "c hs traffic", transcript_hash),
          .server = tls13_derive_secret(hash_, secret_, "s hs traffic", transcript_hash)};
}

Tls13TrafficSecrets Tls13KeySchedule::application(std::span<const std::uint8_t> transcript_hash) {
  advance(zeros(hash_bytes_of(hash_)));
  return {.client = tls13_derive_secret(hash_, secret_, "c ap traffic", transcript_hash),
          .server = tls13_derive_secret(hash_, secret_, "s ap traffic", transcript_hash)};
}

void Tls13RecordKeys::Deleter::operator()(evp_cipher_ctx_st* context) const {
  EVP_CIPHER_CTX_free(context);
}

Tls13RecordKeys::Tls13RecordKeys(Tls13Suite suite, const Secret& traffic_secret)
    : suite_(suite), context_(EVP_CIPHER_CTX_new()) {
  const std::size_t key_bytes = suite == Tls13Suite::kAes128GcmSha256 ? 16 : 32;
  key_ = hkdf_expand_label(hash_of(suite), traffic_secret,
                           {.label = "key", .context = {}, .length_bytes = key_bytes});
  iv_ = hkdf_expand_label(hash_of(suite), traffic_secret,
                          {.label = "iv", .context = {}, .length_bytes = kNonceBytes});
}

std::array<std::uint8_t, Tls13RecordKeys::kNonceBytes> Tls13RecordKeys::nonce() const {
  std::array<std::uint8_t, kNonceBytes> nonce{};
  std::ranges::copy(as_bytes(iv_.expose()), nonce.begin());
  for (std::size_t i = 0; i < 8; ++i)
    nonce[kNonceBytes - 1 - i] ^= static_cast<std::uint8_t>(sequence_ >> (8 * i));
  return nonce;
}

Result<Bytes> Tls13RecordKeys::seal(std::uint8_t content_type,
                                    std::span<const std::uint8_t> content) {
  if (content.size() > kTls13ContentBytesMax)
    return make_error(ErrorCode::kValidationFailed, "A TLS record holds at most 16384 bytes.");
  if (sequence_ >= kRecordsMax)
    return make_error(ErrorCode::kValidationFailed, "This TLS key has protected enough records.");
  Bytes inner(content.begin(), content.end());
  inner.push_back(content_type);
  const auto header = header_of(inner.size() + kTagBytes);
  Bytes record(header.begin(), header.end());
  record.resize(header.size() + inner.size() + kTagBytes);
  unsigned char* const body = record.data() + header.size();
  const auto iv = nonce();
  int size = 0;
  CARNET_CHECK(EVP_EncryptInit_ex2(context_.get(), method_of(suite_),
                                   as_bytes(key_.expose()).data(), iv.data(), nullptr) == 1 &&
               EVP_EncryptUpdate(context_.get(), nullptr, &size, header.data(),
                                 static_cast<int>(header.size())) == 1 &&
               EVP_EncryptUpdate(context_.get(), body, &size, inner.data(),
                                 static_cast<int>(inner.size())) == 1 &&
               EVP_EncryptFinal_ex(context_.get(), body + size, &size) == 1 &&
               EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG,
                                   static_cast<int>(kTagBytes), body + inner.size()) == 1);
  ++sequence_;
  return record;
}

Result<Tls13Inner> Tls13RecordKeys::open(std::span<const std::uint8_t> record) {
  const auto refused = make_error(ErrorCode::kValidationFailed,
                                  "This is not an authentic TLS 1.3 record of this connection.");
  if (record.size() < kTls13RecordHeaderBytes + 1 + kTagBytes || sequence_ >= kRecordsMax)
    return refused;
  const auto header = record.first(kTls13RecordHeaderBytes);
  const auto body = record.subspan(kTls13RecordHeaderBytes);
  const auto wanted = header_of(body.size());
  if (body.size() > kTls13CiphertextBytesMax || !std::ranges::equal(header, wanted)) return refused;
  const auto sealed = body.first(body.size() - kTagBytes);
  std::array<std::uint8_t, kTagBytes> tag{};
  std::ranges::copy(body.last(kTagBytes), tag.begin());
  Bytes inner(sealed.size());
  const auto iv = nonce();
  int size = 0;
  const bool good = EVP_DecryptInit_ex2(context_.get(), method_of(suite_),
                                        as_bytes(key_.expose()).data(), iv.data(), nullptr) == 1 &&
                    EVP_DecryptUpdate(context_.get(), nullptr, &size, header.data(),
                                      static_cast<int>(header.size())) == 1 &&
                    EVP_DecryptUpdate(context_.get(), inner.data(), &size, sealed.data(),
                                      static_cast<int>(sealed.size())) == 1 &&
                    EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG,
                                        static_cast<int>(kTagBytes), tag.data()) == 1 &&
                    EVP_DecryptFinal_ex(context_.get(), inner.data() + size, &size) == 1;
  if (!good) {
    ERR_clear_error();
    return refused;
  }
  // Zero bytes after the type are padding; a record of padding alone is an error (RFC 8446
  // section 5.4).
  while (!inner.empty() && inner.back() == 0) inner.pop_back();
  if (inner.empty() || inner.size() > kTls13ContentBytesMax + 1) return refused;
  const std::uint8_t type = inner.back();
  inner.pop_back();
  ++sequence_;
  return Tls13Inner{.content_type = type, .content = std::move(inner)};
}

}  // namespace carnet::crypto
