#pragma once
// Owners for OpenSSL's EVP objects. Each is used by one thread at a time. Internal to src/crypto.

#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <memory>

namespace carnet::crypto {

struct EvpDeleter {
  void operator()(EVP_PKEY* object) const { EVP_PKEY_free(object); }
  void operator()(EVP_PKEY_CTX* object) const { EVP_PKEY_CTX_free(object); }
  void operator()(EVP_MD_CTX* object) const { EVP_MD_CTX_free(object); }
  void operator()(EVP_CIPHER_CTX* object) const { EVP_CIPHER_CTX_free(object); }
  void operator()(EVP_KDF_CTX* object) const { EVP_KDF_CTX_free(object); }
  void operator()(EVP_SIGNATURE* object) const { EVP_SIGNATURE_free(object); }
};

using EvpKey = std::unique_ptr<EVP_PKEY, EvpDeleter>;
using EvpKeyContext = std::unique_ptr<EVP_PKEY_CTX, EvpDeleter>;
using EvpDigestContext = std::unique_ptr<EVP_MD_CTX, EvpDeleter>;
using EvpCipherContext = std::unique_ptr<EVP_CIPHER_CTX, EvpDeleter>;
using EvpKdfContext = std::unique_ptr<EVP_KDF_CTX, EvpDeleter>;
using EvpSignature = std::unique_ptr<EVP_SIGNATURE, EvpDeleter>;

}  // namespace carnet::crypto
