// More than a thousand certificates of unusual making, written by make_certificates.py: each is
// named by its content or refused, as its maker says, and none breaks or stalls the reader.
#include <openssl/crypto.h>

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/encoding.h"
#include "base/json.h"
#include "base/text.h"
#include "inventory/x509.h"
#include "tests/support/temp_dir.h"

namespace carnet::inventory {
namespace {

namespace bj = boost::json;

std::string load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

void compare(const Certificate& found, const bj::object& truth, const std::string& what) {
  const auto text = [&](std::string_view key, const std::string& value) {
    if (const bj::value* expected = truth.if_contains(key)) {
      EXPECT_EQ(value, std::string(expected->as_string())) << what << ": " << key;
    }
  };
  text("keyAlgorithm", found.key_algorithm);
  text("curve", found.curve);
  text("signatureAlgorithm", found.signature_algorithm);
  text("signatureParameters", found.signature_parameters);
  text("altKeyAlgorithm", found.alt_key_algorithm);
  text("altSignatureAlgorithm", found.alt_signature_algorithm);
  text("subject", found.subject);
  text("notAfter", to_rfc3339(found.not_after));
  if (const bj::value* bits = truth.if_contains("keyBits")) {
    EXPECT_EQ(found.key_bits, bits->as_int64()) << what;
  }
  if (const bj::value* finding = truth.if_contains("finding")) {
    bool told = false;
    for (const Finding& one : found.findings) told |= one.code == finding->as_string();
    EXPECT_TRUE(told) << what << ": " << finding->as_string().c_str();
  }
  EXPECT_TRUE(is_valid_utf8(found.subject) && found.subject.size() <= 1024) << what;
  EXPECT_FALSE(has_forbidden_control(found.subject)) << what;
}

TEST(UnusualCertificates, AreNamedByTheirContentOrRefused) {
  const test::TempDir folder;
  const std::string command = "python3 '" + std::string(CARNET_SOURCE_DIR) +
                              "/src/inventory/tests/make_certificates.py' '" +
                              folder.path().string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT(cert-env33-c)
  const auto truth = json::parse(load(folder.file("truth.json")));
  ASSERT_TRUE(truth);
  int read = 0, refused = 0;
  for (const bj::value& row : truth->as_array()) {
    const bj::object& one = row.as_object();
    const std::string file(one.at("file").as_string());
    const std::string what = file + " (" + std::string(one.at("made").as_string()) + ")";
    const std::string bytes = load(folder.file(file));
    const auto found = parse_certificate(as_bytes(bytes));
    found ? ++read : ++refused;
    const std::string expect(one.at("expect").as_string());
    // OpenSSL 3.5 refuses a certificate whose times are no text of digits; 3.0 reads it.
    const bool refused_by_newer =
        !found && OpenSSL_version_num() >= 0x30500000L && what.find("hello") != std::string::npos;
    if (refused_by_newer) {
      EXPECT_FALSE(found.error().public_detail.empty()) << what;
    } else if (expect == "read") {
      EXPECT_TRUE(found.has_value()) << what;
      if (found) compare(*found, one, what);
    } else if (expect == "refused") {
      EXPECT_FALSE(found.has_value()) << what;
    }
  }
  EXPECT_GE(read, 800);
  EXPECT_GE(refused, 100);
}

}  // namespace
}  // namespace carnet::inventory
