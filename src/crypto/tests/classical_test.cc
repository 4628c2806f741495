#include <gtest/gtest.h>

#include "crypto/ecdh.h"
#include "crypto/ed25519.h"
#include "crypto/tests/support.h"

namespace carnet::crypto {
namespace {

// RFC 8032 section 7.1, tests 1 to 3.
TEST(Ed25519, Rfc8032) {
  struct Vector {
    std::string_view seed, public_key, message, signature;
  };
  constexpr Vector kVectors[] = {
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf"
       "9"
       "b46bd25bf5f0595bbe24655141438e7a100b"},
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f"
       "1"
       "1d8c387b2eaeb4302aeeb00d291612bb0c00"},
      {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
       "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984"
       "d"
       "c6594a7c15e9716ed28dc027beceea1ec40a"}};
  for (const Vector& vector : kVectors) {
    const Secret seed = secret_of(unhex(vector.seed));
    const Bytes message = unhex(vector.message);
    const auto pair = ed25519_from_seed(seed);
    const auto signature = ed25519_sign(seed, message);
    ASSERT_TRUE(pair && signature);
    EXPECT_EQ(to_hex(pair->public_key), vector.public_key);
    EXPECT_EQ(to_hex(*signature), vector.signature);
    EXPECT_TRUE(ed25519_verify(
        {.public_key = pair->public_key, .message = message, .signature = *signature}));
  }
}

TEST(Ed25519, RefusesEveryChange) {
  SystemRandom random;
  const Ed25519KeyPair pair = ed25519_generate(random);
  const Ed25519KeyPair stranger = ed25519_generate(random);
  EXPECT_NE(pair.public_key, stranger.public_key);
  const Bytes message = {'m'}, other = {'n'};
  const auto signature = ed25519_sign(pair.seed, message);
  ASSERT_TRUE(signature);
  const std::span<const std::uint8_t> whole = *signature;
  EXPECT_TRUE(
      ed25519_verify({.public_key = pair.public_key, .message = message, .signature = whole}));
  EXPECT_FALSE(
      ed25519_verify({.public_key = pair.public_key, .message = other, .signature = whole}));
  EXPECT_FALSE(
      ed25519_verify({.public_key = stranger.public_key, .message = message, .signature = whole}));
  EXPECT_FALSE(ed25519_verify(
      {.public_key = pair.public_key, .message = message, .signature = whole.first(63)}));
  EXPECT_FALSE(ed25519_verify({.public_key = {}, .message = message, .signature = whole}));
  for (std::size_t i = 0; i < whole.size(); ++i) {
    Ed25519Signature changed = *signature;
    changed[i] ^= 1;
    EXPECT_FALSE(
        ed25519_verify({.public_key = pair.public_key, .message = message, .signature = changed}));
  }
  EXPECT_FALSE(ed25519_sign(Secret("short"), message));
}

TEST(Ed25519, APairSignsAsItsSeedDoes) {
  SystemRandom random;
  const Bytes message = {'m'};
  const Ed25519KeyPair made = ed25519_generate(random);
  const auto expected = ed25519_sign(made.seed, message);
  ASSERT_TRUE(expected);
  EXPECT_EQ(*ed25519_sign(made, message), *expected);
  EXPECT_EQ(*ed25519_sign(*ed25519_from_seed(made.seed), message), *expected);
  const Ed25519KeyPair by_hand{
      .public_key = made.public_key, .seed = made.seed.clone(), .prepared = {}};
  EXPECT_EQ(*ed25519_sign(by_hand, message), *expected);
}

struct AgreementVector {
  EcdhGroup group;
  std::string_view our_private, our_share, their_share, secret;
};

// RFC 7748 sections 6.1 and 6.2; NIST CAVP, ECC CDH Primitive, P-256, COUNT = 0.
constexpr AgreementVector kAgreements[] = {
    {EcdhGroup::kX25519, "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
     "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
     "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
     "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"},
    {EcdhGroup::kX448,
     "9a8f4925d1519f5775cf46b04b5800d4ee9ee8bae8bc5565d498c28dd9c9baf574a9419744897391006382a6f127a"
     "b"
     "1d9ac2d8c0a598726b",
     "9b08f7cc31b7e3e67d22d5aea121074a273bd2b83de09c63faa73d2c22c5d9bbc836647241d953d40c5b12da88120"
     "d"
     "53177f80e532c41fa0",
     "3eb7a829b0cd20f5bcfc0b599b6feccf6da4627107bdb0d4f345b43027d8b972fc3e34fb4232a13ca706dcb57aec3"
     "d"
     "ae07bdc1c67bf33609",
     "07fff4181ac6cc95ec1c16a94a0f74d12da232ce40a77552281d282bb60c0b56fd2464c335543936521c24403085d"
     "5"
     "9a449a5037514a879d"},
    {EcdhGroup::kP256, "7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534",
     "04ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b230"
     "28af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141",
     "04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
     "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
     "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b"}};

