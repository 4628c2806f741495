#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "api/tls.h"

namespace carnet::api {
namespace {

// OpenSSL's own socket BIO writes without MSG_NOSIGNAL: a client that went away would end the
// process where SIGPIPE is not ignored.
int socket_of(BIO* bio) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

int bio_read(BIO* bio, char* into, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t got = ::recv(socket_of(bio), into, static_cast<std::size_t>(size), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(got);
}

int bio_write(BIO* bio, const char* bytes, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t sent = ::send(socket_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

long bio_control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;
  return command == BIO_CTRL_EOF && BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
}

const BIO_METHOD* socket_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (made == nullptr) return made;
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

}  // namespace

TlsStream::TlsStream(Handle ssl) : ssl_(std::move(ssl)) {}

TlsStream::~TlsStream() = default;

std::unique_ptr<TlsStream> TlsStream::make(const TlsIdentity& identity, int socket) {
  Handle ssl(SSL_new(identity.context_.get()), [](SSL* held) { SSL_free(held); });
  BIO* const bio = ssl && socket_method() != nullptr ? BIO_new(socket_method()) : nullptr;
  if (bio == nullptr) {
    ERR_clear_error();
    return nullptr;
  }
  BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl.get(), bio, bio);
  SSL_set_accept_state(ssl.get());
  return std::unique_ptr<TlsStream>(new TlsStream(std::move(ssl)));
}

TlsStream::Step TlsStream::outcome(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  ERR_clear_error();
  switch (error) {
    case SSL_ERROR_WANT_READ:
      return Step::kWantRead;
    case SSL_ERROR_WANT_WRITE:
      return Step::kWantWrite;
    case SSL_ERROR_ZERO_RETURN:
      return Step::kClosed;
    default:
      failed_ = true;  // nothing more may be sent, not even the end
      return Step::kFailed;
  }
}

TlsStream::Step TlsStream::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? Step::kDone : outcome(result);
}

TlsStream::Step TlsStream::read(char* into, std::size_t size, std::size_t& got) {
  ERR_clear_error();
  const int result = SSL_read_ex(ssl_.get(), into, size, &got);
  return result == 1 ? Step::kDone : outcome(result);
}

TlsStream::Step TlsStream::write(std::string_view bytes, std::size_t& sent) {
  ERR_clear_error();
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
  return result == 1 ? Step::kDone : outcome(result);
}

void TlsStream::close_notify() {
  if (failed_ || said_goodbye_ || SSL_is_init_finished(ssl_.get()) != 1) return;
  said_goodbye_ = true;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

}  // namespace carnet::api
