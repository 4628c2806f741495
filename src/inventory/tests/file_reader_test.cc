// Certificates, keys and their containers. Expected values come from openssl and keytool.
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

constexpr const char* kMakeCertificate =
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -days 9 -sha384 "
    "-subj /CN=p384.example -keyout key.pem -out cert.pem";

TEST_F(FileReaderTest, PemMayMixEverything) {
  run(kMakeCertificate);
  run("openssl req -new -key key.pem -subj /CN=wanted.example -out request.pem");
  run("openssl pkey -in key.pem -pubout -out public.pem");
  run("touch index.txt && openssl ca -gencrl -keyfile key.pem -cert cert.pem -crldays 3 -md sha256 "
      "-config /dev/stdin -out list.pem <<X\n[ca]\ndefault_ca=c\n[c]\ndatabase=index.txt\nX\n");
  run("(echo some words; cat key.pem cert.pem; echo; cat request.pem public.pem list.pem) > "
      "all.pem");
  const FileReading reading = read("all.pem");
  EXPECT_EQ(reading.file.format, "PEM");
  EXPECT_THAT(codes_of(reading), IsEmpty());
  EXPECT_THAT(kinds_of(reading), ElementsAre("private-key", "certificate", "certificate-request",
                                             "public-key", "revocation-list"));
  const std::string pin = pin_of("openssl pkey -in key.pem -pubout");
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(reading.file.entries[i].algorithm, "ECDSA P-384") << i;
    EXPECT_EQ(reading.file.entries[i].bits, 384) << i;
    EXPECT_EQ(reading.file.entries[i].fingerprint, pin) << i;
  }
  EXPECT_EQ(reading.file.entries[0].line, 2);
  EXPECT_EQ(reading.file.entries[1].label, "CN=p384.example");
  EXPECT_EQ(reading.file.entries[2].label, "CN=wanted.example");
  EXPECT_EQ(reading.file.entries[2].signature_algorithm, "ecdsa-with-SHA256");
  EXPECT_EQ(reading.file.entries[4].label, "CN=p384.example");
  EXPECT_EQ(reading.file.entries[4].signature_algorithm, "ecdsa-with-SHA256");
  ASSERT_THAT(reading.file.certificates, SizeIs(1));
  EXPECT_EQ(reading.file.certificates[0].signature_algorithm, "ecdsa-with-SHA384");
}

TEST_F(FileReaderTest, OneBadBlockDoesNotSpoilTheRest) {
  run(kMakeCertificate);
  const std::string good = text("cert.pem");
  const std::string bad = "-----BEGIN CERTIFICATE-----\nAAAA!AAA\n-----END CERTIFICATE-----\n";
  const std::string hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  const std::string open = "-----BEGIN CERTIFICATE-----\nAAAA\n";
  const FileReading reading = read_text(bad + good + hollow + open + good + open);
  EXPECT_THAT(kinds_of(reading), ElementsAre("certificate", "certificate"));
  EXPECT_THAT(codes_of(reading),
              ElementsAre("bad_base64", "bad_certificate", "unfinished_block", "unfinished_block"));
  EXPECT_EQ(reading.file.errors[0].line, 2);
  EXPECT_EQ(reading.file.errors[0].offset, 32);
  const int lines = static_cast<int>(std::count(good.begin(), good.end(), '\n'));
  EXPECT_EQ(reading.file.errors[1].line, 3 + lines + 1);
}

TEST_F(FileReaderTest, EveryFormOfAPrivateKeyIsToldByItsPublicPart) {
  run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem");
  run("openssl rsa -in rsa.pem -traditional -out rsa1.pem");
  run("openssl ecparam -name prime256v1 -genkey -noout -out ec1.pem");
  run("openssl pkcs8 -topk8 -nocrypt -in ec1.pem -out ec.pem");
  run("openssl genpkey -algorithm ED25519 -out ed.pem");
  run("openssl genpkey -algorithm X25519 -out x.pem");
  run("openssl dsaparam -genkey -noout -out dsa.pem 1024");
  run("openssl pkey -in dsa.pem -traditional -out dsa1.pem");
  struct Case {
    const char* file;
    const char* format;
    const char* algorithm;
    int bits;
  };
  for (const Case& expected :
       {Case{"rsa", "PKCS #8", "RSA", 2048}, Case{"rsa1", "PKCS #1", "RSA", 2048},
        Case{"ec", "PKCS #8", "ECDSA P-256", 256}, Case{"ec1", "SEC 1", "ECDSA P-256", 256},
        Case{"ed", "PKCS #8", "Ed25519", 0}, Case{"x", "PKCS #8", "x25519", 0},
        Case{"dsa1", "DSA", "DSA", 1024}}) {
    const std::string name = expected.file;
    run("openssl pkey -in " + name + ".pem -outform DER -out " + name + ".der");
    const std::string pin = pin_of("openssl pkey -in " + name + ".pem -pubout");
    for (const std::string& file : {name + ".pem", name + ".der"}) {
      const FileReading reading = read(file);
      ASSERT_THAT(kinds_of(reading), ElementsAre("private-key")) << file;
      EXPECT_EQ(reading.file.entries[0].algorithm, expected.algorithm) << file;
      EXPECT_EQ(reading.file.entries[0].bits, expected.bits) << file;
      EXPECT_EQ(reading.file.entries[0].fingerprint, pin) << file;
    }
    EXPECT_EQ(read(name + ".pem").file.entries[0].format, expected.format);
  }
}

