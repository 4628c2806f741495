#include "crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <memory>

#include "base/check.h"

namespace carnet::crypto {
namespace {

constexpr std::size_t kNonceBytes = 12;
constexpr std::size_t kTagBytes = 16;

// Fetched once: a fetch by name costs more than the hash of a short text. OpenSSL's objects are
// reference-counted and safe to share.
const EVP_MD* sha256_method() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return method;
}

EVP_MAC* hmac_method() {
  static EVP_MAC* const method = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  return method;
}

const EVP_CIPHER* gcm_method() {
  static const EVP_CIPHER* const method = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return method;
}

struct CipherContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherContextDeleter>;

const unsigned char* data_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* data_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

}  // namespace

Digest256 sha256(std::span<const std::uint8_t> data) {
  Digest256 digest;
  CARNET_CHECK(
      EVP_Digest(data.data(), data.size(), digest.data(), nullptr, sha256_method(), nullptr) == 1);
  return digest;
}

std::string sha256_hex(std::string_view text) { return to_hex(sha256(text)); }

Digest256 hmac_sha256(const Secret& key, std::string_view data) {
  struct ContextDeleter {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  };
  const std::unique_ptr<EVP_MAC_CTX, ContextDeleter> context(EVP_MAC_CTX_new(hmac_method()));
  char digest_name[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest_name, 0),
      OSSL_PARAM_construct_end()};
  Digest256 digest;
  std::size_t size = 0;
  CARNET_CHECK(EVP_MAC_init(context.get(), data_of(key.expose()), key.expose().size(), params) ==
               1);
  CARNET_CHECK(EVP_MAC_update(context.get(), data_of(data), data.size()) == 1);
  CARNET_CHECK(EVP_MAC_final(context.get(), digest.data(), &size, digest.size()) == 1 &&
               size == digest.size());
  return digest;
}

Secret derive_key(const Secret& master, std::string_view info) {
  struct PkeyContextDeleter {
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  };
  const std::unique_ptr<EVP_PKEY_CTX, PkeyContextDeleter> context(
      EVP_PKEY_CTX_new_id(EVP_PKEY_HKDF, nullptr));
  const std::string_view secret = master.expose();
  std::string key(32, '\0');
  std::size_t size = key.size();
  CARNET_CHECK(EVP_PKEY_derive_init(context.get()) == 1);
  CARNET_CHECK(EVP_PKEY_CTX_set_hkdf_md(context.get(), sha256_method()) == 1);
  CARNET_CHECK(EVP_PKEY_CTX_set1_hkdf_key(context.get(), data_of(secret),
                                          static_cast<int>(secret.size())) == 1);
  CARNET_CHECK(EVP_PKEY_CTX_add1_hkdf_info(context.get(), data_of(info),
                                           static_cast<int>(info.size())) == 1);
  CARNET_CHECK(EVP_PKEY_derive(context.get(), data_of(key), &size) == 1 && size == key.size());
  return Secret(std::move(key));
}

bool equal_constant_time(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string seal(const Secret& key, std::string_view plain, std::string_view context,
                 Random& random) {
  CARNET_CHECK(key.expose().size() == 32);
  std::string out(kNonceBytes + plain.size() + kTagBytes, '\0');
  random.fill({data_of(out), kNonceBytes});
  const CipherContext cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  CARNET_CHECK(EVP_EncryptInit_ex2(cipher.get(), gcm_method(), data_of(key.expose()), data_of(out),
                                   nullptr) == 1);
  CARNET_CHECK(EVP_EncryptUpdate(cipher.get(), nullptr, &size, data_of(context),
                                 static_cast<int>(context.size())) == 1);
  CARNET_CHECK(EVP_EncryptUpdate(cipher.get(), data_of(out) + kNonceBytes, &size, data_of(plain),
                                 static_cast<int>(plain.size())) == 1);
  CARNET_CHECK(EVP_EncryptFinal_ex(cipher.get(), data_of(out) + kNonceBytes + size, &size) == 1);
  CARNET_CHECK(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, static_cast<int>(kTagBytes),
                                   data_of(out) + kNonceBytes + plain.size()) == 1);
  return out;
}

std::optional<std::string> unseal(const Secret& key, std::string_view sealed,
                                  std::string_view context) {
  if (key.expose().size() != 32 || sealed.size() < kNonceBytes + kTagBytes) return std::nullopt;
  const std::string_view body = sealed.substr(kNonceBytes, sealed.size() - kNonceBytes - kTagBytes);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  std::string plain(body.size(), '\0');
  const CipherContext cipher(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool good = EVP_DecryptInit_ex2(cipher.get(), gcm_method(), data_of(key.expose()),
                                        data_of(sealed), nullptr) == 1 &&
                    EVP_DecryptUpdate(cipher.get(), nullptr, &size, data_of(context),
                                      static_cast<int>(context.size())) == 1 &&
                    EVP_DecryptUpdate(cipher.get(), data_of(plain), &size, data_of(body),
                                      static_cast<int>(body.size())) == 1 &&
                    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG,
                                        static_cast<int>(kTagBytes), tag.data()) == 1 &&
                    EVP_DecryptFinal_ex(cipher.get(), data_of(plain) + size, &size) == 1;
  if (!good) return std::nullopt;
  return plain;
}

}  // namespace carnet::crypto
