#include "crypto/mldsa.h"

#include <fmt/format.h>

#include "crypto/provider.h"
#include "crypto/wiped.h"

namespace carnet::crypto {
namespace {

MlDsaKeyPair expand(MlDsa set, std::span<const std::uint8_t, kMlDsaSeedBytes> seed) {
  const MlDsaSizes sizes = sizes_of(set);
  Bytes public_key(sizes.public_key);
  std::string private_key(sizes.private_key, '\0');
  provider::mldsa_keygen(set, seed, public_key,
                         {reinterpret_cast<std::uint8_t*>(private_key.data()), private_key.size()});
  return {.public_key = std::move(public_key),
          .seed = Secret(std::string(as_text(seed))),
          .private_key = Secret(std::move(private_key))};
}

}  // namespace

std::string_view name_of(MlDsa set) {
  switch (set) {
    case MlDsa::k44:
      return "ML-DSA-44";
    case MlDsa::k65:
      return "ML-DSA-65";
    case MlDsa::k87:
      return "ML-DSA-87";
  }
}

MlDsaKeyPair mldsa_generate(MlDsa set, Random& random) {
  WipedArray<kMlDsaSeedBytes> seed;
  random.fill(seed.span());
  return expand(set, seed.span());
}

Result<MlDsaKeyPair> mldsa_from_seed(MlDsa set, const Secret& seed) {
  const auto bytes = as_bytes(seed.expose());
  if (bytes.size() != kMlDsaSeedBytes)
    return make_error(ErrorCode::kValidationFailed,
                      fmt::format("An {} seed has {} bytes; this one has {}.", name_of(set),
                                  kMlDsaSeedBytes, bytes.size()));
  return expand(set, bytes.first<kMlDsaSeedBytes>());
}

Result<Bytes> mldsa_sign(MlDsa set, const Secret& private_key, const MlDsaMessage& message,
                         Random& random) {
  const MlDsaSizes sizes = sizes_of(set);
  const auto key = as_bytes(private_key.expose());
  if (key.size() != sizes.private_key)
    return make_error(ErrorCode::kValidationFailed,
                      fmt::format("An {} private key has {} bytes; this one has {}.", name_of(set),
                                  sizes.private_key, key.size()));
  if (message.context.size() > kMlDsaContextBytesMax)
    return make_error(ErrorCode::kValidationFailed,
                      fmt::format("An ML-DSA context has at most {} bytes; this one has {}.",
                                  kMlDsaContextBytesMax, message.context.size()));
  WipedArray<kMlDsaRandomBytes> randomness;
  random.fill(randomness.span());
  Bytes signature(sizes.signature);
  if (!provider::mldsa_sign(set, key, message, randomness.span(), signature))
    return make_error(ErrorCode::kValidationFailed,
                      fmt::format("This is not a well-formed {} private key.", name_of(set)));
  return signature;
}

bool mldsa_verify(MlDsa set, std::span<const std::uint8_t> public_key, const MlDsaMessage& message,
                  std::span<const std::uint8_t> signature) {
  const MlDsaSizes sizes = sizes_of(set);
  return public_key.size() == sizes.public_key && signature.size() == sizes.signature &&
         message.context.size() <= kMlDsaContextBytesMax &&
         provider::mldsa_verify(set, public_key, message, signature);
}

}  // namespace carnet::crypto
