#include "probe/tls_handshake.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "inventory/registry.h"
#include "probe/tls_legacy.h"
#include "probe/tls_schemes.h"

namespace carnet::probe {
namespace {

using End = HandshakeResult::End;

constexpr auto kTicketsLeast = std::chrono::milliseconds(20);
constexpr auto kTicketsMost = std::chrono::milliseconds(500);
constexpr auto kRequestMost = std::chrono::milliseconds(2000);

// Groups of TLS 1.2 only, for servers that have nothing newer.
constexpr std::array<std::uint16_t, 3> kOldBrainpool{0x001A, 0x001B, 0x001C};

std::string group_name(std::uint16_t group) {
  const inventory::Algorithm* known = inventory::find_by_tls_group(group);
  return known != nullptr ? known->name : fmt::format("0x{:04X}", group);
}

void take_cleartext(const TlsClient& client, HandshakeResult& out) {
  HelloAnswer answer = answer_of(client.cleartext());
  const ServerHello& hello = *answer.hello;
  out.proof.version = version_name(hello.version);
  out.suite = hello.suite;
  out.alpn = hello.alpn;
  out.session_tickets = hello.session_ticket;
  out.ocsp_stapled = answer.ocsp_stapled;
  out.chain = answer.certificates;
  if (answer.key_exchange) {
    out.group = answer.key_exchange->group;
    out.signature_scheme = answer.key_exchange->signature_scheme;
  }
  out.failure = "the server chose " + out.proof.version;
  out.cleartext = std::move(answer);
}

void take_tls13(const TlsClient& client, HandshakeResult& out) {
  const ClientFacts& facts = client.facts();
  const FlightFacts& flight = client.flight();
  if (facts.hello || facts.retry) out.proof.version = "TLS 1.3";
  out.group = facts.group;
  out.suite = facts.suite;
  if (facts.retry) {
    out.retry_group = facts.retry->key_share_group;
    if (!out.suite) out.suite = facts.retry->suite;
  }
  out.signature_scheme = flight.signature_scheme;
  out.signature = facts.signature;
  out.chain = flight.chain;
  out.alpn = flight.alpn;
  out.ocsp_stapled = flight.ocsp_stapled;
  out.session_tickets = flight.session_tickets > 0;
  out.client_certificate_requested = flight.client_certificate_requested;
  out.transcript_hash = facts.transcript_hash;
  out.application_data = std::string(as_text(client.application_data()));
  out.failure = facts.failure;
  // Only what a checked Finished covers is the server's word.
  if (client.state() == TlsClient::State::kProven) out.server_groups = flight.groups;
}

End end_of(const TlsClient& client, End broken_off) {
  switch (client.state()) {
    case TlsClient::State::kProven:
      return End::kProven;
    case TlsClient::State::kRetry:
      return End::kRetry;
    case TlsClient::State::kCleartext:
      return End::kCleartext;
    case TlsClient::State::kAlert:
      return End::kAlert;
    case TlsClient::State::kFailed:
      return client.facts().hello || client.facts().retry || client.cleartext().server_hello()
                 ? End::kFailed
                 : End::kNotTls;
    case TlsClient::State::kNeedMore:
      break;
  }
  // The connection broke off in the middle: a hello of an older version already says something.
  const auto& hello = client.cleartext().server_hello();
  if (client.facts().hello || client.facts().retry) return End::kFailed;
  return hello && hello->version < kTls13 ? End::kCleartext : broken_off;
}

void fill(const TlsClient& client, HandshakeResult& out) {
  out.proof.client_hello_bytes = static_cast<int>(client.facts().client_hello_bytes);
  out.end = end_of(client, out.end);
  const std::string io_failure = std::move(out.failure);
  if (out.end == End::kCleartext) {
    take_cleartext(client, out);
  } else {
    take_tls13(client, out);
  }
  if (out.failure.empty()) out.failure = io_failure;
  out.speaks_ssh = client.cleartext().saw_ssh();
  if (client.facts().alert) out.alert = client.facts().alert->description;
  if (out.end == End::kAlert) out.failure = "the server sent the alert " + alert_name(*out.alert);
  out.proof.proven = out.end == End::kProven;
  if (out.suite) out.proof.cipher_suite = suite_name(*out.suite);
  if (out.group) out.proof.group = group_name(*out.group);
  if (out.signature_scheme) out.proof.signature_scheme = scheme_name(*out.signature_scheme);
}

class Handshake {
 public:
  Handshake(Wire& wire, ClientOffer offer, AfterProof after)
      : wire_(wire),
        after_(std::move(after)),
        client_(std::move(offer), wire.services().limits.answer_bytes_max, wire.services().random),
        began_(wire.services().clock.steady_now()) {}

  Task<HandshakeResult> run() {
    auto channel = co_await wire_.open_tls();
    if (!channel) {
      out_.end = End::kNoConnection;
      out_.failure = channel.error().public_detail;
      co_return std::move(out_);
    }
    out_.connected = elapsed();
    co_await converse(*channel);
    if (client_.state() == TlsClient::State::kProven) {
      out_.finished = elapsed();
      co_await say_goodbye(*channel);
    }
    channel->connection->close();
    fill(client_, out_);
    co_return std::move(out_);
  }

