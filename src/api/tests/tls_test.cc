// The stream against OpenSSL's own client over a socket pair. Where the system's OpenSSL is older
// than 3.5 these tests also run inside Node.js, which carries a newer one (src/api/CMakeLists.txt).

#include "api/tls.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tests/support/temp_dir.h"

namespace carnet::api {
namespace {

using test::TempDir;
using Step = TlsStream::Step;

constexpr Timestamp kNow{std::chrono::milliseconds{1'795'500'000'000}};

class TlsTest : public ::testing::Test {
 protected:
  // A key and a certificate of its own, valid from `from` to `to` seconds around kNow.
  TlsIdentity::Files make_pair(const std::string& name, long from = -1000,
                               long to = 86400L * 365) const {
    const TlsIdentity::Files files{.certificate = dir.file(name + ".crt"),
                                   .key = dir.file(name + ".key")};
    EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
    X509* const certificate = X509_new();
    const std::time_t now =
        std::chrono::floor<std::chrono::seconds>(kNow).time_since_epoch().count();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    ASN1_TIME_set(X509_getm_notBefore(certificate), now + from);
    ASN1_TIME_set(X509_getm_notAfter(certificate), now + to);
    X509_set_pubkey(certificate, key);
    X509_NAME* const subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_sign(certificate, key, EVP_sha256());
    BIO* out = BIO_new_file(files.certificate.c_str(), "w");
    PEM_write_bio_X509(out, certificate);
    BIO_free(out);
    out = BIO_new_file(files.key.c_str(), "w");
    PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
    BIO_free(out);
    ::chmod(files.key.c_str(), 0600);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return files;
  }
  TempDir dir;
};

// A client and our stream on the two ends of a socket pair.
class Pair {
 public:
  Pair(const TlsIdentity& identity, const std::string& groups, int version_max = TLS1_3_VERSION)
      : context_(SSL_CTX_new(TLS_client_method())) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    client_fd = ends[0];
    server_fd_ = ends[1];
    SSL_CTX_set_min_proto_version(context_, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context_, version_max);
    SSL_CTX_set_security_level(context_, 0);
    client = SSL_new(context_);
    if (!groups.empty()) {
      std::string text = groups;
      EXPECT_EQ(SSL_set1_groups_list(client, text.data()), 1) << groups;
    }
    SSL_set_fd(client, client_fd);
    SSL_set_connect_state(client);
    server = TlsStream::make(identity, server_fd_);
  }
  ~Pair() {
    server.reset();
    SSL_free(client);
    SSL_CTX_free(context_);
    ::close(client_fd);
    ::close(server_fd_);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;

  // Both sides in turn, until the server's ends one way or the other.
  Step shake_hands() {
    Step step = Step::kWantRead;
    for (int i = 0; i < 20 && (step == Step::kWantRead || SSL_is_init_finished(client) != 1); ++i) {
      SSL_do_handshake(client);
      if (step == Step::kWantRead) step = server->handshake();
      if (step == Step::kFailed) break;
    }
    ERR_clear_error();
    return step;
  }
  [[nodiscard]] std::string group() const {
    const char* const name = SSL_group_to_name(client, SSL_get_negotiated_group(client));
    return name == nullptr ? "" : name;
  }

  int client_fd = -1;
  SSL* client = nullptr;
  std::unique_ptr<TlsStream> server;

 private:
  SSL_CTX* context_;
  int server_fd_ = -1;
};

TEST_F(TlsTest, PrefersTheHybridGroupWhereOpensslKnowsIt) {
  const auto identity = TlsIdentity::load(make_pair("a"), kNow);
  ASSERT_TRUE(identity) << identity.error().public_detail;
  EXPECT_EQ((*identity)->hybrid(), OpenSSL_version_num() >= 0x30500000UL);
  Pair plain(**identity, "X25519:P-256");
  ASSERT_EQ(plain.shake_hands(), Step::kDone);
  EXPECT_STRCASEEQ(plain.group().c_str(), "X25519");
  if (!(*identity)->hybrid())
    GTEST_SKIP() << OpenSSL_version(OPENSSL_VERSION) << " has no X25519MLKEM768";
  // Also of a client that names it last and sends its share of another group first.
  for (const char* groups : {"X25519MLKEM768", "X25519MLKEM768:X25519", "X25519:X25519MLKEM768",
                             "*P-256:X25519:*X25519MLKEM768", "*X25519:P-256:X25519MLKEM768"}) {
    Pair pair(**identity, groups);
    ASSERT_EQ(pair.shake_hands(), Step::kDone) << groups;
    EXPECT_EQ(pair.group(), "X25519MLKEM768") << groups;
    EXPECT_STREQ(SSL_get_version(pair.client), "TLSv1.3");
  }
}

TEST_F(TlsTest, VersionsOlderThan12AreRefused) {
  const auto identity = TlsIdentity::load(make_pair("a"), kNow);
  ASSERT_TRUE(identity);
  Pair old(**identity, "", TLS1_1_VERSION);
  EXPECT_EQ(old.shake_hands(), Step::kFailed);
  Pair twelve(**identity, "", TLS1_2_VERSION);
  EXPECT_EQ(twelve.shake_hands(), Step::kDone);
  EXPECT_STREQ(SSL_get_version(twelve.client), "TLSv1.2");
  EXPECT_EQ(SSL_SESSION_has_ticket(SSL_get0_session(twelve.client)), 0);
}

TEST_F(TlsTest, BytesGoThroughHoweverLittleTheSocketTakes) {
  const auto identity = TlsIdentity::load(make_pair("a"), kNow);
  ASSERT_TRUE(identity);
  Pair pair(**identity, "");
  ASSERT_EQ(pair.shake_hands(), Step::kDone);
  std::string wanted(5'000'000, '\0');
  for (std::size_t i = 0; i < wanted.size(); ++i) wanted[i] = static_cast<char>(i * 7 + i / 251);
  std::string_view rest = wanted;
  std::string got;
  bool waited = false;
  std::vector<char> scratch(50'000);
  while (got.size() < wanted.size()) {
    std::size_t sent = 0;
    const Step step = rest.empty() ? Step::kWantRead : pair.server->write(rest, sent);
    ASSERT_TRUE(step != Step::kFailed && step != Step::kClosed);
    waited = waited || step == Step::kWantWrite;
    rest.remove_prefix(sent);
    if (step == Step::kDone) continue;
    const int read = SSL_read(pair.client, scratch.data(), static_cast<int>(scratch.size()));
    ASSERT_GT(read, 0);
    got.append(scratch.data(), static_cast<std::size_t>(read));
  }
  EXPECT_TRUE(waited);
  EXPECT_TRUE(got == wanted);
  std::size_t read = 0;
  ASSERT_EQ(pair.server->read(scratch.data(), scratch.size(), read), Step::kWantRead);
  ASSERT_EQ(SSL_write(pair.client, "hello", 5), 5);
  ASSERT_EQ(pair.server->read(scratch.data(), scratch.size(), read), Step::kDone);
  EXPECT_EQ(std::string(scratch.data(), read), "hello");
}

TEST_F(TlsTest, TheEndIsSaidAndSeen) {
  const auto identity = TlsIdentity::load(make_pair("a"), kNow);
  ASSERT_TRUE(identity);
  char byte = 0;
  std::size_t got = 0;
  Pair ours(**identity, "");
  ASSERT_EQ(ours.shake_hands(), Step::kDone);
  ours.server->close_notify();
  ours.server->close_notify();
  EXPECT_EQ(SSL_get_error(ours.client, SSL_read(ours.client, &byte, 1)), SSL_ERROR_ZERO_RETURN);
  Pair theirs(**identity, "");
  ASSERT_EQ(theirs.shake_hands(), Step::kDone);
  SSL_shutdown(theirs.client);
  EXPECT_EQ(theirs.server->read(&byte, 1, got), Step::kClosed);
  Pair cut(**identity, "");  // by whoever stands between: not an end
  ASSERT_EQ(cut.shake_hands(), Step::kDone);
  ::shutdown(cut.client_fd, SHUT_RDWR);
  EXPECT_EQ(cut.server->read(&byte, 1, got), Step::kFailed);
  cut.server->close_notify();
}

TEST_F(TlsTest, WarnsOfWhatShouldNotStay) {
  const auto good = TlsIdentity::load(make_pair("good"), kNow);
  ASSERT_TRUE(good);
  EXPECT_TRUE((*good)->warnings().empty());
  EXPECT_EQ((*good)->subject(), "CN=good");
  EXPECT_EQ((*good)->not_after(), kNow + std::chrono::hours(24 * 365));
  const auto expired = TlsIdentity::load(make_pair("old", -2000, -1000), kNow);
  ASSERT_TRUE(expired);
  ASSERT_EQ((*expired)->warnings().size(), 1U);
  EXPECT_NE((*expired)->warnings().front().find(" expired on "), std::string::npos);
  const auto soon = TlsIdentity::load(make_pair("soon", -2000, 86400), kNow);
  ASSERT_TRUE(soon);
  EXPECT_NE((*soon)->warnings().front().find(" expires on "), std::string::npos);
  const auto early = TlsIdentity::load(make_pair("early", 86400), kNow);
  ASSERT_TRUE(early);
  EXPECT_NE((*early)->warnings().front().find("not valid before"), std::string::npos);
}

}  // namespace
}  // namespace carnet::api
