#include <algorithm>
#include <array>
#include <cstring>

#include "base/check.h"
#include "crypto/provider.h"

extern "C" {
#include <crypto_kem/ml-kem-1024/clean/api.h>
#include <crypto_kem/ml-kem-512/clean/api.h>
#include <crypto_kem/ml-kem-768/clean/api.h>
#include <crypto_sign/ml-dsa-44/clean/api.h>
#include <crypto_sign/ml-dsa-65/clean/api.h>
#include <crypto_sign/ml-dsa-87/clean/api.h>

// Declared in PQClean's kem.h, which cannot be included for three parameter sets at once (its
// params.h defines macros).
int PQCLEAN_MLKEM512_CLEAN_crypto_kem_keypair_derand(std::uint8_t* pk, std::uint8_t* sk,
                                                     const std::uint8_t* coins);
int PQCLEAN_MLKEM512_CLEAN_crypto_kem_enc_derand(std::uint8_t* ct, std::uint8_t* ss,
                                                 const std::uint8_t* pk, const std::uint8_t* coins);
int PQCLEAN_MLKEM768_CLEAN_crypto_kem_keypair_derand(std::uint8_t* pk, std::uint8_t* sk,
                                                     const std::uint8_t* coins);
int PQCLEAN_MLKEM768_CLEAN_crypto_kem_enc_derand(std::uint8_t* ct, std::uint8_t* ss,
                                                 const std::uint8_t* pk, const std::uint8_t* coins);
int PQCLEAN_MLKEM1024_CLEAN_crypto_kem_keypair_derand(std::uint8_t* pk, std::uint8_t* sk,
                                                      const std::uint8_t* coins);
int PQCLEAN_MLKEM1024_CLEAN_crypto_kem_enc_derand(std::uint8_t* ct, std::uint8_t* ss,
                                                  const std::uint8_t* pk,
                                                  const std::uint8_t* coins);

// The random source that PQClean's sources call, by its name.
int PQCLEAN_randombytes(std::uint8_t* output, std::size_t n);
}

