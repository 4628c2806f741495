// The sealed key file: what opens it, what does not, and what rotation keeps.

#include "service/signing_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace carnet::service {
namespace {

using ::testing::HasSubstr;

constexpr Timestamp kNow{std::chrono::milliseconds{1'780'000'000'000}};

KeySeal seal_of(std::string text, KeySeal::Kind kind = KeySeal::Kind::kKeyFile) {
  return {.kind = kind, .secret = Secret(std::move(text))};
}
KeySeal key_file() { return seal_of(std::string(64, 'a')); }
KeySeal passphrase() { return seal_of("correct horse battery", KeySeal::Kind::kPassphrase); }

class SigningKeyFile : public ::testing::Test {
 protected:
  std::string make(const KeySeal& seal) { return new_key_file(seal, kNow, random).value(); }
  SystemRandom random;
};

TEST_F(SigningKeyFile, OpensWithWhatSealedItAndShowsNoSecret) {
  for (const KeySeal& seal : {key_file(), passphrase()}) {
    const std::string file = make(seal);
    EXPECT_EQ(seal_kind_of(file).value(), seal.kind);
    const auto keys = open_key_file(file, seal);
    ASSERT_TRUE(keys.has_value()) << keys.error().public_detail;
    const SigningKeySnapshot& now = **keys;
    EXPECT_EQ(now.published.keys.size(), 4U);
    EXPECT_NE(now.passport.ed25519_keyid(), now.log.ed25519_keyid());
    for (const std::string& id : {now.passport.ed25519_keyid(), now.passport.mldsa_keyid(),
                                  now.log.ed25519_keyid(), now.log.mldsa_keyid()})
      EXPECT_NE(now.published.find(id), nullptr);
    for (const std::string_view seed :
         {now.passport.ed25519.seed.expose(), now.passport.mldsa.seed.expose()}) {
      EXPECT_EQ(file.find(to_hex(as_bytes(seed))), std::string::npos);
      EXPECT_EQ(file.find(to_base64(as_bytes(seed))), std::string::npos);
      EXPECT_EQ(file.find(seed), std::string::npos);
    }
    // Two openings give the same keys.
    EXPECT_EQ(open_key_file(file, seal).value()->published_json, now.published_json);
  }
}

TEST_F(SigningKeyFile, AWrongSecretOrKindIsRefused) {
  const std::string by_file = make(key_file());
  const auto wrong = open_key_file(by_file, seal_of(std::string(64, 'b')));
  ASSERT_FALSE(wrong.has_value());
  EXPECT_EQ(wrong.error().code, ErrorCode::kForbidden);
  EXPECT_THAT(wrong.error().public_detail, HasSubstr("not the one that sealed"));
  EXPECT_THAT(open_key_file(by_file, passphrase()).error().public_detail, HasSubstr("--key-file"));
  const std::string by_passphrase = make(passphrase());
  EXPECT_THAT(
      open_key_file(by_passphrase, seal_of("incorrect horse battery", KeySeal::Kind::kPassphrase))
          .error()
          .public_detail,
      HasSubstr("The passphrase is wrong"));
  EXPECT_THAT(open_key_file(by_passphrase, key_file()).error().public_detail,
              HasSubstr("--passphrase-file"));
}

TEST_F(SigningKeyFile, ShortSecretsAreRefused) {
  EXPECT_THAT(new_key_file(seal_of("short"), kNow, random).error().public_detail,
              HasSubstr("at least 32 bytes"));
  EXPECT_THAT(new_key_file(seal_of("short", KeySeal::Kind::kPassphrase), kNow, random)
                  .error()
                  .public_detail,
              HasSubstr("at least 12 characters"));
}

// The clear part is under the seal too: nobody moves the end of a key or puts in another.
TEST_F(SigningKeyFile, NoByteCanBeChanged) {
  const std::string file = make(key_file());
  const std::string reference = open_key_file(file, key_file()).value()->published_json;
  int refused = 0;
  for (std::size_t at = 0; at < file.size(); at += 7) {
    std::string changed = file;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    const auto opened = open_key_file(changed, key_file());
    if (opened) {  // white space between members
      EXPECT_EQ((*opened)->published_json, reference) << at;
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, file.size() / 2})
    EXPECT_FALSE(open_key_file(file.substr(0, length), key_file()).has_value());
}

TEST_F(SigningKeyFile, CostsThatWouldEatAllMemoryAreRefused) {
  std::string file = make(passphrase());
  const std::string cost = "\"memoryKiB\": 65536";
  ASSERT_NE(file.find(cost), std::string::npos);
  file.replace(file.find(cost), cost.size(), "\"memoryKiB\": 99999999");
  EXPECT_THAT(open_key_file(file, passphrase()).error().public_detail, HasSubstr("out of range"));
}

TEST_F(SigningKeyFile, RotationKeepsTheOldPublicKeysAndForgetsTheirPrivateHalves) {
  const std::string file = make(key_file());
  const SigningKeysNow before = open_key_file(file, key_file()).value();
  const Timestamp later = kNow + std::chrono::hours(1000);
  const std::string rotated =
      rotate_key_file(file, key_file(), {.now = later, .overlap = std::chrono::hours(24)}, random)
          .value();
  const SigningKeysNow after = open_key_file(rotated, key_file()).value();
  EXPECT_EQ(after->published.keys.size(), 6U);
  EXPECT_NE(after->passport.ed25519_keyid(), before->passport.ed25519_keyid());
  EXPECT_NE(after->passport.mldsa_keyid(), before->passport.mldsa_keyid());
  EXPECT_EQ(after->passport.not_before, later);
  for (const std::string& old :
       {before->passport.ed25519_keyid(), before->passport.mldsa_keyid()}) {
    const evidence::PublicKey* key = after->published.find(old);
    ASSERT_NE(key, nullptr);
    EXPECT_EQ(key->not_after, later + std::chrono::hours(24));
    EXPECT_EQ(key->not_before, kNow);
  }
  // The log is known by its keys.
  EXPECT_EQ(after->log.ed25519_keyid(), before->log.ed25519_keyid());
  EXPECT_FALSE(after->published.find(before->log.mldsa_keyid())->not_after.has_value());
  // Again: the first pair's end stays where it was.
  const std::string twice =
      rotate_key_file(rotated, key_file(),
                      {.now = later + std::chrono::hours(500), .overlap = std::chrono::hours(0)},
                      random)
          .value();
  const SigningKeysNow third = open_key_file(twice, key_file()).value();
  EXPECT_EQ(third->published.find(before->passport.ed25519_keyid())->not_after,
            later + std::chrono::hours(24));
  // A clock that was set back does not make a key that ends before it begins.
  EXPECT_THAT(rotate_key_file(file, key_file(), {.now = kNow - std::chrono::hours(1)}, random)
                  .error()
                  .public_detail,
              HasSubstr("clock"));
}

TEST_F(SigningKeyFile, TheLogsSignerSignsWithTheLogsPair) {
  SigningKeys keys(open_key_file(make(key_file()), key_file()).value());
  const LogSigner signer(keys, random);
  const auto signature = signer.sign("a checkpoint\n");
  ASSERT_TRUE(signature.has_value());
  EXPECT_EQ(evidence::keyid_of(signature->ed25519_key), keys.current()->log.ed25519_keyid());
  EXPECT_TRUE(crypto::ed25519_verify({.public_key = signature->ed25519_key,
                                      .message = as_bytes("a checkpoint\n"),
                                      .signature = signature->ed25519}));
  EXPECT_TRUE(crypto::mldsa_verify(crypto::MlDsa::k65, signature->mldsa65_key,
                                   {.message = as_bytes("a checkpoint\n")}, signature->mldsa65));
  keys.replace(nullptr);
  EXPECT_EQ(signer.sign("x").error().code, ErrorCode::kPersistenceOff);
}

}  // namespace
}  // namespace carnet::service
