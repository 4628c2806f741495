#include "crypto/sha256_stream.h"

#include <openssl/evp.h>

#include "base/check.h"

namespace carnet::crypto {

struct Sha256Stream::State {
  State() : context(EVP_MD_CTX_new()) {
    CARNET_CHECK(context != nullptr);
    CARNET_CHECK(EVP_DigestInit_ex(context, EVP_sha256(), nullptr) == 1);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
  EVP_MD_CTX* context;
};

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {}
Sha256Stream::~Sha256Stream() = default;

void Sha256Stream::add(std::string_view piece) {
  CARNET_CHECK(EVP_DigestUpdate(state_->context, piece.data(), piece.size()) == 1);
}

Digest256 Sha256Stream::finish() {
  Digest256 digest{};
  CARNET_CHECK(EVP_DigestFinal_ex(state_->context, digest.data(), nullptr) == 1);
  return digest;
}

}  // namespace carnet::crypto
