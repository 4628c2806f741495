// Laws of ML-KEM and ML-DSA that need no vectors; the vectors are in wycheproof_test.cc and
// interop_test.cc.
#include <gtest/gtest.h>

#include <set>

#include "crypto/mldsa.h"
#include "crypto/mlkem.h"
#include "crypto/provider.h"
#include "crypto/tests/support.h"

namespace carnet::crypto {
namespace {

constexpr std::array kKems{MlKem::k512, MlKem::k768, MlKem::k1024};
constexpr std::array kSignatures{MlDsa::k44, MlDsa::k65, MlDsa::k87};

TEST(Provider, IsNamed) {
  const std::string name = provider_name();
  EXPECT_TRUE(name == "PQClean" || name.starts_with("OpenSSL 3.") || name.starts_with("OpenSSL 4."))
      << name;
}

TEST(MlKem, BothSidesAgreeAndAChangedCiphertextDoesNot) {
  SystemRandom random;
  for (const MlKem set : kKems) {
    SCOPED_TRACE(name_of(set));
    const MlKemKeyPair pair = mlkem_generate(set, random);
    EXPECT_EQ(pair.encapsulation_key.size(), sizes_of(set).encapsulation_key);
    EXPECT_EQ(pair.decapsulation_key.expose().size(), sizes_of(set).decapsulation_key);
    auto made = mlkem_encapsulate(set, pair.encapsulation_key, random);
    ASSERT_TRUE(made);
    EXPECT_EQ(made->ciphertext.size(), sizes_of(set).ciphertext);
    const auto opened = mlkem_decapsulate(set, pair.decapsulation_key, made->ciphertext);
    ASSERT_TRUE(opened);
    EXPECT_EQ(opened->expose(), made->shared_secret.expose());
    made->ciphertext.back() ^= 1;
    const auto rejected = mlkem_decapsulate(set, pair.decapsulation_key, made->ciphertext);
    ASSERT_TRUE(rejected);
    EXPECT_NE(rejected->expose(), made->shared_secret.expose());
    const auto again = mlkem_encapsulate(set, pair.encapsulation_key, random);
    ASSERT_TRUE(again);
    EXPECT_NE(again->shared_secret.expose(), made->shared_secret.expose());
  }
}

TEST(MlKem, RefusesKeysThatAreNotReduced) {
  SystemRandom random;
  for (const MlKem set : kKems) {
    SCOPED_TRACE(name_of(set));
    const Bytes good = mlkem_generate(set, random).encapsulation_key;
    const std::size_t last = good.size() - 32 - 3;
    for (const std::size_t at : {std::size_t{0}, last}) {
      Bytes first_of_pair = good, second_of_pair = good, largest = good;
      // The 12-bit value 3329, little end first, in the first and in the second half of three
      // bytes.
      first_of_pair[at] = 0x01;
      first_of_pair[at + 1] = static_cast<std::uint8_t>((good[at + 1] & 0xF0) | 0x0D);
      second_of_pair[at + 1] = static_cast<std::uint8_t>((good[at + 1] & 0x0F) | 0x10);
      second_of_pair[at + 2] = 0xD0;
      EXPECT_FALSE(mlkem_encapsulate(set, first_of_pair, random)) << at;
      EXPECT_FALSE(mlkem_encapsulate(set, second_of_pair, random)) << at;
      // 3328 is the largest that is allowed.
      largest[at] = 0x00;
      largest[at + 1] = 0x0D;
      largest[at + 2] = 0xD0;
      EXPECT_TRUE(mlkem_encapsulate(set, largest, random)) << at;
    }
    Bytes seed_of_ones = good;
    std::fill(seed_of_ones.end() - 32, seed_of_ones.end(), std::uint8_t{0xFF});
    EXPECT_TRUE(mlkem_encapsulate(set, seed_of_ones, random));
  }
}

TEST(MlKem, RefusesWrongLengthsAndDamagedKeys) {
  SystemRandom random;
  const MlKemKeyPair pair = mlkem_generate(MlKem::k768, random);
  const Bytes ciphertext(sizes_of(MlKem::k768).ciphertext);
  Bytes longer = pair.encapsulation_key;
  longer.push_back(0);
  const auto too_long = mlkem_encapsulate(MlKem::k768, longer, random);
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().public_detail,
            "An ML-KEM-768 encapsulation key has 1184 bytes; this one has 1185.");
  EXPECT_FALSE(mlkem_encapsulate(MlKem::k768, {}, random));
  EXPECT_FALSE(mlkem_encapsulate(MlKem::k1024, pair.encapsulation_key, random));
  EXPECT_FALSE(mlkem_decapsulate(MlKem::k768, pair.decapsulation_key,
                                 std::span(ciphertext).first(ciphertext.size() - 1)));
  EXPECT_FALSE(mlkem_decapsulate(MlKem::k768, Secret("short"), ciphertext));
  std::string damaged(pair.decapsulation_key.expose());
  damaged[1200] = static_cast<char>(damaged[1200] ^ 1);  // in the encapsulation key it carries
  EXPECT_FALSE(mlkem_decapsulate(MlKem::k768, Secret(damaged), ciphertext));
  EXPECT_FALSE(mlkem_from_seed(MlKem::k768, Secret(std::string(63, 's'))));
}

TEST(MlDsa, SignsVerifiesAndRefusesEveryChange) {
  SystemRandom random;
  const Bytes message = {'m', 's', 'g'}, other = {'m', 's', 'h'};
  for (const MlDsa set : kSignatures) {
    SCOPED_TRACE(name_of(set));
    const MlDsaKeyPair pair = mldsa_generate(set, random);
    EXPECT_EQ(pair.public_key.size(), sizes_of(set).public_key);
    auto signature =
        mldsa_sign(set, pair.private_key, {.message = message, .context = "passport"}, random);
    ASSERT_TRUE(signature);
    const auto holds = [&](const MlDsaMessage& what, std::span<const std::uint8_t> bytes) {
      return mldsa_verify(set, pair.public_key, what, bytes);
    };
    EXPECT_TRUE(holds({.message = message, .context = "passport"}, *signature));
    EXPECT_FALSE(holds({.message = other, .context = "passport"}, *signature));
    EXPECT_FALSE(holds({.message = message, .context = "checkpoint"}, *signature));
    EXPECT_FALSE(holds({.message = message}, *signature));
    EXPECT_FALSE(holds({.message = message, .context = "passport"}, {}));
    const MlDsaKeyPair stranger = mldsa_generate(set, random);
    EXPECT_FALSE(mldsa_verify(set, stranger.public_key, {.message = message, .context = "passport"},
                              *signature));
    for (std::size_t i = 0; i < signature->size(); i += 211) {
      Bytes changed = *signature;
      changed[i] ^= 0x10;
      EXPECT_FALSE(holds({.message = message, .context = "passport"}, changed)) << i;
    }
  }
}

TEST(MlDsa, IsHedgedAndComesBackFromItsSeed) {
  SystemRandom random;
  const Bytes message = {1, 2, 3};
  const MlDsaKeyPair pair = mldsa_generate(MlDsa::k65, random);
  const auto again = mldsa_from_seed(MlDsa::k65, pair.seed);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->public_key, pair.public_key);
  EXPECT_EQ(again->private_key.expose(), pair.private_key.expose());
  std::set<Bytes> signatures;
  for (int i = 0; i < 3; ++i) {
    auto signature = mldsa_sign(MlDsa::k65, pair.private_key, {.message = message}, random);
    ASSERT_TRUE(signature);
    EXPECT_TRUE(mldsa_verify(MlDsa::k65, pair.public_key, {.message = message}, *signature));
    signatures.insert(std::move(*signature));
  }
  EXPECT_EQ(signatures.size(), 3U);
}

TEST(MlDsa, RefusesWrongLengths) {
  SystemRandom random;
  const Bytes message;
  const MlDsaKeyPair pair = mldsa_generate(MlDsa::k65, random);
  const std::string longest(255, 'c'), too_long(256, 'c');
  const auto signature =
      mldsa_sign(MlDsa::k65, pair.private_key, {.message = message, .context = longest}, random);
  ASSERT_TRUE(signature);
  EXPECT_TRUE(mldsa_verify(MlDsa::k65, pair.public_key, {.message = message, .context = longest},
                           *signature));
  EXPECT_FALSE(
      mldsa_sign(MlDsa::k65, pair.private_key, {.message = message, .context = too_long}, random));
  EXPECT_FALSE(mldsa_verify(MlDsa::k65, pair.public_key, {.message = message, .context = too_long},
                            *signature));
  EXPECT_FALSE(mldsa_sign(MlDsa::k87, pair.private_key, {.message = message}, random));
  EXPECT_FALSE(mldsa_verify(MlDsa::k44, pair.public_key, {.message = message}, *signature));
  EXPECT_FALSE(mldsa_from_seed(MlDsa::k65, Secret("short")));
}

}  // namespace
}  // namespace carnet::crypto
