#include "crypto/ed25519.h"

#include <fmt/format.h>
#include <openssl/err.h>

#include "base/check.h"
#include "crypto/evp.h"
#include "crypto/wiped.h"

namespace carnet::crypto {

class Ed25519Prepared {
 public:
  explicit Ed25519Prepared(EvpKey key) : key_(std::move(key)) {}
  [[nodiscard]] EVP_PKEY* get() const { return key_.get(); }

 private:
  EvpKey key_;
};

namespace {

constexpr const char* kAlgorithm = "ED25519";

Result<EvpKey> private_key_of(const Secret& seed) {
  const auto bytes = as_bytes(seed.expose());
  if (bytes.size() != kEd25519SeedBytes)
    return make_error(ErrorCode::kValidationFailed,
                      fmt::format("An Ed25519 private key has {} bytes; this one has {}.",
                                  kEd25519SeedBytes, bytes.size()));
  EvpKey key(
      EVP_PKEY_new_raw_private_key_ex(nullptr, kAlgorithm, nullptr, bytes.data(), bytes.size()));
  CARNET_CHECK(key != nullptr);
  return key;
}

Ed25519Signature sign_with(EVP_PKEY* key, std::span<const std::uint8_t> message) {
  const EvpDigestContext context(EVP_MD_CTX_new());
  Ed25519Signature signature{};
  std::size_t size = signature.size();
  CARNET_CHECK(
      EVP_DigestSignInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr, key, nullptr) == 1 &&
      EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) == 1 &&
      size == signature.size());
  return signature;
}

}  // namespace

Ed25519KeyPair ed25519_generate(Random& random) {
  WipedArray<kEd25519SeedBytes> seed;
  random.fill(seed.span());
  auto pair = ed25519_from_seed(Secret(std::string(as_text(seed.span()))));
  CARNET_CHECK(pair.has_value());
  return std::move(*pair);
}

Result<Ed25519KeyPair> ed25519_from_seed(const Secret& seed) {
  CARNET_TRY(key, private_key_of(seed));
  Ed25519KeyPair pair{.public_key = {}, .seed = seed.clone(), .prepared = {}};
  std::size_t size = pair.public_key.size();
  CARNET_CHECK(EVP_PKEY_get_raw_public_key(key.get(), pair.public_key.data(), &size) == 1 &&
               size == pair.public_key.size());
  pair.prepared = std::make_shared<const Ed25519Prepared>(std::move(key));
  return pair;
}

Result<Ed25519Signature> ed25519_sign(const Secret& seed, std::span<const std::uint8_t> message) {
  CARNET_TRY(key, private_key_of(seed));
  return sign_with(key.get(), message);
}

Result<Ed25519Signature> ed25519_sign(const Ed25519KeyPair& pair,
                                      std::span<const std::uint8_t> message) {
  if (pair.prepared == nullptr) return ed25519_sign(pair.seed, message);
  return sign_with(pair.prepared->get(), message);
}

bool ed25519_verify(const Ed25519Claim& claim) {
  if (claim.public_key.size() != Ed25519PublicKey{}.size() ||
      claim.signature.size() != Ed25519Signature{}.size())
    return false;
  const EvpKey key(EVP_PKEY_new_raw_public_key_ex(
      nullptr, kAlgorithm, nullptr, claim.public_key.data(), claim.public_key.size()));
  const EvpDigestContext context(EVP_MD_CTX_new());
  const bool good = key != nullptr &&
                    EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, nullptr, nullptr,
                                            key.get(), nullptr) == 1 &&
                    EVP_DigestVerify(context.get(), claim.signature.data(), claim.signature.size(),
                                     claim.message.data(), claim.message.size()) == 1;
  // A refused signature is an answer; its trace must not wait in the thread's queue for an
  // unrelated caller.
  if (!good) ERR_clear_error();
  return good;
}

}  // namespace carnet::crypto
