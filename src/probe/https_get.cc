#include "probe/https_get.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "probe/http_reply.h"

namespace carnet::probe {
namespace {

constexpr std::size_t kBlockBytes = 16 * 1024;

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using ContextPtr = std::unique_ptr<SSL_CTX, Deleter<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Deleter<SSL_free>>;

tl::unexpected<Error> failed(std::string phrase) {
  return make_error(ErrorCode::kUnavailable, std::move(phrase));
}

std::string last_tls_error() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return fmt::format("TLS handshake failed: {}",
                     reason == nullptr ? "the server closed the connection" : reason);
}

// TLS between two memory buffers; what goes over the network is carried by pump_*().
class TlsStream {
 public:
  explicit TlsStream(Channel channel) : channel_(std::move(channel)) {}

  Task<Result<void>> handshake(const std::string& server_name) {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    // Whoever the server is, its keys are worth reading; trust is judged beside it.
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
    ssl_.reset(SSL_new(context_.get()));
    in_ = BIO_new(BIO_s_mem());
    out_ = BIO_new(BIO_s_mem());
    SSL_set_bio(ssl_.get(), in_, out_);
    SSL_set_connect_state(ssl_.get());
    if (!server_name.empty()) SSL_set_tlsext_host_name(ssl_.get(), server_name.c_str());
    while (true) {
      ERR_clear_error();
      const int done = SSL_do_handshake(ssl_.get());
      CARNET_CO_TRY_VOID(co_await push());
      if (done == 1) co_return Result<void>{};
      if (SSL_get_error(ssl_.get(), done) != SSL_ERROR_WANT_READ)
        co_return failed(last_tls_error());
      CARNET_CO_TRY(more, co_await pull());
      if (!more) co_return failed("the server closed the connection during the TLS handshake");
    }
  }

  Task<Result<void>> write(std::string text) {
    ERR_clear_error();
    if (SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) <= 0)
      co_return failed("the request could not be encrypted");
    co_return co_await push();
  }

  // "" at the end of the stream.
  Task<Result<std::string>> read() {
    std::string block(kBlockBytes, '\0');
    while (true) {
      ERR_clear_error();
      const int got = SSL_read(ssl_.get(), block.data(), static_cast<int>(block.size()));
      if (got > 0) {
        block.resize(static_cast<std::size_t>(got));
        co_return block;
      }
      const int why = SSL_get_error(ssl_.get(), got);
      if (why == SSL_ERROR_ZERO_RETURN) co_return std::string();
      if (why != SSL_ERROR_WANT_READ) co_return failed("the TLS connection broke");
      CARNET_CO_TRY_VOID(co_await push());
      CARNET_CO_TRY(more, co_await pull());
      if (!more) co_return std::string();
    }
  }

  [[nodiscard]] std::vector<Bytes> chain() const {
    std::vector<Bytes> out;
    const STACK_OF(X509)* sent = SSL_get_peer_cert_chain(ssl_.get());
    for (int i = 0; i < sk_X509_num(sent); ++i) {
      unsigned char* bytes = nullptr;
      const int size = i2d_X509(sk_X509_value(sent, i), &bytes);
      if (size > 0) out.emplace_back(bytes, bytes + size);
      OPENSSL_free(bytes);
    }
    return out;
  }

 private:
  Task<Result<void>> push() {
    Bytes block(kBlockBytes);
    while (BIO_ctrl_pending(out_) > 0) {
      const int got = BIO_read(out_, block.data(), static_cast<int>(block.size()));
      if (got <= 0) break;
      const auto bytes = std::span<const std::uint8_t>(block).first(static_cast<std::size_t>(got));
      CARNET_CO_TRY_VOID(co_await channel_.connection->write_all(bytes, channel_.deadline));
    }
    co_return Result<void>{};
  }
  // False: the peer has closed.
  Task<Result<bool>> pull() {
    Bytes block(kBlockBytes);
    CARNET_CO_TRY(got, co_await channel_.connection->read_some(block, channel_.deadline));
    if (got == 0) co_return false;
    BIO_write(in_, block.data(), static_cast<int>(got));
    co_return true;
  }

  Channel channel_;
  ContextPtr context_;
  SslPtr ssl_;
  BIO* in_ = nullptr;  // both belong to ssl_
  BIO* out_ = nullptr;
};

std::string host_header(const Wire& wire) {
  const bool v6 = wire.host().find(':') != std::string::npos;
  const std::string host = v6 ? "[" + wire.host() + "]" : wire.host();
  return wire.port() == 443 ? host : fmt::format("{}:{}", host, wire.port());
}

}  // namespace

Task<Result<HttpsAnswer>> https_get(Wire& wire, std::string path, std::size_t body_bytes_max) {
  CARNET_CO_TRY(channel, co_await wire.open());
  TlsStream stream(std::move(channel));
  CARNET_CO_TRY_VOID(co_await stream.handshake(wire.server_name()));
  std::string request = fmt::format(
      "GET {} HTTP/1.1\r\nHost: {}\r\nAccept: application/jwk-set+json, application/json\r\n"
      "Accept-Encoding: identity\r\nUser-Agent: carnet (+https://carnet.invalid/docs)\r\n"
      "Connection: close\r\n\r\n",
      path, host_header(wire));
  CARNET_CO_TRY_VOID(co_await stream.write(std::move(request)));
  HttpReplyReader reader(body_bytes_max);
  auto state = HttpReplyReader::State::kMore;
  while (state == HttpReplyReader::State::kMore) {
    CARNET_CO_TRY(block, co_await stream.read());
    state = block.empty() ? reader.finish() : reader.feed(block);
  }
  if (state == HttpReplyReader::State::kTooLarge)
    co_return failed(fmt::format("the answer is larger than {} KiB", body_bytes_max >> 10U));
  if (state == HttpReplyReader::State::kBroken) co_return failed("the answer is not HTTP");
  co_return HttpsAnswer{.status = reader.status(),
                        .body = reader.body(),
                        .location = reader.location(),
                        .chain = stream.chain()};
}

}  // namespace carnet::probe
