#include "probe/tls_client.h"

#include <algorithm>

#include "base/check.h"
#include "crypto/hash.h"
#include "inventory/registry.h"
#include "inventory/x509.h"
#include "probe/tls_ask.h"

namespace carnet::probe {
namespace {

using crypto::SignatureVerdict;

constexpr std::size_t kApplicationBytesMax = 16 * 1024;
constexpr int kChangeCipherSpecsMax = 4;

enum ContentType : std::uint8_t {
  kChangeCipherSpec = 20,
  kAlert = 21,
  kHandshake = 22,
  kData = 23
};

bool contains(const std::vector<std::uint16_t>& list, std::uint16_t value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

Bytes message_of(std::uint8_t type, std::span<const std::uint8_t> body) {
  Bytes out{type, static_cast<std::uint8_t>(body.size() >> 16),
            static_cast<std::uint8_t>(body.size() >> 8), static_cast<std::uint8_t>(body.size())};
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

void append(Bytes& out, std::span<const std::uint8_t> data) {
  out.insert(out.end(), data.begin(), data.end());
}

}  // namespace

TlsClient::TlsClient(ClientOffer offer, std::size_t answer_bytes_max, Random& random)
    : offer_(std::move(offer)),
      answer_bytes_max_(answer_bytes_max),
      random_(random),
      seed_(draw_hello_seed(random)) {
  for (const std::uint16_t group : offer_.shares) {
    auto key = KeyShare::generate(group, random_);
    CARNET_CHECK(key.has_value());
    offer_.hello.key_shares.push_back({group, key->share()});
    keys_.push_back(std::move(*key));
  }
  offer_.hello.empty_key_share = offer_.shares.empty();
  const Bytes record = build_client_hello(offer_.hello, seed_);
  first_hello_.assign(record.begin() + kRecordHeaderBytes, record.end());
  facts_.client_hello_bytes = first_hello_.size();
  output_ = record;
  parser_.emplace(key_exchange_form, answer_bytes_max_);
}

Bytes TlsClient::take_output() { return std::exchange(output_, {}); }

void TlsClient::fail(std::string why) {
  if (state_ == State::kProven) {
    tail_ended_ = true;
    return;
  }
  state_ = State::kFailed;
  facts_.failure = std::move(why);
}

TlsClient::State TlsClient::feed(std::span<const std::uint8_t> data) {
  const bool listening = state_ == State::kNeedMore || (state_ == State::kProven && !tail_ended_);
  if (!listening || data.empty()) return state_;
  if (data.size() > answer_bytes_max_ - bytes_) {
    fail("answer over " + std::to_string(answer_bytes_max_ / 1024) + " KiB");
    return state_;
  }
  bytes_ += data.size();
  if (!server_keys_) {
    feed_cleartext(data);
  } else {
    append(records_, data);
    take_records();
  }
  return state_;
}

void TlsClient::feed_cleartext(std::span<const std::uint8_t> data) {
  const auto end = parser_->feed(data);
  if (end == TlsServerParser::State::kNeedMore) return;
  facts_.alert = parser_->alert();
  if (end == TlsServerParser::State::kFailed) return fail(parser_->failure());
  const auto& hello = parser_->server_hello();
  if (!hello) {
    state_ = State::kAlert;
  } else if (hello->version < kTls13) {
    // The first answer decides the version; behind a retry request this is a break of the protocol.
    if (facts_.retry) return fail("the server left TLS 1.3 behind a HelloRetryRequest");
    state_ = State::kCleartext;
  } else if (parser_->hello_record_held_more()) {
    fail("data behind the ServerHello in its record");
  } else if (std::string why = objection(*hello); !why.empty()) {
    fail(std::move(why));
  } else if (hello->retry_request) {
    const ServerHello copy = *hello;  // the parser is replaced
    take_retry(copy);
  } else {
    take_server_hello(*hello);
  }
}

// What is wrong with a hello of TLS 1.3 before its key share is looked at.
std::string TlsClient::objection(const ServerHello& hello) const {
  if (hello.version != kTls13 || !contains(offer_.hello.versions, kTls13)) {
    return "the server chose a version that was not offered";
  }
  if (!std::ranges::equal(hello.session_id, seed_.session_id)) {
    return "the server did not echo the session id";
  }
  if (hello.compression != 0) return "the server chose a compression";
  if (!contains(offer_.hello.suites, hello.suite) || !crypto::tls13_suite_of(hello.suite)) {
    return "the server chose a cipher suite that was not offered";
  }
  if (facts_.retry && facts_.retry->suite != hello.suite) {
    return "the server changed the cipher suite behind its HelloRetryRequest";
  }
  return {};
}

const KeyShare* TlsClient::share_of(std::uint16_t group) const {
  for (const KeyShare& key : keys_) {
    if (key.group() == group) return &key;
  }
  return nullptr;
}

void TlsClient::take_retry(const ServerHello& hello) {
  if (facts_.retry) return fail("the server sent a second HelloRetryRequest");
  facts_.retry = hello;
  const auto group = hello.key_share_group;
  if (!group && hello.cookie.empty()) return fail("the HelloRetryRequest changes nothing");
  if (group && (!contains(offer_.hello.groups, *group) || share_of(*group) != nullptr)) {
    return fail("the server asked for a group that was not offered or already had a share");
  }
  using OnRetry = ClientOffer::OnRetry;
  const bool stop = offer_.on_retry == OnRetry::kStop || (group && !is_completable(*group)) ||
                    (offer_.on_retry == OnRetry::kFinishIfCheap && group && !is_cheap(*group));
  if (stop) {
    state_ = State::kRetry;
    return;
  }
  HelloSpec& spec = offer_.hello;
  if (group) {
    keys_.clear();
    keys_.push_back(*KeyShare::generate(*group, random_));
    spec.key_shares = {{*group, keys_.front().share()}};
  }
  spec.cookie = hello.cookie;
  Bytes second = build_client_hello(spec, seed_);
  second[2] = 3;  // RFC 8446 section 5.1: 0x0303 on everything but the first hello
  transcript_.emplace(crypto::hash_of(*crypto::tls13_suite_of(hello.suite)));
  transcript_->add(first_hello_);
  transcript_->restart_for_retry();
  transcript_->add(parser_->hello_message());
  transcript_->add(std::span<const std::uint8_t>(second).subspan(kRecordHeaderBytes));
  append(output_, Bytes{kChangeCipherSpec, 3, 3, 0, 1, 1});
  change_cipher_spec_sent_ = true;
  append(output_, second);
  const Bytes rest = parser_->rest();
  parser_.emplace(key_exchange_form, answer_bytes_max_);
  parser_->allow_change_cipher_spec();
  if (!rest.empty()) feed_cleartext(rest);
}

void TlsClient::take_server_hello(const ServerHello& hello) {
  facts_.hello = hello;
  facts_.suite = hello.suite;
  if (!hello.key_share_group) return fail("the ServerHello has no key share");
  const KeyShare* key = share_of(*hello.key_share_group);
  if (key == nullptr) return fail("the server went on with a key share that was not offered");
  facts_.group = hello.key_share_group;
  const auto secret = key->agree(hello.key_share);
  if (!secret) return fail("the server's key share is not one of its group");
  const auto suite = *crypto::tls13_suite_of(hello.suite);
  if (!transcript_) {
    transcript_.emplace(crypto::hash_of(suite));
    transcript_->add(first_hello_);
  }
  transcript_->add(parser_->hello_message());
  schedule_.emplace(crypto::hash_of(suite));
  secrets_ = schedule_->handshake(*secret, transcript_->digest());
  client_keys_.emplace(suite, secrets_.client);
  server_keys_.emplace(suite, secrets_.server);
  records_ = parser_->rest();
  take_records();
}

void TlsClient::take_records() {
  std::size_t at = 0;
  const auto listening = [this] {
    return state_ == State::kNeedMore || (state_ == State::kProven && !tail_ended_);
  };
  while (listening()) {
    const auto rest = std::span<const std::uint8_t>(records_).subspan(at);
    if (rest.size() < kRecordHeaderBytes) break;
    const std::size_t length = static_cast<std::size_t>(rest[3]) << 8 | rest[4];
    if (rest[0] < kChangeCipherSpec || rest[0] > kData || rest[1] != 3) {
      fail("what follows the ServerHello is not a TLS record");
    } else if (length == 0 || length > crypto::kTls13CiphertextBytesMax) {
      fail("malformed TLS record length");
    } else if (rest.size() < kRecordHeaderBytes + length) {
      break;
    } else {
      at += kRecordHeaderBytes + length;
      take_record(rest.first(kRecordHeaderBytes + length));
    }
  }
  records_.erase(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(at));
}

void TlsClient::take_record(std::span<const std::uint8_t> record) {
  const auto body = record.subspan(kRecordHeaderBytes);
  if (record[0] == kChangeCipherSpec) return take_change_cipher_spec(body);
  if (record[0] == kAlert && state_ == State::kNeedMore) return take_alert(body);
  if (record[0] != kData) return fail("an unprotected record where a protected one was due");
  // The version field is meaningless here and must not decide (RFC 8446 section 5.2), but it is
  // part of what is authenticated.
  const auto inner = server_keys_->open(record);
  if (!inner) return fail("a record of the server does not decrypt");
  switch (inner->content_type) {
    case kHandshake:
      return take_handshake(inner->content);
    case kAlert:
      return take_alert(inner->content);
    case kData:
      if (state_ != State::kProven) return fail("application data before the Finished");
      if (application_data_.size() + inner->content.size() > kApplicationBytesMax) {
        return fail("application data over the limit");
      }
      return append(application_data_, inner->content);
    default:
      fail("a record of an unknown type");
  }
}

void TlsClient::take_change_cipher_spec(std::span<const std::uint8_t> body) {
  const bool fine = body.size() == 1 && body[0] == 1 && state_ == State::kNeedMore &&
                    ++change_cipher_specs_ <= kChangeCipherSpecsMax;
  if (!fine) fail("a ChangeCipherSpec where none is due");
}

void TlsClient::take_alert(std::span<const std::uint8_t> body) {
  if (body.size() != 2) return fail("malformed alert");
  if (state_ == State::kProven) {
    tail_ended_ = true;
    return;
  }
  facts_.alert = TlsAlert{body[0], body[1]};
  state_ = State::kAlert;
}

void TlsClient::take_handshake(std::span<const std::uint8_t> piece) {
  if (piece.empty()) return fail("an empty handshake record");
  if (!messages_.add(piece)) return fail("handshake message over 128 KiB, or too many of them");
  const State before = state_;
  while (const auto message = messages_.next()) {
    take_message(*message);
    if (state_ == State::kFailed) return;
    // Nothing may share a record with the Finished: the keys change behind it.
    if (state_ != before && !messages_.empty()) {
      state_ = before;
      return fail("data behind the Finished in its record");
    }
  }
}

void TlsClient::take_message(const HandshakeMessage& message) {
  using Step = FlightReader::Step;
  const Step step = flight_.step();
  if (!flight_.take(message)) return fail(flight_.failure());
  if (step == Step::kCertificateVerify && !check_signature()) {
    return fail("the server's signature does not fit its certificate");
  }
  if (step == Step::kFinished) {
    const auto hash = crypto::hash_of(*crypto::tls13_suite_of(*facts_.suite));
    const Bytes wanted = crypto::tls13_finished(hash, secrets_.server, transcript_->digest());
    if (!crypto::equal_constant_time(wanted, flight_.facts().finished)) {
      return fail("the server's Finished does not fit the handshake");
    }
  }
  if (step == Step::kDone) return;
  transcript_->add(message.whole);
  if (step == Step::kFinished) finish();
}

bool TlsClient::check_signature() {
  const FlightFacts& flight = flight_.facts();
  const auto key = inventory::public_key_info_of(flight.chain.front());
  // A certificate that cannot be read is a finding of its own; there is then nothing to check with.
  if (key.empty()) return true;
  const Bytes content = crypto::server_certificate_verify_content(transcript_->digest());
  facts_.signature = crypto::verify_tls_signature({.scheme = *flight.signature_scheme,
                                                   .public_key_info = key,
                                                   .message = content,
                                                   .signature = flight.signature});
  return facts_.signature != SignatureVerdict::kBad;
}

void TlsClient::finish() {
  constexpr std::uint8_t kCertificate = 11, kFinished = 20;
  const auto suite = *crypto::tls13_suite_of(*facts_.suite);
  facts_.transcript_hash = transcript_->digest();
  const auto application = schedule_->application(facts_.transcript_hash);
  if (!change_cipher_spec_sent_) append(output_, Bytes{kChangeCipherSpec, 3, 3, 0, 1, 1});
  if (flight_.facts().client_certificate_requested) {
    const Bytes& context = flight_.facts().certificate_request_context;
    Bytes body{static_cast<std::uint8_t>(context.size())};
    append(body, context);
    append(body, Bytes{0, 0, 0});
    const Bytes certificate = message_of(kCertificate, body);
    send_protected(kHandshake, certificate);
    transcript_->add(certificate);
  }
  const Bytes verify_data =
      crypto::tls13_finished(crypto::hash_of(suite), secrets_.client, transcript_->digest());
  send_protected(kHandshake, message_of(kFinished, verify_data));
  client_keys_.emplace(suite, application.client);
  server_keys_.emplace(suite, application.server);
  secrets_ = {};
  state_ = State::kProven;
}

void TlsClient::send_protected(std::uint8_t type, std::span<const std::uint8_t> content) {
  const auto record = client_keys_->seal(type, content);
  CARNET_CHECK(record.has_value());
  append(output_, *record);
}

void TlsClient::send_data(std::span<const std::uint8_t> data) {
  CARNET_CHECK(state_ == State::kProven);
  send_protected(kData, data);
}

void TlsClient::send_close() {
  CARNET_CHECK(state_ == State::kProven);
  constexpr std::uint8_t kWarning = 1, kCloseNotify = 0;
  send_protected(kAlert, Bytes{kWarning, kCloseNotify});
}

}  // namespace carnet::probe