TEST(Ecdh, PublishedVectors) {
  for (const AgreementVector& vector : kAgreements) {
    SCOPED_TRACE(name_of(vector.group));
    const auto key = EcdhKey::from_private(vector.group, secret_of(unhex(vector.our_private)));
    ASSERT_TRUE(key);
    EXPECT_EQ(to_hex(key->share()), vector.our_share);
    const auto secret = key->agree(unhex(vector.their_share));
    ASSERT_TRUE(secret);
    EXPECT_EQ(hex_of(*secret), vector.secret);
  }
}

TEST(Ecdh, BothSidesAgreeInEveryGroup) {
  struct Expected {
    std::uint16_t tls;
    std::size_t share_bytes, secret_bytes;
  };
  // RFC 8446 sections 4.2.7 and 4.2.8.
  constexpr Expected kExpected[] = {{0x001D, 32, 32},  {0x001E, 56, 56},  {0x0017, 65, 32},
                                    {0x0018, 97, 48},  {0x0019, 133, 66}, {0x0100, 256, 256},
                                    {0x0101, 384, 384}};
  for (const Expected& expected : kExpected) {
    SCOPED_TRACE(expected.tls);
    const auto group = ecdh_group_of_tls(expected.tls);
    ASSERT_TRUE(group);
    const EcdhKey ours = EcdhKey::generate(*group), theirs = EcdhKey::generate(*group);
    EXPECT_EQ(ours.share().size(), expected.share_bytes);
    EXPECT_NE(ours.share(), theirs.share());
    const auto one = ours.agree(theirs.share()), two = theirs.agree(ours.share());
    ASSERT_TRUE(one && two);
    EXPECT_EQ(one->expose(), two->expose());
    EXPECT_EQ(one->expose().size(), expected.secret_bytes);
    Bytes cut = theirs.share();
    cut.pop_back();
    EXPECT_FALSE(ours.agree(cut));
    EXPECT_FALSE(ours.agree({}));
  }
  EXPECT_FALSE(ecdh_group_of_tls(0x11EC));
}

TEST(Ecdh, RefusesPointsThatGiveTheSecretAway) {
  EXPECT_FALSE(EcdhKey::generate(EcdhGroup::kX25519).agree(Bytes(32)));
  EXPECT_FALSE(EcdhKey::generate(EcdhGroup::kX448).agree(Bytes(56)));
  for (const EcdhGroup group : {EcdhGroup::kP256, EcdhGroup::kP384, EcdhGroup::kP521}) {
    SCOPED_TRACE(name_of(group));
    const EcdhKey key = EcdhKey::generate(group);
    Bytes share = EcdhKey::generate(group).share();
    ASSERT_TRUE(key.agree(share));
    share.back() ^= 1;  // off the curve
    EXPECT_FALSE(key.agree(share));
    share.back() ^= 1;
    share.front() = static_cast<std::uint8_t>(6 + (share.back() & 1));  // the hybrid form
    EXPECT_FALSE(key.agree(share));
  }
  // 0, 1 and p - 1 = -1 are elements of subgroups with one or two members.
  const EcdhKey key = EcdhKey::generate(EcdhGroup::kFfdhe2048);
  Bytes element(256);
  EXPECT_FALSE(key.agree(element));
  element.back() = 1;
  EXPECT_FALSE(key.agree(element));
  EXPECT_FALSE(key.agree(Bytes(256, 0xFF)));  // above p
}

TEST(Ecdh, RefusesPrivateKeysOfNoGroup) {
  EXPECT_FALSE(EcdhKey::from_private(EcdhGroup::kP256, Secret(std::string(32, '\0'))));
  EXPECT_FALSE(EcdhKey::from_private(EcdhGroup::kP256, Secret(std::string(32, '\xff'))));
  EXPECT_FALSE(EcdhKey::from_private(EcdhGroup::kX25519, Secret(std::string(31, 'x'))));
  EXPECT_FALSE(EcdhKey::from_private(EcdhGroup::kFfdhe2048, Secret(std::string(256, 'x'))));
}

}  // namespace
}  // namespace carnet::crypto
