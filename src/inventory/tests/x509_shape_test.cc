// The structure that is asked for is d2i_X509's own: both say the same of certificates with a byte
// changed at every place, of every length they can be cut to, and of bytes behind them.
#include "inventory/x509_shape.h"

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/x509.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/encoding.h"

namespace carnet::inventory {
namespace {

bool openssl_reads(ByteView bytes) {
  const unsigned char* at = bytes.data();
  X509* certificate = d2i_X509(nullptr, &at, static_cast<long>(bytes.size()));
  const bool whole = certificate != nullptr && at == bytes.data() + bytes.size();
  X509_free(certificate);
  ERR_clear_error();
  return whole;
}

std::vector<Bytes> seeds() {
  std::vector<Bytes> out;
  const std::filesystem::path folder = std::string(CARNET_SOURCE_DIR) + "/fuzz/corpus/x509";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    out.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return out;
}

TEST(CertificateShape, IsWhatOpenSslReads) {
  int certificates = 0;
  for (const Bytes& seed : seeds()) {
    EXPECT_EQ(has_certificate_shape(seed), openssl_reads(seed));
    if (!openssl_reads(seed)) continue;
    ++certificates;
    Bytes longer = seed;
    longer.push_back(0);
    EXPECT_FALSE(has_certificate_shape(longer));
    if (seed.size() > 600) continue;  // OpenSSL's own reading is slow
    int refused = 0, taken = 0;
    for (std::size_t i = 0; i < seed.size(); ++i) {
      const ByteView cut = ByteView(seed).first(i);
      EXPECT_FALSE(has_certificate_shape(cut));
      for (const int change : {0x01, 0xA0}) {
        Bytes other = seed;
        other[i] = static_cast<std::uint8_t>(other[i] ^ change);
        const bool read = openssl_reads(other);
        EXPECT_EQ(has_certificate_shape(other), read) << i << " ^ " << change;
        ++(read ? taken : refused);
      }
    }
    EXPECT_GT(refused, 100);
    EXPECT_GT(taken, 100);
  }
  EXPECT_GE(certificates, 3);
}

}  // namespace
}  // namespace carnet::inventory