 private:
  [[nodiscard]] std::chrono::nanoseconds elapsed() const {
    return wire_.services().clock.steady_now() - began_;
  }

  void broke_off(const Error& error) {
    out_.failure = error.public_detail;
    out_.end = error.public_detail == "connection reset" ? End::kReset : End::kSilent;
  }

  Task<void> converse(Channel& channel) {
    net::Connection& connection = *channel.connection;
    Wire::ReadRoom room(wire_);
    while (client_.state() == TlsClient::State::kNeedMore) {
      const Bytes output = client_.take_output();
      if (!output.empty()) {
        const auto sent = co_await connection.write_all(output, channel.deadline);
        if (!sent) {
          broke_off(sent.error());
          co_return;
        }
      }
      const auto got = co_await connection.read_some(room.all(), channel.deadline);
      if (!got) {
        broke_off(got.error());
        co_return;
      }
      if (*got == 0) {
        out_.end = End::kClosed;
        out_.failure = "the server closed the connection without an answer";
        if (out_.first_answer.count() > 0) out_.failure = "the server closed the connection";
        co_return;
      }
      if (out_.first_answer.count() == 0) out_.first_answer = elapsed();
      client_.feed(room.first(*got));
    }
  }

  // Our Finished, and what is to be asked or awaited behind it.
  Task<void> say_goodbye(Channel& channel) {
    const bool asks = !after_.request.empty();
    if (asks) {
      client_.send_data(as_bytes(after_.request));
    } else {
      client_.send_close();
    }
    Bytes output = client_.take_output();
    const auto sent = co_await channel.connection->write_all(output, channel.deadline);
    if (!sent || !(asks || after_.await_tickets)) co_return;
    co_await hear_out(channel);
    if (!asks) co_return;
    client_.send_close();
    output = client_.take_output();
    [[maybe_unused]] const auto closed =
        co_await channel.connection->write_all(output, channel.deadline);
  }

  Task<void> hear_out(Channel& channel) {
    const auto now = wire_.services().clock.steady_now();
    const auto patience = after_.request.empty() ? std::clamp<std::chrono::nanoseconds>(
                                                       elapsed(), kTicketsLeast, kTicketsMost)
                                                 : std::chrono::nanoseconds(kRequestMost);
    const SteadyTime until = std::min(channel.deadline, now + patience);
    Wire::ReadRoom room(wire_);
    while (!client_.tail_ended() && !heard_enough()) {
      const auto got = co_await channel.connection->read_some(room.all(), until);
      if (!got || *got == 0) co_return;
      client_.feed(room.first(*got));
    }
  }

  [[nodiscard]] bool heard_enough() const {
    if (after_.request.empty()) return client_.flight().session_tickets > 0;
    return as_text(client_.application_data()).find("\r\n\r\n") != std::string_view::npos;
  }

  Wire& wire_;
  AfterProof after_;
  TlsClient client_;
  SteadyTime began_;
  HandshakeResult out_;
};

ClientOffer ordinary_offer(const Wire& wire) {
  ClientOffer offer;
  HelloSpec& hello = offer.hello;
  hello.versions = {kTls13, kTls12, kTls11, kTls10};
  hello.suites = completable_suites();
  const auto older = ordinary_suites();
  hello.suites.insert(hello.suites.end(), older.begin(), older.end());
  hello.groups = completable_groups();
  hello.groups.insert(hello.groups.end(), kOldBrainpool.begin(), kOldBrainpool.end());
  hello.signature_schemes = all_signature_schemes();
  hello.server_name = wire.server_name();
  hello.alpn = protocols_for(wire);
  return offer;
}

}  // namespace

const std::vector<std::uint16_t>& completable_suites() {
  static const std::vector<std::uint16_t> kSuites{0x1302, 0x1303, 0x1301};
  return kSuites;
}

std::vector<std::string> protocols_for(const Wire& wire) {
  // Ports whose servers may refuse a client that asks for HTTP.
  constexpr std::array<std::uint16_t, 17> kOther{465, 563,  636,  853,  989,  990,  992,  993, 994,
                                                 995, 2083, 5061, 5223, 5671, 6697, 8883, 6514};
  if (wire.has_preamble()) return {};
  if (std::find(kOther.begin(), kOther.end(), wire.port()) != kOther.end()) return {};
  return {"h2", "http/1.1"};
}

ClientOffer main_offer(const Wire& wire) {
  ClientOffer offer = ordinary_offer(wire);
  offer.shares = {0x11EC, 0x001D};
  return offer;
}

ClientOffer small_offer(const Wire& wire) {
  ClientOffer offer = ordinary_offer(wire);
  offer.shares = {0x001D};
  return offer;
}

ClientOffer tls13_offer(const Wire& wire, std::vector<std::uint16_t> shares) {
  ClientOffer offer = ordinary_offer(wire);
  offer.hello.versions = {kTls13};
  offer.hello.suites = completable_suites();
  offer.hello.groups = shares;
  offer.shares = std::move(shares);
  return offer;
}

Task<HandshakeResult> shake_hands(Wire& wire, ClientOffer offer, AfterProof after) {
  Handshake handshake(wire, std::move(offer), std::move(after));
  auto result = co_await handshake.run();
  co_return result;
}

}  // namespace carnet::probe