namespace carnet::crypto {
namespace {

// PQClean's ML-DSA asks a global function for randomness. The bytes that our caller drew wait here,
// for this thread and this call only.
thread_local std::span<const std::uint8_t> handed_out;

class HandOut {
 public:
  explicit HandOut(std::span<const std::uint8_t> randomness) { handed_out = randomness; }
  HandOut(const HandOut&) = delete;
  HandOut& operator=(const HandOut&) = delete;
  ~HandOut() { handed_out = {}; }
};

// PQClean leaves its secrets on the stack. This frame is larger than any of its call chains
// (ML-DSA-87 signing needs about 120 KiB) and lies where they lay.
[[gnu::noinline]] void wipe_stack() {
  std::array<std::uint8_t, 160 * 1024> frame;
  ::explicit_bzero(frame.data(), frame.size());
}

struct KemFunctions {
  decltype(&PQCLEAN_MLKEM768_CLEAN_crypto_kem_keypair_derand) keygen;
  decltype(&PQCLEAN_MLKEM768_CLEAN_crypto_kem_enc_derand) encapsulate;
  decltype(&PQCLEAN_MLKEM768_CLEAN_crypto_kem_dec) decapsulate;
};

struct SignatureFunctions {
  decltype(&PQCLEAN_MLDSA65_CLEAN_crypto_sign_keypair) keygen;
  decltype(&PQCLEAN_MLDSA65_CLEAN_crypto_sign_signature_ctx) sign;
  decltype(&PQCLEAN_MLDSA65_CLEAN_crypto_sign_verify_ctx) verify;
};

KemFunctions functions_of(MlKem set) {
  switch (set) {
    case MlKem::k512:
      return {.keygen = PQCLEAN_MLKEM512_CLEAN_crypto_kem_keypair_derand,
              .encapsulate = PQCLEAN_MLKEM512_CLEAN_crypto_kem_enc_derand,
              .decapsulate = PQCLEAN_MLKEM512_CLEAN_crypto_kem_dec};
    case MlKem::k768:
      return {.keygen = PQCLEAN_MLKEM768_CLEAN_crypto_kem_keypair_derand,
              .encapsulate = PQCLEAN_MLKEM768_CLEAN_crypto_kem_enc_derand,
              .decapsulate = PQCLEAN_MLKEM768_CLEAN_crypto_kem_dec};
    case MlKem::k1024:
      return {.keygen = PQCLEAN_MLKEM1024_CLEAN_crypto_kem_keypair_derand,
              .encapsulate = PQCLEAN_MLKEM1024_CLEAN_crypto_kem_enc_derand,
              .decapsulate = PQCLEAN_MLKEM1024_CLEAN_crypto_kem_dec};
  }
}

SignatureFunctions functions_of(MlDsa set) {
  switch (set) {
    case MlDsa::k44:
      return {.keygen = PQCLEAN_MLDSA44_CLEAN_crypto_sign_keypair,
              .sign = PQCLEAN_MLDSA44_CLEAN_crypto_sign_signature_ctx,
              .verify = PQCLEAN_MLDSA44_CLEAN_crypto_sign_verify_ctx};
    case MlDsa::k65:
      return {.keygen = PQCLEAN_MLDSA65_CLEAN_crypto_sign_keypair,
              .sign = PQCLEAN_MLDSA65_CLEAN_crypto_sign_signature_ctx,
              .verify = PQCLEAN_MLDSA65_CLEAN_crypto_sign_verify_ctx};
    case MlDsa::k87:
      return {.keygen = PQCLEAN_MLDSA87_CLEAN_crypto_sign_keypair,
              .sign = PQCLEAN_MLDSA87_CLEAN_crypto_sign_signature_ctx,
              .verify = PQCLEAN_MLDSA87_CLEAN_crypto_sign_verify_ctx};
  }
}

}  // namespace

std::string provider_name() { return "PQClean"; }

namespace provider {

void mlkem_keygen(MlKem set, std::span<const std::uint8_t, kMlKemSeedBytes> seed,
                  std::span<std::uint8_t> encapsulation_key,
                  std::span<std::uint8_t> decapsulation_key) {
  CARNET_CHECK(encapsulation_key.size() == sizes_of(set).encapsulation_key &&
               decapsulation_key.size() == sizes_of(set).decapsulation_key);
  CARNET_CHECK(functions_of(set).keygen(encapsulation_key.data(), decapsulation_key.data(),
                                        seed.data()) == 0);
  wipe_stack();
}

bool mlkem_encapsulate(MlKem set, std::span<const std::uint8_t> encapsulation_key,
                       std::span<const std::uint8_t, kMlKemSharedSecretBytes> randomness,
                       std::span<std::uint8_t> ciphertext,
                       std::span<std::uint8_t, kMlKemSharedSecretBytes> shared_secret) {
  CARNET_CHECK(encapsulation_key.size() == sizes_of(set).encapsulation_key &&
               ciphertext.size() == sizes_of(set).ciphertext);
  const int outcome = functions_of(set).encapsulate(ciphertext.data(), shared_secret.data(),
                                                    encapsulation_key.data(), randomness.data());
  wipe_stack();
  return outcome == 0;
}

bool mlkem_decapsulate(MlKem set, std::span<const std::uint8_t> decapsulation_key,
                       std::span<const std::uint8_t> ciphertext,
                       std::span<std::uint8_t, kMlKemSharedSecretBytes> shared_secret) {
  CARNET_CHECK(decapsulation_key.size() == sizes_of(set).decapsulation_key &&
               ciphertext.size() == sizes_of(set).ciphertext);
  const int outcome = functions_of(set).decapsulate(shared_secret.data(), ciphertext.data(),
                                                    decapsulation_key.data());
  wipe_stack();
  return outcome == 0;
}

void mldsa_keygen(MlDsa set, std::span<const std::uint8_t, kMlDsaSeedBytes> seed,
                  std::span<std::uint8_t> public_key, std::span<std::uint8_t> private_key) {
  CARNET_CHECK(public_key.size() == sizes_of(set).public_key &&
               private_key.size() == sizes_of(set).private_key);
  const HandOut seed_for_this_call(seed);
  CARNET_CHECK(functions_of(set).keygen(public_key.data(), private_key.data()) == 0);
  wipe_stack();
}

bool mldsa_sign(MlDsa set, std::span<const std::uint8_t> private_key, const MlDsaMessage& message,
                std::span<const std::uint8_t, kMlDsaRandomBytes> randomness,
                std::span<std::uint8_t> signature) {
  CARNET_CHECK(private_key.size() == sizes_of(set).private_key &&
               signature.size() == sizes_of(set).signature);
  const auto context = as_bytes(message.context);
  const HandOut randomness_for_this_call(randomness);
  std::size_t written = 0;
  const int outcome = functions_of(set).sign(signature.data(), &written, message.message.data(),
                                             message.message.size(), context.data(), context.size(),
                                             private_key.data());
  wipe_stack();
  return outcome == 0 && written == signature.size();
}

bool mldsa_verify(MlDsa set, std::span<const std::uint8_t> public_key, const MlDsaMessage& message,
                  std::span<const std::uint8_t> signature) {
  CARNET_CHECK(public_key.size() == sizes_of(set).public_key);
  const auto context = as_bytes(message.context);
  return functions_of(set).verify(signature.data(), signature.size(), message.message.data(),
                                  message.message.size(), context.data(), context.size(),
                                  public_key.data()) == 0;
}

}  // namespace provider
}  // namespace carnet::crypto

// Every byte must have been drawn by our caller for this call: one more or one less is a change in
// PQClean that we have not read.
int PQCLEAN_randombytes(std::uint8_t* output, std::size_t n) {
  CARNET_CHECK(n == carnet::crypto::handed_out.size());
  std::memcpy(output, carnet::crypto::handed_out.data(), n);
  carnet::crypto::handed_out = {};
  return 0;
}
