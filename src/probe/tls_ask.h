#pragma once
// One ClientHello, one answer: the step every TLS enumeration is made of. Used by one endpoint's
// coroutines.

#include <optional>
#include <string>
#include <vector>

#include "base/task.h"
#include "probe/tls_hello.h"
#include "probe/tls_parser.h"
#include "probe/wire.h"

namespace carnet::probe {

struct HelloAnswer {
  enum class Kind {
    kRetryRequest,  // TLS 1.3: the server named a group
    kServerHello,
    kAlert,
    kClosed,  // in order, without an alert
    kReset,
    kSilent,        // nothing, or an unfinished answer, within the deadline
    kNotTls,        // see detail
    kNoConnection,  // the connection could not be made, or the target's time is over
  };
  Kind kind = Kind::kSilent;
  std::string detail;  // one phrase, for all but the first three
  bool speaks_ssh = false;
  std::optional<ServerHello> hello;
  std::optional<TlsAlert> alert;
  std::vector<Bytes> certificates;
  std::optional<ServerKeyExchange> key_exchange;
  bool ocsp_stapled = false;

  // Neither a hello nor an alert: a lost packet, a crash, a middlebox.
  [[nodiscard]] bool no_answer() const {
    return kind == Kind::kClosed || kind == Kind::kReset || kind == Kind::kSilent;
  }
  // "the server sent the alert handshake_failure", "timed out after 5 s" …
  [[nodiscard]] std::string describe() const;
};

[[nodiscard]] Task<HelloAnswer> ask(Wire& wire, HelloSpec spec);
// A lost packet must not become a verdict: what brought no answer is asked once more.
[[nodiscard]] Task<HelloAnswer> ask_twice(Wire& wire, HelloSpec spec);
// What a parser that is done or failed has read.
[[nodiscard]] HelloAnswer answer_of(const TlsServerParser& parser);

// How the registry says the ServerKeyExchange of a suite is to be read.
[[nodiscard]] KeyExchangeForm key_exchange_form(std::uint16_t suite);

}  // namespace carnet::probe
