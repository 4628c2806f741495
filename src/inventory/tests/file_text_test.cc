// SSH files, key sets, endpoint lists and foreign inventories. Expected values come from
// ssh-keygen, the RFCs and the CycloneDX specification's own shapes.
#include <boost/json.hpp>

#include "base/json.h"
#include "inventory/cbom.h"
#include "inventory/file_internal.h"
#include "inventory/jwks.h"
#include "inventory/tests/file_fixture.h"

namespace carnet::inventory {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(FileReaderTest, SshKeysBearTheFingerprintOfSshKeygen) {
  struct Case {
    const char* type;
    const char* options;
    const char* algorithm;
    int bits;
  };
  for (const Case& expected :
       {Case{"ed25519", "", "Ed25519", 0}, Case{"rsa", "-b 2048", "RSA", 2048},
        Case{"ecdsa", "-b 384", "ECDSA P-384", 384}}) {
    const std::string name = expected.type;
    run("ssh-keygen -q -N '' -t " + name + " " + expected.options + " -C me@here -f " + name);
    run("ssh-keygen -q -N open -t " + name + " " + expected.options + " -f sealed_" + name);
    const std::string line = run("ssh-keygen -lf " + name + ".pub");
    const std::string fingerprint = line.substr(line.find("SHA256:"), 50);
    for (const std::string& file : {name, name + ".pub"}) {
      const FileReading reading = read(file);
      ASSERT_THAT(kinds_of(reading), ElementsAre(file == name ? "private-key" : "public-key"));
      const FileEntry& entry = reading.file.entries[0];
      EXPECT_EQ(entry.algorithm, expected.algorithm);
      EXPECT_EQ(entry.fingerprint, fingerprint);
      if (expected.bits > 0) EXPECT_EQ(entry.bits, expected.bits);
    }
    EXPECT_EQ(read(name + ".pub").file.entries[0].label, "me@here");
    const FileReading sealed = read("sealed_" + name);
    ASSERT_THAT(kinds_of(sealed), ElementsAre("encrypted-private-key"));
    EXPECT_EQ(sealed.file.entries[0].algorithm, expected.algorithm);
    run("ssh-keygen -e -f " + name + ".pub > " + name + ".rfc4716");
    const FileReading exported = read(name + ".rfc4716");
    ASSERT_THAT(kinds_of(exported), ElementsAre("public-key"));
    EXPECT_EQ(exported.file.entries[0].fingerprint, fingerprint);
  }
}

TEST_F(FileReaderTest, KnownHostsAndAuthorizedKeys) {
  run("ssh-keygen -q -N '' -t ed25519 -C '' -f a && ssh-keygen -q -N '' -t ecdsa -C '' -f b");
  run("(echo '# mine'; echo \"a.example,192.0.2.1 $(cat a.pub)\"; "
      "echo \"@revoked *.b.example $(cat b.pub)\"; echo 'a.example ssh-ed25519 AAAAbroken') > "
      "known");
  run("ssh-keygen -q -H -f known || true");
  const FileReading hosts = read("known.old");
  EXPECT_EQ(hosts.file.format, "known_hosts");
  EXPECT_THAT(hosts.file.entries,
              ElementsAre(AllOf(Field(&FileEntry::kind, "known-host"), Field(&FileEntry::line, 2),
                                Field(&FileEntry::label, "a.example,192.0.2.1")),
                          AllOf(Field(&FileEntry::line, 3),
                                Field(&FileEntry::label, "*.b.example @revoked"))));
  EXPECT_THAT(codes_of(hosts), ElementsAre("bad_ssh_key"));
  EXPECT_EQ(hosts.file.errors[0].line, 4);
  EXPECT_THAT(read("known").file.entries, Contains(Field(&FileEntry::label, "(hashed host)")));

  run("(echo \"restrict,command=\\\"/bin/date +%s\\\" $(cat a.pub) one\"; cat b.pub) > keys");
  const FileReading keys = read("keys");
  EXPECT_THAT(kinds_of(keys), ElementsAre("public-key", "public-key"));
  EXPECT_EQ(keys.file.entries[0].label, "one");
}

// RFC 7638 section 3.1: the key and its thumbprint.
constexpr std::string_view kRfc7638 =
    R"({"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"})";
// RFC 8037 appendix A.2 and A.3.
constexpr std::string_view kRfc8037 =
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

TEST_F(FileReaderTest, KeySets) {
  const std::string ml_dsa(to_base64url(Bytes(1952, 7)));
  const std::string set =
      "{\"keys\":[" + std::string(kRfc7638) + ",\n" + std::string(kRfc8037) +
      R"(,{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"},
{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T","kid":"hmac"},
{"kty":"AKP","alg":"ML-DSA-65","kid":"pq","pub":")" +
      ml_dsa + R"("},
{"alg":"none"}, 7 ]})";
  const FileReading reading = read_text(set);
  EXPECT_EQ(reading.file.format, "JWKS");
  ASSERT_TRUE(reading.jwks);
  const auto& keys = reading.jwks->keys;
  ASSERT_THAT(keys, SizeIs(5));
  EXPECT_EQ(keys[0].algorithm, "RSA");
  EXPECT_EQ(keys[0].bits, 2048);
  EXPECT_EQ(keys[0].thumbprint, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
  EXPECT_EQ(keys[1].algorithm, "Ed25519");
  EXPECT_EQ(keys[1].thumbprint, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  EXPECT_EQ(keys[2].algorithm, "ECDSA P-256");
  EXPECT_EQ(keys[2].use, "enc");
  EXPECT_EQ(keys[3].algorithm, "oct");
  EXPECT_EQ(keys[3].thumbprint, "");
  EXPECT_EQ(keys[4].algorithm, "ML-DSA-65");
  std::vector<std::string> found;
  for (const Finding& finding : reading.jwks->findings) found.push_back(finding.code);
  EXPECT_THAT(found, ElementsAre("private_key_published", "symmetric_key_published"));
  EXPECT_THAT(codes_of(reading), ElementsAre("bad_key", "bad_key"));
  EXPECT_EQ(reading.file.errors[0].line, 5);
  EXPECT_EQ(set.substr(static_cast<std::size_t>(reading.file.errors[1].offset), 1), "7");
  // The secrets are nowhere.
  const auto endpoint = file_endpoint(reading);
  ASSERT_TRUE(endpoint);
  std::string all;
  for (const JwksKey& key : endpoint->jwks->keys) {
    all += key.kid + key.kty + key.alg + key.crv + key.use + key.algorithm + key.thumbprint;
  }
  for (const Finding& finding : endpoint->jwks->findings) all += finding.detail;
  EXPECT_THAT(all, testing::Not(HasSubstr("AyM1SysP")));
  EXPECT_THAT(all, testing::Not(HasSubstr("870MB6gf")));
}

TEST_F(FileReaderTest, ABadJsonFileSaysWhere) {
  const FileReading reading = read_text("{\"keys\": [\n{]}");
  EXPECT_EQ(reading.file.format, "JSON");
  ASSERT_THAT(codes_of(reading), ElementsAre("malformed_json"));
  EXPECT_EQ(reading.file.errors[0].line, 2);
}

TEST_F(FileReaderTest, EndpointListsWithAndWithoutAHeader) {
  const auto rows = [this](const std::string& bytes) {
    std::vector<std::string> out;
    for (const ListedEndpoint& row : read_text(bytes).listed) {
      out.push_back(row.target + "|" + row.kind + "|" + row.label + "|" + std::to_string(row.line));
    }
    return out;
  };
  EXPECT_THAT(
      rows("host,port,kind,label\nexample.org,443,TLS,\"Shop, main\"\n\n2001:db8::1,22,ssh,\n"),
      ElementsAre("example.org:443|tls|Shop, main|2", "[2001:db8::1]:22|ssh||4"));
  EXPECT_THAT(rows("label;protocol;hostname\r\nMail;smtp;mx.example.org\r\n"),
              ElementsAre("mx.example.org|smtp|Mail|2"));
  EXPECT_THAT(rows("example.org,8443\n192.0.2.0/30\n"),
              ElementsAre("example.org:8443|||1", "192.0.2.0/30|||2"));
  EXPECT_THAT(rows("# mine\nexample.org:443  # web\n\nssh.example.org:22\n"),
              ElementsAre("example.org:443|||2", "ssh.example.org:22|||4"));
  EXPECT_FALSE(file_endpoint(read_text("example.org\n")));
}

TEST_F(FileReaderTest, ABadRowKeepsItsLine) {
  const FileReading reading =
      read_text("host,port\nexample.org,https\n,443\nexample.net,443\n\"open,1\n");
  EXPECT_THAT(reading.listed, SizeIs(1));
  EXPECT_THAT(codes_of(reading), ElementsAre("bad_port", "host_missing", "unfinished_quote"));
  EXPECT_EQ(reading.file.errors[0].line, 2);
  EXPECT_EQ(reading.file.errors[1].line, 3);
  EXPECT_EQ(reading.file.errors[2].line, 5);
}

// The shapes are those of CycloneDX 1.6 and 1.7 (bom-1.6.schema.json).
constexpr std::string_view kCbom16 = R"({"bomFormat":"CycloneDX","specVersion":"1.6","components":[
{"type":"cryptographic-asset","name":"RSA-2048","bom-ref":"alg-rsa","cryptoProperties":{"assetType":"algorithm","algorithmProperties":{"primitive":"pke","parameterSetIdentifier":"2048"},"oid":"1.2.840.113549.1.1.1"}},
{"type":"cryptographic-asset","name":"ML-KEM","cryptoProperties":{"assetType":"algorithm","algorithmProperties":{"primitive":"kem","parameterSetIdentifier":"768"}}},
{"type":"cryptographic-asset","name":"AES","cryptoProperties":{"assetType":"algorithm","algorithmProperties":{"primitive":"ae","parameterSetIdentifier":"128","mode":"gcm"}}},
{"type":"cryptographic-asset","name":"ECDSA","cryptoProperties":{"assetType":"algorithm","algorithmProperties":{"primitive":"signature","curve":"secp384r1"}}},
{"type":"cryptographic-asset","name":"google.com","cryptoProperties":{"assetType":"certificate","certificateProperties":{"subjectName":"CN=www.google.com","signatureAlgorithmRef":"alg-sig","subjectPublicKeyRef":"key-1"}}},
{"type":"cryptographic-asset","name":"SHA512withRSA","bom-ref":"alg-sig","cryptoProperties":{"assetType":"algorithm","oid":"1.2.840.113549.1.1.13"}},
{"type":"cryptographic-asset","name":"key","bom-ref":"key-1","cryptoProperties":{"assetType":"related-crypto-material","relatedCryptoMaterialProperties":{"type":"public-key","size":2048,"algorithmRef":"alg-rsa"}}},
{"type":"cryptographic-asset","name":"TLSv1.2","cryptoProperties":{"assetType":"protocol","protocolProperties":{"type":"tls","version":"1.2","cipherSuites":[{"name":"TLS_RSA_WITH_3DES_EDE_CBC_SHA"},{"name":"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}]}}},
{"type":"library","name":"libfoo","components":[{"type":"cryptographic-asset","name":"Frobnicate-9","cryptoProperties":{"assetType":"algorithm"}}]},
{"type":"cryptographic-asset","name":"empty"}]})";

TEST_F(FileReaderTest, ForeignInventories) {
  const FileReading reading = read_text(std::string(kCbom16));
  EXPECT_EQ(reading.file.format, "CycloneDX 1.6");
  std::vector<std::string> found;
  for (const FileEntry& entry : reading.file.entries) {
    found.push_back(entry.kind + " " + entry.algorithm + " " + std::to_string(entry.bits));
  }
  EXPECT_THAT(found, ElementsAre("algorithm RSA 2048", "algorithm MLKEM768 0",
                                 "algorithm AES-128-GCM 128", "algorithm ECDSA P-384 384",
                                 "certificate RSA 2048", "algorithm sha512WithRSAEncryption 0",
                                 "public-key RSA 2048", "protocol TLS_RSA_WITH_3DES_EDE_CBC_SHA 0",
                                 "protocol TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 0",
                                 "algorithm unknown (Frobnicate-9) 0"));
  EXPECT_EQ(reading.file.entries[4].label, "CN=www.google.com");
  EXPECT_EQ(reading.file.entries[4].signature_algorithm, "sha512WithRSAEncryption");
  EXPECT_EQ(reading.file.entries[1].line, 3);
  EXPECT_THAT(codes_of(reading), ElementsAre("bad_component"));
  EXPECT_EQ(reading.file.errors[0].line, 11);
}

// IBM's form before CycloneDX took it over (1.4-cbom-1.0).
constexpr std::string_view kCbom14 =
    R"({"bomFormat":"CycloneDX","specVersion":"1.4-cbom-1.0","components":[
{"type":"crypto-asset","name":"ECDSA-secp521r1","cryptoProperties":{"assetType":"algorithm","algorithmProperties":{"variant":"ECDSA-secp521r1","primitive":"signature"},"classicalSecurityLevel":256,"nistQuantumSecurityLevel":0}},
{"type":"crypto-asset","name":"cert","cryptoProperties":{"assetType":"certificate","certificateProperties":{"subjectName":"CN=a","certificateAlgorithm":"RSA-1024","certificateSignatureAlgorithm":"SHA1withRSA"}}},
{"type":"crypto-asset","name":"tls","cryptoProperties":{"assetType":"protocol","protocolProperties":{"type":"tls","tlsCipherSuites":["TLS_RSA_WITH_AES_128_CBC_SHA"]}}},
{"type":"crypto-asset","name":"k","cryptoProperties":{"assetType":"relatedCryptoMaterial","relatedCryptoMaterialProperties":{"relatedCryptoMaterialType":"privateKey","size":4096}}}]})";

