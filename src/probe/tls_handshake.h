#pragma once
// A whole TLS handshake with the system's OpenSSL over a guarded connection: proof that an exchange
// works, and the certificates of TLS 1.3, which only a finished key exchange shows. Certificates
// are not verified here (tls_chain.h judges them). A HandshakeClient is created by the Engine,
// immutable and thread-safe; one handshake belongs to one coroutine. What this OpenSSL cannot do
// (hybrid groups before 3.5) fails with the server's alert.

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "inventory/model.h"
#include "probe/wire.h"

namespace carnet::probe {

struct HandshakeResult {
  inventory::HandshakeProof proof;
  std::optional<std::uint16_t> group, suite;
  std::vector<Bytes> chain;  // DER, as sent
  std::string alpn;
  std::string failure;  // one phrase if not proven
  std::optional<std::uint8_t> alert;
  bool server_spoke = false;  // at least one byte came back
};

class HandshakeClient {
 public:
  // Which certificates to ask for: a server with two shows the one the signature schemes fit.
  enum class Certificates { kAny, kOnlyRsa, kOnlyEcdsa };

  HandshakeClient();
  [[nodiscard]] Task<HandshakeResult> run(Wire& wire, Certificates certificates) const;

 private:
  struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  [[nodiscard]] Task<HandshakeResult> attempt(Wire& wire, Certificates certificates,
                                              bool alpn) const;
  std::unique_ptr<SSL_CTX, FreeContext> context_;
};

}  // namespace carnet::probe
