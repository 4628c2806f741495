#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "crypto/token.h"

namespace carnet::crypto {
namespace {

TEST(Hash, PublishedVectors) {
  EXPECT_EQ(sha256_hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");  // FIPS 180-4
  // RFC 4231, test case 2
  EXPECT_EQ(to_hex(hmac_sha256(Secret("Jefe"), "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  // RFC 5869, test case 3 (empty salt and info), first 32 of 42 bytes
  EXPECT_EQ(to_hex(as_bytes(derive_key(Secret(std::string(22, '\x0b')), "").expose())),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

TEST(Seal, RefusesEveryChange) {
  SystemRandom random;
  const Secret key(std::string(32, 'k')), other(std::string(32, 'x'));
  const std::string sealed = seal(key, "secret answer", "tenant", random);
  EXPECT_EQ(unseal(key, sealed, "tenant"), "secret answer");
  EXPECT_EQ(unseal(other, sealed, "tenant"), std::nullopt);
  EXPECT_EQ(unseal(key, sealed, "other"), std::nullopt);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(unseal(key, changed, "tenant"), std::nullopt);
  }
  EXPECT_EQ(unseal(key, sealed.substr(0, 20), "tenant"), std::nullopt);
  EXPECT_NE(seal(key, "secret answer", "tenant", random), sealed);
}

TEST(Token, RoundTripsAndRejectsTypos) {
  SystemRandom random;
  const Secret pepper("pepper");
  const NewToken token = new_token(kShareTokenPrefix, pepper, random);
  const std::string text(token.text.expose());
  ASSERT_EQ(text.size(), kTokenChars);
  const auto parsed = parse_token(kShareTokenPrefix, text);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->public_id, token.public_id);
  EXPECT_EQ(token_mac(pepper, parsed->secret), token.secret_mac);
  EXPECT_FALSE(parse_token(kKeyTokenPrefix, text));
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string typo = text;
    typo[i] = typo[i] == 'a' ? 'b' : 'a';
    EXPECT_FALSE(parse_token(kShareTokenPrefix, typo)) << i;
  }
  EXPECT_FALSE(parse_token(kShareTokenPrefix, text + "0"));
  EXPECT_FALSE(parse_token(kShareTokenPrefix, ""));
}

}  // namespace
}  // namespace carnet::crypto