TEST_F(FileReaderTest, EncryptedKeysAreReportedAndOpenedWithTheirPassphrase) {
  run("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes256 -pass pass:open "
      "-out sealed.pem");
  run("openssl genrsa -traditional -aes128 -passout pass:open -out old.pem 2048");
  const FileReading closed = read("sealed.pem");
  EXPECT_THAT(kinds_of(closed), ElementsAre("encrypted-private-key"));
  EXPECT_EQ(closed.file.entries[0].algorithm, "");
  const FileReading old = read("old.pem");
  EXPECT_THAT(kinds_of(old), ElementsAre("encrypted-private-key"));
  EXPECT_EQ(old.file.entries[0].algorithm, "RSA");
  const Secret right("open");
  const FileReading opened = read("sealed.pem", &right);
  EXPECT_THAT(kinds_of(opened), ElementsAre("private-key"));
  EXPECT_EQ(opened.file.entries[0].fingerprint,
            pin_of("openssl pkey -in sealed.pem -passin pass:open -pubout"));
  const Secret wrong("shut");
  const FileReading refused = read("sealed.pem", &wrong);
  EXPECT_THAT(kinds_of(refused), ElementsAre("encrypted-private-key"));
  EXPECT_THAT(codes_of(refused), ElementsAre("passphrase_wrong"));
}

TEST_F(FileReaderTest, Pkcs12NeedsItsPassphrase) {
  run(kMakeCertificate);
  run("openssl pkcs12 -export -in cert.pem -inkey key.pem -name 'my server' -passout pass:open "
      "-out store.p12");
  const Secret right("open");
  const FileReading opened = read("store.p12", &right);
  EXPECT_EQ(opened.file.format, "PKCS #12");
  EXPECT_THAT(codes_of(opened), IsEmpty());
  EXPECT_THAT(
      opened.file.entries,
      testing::UnorderedElementsAre(
          AllOf(Field(&FileEntry::kind, "private-key"), Field(&FileEntry::algorithm, "ECDSA P-384"),
                Field(&FileEntry::label, "my server"),
                Field(&FileEntry::fingerprint, pin_of("openssl pkey -in key.pem -pubout"))),
          AllOf(Field(&FileEntry::kind, "certificate"), Field(&FileEntry::label, "my server"))));
  const FileReading closed = read("store.p12");
  EXPECT_THAT(codes_of(closed), Contains("passphrase_needed"));
  const Secret wrong("shut");
  EXPECT_THAT(codes_of(read("store.p12", &wrong)), ElementsAre("passphrase_wrong"));
}

TEST_F(FileReaderTest, APassphraseCostsNoMoreWorkThanIsBearable) {
  const Secret right("open");
  run("openssl genpkey -algorithm ED25519 -out key.pem");
  // PBKDF2's count is an INTEGER behind the salt: two keys of three million rounds are one too
  // many.
  run("openssl pkcs8 -topk8 -in key.pem -iter 3000000 -passout pass:open -out sealed.pem");
  const std::string sealed = text("sealed.pem");
  EXPECT_THAT(kinds_of(read_text(sealed, &right)), ElementsAre("private-key"));
  EXPECT_THAT(kinds_of(read_text(sealed + sealed, &right)),
              ElementsAre("private-key", "encrypted-private-key"));
}

TEST_F(FileReaderTest, Pkcs7InBothForms) {
  run(kMakeCertificate);
  run("openssl crl2pkcs7 -nocrl -certfile cert.pem -certfile cert.pem -out bag.p7b");
  run("openssl pkcs7 -in bag.p7b -outform DER -out bag.der");
  for (const char* file : {"bag.p7b", "bag.der"}) {
    const FileReading reading = read(file);
    EXPECT_THAT(kinds_of(reading), ElementsAre("certificate", "certificate")) << file;
    EXPECT_EQ(reading.file.entries[0].format, "PKCS #7");
    EXPECT_THAT(codes_of(reading), IsEmpty()) << file;
  }
}

TEST_F(FileReaderTest, DerMayFollowDer) {
  run(kMakeCertificate);
  run("openssl x509 -in cert.pem -outform DER -out one.der && cat one.der one.der > two.der");
  EXPECT_THAT(kinds_of(read("two.der")), ElementsAre("certificate", "certificate"));
  const std::string one = text("one.der");
  EXPECT_EQ(read("two.der").file.entries[1].offset, static_cast<std::int64_t>(one.size()));
  const FileReading cut = read_text(one + one.substr(0, 100));
  EXPECT_THAT(kinds_of(cut), ElementsAre("certificate"));
  EXPECT_THAT(codes_of(cut), ElementsAre("unrecognised"));
  run("base64 -w70 one.der > bare.txt");
  EXPECT_THAT(kinds_of(read("bare.txt")), ElementsAre("certificate"));
}

