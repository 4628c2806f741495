#pragma once
// TLS for the listener, over OpenSSL and without Asio: what a server shows of itself (TlsIdentity),
// and one client's encrypted stream over a non-blocking socket (TlsStream). What is offered:
// TLS 1.3 and 1.2, ephemeral key exchange and AEAD only, the hybrid group X25519MLKEM768 first
// where the OpenSSL that runs knows it (3.5), ALPN http/1.1, no session tickets and no resumption
// (every connection has a handshake with keys of its own), no renegotiation, no compression.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

struct ssl_ctx_st;
struct ssl_st;

namespace carnet::api {

// A certificate chain with its key. Immutable; any thread may make streams of it.
class TlsIdentity {
 public:
  struct Files {
    std::string certificate;  // PEM: the server's own certificate, then those between
    std::string key;          // PEM, without a passphrase
  };
  // Errors: kUnavailable with a sentence for the terminal: a file that is missing, unreadable or no
  // PEM, an encrypted key, a key that is not the certificate's, one that is too weak.
  [[nodiscard]] static Result<std::shared_ptr<const TlsIdentity>> load(const Files& files,
                                                                       Timestamp now);
  ~TlsIdentity();
  TlsIdentity(const TlsIdentity&) = delete;
  TlsIdentity& operator=(const TlsIdentity&) = delete;

  // Sentences for the log on what works but should not stay so: an expired certificate, a key that
  // everybody may read.
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  [[nodiscard]] Timestamp not_after() const { return not_after_; }
  [[nodiscard]] const std::string& subject() const { return subject_; }
  // Whether X25519MLKEM768 is offered.
  [[nodiscard]] bool hybrid() const { return hybrid_; }

 private:
  friend class TlsStream;
  TlsIdentity() = default;
  [[nodiscard]] Result<void> load_certificate(const std::string& path, Timestamp now);
  [[nodiscard]] Result<void> load_key(const Files& files);

  std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)> context_{nullptr, nullptr};
  std::vector<std::string> warnings_;
  std::string subject_;
  Timestamp not_after_{};
  bool hybrid_ = false;
};

// The server's side of one connection. Used by one thread. Never blocks and never closes the
// socket: after kWantRead or kWantWrite, wait for that and call the same function again (write()
// with the same bytes, which may have moved).
class TlsStream {
 public:
  enum class Step { kDone, kWantRead, kWantWrite, kClosed, kFailed };

  // `socket` is non-blocking and outlives the stream. Null if memory is short.
  [[nodiscard]] static std::unique_ptr<TlsStream> make(const TlsIdentity& identity, int socket);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  [[nodiscard]] Step handshake();
  // kDone: `got` bytes, at least one. kClosed: the client said that it sends no more.
  [[nodiscard]] Step read(char* into, std::size_t size, std::size_t& got);
  // kDone: the first `sent` of the bytes, at least one, at most a record's worth.
  [[nodiscard]] Step write(std::string_view bytes, std::size_t& sent);
  // Says to the client that no more comes, if the socket takes it now.
  void close_notify();

 private:
  using Handle = std::unique_ptr<ssl_st, void (*)(ssl_st*)>;
  explicit TlsStream(Handle ssl);
  [[nodiscard]] Step outcome(int result);

  Handle ssl_;
  bool failed_ = false;
  bool said_goodbye_ = false;
};

}  // namespace carnet::api
