#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "base/check.h"
#include "crypto/evp.h"
#include "crypto/provider.h"

// OpenSSL 3.5 and newer: EVP_PKEY-ML-KEM(7), EVP_KEM-ML-KEM(7), EVP_PKEY-ML-DSA(7),
// EVP_SIGNATURE-ML-DSA(7).

namespace carnet::crypto {
namespace {

// OSSL_PARAM takes non-const pointers for values that it only reads, and refuses a null one, which
// an empty view may have.
OSSL_PARAM octets(const char* name, std::span<const std::uint8_t> value) {
  static constexpr std::uint8_t kNothing = 0;
  const std::uint8_t* const data = value.empty() ? &kNothing : value.data();
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::uint8_t*>(data), value.size());
}

// Errors of refused keys and signatures are expected; they must not wait in the thread's queue for
// an unrelated caller.
bool settle(bool good) {
  if (!good) ERR_clear_error();
  return good;
}

void keygen(const char* name, std::span<const std::uint8_t> seed,
            std::span<std::uint8_t> public_key, std::span<std::uint8_t> private_key) {
  const EvpKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, name, nullptr));
  // Both algorithms call the parameter "seed".
  const OSSL_PARAM params[] = {octets(OSSL_PKEY_PARAM_ML_KEM_SEED, seed),
                               OSSL_PARAM_construct_end()};
  EVP_PKEY* made = nullptr;
  CARNET_CHECK(context && EVP_PKEY_keygen_init(context.get()) == 1 &&
               EVP_PKEY_CTX_set_params(context.get(), params) == 1 &&
               EVP_PKEY_generate(context.get(), &made) == 1);
  const EvpKey key(made);
  std::size_t size = 0;
  CARNET_CHECK(EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                               public_key.data(), public_key.size(), &size) == 1 &&
               size == public_key.size());
  CARNET_CHECK(EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_PRIV_KEY,
                                               private_key.data(), private_key.size(),
                                               &size) == 1 &&
               size == private_key.size());
}

EvpKey public_key_of(const char* name, std::span<const std::uint8_t> raw) {
  return EvpKey(EVP_PKEY_new_raw_public_key_ex(nullptr, name, nullptr, raw.data(), raw.size()));
}

EvpKey private_key_of(const char* name, std::span<const std::uint8_t> raw) {
  return EvpKey(EVP_PKEY_new_raw_private_key_ex(nullptr, name, nullptr, raw.data(), raw.size()));
}

EvpKeyContext context_of(const EvpKey& key) {
  return EvpKeyContext(key ? EVP_PKEY_CTX_new_from_pkey(nullptr, key.get(), nullptr) : nullptr);
}

// name_of() gives views of literals, so their data ends with a zero byte.
const char* c_name(MlKem set) { return name_of(set).data(); }
const char* c_name(MlDsa set) { return name_of(set).data(); }

EvpSignature algorithm_of(MlDsa set) {
  EvpSignature algorithm(EVP_SIGNATURE_fetch(nullptr, c_name(set), nullptr));
  CARNET_CHECK(algorithm != nullptr);
  return algorithm;
}

}  // namespace

std::string provider_name() {
  return "OpenSSL " + std::to_string(OPENSSL_version_major()) + '.' +
         std::to_string(OPENSSL_version_minor());
}

namespace provider {

void mlkem_keygen(MlKem set, std::span<const std::uint8_t, kMlKemSeedBytes> seed,
                  std::span<std::uint8_t> encapsulation_key,
                  std::span<std::uint8_t> decapsulation_key) {
  keygen(c_name(set), seed, encapsulation_key, decapsulation_key);
}

bool mlkem_encapsulate(MlKem set, std::span<const std::uint8_t> encapsulation_key,
                       std::span<const std::uint8_t, kMlKemSharedSecretBytes> randomness,
                       std::span<std::uint8_t> ciphertext,
                       std::span<std::uint8_t, kMlKemSharedSecretBytes> shared_secret) {
  const EvpKey key = public_key_of(c_name(set), encapsulation_key);
  const EvpKeyContext context = context_of(key);
  const OSSL_PARAM params[] = {octets(OSSL_KEM_PARAM_IKME, randomness), OSSL_PARAM_construct_end()};
  std::size_t ciphertext_bytes = ciphertext.size();
  std::size_t secret_bytes = shared_secret.size();
  return settle(context && EVP_PKEY_encapsulate_init(context.get(), params) == 1 &&
                EVP_PKEY_encapsulate(context.get(), ciphertext.data(), &ciphertext_bytes,
                                     shared_secret.data(), &secret_bytes) == 1 &&
                ciphertext_bytes == ciphertext.size() && secret_bytes == shared_secret.size());
}

bool mlkem_decapsulate(MlKem set, std::span<const std::uint8_t> decapsulation_key,
                       std::span<const std::uint8_t> ciphertext,
                       std::span<std::uint8_t, kMlKemSharedSecretBytes> shared_secret) {
  const EvpKey key = private_key_of(c_name(set), decapsulation_key);
  const EvpKeyContext context = context_of(key);
  std::size_t secret_bytes = shared_secret.size();
  return settle(context && EVP_PKEY_decapsulate_init(context.get(), nullptr) == 1 &&
                EVP_PKEY_decapsulate(context.get(), shared_secret.data(), &secret_bytes,
                                     ciphertext.data(), ciphertext.size()) == 1 &&
                secret_bytes == shared_secret.size());
}

void mldsa_keygen(MlDsa set, std::span<const std::uint8_t, kMlDsaSeedBytes> seed,
                  std::span<std::uint8_t> public_key, std::span<std::uint8_t> private_key) {
  keygen(c_name(set), seed, public_key, private_key);
}

bool mldsa_sign(MlDsa set, std::span<const std::uint8_t> private_key, const MlDsaMessage& message,
                std::span<const std::uint8_t, kMlDsaRandomBytes> randomness,
                std::span<std::uint8_t> signature) {
  const EvpKey key = private_key_of(c_name(set), private_key);
  const EvpKeyContext context = context_of(key);
  const EvpSignature algorithm = algorithm_of(set);
  const OSSL_PARAM params[] = {
      octets(OSSL_SIGNATURE_PARAM_CONTEXT_STRING, as_bytes(message.context)),
      octets(OSSL_SIGNATURE_PARAM_TEST_ENTROPY, randomness), OSSL_PARAM_construct_end()};
  std::size_t signature_bytes = signature.size();
  return settle(context &&
                EVP_PKEY_sign_message_init(context.get(), algorithm.get(), params) == 1 &&
                EVP_PKEY_sign(context.get(), signature.data(), &signature_bytes,
                              message.message.data(), message.message.size()) == 1 &&
                signature_bytes == signature.size());
}

bool mldsa_verify(MlDsa set, std::span<const std::uint8_t> public_key, const MlDsaMessage& message,
                  std::span<const std::uint8_t> signature) {
  const EvpKey key = public_key_of(c_name(set), public_key);
  const EvpKeyContext context = context_of(key);
  const EvpSignature algorithm = algorithm_of(set);
  const OSSL_PARAM params[] = {
      octets(OSSL_SIGNATURE_PARAM_CONTEXT_STRING, as_bytes(message.context)),
      OSSL_PARAM_construct_end()};
  return settle(context &&
                EVP_PKEY_verify_message_init(context.get(), algorithm.get(), params) == 1 &&
                EVP_PKEY_verify(context.get(), signature.data(), signature.size(),
                                message.message.data(), message.message.size()) == 1);
}

}  // namespace provider
}  // namespace carnet::crypto
