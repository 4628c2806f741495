#pragma once
// Our side of a TLS 1.3 handshake, carried to the server's Finished and checked there (RFC 8446
// section 4 and appendix A.1): real key shares, HelloRetryRequest with cookie, the encrypted
// flight, CertificateVerify, Finished, our own Finished. No I/O and no clock: bytes go in, in any
// chunking, and come out, so tests and the fuzzer drive it directly. An answer in TLS 1.2 or older
// is read to the end of what is in the clear. One connection, one thread. Bounds: the caller's for
// all bytes, else those of tls_parser.h and tls_flight.h, and 16 KiB of application data.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "crypto/tls13.h"
#include "crypto/tls_signature.h"
#include "probe/tls_flight.h"
#include "probe/tls_hello.h"
#include "probe/tls_key_share.h"
#include "probe/tls_parser.h"

namespace carnet::probe {

struct ClientOffer {
  HelloSpec hello;  // its key_share is made by the client
  // Groups with a key share in the first hello; none: the server has to retry.
  std::vector<std::uint16_t> shares;
  enum class OnRetry { kFinish, kFinishIfCheap, kStop };
  OnRetry on_retry = OnRetry::kFinish;
};

struct ClientFacts {
  std::size_t client_hello_bytes = 0;       // the first one, without its record header
  std::optional<ServerHello> retry, hello;  // of TLS 1.3
  std::optional<std::uint16_t> group, suite;
  std::optional<TlsAlert> alert;
  crypto::SignatureVerdict signature = crypto::SignatureVerdict::kCannotTell;
  Bytes transcript_hash;  // ClientHello to the server's Finished, once that was checked
  std::string failure;    // one phrase, after kFailed
};

class TlsClient {
 public:
  enum class State {
    kNeedMore,
    kProven,     // the server's Finished was checked, and nothing about its signature is wrong
    kRetry,      // a HelloRetryRequest, and the offer or the group does not let us go on
    kCleartext,  // TLS 1.2 or older: see cleartext()
    kAlert,
    kFailed,
  };
  TlsClient(ClientOffer offer, std::size_t answer_bytes_max, Random& random);
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // Takes any number of bytes. After kProven it goes on with what comes behind the handshake; after
  // every other end further bytes are ignored.
  State feed(std::span<const std::uint8_t> data);
  // What has to be sent now; at first the ClientHello.
  [[nodiscard]] Bytes take_output();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const ClientFacts& facts() const { return facts_; }
  [[nodiscard]] const FlightFacts& flight() const { return flight_.facts(); }
  [[nodiscard]] const TlsServerParser& cleartext() const { return *parser_; }

  // After kProven. `data` is at most 16 KiB.
  void send_data(std::span<const std::uint8_t> data);
  void send_close();
  [[nodiscard]] const Bytes& application_data() const { return application_data_; }
  // Nothing more is to be read: the server closed, or what it sent was no TLS any more.
  [[nodiscard]] bool tail_ended() const { return tail_ended_; }

 private:
  void feed_cleartext(std::span<const std::uint8_t> data);
  void take_retry(const ServerHello& hello);
  void take_server_hello(const ServerHello& hello);
  [[nodiscard]] std::string objection(const ServerHello& hello) const;
  [[nodiscard]] const KeyShare* share_of(std::uint16_t group) const;
  void take_records();
  void take_record(std::span<const std::uint8_t> record);
  void take_change_cipher_spec(std::span<const std::uint8_t> body);
  void take_alert(std::span<const std::uint8_t> body);
  void take_handshake(std::span<const std::uint8_t> piece);
  void take_message(const HandshakeMessage& message);
  [[nodiscard]] bool check_signature();
  void finish();
  void send_protected(std::uint8_t type, std::span<const std::uint8_t> content);
  void fail(std::string why);

  ClientOffer offer_;
  std::size_t answer_bytes_max_, bytes_ = 0;
  Random& random_;
  HelloSeed seed_;
  std::vector<KeyShare> keys_;
  Bytes first_hello_, output_;
  bool change_cipher_spec_sent_ = false;
  int change_cipher_specs_ = 0;

  State state_ = State::kNeedMore;
  ClientFacts facts_;
  std::optional<TlsServerParser> parser_;
  std::optional<crypto::Tls13Transcript> transcript_;
  std::optional<crypto::Tls13KeySchedule> schedule_;
  crypto::Tls13TrafficSecrets secrets_;
  std::optional<crypto::Tls13RecordKeys> client_keys_, server_keys_;
  Bytes records_;  // of the encrypted part, unfinished
  MessageBuffer messages_;
  FlightReader flight_;
  Bytes application_data_;
  bool tail_ended_ = false;
};

}  // namespace carnet::probe
