#pragma once
// A TLS handshake of our own over a guarded connection: proof that an exchange works, and the
// certificates of TLS 1.3, which only a finished key exchange shows. Certificates are not judged
// here (tls_chain.h does). Used by one endpoint's coroutines.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/encoding.h"
#include "inventory/model.h"
#include "probe/tls_ask.h"
#include "probe/tls_client.h"
#include "probe/wire.h"

namespace carnet::probe {

struct HandshakeResult {
  enum class End {
    kProven,     // TLS 1.3, the server's Finished was checked
    kRetry,      // stopped at a HelloRetryRequest
    kCleartext,  // TLS 1.2 or older; see `cleartext`
    kAlert,
    kClosed,  // in order, without an alert
    kReset,
    kSilent,  // nothing, or an unfinished answer, within the deadline
    kNotTls,
    kFailed,        // TLS 1.3, but the server broke its rules; see `failure`
    kNoConnection,  // the connection could not be made, or the target's time is over
  };
  End end = End::kSilent;
  std::string failure;  // one phrase unless proven
  bool speaks_ssh = false;
  std::optional<std::uint8_t> alert;

  // What was negotiated, as far as it went; `proof.proven` only at kProven.
  inventory::HandshakeProof proof;
  std::optional<std::uint16_t> group, suite, signature_scheme, retry_group;
  crypto::SignatureVerdict signature = crypto::SignatureVerdict::kCannotTell;
  std::vector<Bytes> chain;                  // DER, as sent
  std::vector<std::uint16_t> server_groups;  // as the server itself states them under encryption
  std::string alpn;
  bool ocsp_stapled = false, session_tickets = false, client_certificate_requested = false;
  Bytes transcript_hash;                 // ClientHello to the server's Finished
  std::optional<HelloAnswer> cleartext;  // of TLS 1.2 or older
  std::string application_data;          // the answer to AfterProof::request

  // From the start of the connection; zero if it did not come so far.
  std::chrono::nanoseconds connected{}, first_answer{}, finished{};

  // Something came back that is TLS.
  [[nodiscard]] bool answered() const {
    return end == End::kProven || end == End::kRetry || end == End::kCleartext ||
           end == End::kAlert || end == End::kFailed;
  }
  [[nodiscard]] bool no_answer() const {
    return end == End::kClosed || end == End::kReset || end == End::kSilent;
  }
};

// What to do once the Finished was checked, before close_notify.
struct AfterProof {
  bool await_tickets = false;  // for as long as the handshake took, at most half a second
  std::string request;         // application data; the answer is awaited up to its first blank line
};

[[nodiscard]] Task<HandshakeResult> shake_hands(Wire& wire, ClientOffer offer,
                                                AfterProof after = {});

// The suites of TLS 1.3 that a TlsClient can finish.
[[nodiscard]] const std::vector<std::uint16_t>& completable_suites();

// What a modern client offers and more: every version, every group that can be finished, key shares
// for X25519MLKEM768 and X25519. Over 1,500 bytes.
[[nodiscard]] ClientOffer main_offer(const Wire& wire);
// The same for servers that a large hello troubles: without hybrid key share.
[[nodiscard]] ClientOffer small_offer(const Wire& wire);
// TLS 1.3 alone, with a key share for each of `shares`, which is what it offers.
[[nodiscard]] ClientOffer tls13_offer(const Wire& wire, std::vector<std::uint16_t> shares);

// The application protocols to offer at this endpoint; none where HTTP would be wrong.
[[nodiscard]] std::vector<std::string> protocols_for(const Wire& wire);

}  // namespace carnet::probe