std::string stored(const std::string& name) {
  std::ifstream file(std::string(CARNET_SOURCE_DIR) + "/src/inventory/tests/data/files/" + name,
                     std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

TEST_F(FileReaderTest, JavaKeyStoresShowTheirCertificatesWithoutAPassphrase) {
  const FileReading jks = read_text(stored("a.jks"));
  EXPECT_EQ(jks.file.format, "JKS");
  EXPECT_THAT(codes_of(jks), IsEmpty());
  // keytool -list -v: sig (P-384), trusted, web (RSA 2048); web and trusted are one certificate.
  std::map<std::string, std::string> found;
  for (const FileEntry& entry : jks.file.entries) {
    found[entry.kind + " " + entry.label] = entry.algorithm;
  }
  EXPECT_THAT(found, testing::UnorderedElementsAre(
                         testing::Pair("encrypted-private-key sig", "ECDSA P-384"),
                         testing::Pair("certificate sig", "ECDSA P-384"),
                         testing::Pair("encrypted-private-key web", "RSA"),
                         testing::Pair("certificate web", "RSA"),
                         testing::Pair("certificate trusted", "RSA")));
  std::vector<std::string> hashes;
  for (const Certificate& one : jks.file.certificates) hashes.push_back(one.sha256);
  EXPECT_THAT(hashes, testing::UnorderedElementsAre(
                          "566172ed5b90d9a5b45addd723baf28348b1df4cf20f86199c53df54066e98b9",
                          "70c99cbef31ccce9735fb57691b8c3d39aae5488ec4076b0ba7e44270e2f477b",
                          "70c99cbef31ccce9735fb57691b8c3d39aae5488ec4076b0ba7e44270e2f477b"));
  const Secret right("changeit");
  EXPECT_THAT(codes_of(read_text(stored("a.jks"), &right)), IsEmpty());
  const Secret wrong("changed");
  EXPECT_THAT(codes_of(read_text(stored("a.jks"), &wrong)), ElementsAre("passphrase_wrong"));
}

TEST_F(FileReaderTest, JceksTellsTheSecretThatItCannotPass) {
  const FileReading reading = read_text(stored("b.jceks"));
  EXPECT_EQ(reading.file.format, "JCEKS");
  EXPECT_THAT(codes_of(reading), Contains("unread_secret"));
}

TEST_F(FileReaderTest, CutShortStoresNeverReachBeyondTheirEnd) {
  const std::string whole = stored("a.jks");
  for (std::size_t size = 12; size < whole.size(); size += 7) {
    const auto reading = read_file({.name = "x", .bytes = as_bytes(whole).first(size)});
    ASSERT_TRUE(reading) << size;
    EXPECT_THAT(reading->file.errors, testing::Not(IsEmpty())) << size;
  }
}

TEST_F(FileReaderTest, WhatIsNothingKnownIsRefusedWithAReason) {
  for (const char* bytes :
       {"",
        "\x7F"
        "ELF\x02\x01\x01",
        "<html><body>no</body></html>", "just some words, and more\nof them (really)\n"}) {
    const auto reading = read_file({.name = "x", .bytes = as_bytes(std::string_view(bytes))});
    EXPECT_FALSE(reading) << bytes;
    if (!reading) EXPECT_THAT(reading.error().public_detail, testing::EndsWith("."));
  }
  const std::string pgp =
      "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n";
  EXPECT_THAT(codes_of(read_text(pgp)), ElementsAre("unknown_block"));
}

TEST_F(FileReaderTest, NothingOfAPrivateKeyGetsIntoTheResult) {
  run("openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out rsa.pem");
  const std::string pem = text("rsa.pem");
  const auto endpoint = file_endpoint(read("rsa.pem"));
  ASSERT_TRUE(endpoint);
  const std::string line = pem.substr(pem.find('\n') + 1, 64);
  for (const FileEntry& entry : endpoint->file->entries) {
    EXPECT_THAT(entry.label + entry.fingerprint, testing::Not(HasSubstr(line.substr(0, 20))));
  }
  EXPECT_THAT(endpoint->file->certificates, IsEmpty());
}

TEST_F(FileReaderTest, ThereIsABoundForEntries) {
  run(kMakeCertificate);
  run("openssl pkey -in key.pem -pubout -out public.pem");
  const std::string one = text("public.pem");
  std::string many;
  for (std::size_t i = 0; i < kFileEntriesMax + 5; ++i) many += one;
  const FileReading reading = read_text(many);
  EXPECT_THAT(reading.file.entries, SizeIs(kFileEntriesMax));
}

}  // namespace
}  // namespace carnet::inventory