TEST_F(FileReaderTest, ForeignInventoriesOfTheEarlierForm) {
  const FileReading reading = read_text(std::string(kCbom14));
  std::vector<std::string> found;
  for (const FileEntry& entry : reading.file.entries) {
    found.push_back(entry.kind + " " + entry.algorithm + " " + entry.signature_algorithm);
  }
  EXPECT_THAT(found, ElementsAre("algorithm ECDSA P-521 ", "certificate RSA sha1WithRSAEncryption",
                                 "protocol TLS_RSA_WITH_AES_128_CBC_SHA ", "private-key  "));
  EXPECT_EQ(reading.file.entries[1].bits, 1024);
}

TEST(CbomNames, AreUnderstoodInTheirUsualForms) {
  const std::pair<const char*, const char*> kCases[] = {{"RSA-2048", "RSA"},
                                                        {"rsa4096", "RSA"},
                                                        {"SHA256withECDSA", "ecdsa-with-SHA256"},
                                                        {"AES256-GCM", "AES-256-GCM"},
                                                        {"aes_128_cbc", "AES-128-CBC"},
                                                        {"ECDSA-P256", "ECDSA P-256"},
                                                        {"EC-secp384r1", "ECDSA P-384"},
                                                        {"ML-DSA-65", "ML-DSA-65"},
                                                        {"MLDSA65", "ML-DSA-65"},
                                                        {"Kyber768", "Kyber768"},
                                                        {"x25519", "x25519"},
                                                        {"SHA-256", "SHA-256"},
                                                        {"SHA1withRSA", "sha1WithRSAEncryption"},
                                                        {"DSA-1024", "DSA"},
                                                        {"nonsense", ""}};
  for (const auto& [name, expected] : kCases) {
    EXPECT_EQ(algorithm_by_loose_name(name).algorithm, expected) << name;
  }
  EXPECT_EQ(algorithm_by_loose_name("RSA-3072").bits, 3072);
}

TEST(ElementOffsets, PointAtTheElementsOfTheOutermostArray) {
  const std::string_view text =
      R"({"a":{"keys":[1]},"keys" : [ {"x":"]"}, "s\"[", 12 ,[3]],"b":[4]})";
  std::vector<std::string> begins;
  for (const std::int64_t at : element_offsets(text, "keys")) {
    begins.emplace_back(text.substr(static_cast<std::size_t>(at), 2));
  }
  EXPECT_THAT(begins, ElementsAre("{\"", "\"s", "12", "[3"));
}

}  // namespace
}  // namespace carnet::inventory
