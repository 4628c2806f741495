// The vectors of C2SP/wycheproof, where they lie beside the project.
#include <gtest/gtest.h>

#include "crypto/mldsa.h"
#include "crypto/mlkem.h"
#include "crypto/tests/support.h"

namespace carnet::crypto {
namespace {

namespace json = boost::json;

// Calls `check` with each group and test of a file. False if the file is not there.
template <class Check>
bool for_each_vector(std::string_view name, int wanted, const Check& check) {
  const auto text =
      read_file(std::filesystem::path(CARNET_SOURCE_DIR) / "../shared/vectors/wycheproof" / name);
  if (!text) return false;
  const json::value file = json::parse(*text);
  int seen = 0;
  for (const json::value& group : file.at("testGroups").as_array())
    for (const json::value& test : group.at("tests").as_array()) {
      SCOPED_TRACE(std::string(name) + " tcId " + std::to_string(test.at("tcId").to_number<int>()));
      check(group.as_object(), test.as_object());
      ++seen;
    }
  EXPECT_EQ(seen, file.at("numberOfTests").to_number<int>());
  EXPECT_GE(seen, wanted) << "the file has lost vectors";
  return true;
}

#define SKIP_WITHOUT_VECTORS(found) \
  if (!(found)) GTEST_SKIP() << "../shared/vectors/wycheproof is not there"

void check_decapsulation(MlKem set, const json::object& test) {
  const bool valid = text_of(test, "result") == "valid";
  const auto pair = mlkem_from_seed(set, secret_of(unhex(text_of(test, "seed"))));
  if (!pair) {
    EXPECT_FALSE(valid) << pair.error().public_detail;
    return;
  }
  if (test.contains("ek")) EXPECT_EQ(to_hex(pair->encapsulation_key), text_of(test, "ek"));
  const auto secret = mlkem_decapsulate(set, pair->decapsulation_key, unhex(text_of(test, "c")));
  ASSERT_EQ(secret.has_value(), valid);
  if (valid) EXPECT_EQ(hex_of(*secret), text_of(test, "K"));
}

TEST(Wycheproof, MlKem768KeyGenerationAndDecapsulation) {
  SKIP_WITHOUT_VECTORS(for_each_vector(
      "mlkem_768_test.json", 193,
      [](const auto&, const json::object& test) { check_decapsulation(MlKem::k768, test); }));
}

TEST(Wycheproof, MlKem1024KeyGenerationAndDecapsulation) {
  SKIP_WITHOUT_VECTORS(for_each_vector(
      "mlkem_1024_test.json", 193,
      [](const auto&, const json::object& test) { check_decapsulation(MlKem::k1024, test); }));
}

TEST(Wycheproof, MlKem768KeyGeneration) {
  SKIP_WITHOUT_VECTORS(for_each_vector(
      "mlkem_768_keygen_seed_test.json", 100, [](const auto&, const json::object& test) {
        FixedRandom random(unhex(text_of(test, "seed")));
        const MlKemKeyPair pair = mlkem_generate(MlKem::k768, random);
        EXPECT_EQ(to_hex(pair.encapsulation_key), text_of(test, "ek"));
        EXPECT_EQ(hex_of(pair.decapsulation_key), text_of(test, "dk"));
      }));
}

TEST(Wycheproof, MlKem768Encapsulation) {
  SKIP_WITHOUT_VECTORS(
      for_each_vector("mlkem_768_encaps_test.json", 265, [](const auto&, const json::object& test) {
        FixedRandom random(unhex(text_of(test, "m")));
        const auto made = mlkem_encapsulate(MlKem::k768, unhex(text_of(test, "ek")), random);
        ASSERT_EQ(made.has_value(), text_of(test, "result") == "valid");
        if (!made) return;
        EXPECT_EQ(to_hex(made->ciphertext), text_of(test, "c"));
        EXPECT_EQ(hex_of(made->shared_secret), text_of(test, "K"));
      }));
}

TEST(Wycheproof, MlDsa65Verification) {
  SKIP_WITHOUT_VECTORS(for_each_vector(
      "mldsa_65_verify_test.json", 210, [](const json::object& group, const json::object& test) {
        const Bytes message = unhex(text_of(test, "msg"));
        const Bytes context = unhex(text_of(test, "ctx"));
        EXPECT_EQ(mldsa_verify(MlDsa::k65, unhex(text_of(group, "publicKey")),
                               {.message = message, .context = as_text(context)},
                               unhex(text_of(test, "sig"))),
                  text_of(test, "result") == "valid");
      }));
}

TEST(Wycheproof, MlDsa65Signing) {
  int signed_count = 0;
  SKIP_WITHOUT_VECTORS(for_each_vector(
      "mldsa_65_sign_seed_test.json", 105,
      [&](const json::object& group, const json::object& test) {
        // Vectors that give mu instead of a message test the internal interface, which is not ours.
        if (!test.contains("msg")) return;
        const bool valid = text_of(test, "result") == "valid";
        const auto pair =
            mldsa_from_seed(MlDsa::k65, secret_of(unhex(text_of(group, "privateSeed"))));
        if (!pair) {
          EXPECT_FALSE(valid) << pair.error().public_detail;
          return;
        }
        EXPECT_EQ(to_hex(pair->public_key), text_of(group, "publicKey"));
        const Bytes message = unhex(text_of(test, "msg"));
        const Bytes context = unhex(text_of(test, "ctx"));
        // The deterministic variant of FIPS 204 is the hedged one with zeros for randomness.
        FixedRandom random(test.contains("rnd") ? unhex(text_of(test, "rnd"))
                                                : Bytes(kMlDsaRandomBytes));
        const auto signature =
            mldsa_sign(MlDsa::k65, pair->private_key,
                       {.message = message, .context = as_text(context)}, random);
        ASSERT_EQ(signature.has_value(), valid);
        if (valid) EXPECT_EQ(to_hex(*signature), text_of(test, "sig"));
        ++signed_count;
      }));
  EXPECT_GE(signed_count, 80);
}

}  // namespace
}  // namespace carnet::crypto
